/* Times the convolutions of the `small` backbone, forward and backward, with batch normalisation as in
 * training: ms per layer, GFLOP/s (2 operations per product; backward is counted twice forward) and photos a
 * second over all of them. Then the decoder's ops at training shapes.
 *
 *     bench_layers [threads]        threads 0 (default): one per CPU */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cnn/conv2d.h"
#include "cnn/maps.h"
#include "src/base/rng.h"
#include "src/nn/activation.h"
#include "src/nn/attention.h"
#include "src/nn/loss.h"
#include "src/nn/lstm.h"
#include "src/nn/norm.h"

enum { BATCH = 32, REPEATS = 7 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct layer {
    int side, in, out, stride;
} layer;

static const layer layers[] = {{160, 3, 32, 2},   {80, 32, 64, 2},   {40, 64, 64, 1},  {40, 64, 128, 2},
                               {20, 128, 128, 1}, {20, 128, 256, 2}, {10, 256, 256, 1}};

typedef struct times {
    double forward, backward;
} times;

static real *random_block(size_t count)
{
    real *x = malloc(count * sizeof *x);
    rng r = {.seed = count};
    for (size_t i = 0; x && i < count; i++) x[i] = (real)(rng_uniform(&r) - 0.5);
    return x;
}

static nn_var make(int rank, const int *dim, bool wants_grad)
{
    nn_var v = {.rank = rank, .wants_grad = wants_grad};
    for (int i = 0; i < NN_MAX_RANK; i++) v.dim[i] = i < rank ? dim[i] : 1;
    v.data = random_block(nn_count(&v));
    if (wants_grad) v.grad = random_block(nn_count(&v));
    if (!v.data || (wants_grad && !v.grad)) abort();
    return v;
}

static void drop(nn_var *v)
{
    free(v->data);
    free(v->grad);
}

/* Best of several runs of one op. A loss of the right shape is stood in for by a ready gradient. */
static times time_op(nn_tape *t, nn_var *(*op)(nn_tape *t, void *ctx), void *ctx)
{
    times best = {INFINITY, INFINITY};
    for (int i = 0; i < REPEATS; i++) {
        nn_begin(t);
        double start = now();
        nn_var *y = op(t, ctx);
        best.forward = fmin(best.forward, now() - start);
        if (!y) abort();
        y->grad = nn_alloc(t, nn_count(y) * sizeof(real));
        for (size_t j = 0, n = nn_count(y); j < n; j++) y->grad[j] = (real)(j % 7) - 3;
        start = now();
        nn_backward(t, y);
        best.backward = fmin(best.backward, now() - start);
    }
    return best;
}

typedef struct conv_case {
    nn_var x, w;
    nn_batch_norm_params norm;
    cnn_window win;
    bool only_norm;
} conv_case;

static nn_var *conv_op(nn_tape *t, void *ctx)
{
    conv_case *c = ctx;
    return c->only_norm ? nn_batch_norm(t, &c->x, &c->norm, NULL, NN_RELU)
                        : cnn_conv2d(t, &c->x, &c->w, NULL, c->win, NN_LINEAR);
}

static times time_norm(nn_tape *t, int side, int channels)
{
    conv_case c = {.only_norm = true};
    nn_var p[4];
    for (int i = 0; i < 4; i++) p[i] = make(1, (int[]){channels}, i < 2);
    for (int i = 0; i < channels; i++) p[3].data[i] = 1;
    c.norm = (nn_batch_norm_params){&p[0], &p[1], &p[2], &p[3], (real)1e-5, (real)0.1};
    c.x = make(4, (int[]){BATCH, side, side, channels}, true);
    times best = time_op(t, conv_op, &c);
    for (int i = 0; i < 4; i++) drop(&p[i]);
    drop(&c.x);
    return best;
}

static times time_layer(nn_tape *t, const layer *l)
{
    conv_case c = {.win = {3, l->stride, 1}};
    c.x = make(4, (int[]){BATCH, l->side, l->side, l->in}, l->in > 3);
    c.w = make(4, (int[]){3, 3, l->in, l->out}, true);
    times conv = time_op(t, conv_op, &c), norm = time_norm(t, l->side / l->stride, l->out);
    drop(&c.x);
    drop(&c.w);
    double out = (double)(l->side / l->stride), flops = 2e-9 * BATCH * out * out * 9 * l->in * l->out;
    printf(
        "%3dx%-3d %3d->%-3d s%d  conv %7.2f ms %6.0f GFLOP/s, back %7.2f ms %6.0f GFLOP/s; norm %6.2f, back "
        "%6.2f ms\n",
        l->side, l->side, l->in, l->out, l->stride, conv.forward * 1e3, flops / conv.forward,
        conv.backward * 1e3, flops * (l->in > 3 ? 2 : 1) / conv.backward, norm.forward * 1e3,
        norm.backward * 1e3);
    return (times){conv.forward + norm.forward, conv.backward + norm.backward};
}

static void time_stack(nn_tape *t, const char *name)
{
    times all = {0, 0};
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        times one = time_layer(t, &layers[i]);
        all.forward += one.forward;
        all.backward += one.backward;
    }
    printf("%s: forward %.0f photos/s, forward and backward %.0f photos/s\n\n", name, BATCH / all.forward,
           BATCH / (all.forward + all.backward));
}

