#include "src/math/packed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "src/base/bounds.h"

enum {
    PANEL = 16,      /* columns */
    PAIR_PANEL = 32, /* of BF16 */
    LINES = 32,      /* rows of w packed at a time, and in a block of BF16 */
    ROW_CHUNK = 64,  /* rows of x per task when there are many */
};

/* ---- packing ---- */

typedef struct source {
    int k, n;
    mat w;
    const real *factor;
} source;

/* Rows l.. and columns j.. of w, made up to LINES x PANEL with zeros. */
static void take_block(const source *s, int l, int j, real to[LINES][PANEL])
{
    int rows = min_int(s->k - l, LINES), cols = min_int(s->n - j, PANEL);
    if (cols < 0) cols = 0; /* the second half of a last pair of panels */
    if (rows < LINES || cols < PANEL) memset(to, 0, sizeof(real[LINES][PANEL]));
    mat from = mat_from(s->w, l, j);
    size_t ld = from.ld;
    const real *row = from.data;
    for (int i = 0; from.op == GEMM_N && i < rows; i++, row += ld)
        if (cols == PANEL)
            memcpy(to[i], row, PANEL * sizeof(real));
        else
            memcpy(to[i], row, cols * sizeof(real));
    for (int c = 0; from.op == GEMM_T && c < cols; c++, row += ld)
        for (int i = 0; i < rows; i++) to[i][c] = row[i];
    for (int i = 0; s->factor && i < rows; i++)
        for (int c = 0; c < cols; c++) to[i][c] *= s->factor[j + c];
}

static void pack_f32(const source *s, packed *p)
{
    real block[LINES][PANEL];
    for (int j = 0; j < s->n; j += PANEL) {
        real *to = (real *)p->panels + (size_t)j * s->k;
        for (int l = 0; l < s->k; l += LINES) {
            int rows = min_int(s->k - l, LINES);
            take_block(s, l, j, block);
            memcpy(to + (size_t)l * PANEL, block, rows * sizeof *block);
        }
    }
}

static const real ones[PANEL] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

/* LINES rows and PANEL columns from (l, j) on, where they lie or, at the edges, by way of `block`. */
static void pack_tile(const source *s, int l, int j, real block[LINES][PANEL], uint16_t *to)
{
    const kernels *own = kernels_best();
    if (s->w.op == GEMM_N && l + LINES <= s->k && j + PANEL <= s->n) {
        own->bf16.pack_pairs(mat_from(s->w, l, j).data, s->w.ld, LINES, s->factor ? s->factor + j : ones, to);
    } else {
        take_block(s, l, j, block);
        own->bf16.pack_pairs(block[0], PANEL, LINES, ones, to);
    }
}

/* Columns begin..end-1; begin is a multiple of PAIR_PANEL. */
static void pack_bf16(const source *s, const packed *p, int begin, int end)
{
    real block[LINES][PANEL];
    size_t tile = LINES * PANEL;
    for (int j = begin; j < end; j += PAIR_PANEL) {
        uint16_t *to = (uint16_t *)p->panels + (size_t)j * round_up(s->k, LINES);
        for (int l = 0; l < s->k; l += LINES)
            for (int half = 0; half < PAIR_PANEL; half += PANEL, to += tile)
                pack_tile(s, l, j + half, block, to);
    }
}

/* The scale of each column: its largest magnitude becomes 127. */
static void find_scales(const source *s, int j, float scale[PANEL])
{
    real block[LINES][PANEL];
    float most[PANEL] = {0}, odd[PANEL] = {0};
    for (int l = 0; l < s->k; l += LINES) {
        take_block(s, l, j, block);
        for (int i = 0; i < LINES; i++)
            for (int c = 0; c < PANEL; c++) {
                float v = (float)block[i][c], size = v < 0 ? -v : v;
                most[c] = size > most[c] ? size : most[c];
                odd[c] += v * 0; /* NaN if v is no number */
            }
    }
    for (int c = 0; c < PANEL; c++) scale[c] = most[c] / 127 + odd[c];
}

static void pack_i8(const source *s, packed *p)
{
    const kernels *own = kernels_best();
    real block[LINES][PANEL];
    int lines = round_up(s->k, 4);
    for (int j = 0; j < s->n; j += PANEL) {
        int8_t *to = (int8_t *)p->panels + (size_t)j * lines;
        real inverse[PANEL];
        int32_t *offset = p->offset + j;
        if (s->w.op == GEMM_N && j + PANEL <= s->n) {
            own->int8.pack_panel(mat_from(s->w, 0, j).data, s->w.ld, s->k, s->factor ? s->factor + j : ones,
                                 to, p->scale + j, offset);
            continue;
        }
        find_scales(s, j, p->scale + j);
        for (int c = 0; c < PANEL; c++)
            inverse[c] = p->scale[j + c] > 0 ? (real)(1 / p->scale[j + c]) : 0; /* NaN too: w becomes 0 */
        memset(offset, 0, PANEL * sizeof *offset);
        for (int l = 0; l < s->k; l += LINES) {
            take_block(s, l, j, block);
            for (int i = 0; i < LINES && l + i < lines; i += 4) {
                int8_t *quad = to + (size_t)(l + i) * PANEL;
                own->int8.pack_quads(block[i], PANEL, inverse, quad);
                for (int c = 0; c < 4 * PANEL; c++) offset[c / 4] += 128 * quad[c];
            }
        }
    }
}

