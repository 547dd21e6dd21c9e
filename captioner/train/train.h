/* Training: photos and captions, or texts and what they become, in; a model file out.
 *
 *     cap_train_settings s = cap_train_defaults();
 *     s.captions = "captions_train.json";  s.images = "photos";  s.val = "captions_val.json";
 *     s.out = "model.safetensors";
 *     if (cap_train(&s, &events, &err)) ...
 *
 *     cap_train_settings s = cap_train_text_defaults();
 *     s.text.source = "train.en";  s.text.target = "train.de";
 *     s.text.val_source = "val.en";  s.text.val_target = "val.de";
 *     s.out = "ende.safetensors";
 *
 * Photos: an encoder of our own ("small") is trained along, its photos augmented and decoded ahead by worker
 * threads. An imported one is frozen unless tune_encoder: its features are then computed once and kept on
 * disk.
 *
 * Texts: what turns lines into numbers is learned from the training pairs alone. Pairs with a side over
 * max_words are left out. Without a validation set a share of the pairs is held out, drawn by the seed;
 * pairs that say the same as a held-out one leave training too, so that what is measured is unseen.
 *
 * OUT holds the model of the best epoch by the chosen validation score (the last epoch without validation);
 * it is replaced atomically, so that at any moment a complete model lies there. A captioner carries the
 * document frequencies of its training captions, of what two photos or more have in common, unless they take
 * over 2 MB (captioner/score/model_df.h). OUT.state holds everything to go on: parameters, moments, epoch and
 * batch. OUT.log.jsonl gets a line of JSON per epoch. OUT.lock is there while a run writes these: a second
 * one is refused. So is a new run where one of the files is there, unless `force`. A run whose loss, gradient
 * or weights are no longer finite numbers ends with ERR_LIMIT and leaves model and state as they were. The
 * same seed, files and settings give the same bits whatever the number of threads, resumed or not. */
#ifndef CAPTIONER_TRAIN_H
#define CAPTIONER_TRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "captioner/net/model.h"
#include "captioner/score/score.h"
#include "captioner/score/text_score.h"
#include "datasets/pairs.h"
#include "src/base/error.h"
#include "src/io/dtype.h"

enum { CAP_MOST_EPOCHS = 100000 };

typedef enum {
    CAP_BEST_CIDER, /* photos */
    CAP_BEST_BLEU4, /* photos */
    CAP_BEST_LOSS,
    CAP_BEST_BLEU, /* text: corpus BLEU of captioner/score/text_score.h */
    CAP_BEST_EXACT /* text: lines that are right to the last character */
} cap_best_by;

/* Where texts come from, and what they are to the encoder. */
typedef struct cap_text_settings {
    const char *pairs; /* one file with both sides ... */
    ds_pairs_format format;
    const char *source, *target;                     /* ... or two parallel ones */
    const char *val_pairs, *val_source, *val_target; /* to validate on, likewise; NULL: val_share */
    double val_share; /* of the pairs held out to validate on when there is no such file; 0: none; 0..0.9 */
    ds_codec_settings source_level, target_level; /* min_count is set from the settings below */
    cap_encoder_config encoder;
} cap_text_settings;

typedef struct cap_train_settings {
    cap_kind kind; /* which of the two groups below counts: CAP_IMAGE, or CAP_TEXT for `text` */
    cap_text_settings text;
    const char *captions, *images; /* COCO captions JSON and the folder of its photos */
    const char *val,
        *val_images; /* NULL: the validation split of `captions`, if it has one; images as above */
    const char *split,
        *val_split; /* of a file in Karpathy's form, several by commas; NULL: train and restval; val */
    const char *out;
    const char *encoder; /* row of the table of networks, or a safetensors file that cnn/import.h knows */
    const char *encoder_weights; /* own encoder: file of pre-trained weights; NULL: random */
    const char *cache;     /* folder for cached features of a frozen encoder; NULL: the folder of `out` */
    uint64_t photo_memory; /* bytes at most for decoded photos kept from epoch to epoch; 0: none */
    const char *licence;   /* goes into the record; NULL: not stated */
    const char *command;   /* the command line, for the record; NULL: left out */
    int size;              /* side of the photos in pixels; 0: what the encoder was made for */
    bool crop;             /* centre crop instead of stretching */
    bool tune_encoder;     /* imported encoder: train it along, with frozen batch normalisation */
    bool augment;          /* own or tuned encoder: mirror, crop, colour */
    cap_decoder_config decoder;
    cap_loss_options loss;
    int epochs, batch; /* batch in captions */
    int per_image; /* captions of one photo side by side in a batch; 0: choose (5 if the encoder trains) */
    int max_words; /* longer captions are cut, longer texts left out */
    int min_count; /* rarer words become <unk>; text: 0 = 2 for words, 1 for characters and pieces */
    double teacher_forcing; /* chance that a previous word is the true one, all the time; loss.sampling is
                               the chance that it is not at the end, growing from 0; both together multiply */
    double rate, encoder_factor; /* peak learning rate; the encoder's share of it */
    double warmup;               /* share of all steps */
    double decay, clip;          /* weight decay; global gradient norm, 0 = no limit */
    cap_best_by best_by;
    int patience;       /* epochs without a better score before stopping; 0 = never */
    int scored;         /* validation photos or lines decoded per epoch; 0 = all */
    int beam;           /* of that decoding */
    int threads;        /* 0 = all CPUs */
    bool bf16;          /* large products in bf16 where the CPU has tiles */
    io_dtype dtype;     /* of the stored weights: IO_F32 or IO_F16 */
    double max_missing; /* share of photos that may be missing or damaged */
    uint64_t seed;
    bool resume; /* go on from OUT.state; more epochs than it was begun with: the learning rate goes on as in
                    a run of so many; epochs = 0: as many as it was begun with */
    bool force;  /* begin anew where there is a model, a state or a log already */
} cap_train_settings;

cap_train_settings cap_train_defaults(void); /* for photos */
cap_train_settings cap_train_text_defaults(void);

typedef struct cap_epoch {
    cap_kind kind;
    int epoch, epochs; /* 1-based */
    double loss, perplexity, accuracy;
    const char *unit;     /* what is learnt from: "captions", "pairs" */
    double seconds, rate; /* rate: units per second */
    bool validated;
    double val_loss, val_perplexity; /* without smoothing */
    cap_scores scores;               /* photos: of those decoded; .image is not set */
    cap_text_counts lines;           /* text: of the lines decoded ... */
    double bleu, exact;              /* ... 0..100; share of lines, 0..1 */
    bool best;
    int samples;
    const char *sample_input[4], *sample_output[4]; /* the photo's file name or the line; what
                                                        the model says */
} cap_epoch;

typedef struct cap_train_events { /* any member may be NULL */
    void *ctx;
    void (*say)(void *ctx, const char *sentence);
    /* The first call of a label says what was done before it began: 0, or more where a run is resumed. */
    void (*progress)(void *ctx, const char *label, const char *unit, long done, long total, const char *note);
    void (*epoch)(void *ctx, const cap_epoch *e);
    bool (*stop)(void *ctx); /* asked after every step: true saves the state and ends with ERR_INTERRUPTED */
} cap_train_events;

err_code cap_train(const cap_train_settings *s, const cap_train_events *events, error *err);

#endif
