/* Dense and depthwise convolutions against the definition: kernels, strides, paddings, activations; recorded
 * and not; gradients of maps that are too large for one piece. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cnn/conv2d.h"
#include "src/base/rng.h"
#include "src/math/packed.h"

enum { IN = 19, OUT = 17 };

static nn_var *draw(nn_tape *t, rng *r, int rank, const int *dim)
{
    nn_var *v = nn_result(t, rank, dim, true);
    assert_non_null(v);
    for (size_t i = 0; i < nn_count(v); i++) v->data[i] = (real)rng_normal(r);
    return v;
}

static double activate(nn_act act, double x)
{
    switch (act) {
    case NN_RELU:
        return x > 0 ? x : 0;
    case NN_RELU6:
        return x > 0 ? fmin(x, 6) : 0;
    case NN_SIGMOID:
        return 1 / (1 + exp(-x));
    case NN_TANH:
        return tanh(x);
    case NN_SILU:
        return x / (1 + exp(-x));
    case NN_HARD_SWISH:
        return x * fmin(fmax(x + 3, 0), 6) / 6;
    case NN_GELU:
        return x * (1 + erf(x / sqrt(2))) / 2;
    default:
        return x;
    }
}

/* Written once more from TensorFlow's documentation. */
static void pad_of(int in, cnn_window win, int *out, int *before)
{
    if (win.pad >= 0) {
        *out = (in + 2 * win.pad - win.kernel) / win.stride + 1;
        *before = win.pad;
        return;
    }
    *out = (in + win.stride - 1) / win.stride;
    int along = in % win.stride == 0 ? win.kernel - win.stride : win.kernel - in % win.stride;
    *before = along > 0 ? along / 2 : 0;
}

/* The sum over the window of result pixel (oy, ox), channel o. */
static double window_sum(const nn_var *x, const nn_var *w, cnn_window win, int n, int y0, int x0, int o)
{
    double sum = 0;
    bool depthwise = w->rank == 3;
    int channels = x->dim[3], last = nn_last(w);
    for (int ky = 0; ky < win.kernel; ky++)
        for (int kx = 0; kx < win.kernel; kx++) {
            int iy = y0 + ky, ix = x0 + kx;
            if (iy < 0 || ix < 0 || iy >= x->dim[1] || ix >= x->dim[2]) continue;
            const real *pixel = x->data + ((n * x->dim[1] + iy) * x->dim[2] + ix) * channels;
            const real *tap = w->data + (ky * win.kernel + kx) * (depthwise ? 1 : channels) * last;
            for (int c = 0; c < channels; c++)
                if (!depthwise || c == o)
                    sum += (double)pixel[c] * (double)tap[(depthwise ? 0 : c * last) + o];
        }
    return sum;
}

static void compare(const nn_var *y, const nn_var *x, const nn_var *w, const nn_var *b, cnn_window win,
                    nn_act act)
{
    int oh, ow, top, left, o = nn_last(w);
    pad_of(x->dim[1], win, &oh, &top);
    pad_of(x->dim[2], win, &ow, &left);
    assert_memory_equal(y->dim, ((int[]){x->dim[0], oh, ow, o}), sizeof y->dim);
    for (int i = 0; i < (int)nn_count(y); i++) {
        int n = i / (oh * ow * o), oy = i / (ow * o) % oh, ox = i / o % ow;
        double want = window_sum(x, w, win, n, oy * win.stride - top, ox * win.stride - left, i % o);
        want = activate(act, want + (double)b->data[i % o]);
        if (!(fabs((double)y->data[i] - want) < 2e-5 * fmax(fabs(want), 10)))
            fail_msg("kernel %d, stride %d, pad %d, %s: element %d is %.8g, not %.8g", win.kernel, win.stride,
                     win.pad, nn_activation_of(act)->name, i, (double)y->data[i], want);
    }
}

static void check(cnn_window win, nn_act act, int h, int w, bool recording)
{
    arena mem = {0};
    rng r = {.seed = 9};
    nn_tape t = {.mem = &mem, .recording = recording};
    nn_begin(&t);
    nn_var *x = draw(&t, &r, 4, (int[]){2, h, w, IN}), *own = draw(&t, &r, 1, (int[]){IN}),
           *b = draw(&t, &r, 1, (int[]){OUT}), *deep = draw(&t, &r, 3, (int[]){win.kernel, win.kernel, IN}),
           *dense = draw(&t, &r, 4, (int[]){win.kernel, win.kernel, IN, OUT});
    compare(cnn_depthwise(&t, x, deep, own, win, act), x, deep, own, win, act);
    compare(cnn_conv2d(&t, x, dense, b, win, act), x, dense, b, win, act);
    if (!recording) {
        dense->packed = packed_create(PACKED_F32, nn_rows(dense), OUT, mat_n(dense->data, OUT), NULL);
        assert_non_null(dense->packed);
        compare(cnn_conv2d(&t, x, dense, b, win, act), x, dense, b, win, act);
        packed_free(&dense->packed);
    }
    arena_release(&mem);
}

