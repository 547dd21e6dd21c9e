/* What reading and learning of a vocabulary of datasets/wordpiece.h share. Not meant for use outside this
 * floor. */
#ifndef DATASETS_WORDPIECE_PARTS_H
#define DATASETS_WORDPIECE_PARTS_H

#include "datasets/wordpiece.h"
#include "datasets/words.h"

#define WORDPIECE_GOES_ON "##" /* in front of a piece that continues a word */

struct ds_wordpiece {
    ds_words pieces; /* their places are their numbers */
    int32_t special[DS_WP_SPECIALS];
    int longest; /* code points of a piece, the "##" counted */
    bool lower;
};

ds_wordpiece *wordpiece_create(bool lower); /* NULL when memory is out */

/* Adds pieces that are not there yet; false when memory is out. */
bool wordpiece_put(ds_wordpiece *w, const char *piece);
bool wordpiece_put_specials(ds_wordpiece *w);

/* One more piece of a vocabulary that was made elsewhere; `number` counts from 1. Errors: FORMAT, LIMIT,
 * MEMORY. */
err_code wordpiece_take(ds_wordpiece *w, const char *piece, int64_t number, const char *where, error *err);

/* When all pieces are there. FORMAT: one of the special pieces is missing. */
err_code wordpiece_finish(ds_wordpiece *w, const char *where, error *err);

#endif
