/* Attention against its formulas written out, one number after the other in double precision: every matching
 * function, heads, masks, sizes that go through small kernels and through large products. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/rng.h"
#include "src/nn/attention.h"

typedef struct sizes {
    int askers, memories, queries, states, d, value;
} sizes;

typedef struct data {
    sizes s;
    float *query, *keys, *values, *v, *bias, *log_gain;
} data;

static float *draw(rng *r, size_t n)
{
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++) x[i] = (float)rng_normal(r);
    return x;
}

static data make(sizes s)
{
    rng r = {.seed = 11};
    size_t states = (size_t)s.memories * (size_t)s.states, d = (size_t)s.d;
    return (data){.s = s,
                  .query = draw(&r, (size_t)s.askers * (size_t)s.queries * d),
                  .keys = draw(&r, states * d),
                  .values = draw(&r, states * (size_t)s.value),
                  .v = draw(&r, d),
                  .bias = draw(&r, d),
                  .log_gain = draw(&r, d)};
}

static void release(data *x)
{
    free(x->query);
    free(x->keys);
    free(x->values);
    free(x->v);
    free(x->bias);
    free(x->log_gain);
}

static int heads_of(const nn_scope *o)
{
    return o->heads > 1 ? o->heads : 1;
}

static bool sees(const data *x, const nn_scope *o, int n, int q, int l)
{
    int memory = o->memory_of ? o->memory_of[n] : n;
    if (o->length && l >= o->length[memory]) return false;
    if (o->causal && l > o->before + q) return false;
    return !o->seen || o->seen[(n * x->s.queries + q) * x->s.states + l];
}

static double match(const data *x, nn_match_kind kind, const nn_scope *o, int n, int q, int l, int head)
{
    const sizes *s = &x->s;
    int width = s->d / heads_of(o), memory = o->memory_of ? o->memory_of[n] : n;
    const float *a = x->query + (n * s->queries + q) * s->d + head * width;
    const float *b = x->keys + (memory * s->states + l) * s->d + head * width, *v = x->v + head * width;
    double sum = 0;
    bool network = nn_match_rows[kind].network;
    for (int i = 0; i < width; i++)
        sum += network ? v[i] * tanh((double)a[i] + b[i]) : (double)a[i] * (double)b[i];
    if (kind == NN_MATCH_SCALED_DOT) sum /= sqrt(width);
    if (kind == NN_MATCH_SIGMOID) sum = exp(x->log_gain[head]) / (1 + exp(-(sum + x->bias[head])));
    return sum;
}

/* alpha[states] of one query in one head. */
static void normalise(const data *x, nn_match_kind kind, const nn_scope *o, int n, int q, int head,
                      double *alpha)
{
    double sum = 0, most = -INFINITY;
    for (int l = 0; l < x->s.states; l++) {
        alpha[l] = sees(x, o, n, q, l) ? match(x, kind, o, n, q, l, head) : -INFINITY;
        most = fmax(most, alpha[l]);
    }
    for (int l = 0; l < x->s.states; l++) {
        alpha[l] = alpha[l] == -INFINITY ? 0 : exp(alpha[l] - most);
        sum += alpha[l];
    }
    for (int l = 0; l < x->s.states && sum > 0; l++) alpha[l] /= sum;
}

static nn_var *input(nn_tape *t, const float *values, int rank, int a, int b, int c)
{
    return nn_input(t, values, rank, (int[]){a, b, c});
}

/* The weights, unless they are NULL, and the context of every query in every head. The bounds leave room for float sums in another
 * order. */
static void compare(const data *x, nn_match_kind kind, const nn_scope *o, const float *weights,
                    const float *context)
{
    const sizes *s = &x->s;
    int heads = heads_of(o), width = s->value / heads;
    double *alpha = malloc((size_t)s->states * sizeof *alpha);
    assert_non_null(alpha);
    for (int n = 0; n < s->askers; n++)
        for (int head = 0; head < heads; head++)
            for (int q = 0; q < s->queries; q++) {
                const float *w = weights ? weights + ((n * heads + head) * s->queries + q) * s->states : NULL;
                int memory = o->memory_of ? o->memory_of[n] : n;
                normalise(x, kind, o, n, q, head, alpha);
                for (int l = 0; w && l < s->states; l++) assert_true(fabs(w[l] - alpha[l]) < 2e-5);
                for (int i = 0; i < width; i++) {
                    double want = 0;
                    for (int l = 0; l < s->states; l++)
                        want += alpha[l] * x->values[(memory * s->states + l) * s->value + head * width + i];
                    float got = context[(n * s->queries + q) * s->value + head * width + i];
                    assert_true(fabs(got - want) < 1e-4);
                }
            }
    free(alpha);
}

