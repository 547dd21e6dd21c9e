/* A reader: the network of BERT, the pieces that it reads, the classes that it tells, and the one file that
 * holds them all.
 *
 *     cap_bert *b;
 *     if (cap_bert_open("sentiment.safetensors", NULL, &b, &err)) ...
 *     cap_bert_close(&b);
 *
 * To make one, from nothing or from a file to start from:
 *
 *     cap_bert_form form = {.set = cap_bert_defaults()};
 *     io_tensors *from;                                   NULL: form.pieces are learned from texts
 *     if (cap_bert_form_open("model.safetensors", &form, &from, &err)) ...
 *     cap_names_copy(&form.labels, names, count);
 *     if (cap_bert_create(&form, from, seed, &b, &err)) cap_bert_form_release(&form);
 *     io_tensors_close(&from);
 *
 * The file is safetensors; its metadata "caption" is JSON with "format", "kind" ("reader"), "encoder",
 * "pieces", "labels" (absent: it tells no classes), "fills" (whether it fills in words) and "record". Weights
 * of others that one can start from are rows of bert_import.c, told by the names of their tensors. */
#ifndef CAPTIONER_BERT_H
#define CAPTIONER_BERT_H

#include "captioner/net/bert_net.h"
#include "captioner/net/model.h"
#include "captioner/net/names.h"
#include "datasets/wordpiece.h"

enum { CAP_MOST_LABELS = 10000 };

typedef struct cap_bert {
    ds_wordpiece *pieces;
    cap_names labels; /* none: it tells no classes */
    cap_bert_net net;
    nn_params params;   /* "encoder.*", "classes.*", "words.*" */
    json_t *record;     /* object: whatever the trainer wrote */
    int64_t file_bytes; /* of the opened file; 0 for a new one */
} cap_bert;

/* What a reader is made of. Pieces and labels are the reader's once it is made, and stay the form's when not.
 * */
typedef struct cap_bert_form {
    cap_bert_settings set;
    ds_wordpiece *pieces;
    cap_names labels;
    bool fills; /* it fills in words */
} cap_bert_form;

void cap_bert_form_release(cap_bert_form *f); /* of one that became no reader; zeroed ones are fine */

/* What a file holds, a reader of ours or weights of others with config.json and vocab.txt (or tokenizer.json)
 * beside them, and the file, open. MISMATCH: it is neither, or its vocabulary does not fit its weights. */
err_code cap_bert_form_open(const char *path, cap_bert_form *form, io_tensors **file, error *err);

/* A new reader with drawn weights; those that `from` (NULL: none) has, too, are read from it: all of the
 * encoder, the classes where the labels are the same, the words where both fill in words. */
err_code cap_bert_create(cap_bert_form *form, const io_tensors *from, uint64_t seed, cap_bert **out,
                         error *err);

/* For use: a file of ours or of others. `packing` (NULL: none) is of the matrices. */
err_code cap_bert_open(const char *path, const cap_packing *packing, cap_bert **out, error *err);
void cap_bert_close(cap_bert **b); /* NULL and pointer to NULL are fine */

/* Whether the metadata of a file are those of a reader. */
bool cap_bert_is_reader(const io_tensors *file);

/* Writes the file (atomically). dtype: IO_F32 or IO_F16. */
err_code cap_bert_save(const cap_bert *b, const char *path, io_dtype dtype, error *err);

#endif
