/* Namers: small nets that name what is in a photo. What they name, the concepts (concepts.h), the decoder
 * attends to beside the regions.
 *
 *     cap_namer_config c = cap_objects_config(NULL);             or cap_words_config(NULL, &names)
 *     cap_namer n;
 *     if (cap_namer_declare(&n, &c, D, vocab, &params, &err)) ...                     then nn_params_finish
 *     cap_look look = {.photos = M, .regions = regions, .squares = squares, .letters = letters};
 *     cap_sightings seen;                                        everything from a confidence of 0.1 on, or
 *     if (cap_namer_see(&tape, &n, &look, 0.1, &seen, &err)) ...
 *     cap_concepts named;                                        what all namers of a model name
 *     if (cap_namers_name(&tape, model->namers, &look, &named, &err)) ...
 *     cap_namer_release(&n);
 *
 * Namers are rows of cap_namer_rows (namer_rows.c), one for each cap_namer_kind:
 *
 *     objects   a detector of cnn/ looks at the whole photo: things with boxes
 *     words     mean of the encoder's regions -> linear -> ReLU -> linear -> sigmoid: the chance of each word
 *               of a list that a caption of the photo has it
 *
 * Letters: M photos, L regions, D their size, S the side of the square that a detector looks at, W the names
 * that a namer can give. */
#ifndef CAPTIONER_NAMER_H
#define CAPTIONER_NAMER_H

#include "captioner/net/concepts.h"
#include "captioner/net/names.h"
#include "cnn/backbone.h"
#include "cnn/detect.h"
#include "datasets/vocab.h"
#include "src/io/fields.h"
#include "src/io/safetensors.h"
#include "src/nn/params.h"

enum {
    CAP_MOST_NAMED = 100,   /* concepts of a photo by one namer */
    CAP_MOST_NAMES = 20000, /* that a namer can give */
    CAP_NAMER_BYTES = 64
};

typedef struct cap_namer_row cap_namer_row;

/* What the settings of every row begin with. */
typedef struct cap_naming {
    double least; /* confidence, 0..1, from which on something is named */
    int most;     /* of a photo, 1..CAP_MOST_NAMED: the surest */
} cap_naming;

/* A row and its settings. */
typedef struct cap_namer_config {
    const cap_namer_row *row; /* NULL: the model does not have this namer */
    union {
        unsigned char bytes[CAP_NAMER_BYTES];
        double align_number;
    } settings;
    cap_names names; /* [W] what it can name: "dog", "hot dog"; empty where the row knows */
} cap_namer_config;

typedef struct cap_namer {
    cap_namer_config config; /* its names are the namer's own */
    void *net;               /* the row's own */
    int32_t (*word)[2]; /* [W] numbers of the first and the last word of each name, one and the same for a
                           single word; DS_UNK: the vocabulary lacks it, and it is never a concept */
} cap_namer;

/* What namers look at, borrowed. */
typedef struct cap_look {
    int photos;                /* M */
    nn_var *regions;           /* [M,L,D] as the encoder gave them, or their means [M,D]; NULL: none */
    const uint8_t *squares;    /* [M][S][S][3] of cnn_letterbox, S = cap_namers_square(); NULL: none */
    const cnn_letter *letters; /* [M] how the photos lie in them */
} cap_look;

/* One thing that a namer sees. */
typedef struct cap_sighting {
    int name; /* 0..W-1 */
    float confidence;
    float box[4]; /* as of a cap_concept */
} cap_sighting;

typedef struct cap_sightings {
    int photos, most;   /* M; room for each */
    cap_sighting *list; /* [M][most], of which the first count[m] are there, the surest first */
    int *count;         /* [M] */
} cap_sightings;

struct cap_namer_row {
    const char *name; /* "objects", as in files; its parameters are "NAME.*" */
    cap_namer_kind kind;
    const char *about;
    const io_field *fields; /* of its settings, `settings_bytes` of them, which begin with a cap_naming */
    size_t settings_bytes, net_bytes;
    int most_of_name; /* concepts of a photo with one name */

    void (*defaults)(void *settings);

    /* Members of the file's object beside the fields, up to a NULL; NULL: there are none. */
    const char *const *further;
    void (*write)(const cap_namer_config *c, io_json_build *b, json_t *object);
    err_code (*read)(const json_t *object, const char *where, cap_namer_config *c, error *err);

    void (*print)(const cap_namer_config *c, text *line); /* what is no field, for people; NULL: nothing */

    /* Numbers of the first and the last word by which captions say a name; false: the vocabulary lacks them. */
    bool (*find)(const ds_vocab *vocab, const char *name, int32_t *first, int32_t *last);

    /* n->config is set, n->net zeroed; `width` is D. A row that knows its names sets them. */
    err_code (*declare)(cap_namer *n, int width, nn_params *params, error *err);

    bool needs_regions;

    /* Fills `out`, which has room, with what has a confidence of `least` or more. */
    err_code (*see)(nn_tape *t, const cap_namer *n, const cap_look *look, double least, cap_sightings *out,
                    error *err);
    int (*room)(const cap_namer *n);          /* sightings of a photo, at most */
    int (*square)(const cap_namer_config *c); /* S; NULL: it does not look at the photo itself */

