/* A list of distinct words with a hash table over it: word -> place in the list, place -> word. Shared by the
 * counter and the vocabulary; not meant for use outside this floor.
 *
 * Words are copied; they are NUL-terminated and compared bytewise. A zeroed ds_words is empty and ready. */
#ifndef DATASETS_WORDS_H
#define DATASETS_WORDS_H

#include <stddef.h>
#include <stdint.h>

typedef struct ds_word {
    char *text;
    int64_t count; /* what the user of the list counts; 0 at first */
    uint32_t hash;
} ds_word;

typedef struct ds_words {
    ds_word *item; /* [count], in order of arrival */
    int32_t count;
    int64_t capacity;
    int32_t *slot; /* [slots]: place in item + 1, 0 = free; slots is a power of two above 4/3 count */
    uint32_t slots;
} ds_words;

int32_t ds_words_find(const ds_words *w, const char *text); /* its place, -1 when it is not there */
int32_t ds_words_put(ds_words *w, const char *text); /* its place, added when new; -1 when memory is out */
void ds_words_release(ds_words *w);                  /* empty again */

#endif
