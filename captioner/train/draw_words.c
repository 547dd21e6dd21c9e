/* Drawing what the namer of words gives: how sure it is of a word by how many captions have it. */
#include "captioner/train/draw_parts.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/bounds.h"
#include "src/base/list.h"

enum { OWN_POOL = 10, MOST_OVERLAP = 3 };

static const char while_measuring[] = "while measuring what is named in photos";

static int level_of(int32_t count)
{
    return min_int(count, DRAW_LEVELS) - 1;
}

static double least_of(const draw_words *w)
{
    return cap_naming_of(&w->namer->config)->least;
}

/* ---- what captions say ---- */

/* The place of a word among those counted so far; `count`: it is new. */
static int find_word(const draw_word *list, int count, int32_t word)
{
    int i = 0;
    while (i < count && list[i].word != word) i++;
    return i;
}

static int by_word(const void *left, const void *right)
{
    const draw_word *a = left, *b = right;
    return (a->word > b->word) - (a->word < b->word);
}

int draw_words_count(const draw_words *w, const draw_captions *c, int32_t image, draw_word *out)
{
    const ds_encoded *e = c->encoded;
    int count = 0;
    for (int32_t i = c->first[image]; i < c->first[image] + c->count[image]; i++) {
        for (int64_t k = e->first[i]; k < e->first[i + 1]; k++) {
            int32_t word = w->of_vocab[e->words[k]];
            int place = word < 0 ? DRAW_SAID : find_word(out, count, word);
            if (place == DRAW_SAID) continue;
            if (place == count) out[count++] = (draw_word){word, 0, -1};
            out[place].count += out[place].last != i;
            out[place].last = i;
        }
    }
    if (count) qsort(out, count, sizeof *out, by_word);
    return count;
}

static err_code count_photos(draw_words *w, const draw_photos *p, arena *memory, error *err)
{
    draw_word said[DRAW_SAID];
    int64_t all = 0;
    w->said_start = arena_array(memory, (size_t)p->photos + 1, sizeof *w->said_start);
    if (!w->said_start) return err_no_memory(err, while_measuring);
    for (int32_t i = 0; i < p->photos; i++) {
        int count = draw_words_count(w, &p->captions, i, said);
        if (!LIST_ROOM(w->said, all, count, w->said_room)) return err_no_memory(err, while_measuring);
        if (count) memcpy(w->said + all, said, count * sizeof *said);
        w->said_start[i + 1] = all += count;
    }
    return ERR_OK;
}

/* ---- how sure the namer is of them ---- */

/* Calls `visit` for each word that a photo's captions have. */
typedef void visit_fn(draw_words *w, const draw_photos *p, int32_t photo, const draw_word *said);

static void for_each_said(draw_words *w, const draw_photos *p, visit_fn *visit)
{
    for (int32_t i = 0; i < p->photos; i++)
        for (int64_t k = w->said_start[i]; k < w->said_start[i + 1]; k++) visit(w, p, i, &w->said[k]);
}

/* Counts are put one place on, and summed up to starts. */
static void sum_up(int64_t *start, int64_t count)
{
    for (int64_t i = 0; i < count; i++) start[i + 1] += start[i];
}

static void count_one(draw_words *w, const draw_photos *p, int32_t photo, const draw_word *said)
{
    int b = level_of(said->count);
    w->start[said->word * DRAW_LEVELS + b + 1]++;
    w->all.start[b + 1]++;
    w->own.start[b + 1] += p->own[photo];
    w->twice_start[said->word + 1] += said->count > 1;
}

/* Filling moves each start on to the next one's place; shift_back puts them back. */
static void fill_one(draw_words *w, const draw_photos *p, int32_t photo, const draw_word *said)
{
    int b = level_of(said->count);
    float score = cap_named_scores(p->named, photo)[said->word];
    bool met = (double)score >= least_of(w);
    w->score[w->start[said->word * DRAW_LEVELS + b]++] = score;
    w->all.score[w->all.start[b]++] = score;
    w->recall[b] += met;
    if (p->own[photo]) w->own.score[w->own.start[b]++] = score;
    w->own_recall[b] += p->own[photo] && met;
    if (said->count > 1) w->twice[w->twice_start[said->word]++] = photo;
}

