/* Benchmark of n-gram models: counting a text, and asking for the probability of each of its words. */
#include <stdlib.h>

#include "captioner/train/ngram_learn.h"
#include "src/base/rng.h"
#include "tools/bench.h"

enum { TEXTS = 50000, WORDS = 10, VOCABULARY = 10000, ORDER = 5 };

typedef struct ngram_state {
    arena memory;
    ds_encoded texts;
    cap_ngram model;
    double sum; /* of logarithms: what keeps the queries from being left out */
} ngram_state;

static err_code learn(const ds_encoded *texts, cap_ngram *out, error *err)
{
    cap_ngram_report report;
    return cap_ngram_learn(texts, VOCABULARY, &(cap_ngram_settings){.order = ORDER}, out, &report, err);
}

/* Few words are frequent and most are rare, and half of the words follow from the word before. */
static int32_t draw_word(rng *r, int32_t before)
{
    double u = rng_uniform(r);
    uint32_t near = (uint32_t)before * 2654435761U >> 16;
    if (rng_below(r, 2))
        return DS_SPECIALS + (int32_t)((near + rng_below(r, 4)) % (VOCABULARY - DS_SPECIALS));
    return DS_SPECIALS + (int32_t)(u * u * u * u * (VOCABULARY - DS_SPECIALS));
}

static bool draw_texts(ngram_state *s)
{
    rng r = {.seed = 1};
    int64_t *first = arena_array(&s->memory, TEXTS + 1, sizeof *first);
    int32_t *words = arena_array(&s->memory, (size_t)TEXTS * WORDS, sizeof *words);
    int32_t *image = arena_array(&s->memory, TEXTS, sizeof *image);
    if (!first || !words || !image) return false;
    for (int32_t i = 0; i < TEXTS; i++) {
        first[i + 1] = first[i] + WORDS;
        for (int k = 0; k < WORDS; k++)
            words[first[i] + k] = draw_word(&r, k ? words[first[i] + k - 1] : DS_START);
    }
    s->texts =
        (ds_encoded){.captions = TEXTS, .images = TEXTS, .image = image, .first = first, .words = words};
    return true;
}

err_code bench_ngram_open(bench_case *c, error *err)
{
    ngram_state *s = c->state = calloc(1, sizeof *s);
    if (!s || !draw_texts(s)) return bench_no_memory(c, err);
    c->things = (double)TEXTS * (WORDS + 1); /* with the ends of the texts */
    return learn(&s->texts, &s->model, err);
}

err_code bench_counting_run(bench_case *c, error *err)
{
    ngram_state *s = c->state;
    cap_ngram model;
    err_code code = learn(&s->texts, &model, err);
    if (!code) cap_ngram_release(&model);
    return code;
}

err_code bench_ngram_run(bench_case *c, error *err)
{
    ngram_state *s = c->state;
    (void)err;
    for (int32_t i = 0; i < TEXTS; i++) {
        cap_ngram_state at = {0};
        cap_ngram_say(&s->model, &at, DS_START);
        for (int64_t k = s->texts.first[i]; k < s->texts.first[i + 1]; k++)
            s->sum += cap_ngram_say(&s->model, &at, s->texts.words[k]);
        s->sum += cap_ngram_say(&s->model, &at, DS_END);
    }
    return ERR_OK;
}

void bench_ngram_close(bench_case *c)
{
    ngram_state *s = c->state;
    if (s) {
        cap_ngram_release(&s->model);
        arena_release(&s->memory);
    }
    free(s);
    c->state = NULL;
}
