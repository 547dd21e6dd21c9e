/* The eight tiles of AMX in plain C, in the place of the instructions (CMake: CAPTION_EMULATE_AMX), so that the tests
 * run the kernels of amx*.c on a CPU that has AVX-512 and bf16 but no tiles. Included by amx_tiles.h alone. A tile
 * here always has 16 rows of 64 bytes, as the kernels configure them; what is used without being configured ends the
 * program, as it would there. */
#ifndef MATH_X86_AMX_EMULATED_H
#define MATH_X86_AMX_EMULATED_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { EMULATED_TILES = 8, EMULATED_ROWS = 16, EMULATED_BYTES = 64 };

typedef uint8_t emulated_tile[EMULATED_ROWS][EMULATED_BYTES];

/* Of a thread, and of each file that uses tiles: none leaves anything in them for another. */
static _Thread_local emulated_tile emulated_tiles[EMULATED_TILES];
static _Thread_local bool emulated_ready;

static inline uint8_t (*emulated(int tile))[EMULATED_BYTES]
{
    if (!emulated_ready) __builtin_trap();
    return emulated_tiles[tile];
}

static inline void emulated_configure(bool ready)
{
    emulated_ready = ready;
    memset(emulated_tiles, 0, sizeof emulated_tiles);
}

static inline void emulated_load(int tile, const void *from, size_t stride)
{
    for (size_t i = 0; i < EMULATED_ROWS; i++)
        memcpy(emulated(tile)[i], (const uint8_t *)from + i * stride, EMULATED_BYTES);
}

static inline void emulated_store(int tile, void *to, size_t stride)
{
    for (size_t i = 0; i < EMULATED_ROWS; i++)
        memcpy((uint8_t *)to + i * stride, emulated(tile)[i], EMULATED_BYTES);
}

static inline float emulated_bf16(const uint8_t *at)
{
    uint16_t half;
    float x;
    memcpy(&half, at, sizeof half);
    uint32_t bits = (uint32_t)half << 16;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* c[i, j] += the sum over pairs k of a[i, k] b[k, j]; rows of a and b are pairs of bf16, those of c are f32. */
static inline void emulated_product(int c, int a, int b)
{
    for (int i = 0; i < EMULATED_ROWS; i++)
        for (int k = 0; k < EMULATED_ROWS; k++) {
            const uint8_t *x = emulated(a)[i] + 4 * k;
            for (int j = 0; j < EMULATED_ROWS; j++) {
                const uint8_t *y = emulated(b)[k] + 4 * j;
                float sum;
                memcpy(&sum, emulated(c)[i] + 4 * j, sizeof sum);
                sum += emulated_bf16(x) * emulated_bf16(y);
                sum += emulated_bf16(x + 2) * emulated_bf16(y + 2);
                memcpy(emulated(c)[i] + 4 * j, &sum, sizeof sum);
            }
        }
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stream_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#define _tile_loadconfig(config) ((void)(config), emulated_configure(true))
#define _tile_release() emulated_configure(false)
#define _tile_zero(tile) memset(emulated(tile), 0, sizeof(emulated_tile))
#define _tile_loadd emulated_load
#define _tile_stream_loadd emulated_load
#define _tile_stored emulated_store
#define _tile_dpbf16ps emulated_product

#endif