static void shift_back(int64_t *start, int64_t count)
{
    for (int64_t i = count; i > 0; i--) start[i] = start[i - 1];
    start[0] = 0;
}

static bool make_pools(draw_words *w, arena *memory)
{
    w->start = arena_array(memory, (size_t)w->words * DRAW_LEVELS + 1, sizeof *w->start);
    w->twice_start = arena_array(memory, (size_t)w->words + 1, sizeof *w->twice_start);
    return w->start && w->twice_start;
}

static bool make_scores(draw_words *w, arena *memory)
{
    w->score = arena_array(memory, w->all.start[DRAW_LEVELS], sizeof *w->score);
    w->all.score = arena_array(memory, w->all.start[DRAW_LEVELS], sizeof *w->score);
    w->own.score = arena_array(memory, w->own.start[DRAW_LEVELS], sizeof *w->score);
    w->twice = arena_array(memory, w->twice_start[w->words], sizeof *w->twice);
    return w->score && w->all.score && w->own.score && w->twice;
}

/* Recall: of the words at a level, how many are named. The ratio says how much less often they are in the
 * groups' style, as far as there are photos to tell. */
static void compare_recalls(draw_words *w, const draw_photos *p)
{
    for (int b = 0; b < DRAW_LEVELS; b++) {
        int64_t all = w->all.start[b + 1] - w->all.start[b], own = w->own.start[b + 1] - w->own.start[b];
        w->recall[b] = all ? w->recall[b] / (double)all : 0;
        w->own_recall[b] = own ? w->own_recall[b] / (double)own : 0;
        bool tells = p->owns >= DRAW_OWN && own >= OWN_POOL && w->recall[b] > w->own_recall[b];
        w->thin[b] = tells ? w->own_recall[b] / w->recall[b] : 1;
    }
}

static err_code measure_scores(draw_words *w, const draw_photos *p, arena *memory, error *err)
{
    int64_t cells = (int64_t)w->words * DRAW_LEVELS;
    if (!make_pools(w, memory)) return err_no_memory(err, while_measuring);
    for_each_said(w, p, count_one);
    sum_up(w->start, cells);
    sum_up(w->all.start, DRAW_LEVELS);
    sum_up(w->own.start, DRAW_LEVELS);
    sum_up(w->twice_start, w->words);
    if (!make_scores(w, memory)) return err_no_memory(err, while_measuring);
    for_each_said(w, p, fill_one);
    shift_back(w->start, cells);
    shift_back(w->all.start, DRAW_LEVELS);
    shift_back(w->own.start, DRAW_LEVELS);
    shift_back(w->twice_start, w->words);
    compare_recalls(w, p);
    return ERR_OK;
}

/* ---- what it names and nobody says ---- */

static bool says(const draw_word *said, int64_t count, int32_t word)
{
    const draw_word key = {.word = word};
    return count && bsearch(&key, said, count, sizeof *said, by_word);
}

static err_code measure_false(draw_words *w, const draw_photos *p, arena *memory, error *err)
{
    int64_t all = 0;
    w->false_start = arena_array(memory, (size_t)p->photos + 1, sizeof *w->false_start);
    if (!w->false_start) return err_no_memory(err, while_measuring);
    for (int32_t i = 0; i < p->photos; i++) {
        const float *score = cap_named_scores(p->named, i);
        const draw_word *said = w->said + w->said_start[i];
        int64_t count = w->said_start[i + 1] - w->said_start[i], begin = all;
        for (int32_t j = 0; j < w->words && all - begin < DRAW_SEEN - DRAW_SAID; j++) {
            if ((double)score[j] < least_of(w) || says(said, count, j)) continue;
            if (!LIST_ROOM(w->false_word, all, 1, w->false_room)) return err_no_memory(err, while_measuring);
            w->false_word[all++] = (cap_sighting){.name = j, .confidence = score[j]};
        }
        w->false_start[i + 1] = all;
    }
    return ERR_OK;
}

