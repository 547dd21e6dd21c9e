/* What the files of products on AMX tiles (x86/amx*.c) share, and of maps in bf16 beside them; included by
 * nothing else.
 *
 * A tile holds 16 rows of 64 bytes. tdpbf16ps multiplies a tile of A (16 rows i, 32 columns k) by a tile of B
 * (16 rows of k pairs, 16 columns j, the two k of a pair side by side) into a tile of C (16 x 16 f32): 16,384
 * operations in 16 cycles. Four tiles of C at a time, 32 x 32, make two products of every tile that is
 * loaded.
 *
 * Rows of A lie as they are, 32 numbers after 32. B lies in panels of 32 columns: for every 32 k two tiles,
 * one after the other. */
#ifndef MATH_X86_AMX_TILES_H
#define MATH_X86_AMX_TILES_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "src/base/bounds.h"
#if CAPTION_EMULATE_AMX
#include "src/math/x86/amx_emulated.h"
#endif

enum {
    TILE = 16,       /* rows of a tile, and columns of a C tile */
    STEP = 32,       /* k of a tile */
    BLOCK = 32,      /* rows and columns of C that are held in tiles at a time */
    AWAKE = 8,       /* steps after which a tile is stored, see tiles_stay_awake() */
    KEPT_U16 = 8192, /* of panels, which stay in the first-level cache beside the rows they meet */
    TILE_U16 = TILE * STEP,
    PANEL_U16 = 2 * TILE_U16, /* of one step */
};

#define INLINE static inline __attribute__((always_inline))

/* The tile loads do not tell the compiler that they read memory. */
#define TILES_BARRIER() __asm__ volatile("" ::: "memory")

/* Every tile is 16 rows of 64 bytes. gcc 12 takes the configuration for unread without the barrier. */
INLINE void tiles_configure(void)
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
    TILES_BARRIER();
    _tile_loadconfig(&config);
}

/* Tiles 0 to 3, C[32,32], where tiles 2 and 3 are the lower rows; not these where only the upper half is
 * wanted. */
INLINE void tiles_clear(void)
{
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

/* A tile of a panel. `passing`: past the first-level cache (tileloaddt1), which the rows of A then have for
 * themselves. That is how panels are best loaded that do not stay there anyway: with 32 KiB of rows a step
 * takes 26 ns, else 34. Those that stay it makes slower. */
#define LOAD_OF_PANEL(tile, from, passing)                                                                   \
    do {                                                                                                     \
        if (passing)                                                                                         \
            _tile_stream_loadd(tile, from, 64);                                                              \
        else                                                                                                 \
            _tile_loadd(tile, from, 64);                                                                     \
    } while (0)

/* Whether panels of so many columns and k, walked for one block of rows after the other, are loaded so. */
INLINE bool panels_pass(int cols, int depth)
{
    return (size_t)cols * depth > KEPT_U16;
}

/* One step onto tiles 0 to 3: 32 rows of A, `stride` bytes from one to the next, times a step of a panel. */
INLINE void tiles_step(const uint16_t *a, size_t stride, const uint16_t *panel, bool upper, bool passing)
{
    LOAD_OF_PANEL(6, panel, passing);
    _tile_loadd(4, a, stride);
    LOAD_OF_PANEL(7, panel + TILE_U16, passing);
    _tile_dpbf16ps(0, 4, 6);
    if (!upper) _tile_loadd(5, a + TILE * (stride / sizeof *a), stride);
    _tile_dpbf16ps(1, 4, 7);
    if (upper) return;
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
}

INLINE void tiles_load(const float *c, size_t ldc, bool upper)
{
    size_t stride = ldc * sizeof *c;
    _tile_loadd(0, c, stride);
    _tile_loadd(1, c + TILE, stride);
    if (upper) return;
    _tile_loadd(2, c + TILE * ldc, stride);
    _tile_loadd(3, c + TILE * ldc + TILE, stride);
}

INLINE void tiles_store(float *c, size_t ldc, bool upper)
{
    size_t stride = ldc * sizeof *c;
    _tile_stored(0, c, stride);
    _tile_stored(1, c + TILE, stride);
    if (upper) return;
    _tile_stored(2, c + TILE * ldc, stride);
    _tile_stored(3, c + TILE * ldc + TILE, stride);
}

/* A tile stored a microsecond or more after the last one takes 300 ns instead of 10 (measured on Sapphire
 * Rapids, also when every line is in the first-level cache). Long sums in which nothing else goes on
 * therefore store a tile now and then that nobody wants. */
INLINE void tiles_stay_awake(void)
{
    uint16_t unwanted[TILE_U16] __attribute__((aligned(64)));
    _tile_stored(4, unwanted, 64);
}

INLINE __mmask16 first_lanes(int count)
{
    return count >= TILE ? 0xffff : count <= 0 ? 0 : (__mmask16)((1U << count) - 1);
}

/* 16 numbers and the 16 after them, rounded to nearest even; magnitudes below 2^-126 become 0. */
INLINE __m512i to_bf16(__m512 high, __m512 low)
{
    __m512bh v = _mm512_cvtne2ps_pbh(high, low);
    __m512i bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* As many of 32 numbers as there are, rounded, and zeros. */
INLINE __m512i round_step(const float *x, int count)
{
    return to_bf16(_mm512_maskz_loadu_ps(first_lanes(count - TILE), x + TILE),
                   _mm512_maskz_loadu_ps(first_lanes(count), x));
}

/* Rows of k pairs out of two rows of k, side by side: the order of a tile of B. */
INLINE __m512i to_pairs(__m512 odd, __m512 even)
{
    static const uint16_t interleave[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                            8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    return _mm512_permutexvar_epi16(_mm512_loadu_si512(interleave), to_bf16(odd, even));
}

/* Numbers from one row of A to the next: an odd count of cache lines, so that the rows of a tile fall into
 * different sets of the first-level cache. */
INLINE size_t row_stride(int depth)
{
    return (size_t)((depth + STEP - 1) / STEP | 1) * STEP;
}

/* `total` cut into as few pieces of at most `most` as possible, all about as long, multiples of `unit`. */
INLINE int even_piece(int total, int most, int unit)
{
    int pieces = ceil_div(total, most);
    return ceil_div(ceil_div(total, pieces), unit) * unit;
}

#endif
