/* With few k it is the way out that takes long: a block of 32 x 32 results takes 4 products of 16 cycles for
 * every 32 k, and about 160 cycles to be biased, bounded, rounded and written. Both must go on at once, but a
 * core looks only a hundred waiting operations ahead. Hence
 *
 *   - after every single product of tiles comes a share of the rows of an earlier block, and how many is
 *     known when this is compiled: nothing is counted on the way;
 *   - a block's tiles are not stored when it is done, which would wait for the last of its products, but one
 *     by one before the first products of the next.
 *
 * So while one block is multiplied, the one before goes from tiles to scratch memory, and the one before that
 * from scratch memory to y. */
#include "src/math/x86/amx_shallow.h"

#include <math.h>

#include "src/math/x86/amx_tiles.h"

enum {
    STEPS_MAX = 7, /* beyond, amx_rows.c is as fast */
    ROWS_U16 = BLOCK * (STEPS_MAX * STEP + STEP),
};

/* Rows of a block: all 32, fewer, or no more than 16, which leaves the lower two tiles out. */
typedef enum block_height { WHOLE, PARTIAL, UPPER } block_height;

/* Of a block of results. */
typedef struct place {
    uint16_t *y;
    const float *bias;
    __mmask32 lanes;
    int rows;
} place;

typedef struct state {
    place now, before, out;  /* being multiplied; leaving the tiles; on its way to y */
    float *leaving, *parted; /* [32,32] each: scratch memory of `before` and of `out` */
    size_t ldy;
    bool passing; /* panels */
    __m512 least, most;
    /* rows of x on their way to `to` */
    const float *x;
    uint16_t *to;
    size_t ldx, stride;
    int left, at_once;
    int last; /* numbers in the last step of a row */
} state;

/* Rows from..to-1 of `out`. NaN, the second operand, passes both bounds. */
INLINE void put_rows(const state *s, block_height height, int from, int to)
{
    const place *p = &s->out;
    const float *part = s->parted + from * BLOCK;
    uint16_t *y = p->y + from * s->ldy;
    __m512 first = _mm512_maskz_loadu_ps((__mmask16)p->lanes, p->bias),
           second = _mm512_maskz_loadu_ps((__mmask16)(p->lanes >> TILE), p->bias + TILE);
    if (height != WHOLE) to = min_int(to, p->rows);
#pragma GCC unroll 32
    for (int r = from; r < to; r++, part += BLOCK, y += s->ldy) {
        __m512 low = _mm512_add_ps(_mm512_load_ps(part), first),
               high = _mm512_add_ps(_mm512_load_ps(part + TILE), second);
        low = _mm512_min_ps(s->most, _mm512_max_ps(s->least, low));
        high = _mm512_min_ps(s->most, _mm512_max_ps(s->least, high));
        _mm512_mask_storeu_epi16(y, p->lanes, to_bf16(high, low));
    }
}

INLINE void round_rows(state *s, int steps, int count)
{
    for (int r = min_int(count, s->left); r > 0; r--, s->left--, s->x += s->ldx, s->to += s->stride)
#pragma GCC unroll 8
        for (int i = 0; i < steps; i++)
            _mm512_store_si512(s->to + i * STEP,
                               round_step(s->x + i * STEP, i == steps - 1 ? s->last : STEP));
}

/* A tile of `before` makes room for one of `now`. */
#define LEAVE(tile, at)                                                                                      \
    do {                                                                                                     \
        _tile_stored(tile, s->leaving + (at), BLOCK * sizeof(float));                                        \
        _tile_zero(tile);                                                                                    \
    } while (0)

/* One of the 4 * steps shares of the rows of `out`. */
INLINE void put_share(const state *s, block_height height, int steps, int share)
{
    put_rows(s, height, BLOCK * share / (4 * steps), BLOCK * (share + 1) / (4 * steps));
}

/* Multiplies `now`, 32 rows of A with a panel, and moves the two blocks before it on. `backward`: from the
 * last k to the first, as amx_rows.c walks every second panel. */
