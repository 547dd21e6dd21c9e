#include "src/math/x86/amx_packed.h"

#include "src/math/x86/amx_rows.h"
#include "src/math/x86/amx_shallow.h"
#include "src/math/x86/amx_tiles.h"

/* Of the panels that are walked again and again for many rows: half of a second-level cache of 2 MiB. */
enum { PANELS_U16 = 1 << 19 };

/* Columns begin..end-1 and k from..from+p->depth-1, a megabyte of panels at a time. */
static void multiply(const amx_rows *p, int k, int from, int begin, int end, const uint16_t *panels,
                     const kernels_finish *finish)
{
    size_t panel = (size_t)ceil_div(k, STEP) * PANEL_U16;
    int most = min_int(PANELS_U16 / p->depth / BLOCK * BLOCK, AMX_ROWS_COLS);
    int cols = p->rows <= BLOCK ? end - begin : even_piece(end - begin, most, BLOCK);
    for (int j = begin; j < end; j += cols) {
        amx_rows part = *p;
        kernels_finish last = finish ? *finish : (kernels_finish){0};
        if (last.bias) last.bias += j;
        part.cols = min_int(cols, end - j);
        part.odd = j / BLOCK % 2;
        part.panels = panels + j / BLOCK * panel + (size_t)(from / STEP) * PANEL_U16;
        part.panel = panel;
        part.finish = finish ? &last : NULL;
        if (p->y) part.y += j;
        if (p->rounded_y) part.rounded_y += j;
        if (amx_shallow_suits(&part))
            amx_shallow_product(&part);
        else
            amx_rows_product(&part);
    }
}

void amx_packed_bf16(int rows, int k, int begin, int end, const float *x, int ldx, const uint16_t *panels,
                     float beta, const kernels_finish *finish, float *y, int ldy)
{
    int depth = even_piece(k, AMX_ROWS_DEPTH, STEP);
    for (int l = 0; l < k; l += depth) {
        amx_rows p = {.rows = rows, .depth = min_int(depth, k - l), .x = x + l, .ldx = ldx};
        p.beta = l > 0 ? 1 : beta;
        p.y = y;
        p.ldy = ldy;
        multiply(&p, k, l, begin, end, panels, l + depth >= k ? finish : NULL);
    }
}

size_t amx_packed_stride(int k)
{
    return k <= AMX_ROWS_DEPTH ? row_stride(k) : 0;
}

void amx_packed_round(int rows, int k, const float *x, int ldx, uint16_t *to)
{
    size_t stride = row_stride(k);
    for (int r = 0; r < rows; r++, x += ldx, to += stride)
        for (int l = 0; l < k; l += STEP) _mm512_store_si512(to + l, round_step(x + l, k - l));
}

void amx_packed_rounded(int rows, int k, int n, const uint16_t *x, const uint16_t *panels,
                        const kernels_finish *finish, float *y, int ldy)
{
    amx_rows p = {.rows = rows, .depth = k, .rounded = x, .y = y, .ldy = ldy};
    multiply(&p, k, 0, 0, n, panels, finish);
}

void amx_packed_to_rounded(int rows, int k, int n, const float *x, int ldx, const uint16_t *panels,
                           const kernels_finish *finish, uint16_t *y, int ldy)
{
    amx_rows p = {.rows = rows, .depth = k, .x = x, .ldx = ldx, .rounded_y = y, .ldy = ldy};
    multiply(&p, k, 0, 0, n, panels, finish);
}
