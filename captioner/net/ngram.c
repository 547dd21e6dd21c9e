#include "captioner/net/ngram.h"

#include <math.h>
#include <stdlib.h>

const char *cap_smoothing_name(int value)
{
    static const char *const names[] = {"kneser-ney", "none"};
    return value < CAP_SMOOTHINGS ? names[value] : NULL;
}

/* ---- memory ---- */

static bool take(void *array, size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);
    *(void **)array = memory;
    return memory;
}

err_code cap_ngram_allocate(cap_ngram *m, int order, const int32_t *count, error *err)
{
    *m = (cap_ngram){.order = order, .vocabulary = count[0]};
    bool good = true;
    for (int k = 1; k <= order && good; k++) {
        cap_ngram_level *l = &m->level[k - 1];
        size_t n = (size_t)count[k - 1];
        l->count = count[k - 1];
        good = take(&l->log_p, n, sizeof *l->log_p) && (k == 1 || take(&l->word, n, sizeof *l->word));
        if (good && k < order)
            good = take(&l->first, n + 1, sizeof *l->first) && take(&l->backoff, n, sizeof *l->backoff) &&
                   (k == 1 || take(&l->shorter, n, sizeof *l->shorter));
    }
    if (good) return ERR_OK;
    cap_ngram_release(m);
    return err_no_memory(err, "for an n-gram model");
}

void cap_ngram_release(cap_ngram *m)
{
    for (int k = 0; k < m->order; k++) {
        cap_ngram_level *l = &m->level[k];
        free(l->word);
        free(l->first);
        free(l->shorter);
        free(l->log_p);
        free(l->backoff);
    }
    *m = (cap_ngram){0};
}

/* ---- queries ---- */

/* The n-gram that `word` makes of a context, of the next level; -1: it was never seen. */
static int32_t find(const cap_ngram *m, cap_ngram_state context, int32_t word)
{
    if (!context.words) return word;
    const cap_ngram_level *l = &m->level[context.words - 1];
    const int32_t *list = m->level[context.words].word;
    int32_t low = l->first[context.at], high = l->first[context.at + 1];
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (list[middle] == word) return middle;
        if (list[middle] < word)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

/* A context of one word or more without its first word. */
static cap_ngram_state shortened(const cap_ngram *m, cap_ngram_state s)
{
    if (s.words == 1) return (cap_ngram_state){0};
    return (cap_ngram_state){s.words - 1, m->level[s.words - 1].shorter[s.at]};
}

/* The longest context that ends in `word`, which made an n-gram of `context`, number `at`. One of N words is
 * too long: its end was seen as often as it was. */
static cap_ngram_state after(const cap_ngram *m, cap_ngram_state context, int32_t word, int32_t at)
{
    if (context.words + 1 < m->order) return (cap_ngram_state){context.words + 1, at};
    while (context.words) {
        context = shortened(m, context);
        at = find(m, context, word);
        if (at >= 0) return (cap_ngram_state){context.words + 1, at};
    }
    return (cap_ngram_state){0};
}

double cap_ngram_say(const cap_ngram *m, cap_ngram_state *s, int32_t word)
{
    cap_ngram_state context = *s;
    double log_p = 0;
    int32_t at;
    while ((at = find(m, context, word)) < 0) {
        log_p += (double)m->level[context.words - 1].backoff[context.at];
        context = shortened(m, context);
    }
    *s = after(m, context, word, at);
    return log_p + (double)m->level[context.words].log_p[at];
}

/* From the shortest context to the longest: each knows better than those before it what follows. */
void cap_ngram_all(const cap_ngram *m, cap_ngram_state s, real *out)
{
    cap_ngram_state context[CAP_NGRAM_MOST]; /* by their words */
    double kept[CAP_NGRAM_MOST], all = 0;    /* of the contexts longer than that */
    int longest = s.words;
    for (int k = longest; k > 0; k--) {
        context[k] = s;
        kept[k] = all;
        all += (double)m->level[k - 1].backoff[s.at];
        s = shortened(m, s);
    }
    for (int32_t w = 0; w < m->vocabulary; w++) out[w] = (real)(all + (double)m->level[0].log_p[w]);
    for (int k = 1; k <= longest; k++) {
        const cap_ngram_level *l = &m->level[k];
        const int32_t *first = m->level[k - 1].first + context[k].at;
        for (int32_t i = first[0]; i < first[1]; i++) out[l->word[i]] = (real)(kept[k] + (double)l->log_p[i]);
    }
}
