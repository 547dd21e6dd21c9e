/* Tiles work for 16 cycles after each instruction, and nothing but loads keeps the rest of a core busy then.
 * Hence three things go on at once: the product of a block in tiles, the way of the results before it from
 * scratch memory to y, and the rounding of the rows after it. Both others are done a little at every step.
 *
 * Results never go from tiles straight to y: 32 lines of a wide y fall into two sets of the first-level
 * cache. See tools/SPEED.md for what each of these gives. */
#include "src/math/x86/amx_rows.h"

#include <math.h>

#include "src/math/x86/amx_tiles.h"

enum {
    AHEAD = 256,     /* numbers of a row that are fetched before they are rounded */
    SAME_SETS = 512, /* rows of y that are a multiple of 2 KiB apart */
    SMALL = 1 << 18, /* numbers of y, 1 MiB */
    NEAR = 1 << 18,  /* of rounded rows, half a MiB, which are in the second-level cache */
    LINE_U16 = 32,
    ROWS_U16 = BLOCK * (AMX_ROWS_DEPTH + STEP),
};

/* A block of results on its way from scratch memory to y. */
typedef struct drain {
    const float *part; /* [32,32] */
    float *y;
    uint16_t *rounded; /* not NULL: in place of y */
    size_t ldy;
    int left; /* rows */
    __mmask16 low, high;
    bool finish;
    float beta;
    __m512 bias[2], least, most;
} drain;

/* Rows of x on their way to `to`. */
typedef struct rounding {
    const float *x;
    uint16_t *to;
    size_t ldx, stride;
    int left, at, depth; /* rows; in the first of them: numbers done and all */
} rounding;

/* Rounded rows that are wanted next, on their way to the second-level cache. */
typedef struct coming {
    const uint16_t *at;
    int left, at_once; /* lines; those of a step */
} coming;

typedef struct work {
    drain out, next; /* `next` is what is being computed: its place in y is fetched */
    rounding in;
    coming soon;
    bool fetch;
    int drains, rounds; /* per step */
} work;

/* NaN, the second operand, passes both bounds. */
INLINE __m512 finished(const drain *d, int half, __m512 v)
{
    return _mm512_min_ps(d->most, _mm512_max_ps(d->least, _mm512_add_ps(v, d->bias[half])));
}

/* Results of one half of a block's row that are added to y, or not finished, or both. */
INLINE __m512 added(const drain *d, int half, __m512 v, const float *y, __mmask16 lanes)
{
    if (d->beta != 0) v = _mm512_fmadd_ps(_mm512_set1_ps(d->beta), _mm512_maskz_loadu_ps(lanes, y), v);
    return d->finish ? finished(d, half, v) : v;
}

/* Each of the three loops asks nothing inside: they take as long as two or three steps of the tiles. */
INLINE void drain_rows(drain *d, int count)
{
    const drain from = *d;
    int rows = min_int(count, from.left);
    const float *part = from.part;
    float *y = from.y;
    d->left -= rows;
    d->part += rows * BLOCK;
    if (from.rounded) {
        uint16_t *to = from.rounded;
        __mmask32 lanes = (__mmask32)from.high << TILE | from.low;
        d->rounded += rows * from.ldy;
        for (; rows > 0; rows--, part += BLOCK, to += from.ldy)
            _mm512_mask_storeu_epi16(to, lanes,
                                     to_bf16(finished(&from, 1, _mm512_load_ps(part + TILE)),
                                             finished(&from, 0, _mm512_load_ps(part))));
        return;
    }
    d->y += rows * from.ldy;
    if (from.beta == 0 && from.finish)
        for (; rows > 0; rows--, part += BLOCK, y += from.ldy) {
            _mm512_mask_storeu_ps(y, from.low, finished(&from, 0, _mm512_load_ps(part)));
            _mm512_mask_storeu_ps(y + TILE, from.high, finished(&from, 1, _mm512_load_ps(part + TILE)));
        }
    for (; rows > 0; rows--, part += BLOCK, y += from.ldy) {
        __m512 v = added(&from, 0, _mm512_load_ps(part), y, from.low);
        __m512 u = added(&from, 1, _mm512_load_ps(part + TILE), y + TILE, from.high);
        _mm512_mask_storeu_ps(y, from.low, v);
        _mm512_mask_storeu_ps(y + TILE, from.high, u);
    }
}