static void check(const data *x, nn_match_kind kind, const nn_scope *o, int threads)
{
    const sizes *s = &x->s;
    arena mem = {0};
    pool *p = pool_create(threads);
    nn_tape t = {.mem = &mem, .threads = p};
    nn_begin(&t);
    int rank = s->queries > 1 ? 3 : 2, heads = heads_of(o);
    nn_var *query = input(&t, x->query, rank, s->askers, rank == 3 ? s->queries : s->d, s->d);
    nn_var *keys = input(&t, x->keys, 3, s->memories, s->states, s->d);
    nn_var *values = input(&t, x->values, 3, s->memories, s->states, s->value);
    nn_match_params m = {kind, input(&t, x->v, 1, s->d, 0, 0), input(&t, x->bias, 1, heads, 0, 0),
                         input(&t, x->log_gain, 1, heads, 0, 0)};
    /* What the results are written over must not matter: it is NaN. */
    arena_mark mark = arena_save(&mem);
    memset(nn_scratch(&t, 1 << 22), 0xff, 1 << 22);
    arena_rewind(&mem, mark);
    nn_var *alpha = nn_normalise(&t, nn_match(&t, &m, query, keys, o), o);
    nn_var *context = nn_aggregate(&t, alpha, values, o);
    assert_non_null(context);
    assert_int_equal(alpha->rank, rank + (heads > 1));
    assert_int_equal(context->rank, rank);
    compare(x, kind, o, alpha->data, context->data);
    if (!nn_match_rows[kind].network) {
        nn_var *blocks =
            nn_attend(&t, &m, query, keys, values, o, 0.5f); /* nothing drops: this is no training */
        assert_non_null(blocks);
        assert_int_equal(blocks->rank, rank);
        compare(x, kind, o, NULL, blocks->data);
    }
    pool_free(&p);
    arena_release(&mem);
}

static void check_all(sizes s, const nn_scope *o)
{
    data x = make(s);
    for (int kind = 0; kind < NN_MATCH_NONE; kind++)
        for (int threads = 1; threads <= 2; threads++) check(&x, (nn_match_kind)kind, o, threads);
    release(&x);
}

static void test_words_and_regions(void **state)
{
    (void)state;
    static const int32_t memory_of[] = {1, 0, 1}, length[] = {7, 4};
    for (int heads = 1; heads <= 8; heads *= 2) {
        nn_scope o = {.heads = heads};
        check_all((sizes){2, 2, 1, 7, 16, 24}, &o);
        check_all((sizes){2, 2, 11, 13, 24, 8}, &o);
        o.memory_of = memory_of;
        o.length = length;
        check_all((sizes){3, 2, 1, 7, 16, 24}, &o);
        check_all((sizes){3, 2, 9, 7, 8, 16}, &o);
    }
}

static void test_sentences_among_themselves(void **state)
{
    (void)state;
    static const int32_t length[] = {9, 5, 0};
    for (int heads = 1; heads <= 4; heads *= 2) {
        nn_scope o = {.heads = heads, .causal = true, .length = length};
        check_all((sizes){3, 3, 9, 9, 16, 16}, &o);
        o.before = 3;
        check_all((sizes){3, 3, 6, 9, 16, 16}, &o);
    }
}

static void test_hidden_states(void **state)
{
    (void)state;
    uint8_t seen[2 * 5 * 6];
    for (size_t i = 0; i < sizeof seen; i++) seen[i] = i % 3 != 1 && i / 6 != 2; /* one query sees nothing */
    nn_scope o = {.heads = 2, .seen = seen};
    check_all((sizes){2, 2, 5, 6, 8, 4}, &o);
}

/* Enough of everything for the products of src/math/gemm.h, with blocks of a causal mask that are cut. */
static void test_long_texts(void **state)
{
    (void)state;
    static const int32_t length[] = {150, 77};
    nn_scope o = {.heads = 2, .length = length};
    sizes s = {2, 2, 130, 150, 192, 192};
    data x = make(s);
    check(&x, NN_MATCH_SCALED_DOT, &o, 2);
    o.causal = true;
    check(&x, NN_MATCH_SCALED_DOT, &o, 2);
    o.before = 20;
    check(&x, NN_MATCH_SCALED_DOT, &o, 1);
    release(&x);
}

