#include "cnn/maps.h"

#include <string.h>

/* Ops that copy runs of numbers from one place to another are a list of such runs, walked in both directions:
 * forward copies, backward adds. A run of part `part` lies at `from` in it, and at `to` in the result. */
enum { MAX_PARTS = 4 };

typedef struct copy_ctx copy_ctx;

struct copy_ctx {
    nn_var *x[MAX_PARTS], *y;
    int parts;
    /* The runs of row `row` of part `part`, one by one; see walk. */
    void (*walk)(const copy_ctx *c, int part, int row, bool back);
    const kernels *k;
    real *dx[MAX_PARTS];
};

static void move(const copy_ctx *c, int part, size_t from, size_t to, size_t count, bool back)
{
    if (!back)
        memcpy(c->y->data + to, c->x[part]->data + from, count * sizeof(real));
    else
        c->k->vector.add(c->y->grad + to, c->dx[part] + from, (int)count);
}

typedef struct part_walk {
    const copy_ctx *c;
    int part;
    bool back;
} part_walk;

static void walk_rows(void *p, size_t begin, size_t end)
{
    const part_walk *w = p;
    for (size_t row = begin; row < end; row++) w->c->walk(w->c, w->part, (int)row, w->back);
}

/* Rows of a part do not meet, in either direction. */
static void walk_part(nn_tape *t, const copy_ctx *c, int part, bool back)
{
    enum { ROWS = 4 };
    part_walk w = {c, part, back};
    nn_parallel(t, c->x[part]->dim[0] * c->x[part]->dim[1], ROWS, walk_rows, &w);
}

static void copy_backward(nn_tape *t, void *p)
{
    copy_ctx *c = p;
    for (int i = 0; c->y->grad && i < c->parts; i++)
        if ((c->dx[i] = nn_grad_add(t, c->x[i]))) walk_part(t, c, i, true);
}

static nn_var *copies(nn_tape *t, nn_var *const *x, int parts, const int dim[4],
                      void (*walk)(const copy_ctx *, int, int, bool))
{
    bool wants = false;
    for (int i = 0; i < parts; i++) wants = wants || nn_wants(t, x[i]);
    copy_ctx c = {.parts = parts, .walk = walk, .y = nn_result(t, 4, dim, wants), .k = t->k};
    if (!c.y) return NULL;
    for (int i = 0; i < parts; i++) {
        c.x[i] = x[i];
        walk_part(t, &c, i, false);
    }
    copy_ctx *kept = wants ? nn_alloc(t, sizeof *kept) : NULL;
    if (kept) {
        *kept = c;
        nn_record(t, copy_backward, kept);
    }
    return t->failed ? NULL : c.y;
}

static size_t row_start(const nn_var *v, int row)
{
    return (size_t)row * v->dim[2] * v->dim[3];
}

/* ---- side by side ---- */

static void concat_row(const copy_ctx *c, int part, int row, bool back)
{
    size_t own = c->x[part]->dim[3], all = c->y->dim[3], first = 0;
    for (int i = 0; i < part; i++) first += c->x[i]->dim[3];
    size_t from = row_start(c->x[part], row), to = row_start(c->y, row) + first;
    for (int i = 0; i < c->y->dim[2]; i++, from += own, to += all) move(c, part, from, to, own, back);
}

nn_var *cnn_concat(nn_tape *t, nn_var *const *x, int count)
{
    if (t->failed || !x[0]) return NULL;
    int dim[4] = {x[0]->dim[0], x[0]->dim[1], x[0]->dim[2], 0};
    for (int i = 0; i < count; i++) dim[3] += x[i]->dim[3];
    return copies(t, x, count, dim, concat_row);
}

/* ---- one after the other ---- */

static void stack_row(const copy_ctx *c, int part, int row, bool back)
{
    const nn_var *x = c->x[part];
    size_t before = 0, line = row_start(x, 1), photo = row / x->dim[1];
    for (int i = 0; i < part; i++) before += c->x[i]->dim[1] * row_start(c->x[i], 1);
    size_t to = photo * row_start(c->y, c->y->dim[1]) + before + row % x->dim[1] * line;
    move(c, part, row * line, to, line, back);
}

