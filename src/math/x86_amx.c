/* A tile holds 16 rows of 64 bytes. tdpbf16ps multiplies a tile of A (16 rows i, 32 columns k) by a tile of B
 * (16 rows of k pairs, 16 columns j, the two k of a pair side by side) into a tile of C (16 x 16 f32): 16,384
 * operations in 16 cycles. Four tiles of C at a time, 32 x 32, make two products of every tile that is
 * loaded.
 *
 * The operands are rounded to bf16 while they are copied into panels: 32 rows of A (or columns of B) wide,
 * step after step of 32 k, the two tiles of a step one after the other. Everything beyond the edge is zero.
 * Sizes are chosen so that one panel of B (36 KiB) stays in the first-level cache while the panels of A
 * stream from the second-level cache, where all of the working memory lives. See Goto and van de Geijn,
 * "Anatomy of high-performance matrix multiplication", 2008. */
#include "src/math/x86_amx.h"

#include <immintrin.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    TILE = 16,        /* rows of a tile, and columns of a C tile */
    STEP = 32,        /* k of a tile */
    BLOCK = 32,       /* rows and columns of C that are held in tiles at a time */
    DEPTH_MAX = 576,  /* k per pass over C: 576 x 32 x 2 bytes = 36 KiB per panel */
    ROWS_MAX = 256,   /* rows of A packed at a time, when a row lies together in memory */
    ROWS_MAX_T = 576, /* ... when it does not: the wider the block, the longer the runs that are read */
    COLS_MAX = 1024,  /* columns of B packed at a time */
    TILE_U16 = TILE * STEP,
    PANEL_U16 = 2 * TILE_U16, /* of one step */
    B_U16 = COLS_MAX * DEPTH_MAX,
    PANELS_U16 = ROWS_MAX * DEPTH_MAX + B_U16,
    SCRATCH_BYTES = 2 << 20, /* one huge page */
};
_Static_assert(PANELS_U16 * 2 + BLOCK * BLOCK * 4 <= SCRATCH_BYTES, "panels outgrow their memory");

/* Element (r, k) of an operand, where r is a row of A or a column of B: data[r * ld + k] if k_inner, else
 * data[k * ld + r]. */
typedef struct operand {
    const float *data;
    size_t ld;
    bool k_inner;
} operand;

typedef struct scratch {
    uint16_t *panels; /* of A, then of B: PANELS_U16 in all */
    float *c;         /* [BLOCK,BLOCK], for the blocks of C that stick out */
} scratch;

typedef struct target {
    float *c;
    size_t ldc;
    int m, n;
} target;

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

static int ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* `total` cut into as few pieces of at most `most` as possible, all about as long, multiples of `unit`. */
static int even_piece(int total, int most, int unit)
{
    int pieces = ceil_div(total, most);
    return ceil_div(ceil_div(total, pieces), unit) * unit;
}

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
    *s = (scratch){memory, (float *)(void *)(memory + PANELS_U16)};
    return true;
}

/* ---- packing ---- */

#define INLINE static inline __attribute__((always_inline))

INLINE __mmask16 first_lanes(int count)
{
    return count >= 16 ? 0xffff : count <= 0 ? 0 : (__mmask16)((1U << count) - 1);
}