/* Of a panel, in bytes. */
static size_t panel_bytes(packed_type type, int k)
{
    switch (type) {
    case PACKED_F32:
        return (size_t)k * PANEL * sizeof(real);
    case PACKED_BF16:
        return (size_t)round_up(k, LINES) * PAIR_PANEL * sizeof(uint16_t);
    case PACKED_I8:
        break;
    }
    return (size_t)round_up(k, 4) * PANEL;
}

/* Large pages, where Linux gives them: weights stream from beyond the second-level cache, and the prefetchers
 * stop at the end of every page. */
static void *take_panels(size_t bytes)
{
    enum { HUGE_PAGE = 2 << 20 };
    if (bytes < HUGE_PAGE) return aligned_alloc(64, bytes ? round_up_size(bytes, 64) : 64);
    void *p = NULL;
    if (posix_memalign(&p, HUGE_PAGE, bytes)) return NULL;
    madvise(p, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    return p;
}

static size_t all_bytes(packed_type type, int k, int n)
{
    size_t panels = (size_t)round_up(n, PAIR_PANEL) / (type == PACKED_BF16 ? PAIR_PANEL : PANEL);
    return panels * panel_bytes(type, k);
}

size_t packed_bf16_bytes(int k, int n)
{
    return all_bytes(PACKED_BF16, k, n);
}

typedef struct placing {
    const source *s;
    const packed *p;
} placing;

enum { PLACED = 4 * PAIR_PANEL }; /* columns a task packs */

static void place_some(void *ctx, int index, int worker)
{
    (void)worker;
    const placing *c = ctx;
    int begin = index * PLACED, end = min_int(begin + PLACED, c->p->n);
    pack_bf16(c->s, c->p, begin, end);
}

void packed_place_bf16(pool *threads, packed *p, int k, int n, mat w, void *panels)
{
    *p = (packed){.type = PACKED_BF16, .k = k, .n = n, .stride = panel_bytes(PACKED_BF16, k)};
    p->panels = panels;
    p->bytes = packed_bf16_bytes(k, n);
    source s = {k, n, w, NULL};
    placing c = {&s, p};
    pool_run(threads, ceil_div(n, PLACED), place_some, &c);
}

packed *packed_create(packed_type type, int k, int n, mat w, const real *factor)
{
    if (REAL_IS_DOUBLE) type = PACKED_F32;
    if (type == PACKED_I8 && k > PACKED_MOST_I8) type = PACKED_BF16;
    size_t wide = round_up(n, PANEL);
    packed *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    *p = (packed){.type = type, .k = k, .n = n, .stride = panel_bytes(type, k)};
    p->bytes = all_bytes(type, k, n);
    p->panels = take_panels(p->bytes);
    if (type == PACKED_I8) {
        p->scale = calloc(wide, sizeof *p->scale);
        p->offset = calloc(wide, sizeof *p->offset);
    }
    if (!p->panels || (type == PACKED_I8 && (!p->scale || !p->offset))) {
        packed_free(&p);
        return NULL;
    }
    source s = {k, n, w, factor};
    if (type == PACKED_BF16)
        pack_bf16(&s, p, 0, n);
    else
        (type == PACKED_F32 ? pack_f32 : pack_i8)(&s, p);
    return p;
}

void packed_free(packed **pp)
{
    packed *p = pp ? *pp : NULL;
    if (!p) return;
    free(p->panels);
    free(p->scale);
    free(p->offset);
    free(p);
    *pp = NULL;
}

/* ---- products ---- */

typedef struct job {
    const packed *p;
    int rows, ldx, ldy, chunk; /* of columns, or of rows where there are many */
    bool by_rows;
    const real *x;
    real beta, *y;
    const kernels_finish *finish; /* NULL: nothing; else of all columns */
} job;

#if !REAL_IS_DOUBLE
/* Rows of x as bytes: 0 is 128, the largest magnitude of a row is 127 away from it. */
static void narrow_rows(const float *x, int ldx, int rows, int k, uint8_t *to, size_t stride, float *scale)
{
    const kernels *own = kernels_best();
    for (int r = 0; r < rows; r++, x += ldx, to += stride) {
        scale[r] = own->int8.narrow_row(x, k, to);
        memset(to + k, 128, stride - k);
    }
}

static void product_i8(const job *j, int begin, int end)
{
    const packed *p = j->p;
    uint8_t bytes[KERNELS_ROWS * PACKED_MOST_I8];
    float scale[KERNELS_ROWS];
    kernels_bytes x = {bytes, round_up(p->k, 4), scale};
    const kernels_int8 *own = &kernels_best()->int8;
    for (int i = 0; i < j->rows; i += KERNELS_ROWS) {
        int rows = min_int(j->rows - i, KERNELS_ROWS);
        narrow_rows(j->x + (size_t)i * j->ldx, j->ldx, rows, p->k, bytes, x.stride, scale);
        own->packed(rows, p->k, begin, end, &x, p->panels, p->scale, p->offset, j->beta,
                    j->y + (size_t)i * j->ldy, j->ldy);
    }
}
#endif

static void product(const job *j, int begin, int end)
{
    const packed *p = j->p;
    const kernels *own = kernels_best();
    switch (p->type) {
    case PACKED_F32:
        own->f32.packed(j->rows, p->k, begin, end, j->x, j->ldx, p->panels, j->beta, j->finish, j->y, j->ldy);
        break;
#if !REAL_IS_DOUBLE
    case PACKED_BF16:
        own->bf16.packed(j->rows, p->k, begin, end, j->x, j->ldx, p->panels, j->beta, j->finish, j->y,
                         j->ldy);
        break;
    case PACKED_I8:
        product_i8(j, begin, end);
        if (j->finish) own->f32.finish(j->finish, j->rows, p->n, j->y, j->ldy);
        break;
#else
    default:
        break;
#endif
    }
}

void packed_product(const packed *p, int rows, const real *x, int ldx, real beta, real *y, int ldy)
{
    job j = {.p = p, .rows = rows, .ldx = ldx, .ldy = ldy, .x = x, .beta = beta, .y = y};
    if (rows > 0 && p->n > 0) product(&j, 0, p->n);
}

void packed_product_finish(const packed *p, int rows, const real *x, int ldx, const kernels_finish *finish,
                           real *y, int ldy)
{
    job j = {.p = p, .rows = rows, .ldx = ldx, .ldy = ldy, .x = x, .y = y, .finish = finish};
    if (rows > 0 && p->n > 0) product(&j, 0, p->n);
}

size_t packed_rounded_stride(const packed *p)
{
    const kernels_bf16 *own = &kernels_best()->bf16;
    return p->type == PACKED_BF16 && own->fast ? own->stride(p->k) : 0;
}

void packed_round(const packed *p, int rows, const real *x, int ldx, uint16_t *to)
{
    kernels_best()->bf16.round(rows, p->k, x, ldx, to);
}

void packed_product_rounded(const packed *p, int rows, const uint16_t *x, const kernels_finish *finish,
                            real *y, int ldy)
{
    if (rows > 0 && p->n > 0)
        kernels_best()->bf16.packed_rounded(rows, p->k, p->n, x, p->panels, finish, y, ldy);
}

void packed_product_to_rounded(const packed *p, int rows, const real *x, int ldx,
                               const kernels_finish *finish, uint16_t *y, int ldy)
{
    if (rows > 0 && p->n > 0)
        kernels_best()->bf16.packed_to_rounded(rows, p->k, p->n, x, ldx, p->panels, finish, y, ldy);
}

static void run_chunk(void *ctx, int index, int worker)
{
    (void)worker;
    job j = *(const job *)ctx;
    int begin = index * j.chunk, most = j.by_rows ? j.rows : j.p->n, end = min_int(begin + j.chunk, most);
    if (!j.by_rows) {
        product(&j, begin, end);
        return;
    }
    j.rows = end - begin;
    j.x += (size_t)begin * j.ldx;
    j.y += (size_t)begin * j.ldy;
    product(&j, 0, j.p->n);
}

/* Pieces of columns or of rows do not change what is computed for each. */
void packed_product_on(pool *threads, const packed *p, int rows, const real *x, int ldx, real beta, real *y,
                       int ldy)
{
    enum { SMALL = 1 << 16 };
    int count = pool_threads(threads);
    job j = {.p = p, .rows = rows, .ldx = ldx, .ldy = ldy, .x = x, .beta = beta, .y = y};
    if (rows <= 0 || p->n <= 0) return;
    if (count == 1 || (double)rows * p->k * p->n < SMALL) {
        product(&j, 0, p->n);
        return;
    }
    j.by_rows = rows >= 2 * ROW_CHUNK * count;
    j.chunk = j.by_rows ? ROW_CHUNK : round_up(ceil_div(p->n, count), 2 * PAIR_PANEL);
    int all = j.by_rows ? rows : p->n;
    pool_run(threads, ceil_div(all, j.chunk), run_chunk, &j);
}
