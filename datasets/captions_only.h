/* Captions whose photos are not at hand, with the objects that are in each photo as far as somebody listed
 * them. One caption a line, tabs between its three parts:
 *
 *     42 <tab> dog,bench <tab> A dog sleeps on a bench.      the photo's id, its objects, the caption
 *     43 <tab> ? <tab> Two men talk.                         nobody listed the objects of photo 43
 *     44 <tab> <tab> Grass.                                  it has none of them
 *
 *     ds_captions_only o;
 *     if (ds_captions_only_read("coco_captions.tsv", row->class_names, row->classes, &o, &err)) ...
 *     ds_count_captions(&o.captions, counter, &err);               as captions of photos (encode.h)
 *     for (int64_t i = o.first[image]; i < o.first[image + 1]; i++) use(o.object[i]);
 *     ds_captions_only_release(&o);
 *
 * The lines of a photo need not follow one another. Empty lines are passed over, further tabs are blanks of
 * the caption; a byte order mark and carriage returns are taken off. A line in whose caption the tokeniser
 * finds no word is left out and counted.
 *
 * Refused (ERR_FORMAT), with the file and the line: a line without its two tabs, an id that is no whole
 * number from 0 to 2^53, an object that is none of the names, two lines of a photo with different objects,
 * malformed UTF-8, a zero byte; and a file without any caption. Refused (ERR_LIMIT): a line over
 * DS_LINE_BYTES. */
#ifndef DATASETS_CAPTIONS_ONLY_H
#define DATASETS_CAPTIONS_ONLY_H

#include "datasets/coco.h"
#include "src/base/arena.h"

#include <stdbool.h>

typedef struct ds_captions_only {
    ds_captions captions; /* images in the order in which the file first names them; they have no file name */
    const int64_t *first; /* [images+1] image i has object[first[i] .. first[i+1]-1] */
    const int32_t *object;  /* indices into the names, each once an image */
    const bool *listed;     /* [images] false: '?', its objects are unknown */
    int32_t wordless;       /* lines left out because they hold no word */
    int64_t first_wordless; /* the first of them; 0: none */
    arena texts, memory;    /* what the captions' texts live in; the rest */
} ds_captions_only;

/* names[count]: of the objects, as the detector calls them; count 0: objects are of no use, and all of them
 * unknown. On failure *out is empty. It may be a pipe. */
err_code ds_captions_only_read(const char *path, const char *const *names, int count, ds_captions_only *out,
                               error *err);
void ds_captions_only_release(ds_captions_only *o);

/* Gives back the texts and the list of captions, which are most of the memory: ids and objects stay. */
void ds_captions_only_forget_texts(ds_captions_only *o);

#endif
