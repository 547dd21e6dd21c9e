#include "cnn/pool.h"

#include <string.h>

typedef struct pool_ctx {
    nn_var *x, *y;
    int32_t *from; /* max: index into x of each winner */
    int kernel;
} pool_ctx;

static pool_ctx *start(nn_tape *t, nn_var *x, int h, int w, int kernel)
{
    nn_var *y = nn_result(t, 4, (int[]){x->dim[0], h, w, x->dim[3]}, nn_wants(t, x));
    pool_ctx *c = nn_alloc(t, sizeof *c);
    if (!y || !c) return NULL;
    *c = (pool_ctx){.x = x, .y = y, .kernel = kernel};
    return c;
}

static void max_backward(nn_tape *t, void *p)
{
    pool_ctx *c = p;
    real *dx = c->y->grad ? nn_grad_add(t, c->x) : NULL;
    for (size_t i = 0, n = nn_count(c->y); dx && i < n; i++) dx[c->from[i]] += c->y->grad[i];
}

static void max_pixel(pool_ctx *c, cnn_window win, int n, int oy, int ox)
{
    int h = c->x->dim[1], w = c->x->dim[2], ch = c->x->dim[3];
    size_t out = (((size_t)n * c->y->dim[1] + oy) * c->y->dim[2] + ox) * ch;
    bool first = true;
    for (int y = oy * win.stride - cnn_pad_before(h, win), ky = 0; ky < win.kernel; ky++, y++)
        for (int x = ox * win.stride - cnn_pad_before(w, win), kx = 0; kx < win.kernel; kx++, x++) {
            if (y < 0 || y >= h || x < 0 || x >= w) continue;
            size_t in = (((size_t)n * h + y) * w + x) * ch;
            for (int j = 0; j < ch; j++) {
                real v = c->x->data[in + j];
                if (!first && v <= c->y->data[out + j]) continue;
                c->y->data[out + j] = v;
                c->from[out + j] = (int32_t)(in + j);
            }
            first = false;
        }
}

/* ---- maximum, not recorded ---- */

typedef struct fast_max {
    const real *from;
    real *to;
    cnn_window win;
    int in, out; /* length of the side along which windows lie */
    size_t near; /* numbers from one step along that side to the next */
} fast_max;

/* to[out][near] = maxima over windows of from[in][near]; one line. */
static void max_line(const fast_max *m, const real *from, real *to)
{
    int before = cnn_pad_before(m->in, m->win);
    for (int o = 0; o < m->out; o++, to += m->near) {
        int start = o * m->win.stride - before, first = start < 0 ? 0 : start, last = start + m->win.kernel;
        last = last < m->in ? last : m->in;
        memcpy(to, from + first * m->near, m->near * sizeof *to);
        for (int i = first + 1; i < last; i++) {
            const real *x = from + i * m->near;
            for (size_t j = 0; j < m->near; j++) to[j] = x[j] > to[j] ? x[j] : to[j];
        }
    }
}

static void max_lines(void *p, size_t begin, size_t end)
{
    const fast_max *m = p;
    for (size_t i = begin; i < end; i++)
        max_line(m, m->from + i * m->in * m->near, m->to + i * m->out * m->near);
}

static nn_var *max_unrecorded(nn_tape *t, const nn_var *x, cnn_window win, const int dim[4])
{
    nn_var *y = nn_result(t, 4, dim, false);
    size_t ch = dim[3], rows = (size_t)x->dim[0] * x->dim[1], wide = dim[2] * ch;
    arena_mark mark = arena_save(t->mem);
    real *between = nn_scratch(t, rows * wide * sizeof *between);
    if (!y || !between) return NULL;
    fast_max across = {x->data, between, win, x->dim[2], dim[2], ch},
             down = {between, y->data, win, x->dim[1], dim[1], wide};
    nn_parallel(t, rows, 4, max_lines, &across);
    nn_parallel(t, dim[0], 1, max_lines, &down);
    arena_rewind(t->mem, mark);
    return y;
}

nn_var *cnn_max_pool(nn_tape *t, nn_var *x, cnn_window win)
{
    if (t->failed || !x) return NULL;
    int dim[4] = {x->dim[0], cnn_out_size(x->dim[1], win), cnn_out_size(x->dim[2], win), x->dim[3]};
    if (!nn_wants(t, x)) return max_unrecorded(t, x, win, dim);
    pool_ctx *c = start(t, x, dim[1], dim[2], win.kernel);
    if (!c || !(c->from = nn_scratch(t, nn_count(c->y) * sizeof *c->from))) return NULL;
    for (int n = 0; n < x->dim[0]; n++)
        for (int oy = 0; oy < c->y->dim[1]; oy++)
            for (int ox = 0; ox < c->y->dim[2]; ox++) max_pixel(c, win, n, oy, ox);
    nn_record(t, max_backward, c);
    return t->failed ? NULL : c->y;
}

/* ---- means ---- */

/* Row of y that input row r (n, iy) at column ix belongs to; false outside the windows. */
static bool window_of(const pool_ctx *c, int n, int iy, int ix, size_t *out)
{
    int oy = iy / c->kernel, ox = ix / c->kernel;
    if (oy >= c->y->dim[1] || ox >= c->y->dim[2]) return false;
    *out = (((size_t)n * c->y->dim[1] + oy) * c->y->dim[2] + ox) * c->y->dim[3];
    return true;
}

/* Adds x to its windows' sums in y (dy NULL), or dy to dx. */
static void avg_pass(const pool_ctx *c, real *y, const real *x, real *dx, const real *dy)
{
    int ch = c->x->dim[3];
    real share = 1 / (real)(c->kernel * c->kernel);
    size_t in = 0, out;
    for (int n = 0; n < c->x->dim[0]; n++)
        for (int iy = 0; iy < c->x->dim[1]; iy++)
            for (int ix = 0; ix < c->x->dim[2]; ix++, in += ch) {
                if (!window_of(c, n, iy, ix, &out)) continue;
                for (int j = 0; dx && j < ch; j++) dx[in + j] += share * dy[out + j];
                for (int j = 0; !dx && j < ch; j++) y[out + j] += share * x[in + j];
            }
}

static void avg_backward(nn_tape *t, void *p)
{
    pool_ctx *c = p;
    real *dx = c->y->grad ? nn_grad_add(t, c->x) : NULL;
    if (dx) avg_pass(c, NULL, NULL, dx, c->y->grad);
}

nn_var *cnn_avg_pool(nn_tape *t, nn_var *x, int kernel)
{
    if (t->failed || !x) return NULL;
    pool_ctx *c = start(t, x, x->dim[1] / kernel, x->dim[2] / kernel, kernel);
    if (!c) return NULL;
    for (size_t i = 0, n = nn_count(c->y); i < n; i++) c->y->data[i] = 0;
    avg_pass(c, c->y->data, x->data, NULL, NULL);
    if (c->y->wants_grad) nn_record(t, avg_backward, c);
    return t->failed ? NULL : c->y;
}

nn_var *cnn_global_mean(nn_tape *t, nn_var *x)
{
    if (t->failed || !x) return NULL;
    return nn_mean(t, nn_reshape(t, x, 3, (int[]){x->dim[0], x->dim[1] * x->dim[2], x->dim[3]}), NULL);
}
