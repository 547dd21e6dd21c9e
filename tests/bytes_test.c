/* Maps of bytes (kernels_int8 of src/math/kernels.h): every table against sums in double precision and
 * against the plainest table, on odd sizes, with poisoned results and memory that ends where the operands
 * end. `bytes_test --time` prints what they reach. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "src/base/bounds.h"
#include "src/math/packed.h"
#include "tests/guarded.h"

enum { MOST_COLUMNS = 256, POISON = 0xa5 };

/* `count` random bytes right before a page that may not be touched. */
typedef struct bytes {
    float *block;
    size_t floats;
    uint8_t *at;
} bytes;

static bytes take_bytes(rng *r, size_t count)
{
    bytes b = {.floats = (count + 3) / 4 + 1};
    b.block = take_random(r, b.floats, 1);
    b.at = (uint8_t *)(b.block + b.floats) - count;
    for (size_t i = 0; i < count; i++) b.at[i] = (uint8_t)rng_below(r, 256);
    return b;
}

static void give_bytes(bytes *b)
{
    give(b->block, b->floats);
}

/* ---- what follows sums ---- */

/* Numbers such that results fill the range of bytes and go beyond it. */
typedef struct finishing {
    kernels_byte_finish f;
    int32_t start[MOST_COLUMNS];
    float factor[MOST_COLUMNS], shift[MOST_COLUMNS], silu[MOST_COLUMNS], plus_factor[MOST_COLUMNS];
} finishing;

/* deep: how many products are in a sum. */
static void take_finishing(rng *r, finishing *t, int deep, bool silu)
{
    double size = (silu ? 6 : 200) / (sqrt(deep) * 127 * 90);
    for (int j = 0; j < MOST_COLUMNS; j++) {
        t->start[j] = (int32_t)rng_below(r, 20000) - 10000;
        t->factor[j] = (float)(size * (0.5 + rng_uniform(r)));
        t->shift[j] = (float)(rng_uniform(r) * (silu ? 4 : 250));
        t->silu[j] = (float)(10 + 20 * rng_uniform(r));
        t->plus_factor[j] = (float)(0.2 + rng_uniform(r));
    }
    t->f = (kernels_byte_finish){.start = t->start,
                                 .factor = t->factor,
                                 .shift = t->shift,
                                 .silu = silu ? t->silu : NULL,
                                 .zero = 6,
                                 .plus_factor = t->plus_factor,
                                 .least = (int)rng_below(r, 2) * 9,
                                 .most = 255 - (int)rng_below(r, 2) * 30};
}

static double follows(const kernels_byte_finish *f, int j, double sum, size_t place)
{
    double v = sum * (double)f->factor[j] + (double)f->shift[j];
    if (f->plus) v += f->plus[place] * (double)f->plus_factor[j];
    return v;
}

static double byte_wanted(const kernels_byte_finish *f, int j, double v)
{
    if (f->silu) v = v / (1 + exp(-v)) * (double)f->silu[j] + (double)f->zero;
    return fmin(fmax(v, f->least), f->most);
}

static void check_byte(const char *who, double want, int got, bool silu)
{
    if (fabs(want - got) > (silu ? 0.6 : 0.502)) fail_msg("%s: %d, not %g", who, got, want);
}

/* ---- products ---- */

typedef struct product {
    kernels_byte_product p;
    packed *w;
    float *weights;
    finishing t;
    bytes x, y, plus;
    size_t results;
    float *reals;
} product;

