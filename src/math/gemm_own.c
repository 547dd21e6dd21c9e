#include "src/math/gemm_own.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/arena.h"
#include "src/base/bounds.h"

/* A strip of B, DEPTH x a strip's columns, stays in the first-level cache while HEIGHT rows of A pass; those,
 * and WIDTH columns of their results, in the second-level cache. HEIGHT is a multiple of KERNELS_PANEL. */
enum { DEPTH = 128, HEIGHT = 384, WIDTH = 512 };

typedef struct operands {
    const kernels *own;
    int n;
    mat a, b;
    const real *ordered; /* B as gemm_order leaves it; NULL: b */
    mat_out c;
} operands;

typedef struct block {
    int i, height, j, width, l, depth; /* rows and columns of C, lines of k */
    const real *x;                     /* these rows and lines of A: where they lie, or in panels */
} block;

static size_t up(const kernels *own, int n)
{
    size_t unit = own->f32.gemm_columns;
    return (n + unit - 1) / unit * unit;
}

static void fill_strip(const operands *o, int l, int depth, int j, int cols, real *to)
{
    const kernels_f32 *own = &o->own->f32;
    mat b = mat_from(o->b, l, j);
    (b.op == GEMM_N ? own->gemm_strip_rows : own->gemm_strip_columns)(depth, cols, b.data, b.ld, to);
}

/* Ordered: the strips of the first DEPTH lines, those of the next ... */
static size_t strip_start(const operands *o, int l, int depth, int j)
{
    return l * up(o->own, o->n) + (size_t)j * depth;
}

static const real *strip_at(const operands *o, int l, int depth, int j)
{
    return o->ordered + strip_start(o, l, depth, j);
}

static void add_block(const operands *o, const block *p, bool add)
{
    _Alignas(64) real strip[DEPTH * KERNELS_STRIP];
    size_t i = p->i;
    kernels_gemm g = {.rows = p->height, .k = p->depth, .add = add, .w = strip, .ldy = o->c.ld};
    g.row = o->a.op == GEMM_N ? o->a.ld : 0;
    g.x = p->x;
    for (int j = p->j, end = p->j + p->width; j < end; j += o->own->f32.gemm_columns) {
        g.cols = min_int(end - j, o->own->f32.gemm_columns);
        g.y = o->c.data + i * o->c.ld + j;
        if (o->ordered) {
            g.w = strip_at(o, p->l, p->depth, j);
            g.next = j + o->own->f32.gemm_columns < o->n
                         ? strip_at(o, p->l, p->depth, j + o->own->f32.gemm_columns)
                         : NULL;
        } else
            fill_strip(o, p->l, p->depth, j, g.cols, strip);
        o->own->f32.gemm_strip(&g);
    }
}

/* What is there already, times beta. */
static void scale(int m, int n, real beta, real *c, int ldc)
{
    for (int i = 0; i < m; i++, c += ldc)
        if (beta == 0)
            memset(c, 0, n * sizeof *c);
        else
            for (int j = 0; j < n; j++) c[j] *= beta;
}

static const real *rows_of_a(const operands *o, const block *p, real *panels)
{
    mat a = mat_from(o->a, p->i, p->l);
    if (!panels) return a.data;
    o->own->f32.gemm_panels(p->depth, p->height, a.data, a.ld, panels);
    return panels;
}

/* Columns begin..end-1 of C; `panels` for HEIGHT rows of a transposed A, else NULL. */
static void add_blocks(const operands *o, int m, int begin, int end, int k, bool add, real *panels)
{
    int most = k <= DEPTH ? end - begin : WIDTH; /* C is passed once */
    for (int i = 0; i < m; i += HEIGHT)
        for (int j = begin; j < end; j += most)
            for (int l = 0; l < k; l += DEPTH) {
                block part = {i, min_int(m - i, HEIGHT), j,   min_int(end - j, most),
                              l, min_int(k - l, DEPTH),  NULL};
                part.x = rows_of_a(o, &part, panels);
                add_block(o, &part, add || l > 0);
            }
}

