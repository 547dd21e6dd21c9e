/* Training of readers (captioner/net/bert.h): to tell classes of lines, or to fill in words that are masked.
 *
 *     cap_reader_settings s = cap_classify_defaults();
 *     s.lines = "train.tsv";  s.val = "dev.tsv";  s.init = "model.safetensors";
 *     s.run.out = "sentiment.safetensors";
 *     if (cap_train_reader(&s, &events, &err)) ...
 *
 * Lines with classes are text, tab, label; a first line whose label is "label" names the columns. Lines
 * without are texts alone, blank ones do not count. Labels are those of the lines to learn from, in order of
 * bytes.
 *
 * Masked words (Devlin et al. 2019, section 3.1): of the pieces of a line a share is to be told; of those
 * four fifths are [MASK] in what is read, a tenth is another piece, a tenth stays. Every epoch draws anew. */
#ifndef CAPTIONER_TRAIN_READER_H
#define CAPTIONER_TRAIN_READER_H

#include "captioner/net/bert_net.h"
#include "captioner/train/trainer.h"
#include "src/io/dtype.h"

typedef struct cap_reader_settings {
    cap_run_settings run;  /* rate 0: what suits: 5e-5 from `init`, else 5e-4 */
    bool masked;           /* fill in words; else tell classes */
    const char *lines;     /* to learn from */
    const char *val;       /* to validate on; NULL: the last epoch is the best */
    const char *init;      /* a reader or weights of BERT to start from; NULL: drawn weights */
    cap_bert_settings set; /* with `init` only what is of training, and pooling; the rest is its own */
    int pieces;            /* of a vocabulary that is learned, without `init`; default 8000 */
    bool cased;            /* of that vocabulary: letters keep their case */
    double smoothing;      /* of labels, 0..0.99 */
    double mask_share;     /* of the pieces, which are to be told; default 0.15 */
    io_dtype dtype;        /* of the stored weights: IO_F32 or IO_F16 */
    const char *licence;   /* goes into the record; NULL: not stated */
} cap_reader_settings;

/* What beside cap_run_fields and cap_bert_fields decides the steps, of either kind. */
extern const io_field cap_classify_fields[], cap_masked_fields[];
extern const io_field cap_pieces_fields[]; /* of pieces that are learned */

cap_reader_settings cap_classify_defaults(void);
cap_reader_settings cap_masked_defaults(void);

err_code cap_train_reader(const cap_reader_settings *s, const cap_train_events *events, error *err);

#endif
