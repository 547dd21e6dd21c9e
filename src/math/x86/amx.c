/* The operands are rounded to bf16 while they are copied: B into panels, A into rows
 * (src/math/x86/amx_tiles.h shows both). Everything beyond the edge is zero. Sizes are chosen so that all of
 * the working memory but rows that are kept stays in the second-level cache. See Goto and van de Geijn,
 * "Anatomy of high-performance matrix multiplication", 2008. */
#include "src/math/x86/amx.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "src/math/x86/amx_rows.h"
#include "src/math/x86/amx_tiles.h"

enum {
    COLS_MAX = AMX_ROWS_COLS,   /* columns of B packed at a time */
    DEPTH_MAX = AMX_ROWS_DEPTH, /* k at a time, where a row of A lies together in memory */
    DEPTH_MAX_T = 512,          /* ... and where it does not */
    B_U16 = 1 << 19,            /* 1 MiB */
    A_U16 = 1 << 20,            /* rows of A that are kept for several blocks of columns */
    A_NEAR_U16 = 1 << 18,       /* ... that do not lie together and are used once */
    SCRATCH_BYTES = 4 << 20,    /* two huge pages */
};
_Static_assert((A_U16 + B_U16) * 2 <= SCRATCH_BYTES, "panels outgrow their memory");

/* Element (r, k) of an operand, where r is a row of A or a column of B: data[r * ld + k] if k_inner, else
 * data[k * ld + r]. */
typedef struct operand {
    const float *data;
    size_t ld;
    bool k_inner;
} operand;

typedef struct scratch {
    uint16_t *a, *b; /* [A_U16] and [B_U16] */
} scratch;

typedef struct target {
    float *c;
    size_t ldc;
    int m, n;
    float beta;
} target;

/* ---- working memory, one per thread ---- */

static pthread_key_t scratch_key;
static bool scratch_key_made;

static void make_scratch_key(void)
{
    scratch_key_made = pthread_key_create(&scratch_key, free) == 0;
}

static bool get_scratch(scratch *s)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_scratch_key);
    if (!scratch_key_made) return false;
    uint16_t *memory = pthread_getspecific(scratch_key);
    if (!memory) {
        memory = aligned_alloc(SCRATCH_BYTES, SCRATCH_BYTES);
        if (!memory) return false;
        madvise(memory, SCRATCH_BYTES, MADV_HUGEPAGE);
        if (pthread_setspecific(scratch_key, memory)) {
            free(memory);
            return false;
        }
    }
    *s = (scratch){memory + B_U16, memory};
    return true;
}

/* ---- packing ---- */

/* t[r] = the 32 k of row r; `rows` and `depth` are what the source holds. */
INLINE void load_k_inner(__m512i t[TILE], const float *src, size_t ld, int rows, int depth)
{
    __mmask16 low = first_lanes(depth), high = first_lanes(depth - 16);
    for (int r = 0; r < TILE; r++) {
        __mmask16 here = r < rows ? 0xffff : 0;
        const float *row = src + (r < rows ? r : 0) * ld;
        t[r] = to_bf16(_mm512_maskz_loadu_ps(high & here, row + 16), _mm512_maskz_loadu_ps(low & here, row));
    }
}

/* t[p] = the pairs (2p, 2p + 1) of k of 16 rows, side by side. */
INLINE void load_k_outer(__m512i t[TILE], const float *src, size_t ld, int rows, int depth)
{
    __mmask16 lanes = first_lanes(rows);
    for (int p = 0; p < TILE; p++) {
        int k = 2 * p;
        __m512 even = _mm512_maskz_loadu_ps(k < depth ? lanes : 0, src + (k < depth ? k : 0) * ld);
        __m512 odd = _mm512_maskz_loadu_ps(k + 1 < depth ? lanes : 0, src + (k + 1 < depth ? k + 1 : 0) * ld);
        t[p] = to_pairs(odd, even);
    }
}

