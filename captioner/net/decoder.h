/* A decoder writes a sentence word by word over encoder states, whatever the states are: regions of a photo,
 * things named in it, words of a source sentence, or none at all.
 *
 *     cap_decoder d;
 *     cap_decoder_config c = cap_decoder_defaults();
 *     c.features = D;  c.vocabulary = V;
 *     if (cap_decoder_declare(&d, &c, "decoder.", &params, &err)) ...          then nn_params_finish
 *     cap_memory m = cap_decoder_remember(&tape, &d, &encoded);                once per photo or sentence
 *     cap_decoder_state state = cap_decoder_start(&tape, &d, &m, memory_of, rows);
 *     cap_step s = cap_decoder_step(&tape, &d, &m, memory_of, &state, words);  as often as there are words
 *     nn_var *logits = cap_decoder_logits(&tape, &d, &s);
 *     nn_var *loss = cap_decoder_loss(&tape, &d, &m, &batch, &options, &info); training by teacher forcing
 *     cap_decoder_release(&d);
 *
 * Decoders are rows of cap_decoder_rows (decoder_rows.c): `lstm` is one. Search, forcing, losses, the model
 * file, options and `caption info` know what is here and nothing of what a row is made of.
 *
 * Letters: M memories (photos, sentences), L states, D their size, N rows (captions or beams), V vocabulary.
 */
#ifndef CAPTIONER_DECODER_H
#define CAPTIONER_DECODER_H

#include "captioner/net/encoded.h"
#include "captioner/net/object_words.h"
#include "datasets/batch.h"
#include "src/base/arena.h"
#include "src/io/fields.h"
#include "src/nn/loss.h"
#include "src/nn/params.h"

typedef struct cap_decoder_row cap_decoder_row;

enum { CAP_SETTINGS_BYTES = 256 };

/* A row and its settings; may be copied. */
typedef struct cap_decoder_config {
    const cap_decoder_row *row;
    int features;    /* D; set from the encoder; 0: it gives none, and there are concepts or words alone */
    int last_layers; /* layers whose last states the encoder gives; set from it; 0: it gives none */
    int vocabulary;  /* V; set from the data */
    union {
        unsigned char bytes[CAP_SETTINGS_BYTES];
        double align_number;
        void *align_pointer;
    } settings; /* what row->fields describes */
} cap_decoder_config;

cap_decoder_config cap_decoder_defaults(void);      /* the first row, for photos */
cap_decoder_config cap_decoder_text_defaults(void); /* the first row, for texts */
cap_decoder_config cap_decoder_defaults_of(const cap_decoder_row *row, bool texts);

/* Ranges, and what goes with what; fills in what follows from the other settings. ERR_ARGUMENT. */
err_code cap_decoder_config_check(cap_decoder_config *c, error *err);
json_t *cap_decoder_config_to_json(const cap_decoder_config *c); /* new reference, NULL when memory is out */
/* A file that names no row means the first one; what an encoder gives is not in it. */
err_code cap_decoder_config_from_json(const json_t *o, const char *where, cap_decoder_config *c, error *err);
bool cap_decoder_config_attends(const cap_decoder_config *c);

/* From now on it takes concepts, and tells so many styles of captions apart (0: none). ERR_ARGUMENT: the row
 * can do neither. */
err_code cap_decoder_config_take_concepts(cap_decoder_config *c, int styles, error *err);
bool cap_decoder_config_takes_concepts(const cap_decoder_config *c);
int cap_decoder_config_styles(const cap_decoder_config *c);

typedef struct cap_decoder {
    cap_decoder_config config;
    void *net;           /* row->net_bytes, the row's own */
    bool takes_concepts; /* it looks at what was named, too */
} cap_decoder;

/* Declares all parameters as PREFIX + name. */
err_code cap_decoder_declare(cap_decoder *d, const cap_decoder_config *c, const char *prefix,
                             nn_params *params, error *err);
void cap_decoder_release(cap_decoder *d);       /* zeroed ones are fine */
bool cap_decoder_attends(const cap_decoder *d); /* false: there is no attention to show */

/* What is computed once per photo or source sentence. */
typedef struct cap_memory {
    cap_encoded source;    /* as it came from the encoder */
    const int32_t *length; /* [M] states that exist; NULL: all L */
    int memories, states;  /* M, L: all that a word can look at */
    int regions;           /* of these, those that came from the encoder, the first ones; 0: it gave none */
    void *net;             /* the row's own, on the tape; NULL: it has none */
} cap_memory;

