/* Training: photos and captions, or texts and what they become, in; a model file out.
 *
 *     cap_train_settings s = cap_train_defaults();
 *     s.photos[0] = (cap_photo_set){.captions = "captions_train.json", .images = "photos"};
 *     s.val[0] = (cap_photo_set){.captions = "captions_val.json"};
 *     s.run.out = "model.safetensors";
 *     if (cap_train(&s, &events, &err)) ...
 *
 *     cap_train_settings s = cap_train_text_defaults();
 *     s.text.source = "train.en";  s.text.target = "train.de";
 *     s.text.val_source = "val.en";  s.text.val_target = "val.de";
 *     s.run.out = "ende.safetensors";
 *
 *     cap_train_settings s = cap_train_language_defaults(cap_decoder_find("lstm"));
 *     s.language.text = "corpus.txt";
 *     s.run.out = "lm.safetensors";
 *
 * Photos: an encoder of our own ("small") is trained along, its photos augmented and decoded ahead by worker
 * threads. An imported one is frozen unless tune_encoder: its features are then computed once and kept on
 * disk.
 *
 * Texts: what turns lines into numbers is learned from the training pairs alone. Pairs with a side over
 * max_words are left out. Without a validation set a share of the pairs is held out, drawn by the seed;
 * pairs that say the same as a held-out one leave training too, so that what is measured is unseen.
 *
 * Language models learn from texts alone, one a line. Decoders that learn step by step are trained like
 * others; one that counts (n-grams) is made at once, and has neither epochs nor a state.
 *
 * Sets of photos that are learnt from together are one heap: an epoch sees the photos of each so many times.
 * Sets to validate on are scored one by one, and the best epoch is the one whose mean over the sets is best.
 *
 * With namers (captioner/net/namer.h) the decoder attends to what they name beside the regions: the objects of
 * a detector by others, and words, by a head that is taught here (words_head.h). Photos that train get its
 * scores from heads that have not seen them. Captions without photos are learnt along: their concepts are
 * drawn (draw.h), their regions borrowed or absent; a step's loss is the mean over its photos and groups.
 * Where all photos are only measured, captions without photos are all that is learnt from: batches and epochs
 * are made of them. The encoder "none" is for models that see no regions, but what is named alone.
 *
 * OUT holds the model of the best epoch by the chosen validation score. A captioner carries the document
 * frequencies of its training captions, of what two photos or more have in common, unless they take over 2 MB
 * (captioner/score/model_df.h). The files beside it, resuming and all else that every training has are told
 * of in trainer.h. */
#ifndef CAPTIONER_TRAIN_H
#define CAPTIONER_TRAIN_H

#include "captioner/net/model.h"
#include "captioner/train/draw.h"
#include "captioner/train/trainer.h"
#include "datasets/pairs.h"
#include "src/io/dtype.h"

typedef enum {
    CAP_BEST_CIDER, /* photos */
    CAP_BEST_BLEU4, /* photos */
    CAP_BEST_LOSS,
    CAP_BEST_BLEU,  /* text: corpus BLEU of captioner/score/text_score.h */
    CAP_BEST_EXACT, /* text: lines that are right to the last character */
    CAP_BESTS
} cap_best_by;

/* As on the command line: cider bleu4 loss bleu exact. */
extern const char *const cap_best_names[CAP_BESTS];

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

/* What a language model learns from. */
typedef struct cap_language_settings {
    const char *text, *val_text; /* texts, one a line; to validate on, NULL: val_share */
    double val_share; /* of the texts held out to validate on when there is no such file; 0: none; 0..0.9 */
    ds_codec_settings level; /* min_count is set from the settings below */
} cap_language_settings;

/* Photos with captions, in files of their own. */
typedef struct cap_photo_set {
    const char *captions,
        *images;       /* COCO captions JSON and the folder of its photos; captions NULL: no set */
    const char *style; /* what its way of writing is called: "coco"; NULL: not told */
    int times;         /* that an epoch sees each of its photos; 0: once; 1..CAP_MOST_TIMES, or
                          CAP_ONLY_MEASURED */
} cap_photo_set;

enum {
    CAP_MOST_SETS = 16,
    CAP_MOST_TIMES = 1000,
    CAP_ONLY_MEASURED = -1 /* nothing is learnt from the set: concepts are drawn by what it shows of namers */
};

