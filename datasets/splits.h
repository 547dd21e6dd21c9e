/* The parts of a data set that its file names, like "train", "val" and "test": which there are, and which to
 * take.
 *
 *     ds_splits s = {0};
 *     for each photo: ds_splits_place(&s, name_of_its_split)       its place in s.list
 *     if (ds_splits_choose(&s, "train,restval", false, "dataset.json", &err)) ...
 *     s.list[place].taken says whether a photo of that split is wanted */
#ifndef DATASETS_SPLITS_H
#define DATASETS_SPLITS_H

#include "src/base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct text; /* src/base/text.h */

enum { DS_MAX_SPLITS = 32, DS_SPLIT_BYTES = 64 };

/* What is taken to learn from and to validate on where nobody says otherwise. */
#define DS_TRAIN_SPLITS "train,restval"
#define DS_VAL_SPLITS "val"

typedef struct ds_split {
    char name[DS_SPLIT_BYTES];
    int32_t images;
    bool taken;
} ds_split;

typedef struct ds_splits {
    ds_split list[DS_MAX_SPLITS]; /* in the order of the file */
    int count;
} ds_splits;

/* The place of the split of this name, which is added when new. -1: the name is empty or too long, or there
 * are too many. */
int ds_splits_place(ds_splits *s, const char *name);

/* Marks as taken the splits that `wanted` names, separated by commas; NULL takes all. ERR_ARGUMENT when the
 * file has no splits, or none of such a name; the message says which there are. With `by_default` nobody
 * asked for `wanted`: a file without splits is fine, and so is one that has some of those named. `file` is
 * for messages. */
err_code ds_splits_choose(ds_splits *s, const char *wanted, bool by_default, const char *file, error *err);

/* Is one of the comma-separated names `wanted` this one? */
bool ds_splits_names(const char *wanted, const char *name);

/* Appends "'train' (6000 photos) and 'restval' (3000 photos); 'val' and 'test' are left alone". */
void ds_splits_tell(const ds_splits *s, struct text *out);

#endif
