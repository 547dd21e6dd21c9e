#include "src/math/x86_amx_packed.h"

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#include "src/math/x86_amx_taps.h"

enum { TILE = 16, STEP = 32, BLOCK = 32, TILE_U16 = TILE * STEP, DEPTH = 768 };

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

typedef struct block {
    float *at;
    size_t ld;
} block;

/* to[32,32] = from + a[32, 32 steps] times a panel; `from` without a place is 0. The upper half alone where
 * `upper`. */
static void multiply(const uint16_t *a, const uint16_t *panel, int steps, bool upper, block from, block to)
{
    size_t line = from.ld * sizeof(float), out = to.ld * sizeof(float);
    const float *c = from.at;
    __asm__ volatile("" ::: "memory");
    if (c) {
        _tile_loadd(0, c, line);
        _tile_loadd(1, c + TILE, line);
        if (!upper) _tile_loadd(2, c + TILE * from.ld, line);
        if (!upper) _tile_loadd(3, c + TILE * from.ld + TILE, line);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int s = 0; s < steps; s++, a += STEP, panel += 2 * TILE_U16) {
        _tile_loadd(6, panel, 64);
        _tile_loadd(4, a, DEPTH * sizeof *a);
        _tile_loadd(7, panel + TILE_U16, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if (upper) continue;
        _tile_loadd(5, a + TILE * DEPTH, DEPTH * sizeof *a);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, to.at, out);
    _tile_stored(1, to.at + TILE, out);
    if (upper) return;
    _tile_stored(2, to.at + TILE * to.ld, out);
    _tile_stored(3, to.at + TILE * to.ld + TILE, out);
}

static __mmask16 first_lanes(int n)
{
    return n >= TILE ? 0xffff : n > 0 ? (__mmask16)((1U << n) - 1) : 0;
}

static void copy_part(float *to, size_t ldt, const float *from, size_t ldf, int rows, int cols)
{
    __mmask16 low = first_lanes(cols), high = first_lanes(cols - TILE);
    for (int i = 0; i < rows; i++, to += ldt, from += ldf) {
        _mm512_mask_storeu_ps(to, low, _mm512_maskz_loadu_ps(low, from));
        _mm512_mask_storeu_ps(to + TILE, high, _mm512_maskz_loadu_ps(high, from + TILE));
    }
}

/* y = part + bias, cut; bias begins at this block's columns. */
static void finish_part(block y, const float *part, int rows, int cols, const kernels_finish *f,
                        const float *bias)
{
    __m512 least = _mm512_set1_ps(f->low), most = _mm512_set1_ps(f->high);
    for (int half = 0; half < cols; half += TILE) {
        __mmask16 lanes = first_lanes(cols - half);
        __m512 by = bias ? _mm512_maskz_loadu_ps(lanes, bias + half) : _mm512_setzero_ps();
        for (int i = 0; i < rows; i++) {
            __m512 v = _mm512_add_ps(_mm512_loadu_ps(part + i * BLOCK + half), by);
            v = _mm512_min_ps(most, _mm512_max_ps(least, v)); /* NaN, the second operand, passes both */
            _mm512_mask_storeu_ps(y.at + (size_t)i * y.ld + half, lanes, v);
        }
    }
}

/* A block of y; one that sticks out, or is finished, takes the way through scratch memory. */
static void multiply_block(const uint16_t *a, const uint16_t *panel, int steps, int rows, int cols,
                           bool accumulate, const kernels_finish *f, const float *bias, block y)
{
    float memory[BLOCK * BLOCK] __attribute__((aligned(64)));
    block none = {0}, part = {memory, BLOCK};
    bool upper = rows <= TILE, whole = rows == (upper ? TILE : BLOCK) && cols == BLOCK;
    if (accumulate && !whole) {
        memset(memory, 0, sizeof memory);
        copy_part(memory, BLOCK, y.at, y.ld, rows, cols);
    }
    block from = !accumulate ? none : whole ? y : part;
    multiply(a, panel, steps, upper, from, whole && !f ? y : part);
    if (f)
        finish_part(y, memory, rows, cols, f, bias);
    else if (!whole)
        copy_part(y.at, y.ld, memory, BLOCK, rows, cols);
}

/* Rows of x rounded, to a multiple of 16 rows and of 32 numbers, with zeros. */
static void round_rows(const float *x, int ldx, int rows, int depth, uint16_t *a)
{
    int up = (depth + STEP - 1) / STEP * STEP, all = rows <= TILE ? TILE : BLOCK;
    for (int i = 0; i < all; i++, a += DEPTH) {
        if (i < rows) amx_taps_round(x + (size_t)i * (size_t)ldx, a, (size_t)depth);
        int from = i < rows ? depth : 0;
        memset(a + from, 0, (size_t)(up - from) * sizeof *a);
    }
}

void amx_packed_bf16(int rows, int k, int begin, int end, const float *x, int ldx, const uint16_t *panels,
                     float beta, const kernels_finish *finish, float *y, int ldy)
{
    uint16_t a[BLOCK * DEPTH] __attribute__((aligned(64)));
    size_t stride = ((size_t)k + STEP - 1) / STEP * 2 * TILE_U16;
    configure_tiles();
    for (int i = 0; i < rows; i += BLOCK) {
        int count = rows - i < BLOCK ? rows - i : BLOCK;
        for (int l = 0; l < k; l += DEPTH) {
            int depth = k - l < DEPTH ? k - l : DEPTH;
            round_rows(x + (size_t)i * (size_t)ldx + l, ldx, count, depth, a);
            const uint16_t *panel =
                panels + (size_t)(begin / BLOCK) * stride + (size_t)(l / STEP) * 2 * TILE_U16;
            const kernels_finish *last = l + DEPTH < k ? NULL : finish;
            for (int j = begin; j < end; j += BLOCK, panel += stride) {
                block at = {y + (size_t)i * (size_t)ldy + j, (size_t)ldy};
                multiply_block(a, panel, (depth + STEP - 1) / STEP, count, end - j < BLOCK ? end - j : BLOCK,
                               beta != 0 || l > 0, last, last && last->bias ? last->bias + j : NULL, at);
            }
        }
    }
    _tile_release();
}
