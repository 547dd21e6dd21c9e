#include "src/math/x86_amx_packed.h"

#include "src/math/x86_amx_rows.h"
#include "src/math/x86_amx_tiles.h"

/* Of the panels that are walked again and again for many rows: half of a second-level cache of 2 MiB. */
enum { PANELS_U16 = 1 << 19 };

void amx_packed_bf16(int rows, int k, int begin, int end, const float *x, int ldx, const uint16_t *panels,
                     float beta, const kernels_finish *finish, float *y, int ldy)
{
    size_t panel = (size_t)ceil_div(k, STEP) * PANEL_U16;
    int depth = even_piece(k, AMX_ROWS_DEPTH, STEP);
    int most = min_int(PANELS_U16 / depth / BLOCK * BLOCK, AMX_ROWS_COLS);
    int cols = rows <= BLOCK ? end - begin : even_piece(end - begin, most, BLOCK);
    for (int l = 0; l < k; l += depth)
        for (int j = begin; j < end; j += cols) {
            kernels_finish last = finish ? *finish : (kernels_finish){0};
            if (last.bias) last.bias += j;
            amx_rows_product(
                &(amx_rows){.rows = rows,
                            .cols = min_int(cols, end - j),
                            .depth = min_int(depth, k - l),
                            .odd = j / BLOCK % 2,
                            .x = x + l,
                            .ldx = (size_t)ldx,
                            .panels = panels + (size_t)(j / BLOCK) * panel + (size_t)(l / STEP) * PANEL_U16,
                            .panel = panel,
                            .beta = l > 0 ? 1 : beta,
                            .finish = finish && l + depth >= k ? &last : NULL,
                            .y = y + j,
                            .ldy = (size_t)ldy});
        }
}