cap_memory cap_decoder_remember(nn_tape *t, const cap_decoder *d, const cap_encoded *encoded);

/* The state of N rows between words: each part [N, ...], whatever it means to the row. Rows can be taken from
 * all parts alike. */
enum { CAP_MAX_PARTS = 64, CAP_MAX_OUTLOOK = 3 };

typedef struct cap_decoder_state {
    int rows, parts; /* N; how many there are */
    nn_var *part[CAP_MAX_PARTS];
} cap_decoder_state;

/* First state of N rows, row n looking at memory memory_of[n] (NULL: row n at memory n). */
cap_decoder_state cap_decoder_start(nn_tape *t, const cap_decoder *d, const cap_memory *m,
                                    const int32_t *memory_of, int n);

typedef struct cap_step {
    cap_decoder_state state;          /* after the step */
    nn_var *outlook[CAP_MAX_OUTLOOK]; /* [N, ...] each: what the likelihoods are made of; unused ones NULL */
    nn_var *alpha; /* [N, L] where the word looked: first the regions; a decoder of concepts then has a state
                      for "nothing is named", then the concepts in the order of their list, as many as have
                      room. NULL: the decoder does not attend */
} cap_step;

/* One word: word[N] are the previous ones, borrowed until backward. */
cap_step cap_decoder_step(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                          const cap_decoder_state *previous, const int32_t *word);

/* logits [N, V] of the words that may follow. May be called again for fresh ones. */
nn_var *cap_decoder_logits(nn_tape *t, const cap_decoder *d, const cap_step *step);

/* ---- word after word, as a search does ---- */

/* A walk along sentences: the state of many rows, kept between words outside the tape's arena, whose marks can be
 * rewound after every word. Rows may be dropped, doubled and moved on the way.
 *
 *     cap_walk w = {.tape = t, .decoder = d, .memory = m, .mem = &mem, .most = 12};
 *     cap_walk_begin(&w, memory_of, rows);
 *     cap_step s = cap_walk_step(&w, memory_of, words);           as often as there are words
 *     cap_walk_keep(&w, &s, from, rows);                          row i goes on from row from[i] of the step
 *
 * A failure shows on the tape. */
typedef struct cap_walk_part {
    int rank, dim[NN_MAX_RANK]; /* dim[0]: rows */
    real *data;
    size_t room; /* numbers that `data` can hold */
} cap_walk_part;

typedef struct cap_walk {
    nn_tape *tape;
    const cap_decoder *decoder;
    const cap_memory *memory;
    arena *mem; /* of the copies */
    int most;   /* rows there can ever be */
    int rows, parts;
    cap_walk_part part[CAP_MAX_PARTS];
} cap_walk;

/* memory_of[rows], or NULL: row n looks at memory n. */
void cap_walk_begin(cap_walk *w, const int32_t *memory_of, int rows);
cap_step cap_walk_step(const cap_walk *w, const int32_t *memory_of, const int32_t *word);
void cap_walk_keep(cap_walk *w, const cap_step *s, const int32_t *from, int rows);

/* ---- training by teacher forcing ---- */

typedef struct cap_loss_options {
    double smoothing; /* label smoothing, 0..1 */
    double coverage;  /* weight of the doubly stochastic regulariser; 0 = off */
    double focus; /* most mean entropy the attention may keep, as a share of even attention's, 0..1; what is
                     above is penalised; 0 or 1 = any */
    double
        guide; /* weight of what a word's attention misses where the word tells of a named thing with a box,
                     see guide.h; 0 = off */
    const cap_object_names *objects; /* with guide: what names which class, borrowed */
    bool lent;       /* the regions are those of another photo, and show nothing that the captions tell of */
    double sampling; /* scheduled sampling (Bengio et al. 2015): chance that a previous word is the model's
                        own */
    const real
        *weight; /* [batch->rows] of the captions, borrowed: each word's loss times that of its caption,
                           which may be below 0; still divided by the number of words. NULL: all are 1 */
} cap_loss_options;

/* Mean loss per word of a batch of captions; batch->row_image indexes the memories. */
nn_var *cap_decoder_loss(nn_tape *t, const cap_decoder *d, const cap_memory *m, const ds_batch *batch,
                         const cap_loss_options *options, nn_loss_info *info);

#endif
