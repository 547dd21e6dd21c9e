/* A corpus: texts, one a line.
 *
 *     ds_texts texts;
 *     if (ds_texts_read("corpus.txt", &texts, &err)) ...
 *     for (int32_t i = 0; i < texts.count; i++) use(texts.line[i]);
 *     ds_texts_release(&texts);
 *
 * Blanks, tabs and a carriage return around a text are taken off, and so is a byte order mark; lines that are
 * empty then are left out and counted. What is refused is told in datasets/text_lines.h. */
#ifndef DATASETS_TEXTS_H
#define DATASETS_TEXTS_H

#include "datasets/text_lines.h"

typedef struct ds_texts {
    int32_t count;
    const char **line; /* [count] UTF-8, never empty */
    int32_t empty;     /* lines left out */
    arena memory;      /* what the texts and the array live in */
} ds_texts;

/* On failure *out is empty. A file without any text is ERR_FORMAT. The name may be a pipe. */
err_code ds_texts_read(const char *path, ds_texts *out, error *err);
void ds_texts_release(ds_texts *t);

/* Parts the texts in two: `held` gets share * count of them (rounded, at least one, and at least one stays),
 * drawn by the seed; both keep the order of the file. The texts stay where they are: `all` must outlive both
 * parts, which are released as others are. share is in (0, 1); ERR_ARGUMENT for others and for fewer than two
 * texts. */
err_code ds_texts_split(const ds_texts *all, double share, uint64_t seed, ds_texts *rest, ds_texts *held,
                        error *err);

#endif
