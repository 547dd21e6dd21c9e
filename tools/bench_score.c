/* Benchmark of scoring captions: as many images and references as the usual test split of COCO has. */
#include <stdlib.h>
#include <string.h>

#include "captioner/score/score.h"
#include "src/base/rng.h"
#include "src/base/text.h"
#include "tools/bench.h"

enum { IMAGES = 5000, REFERENCES = 5, WORDS = 8000, SHORTEST = 8, LONGEST = 16 };

/* Captions[IMAGES][REFERENCES + 1]; the last of an image is scored against the others. */
typedef struct scoring {
    arena memory;
    const char **caption;
} scoring;

/* Word number `n` in letters: "ba", "be", ... longer ones for rarer words, as languages have it. */
static void add_word(text *to, uint32_t n)
{
    static const char first[] = "bdfgklmnprst", second[] = "aeiou";
    do {
        text_append_point(to, (uint32_t)first[n % 12]);
        text_append_point(to, (uint32_t)second[n / 12 % 5]);
        n /= 60;
    } while (n);
}

/* Few words are frequent and most are rare: a uniform number to the fourth power, near enough to Zipf's law.
 */
static const char *invent(rng *r, arena *mem)
{
    text sentence = {0};
    uint32_t words = SHORTEST + rng_below(r, LONGEST - SHORTEST);
    for (uint32_t i = 0; i < words; i++) {
        double u = rng_uniform(r);
        if (i) text_append_point(&sentence, ' ');
        add_word(&sentence, (uint32_t)(u * u * u * u * WORDS));
    }
    text_append_point(&sentence, '.');
    const char *copy = sentence.failed ? NULL : arena_strdup(mem, text_string(&sentence));
    text_release(&sentence);
    return copy;
}

err_code bench_score_open(bench_case *c, error *err)
{
    const size_t all = IMAGES * (REFERENCES + 1);
    rng r = {.seed = 1};
    scoring *s = c->state = calloc(1, sizeof *s);
    if (s) s->caption = arena_array(&s->memory, all, sizeof *s->caption);
    bool good = s && s->caption;
    for (size_t i = 0; good && i < all; i++) good = (s->caption[i] = invent(&r, &s->memory));
    c->things = IMAGES;
    return good ? ERR_OK : err_no_memory(err, "for captions to score");
}

err_code bench_score_run(bench_case *c, error *err)
{
    const scoring *s = c->state;
    cap_scorer *scorer = NULL;
    cap_scores all;
    err_code code = cap_scorer_create(&scorer, err);
    for (int i = 0; !code && i < IMAGES; i++) {
        const char **caption = s->caption + (size_t)i * (REFERENCES + 1);
        for (int j = 0; !code && j < REFERENCES; j++)
            code = cap_scorer_add_reference(scorer, i, caption[j], err);
        if (!code) code = cap_scorer_add_hypothesis(scorer, i, caption[REFERENCES], err);
    }
    if (!code) code = cap_scorer_run(scorer, NULL, &all, err);
    cap_scorer_free(&scorer);
    return code;
}

void bench_score_close(bench_case *c)
{
    scoring *s = c->state;
    if (s) arena_release(&s->memory);
    free(s);
    c->state = NULL;
}