/* What y holds is read, even if it is but overwritten: from the third-level cache or from memory this takes
 * as long as several steps. A small y is in the second-level cache or does not matter; and lines that all
 * fall into one or two sets of the first-level cache would only push each other out of it. */
static bool wants_fetching(const amx_rows *p)
{
    return p->y && p->rows * p->ldy > SMALL && p->ldy % SAME_SETS != 0;
}

INLINE void fetch_rows(const drain *d, int from, int count)
{
    const float *y = d->y + from * d->ldy;
    for (int i = from; i < from + count && i < d->left; i++, y += d->ldy) {
        __builtin_prefetch(y, 1);
        __builtin_prefetch(y + TILE, 1);
    }
}

/* `count` times 32 numbers, as far as there are any. */
INLINE void round_some(rounding *r, int count)
{
    while (r->left > 0 && count > 0) {
        const float *x = r->x + r->at;
        uint16_t *to = r->to + r->at;
        int whole = min_int(count, (r->depth - r->at) / STEP);
        for (int i = 0; i < whole; i++, x += STEP, to += STEP) {
            _mm_prefetch((const char *)(x + AHEAD), _MM_HINT_T0);
            _mm_prefetch((const char *)(x + AHEAD + TILE), _MM_HINT_T0);
            _mm512_store_si512(to, to_bf16(_mm512_loadu_ps(x + TILE), _mm512_loadu_ps(x)));
        }
        r->at += whole * STEP;
        count -= whole;
        int rest = r->depth - r->at;
        if (rest > 0 && count == 0) return;
        if (rest > 0) {
            _mm512_store_si512(to, round_step(x, rest));
            count--;
        }
        r->at = 0;
        r->x += r->ldx;
        r->to += r->stride;
        r->left--;
    }
}

INLINE void fetch_some(coming *c)
{
    for (int i = min_int(c->at_once, c->left); i > 0; i--, c->left--, c->at += LINE_U16)
        _mm_prefetch((const char *)c->at, _MM_HINT_T1);
}

/* part[32,32] = rows times a panel, and the other work on the way. */
INLINE void multiply(const uint16_t *a, size_t stride, const uint16_t *panel, int steps, bool backward,
                     bool upper, bool passing, float *part, work *w)
{
    ptrdiff_t next_a = STEP, next_panel = PANEL_U16;
    if (backward) {
        a += (steps - 1) * next_a;
        panel += (steps - 1) * next_panel;
        next_a = -next_a;
        next_panel = -next_panel;
    }
    bool nothing_to_round = w->in.left == 0; /* rounding keeps stores awake, too */
    TILES_BARRIER();
    tiles_clear();
    for (int s = 0; s < steps; s++, a += next_a, panel += next_panel) {
        tiles_step(a, stride * sizeof *a, panel, upper, passing);
        if (nothing_to_round && s % AWAKE == AWAKE - 1) tiles_stay_awake();
        if (w->fetch) fetch_rows(&w->next, s * w->drains, w->drains);
        drain_rows(&w->out, w->drains);
        if (w->in.left > 0)
            round_some(&w->in, w->rounds);
        else if (w->soon.left > 0)
            fetch_some(&w->soon);
    }
    tiles_store(part, BLOCK, upper);
    TILES_BARRIER();
}

