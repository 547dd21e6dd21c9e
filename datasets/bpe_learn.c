#include "datasets/bpe.h"

#include "datasets/bpe_table.h"
#include "src/base/list.h"

#include <stdlib.h>
#include <string.h>

enum { RARE = 2 }; /* a pair seen less often is not worth a merge */

/* A pair of neighbouring symbols: how often it occurs and in which words. A word stays listed after the pair
 * has gone from it; that is noticed when the word is looked at. */
typedef struct pair {
    uint64_t key;
    int64_t count;
    int32_t *word;
    int32_t words;
    int64_t capacity;
    bool is_touched; /* listed in touched */
} pair;

typedef struct candidate {
    int64_t count; /* of the pair when this was put on the heap; stale when it differs from the pair's */
    int32_t pair;
} candidate;

typedef struct learner {
    ds_bpe *b;
    const ds_words *words;
    int32_t *symbols; /* all words, spelled as the merges so far have it */
    int64_t *first;   /* [words] word w is symbols[first[w] .. first[w] + size[w] - 1] */
    int32_t *size;    /* [words] */
    pair *pairs;
    int32_t pair_count;
    int64_t pair_capacity;
    pair_table at; /* pair -> place in pairs */
    candidate *heap;
    int64_t heap_count, heap_capacity;
    int32_t *touched; /* pairs whose count rose since the last merge */
    int64_t touched_count, touched_capacity;
} learner;

static void release_learner(learner *l)
{
    for (int32_t i = 0; i < l->pair_count; i++) free(l->pairs[i].word);
    free(l->symbols);
    free(l->first);
    free(l->size);
    free(l->pairs);
    free(l->heap);
    free(l->touched);
    pair_release(&l->at);
}

/* ---- the heap: most frequent first, equal ones by lower key ---- */

static bool comes_first(const learner *l, candidate a, candidate b)
{
    if (a.count != b.count) return a.count > b.count;
    return l->pairs[a.pair].key < l->pairs[b.pair].key;
}

static bool push_candidate(learner *l, candidate c)
{
    if (!LIST_ROOM(l->heap, l->heap_count, 1, l->heap_capacity)) return false;
    int64_t i = l->heap_count++;
    for (; i && comes_first(l, c, l->heap[(i - 1) / 2]); i = (i - 1) / 2) l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = c;
    return true;
}

static candidate pop_candidate(learner *l)
{
    candidate top = l->heap[0], last = l->heap[--l->heap_count];
    int64_t i = 0, child;
    while ((child = 2 * i + 1) < l->heap_count) {
        if (child + 1 < l->heap_count && comes_first(l, l->heap[child + 1], l->heap[child])) child++;
        if (!comes_first(l, l->heap[child], last)) break;
        l->heap[i] = l->heap[child];
        i = child;
    }
    l->heap[i] = last;
    return top;
}

/* ---- counting ---- */

static pair *pair_of(learner *l, uint64_t key)
{
    const int32_t *found = pair_find(&l->at, key);
    if (found) return &l->pairs[*found];
    if (!LIST_ROOM(l->pairs, l->pair_count, 1, l->pair_capacity)) return NULL;
    if (!pair_put(&l->at, key, l->pair_count)) return NULL;
    l->pairs[l->pair_count] = (pair){.key = key};
    return &l->pairs[l->pair_count++];
}

static bool note_word(pair *p, int32_t word)
{
    if (p->words && p->word[p->words - 1] == word) return true;
    if (!LIST_ROOM(p->word, p->words, 1, p->capacity)) return false;
    p->word[p->words++] = word;
    return true;
}

static bool touch_pair(learner *l, pair *p)
{
    if (p->is_touched) return true;
    if (!LIST_ROOM(l->touched, l->touched_count, 1, l->touched_capacity)) return false;
    p->is_touched = true;
    l->touched[l->touched_count++] = (int32_t)(p - l->pairs);
    return true;
}