/* 16 x 16 transpose of 32-bit elements: within 128-bit lanes first (pairs, then quads), then the lanes. */
INLINE void transpose(__m512i t[TILE])
{
    __m512i u[TILE];
    for (int i = 0; i < TILE; i += 2) {
        u[i] = _mm512_unpacklo_epi32(t[i], t[i + 1]);
        u[i + 1] = _mm512_unpackhi_epi32(t[i], t[i + 1]);
    }
    for (int i = 0; i < TILE; i += 4) { /* t[i + j]: column j of every lane, rows i..i+3 */
        t[i] = _mm512_unpacklo_epi64(u[i], u[i + 2]);
        t[i + 1] = _mm512_unpackhi_epi64(u[i], u[i + 2]);
        t[i + 2] = _mm512_unpacklo_epi64(u[i + 1], u[i + 3]);
        t[i + 3] = _mm512_unpackhi_epi64(u[i + 1], u[i + 3]);
    }
    for (int j = 0; j < 4; j++) {
        __m512i a = _mm512_shuffle_i32x4(t[j], t[4 + j], 0x88),
                b = _mm512_shuffle_i32x4(t[j], t[4 + j], 0xdd);
        __m512i c = _mm512_shuffle_i32x4(t[8 + j], t[12 + j], 0x88);
        __m512i d = _mm512_shuffle_i32x4(t[8 + j], t[12 + j], 0xdd);
        u[j] = _mm512_shuffle_i32x4(a, c, 0x88);
        u[4 + j] = _mm512_shuffle_i32x4(b, d, 0x88);
        u[8 + j] = _mm512_shuffle_i32x4(a, c, 0xdd);
        u[12 + j] = _mm512_shuffle_i32x4(b, d, 0xdd);
    }
    memcpy(t, u, sizeof u);
}

/* Where the tiles of an operand go: that of rows r.. and step s to to + r / 32 * block + r % 32 / 16 * half +
 * s * step, each of its rows `row` numbers after the other. */
typedef struct layout {
    uint16_t *to;
    size_t block, half, step, row;
} layout;

/* One tile; `flip`: the tile wants its rows along the other axis than the source stores them. */
INLINE void pack_tile_as(uint16_t *out, size_t row, const float *src, size_t ld, int rows, int depth,
                         bool k_inner, bool flip)
{
    __m512i t[TILE];
    if (k_inner)
        load_k_inner(t, src, ld, rows, depth);
    else
        load_k_outer(t, src, ld, rows, depth);
    if (flip) transpose(t);
    for (int i = 0; i < TILE; i++) _mm512_store_si512(out + i * row, t[i]);
}

/* A's rows, whose k do not lie together, and B of either kind. */
static void pack_tile(uint16_t *out, size_t row, const operand *x, bool for_b, const float *src, int rows,
                      int depth)
{
    bool whole = rows >= TILE && depth >= STEP;
    if (whole && x->k_inner)
        pack_tile_as(out, STEP, src, x->ld, TILE, STEP, true, true);
    else if (whole && for_b)
        pack_tile_as(out, STEP, src, x->ld, TILE, STEP, false, false);
    else if (whole)
        pack_tile_as(out, row, src, x->ld, TILE, STEP, false, true);
    else
        pack_tile_as(out, row, src, x->ld, rows, depth, x->k_inner, x->k_inner == for_b);
}

/* Packs rows r0.. and k0..; the walk follows the memory of the source. A tile beyond the last row is filled
 * with zeros, as a block has two. */
static void pack(const layout *l, const operand *x, bool for_b, int r0, int rows, int k0, int depth)
{
    int steps = ceil_div(depth, STEP), strips = ceil_div(rows, BLOCK) * 2;
    int outer = x->k_inner ? strips : steps, inner = x->k_inner ? steps : strips;
    for (int o = 0; o < outer; o++)
        for (int i = 0; i < inner; i++) {
            int strip = x->k_inner ? o : i, step = x->k_inner ? i : o;
            uint16_t *tile = l->to + strip / 2 * l->block + strip % 2 * l->half + step * l->step;
            size_t r = r0 + strip * TILE, k = k0 + step * STEP;
            const float *src = x->data + (x->k_inner ? r * x->ld + k : k * x->ld + r);
            if (strip * TILE < rows)
                pack_tile(tile, l->row, x, for_b, src, rows - strip * TILE, depth - step * STEP);
            else
                for (int j = 0; j < TILE; j++) memset(tile + j * l->row, 0, STEP * sizeof *tile);
        }
}

static layout panels_of(uint16_t *to, int depth)
{
    return (layout){to, (size_t)ceil_div(depth, STEP) * PANEL_U16, TILE_U16, PANEL_U16, STEP};
}

static layout rows_of(uint16_t *to, int depth)
{
    size_t row = row_stride(depth);
    return (layout){to, BLOCK * row, TILE * row, STEP, row};
}

/* ---- the product ---- */