INLINE void multiply(const state *s, block_height height, int steps, const uint16_t *a, const uint16_t *panel,
                     bool backward)
{
    ptrdiff_t next_a = backward ? -STEP : STEP, next_panel = backward ? -PANEL_U16 : PANEL_U16;
    size_t bytes = s->stride * sizeof *a;
    a += backward ? (steps - 1) * STEP : 0;
    panel += backward ? (steps - 1) * PANEL_U16 : 0;
    bool lower = height != UPPER, lower_leaves = lower || s->before.rows > TILE;
    TILES_BARRIER();
#pragma GCC unroll 8
    for (int i = 0; i < steps; i++, a += next_a, panel += next_panel) {
        LOAD_OF_PANEL(6, panel, s->passing);
        _tile_loadd(4, a, bytes);
        if (i == 0) LEAVE(0, 0);
        _tile_dpbf16ps(0, 4, 6);
        put_share(s, height, steps, 4 * i);
        LOAD_OF_PANEL(7, panel + TILE_U16, s->passing);
        if (i == 0) LEAVE(1, TILE);
        _tile_dpbf16ps(1, 4, 7);
        put_share(s, height, steps, 4 * i + 1);
        if (lower) _tile_loadd(5, a + TILE * s->stride, bytes);
        if (i == 0 && lower_leaves) LEAVE(2, TILE * BLOCK);
        if (lower) _tile_dpbf16ps(2, 5, 6);
        put_share(s, height, steps, 4 * i + 2);
        if (i == 0 && lower_leaves) LEAVE(3, TILE * BLOCK + TILE);
        if (lower) _tile_dpbf16ps(3, 5, 7);
        put_share(s, height, steps, 4 * i + 3);
    }
    TILES_BARRIER();
}

/* What left the tiles goes to y next. */
INLINE void move_on(state *s)
{
    float *free = s->parted;
    s->parted = s->leaving;
    s->leaving = free;
    s->out = s->before;
    s->before = s->now;
}

static place place_of(const amx_rows *p, int i, int j)
{
    static const float none[BLOCK];
    int cols = p->cols - j;
    return (place){.y = p->rounded_y + i * p->ldy + j,
                   .bias = p->finish && p->finish->bias ? p->finish->bias + j : none,
                   .lanes = (__mmask32)first_lanes(cols - TILE) << TILE | first_lanes(cols),
                   .rows = min_int(p->rows - i, BLOCK)};
}

/* Nothing is in the tiles and in scratch memory yet: what is put away of it goes where the first block will
 * go. */
static state begin(const amx_rows *p, int steps, float part[2][BLOCK * BLOCK])
{
    memset(part, 0, sizeof(float[2][BLOCK * BLOCK]));
    const kernels_finish *f = p->finish;
    state s = {.leaving = part[0], .parted = part[1], .ldy = p->ldy, .x = p->x, .ldx = p->ldx};
    s.before = s.out = place_of(p, 0, 0);
    s.least = _mm512_set1_ps(f ? f->low : -INFINITY);
    s.most = _mm512_set1_ps(f ? f->high : INFINITY);
    s.stride = row_stride(p->depth);
    s.passing = panels_pass(p->cols, p->depth);
    s.at_once = ceil_div(BLOCK, ceil_div(p->cols, BLOCK));
    s.last = p->depth - (steps - 1) * STEP;
    return s;
}

INLINE void product(const amx_rows *p, int steps)
{
    uint16_t rounded[2][ROWS_U16] __attribute__((aligned(64)));
    float part[2][BLOCK * BLOCK] __attribute__((aligned(64)));
    state s = begin(p, steps, part);
    tiles_configure();
    s.to = rounded[0];
    s.left = min_int(p->rows, BLOCK);
    round_rows(&s, steps, BLOCK);
    for (int i = 0, turn = 0; i < p->rows; i += BLOCK, turn ^= 1) {
        s.to = rounded[turn ^ 1];
        s.left = min_int(p->rows - i - BLOCK, BLOCK);
        const uint16_t *a = rounded[turn], *panel = p->panels;
        bool backward = p->odd;
        for (int j = 0; j < p->cols; j += BLOCK, panel += p->panel, backward = !backward) {
            s.now = place_of(p, i, j);
            if (s.now.rows == BLOCK)
                multiply(&s, WHOLE, steps, a, panel, backward);
            else if (s.now.rows > TILE)
                multiply(&s, PARTIAL, steps, a, panel, backward);
            else
                multiply(&s, UPPER, steps, a, panel, backward);
            move_on(&s);
            round_rows(&s, steps, s.at_once);
        }
    }
    put_rows(&s, PARTIAL, 0, BLOCK);
    tiles_store(s.leaving, BLOCK, false);
    TILES_BARRIER();
    move_on(&s);
    put_rows(&s, PARTIAL, 0, BLOCK);
    _tile_release();
}

#define PRODUCT(steps)                                                                                       \
    static void product_##steps(const amx_rows *p)                                                           \
    {                                                                                                        \
        product(p, steps);                                                                                   \
    }

PRODUCT(1)
PRODUCT(2)
PRODUCT(3)
PRODUCT(4)
PRODUCT(5)
PRODUCT(6)
PRODUCT(7)

bool amx_shallow_suits(const amx_rows *p)
{
    return p->rounded_y && p->x && p->depth > 0 && p->depth <= STEPS_MAX * STEP;
}

void amx_shallow_product(const amx_rows *p)
{
    static void (*const products[STEPS_MAX])(const amx_rows *) = {product_1, product_2, product_3, product_4,
                                                                  product_5, product_6, product_7};
    products[ceil_div(p->depth, STEP) - 1](p);
}