/* ---- memory for panels, one per thread: a large page, as on the stack they lie in 48 small ones ---- */

enum { PANEL_BYTES = 2 << 20 };
static_assert(DEPTH * HEIGHT * sizeof(real) <= PANEL_BYTES && HEIGHT % KERNELS_PANEL == 0, "whole panels");

static pthread_key_t panels_key;
static bool panels_key_made;

static void make_panels_key(void)
{
    panels_key_made = pthread_key_create(&panels_key, free) == 0;
}

static real *thread_panels(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_panels_key);
    if (!panels_key_made) return NULL;
    real *panels = pthread_getspecific(panels_key);
    if (panels) return panels;
    panels = arena_lasting(PANEL_BYTES);
    if (!panels || !pthread_setspecific(panels_key, panels)) return panels;
    free(panels);
    return NULL;
}

static void add_transposed(const operands *o, int m, int begin, int end, int k, bool add)
{
    real *panels = thread_panels();
    if (panels)
        add_blocks(o, m, begin, end, k, add, panels);
    else {
        _Alignas(64) real on_stack[DEPTH * HEIGHT]; /* a product cannot fail */
        add_blocks(o, m, begin, end, k, add, on_stack);
    }
}

/* Columns begin..end-1 of C. */
static void multiply(const operands *o, int m, int begin, int end, int k, real beta)
{
    if ((k <= 0 || beta != 0) && beta != 1) scale(m, end - begin, beta, o->c.data + begin, o->c.ld);
    if (o->a.op == GEMM_T)
        add_transposed(o, m, begin, end, k, beta != 0);
    else
        add_blocks(o, m, begin, end, k, beta != 0, NULL);
}

void gemm_own(const kernels *own, gemm_shape s, mat a, mat b, real beta, mat_out c)
{
    operands o = {own, s.n, a, b, NULL, c};
    multiply(&o, s.m, 0, s.n, s.k, beta);
}

size_t gemm_ordered_count(const kernels *own, int n, int k)
{
    return up(own, n) * k;
}

typedef struct ordering {
    const operands *o;
    int k;
    real *to;
} ordering;

enum { STRIPS = 4 }; /* that a task orders */

static void order_some(void *ctx, int index, int worker)
{
    (void)worker;
    const ordering *c = ctx;
    const operands *o = c->o;
    int columns = o->own->f32.gemm_columns, begin = index * STRIPS * columns,
        end = min_int(begin + STRIPS * columns, o->n);
    for (int l = 0; l < c->k; l += DEPTH) {
        int depth = min_int(c->k - l, DEPTH);
        real *to = c->to + strip_start(o, l, depth, begin);
        for (int j = begin; j < end; j += columns, to += (size_t)depth * columns)
            fill_strip(o, l, depth, j, min_int(end - j, columns), to);
    }
}

void gemm_order(pool *threads, const kernels *own, int n, int k, mat b, real *to)
{
    operands o = {.own = own, .n = n, .b = b};
    ordering c = {&o, k, to};
    int strips = ceil_div(n, own->f32.gemm_columns);
    pool_run(threads, ceil_div(strips, STRIPS), order_some, &c);
}

typedef struct shared {
    const operands *o;
    int m, k, chunk;
    real beta;
} shared;

static void run_columns(void *ctx, int index, int worker)
{
    (void)worker;
    const shared *s = ctx;
    int begin = index * s->chunk;
    multiply(s->o, s->m, begin, min_int(begin + s->chunk, s->o->n), s->k, s->beta);
}

void gemm_own_ordered(pool *threads, const kernels *own, gemm_shape all, mat a, const real *ordered,
                      real beta, mat_out c)
{
    operands o = {own, all.n, a, {0}, ordered, c};
    int n = all.n;
    int count = pool_threads(threads), columns = own->f32.gemm_columns;
    int strips = ceil_div(n, columns);
    shared s = {&o, all.m, all.k, ceil_div(strips, count) * columns, beta};
    if (n > 0) pool_run(threads, ceil_div(n, s.chunk), run_columns, &s);
}