static product *take_product(rng *r, int rows, int k, int n, bool reals, bool silu)
{
    product *q = calloc(1, sizeof *q);
    assert_non_null(q);
    q->weights = take_random(r, (size_t)k * (size_t)n, 127);
    for (int i = 0; i < k * n; i++) q->weights[i] = i < n ? 127 : rintf(q->weights[i]); /* of scale 1 */
    q->w = packed_create(PACKED_I8, k, n, mat_n(q->weights, n), NULL);
    assert_non_null(q->w);
    take_finishing(r, &q->t, k, silu);
    size_t ldx = (size_t)k + rng_below(r, 3), ldy = (size_t)n + rng_below(r, 3);
    q->results = (size_t)(rows - 1) * ldy + (size_t)n;
    q->x = take_bytes(r, (size_t)(rows - 1) * ldx + (size_t)k + 3);
    q->y = take_bytes(r, q->results);
    q->plus = take_bytes(r, q->results);
    q->reals = take_random(r, q->results, 1);
    q->p = (kernels_byte_product){.rows = rows, .k = k, .n = n, .x = q->x.at, .ldx = ldx, .w = q->w->panels};
    q->p.finish = q->t.f;
    q->p.ldy = ldy;
    q->p.low = -100;
    q->p.high = 150;
    if (reals)
        q->p.reals = q->reals;
    else
        q->p.y = q->y.at;
    if (!reals && !silu && rng_below(r, 2)) {
        q->p.finish.plus = q->plus.at;
    }
    return q;
}

static void give_product(product *q)
{
    give(q->reals, q->results);
    give(q->weights, (size_t)q->p.k * (size_t)q->p.n);
    give_bytes(&q->x);
    give_bytes(&q->y);
    give_bytes(&q->plus);
    packed_free(&q->w);
    free(q);
}

static double sum_of(const product *q, int r, int j)
{
    double sum = q->t.start[j];
    for (int l = 0; l < q->p.k; l++)
        sum += (double)q->weights[l * q->p.n + j] * q->x.at[(size_t)r * q->p.ldx + (size_t)l];
    return sum;
}

static void poison(product *q)
{
    memset(q->y.at, POISON, q->results);
    memset(q->reals, 0xff, q->results * sizeof *q->reals); /* NaN */
}

static void check_product(const product *q, const char *who)
{
    for (int r = 0; r < q->p.rows; r++)
        for (size_t j = 0; j < q->p.ldy && (size_t)r * q->p.ldy + j < q->results; j++) {
            size_t place = (size_t)r * q->p.ldy + j;
            if (j >= (size_t)q->p.n || q->p.reals) assert_int_equal(q->y.at[place], POISON);
            if (j >= (size_t)q->p.n || !q->p.reals) assert_true(isnan(q->reals[place]));
            if (j >= (size_t)q->p.n) continue;
            double v = follows(&q->p.finish, (int)j, sum_of(q, r, (int)j), place);
            if (!q->p.reals) {
                check_byte(who, byte_wanted(&q->p.finish, (int)j, v), q->y.at[place], q->p.finish.silu);
                continue;
            }
            v = fmin(fmax(v, (double)q->p.low), (double)q->p.high);
            if (!(fabs((double)q->reals[place] - v) <= 1e-3))
                fail_msg("%s: %g, not %g", who, (double)q->reals[place], v);
        }
}

static void check_products(const kernels *k)
{
    rng r = {.seed = 31};
    for (int i = 0; i < 300; i++) {
        int rows = 1 + (int)rng_below(&r, 40), depth = 1 + (int)rng_below(&r, 90),
            n = 1 + (int)rng_below(&r, 200);
        product *q = take_product(&r, rows, depth, n, i % 4 == 0, i % 4 == 1);
        poison(q);
        k->int8.product(&q->p);
        check_product(q, k->name);
        uint8_t *y = malloc(q->results);
        float *reals = malloc(q->results * sizeof *reals);
        assert_non_null(y);
        assert_non_null(reals);
        memcpy(y, q->y.at, q->results);
        memcpy(reals, q->reals, q->results * sizeof *reals);
        poison(q);
        plainest_table()->int8.product(&q->p);
        if (i % 4 != 1) assert_memory_equal(y, q->y.at, q->results);
        assert_memory_equal(reals, q->reals, q->results * sizeof *reals);
        for (size_t j = 0; j < q->results; j++) assert_true(abs(y[j] - q->y.at[j]) <= 1);
        free(y);
        free(reals);
        give_product(q);
    }
}

static void products(void **state)
{
    (void)state;
    for_each_table(check_products);
}

/* ---- depthwise convolutions ---- */

typedef struct deep {
    kernels_byte_depthwise d;
    finishing t;
    bytes x[5], y;
    int8_t *w, *ordered;
} deep;

