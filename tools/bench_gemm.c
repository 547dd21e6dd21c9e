/* Benchmarks of products: matrices, convolutions, and what the CPU multiplies at most. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cnn/conv2d.h"
#include "src/math/packed.h"
#include "tools/bench.h"

/* All matrices come from an arena, as those of a training step do. */
typedef struct product {
    arena memory, step;
    real *x, *w, *y;
    packed *packed;
    nn_tape tape;      /* of a convolution */
    uint16_t *rounded; /* the wider of x and y, or NULL */
    uint16_t *peak;    /* panels for every thread */
} product;

static real *draw_matrix(product *s, size_t count)
{
    real *x = arena_array(&s->memory, count, sizeof *x);
    bench_draw(x, count);
    return x;
}

void bench_gemm_close(bench_case *c)
{
    product *s = c->state;
    if (!s) return;
    packed_free(&s->packed);
    arena_release(&s->memory);
    arena_release(&s->step);
    free(s);
}

/* ---- matrices ---- */

enum { SIDE = 1024 };

err_code bench_gemm_open(bench_case *c, error *err)
{
    product *s = c->state = calloc(1, sizeof *s);
    if (!s) return bench_no_memory(c, err);
    c->flops = 2.0 * SIDE * SIDE * SIDE;
    s->x = draw_matrix(s, SIDE * SIDE);
    s->w = draw_matrix(s, SIDE * SIDE);
    s->y = draw_matrix(s, SIDE * SIDE);
    return s->x && s->w && s->y ? ERR_OK : bench_no_memory(c, err);
}

err_code bench_gemm_run(bench_case *c, error *err)
{
    (void)err;
    product *s = c->state;
    gemm(bench_pool(c), c->row->precision, (gemm_shape){SIDE, SIDE, SIDE}, mat_n(s->x, SIDE),
         mat_n(s->w, SIDE), 0, (mat_out){s->y, SIDE});
    return ERR_OK;
}

err_code bench_packed_open(bench_case *c, error *err)
{
    err_code code = bench_gemm_open(c, err);
    if (code) return code;
    product *s = c->state;
    s->packed = packed_create(PACKED_BF16, SIDE, SIDE, mat_n(s->w, SIDE), NULL);
    return s->packed ? ERR_OK : bench_no_memory(c, err);
}

err_code bench_packed_run(bench_case *c, error *err)
{
    (void)err;
    product *s = c->state;
    packed_product_on(bench_pool(c), s->packed, SIDE, s->x, SIDE, 0, s->y, SIDE);
    return ERR_OK;
}

/* ---- convolutions with packed weights, as when captions are made ---- */

enum { PHOTOS = 16, AGAIN = 64 }; /* a 1x1 convolution of a photo is over too soon to be timed */

typedef struct shape {
    int side, in, out;
} shape;

static const shape shapes[] = {
    [BENCH_NARROWING] = {28, 144, 32}, /* of MobileNetV2, like the two that follow */
    [BENCH_WIDENING] = {14, 96, 576},
    [BENCH_DEEP_NARROWING] = {7, 960, 160},
    [BENCH_THREE_BY_THREE] = {20, 128, 128}, /* of small */
};

static err_code draw_shape(bench_case *c, int photos, int kernel, error *err)
{
    product *s = c->state = calloc(1, sizeof *s);
    if (!s) return bench_no_memory(c, err);
    const shape *p = &shapes[c->row->amount];
    int deep = kernel * kernel * p->in;
    size_t places = (size_t)photos * (p->side * p->side);
    c->flops = 2.0 * (double)places * deep * p->out;
    s->x = draw_matrix(s, places * p->in);
    s->w = draw_matrix(s, (size_t)deep * p->out);
    s->y = draw_matrix(s, places * p->out);
    if (!s->x || !s->w || !s->y) return bench_no_memory(c, err);
    s->packed = packed_create(gemm_rounds(c->row->precision) ? PACKED_BF16 : PACKED_F32, deep, p->out,
                              mat_n(s->w, p->out), NULL);
    return s->packed ? ERR_OK : bench_no_memory(c, err);
}

