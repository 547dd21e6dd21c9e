/* Benchmarks of describing with a model of the size that others are measured with, of random weights: the
 * decoder alone (MobileNetV2's 49 regions, embedding 256, LSTM 512, attention 256, vocabulary 10,000), and
 * whole captioning of many photos at once. */
#include <stdlib.h>
#include <string.h>

#include "captioner/search.h"
#include "src/base/rng.h"
#include "tools/bench.h"

enum { VOCABULARY = 10000, WORDS = 20, PHOTOS = 16 };

typedef struct words_state {
    cap_model *model;
    arena memory, results;
    nn_tape tape;
    cap_search_options search;
    int photos;
    real *features;  /* [photos][L][D] */
    uint8_t *pixels; /* [photos][size][size][3]; NULL: from the features on */
} words_state;

static err_code no_memory(const bench_case *c, error *err)
{
    return err_set(err, ERR_MEMORY, "out of memory for the benchmark '%s'", c->row->name);
}

static packed_type type_of(const char *name)
{
    return !strcmp(name, "int8") ? PACKED_I8 : !strcmp(name, "bf16") ? PACKED_BF16 : PACKED_F32;
}

static bool draw_input(words_state *s, bool from_pixels)
{
    const cap_model *m = s->model;
    rng r = {.seed = 5};
    if (from_pixels) {
        size_t count = (size_t)s->photos * 3 * (size_t)m->preprocess.size * (size_t)m->preprocess.size;
        s->pixels = malloc(count);
        for (size_t i = 0; s->pixels && i < count; i++) s->pixels[i] = (uint8_t)rng_u32(&r);
        return s->pixels;
    }
    size_t count = (size_t)(s->photos * m->grid_h * m->grid_w * m->decoder.config.features);
    s->features = malloc(count * sizeof *s->features);
    for (size_t i = 0; s->features && i < count; i++) s->features[i] = (real)rng_uniform(&r);
    return s->features;
}

/* Sentences of exactly WORDS words, so that every precision does the same work. */
static err_code open_words(bench_case *c, int beam, bool from_pixels, error *err)
{
    words_state *s = c->state = calloc(1, sizeof *s);
    if (!s) return no_memory(c, err);
    packed_type linear = type_of(c->row->subject);
    bool tiles = linear != PACKED_F32 && gemm_on_tiles(GEMM_BF16);
    err_code code = bench_make_model("mobilenet_v2", VOCABULARY, &s->model, err);
    if (!code) code = cnn_net_fold(s->model->encoder, err);
    if (!code) code = nn_params_pack(&s->model->params, linear, tiles ? PACKED_BF16 : PACKED_F32, err);
    if (code) return code;
    s->search = cap_search_defaults();
    s->search.strategy = beam > 1 ? CAP_BEAM : CAP_GREEDY;
    s->search.beam = beam;
    s->search.min_words = s->search.max_words = WORDS;
    s->photos = from_pixels ? PHOTOS : 1;
    s->tape = (nn_tape){.mem = &s->memory, .threads = c->row->all_threads ? c->env->pool : NULL};
    c->things = s->photos;
    return draw_input(s, from_pixels) ? ERR_OK : no_memory(c, err);
}

err_code bench_greedy_open(bench_case *c, error *err)
{
    return open_words(c, 1, false, err);
}

err_code bench_beam_open(bench_case *c, error *err)
{
    return open_words(c, 5, false, err);
}

err_code bench_whole_open(bench_case *c, error *err)
{
    return open_words(c, 1, true, err);
}

err_code bench_words_run(bench_case *c, error *err)
{
    words_state *s = c->state;
    const cap_model *m = s->model;
    cap_hypothesis best[PHOTOS];
    int shape[3] = {s->photos, m->grid_h * m->grid_w, m->decoder.config.features};
    nn_begin(&s->tape);
    arena_reset(&s->results);
    nn_var *regions = s->pixels ? cap_model_encode(&s->tape, m, s->pixels, s->photos)
                                : nn_input(&s->tape, s->features, 3, shape);
    cap_encoded encoded = {.states = regions};
    cap_memory memory = cap_decoder_remember(&s->tape, &m->decoder, &encoded);
    if (s->tape.failed) return no_memory(c, err);
    return cap_search(&s->tape, &m->decoder, &memory, &s->search, &s->results, best, err);
}

void bench_words_close(bench_case *c)
{
    words_state *s = c->state;
    if (!s) return;
    cap_model_close(&s->model);
    arena_release(&s->memory);
    arena_release(&s->results);
    free(s->features);
    free(s->pixels);
    free(s);
}