nn_var *cnn_stack(nn_tape *t, nn_var *const *x, int count)
{
    if (t->failed || !x[0]) return NULL;
    int dim[4] = {x[0]->dim[0], 0, 1, x[0]->dim[3]};
    for (int i = 0; i < count; i++) dim[1] += x[i]->dim[1] * x[i]->dim[2];
    return copies(t, x, count, dim, stack_row);
}

/* ---- larger and smaller maps ---- */

static void upsample_row(const copy_ctx *c, int part, int row, bool back)
{
    size_t ch = c->y->dim[3], from = row_start(c->x[0], row);
    for (int i = 0; i < c->x[0]->dim[2]; i++, from += ch)
        for (int k = 0; k < 4; k++)
            move(c, part, from, row_start(c->y, 2 * row + k / 2) + (2 * i + k % 2) * ch, ch, back);
}

nn_var *cnn_upsample(nn_tape *t, nn_var *x)
{
    if (t->failed || !x) return NULL;
    return copies(t, &x, 1, (int[]){x->dim[0], 2 * x->dim[1], 2 * x->dim[2], x->dim[3]}, upsample_row);
}

static void space_row(const copy_ctx *c, int part, int row, bool back)
{
    size_t ch = c->x[0]->dim[3], from = row_start(c->x[0], row);
    for (int i = 0; i < c->x[0]->dim[2]; i++, from += ch) {
        size_t quarter = row % 2 + i % 2 * 2;
        move(c, part, from, row_start(c->y, row / 2) + ((size_t)(i / 2) * 4 + quarter) * ch, ch, back);
    }
}

nn_var *cnn_space_to_depth(nn_tape *t, nn_var *x)
{
    if (t->failed || !x) return NULL;
    return copies(t, &x, 1, (int[]){x->dim[0], x->dim[1] / 2, x->dim[2] / 2, 4 * x->dim[3]}, space_row);
}

/* ---- channels times numbers ---- */

typedef struct scale_ctx {
    nn_var *x, *f, *y;
    real *dx;
} scale_ctx;

static void scale_pixels(void *p, size_t begin, size_t end)
{
    const scale_ctx *c = p;
    size_t ch = c->y->dim[3], photo = (size_t)c->y->dim[1] * c->y->dim[2];
    for (size_t i = begin; i < end; i++) {
        const real *x = c->x->data + i * ch, *f = c->f->data + i / photo * ch;
        real *restrict y = c->y->data + i * ch;
        for (size_t j = 0; j < ch; j++) y[j] = x[j] * f[j];
    }
}

static void scale_backward(nn_tape *t, void *p)
{
    scale_ctx *c = p;
    if (!c->y->grad) return;
    int ch = c->y->dim[3], pixels = c->y->dim[1] * c->y->dim[2];
    real *dx = nn_grad_add(t, c->x), *df = nn_grad_add(t, c->f);
    for (int i = 0; i < nn_rows(c->y); i++) {
        size_t at = (size_t)i * ch, of = (size_t)(i / pixels) * ch;
        if (dx) t->k->vector.product_add(c->y->grad + at, c->f->data + of, dx + at, ch);
        if (df) t->k->vector.product_add(c->y->grad + at, c->x->data + at, df + of, ch);
    }
}

nn_var *cnn_scale(nn_tape *t, nn_var *x, nn_var *f)
{
    if (t->failed || !x || !f) return NULL;
    scale_ctx now = {.x = x, .f = f, .y = nn_result(t, 4, x->dim, nn_wants(t, x) || nn_wants(t, f))};
    if (!now.y) return NULL;
    nn_parallel(t, nn_rows(x), 64, scale_pixels, &now);
    scale_ctx *c = now.y->wants_grad ? nn_alloc(t, sizeof *c) : NULL;
    if (c) {
        *c = now;
        nn_record(t, scale_backward, c);
    }
    return t->failed ? NULL : now.y;
}

/* ---- windows ---- */

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
