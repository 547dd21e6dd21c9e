/* Pairs of texts, what is said and how it is said the other way, from one of three forms:
 *
 *   two files   line i of one belongs to line i of the other
 *   tsv         one file: source, a tab, target; further columns are passed over
 *   dates       one file: source padded with blanks, '_' (the last one of the line), target
 *
 *     ds_pairs pairs;
 *     if (ds_pairs_read("eng_kor_train.tsv", DS_PAIRS_TSV, &pairs, &err)) ...
 *     if (ds_pairs_read_two("train.en", "train.de", &pairs, &err)) ...
 *     for (int32_t i = 0; i < pairs.count; i++) use(pairs.source[i], pairs.target[i]);
 *     ds_pairs_release(&pairs);
 *
 * Blanks, tabs and a carriage return around a text are taken off (the padding of the dates with them), and so
 * is a byte order mark. Pairs with a side that is empty after that are left out and counted: in parallel
 * files an empty line keeps its number, so nothing slips.
 *
 * Refused (ERR_FORMAT), with the file and the line: files of different lengths (both counts are told), a line
 * without its separator, malformed UTF-8, a zero byte. Refused (ERR_LIMIT): a line over DS_LINE_BYTES. */
#ifndef DATASETS_PAIRS_H
#define DATASETS_PAIRS_H

#include "datasets/text_lines.h"
#include "src/base/arena.h"
#include "src/base/error.h"

#include <stdint.h>

typedef struct ds_pairs {
    int32_t count;
    const char **source, **target; /* [count] UTF-8, one line each, never empty */
    int64_t *line;                 /* [count] where it stood, from 1 */
    int32_t empty;                 /* pairs left out because a side is empty */
    int64_t first_empty;           /* the line of the first of them; 0 = none */
    arena memory;                  /* what the texts and arrays live in */
} ds_pairs;

typedef enum ds_pairs_format { DS_PAIRS_TSV, DS_PAIRS_DATES, DS_PAIRS_FORMATS } ds_pairs_format;

const char *ds_pairs_format_name(ds_pairs_format format);                          /* "tsv", "dates" */
err_code ds_pairs_format_find(const char *name, ds_pairs_format *out, error *err); /* ERR_ARGUMENT */

/* On failure *out is empty. A file without any pair left is ERR_FORMAT. The names may be pipes. */
err_code ds_pairs_read(const char *path, ds_pairs_format format, ds_pairs *out, error *err);
err_code ds_pairs_read_two(const char *source, const char *target, ds_pairs *out, error *err);
void ds_pairs_release(ds_pairs *p);

/* Parts the pairs in two: `held` gets share * count of them (rounded, at least one, and at least one stays),
 * drawn by the seed; both keep the order of the file. The texts stay where they are: `all` must outlive both
 * parts, whose arrays are given back by ds_pairs_release. share is in (0, 1); ERR_ARGUMENT for others and for
 * fewer than two pairs. */
err_code ds_pairs_split(const ds_pairs *all, double share, uint64_t seed, ds_pairs *rest, ds_pairs *held,
                        error *err);

#endif