static void take_deep(rng *r, deep *q, bool silu)
{
    int kernel = rng_below(r, 2) ? 3 : 5, channels = 1 + (int)rng_below(r, 200),
        step = 1 + (int)rng_below(r, 2);
    int width = 1 + (int)rng_below(r, 60), left = (int)rng_below(r, (uint32_t)kernel / 2 + 1);
    size_t weights = (size_t)(kernel * kernel * channels), ordered = byte_depthwise_numbers(kernel, channels);
    take_finishing(r, &q->t, kernel * kernel, silu);
    q->d = (kernels_byte_depthwise){.kernel = kernel, .step = step, .channels = channels, .width = width};
    q->d.left = left;
    q->d.count = (width - 1) / step + 1;
    q->d.beside = (uint8_t)rng_below(r, 256);
    q->d.finish = q->t.f;
    for (int i = 0; i < kernel; i++) q->x[i] = take_bytes(r, (size_t)(width * channels));
    q->y = take_bytes(r, (size_t)(q->d.count * channels));
    q->w = malloc(weights);
    q->ordered = aligned_alloc(64, round_up_size(ordered, 64));
    assert_non_null(q->w);
    assert_non_null(q->ordered);
    for (size_t i = 0; i < weights; i++) q->w[i] = (int8_t)((int)rng_below(r, 255) - 127);
    byte_depthwise_order(kernel, channels, q->w, q->ordered);
    q->d.weights = q->ordered;
}

static void give_deep(deep *q)
{
    for (int i = 0; i < q->d.kernel; i++) give_bytes(&q->x[i]);
    give_bytes(&q->y);
    free(q->w);
    free(q->ordered);
}

static double window_of(const deep *q, int pixel, int c)
{
    double sum = q->t.start[c];
    for (int i = 0; i < q->d.kernel * q->d.kernel; i++) {
        int at = pixel * q->d.step - q->d.left + i % q->d.kernel;
        bool inside = at >= 0 && at < q->d.width;
        int x = inside ? q->x[i / q->d.kernel].at[at * q->d.channels + c] : q->d.beside;
        sum += x * q->w[i * q->d.channels + c];
    }
    return sum;
}

static void run_deep(const kernels *k, const deep *q)
{
    const uint8_t *rows[5];
    for (int i = 0; i < q->d.kernel; i++) rows[i] = q->x[i].at;
    memset(q->y.at, POISON, (size_t)(q->d.count * q->d.channels));
    k->int8.depthwise(&q->d, rows, q->y.at);
}

static void check_deep(const kernels *k)
{
    rng r = {.seed = 32};
    for (int i = 0; i < 200; i++) {
        deep q;
        take_deep(&r, &q, i % 2);
        size_t results = (size_t)(q.d.count * q.d.channels);
        uint8_t *y = malloc(results);
        assert_non_null(y);
        run_deep(k, &q);
        memcpy(y, q.y.at, results);
        run_deep(plainest_table(), &q);
        for (size_t j = 0; j < results; j++) {
            int c = (int)(j % (size_t)q.d.channels), pixel = (int)(j / (size_t)q.d.channels);
            double v = follows(&q.d.finish, c, window_of(&q, pixel, c), 0);
            check_byte(k->name, byte_wanted(&q.d.finish, c, v), y[j], q.d.finish.silu);
            assert_true(abs(y[j] - q.y.at[j]) <= (q.d.finish.silu ? 1 : 0));
        }
        free(y);
        give_deep(&q);
    }
}

static void depthwise(void **state)
{
    (void)state;
    for_each_table(check_deep);
}

/* ---- whole maps ---- */

