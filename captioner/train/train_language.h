/* Language models: what counting and learning them have in common. For train_*.c alone. */
#ifndef CAPTIONER_TRAIN_LANGUAGE_H
#define CAPTIONER_TRAIN_LANGUAGE_H

#include "captioner/train/train.h"
#include "datasets/sources.h"
#include "datasets/texts.h"

/* Texts as lines and as numbers. */
typedef struct cap_language_split {
    ds_texts texts;
    ds_encoded encoded;
    arena memory; /* of the numbers */
} cap_language_split;

typedef struct cap_language_texts {
    ds_texts all; /* what train and val were parted from, if they were */
    cap_language_split train, val;
    bool has_val;
} cap_language_texts;

/* What can be told before anything is read. ERR_ARGUMENT. */
err_code cap_language_check(const cap_language_settings *l, error *err);

/* Reads the texts, and parts them where a share is held out. *note (room for a sentence, empty: none) says
 * what was left out. */
err_code cap_language_read(const cap_language_settings *l, uint64_t seed, cap_language_texts *out, text *note,
                           error *err);
void cap_language_release(cap_language_texts *t);

/* What the texts consist of, found in those to train on; min_count 0: 2 for words, else 1. */
err_code cap_language_codec(const cap_language_settings *l, int min_count, const cap_language_texts *t,
                            ds_codec **out, error *err);
err_code cap_language_encode(const ds_codec *codec, cap_language_split *s, error *err);

/* Counts an n-gram model and writes it to s->run.out. */
err_code cap_train_ngram(const cap_train_settings *s, const cap_train_events *events, error *err);

#endif
