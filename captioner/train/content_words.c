#include "captioner/train/content_words.h"

#include <stdlib.h>
#include <string.h>

#include "datasets/function_words.h"

static const char while_choosing[] = "for the words that are to be named";

/* Function words whose meaning a photo can show after all: how many there are, and where. */
static const char *const shown[] = {
    "one",   "two",        "three",   "four",      "five",   "six",     "seven",  "eight",   "nine",
    "ten",   "several",    "few",     "many",      "across", "against", "inside", "outside", "above",
    "below", "underneath", "beneath", "alongside", "atop",   "among",   "back",   "together"};

static bool is_among(const char *const *list, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(list[i], word)) return true;
    return false;
}

static size_t count_function_words(void)
{
    size_t count = 0;
    while (ds_function_words[count]) count++;
    return count;
}

/* One letter, or a word with an apostrophe ("n't", "'s", "o'clock"), is none to name. */
static bool is_empty(const char *word)
{
    if (!word[0] || !word[1] || strchr(word, '\'')) return true;
    return is_among(ds_function_words, count_function_words(), word) &&
           !is_among(shown, sizeof shown / sizeof shown[0], word);
}

const bool *cap_content_names(const ds_vocab *vocab, arena *memory)
{
    bool *names = arena_array(memory, (size_t)ds_vocab_size(vocab), sizeof *names);
    for (int32_t i = DS_SPECIALS; names && i < ds_vocab_size(vocab); i++)
        names[i] = !is_empty(ds_vocab_word(vocab, i));
    return names;
}

typedef struct counted {
    int32_t number;
    int64_t count;
} counted;

/* Equal counts in the order of the vocabulary. */
static int by_count(const void *left, const void *right)
{
    const counted *a = left, *b = right;
    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

/* Moves the words to be named to the front; returns how many. */
static int32_t choose_words(counted *list, int32_t size, const ds_vocab *vocab, int64_t least)
{
    int32_t kept = 0;
    for (int32_t i = DS_SPECIALS; i < size; i++)
        if (list[i].count >= least && !is_empty(ds_vocab_word(vocab, i))) list[kept++] = list[i];
    if (kept) qsort(list, kept, sizeof *list, by_count);
    return kept;
}

static err_code fill_lists(cap_content *c, const counted *list, int32_t size, const ds_encoded *captions,
                           arena *memory, error *err)
{
    int32_t *number = arena_array(memory, c->words, sizeof *number);
    int32_t *place = arena_array(memory, size, sizeof *place);
    int32_t *caption = arena_array(memory, (size_t)captions->images + 1, sizeof *caption);
    if (!number || !place || !caption) return err_no_memory(err, while_choosing);
    for (int32_t i = 0; i < size; i++) place[i] = -1;
    for (int32_t j = 0; j < c->words; j++) {
        number[j] = list[j].number;
        place[list[j].number] = j;
    }
    for (int32_t i = 0; i < captions->captions; i++) caption[captions->image[i] + 1]++;
    for (int32_t i = 0; i < captions->images; i++) caption[i + 1] += caption[i];
    c->number = number;
    c->place = place;
    c->caption = caption;
    return ERR_OK;
}

err_code cap_content_find(cap_content *c, const ds_vocab *vocab, const ds_encoded *captions, int64_t least,
                          arena *memory, error *err)
{
    int32_t size = ds_vocab_size(vocab);
    counted *list = calloc(size, sizeof *list);
    *c = (cap_content){0};
    if (!list) return err_no_memory(err, while_choosing);
    for (int32_t i = 0; i < size; i++) list[i].number = i;
    for (int64_t k = 0; k < captions->first[captions->captions]; k++) list[captions->words[k]].count++;
    c->words = choose_words(list, size, vocab, least);
    err_code code = fill_lists(c, list, size, captions, memory, err);
    free(list);
    return code;
}

/* Whether a word stands in the caption before place k. */
static bool was_there(const ds_encoded *e, int64_t first, int64_t k)
{
    for (int64_t i = first; i < k; i++)
        if (e->words[i] == e->words[k]) return true;
    return false;
}

void cap_content_targets(const cap_content *c, const ds_encoded *captions, int32_t image, float *target)
{
    int32_t first = c->caption[image], end = c->caption[image + 1];
    for (int32_t j = 0; j < c->words; j++) target[j] = 0;
    for (int32_t i = first; i < end; i++) {
        int64_t begin = captions->first[i];
        for (int64_t k = begin; k < captions->first[i + 1]; k++) {
            int32_t place = c->place[captions->words[k]];
            if (place >= 0 && !was_there(captions, begin, k)) target[place] += 1.0F / (float)(end - first);
        }
    }
}
