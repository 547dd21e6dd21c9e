/* Weights of BERT by others, in the names that the package transformers gives its tensors. Not for use
 * outside bert.c. */
#ifndef CAPTIONER_BERT_IMPORT_H
#define CAPTIONER_BERT_IMPORT_H

#include "captioner/net/bert.h"

typedef struct cap_bert_import_row {
    const char *mark;   /* a tensor that such files have */
    const char *prefix; /* of the encoder's tensors */
} cap_bert_import_row;

/* NULL: they are of nobody that is known. */
const cap_bert_import_row *cap_bert_import_find(const io_tensors *file);

/* Sizes from the tensors and from config.json beside the file, pieces from vocab.txt or tokenizer.json. */
err_code cap_bert_import_form(const io_tensors *file, const cap_bert_import_row *row, cap_bert_form *form,
                              error *err);

/* The tensor that the parameter is read from, or NULL: there is none. MISMATCH: it has another shape. */
err_code cap_bert_import_tensor(const io_tensors *file, const cap_bert_import_row *row, const nn_param *n,
                                const io_tensor **out, error *err);

/* Reads the parameter from its tensor. */
err_code cap_bert_import_read(const io_tensors *file, const io_tensor *t, const nn_param *n, error *err);

#endif