INLINE __m512i to_bf16(__m512 high, __m512 low)
{
    __m512bh v = _mm512_cvtne2ps_pbh(high, low);
    __m512i bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* t[r] = the 32 k of row r; `rows` and `depth` are what the source holds. */
INLINE void load_k_inner(__m512i t[TILE], const float *src, size_t ld, int rows, int depth)
{
    __mmask16 low = first_lanes(depth), high = first_lanes(depth - 16);
    for (int r = 0; r < TILE; r++) {
        __mmask16 here = r < rows ? 0xffff : 0;
        const float *row = src + (size_t)(r < rows ? r : 0) * ld;
        t[r] = to_bf16(_mm512_maskz_loadu_ps(high & here, row + 16), _mm512_maskz_loadu_ps(low & here, row));
    }
}

/* t[p] = the pairs (2p, 2p + 1) of k of 16 rows, side by side. */
INLINE void load_k_outer(__m512i t[TILE], const float *src, size_t ld, int rows, int depth)
{
    static const uint16_t interleave[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                            8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i order = _mm512_loadu_si512(interleave);
    __mmask16 lanes = first_lanes(rows);
    for (int p = 0; p < TILE; p++) {
        int k = 2 * p;
        __m512 even = _mm512_maskz_loadu_ps(k < depth ? lanes : 0, src + (size_t)(k < depth ? k : 0) * ld);
        __m512 odd =
            _mm512_maskz_loadu_ps(k + 1 < depth ? lanes : 0, src + (size_t)(k + 1 < depth ? k + 1 : 0) * ld);
        t[p] = _mm512_permutexvar_epi16(order, to_bf16(odd, even));
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

/* One tile; `flip`: the tile wants its rows along the other axis than the source stores them. */
INLINE void pack_tile_as(uint16_t *out, const float *src, size_t ld, int rows, int depth, bool k_inner,
                         bool flip)
{
    __m512i t[TILE];
    if (k_inner)
        load_k_inner(t, src, ld, rows, depth);
    else
        load_k_outer(t, src, ld, rows, depth);
    if (flip) transpose(t);
    for (int i = 0; i < TILE; i++) _mm512_store_si512(out + i * STEP, t[i]);
}

static void pack_tile(uint16_t *out, const float *src, size_t ld, int rows, int depth, bool k_inner,
                      bool flip)
{
    bool whole = rows >= TILE && depth >= STEP;
    if (whole && k_inner && flip)
        pack_tile_as(out, src, ld, TILE, STEP, true, true);
    else if (whole && k_inner)
        pack_tile_as(out, src, ld, TILE, STEP, true, false);
    else if (whole && flip)
        pack_tile_as(out, src, ld, TILE, STEP, false, true);
    else if (whole)
        pack_tile_as(out, src, ld, TILE, STEP, false, false);
    else
        pack_tile_as(out, src, ld, rows, depth, k_inner, flip);
}

/* Packs rows r0.. and k0.. into panels; the walk follows the memory of the source. A tile beyond the last row
 * is filled with zeros, as a panel has two. */
static void pack(uint16_t *out, const operand *x, bool for_b, int r0, int rows, int k0, int depth)
{
    int steps = ceil_div(depth, STEP), strips = ceil_div(rows, BLOCK) * 2;
    int outer = x->k_inner ? strips : steps, inner = x->k_inner ? steps : strips;
    for (int o = 0; o < outer; o++)
        for (int i = 0; i < inner; i++) {
            int strip = x->k_inner ? o : i, step = x->k_inner ? i : o;
            uint16_t *tile = out + ((size_t)(strip / 2) * (size_t)steps + (size_t)step) * PANEL_U16 +
                             (size_t)(strip % 2) * TILE_U16;
            size_t r = (size_t)(r0 + strip * TILE), k = (size_t)(k0 + step * STEP);
            if (strip * TILE >= rows)
                memset(tile, 0, TILE_U16 * sizeof *tile);
            else
                pack_tile(tile, x->data + (x->k_inner ? r * x->ld + k : k * x->ld + r), x->ld,
                          rows - strip * TILE, depth - step * STEP, x->k_inner, x->k_inner == for_b);
        }
}

/* ---- tiles ---- */

/* Every tile is 16 rows of 64 bytes. gcc 12 takes the configuration for unread without the barrier. */
static void configure_tiles(void)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes_per_row[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.bytes_per_row[i] = 64;
        config.rows[i] = TILE;
    }
    __asm__ volatile("" ::: "memory");
    _tile_loadconfig(&config);
}

/* C[32,32] (+)= panel of A times panel of B. The tile loads do not tell the compiler that they read memory:
 * hence the barrier. */
static void multiply_panels(const uint16_t *a, const uint16_t *b, int steps, float *c, size_t ldc,
                            bool accumulate)
{
    size_t stride = ldc * sizeof *c;
    float *lower = c + TILE * ldc;
    __asm__ volatile("" ::: "memory");
    if (accumulate) {
        _tile_loadd(0, c, stride);
        _tile_loadd(1, c + TILE, stride);
        _tile_loadd(2, lower, stride);
        _tile_loadd(3, lower + TILE, stride);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int s = 0; s < steps; s++, a += PANEL_U16, b += PANEL_U16) {
        _tile_loadd(6, b, 64);
        _tile_loadd(4, a, 64);
        _tile_loadd(7, b + TILE_U16, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(5, a + TILE_U16, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, stride);
    _tile_stored(1, c + TILE, stride);
    _tile_stored(2, lower, stride);
    _tile_stored(3, lower + TILE, stride);
}

static void copy_part(float *out, size_t ldo, const float *in, size_t ldi, int rows, int cols)
{
    __mmask16 low = first_lanes(cols), high = first_lanes(cols - 16);
    for (int i = 0; i < rows; i++, out += ldo, in += ldi) {
        _mm512_mask_storeu_ps(out, low, _mm512_maskz_loadu_ps(low, in));
        _mm512_mask_storeu_ps(out + 16, high, _mm512_maskz_loadu_ps(high, in + 16));
    }
}

/* The block of C at (i, j); one that sticks out takes the way through scratch memory. */
static void multiply_block(const scratch *s, const target *t, int i, int j, const uint16_t *a,
                           const uint16_t *b, int steps, bool accumulate)
{
    int rows = min_int(t->m - i, BLOCK), cols = min_int(t->n - j, BLOCK);
    float *c = t->c + (size_t)i * t->ldc + (size_t)j;
    if (rows == BLOCK && cols == BLOCK) {
        multiply_panels(a, b, steps, c, t->ldc, accumulate);
        return;
    }
    if (accumulate) copy_part(s->c, BLOCK, c, t->ldc, rows, cols);
    multiply_panels(a, b, steps, s->c, BLOCK, accumulate);
    copy_part(c, t->ldc, s->c, BLOCK, rows, cols);
}

/* Rows i0.. and columns j0.. of C (+)= the packed panels. The panel of B is the one that stays close. */
static void multiply_packed(const scratch *s, const target *t, int i0, int rows, int j0, int cols,
                            const uint16_t *b, int steps, bool accumulate)
{
    size_t panel = (size_t)steps * PANEL_U16;
    for (int j = 0; j < cols; j += BLOCK)
        for (int i = 0; i < rows; i += BLOCK)
            multiply_block(s, t, i0 + i, j0 + j, s->panels + (size_t)(i / BLOCK) * panel,
                           b + (size_t)(j / BLOCK) * panel, steps, accumulate);
}

/* ---- the product ---- */

static void scale(const target *t, float beta)
{
    for (int i = 0; i < t->m; i++) {
        float *row = t->c + (size_t)i * t->ldc;
        for (int j = 0; j < t->n; j++) row[j] = beta != 0 ? beta * row[j] : 0;
    }
}

/* How the product of one range of columns is cut: k into passes, the rows into blocks. */
typedef struct plan {
    int depth;       /* k per pass */
    int span;        /* k that is packed of B before A is walked, a multiple of depth */
    int rows;        /* of A per block */
    size_t pass_u16; /* size of one packed pass of B */
} plan;

/* With A stored row by row, as many passes of B as fit come first: the walk down A then finishes each block
 * of rows of a narrow C while it is in cache. With A transposed, one pass at a time, so that long runs of A
 * are read. */
static plan make_plan(const operand *a, int m, int cols, int k)
{
    plan p = {.depth = even_piece(k, DEPTH_MAX, STEP)};
    p.pass_u16 = (size_t)(ceil_div(cols, BLOCK) * BLOCK) * (size_t)p.depth;
    p.span = a->k_inner ? (int)((size_t)B_U16 / p.pass_u16) * p.depth : p.depth;
    int room = (int)(((size_t)PANELS_U16 - p.pass_u16) / (size_t)p.depth) / BLOCK * BLOCK;
    p.rows = even_piece(m, a->k_inner ? ROWS_MAX : min_int(room, ROWS_MAX_T), BLOCK);
    return p;
}

/* Columns j0.. of C. */
static void multiply_columns(const scratch *s, const target *t, const operand *a, const operand *b, int j0,
                             int cols, int k, bool accumulate)
{
    plan cut = make_plan(a, t->m, cols, k);
    uint16_t *packed_b = s->panels + (size_t)cut.rows * (size_t)cut.depth;
    for (int k0 = 0; k0 < k; k0 += cut.span) {
        int k1 = min_int(k, k0 + cut.span);
        uint16_t *pass = packed_b;
        for (int p = k0; p < k1; p += cut.depth, pass += cut.pass_u16)
            pack(pass, b, true, j0, cols, p, min_int(cut.depth, k1 - p));
        for (int i = 0; i < t->m; i += cut.rows) {
            int rows = min_int(cut.rows, t->m - i);
            pass = packed_b;
            for (int p = k0; p < k1; p += cut.depth, pass += cut.pass_u16) {
                int depth = min_int(cut.depth, k1 - p);
                pack(s->panels, a, false, i, rows, p, depth);
                multiply_packed(s, t, i, rows, j0, cols, pass, ceil_div(depth, STEP), accumulate || p > 0);
            }
        }
    }
}

bool amx_gemm_bf16(bool trans_a, bool trans_b, int m, int n, int k, const float *a, int lda, const float *b,
                   int ldb, float beta, float *c, int ldc)
{
    scratch s;
    if (!get_scratch(&s)) return false;
    if (m <= 0 || n <= 0) return true;
    target t = {c, (size_t)ldc, m, n};
    operand left = {a, (size_t)lda, !trans_a}, right = {b, (size_t)ldb, trans_b};
    if (k <= 0 || (beta != 0 && beta != 1)) scale(&t, beta);
    if (k <= 0) return true;
    int cols_step = even_piece(n, COLS_MAX, BLOCK);
    configure_tiles();
    for (int j = 0; j < n; j += cols_step)
        multiply_columns(&s, &t, &left, &right, j, min_int(cols_step, n - j), k, beta != 0);
    _tile_release();
    return true;
}

bool amx_gemm_suits(int m, int n, int k)
{
    return m >= 8 && n >= 8 && k >= STEP && (double)m * n * k >= 2e4;
}