/* One photo, as in cnn/by_bands.c: its map stays in the second-level cache, and the wide one is bf16
 * where products round it anyway. */
err_code bench_pointwise_open(bench_case *c, error *err)
{
    err_code code = draw_shape(c, 1, 1, err);
    if (code) return code;
    product *s = c->state;
    const shape *p = &shapes[c->row->amount];
    int pixels = p->side * p->side;
    size_t stride = packed_rounded_stride(s->packed), wide = p->in > p->out ? stride : (size_t)p->out;
    if (stride) {
        s->rounded = arena_array(&s->memory, (pixels + PACKED_SPARE) * wide, sizeof *s->rounded);
        if (!s->rounded) return bench_no_memory(c, err);
        if (p->in > p->out) packed_round(s->packed, pixels, s->x, p->in, s->rounded);
    }
    c->flops *= AGAIN;
    return ERR_OK;
}

err_code bench_pointwise_run(bench_case *c, error *err)
{
    (void)err;
    product *s = c->state;
    const shape *p = &shapes[c->row->amount];
    int pixels = p->side * p->side;
    bool narrows = p->in > p->out;
    kernels_finish f = {NULL, narrows ? -INFINITY : 0, narrows ? INFINITY : 6};
    for (int i = 0; i < AGAIN; i++)
        if (!s->rounded)
            packed_product_finish(s->packed, pixels, s->x, p->in, &f, s->y, p->out);
        else if (narrows)
            packed_product_rounded(s->packed, pixels, s->rounded, &f, s->y, p->out);
        else
            packed_product_to_rounded(s->packed, pixels, s->x, p->in, &f, s->rounded, p->out);
    return ERR_OK;
}

enum { KERNEL = 3 };

err_code bench_conv_open(bench_case *c, error *err)
{
    return draw_shape(c, PHOTOS, KERNEL, err);
}

err_code bench_conv_run(bench_case *c, error *err)
{
    product *s = c->state;
    const shape *p = &shapes[c->row->amount];
    s->tape = (nn_tape){.mem = &s->step, .threads = bench_pool(c)};
    nn_begin(&s->tape);
    nn_var *x = nn_input(&s->tape, s->x, 4, (int[]){PHOTOS, p->side, p->side, p->in});
    nn_var *w = nn_input(&s->tape, s->w, 4, (int[]){KERNEL, KERNEL, p->in, p->out});
    if (!x || !w) return bench_no_memory(c, err);
    w->packed = s->packed;
    cnn_window win = {KERNEL, 1, KERNEL / 2};
    return cnn_conv2d(&s->tape, x, w, NULL, win, NN_RELU6) ? ERR_OK : bench_no_memory(c, err);
}

/* ---- nothing but multiplications ---- */

enum { PEAK_ROUNDS = 2000 };

err_code bench_peak_open(bench_case *c, error *err)
{
    product *s = c->state = calloc(1, sizeof *s);
    if (!s) return bench_no_memory(c, err);
    size_t threads = pool_threads(bench_pool(c)), count = threads * GEMM_PEAK_NUMBERS;
    s->peak = arena_array(&s->memory, count, sizeof *s->peak);
    s->x = draw_matrix(s, count);
    if (!s->peak || !s->x) return bench_no_memory(c, err);
    for (size_t i = 0; i < count; i++) { /* the upper half of an f32 is a bf16 */
        float x = (float)s->x[i];
        uint32_t bits;
        memcpy(&bits, &x, sizeof bits);
        s->peak[i] = (uint16_t)(bits >> 16);
    }
    c->flops = (double)threads * PEAK_ROUNDS * GEMM_PEAK_FLOPS;
    return ERR_OK;
}

static void multiply_panels(void *p, int index, int worker)
{
    const product *s = p;
    (void)worker;
    gemm_peak(s->peak + (size_t)index * GEMM_PEAK_NUMBERS, PEAK_ROUNDS);
}

err_code bench_peak_run(bench_case *c, error *err)
{
    (void)err;
    pool *threads = bench_pool(c);
    pool_run(threads, pool_threads(threads), multiply_panels, c->state);
    return ERR_OK;
}