static void test_windows(void **state)
{
    (void)state;
    static const int sides[][2] = {{13, 14}, {14, 13}, {7, 30}, {5, 5}, {2, 3}, {1, 1}};
    for (int kernel = 1; kernel <= 7; kernel += 2)
        for (int stride = 1; stride <= 2; stride++)
            for (int same = 0; same < 2; same++)
                for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++)
                    check((cnn_window){kernel, stride, same ? CNN_SAME : kernel / 2}, NN_RELU6, sides[i][0],
                          sides[i][1], i % 2);
}

static void test_activations(void **state)
{
    (void)state;
    for (int act = 0; act < NN_ACTS; act++)
        for (int recording = 0; recording < 2; recording++)
            for (int kernel = 1; kernel <= 3; kernel += 2)
                check((cnn_window){kernel, 1, kernel / 2}, (nn_act)act, 6, 7, recording);
}

/* ---- gradients of a large map ---- */

/* What the gradient dy gives to x and w: dx and dw in double precision. */
static void add_gradients(const nn_var *x, const nn_var *w, const nn_var *y, cnn_window win, double *dx,
                          double *dw)
{
    int oh = y->dim[1], ow = y->dim[2], ch = y->dim[3], top, left, taps = win.kernel * win.kernel;
    pad_of(x->dim[1], win, &oh, &top);
    pad_of(x->dim[2], win, &ow, &left);
    for (int i = 0; i < (int)nn_count(y) * taps; i++) {
        int at = i / taps, tap = i % taps, c = at % ch, pixel = at / ch, n = pixel / (oh * ow);
        int iy = pixel / ow % oh * win.stride - top + tap / win.kernel;
        int ix = pixel % ow * win.stride - left + tap % win.kernel;
        if (iy < 0 || ix < 0 || iy >= x->dim[1] || ix >= x->dim[2]) continue;
        int from = ((n * x->dim[1] + iy) * x->dim[2] + ix) * ch + c;
        dx[from] += (double)y->grad[at] * (double)w->data[tap * ch + c];
        dw[tap * ch + c] += (double)y->grad[at] * (double)x->data[from];
    }
}

static void expect_close(const char *what, cnn_window win, const real *got, const double *want, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)got[i] - want[i]) < 1e-5 * fmax(fabs(want[i]), 30)))
            fail_msg("kernel %d, stride %d: %s[%zu] is %.8g, not %.8g", win.kernel, win.stride, what, i,
                     (double)got[i], want[i]);
}

/* Memory of an earlier step holds no zeros. */
static void spoil(nn_tape *t)
{
    size_t bytes = 4 << 20;
    nn_begin(t);
    void *p = nn_scratch(t, bytes);
    assert_non_null(p);
    memset(p, 0xff, bytes);
    nn_begin(t);
}

static void check_large(cnn_window win)
{
    enum { HEIGHT = 23, WIDTH = 42, CHANNELS = 39 };
    arena mem = {0};
    rng r = {.seed = 10};
    nn_tape t = {.mem = &mem, .recording = true};
    spoil(&t);
    nn_var *x = draw(&t, &r, 4, (int[]){2, HEIGHT, WIDTH, CHANNELS}),
           *w = draw(&t, &r, 3, (int[]){win.kernel, win.kernel, CHANNELS});
    nn_var *y = cnn_depthwise(&t, x, w, NULL, win, NN_LINEAR);
    y->grad = nn_scratch(&t, nn_count(y) * sizeof(real));
    double *dx = calloc(nn_count(x), sizeof *dx), *dw = calloc(nn_count(w), sizeof *dw);
    assert_true(y->grad && dx && dw);
    for (size_t i = 0; i < nn_count(y); i++) y->grad[i] = (real)rng_normal(&r);
    add_gradients(x, w, y, win, dx, dw);
    nn_backward_from_grads(&t);
    expect_close("dx", win, x->grad, dx, nn_count(x));
    expect_close("dw", win, w->grad, dw, nn_count(w));
    free(dx);
    free(dw);
    arena_release(&mem);
}

/* Windows that overlap, that touch, and that leave pixels out. */
static void test_large_maps(void **state)
{
    (void)state;
    for (int kernel = 1; kernel <= 7; kernel += 2)
        for (int stride = 1; stride <= 3; stride++) check_large((cnn_window){kernel, stride, kernel / 2});
}

/* A window larger than map and padding has no place: nothing comes out, not a number made of what is not
 * there. */
static void test_no_room(void **state)
{
    (void)state;
    assert_int_equal(cnn_out_size(1, (cnn_window){3, 2, 0}), 0);
    assert_int_equal(cnn_out_size(2, (cnn_window){3, 2, 0}), 0);
    assert_int_equal(cnn_out_size(3, (cnn_window){3, 2, 0}), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_large_maps),
        cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
