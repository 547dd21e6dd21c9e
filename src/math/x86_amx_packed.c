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

/* c[32,32] (+)= a[32, 32 steps] times a panel; the upper half alone where `upper`. */
static void multiply(const uint16_t *a, const uint16_t *panel, int steps, bool upper, bool accumulate,
                     float *c, size_t ldc)
{
    size_t line = ldc * sizeof *c;
    float *lower = c + TILE * ldc;
    __asm__ volatile("" ::: "memory");
    if (accumulate) {
        _tile_loadd(0, c, line);
        _tile_loadd(1, c + TILE, line);
        if (!upper) _tile_loadd(2, lower, line);
        if (!upper) _tile_loadd(3, lower + TILE, line);
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
    _tile_stored(0, c, line);
    _tile_stored(1, c + TILE, line);
    if (upper) return;
    _tile_stored(2, lower, line);
    _tile_stored(3, lower + TILE, line);
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

/* The block of y at column j; one that sticks out takes the way through scratch memory. */
static void multiply_block(const uint16_t *a, const uint16_t *panel, int steps, int rows, int cols,
                           bool accumulate, float *y, size_t ldy)
{
    float part[BLOCK * BLOCK] __attribute__((aligned(64)));
    bool upper = rows <= TILE;
    if (rows == (upper ? TILE : BLOCK) && cols == BLOCK) {
        multiply(a, panel, steps, upper, accumulate, y, ldy);
        return;
    }
    if (accumulate) {
        memset(part, 0, sizeof part);
        copy_part(part, BLOCK, y, ldy, rows, cols);
    }
    multiply(a, panel, steps, upper, accumulate, part, BLOCK);
    copy_part(y, ldy, part, BLOCK, rows, cols);
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
                     float beta, float *y, int ldy)
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
            for (int j = begin; j < end; j += BLOCK, panel += stride)
                multiply_block(a, panel, (depth + STEP - 1) / STEP, count, end - j < BLOCK ? end - j : BLOCK,
                               beta != 0 || l > 0, y + (size_t)i * (size_t)ldy + j, (size_t)ldy);
        }
    }
    _tile_release();
}
