/* The library: a photo in, a sentence out, and where each word looked.
 *
 *     cap_captioner *c;
 *     error err = {0};
 *     if (cap_open("model.safetensors", NULL, &c, &err)) ...     NULL for the path: the built-in model
 *     cap_description d;
 *     if (cap_describe_file(c, "photo.jpg", &d, &err)) ...
 *     puts(d.best.sentence);
 *     for (int i = 0; i < d.best.words; i++)
 *         d.best.word[i], d.best.probability[i], d.attention + i * d.grid_h * d.grid_w
 *     cap_description_release(&d);
 *     cap_close(&c);
 *
 * Nothing is global and nothing prints: captioners in one process do not meet. One captioner serves one
 * thread at a time (it has worker threads of its own); descriptions are the caller's and outlive it. */
#ifndef CAPTIONER_CAPTION_H
#define CAPTIONER_CAPTION_H

#include <jansson.h>

#include "captioner/alternative.h"
#include "captioner/net/precision.h"
#include "captioner/score/df.h"
#include "captioner/search/search.h"
#include "captioner/show/overlay.h"

typedef struct cap_captioner cap_captioner;

typedef struct cap_settings {
    int threads;               /* 0 = one per CPU; default 0 */
    cap_precision precision;   /* default CAP_BF16 */
    cap_search_options search; /* how words are chosen; must, avoid and dangling are set by cap_open */
    const char *const *must;   /* words that every sentence contains, then NULL; or NULL; read by cap_open */
    const char *const *avoid;  /* words that none does, likewise */
    uint64_t max_pixels;       /* larger photos are refused; 0 = 250 million; default 0 */
    bool keep_photo;           /* keep photos at full size in their descriptions, for overlays */
} cap_settings;

cap_settings cap_settings_default(void);

/* Opens a model file, or the built-in model for a NULL path. `settings` may be NULL. Errors: MISSING, IO,
 * FORMAT (no model, or damaged), MISMATCH (a file of another kind), ARGUMENT (a setting out of range, a word
 * that must appear and that the model does not know),
 * UNSUPPORTED (a build without a built-in model), MEMORY; then *out is NULL. */
err_code cap_open(const char *path, const cap_settings *settings, cap_captioner **out, error *err);
void cap_close(cap_captioner **c); /* NULL and pointer to NULL are fine */

typedef struct cap_description {
    cap_alternative best;         /* the sentence */
    int grid_h, grid_w;           /* regions: rows, columns */
    float *attention;             /* [best.words][grid_h * grid_w], each word's sum is 1; NULL when not asked
                                     for or the model does not attend */
    int alternatives;             /* 1 to search.n_best */
    cap_alternative *alternative; /* [alternatives] by falling score; the first is `best` */
    int width, height;            /* of the photo as displayed, pixels */
    const char *warning;          /* what is wrong with its file all the same, as a clause; static, or NULL */
    cap_view view;                /* the part of it that the regions cover */
    img photo;                    /* upright, at full size; empty unless kept */
    arena memory;                 /* holds the arrays above */
} cap_description;

/* Zeroed and released descriptions are fine. */
void cap_description_release(cap_description *d);

/* All of these read JPEG, PNG and WebP by content and turn photos upright. *out is set on success and empty
 * after a failure. Errors: those of img_read_file, FORMAT (weights that are not numbers), MEMORY. */
err_code cap_describe_file(cap_captioner *c, const char *path, cap_description *out, error *err);

/* A photo file in memory; `name` is for messages only. */
err_code cap_describe_memory(cap_captioner *c, const void *bytes, size_t size, const char *name,
                             cap_description *out, error *err);

/* Pixels: rgb[height][width][3], upright, sides 1..IMG_MAX_SIDE. */
err_code cap_describe_pixels(cap_captioner *c, const uint8_t *rgb, int width, int height,
                             cap_description *out, error *err);

/* Many photos together, which is faster than one by one: they are read side by side and go through the net as
 * one batch (8 to 32 at once are enough; 64 MB or so each 8). A photo that cannot be read leaves out[i] empty
 * and its reason in errors[i]; the others are described all the same. Returns what failed for all of them,
 * then every out[i] is empty. */
err_code cap_describe_files(cap_captioner *c, const char *const *paths, int count, cap_description *out,
                            error *errors, error *err);

/* What the model thinks of a sentence that someone else wrote about a photo. */
typedef struct cap_judged {
    cap_description description; /* as if the model had said it; a word it does not know is "<unk>" */
    const char **given;          /* [words] the words as they were given */
    double *log_probability;     /* [words + 1] of each word given those before it; the last is the end's */
    int *rank;                   /* [words + 1] 1: what the model would have said there itself */
    int unknown;                 /* words that are not in the vocabulary */
} cap_judged;

/* Errors: those of describing; ARGUMENT (no word in the sentence), LIMIT. *out is empty after a failure. */
err_code cap_judge_file(cap_captioner *c, const char *path, const char *sentence, cap_judged *out,
                        error *err);
err_code cap_judge_memory(cap_captioner *c, const void *bytes, size_t size, const char *name,
                          const char *sentence, cap_judged *out, error *err); /* as cap_describe_memory */
void cap_judged_release(cap_judged *j);

/* What the model is. Strings and the record belong to the captioner. */
typedef struct cap_info {
    const char *encoder;   /* row of the backbone table */
    int size;              /* photos are resized to size x size pixels ... */
    bool crop;             /* ... their central square, else stretched as a whole */
    float mean[3], std[3]; /* ... and normalised by these, on the scale 0..1 */
    int grid_h, grid_w, features;
    cap_decoder_config decoder;
    size_t encoder_parameters, decoder_parameters; /* learned numbers */
    int vocabulary;                                /* words it can say */
    int64_t file_bytes;
    const json_t *record; /* object: training, scores, licence; {} when the trainer wrote none */
    bool attends;         /* false: it has no attention to show */
} cap_info;

void cap_get_info(const cap_captioner *c, cap_info *info);

/* The document frequencies of the model's training captions, for scores of few photos
 * (captioner/score/score.h). *df is NULL when the model carries none, else the caller's to free with
 * cap_df_free. */
err_code cap_get_df(const cap_captioner *c, cap_df **df, error *err);

/* Word 0..vocabulary-1, by falling frequency in the training captions; NULL when out of range. */
const char *cap_get_word(const cap_captioner *c, int index);

#endif
