/* Vocabulary: the words a model can say, each with a number.
 *
 *     ds_counter *counter = ds_counter_create();
 *     for each word of each caption: ds_counter_add(counter, word, 1, &err);
 *     ds_vocab *v;
 *     if (ds_vocab_build(counter, &(ds_vocab_settings){.min_count = 5}, &v, &err)) ...
 *     int32_t id = ds_vocab_id(v, "dog");           DS_UNK when the word is not in the vocabulary
 *     const char *word = ds_vocab_word(v, id);
 *     ds_vocab_free(&v); ds_counter_free(&counter);
 *
 * The four special words come first and always have the numbers below; the others follow by descending count,
 * equal counts bytewise, so that one training set gives one vocabulary. */
#ifndef DATASETS_VOCAB_H
#define DATASETS_VOCAB_H

#include "src/base/error.h"

#include <jansson.h>
#include <stdint.h>

enum {
    DS_PAD,      /* "<pad>" */
    DS_START,    /* "<start>" */
    DS_END,      /* "<end>" */
    DS_UNK,      /* "<unk>" */
    DS_SPECIALS, /* how many there are */
};

typedef struct ds_counter ds_counter;
typedef struct ds_vocab ds_vocab;

typedef struct ds_vocab_settings {
    int64_t min_count; /* rarer words are left out; 0 or 1 keeps every word */
    int32_t max_size;  /* entries at most, specials included; 0 = no limit, else at least DS_SPECIALS */
} ds_vocab_settings;

ds_counter *ds_counter_create(void); /* NULL when memory is out */
void ds_counter_free(ds_counter **c);

/* Adds to a word's count. The special words' names and the empty word are not words: ERR_ARGUMENT. */
err_code ds_counter_add(ds_counter *c, const char *word, int64_t times, error *err);
int64_t ds_counter_get(const ds_counter *c, const char *word); /* 0 when never added */

/* The vocabulary of the counted words; *v is set on success only and freed by the caller. */
err_code ds_vocab_build(const ds_counter *c, const ds_vocab_settings *settings, ds_vocab **v, error *err);
void ds_vocab_free(ds_vocab **v);

int32_t ds_vocab_size(const ds_vocab *v);                 /* specials included */
int32_t ds_vocab_id(const ds_vocab *v, const char *word); /* DS_UNK when it is not there */
const char *ds_vocab_word(const ds_vocab *v, int32_t id); /* "<unk>" for a number out of range */
int64_t ds_vocab_count(const ds_vocab *v, int32_t id);    /* as counted; 0 for specials and after from_json */

/* A JSON array of strings in number order, starting with the specials. to_json gives a new reference, NULL
 * when memory is out. from_json refuses (ERR_FORMAT) what is not an array of distinct non-empty strings that
 * starts with the specials; *v is set on success only. */
json_t *ds_vocab_to_json(const ds_vocab *v);
err_code ds_vocab_from_json(const json_t *array, ds_vocab **v, error *err);

#endif