static void check_maps(const kernels *k)
{
    rng r = {.seed = 33};
    for (size_t n = 1; n < 70; n++) {
        bytes a = take_bytes(&r, n), b = take_bytes(&r, n), y = take_bytes(&r, n), plain = take_bytes(&r, n);
        float *x = take_random(&r, n, 3);
        if (n > 3) x[2] = NAN;
        float *of_a = take_random(&r, n, 1), *of_b = take_random(&r, n, 1), *shift = take_random(&r, n, 200);
        kernels_byte_mix m = {(int)n, of_a, of_b, shift};
        k->int8.mix(&m, a.at, b.at, 1, y.at);
        plainest_table()->int8.mix(&m, a.at, b.at, 1, plain.at);
        assert_memory_equal(y.at, plain.at, n);
        for (size_t i = 0; i < n; i++) {
            double v = a.at[i] * (double)of_a[i] + b.at[i] * (double)of_b[i] + (double)shift[i];
            check_byte(k->name, fmin(fmax(v, 0), 255), y.at[i], false);
        }
        m.channels = 1;
        k->int8.mix(&m, a.at, b.at, n, y.at);
        plainest_table()->int8.mix(&m, a.at, b.at, n, plain.at);
        assert_memory_equal(y.at, plain.at, n);
        k->int8.narrow(x, n, 60, 100, y.at);
        plainest_table()->int8.narrow(x, n, 60, 100, plain.at);
        assert_memory_equal(y.at, plain.at, n);
        for (size_t i = 0; i < n; i++)
            check_byte(k->name, isnan(x[i]) ? 0 : fmin(fmax(60 * (double)x[i] + 100, 0), 255), y.at[i],
                       false);
        give(x, n);
        give(of_a, n);
        give(of_b, n);
        give(shift, n);
        give_bytes(&a);
        give_bytes(&b);
        give_bytes(&y);
        give_bytes(&plain);
    }
}

static void maps(void **state)
{
    (void)state;
    for_each_table(check_maps);
}

/* ---- speed ---- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

enum { ROUNDS = 9 };

static void time_product(const kernels *k, int rows, int depth, int n)
{
    rng r = {.seed = 1};
    product *q = take_product(&r, rows, depth, n, false, false);
    double best = INFINITY, work = (double)rows * depth * n;
    int times = (int)(1e9 / work) + 1;
    for (int i = 0; i < ROUNDS; i++) {
        double from = now();
        for (int j = 0; j < times; j++) k->int8.product(&q->p);
        best = fmin(best, (now() - from) / times);
    }
    printf("product %5d x %4d x %4d  %8.1f us  %7.1f GOP/s\n", rows, depth, n, best * 1e6,
           2e-9 * work / best);
    give_product(q);
}

static void time_deep(const kernels *k, int kernel, int step, int width, int channels)
{
    rng r = {.seed = 1};
    deep q;
    do {
        take_deep(&r, &q, false);
        if (q.d.kernel == kernel && q.d.channels > channels - 16 && q.d.channels <= channels &&
            q.d.step == step && q.d.width > width - 4 && q.d.width <= width)
            break;
        give_deep(&q);
    } while (true);
    const uint8_t *rows[5];
    for (int i = 0; i < kernel; i++) rows[i] = q.x[i].at;
    double best = INFINITY, work = (double)q.d.count * q.d.channels * kernel * kernel;
    for (int i = 0; i < ROUNDS; i++) {
        double from = now();
        for (int j = 0; j < 2000; j++) k->int8.depthwise(&q.d, rows, q.y.at);
        best = fmin(best, (now() - from) / 2000);
    }
    printf("depthwise %d/%d, %2d pixels of %3d  %6.2f us  %7.1f GOP/s\n", kernel, step, q.d.width,
           q.d.channels, best * 1e6, 2e-9 * work / best);
    give_deep(&q);
}

static int time_all(void)
{
    const kernels *k = kernels_best();
    time_product(k, 12544, 28, 32);
    time_product(k, 12544, 32, 16);
    time_product(k, 12544, 16, 96);
    time_product(k, 3136, 144, 24);
    time_product(k, 3136, 24, 144);
    time_product(k, 196, 528, 88);
    time_product(k, 196, 120, 720);
    time_product(k, 49, 208, 1248);
    time_product(k, 49, 1248, 208);
    time_product(k, 49, 352, 1280);
    time_deep(k, 3, 1, 56, 144);
    time_deep(k, 3, 2, 56, 144);
    time_deep(k, 5, 1, 28, 192);
    time_deep(k, 5, 2, 28, 144);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),
        cmocka_unit_test(depthwise),
        cmocka_unit_test(maps),
    };
    if (argc > 1 && !strcmp(argv[1], "--time")) return time_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
