#include "captioner/score/cider_ids.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/vocab.h"

struct cap_cider_ids {
    const ds_encoded *captions;
    bool ends;
    int32_t *first;  /* [images+1] captions of image i: first[i]..first[i+1]-1 */
    cap_ngrams seen; /* the n-grams of all captions; their words are numbers, not spellings */
    double *idf;     /* [seen.node_count], then as many as a caption can hold that no other one does */
};

static const char while_judging[] = "while judging captions";

enum { MOST_NEW = CAP_NGRAM_MAX * CAP_CIDER_MOST_WORDS };

void cap_cider_ids_free(cap_cider_ids **cp)
{
    cap_cider_ids *c = *cp;
    if (!c) return;
    cap_ngrams_release(&c->seen);
    free(c->first);
    free(c->idf);
    free(c);
    *cp = NULL;
}

/* ---- counting ---- */

static bool find_captions(cap_cider_ids *c)
{
    const ds_encoded *e = c->captions;
    c->first = calloc((size_t)e->images + 1, sizeof *c->first);
    if (!c->first) return false;
    for (int32_t i = 0; i < e->captions; i++) c->first[e->image[i] + 1]++;
    for (int32_t i = 0; i < e->images; i++) c->first[i + 1] += c->first[i];
    return true;
}

/* Word i of a caption; behind its last one <end>. */
static uint32_t word_at(const int32_t *word, int words, int i)
{
    return (uint32_t)(i < words ? word[i] : DS_END);
}

/* Document frequencies: counts[node], and the last image + 1 that each was counted for. */
typedef struct tally {
    uint32_t *count, *last;
    size_t room;
} tally;

static bool make_room(tally *t, size_t nodes)
{
    if (nodes <= t->room) return true;
    size_t room = 2 * nodes;
    uint32_t *count = realloc(t->count, room * sizeof *count);
    if (count) t->count = count;
    uint32_t *last = realloc(t->last, room * sizeof *last);
    if (last) t->last = last;
    if (!count || !last) return false;
    memset(t->count + t->room, 0, (room - t->room) * sizeof *count);
    memset(t->last + t->room, 0, (room - t->room) * sizeof *last);
    t->room = room;
    return true;
}

static err_code count_caption(cap_cider_ids *c, int32_t caption, tally *t, error *err)
{
    const ds_encoded *e = c->captions;
    const int32_t *word = e->words + e->first[caption];
    int64_t said = e->first[caption + 1] - e->first[caption];
    uint32_t image = (uint32_t)e->image[caption] + 1;
    if (said >= CAP_CIDER_MOST_WORDS)
        return err_set(err, ERR_LIMIT, "a caption of %lld words: at most %d are judged", (long long)said,
                       CAP_CIDER_MOST_WORDS - 1);
    int words = (int)said, all = words + c->ends;
    for (int i = 0; i < all; i++) {
        uint32_t node = CAP_NO_WORDS;
        for (int n = 0; n < CAP_NGRAM_MAX && i + n < all; n++) {
            err_code code = cap_ngrams_step(&c->seen, node, word_at(word, words, i + n), &node, err);
            if (code) return code;
            if (!make_room(t, (size_t)node + 1)) return err_no_memory(err, while_judging);
            t->count[node] += t->last[node] != image;
            t->last[node] = image;
        }
    }
    return ERR_OK;
}

/* n-grams that no caption holds weigh as much as those of a single image. */
static bool weigh(cap_cider_ids *c, const tally *t)
{
    uint32_t nodes = c->seen.node_count, documents = 0;
    c->idf = calloc((size_t)nodes + MOST_NEW, sizeof *c->idf);
    if (!c->idf) return false;
    for (int32_t i = 0; i < c->captions->images; i++) documents += c->first[i + 1] > c->first[i];
    double all = log(documents ? (double)documents : 1.0);
    for (uint32_t i = 0; i < nodes + MOST_NEW; i++)
        c->idf[i] = all - (i && i < nodes ? log((double)t->count[i]) : 0);
    return true;
}

err_code cap_cider_ids_create(const ds_encoded *captions, bool ends, cap_cider_ids **out, error *err)
{
    cap_cider_ids *c = *out = calloc(1, sizeof *c);
    tally t = {0};
    if (!c) return err_no_memory(err, while_judging);
    c->captions = captions;
    c->ends = ends;
    err_code code = find_captions(c) ? ERR_OK : err_no_memory(err, while_judging);
    for (int32_t i = 0; !code && i < captions->captions; i++) code = count_caption(c, i, &t, err);
    if (!code && !weigh(c, &t)) code = err_no_memory(err, while_judging);
    free(t.count);
    free(t.last);
    if (code) cap_cider_ids_free(out);
    return code;
}

