/* The basic tokeniser of datasets/wordpiece.h: a line as words, before they are spelled. Not meant for use
 * outside this floor. */
#ifndef DATASETS_WORDPIECE_BASIC_H
#define DATASETS_WORDPIECE_BASIC_H

#include <stdbool.h>
#include <stddef.h>

/* Takes each word, NUL-terminated, of `points` code points, until it returns false. */
typedef bool (*ds_basic_taker)(void *ctx, const char *word, int points);

/* The words of the `size` bytes at `s`; false when memory is out, or taken by `take`. */
bool ds_basic_words(const char *s, size_t size, bool lower, ds_basic_taker take, void *ctx);

#endif