static void drain_begin(drain *d, const amx_rows *p, const float *part, int i, int j)
{
    const kernels_finish *f = p->finish;
    d->part = part;
    size_t at = i * p->ldy + j;
    d->y = p->y ? p->y + at : NULL;
    d->rounded = p->rounded_y ? p->rounded_y + at : NULL;
    d->ldy = p->ldy;
    d->left = min_int(p->rows - i, BLOCK);
    d->low = first_lanes(p->cols - j);
    d->high = first_lanes(p->cols - j - TILE);
    d->beta = p->beta;
    d->finish = f != NULL;
    d->bias[0] = d->bias[1] = _mm512_setzero_ps();
    if (f && f->bias) {
        d->bias[0] = _mm512_maskz_loadu_ps(d->low, f->bias + j);
        d->bias[1] = _mm512_maskz_loadu_ps(d->high, f->bias + j + TILE);
    }
    d->least = _mm512_set1_ps(f ? f->low : -INFINITY);
    d->most = _mm512_set1_ps(f ? f->high : INFINITY);
}

/* Where the rows from i on lie rounded, or will. */
static uint16_t *place_of(const amx_rows *p, int i, uint16_t *passing)
{
    return p->keep ? p->keep + i * row_stride(p->depth) : passing;
}

/* The block of rounded rows from i on, unless there is none or all of them are near. */
static coming coming_of(const amx_rows *p, int i)
{
    size_t stride = row_stride(p->depth);
    coming c = {NULL, 0, 0};
    if (p->x || i >= p->rows || p->rows * stride <= NEAR) return c;
    c.at = p->rounded + i * stride;
    c.left = min_int(p->rows - i, BLOCK) * (int)(stride / LINE_U16);
    c.at_once = ceil_div(c.left, ceil_div(p->depth, STEP) * ceil_div(p->cols, BLOCK));
    return c;
}

static rounding rounding_of(const amx_rows *p, int i, uint16_t *passing)
{
    uint16_t *to = place_of(p, i, passing);
    rounding r = {p->x + i * p->ldx, to, p->ldx, row_stride(p->depth), 0, 0, p->depth};
    r.left = p->x && i < p->rows ? min_int(p->rows - i, BLOCK) : 0;
    return r;
}

/* All columns of the rows from i on, which lie rounded at a. */
static void multiply_rows(const amx_rows *p, int i, const uint16_t *a, float *part, work *w)
{
    int steps = ceil_div(p->depth, STEP);
    size_t stride = row_stride(p->depth);
    const uint16_t *panel = p->panels;
    bool backward = p->odd, passing = panels_pass(p->cols, p->depth);
    for (int j = 0; j < p->cols; j += BLOCK, panel += p->panel, backward = !backward) {
        drain_begin(&w->next, p, part, i, j);
        if (p->rows - i <= TILE)
            multiply(a, stride, panel, steps, backward, true, true, part, w);
        else if (passing)
            multiply(a, stride, panel, steps, backward, false, true, part, w);
        else
            multiply(a, stride, panel, steps, backward, false, false, part, w);
        w->out = w->next;
    }
}

void amx_rows_product(const amx_rows *p)
{
    uint16_t rounded[2][ROWS_U16] __attribute__((aligned(64)));
    float part[BLOCK * BLOCK] __attribute__((aligned(64)));
    int steps = ceil_div(p->depth, STEP);
    work w = {.drains = ceil_div(BLOCK, steps), .rounds = ceil_div(BLOCK, ceil_div(p->cols, BLOCK))};
    w.fetch = wants_fetching(p);
    tiles_configure();
    w.in = rounding_of(p, 0, rounded[0]);
    round_some(&w.in, BLOCK * steps);
    for (int i = 0, turn = 0; i < p->rows; i += BLOCK, turn ^= 1) {
        const uint16_t *a = p->x ? place_of(p, i, rounded[turn]) : p->rounded + i * row_stride(p->depth);
        w.in = rounding_of(p, i + BLOCK, rounded[turn ^ 1]);
        w.soon = coming_of(p, i + BLOCK);
        multiply_rows(p, i, a, part, &w);
        round_some(&w.in, BLOCK * steps);
    }
    drain_rows(&w.out, BLOCK);
    _tile_release();
}