/* ---- all of it ---- */

static err_code index_words(draw_words *w, const ds_vocab *vocab, arena *memory, error *err)
{
    int32_t size = ds_vocab_size(vocab);
    w->of_vocab = arena_array(memory, size, sizeof *w->of_vocab);
    if (!w->of_vocab) return err_no_memory(err, while_measuring);
    for (int32_t i = 0; i < size; i++) w->of_vocab[i] = -1;
    for (int32_t j = 0; j < w->words; j++)
        if (w->namer->word[j][0] >= DS_SPECIALS) w->of_vocab[w->namer->word[j][0]] = j;
    return ERR_OK;
}

err_code draw_words_measure(draw_words *w, const draw_photos *p, const ds_vocab *vocab, arena *memory,
                            error *err)
{
    w->words = w->namer->config.row ? p->named->words : 0;
    err_code code = index_words(w, vocab, memory, err);
    if (!code) code = count_photos(w, p, memory, err);
    if (!code) code = measure_scores(w, p, memory, err);
    return code ? code : measure_false(w, p, memory, err);
}

void draw_words_release(draw_words *w)
{
    free(w->said);
    free(w->false_word);
}

/* ---- drawing ---- */

/* Where a word's score at a level is drawn from: the pool, its part, and whether it is the groups' own. */
typedef struct draw_from {
    const float *score;
    int64_t first, end;
    bool own;
} draw_from;

static draw_from pool_of(const draw_words *w, int32_t word, int b)
{
    const int64_t *start = w->start + (int64_t)word * DRAW_LEVELS;
    draw_from f = {w->score, start[b], start[b + 1], false};
    if (f.end - f.first >= DRAW_FEW) return f;
    f.first = start[max_int(b - 1, 0)];
    f.end = start[min_int(b + 1, DRAW_LEVELS - 1) + 1];
    if (f.end - f.first >= DRAW_FEW) return f;
    bool own = w->own.start[b + 1] - w->own.start[b] >= OWN_POOL;
    const draw_pool *any = own ? &w->own : &w->all;
    return (draw_from){any->score, any->start[b], any->start[b + 1], own};
}

/* False: this time it is not named. */
static bool draw_score(const draw_words *w, const draw_word *said, rng *r, float *score)
{
    int b = level_of(said->count);
    draw_from f = pool_of(w, said->word, b);
    bool thinned = rng_uniform(r) >= w->thin[b];
    if (f.first == f.end || (thinned && !f.own)) return false;
    *score = f.score[f.first + rng_below(r, (uint32_t)(f.end - f.first))];
    return true;
}

int draw_words_group(const draw_words *w, const draw_word *said, int count, int donor, rng *r,
                     cap_sighting *out)
{
    int drawn = 0;
    for (int i = 0; i < count; i++) {
        cap_sighting s = {.name = said[i].word};
        if (draw_score(w, &said[i], r, &s.confidence) && (double)s.confidence >= least_of(w))
            out[drawn++] = s;
    }
    for (int64_t k = w->false_start[donor]; k < w->false_start[donor + 1]; k++)
        if (!says(said, count, w->false_word[k].name)) out[drawn++] = w->false_word[k];
    return drawn;
}

int draw_words_overlap(const draw_words *w, const draw_word *said, int count, int photo)
{
    const draw_word *a = w->said + w->said_start[photo], *end = w->said + w->said_start[photo + 1];
    int shared = 0, i = 0;
    for (; a < end && i < count; a++) {
        while (i < count && said[i].word < a->word) i++;
        if (i < count && said[i].word == a->word) shared += min_int(a->count, MOST_OVERLAP);
    }
    return shared;
}