/* ---- decoder ---- */

enum { STATES = 100, WIDTH = 256, HIDDEN = 512, WORDS = 2600 };

typedef struct decoder_case {
    nn_var query, keys, v, bias, gain, values, gates, cell, logits;
    int32_t *targets;
} decoder_case;

static nn_var *match_op(nn_tape *t, void *ctx)
{
    decoder_case *d = ctx;
    nn_match_params m = {NN_MATCH_SIGMOID, &d->v, &d->bias, &d->gain};
    const nn_scope all = {0};
    nn_var *alpha = nn_normalise(t, nn_match(t, &m, &d->query, &d->keys, &all), &all);
    return nn_aggregate(t, alpha, &d->values, &all);
}

static nn_var *lstm_op(nn_tape *t, void *ctx)
{
    decoder_case *d = ctx;
    return nn_lstm_step(t, &d->gates, &d->cell).h;
}

static nn_var *loss_op(nn_tape *t, void *ctx)
{
    decoder_case *d = ctx;
    return nn_cross_entropy(t, &d->logits, d->targets, -1, (real)0.1, NULL);
}

static nn_var *dropout_op(nn_tape *t, void *ctx)
{
    decoder_case *d = ctx;
    return nn_dropout(t, &d->logits, (real)0.3);
}

static void time_decoder(nn_tape *t)
{
    decoder_case d = {.query = make(2, (int[]){BATCH, WIDTH}, true),
                      .keys = make(3, (int[]){BATCH, STATES, WIDTH}, true),
                      .v = make(1, (int[]){WIDTH}, true),
                      .bias = make(1, (int[]){1}, true),
                      .gain = make(1, (int[]){1}, true),
                      .values = make(3, (int[]){BATCH, STATES, WIDTH}, true),
                      .gates = make(2, (int[]){BATCH, 4 * HIDDEN}, true),
                      .cell = make(2, (int[]){BATCH, HIDDEN}, true),
                      .logits = make(2, (int[]){BATCH * 12, WORDS}, true),
                      .targets = calloc(BATCH * 12, sizeof *d.targets)};
    static const struct {
        const char *name;
        nn_var *(*op)(nn_tape *t, void *ctx);
    } ops[] = {{"attention, one word of 32 captions", match_op},
               {"LSTM cell, one word of 32 captions", lstm_op},
               {"cross-entropy, 384 x 2600", loss_op},
               {"dropout, 384 x 2600", dropout_op}};
    for (size_t i = 0; d.targets && i < sizeof ops / sizeof ops[0]; i++) {
        times one = time_op(t, ops[i].op, &d);
        printf("%-36s %8.3f ms, back %8.3f ms\n", ops[i].name, one.forward * 1e3, one.backward * 1e3);
    }
    nn_var *all[] = {&d.query, &d.keys, &d.v, &d.bias, &d.gain, &d.values, &d.gates, &d.cell, &d.logits};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) drop(all[i]);
    free(d.targets);
}

int main(int argc, char **argv)
{
    arena mem = {0};
    pool *threads = pool_create(argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0);
    nn_tape t = {.mem = &mem, .threads = threads, .recording = true, .training = true, .seed = 1};
    printf("%d threads, %s, batch %d\n", pool_threads(threads), gemm_library(), BATCH);
    time_stack(&t, "f32");
    t.precision = GEMM_BF16;
    time_stack(&t, "bf16");
    time_decoder(&t);
    pool_free(&threads);
    arena_release(&mem);
    return 0;
}
