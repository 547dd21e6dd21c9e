/* Benchmarks of describing with a model of the size that others are measured with, of random weights: the
 * decoder alone (MobileNetV2's 49 regions, LSTM 512, attention 256, vocabulary 10,000), and whole captioning
 * of many photos at once. The output layer is tied to the embedding; 448 numbers a word make it read as many
 * weights as an output layer of its own would. */
#include <stdlib.h>

#include "captioner/search/search.h"
#include "src/base/rng.h"
#include "tools/bench.h"

enum { VOCABULARY = 10000, EMBEDDING = 448, WORDS = 20, REGIONS = 49, PHOTOS = 16 };

typedef struct words_sizes {
    int beam, words, regions; /* regions 0: from pixels on */
    int photos;
} words_sizes;

typedef struct words_state {
    cap_model *model;
    arena memory, results;
    nn_tape tape;
    cap_search_options search;
    words_sizes sizes;
    real *features;  /* [photos][L][D] */
    uint8_t *pixels; /* [photos][size][size][3]; NULL: from the features on */
} words_state;

static bool draw_input(words_state *s)
{
    const cap_model *m = s->model;
    rng r = {.seed = 5};
    if (!s->sizes.regions) {
        size_t count = (size_t)s->sizes.photos * 3 * m->preprocess.size * m->preprocess.size;
        s->pixels = malloc(count);
        for (size_t i = 0; s->pixels && i < count; i++) s->pixels[i] = (uint8_t)rng_u32(&r);
        return s->pixels;
    }
    size_t count = s->sizes.photos * s->sizes.regions * m->decoder.config.features;
    s->features = malloc(count * sizeof *s->features);
    for (size_t i = 0; s->features && i < count; i++) s->features[i] = (real)rng_uniform(&r);
    return s->features;
}

/* Sentences of one length, so that every precision does the same work. */
static err_code open_words(bench_case *c, words_sizes sizes, error *err)
{
    words_state *s = c->state = calloc(1, sizeof *s);
    if (!s) return bench_no_memory(c, err);
    s->sizes = sizes;
    packed_type linear = bench_packed_type(c->row->subject);
    bool narrow = linear != PACKED_F32 && gemm_rounds(GEMM_BF16);
    err_code code = bench_make_model("mobilenet_v2", VOCABULARY, EMBEDDING, &s->model, err);
    if (!code) code = cap_encoder_prepare(&s->model->encoder, err);
    if (!code) code = nn_params_pack(&s->model->params, "", linear, narrow ? PACKED_BF16 : PACKED_F32, err);
    if (code) return code;
    s->search = cap_search_defaults();
    s->search.strategy = sizes.beam > 1 ? CAP_BEAM : CAP_GREEDY;
    s->search.beam = sizes.beam;
    s->search.min_words = s->search.max_words =
        sizes.words > 1 ? sizes.words - 1 : 1; /* <end> is a step, too */
    s->tape = (nn_tape){.mem = &s->memory, .threads = c->row->all_threads ? c->env->pool : NULL};
    c->things = sizes.photos;
    return draw_input(s) ? ERR_OK : bench_no_memory(c, err);
}

err_code bench_greedy_open(bench_case *c, error *err)
{
    return open_words(c, (words_sizes){1, WORDS, REGIONS, 1}, err);
}

err_code bench_beam_open(bench_case *c, error *err)
{
    return open_words(c, (words_sizes){5, WORDS, REGIONS, 1}, err);
}

err_code bench_whole_open(bench_case *c, error *err)
{
    return open_words(c, (words_sizes){1, WORDS, 0, PHOTOS}, err);
}

err_code bench_some_words_open(bench_case *c, error *err)
{
    return open_words(c, (words_sizes){1, c->row->amount, REGIONS, 1}, err);
}

err_code bench_some_regions_open(bench_case *c, error *err)
{
    return open_words(c, (words_sizes){1, WORDS, c->row->amount, 1}, err);
}

err_code bench_some_photos_open(bench_case *c, error *err)
{
    return open_words(c, (words_sizes){1, WORDS, 0, c->row->amount}, err);
}

err_code bench_words_run(bench_case *c, error *err)
{
    words_state *s = c->state;
    const cap_model *m = s->model;
    cap_hypothesis best[PHOTOS];
    int photos = s->sizes.photos, shape[3] = {photos, s->sizes.regions, m->decoder.config.features};
    nn_begin(&s->tape);
    arena_reset(&s->results);
    nn_var *regions = s->pixels ? cap_model_encode(&s->tape, m, s->pixels, photos)
                                : nn_input(&s->tape, s->features, 3, shape);
    cap_encoded encoded = {.states = regions};
    cap_memory memory = cap_decoder_remember(&s->tape, &m->decoder, &encoded);
    if (s->tape.failed) return bench_no_memory(c, err);
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