    /* As of encoders (encoder.h); NULL: nothing. */
    err_code (*prepare)(cap_namer *n, error *err);
    const real *(*factors)(const cap_namer *n, const nn_var *weight);
    void (*release)(cap_namer *n);
};

extern const cap_namer_row *const cap_namer_rows[CAP_NAMERS];

/* ---- the rows' settings ---- */

typedef struct cap_objects_settings {
    cap_naming naming; /* defaults 0.2, 8 */
    int size;          /* S, a multiple of 32, 32..CNN_MAX_SIDE; default 416 */
    char net[32];      /* a detector of cnn/backbone.h; default "yolox_nano" */
} cap_objects_settings;

typedef struct cap_words_settings {
    cap_naming naming; /* defaults 0.08, 16 */
    int hidden;        /* width of the layer between, default 512 */
} cap_words_settings;

/* NULL: the defaults. */
cap_namer_config cap_objects_config(const cap_objects_settings *s);

/* *names [W] is taken over: it is released with the config, or with the namer once that is declared. */
cap_namer_config cap_words_config(const cap_words_settings *s, const cap_names *names);

const cap_naming *cap_naming_of(const cap_namer_config *c); /* of one with a row */

const char *cap_namer_prefix(cap_namer_kind kind); /* of its parameters: "objects." */

/* ---- files ---- */

/* The object "namers" of a model's description; NULL when memory is out. */
json_t *cap_namers_to_json(const cap_namer *namers);

/* configs[CAP_NAMERS] of such an object; NULL: none. Releases nothing that was there before; after an error
 * all are without a row. */
err_code cap_namers_from_json(const json_t *object, const char *where, cap_namer_config *configs, error *err);

void cap_namer_config_release(cap_namer_config *c); /* its names; zeroed ones are fine */

/* ---- life ---- */

/* Declares the parameters "ROW.*" of a config with a row. Its names are the namer's from then on. Errors:
 * ARGUMENT (settings out of range), MISSING (no such detector), MEMORY; then *n is empty, and the names stay
 * the config's. */
err_code cap_namer_declare(cap_namer *n, const cap_namer_config *c, int width, const ds_vocab *vocab,
                           nn_params *params, error *err);
void cap_namer_release(cap_namer *n);                         /* zeroed ones are fine */
void cap_namer_undo(cap_namer *n, const cap_namer_config *c); /* the same; its names are the config's again */

err_code cap_namer_prepare(cap_namer *n, error *err);
const real *cap_namer_factors(const cap_namer *n, const nn_var *weight);

/* Weights of a detector by others (cnn/import.h) into that of `objects`, after nn_params_finish. Errors: those
 * of cnn_import; MISMATCH (its input is to be normalised in a way of its own). */
err_code cap_objects_import(const cap_namer *n, const io_tensors *file, error *err);

/* The detector of `objects`, and how its input is normalised; NULL: it is another namer, or none. */
cnn_net *cap_objects_net(const cap_namer *n);
const cnn_preprocess *cap_objects_preprocess(const cap_namer *n);

/* ---- naming ---- */

/* Whether there is one; the side S that the photos are to be letterboxed to, 0: no namer looks at them. */
bool cap_namers_exist(const cap_namer *namers);
bool cap_namers_need_regions(const cap_namer *namers);
int cap_namers_square(const cap_namer *namers);

/* Whether one of them can name a thing by this word of the vocabulary. */
bool cap_namers_know(const cap_namer *namers, int32_t word);

/* What the namer sees with a confidence of at least `least`, whatever its settings say; on the tape's memory.
 * The photos of a call do not change each other's sightings. Errors: FORMAT (weights that are not numbers),
 * MEMORY. */
err_code cap_namer_see(nn_tape *t, const cap_namer *n, const cap_look *look, double least, cap_sightings *out,
                       error *err);

/* The concepts among the sightings of one photo, the surest first: those that are sure enough, and have words,
 * not too many of one name, not too many in all (config). Returns how many; `out` has room for
 * cap_naming_of(&n->config)->most. */
int cap_namer_choose(const cap_namer *n, const cap_sighting *list, int count, cap_concept *out);

/* What all namers name, one namer after the other, on the tape's memory. */
err_code cap_namers_name(nn_tape *t, const cap_namer *namers, const cap_look *look, cap_concepts *out,
                         error *err);

/* ---- the head that names words, for its training ---- */

typedef struct cap_words_dropout {
    double means, hidden; /* of the regions' means, and of the layer between, while the tape trains */
} cap_words_dropout;

/* logits [M,W] of regions [M,L,D] or their means [M,D]; drop NULL: nothing is dropped. The sigmoid of a logit
 * is the confidence. */
nn_var *cap_words_logits(nn_tape *t, const cap_namer *n, nn_var *regions, const cap_words_dropout *drop);
nn_var *cap_words_scores(nn_tape *t, const cap_namer *n, nn_var *regions); /* their sigmoids */

/* The bias of the last layer [W], to start from how frequent the words are. */
nn_var *cap_words_bias(const cap_namer *n);

#endif