static void scale(const target *t)
{
    for (int i = 0; i < t->m; i++) {
        float *row = t->c + i * t->ldc;
        for (int j = 0; j < t->n; j++) row[j] = t->beta != 0 ? t->beta * row[j] : 0;
    }
}

/* Rows of A that several blocks of columns want are rounded, or packed, for the first and kept, if they fit.
 */
typedef enum keep_mode { NOT_KEPT, KEEP, KEPT } keep_mode;

/* Rows whose k do not lie together are packed before they are multiplied, as many at a time as stay in the
 * second-level cache. */
static void multiply_packed(const scratch *s, const target *t, const operand *a, amx_rows *p, int k0,
                            keep_mode keeping)
{
    layout rows = rows_of(s->a, p->depth);
    int most = keeping == NOT_KEPT ? even_piece(t->m, (int)(A_NEAR_U16 / rows.block) * BLOCK, BLOCK) : t->m;
    float *y = p->y;
    p->rounded = s->a;
    for (int i = 0; i < t->m; i += most) {
        p->rows = min_int(most, t->m - i);
        p->y = y + i * t->ldc;
        if (keeping != KEPT) pack(&rows, a, false, i, p->rows, k0, p->depth);
        amx_rows_product(p);
    }
}

/* Columns j0.. of C and k0.. of the sums. */
static void multiply_part(const scratch *s, const target *t, const operand *a, const operand *b, int j0,
                          int cols, int k0, int depth, keep_mode keeping)
{
    layout panels = panels_of(s->b, depth);
    amx_rows p = {.rows = t->m,
                  .cols = cols,
                  .depth = depth,
                  .odd = j0 / BLOCK % 2,
                  .ldx = a->ld,
                  .panels = s->b,
                  .panel = panels.block,
                  .beta = k0 > 0 ? 1 : t->beta,
                  .y = t->c + j0,
                  .ldy = t->ldc};
    pack(&panels, b, true, j0, cols, k0, depth);
    if (!a->k_inner) {
        multiply_packed(s, t, a, &p, k0, keeping);
        return;
    }
    if (keeping == KEPT)
        p.rounded = s->a;
    else
        p.x = a->data + k0;
    if (keeping == KEEP) p.keep = s->a;
    amx_rows_product(&p);
}

bool amx_gemm_bf16(gemm_shape shape, mat a, mat b, float beta, mat_out c)
{
    scratch s;
    int m = shape.m, n = shape.n, k = shape.k;
    if (!get_scratch(&s)) return false;
    if (m <= 0 || n <= 0) return true;
    target t = {c.data, c.ld, m, n, beta};
    operand left = {a.data, a.ld, a.op == GEMM_N}, right = {b.data, b.ld, b.op == GEMM_T};
    if (k <= 0) {
        scale(&t);
        return true;
    }
    int depth = even_piece(k, a.op == GEMM_T ? DEPTH_MAX_T : DEPTH_MAX, STEP);
    int cols = even_piece(n, min_int(B_U16 / depth / BLOCK * BLOCK, COLS_MAX), BLOCK);
    bool keeps = n > cols && (size_t)ceil_div(m, BLOCK) * BLOCK * row_stride(depth) <= A_U16;
    for (int l = 0; l < k; l += depth) {
        keep_mode keeping = keeps ? KEEP : NOT_KEPT;
        for (int j = 0; j < n; j += cols, keeping = keeps ? KEPT : NOT_KEPT)
            multiply_part(&s, &t, &left, &right, j, min_int(cols, n - j), l, min_int(depth, k - l), keeping);
    }
    return true;
}

bool amx_gemm_suits(gemm_shape s)
{
    return s.m >= 8 && s.n >= 8 && s.k >= STEP && (double)s.m * s.n * s.k >= 2e4;
}

void amx_tiles_alone(const uint16_t *panels, int rounds)
{
    enum { STEPS = 16 };
    const uint16_t *b = panels + STEPS * PANEL_U16;
    tiles_configure();
    for (int i = 0; i < rounds; i++) {
        tiles_clear();
        for (int s = 0; s < STEPS; s++) {
            _tile_loadd(4, panels + s * PANEL_U16, 64);
            _tile_loadd(5, panels + s * PANEL_U16 + TILE_U16, 64);
            _tile_loadd(6, b + s * PANEL_U16, 64);
            _tile_loadd(7, b + s * PANEL_U16 + TILE_U16, 64);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_release();
}