/* How a captioner learns with concepts (captioner/net/concepts.h), styles, and captions without photos. */
typedef struct cap_concept_settings {
    bool namers
        [CAP_NAMERS];     /* which the model is to have; with cap_train_settings.init: those of that model */
    const char *detector; /* weights by others of a detector, for the namer of objects */
    int detector_size; /* side of its square in pixels, a multiple of 32; 0: what it was made for, or that of
                             cap_train_settings.init */
    const char *captions_only, *only_style; /* captions without photos (datasets/captions_only.h) and how they
                                               are written, as of a set; NULL: there are none, not told */
    int groups, captions;                   /* of them in a step, and captions of each group */
    double
        lend_regions; /* share of the steps in which they borrow regions of photos with like words; it needs
                             kept features */
    double hide_regions; /* of the steps in which photos come without regions, if there are concepts */
    double hide_style;   /* of the photos and groups whose style is not told */
    cap_drop_rates drop; /* of concepts */
} cap_concept_settings;

typedef struct cap_train_settings {
    cap_run_settings run;
    const char
        *init;     /* start from this model, "builtin" or a file: its sizes, weights and words, to which those
                         of the data are added; NULL: from drawn weights */
    cap_kind kind; /* which of the groups below counts: CAP_TEXT `text`, CAP_NOTHING `language`, or photos */
    cap_text_settings text;
    cap_language_settings language;
    cap_photo_set photos[CAP_MOST_SETS]; /* the first of them with captions, none after one without */
    cap_photo_set
        val[CAP_MOST_SETS]; /* likewise; their style and times say nothing. None: the validation split of the
                               one set above, if it has one; images NULL: those of the first set above */
    const char *split,
        *val_split; /* of a file in Karpathy's form, several by commas; NULL: train and restval; val */
    /* Row of the table of networks, "none", or a safetensors file: a captioner of this program, an encoder that
     * cap_pretrain made, or what cnn/import.h knows. */
    const char *encoder;
    const char *encoder_weights; /* own encoder: file of pre-trained weights; NULL: random */
    const char *cache;     /* folder for cached features of a frozen encoder; NULL: the folder of `out` */
    uint64_t photo_memory; /* bytes at most for decoded photos kept from epoch to epoch; 0: none */
    const char *licence;   /* goes into the record; NULL: not stated */
    int size;              /* side of the photos in pixels; 0: what the encoder was made for */
    bool crop;             /* centre crop instead of stretching */
    bool tune_encoder;     /* imported encoder: train it along, with frozen batch normalisation */
    bool augment;          /* own or tuned encoder: mirror, crop, colour */
    cap_decoder_config decoder;
    cap_loss_options loss;
    int samples; /* photos: self-critical training with so many sentences of each photo (self_critical.h), 2
                         or more, which needs `init`; 0: word by word */
    int sample_words; /* of such a sentence, without <end>: more is worth nothing */
    double
        naming; /* what it is worth to such a sentence to say all that people agree on, beside its CIDEr-D of
                         0..10; default 0 */
    double cross_entropy; /* weight of the loss of true captions beside it (self_critical.h); default 0 */
    cap_concept_settings concept;
    int per_image; /* captions of one photo side by side in a batch; 0: choose (5 if the encoder trains, or with
                      concepts) */
    int max_words;          /* longer captions are cut, longer texts left out */
    int min_count;          /* rarer words become <unk>; text: 0 = 2 for words, 1 for characters and pieces */
    double teacher_forcing; /* chance that a previous word is the true one, all the time; loss.sampling is
                               the chance that it is not at the end, growing from 0; both together multiply */
    double encoder_factor;  /* the encoder's share of the learning rate */
    cap_best_by best_by;
    int scored;         /* validation photos or lines decoded per epoch; 0 = all */
    int beam;           /* of that decoding */
    io_dtype dtype;     /* of the stored weights: IO_F32 or IO_F16 */
    double max_missing; /* share of photos that may be missing or damaged */
} cap_train_settings;

/* Settings of cap_train_settings that decide the steps, and those of the validation: their ranges, options and
 * what a resumed run must share. Those of every training are cap_run_fields. */
extern const io_field cap_learning_fields[], cap_judging_fields[];
extern const io_field cap_concept_fields[]; /* of photos */

cap_train_settings cap_train_defaults(void); /* for photos */
cap_train_settings cap_train_text_defaults(void);
cap_train_settings
cap_train_language_defaults(const cap_decoder_row *model); /* cap_decoder_ngram: one that counts */

/* Changes defaults for photos to those of self-critical training: five samples a photo of 18 words, sixteen
 * photos with five captions each a step, a rate of 4e-5 that falls evenly, a gradient of norm 1, and nothing of
 * what is for learning word by word: label smoothing, decay. A decoder whose sharpness is 1 gets 2.5. */
void cap_train_make_self_critical(cap_train_settings *s);

/* Where s->init is set: takes the sizes of that model over, as another one is refused: the decoder's settings,
 * and encoder, size and crop, or text.encoder and the levels. ERR_MISMATCH: it is of another kind. */
err_code cap_train_take_sizes(cap_train_settings *s, error *err);

err_code cap_train(const cap_train_settings *s, const cap_train_events *events, error *err);

#endif