/* ---- a caption as a vector ---- */

/* A number for the n words at `at` that no caption has in a row: equal ones get the same. */
static uint32_t new_node(const cap_cider_ids *c, const int32_t *word, int words, int at, int n)
{
    int same = 0;
    for (int i = 0; i < at; i++) {
        for (same = 0; same < n && word_at(word, words, i + same) == word_at(word, words, at + same);) same++;
        if (same == n) return new_node(c, word, words, i, n);
    }
    return c->seen.node_count + (uint32_t)((n - 1) * CAP_CIDER_MOST_WORDS + at);
}

static bool read_vector(const cap_cider_ids *c, const int32_t *word, int words, arena *memory, cap_scored *to)
{
    size_t all = (size_t)words + c->ends;
    cap_term *terms = arena_array(memory, CAP_NGRAM_MAX * all, sizeof *terms);
    *to = (cap_scored){.words = (uint32_t)all};
    if (!terms) return !all;
    for (int n = 1; n <= CAP_NGRAM_MAX; n++) {
        to->term[n - 1] = terms + (size_t)(n - 1) * all;
        to->terms[n - 1] = all >= (size_t)n ? (uint32_t)all - (uint32_t)n + 1 : 0;
    }
    for (int i = 0; i < (int)all; i++) {
        uint32_t node = CAP_NO_WORDS;
        for (int n = 1; n <= CAP_NGRAM_MAX && i + n <= (int)all; n++) {
            node = cap_ngrams_find_step(&c->seen, node, word_at(word, words, i + n - 1));
            uint32_t known = node != CAP_NOT_THERE ? node : new_node(c, word, words, i, n);
            to->term[n - 1][i] = (cap_term){known, 1};
        }
    }
    cap_scored_merge(to);
    return true;
}

err_code cap_cider_ids_references(const cap_cider_ids *c, int32_t image, arena *memory, cap_references *out,
                                  error *err)
{
    const ds_encoded *e = c->captions;
    int32_t first = c->first[image], count = c->first[image + 1] - first;
    cap_scored *all = arena_array(memory, (size_t)count, sizeof *all);
    out->list = arena_array(memory, (size_t)count, sizeof *out->list);
    out->count = (size_t)count;
    if (count && (!all || !out->list)) return err_no_memory(err, while_judging);
    for (int32_t i = 0; i < count; i++) {
        const int64_t *at = e->first + first + i;
        if (!read_vector(c, e->words + at[0], (int)(at[1] - at[0]), memory, &all[i]))
            return err_no_memory(err, while_judging);
        out->list[i] = &all[i];
    }
    return ERR_OK;
}

static bool has_word(const int32_t *word, int64_t words, int32_t which)
{
    for (int64_t i = 0; i < words; i++)
        if (word[i] == which) return true;
    return false;
}

/* How many captions of first..end-1 have the word. */
static int captions_with(const ds_encoded *e, int32_t first, int32_t end, int32_t word)
{
    int count = 0;
    for (int32_t i = first; i < end; i++)
        count += has_word(e->words + e->first[i], e->first[i + 1] - e->first[i], word);
    return count;
}

int cap_cider_ids_agreed(const cap_cider_ids *c, int32_t image, const bool *keep, arena *memory,
                         int32_t **list)
{
    const ds_encoded *e = c->captions;
    int32_t first = c->first[image], end = c->first[image + 1], found = 0;
    *list = arena_array(memory, (size_t)(e->first[end] - e->first[first]), sizeof **list);
    if (!*list) return e->first[end] > e->first[first] ? -1 : 0;
    for (int64_t i = e->first[first]; i < e->first[end]; i++) {
        int32_t word = e->words[i];
        if ((keep && !keep[word]) || has_word(*list, found, word)) continue;
        if (2 * captions_with(e, first, end, word) > end - first) (*list)[found++] = word;
    }
    return found;
}

err_code cap_cider_ids_score(const cap_cider_ids *c, const cap_references *refs, const int32_t *word,
                             int words, arena *memory, double *score, error *err)
{
    cap_scored said;
    double plain;
    *score = 0;
    if (words >= CAP_CIDER_MOST_WORDS)
        return err_set(err, ERR_LIMIT, "a caption of %d words: at most %d are judged", words,
                       CAP_CIDER_MOST_WORDS - 1);
    if (!refs->count) return ERR_OK;
    arena_mark mark = arena_save(memory);
    bool good = read_vector(c, word, words, memory, &said);
    if (good) cap_cider(&said, refs->list, refs->count, c->idf, score, &plain);
    arena_rewind(memory, mark);
    return good ? ERR_OK : err_no_memory(err, while_judging);
}