/* Takes the pairs of a word out of the counts (sign -1) or into them (+1). */
static bool count_word(learner *l, int32_t word, int sign)
{
    const int32_t *s = l->symbols + l->first[word];
    for (int32_t i = 0; i + 1 < l->size[word]; i++) {
        pair *p = pair_of(l, pair_key(s[i], s[i + 1]));
        if (!p) return false;
        p->count += sign * l->words->item[word].count;
        if (sign > 0 && (!note_word(p, word) || !touch_pair(l, p))) return false;
    }
    return true;
}

/* Puts the pairs whose counts rose on the heap. A count that fell leaves a stale candidate behind. */
static bool push_touched(learner *l)
{
    for (int64_t i = 0; i < l->touched_count; i++) {
        pair *p = &l->pairs[l->touched[i]];
        p->is_touched = false;
        if (p->count >= RARE && !push_candidate(l, (candidate){p->count, l->touched[i]})) return false;
    }
    l->touched_count = 0;
    return true;
}

static bool start_learning(learner *l)
{
    size_t words = l->words->count;
    int64_t total = 0, capacity = 0;
    l->first = malloc((words + 1) * sizeof *l->first);
    l->size = malloc((words + 1) * sizeof *l->size);
    if (!l->first || !l->size) return false;
    for (int32_t w = 0; w < l->words->count; w++) {
        if (!LIST_ROOM(l->symbols, total, DS_BPE_SYMBOLS, capacity)) return false;
        l->first[w] = total;
        l->size[w] = bpe_points(l->b, l->b, l->words->item[w].text, l->symbols + total);
        if (l->size[w] < 0) return false;
        total += l->size[w];
    }
    for (int32_t w = 0; w < l->words->count; w++)
        if (!count_word(l, w, 1)) return false;
    return push_touched(l);
}

/* ---- merging ---- */

/* Replaces left right by whole, from the left; false when the word does not hold them. */
static bool merge_in_word(int32_t *symbols, int32_t *size, const ds_merge *m)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < *size; i++) {
        bool here = i + 1 < *size && symbols[i] == m->left && symbols[i + 1] == m->right;
        symbols[kept++] = here ? m->whole : symbols[i];
        i += here;
    }
    bool changed = kept < *size;
    *size = kept;
    return changed;
}

static bool holds_pair(const int32_t *symbols, int32_t size, const ds_merge *m)
{
    for (int32_t i = 0; i + 1 < size; i++)
        if (symbols[i] == m->left && symbols[i + 1] == m->right) return true;
    return false;
}

static bool merge_pair(learner *l, int32_t at)
{
    uint64_t key = l->pairs[at].key;
    int32_t whole = bpe_append(l->b, (int32_t)(key >> 32), (int32_t)(key & UINT32_MAX));
    if (whole < 0) return false;
    ds_merge merge = l->b->merge[l->b->merges - 1];
    for (int32_t i = 0; i < l->pairs[at].words; i++) {
        int32_t word = l->pairs[at].word[i], *symbols = l->symbols + l->first[word];
        if (!holds_pair(symbols, l->size[word], &merge)) continue;
        if (!count_word(l, word, -1)) return false;
        merge_in_word(symbols, &l->size[word], &merge);
        if (!count_word(l, word, 1)) return false;
    }
    free(l->pairs[at].word); /* no word holds the pair any more */
    l->pairs[at].word = NULL;
    l->pairs[at].words = 0;
    l->pairs[at].capacity = 0;
    return push_touched(l);
}

err_code ds_bpe_learn(ds_bpe *b, const ds_words *words, int32_t merges, error *err)
{
    learner l = {.b = b, .words = words};
    bool ok = start_learning(&l);
    while (ok && l.heap_count && b->merges < merges) {
        candidate c = pop_candidate(&l);
        int64_t count = l.pairs[c.pair].count;
        if (c.count == count)
            ok = merge_pair(&l, c.pair);
        else if (count >= RARE && count < c.count)
            ok = push_candidate(&l, (candidate){count, c.pair});
    }
    release_learner(&l);
    if (ok) return ERR_OK;
    return err_no_memory(err, "while learning byte-pair encoding");
}