/* More blocks than one of both; the scores of the first block are the lower ones, and those of the last. */
static void test_blocks(void **state)
{
    (void)state;
    static const int32_t length[] = {300, 129};
    nn_scope o = {.heads = 2, .length = length};
    sizes s = {2, 2, 130, 300, 16, 24};
    data x = make(s);
    for (int i = 0; i < 2 * 300 * 16; i++)
        x.keys[i] *= (float)(i / 16 % 300 < 200 ? 1 + i / 16 % 300 / 50 : 1);
    check(&x, NN_MATCH_SCALED_DOT, &o, 2);
    check(&x, NN_MATCH_DOT, &o, 1);
    o.causal = true;
    o.before = 170;
    check(&x, NN_MATCH_SCALED_DOT, &o, 2);
    release(&x);
}

/* The gradients of all three inputs by either way, the sum of squares of the results being the loss. */
static void gradients(const data *x, const nn_scope *o, bool blocks, int threads, float *out, size_t *peak)
{
    const sizes *s = &x->s;
    arena mem = {0};
    pool *p = pool_create(threads);
    nn_tape t = {.mem = &mem, .threads = p, .recording = true};
    nn_begin(&t);
    nn_var *in[] = {input(&t, x->query, 3, s->askers, s->queries, s->d),
                    input(&t, x->keys, 3, s->memories, s->states, s->d),
                    input(&t, x->values, 3, s->memories, s->states, s->value)};
    for (int i = 0; i < 3; i++) in[i]->wants_grad = true;
    nn_match_params m = {.kind = NN_MATCH_SCALED_DOT};
    nn_var *y = blocks ? nn_attend(&t, &m, in[0], in[1], in[2], o, 0)
                       : nn_aggregate(&t, nn_normalise(&t, nn_match(&t, &m, in[0], in[1], o), o), in[2], o);
    assert_non_null(y);
    real *dy = nn_grad_add(&t, y);
    for (size_t i = 0; i < nn_count(y); i++) dy[i] = 2 * y->data[i];
    nn_backward_from_grads(&t);
    assert_false(t.failed);
    for (int i = 0; out && i < 3; i++) {
        memcpy(out, in[i]->grad, nn_count(in[i]) * sizeof *out);
        out += nn_count(in[i]);
    }
    *peak = mem.peak;
    pool_free(&p);
    arena_release(&mem);
}

static void test_gradients_in_blocks(void **state)
{
    (void)state;
    sizes s = {2, 2, 130, 300, 16, 24};
    data x = make(s);
    size_t count = 2 * (130 * 16 + 300 * (16 + 24)), peak;
    float *at_once = malloc(count * sizeof *at_once), *one = malloc(count * sizeof *one),
          *two = malloc(count * sizeof *two);
    assert_true(at_once && one && two);
    nn_scope o = {.heads = 4, .causal = true, .before = 170};
    gradients(&x, &o, false, 1, at_once, &peak);
    gradients(&x, &o, true, 1, one, &peak);
    gradients(&x, &o, true, 2, two, &peak);
    for (size_t i = 0; i < count; i++) assert_true(fabs(at_once[i] - one[i]) < 2e-5);
    assert_memory_equal(one, two, count * sizeof *one); /* the same bits */
    free(at_once);
    free(one);
    free(two);
    release(&x);
}

/* The scores of 2,000 words among themselves would be 128 MB in these eight heads, and as much again for the
 * weights, and twice for the gradients. What is needed are results and gradients of the size of the inputs. */
static void test_memory_in_blocks(void **state)
{
    (void)state;
    sizes s = {1, 1, 2000, 2000, 64, 64};
    data x = make(s);
    size_t peak;
    gradients(&x, &(nn_scope){.heads = 8}, true, 1, NULL, &peak);
    assert_true(peak < 3 << 20);
    release(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_and_regions),
        cmocka_unit_test(test_sentences_among_themselves),
        cmocka_unit_test(test_hidden_states),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_gradients_in_blocks),
        cmocka_unit_test(test_memory_in_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
