/* A small decoder for tests of decoding, and photos or sentences for it: random weights, large enough for
 * words to differ in likelihood. Include after cmocka. */
#ifndef TESTS_TOY_DECODER_H
#define TESTS_TOY_DECODER_H

#include <string.h>

#include "captioner/net/lstm_settings.h"
#include "captioner/net/text_encoder.h"
#include "captioner/search/search.h"
#include "src/base/rng.h"

enum { TOY_NUMBERS = 1000 };

typedef struct toy_decoder {
    nn_params params;
    cap_decoder decoder;
    arena mem, results;
    nn_tape tape;
    int states;                 /* of a photo, or of the longest sentence */
    cap_text_encoder encoder;   /* of sentences */
    const int32_t *words;       /* [sentences][states]; NULL: photos */
    const int32_t *length;      /* [sentences] */
    real features[TOY_NUMBERS]; /* [photos][states][decoder.config.features] */
    const cap_concepts *named;  /* in the photos, of a decoder of concepts; else NULL */
    const int32_t *style;       /* [photos] or NULL */
    cap_concepts part;          /* those of the photos that are remembered */
} toy_decoder;

/* What most tests decode with. */
static inline cap_decoder_config toy_decoder_config(int features, int vocabulary, nn_match_kind match)
{
    cap_decoder_config c = cap_lstm_config(&(cap_lstm_settings){.embedding = 5,
                                                                .hidden = 6,
                                                                .attention = 4,
                                                                .projection = 6,
                                                                .heads = 1,
                                                                .layers = 1,
                                                                .match = match,
                                                                .sharpness = 1,
                                                                .gate = true,
                                                                .rectify = true});
    c.features = features;
    c.vocabulary = vocabulary;
    return c;
}

static inline void toy_decoder_draw(toy_decoder *t, uint64_t seed, size_t numbers)
{
    assert_int_equal(nn_params_finish(&t->params, seed, NULL), ERR_OK);
    rng r = {.seed = seed, .stream = 9};
    for (size_t i = 0; i < t->params.size; i++) t->params.data[i] += (real)(1.2 * rng_normal(&r));
    for (size_t i = 0; i < numbers; i++) t->features[i] = (real)(2 * rng_normal(&r));
    t->tape = (nn_tape){.mem = &t->mem};
}

static inline void toy_decoder_create(toy_decoder *t, uint64_t seed, cap_decoder_config c, int photos,
                                      int states)
{
    memset(t, 0, sizeof *t);
    size_t numbers = (size_t)photos * (size_t)states * (size_t)c.features;
    assert_true(numbers <= TOY_NUMBERS);
    assert_int_equal(cap_decoder_config_check(&c, NULL), ERR_OK);
    assert_int_equal(cap_decoder_declare(&t->decoder, &c, "decoder.", &t->params, NULL), ERR_OK);
    toy_decoder_draw(t, seed, numbers);
    t->states = states;
}

/* The same for sentences: words [..][states], of which length[..] count, both borrowed. */
static inline void toy_decoder_create_text(toy_decoder *t, uint64_t seed, const cap_text_encoder_config *e,
                                           cap_decoder_config c, const int32_t *words, const int32_t *length,
                                           int states)
{
    memset(t, 0, sizeof *t);
    c.features = cap_text_encoder_width(e);
    c.last_layers = e->layers;
    assert_int_equal(cap_text_encoder_config_check(e, NULL), ERR_OK);
    assert_int_equal(cap_decoder_config_check(&c, NULL), ERR_OK);
    cap_text_encoder_declare(&t->encoder, e, "encoder.", &t->params);
    assert_int_equal(cap_decoder_declare(&t->decoder, &c, "decoder.", &t->params, NULL), ERR_OK);
    toy_decoder_draw(t, seed, 0);
    t->words = words;
    t->length = length;
    t->states = states;
}

static inline void toy_decoder_release(toy_decoder *t)
{
    cap_decoder_release(&t->decoder);
    nn_params_release(&t->params);
    arena_release(&t->mem);
    arena_release(&t->results);
}

/* The photos or sentences first .. first + photos - 1, as the decoder remembers them. */
static inline cap_memory toy_decoder_remember(toy_decoder *t, int first, int photos)
{
    if (t->words) {
        cap_encoded e = cap_text_encoder_forward(&t->tape, &t->encoder, t->words + first * t->states,
                                                 t->length + first, photos, t->states);
        return cap_decoder_remember(&t->tape, &t->decoder, &e);
    }
    int size = t->states * t->decoder.config.features;
    nn_var *x = nn_input(&t->tape, t->features + first * size, 3,
                         (int[]){photos, t->states, t->decoder.config.features});
    cap_encoded seen = {.states = x, .style = t->style ? t->style + first : NULL};
    if (t->named) {
        const cap_concept *list = t->named->list + (size_t)first * (size_t)t->named->most;
        t->part = (cap_concepts){photos, t->named->most, list, t->named->count + first};
        seen.concepts = &t->part;
    }
    return cap_decoder_remember(&t->tape, &t->decoder, &seen);
}

/* The n-th allocation of a search fails, for n = 1, 2, 3, ... until one does not: each says so. */
static inline void toy_decoder_fail_allocations(toy_decoder *t, int photos, const cap_search_options *o,
                                                cap_hypothesis *best)
{
    err_code code = ERR_MEMORY;
    int failures = 0;
    for (long n = 1; code && n < 100000; n++) {
        error err = {0};
        nn_begin(&t->tape);
        cap_memory m = toy_decoder_remember(t, 0, photos);
        t->mem.fail_in = n;
        code = cap_search(&t->tape, &t->decoder, &m, o, &t->results, best, &err);
        failures += code == ERR_MEMORY;
        assert_true(code == ERR_OK || code == ERR_MEMORY);
    }
    assert_int_equal(code, ERR_OK);
    assert_true(failures > 10);
}

#endif
