/* An encoder turns what is read, photos or lines of text, into the states that a decoder attends to.
 *
 *     cap_encoder e;
 *     cap_encoder_config c = cap_cnn_config("small");           or cap_encoder_text_defaults()
 *     if (cap_encoder_declare(&e, &c, 160, "encoder.", &params, &err)) ...   then nn_params_finish
 *     cap_encoded seen = cap_encoder_encode(&tape, &e, &(cap_input){.count = 2, .pixels = pixels});
 *     cap_encoder_release(&e);
 *
 * Encoders are rows of cap_encoder_rows (encoder_rows.c): for photos `cnn`, a network of cnn/, and `none`,
 * which gives no states; for lines `lstm` and `transformer`; and another `none`, which reads nothing. Rows
 * that read the same differ in their names. Models, their files, training and `caption info` know what is
 * here and nothing of what a row is made of. To add one, write a file with a row and name it there. */
#ifndef CAPTIONER_ENCODER_H
#define CAPTIONER_ENCODER_H

#include "captioner/net/encoded.h"
#include "datasets/sources.h"
#include "src/io/fields.h"
#include "src/nn/params.h"

/* What is read. */
typedef enum cap_kind {
    CAP_IMAGE,   /* photos */
    CAP_TEXT,    /* lines of text */
    CAP_NOTHING, /* nothing: a language model, whose words come from words alone */
    CAP_KINDS
} cap_kind;

typedef struct cap_encoder_row cap_encoder_row;

enum { CAP_ENCODER_BYTES = 128 };

/* A row and its settings; may be copied. */
typedef struct cap_encoder_config {
    const cap_encoder_row *row;
    union {
        unsigned char bytes[CAP_ENCODER_BYTES];
        double align_number;
        void *align_pointer;
    } settings;
} cap_encoder_config;

typedef struct cap_encoder {
    cap_encoder_config config;
    void *net;          /* row->net_bytes, the row's own */
    int width;          /* D: numbers of a state; 0: it gives no states */
    int last_layers;    /* layers whose last states it gives; 0: none */
    int grid_h, grid_w; /* of photos: the states are the regions of such a grid, row by row; else 0 */
} cap_encoder;

/* What goes in, borrowed until backward. */
typedef struct cap_input {
    int count;                    /* M */
    nn_var *pixels;               /* CAP_IMAGE: normalised [M, S, S, 3] */
    const ds_source_batch *lines; /* CAP_TEXT */
} cap_input;

struct cap_encoder_row {
    const char *name; /* "lstm", as in files */
    const char *about;
    cap_kind reads;
    const io_field *fields; /* of its settings; NULL: to_json and from_json */
    size_t settings_bytes, net_bytes;

    void (*defaults)(void *settings);
    json_t *(*to_json)(const void *settings);
    err_code (*from_json)(const json_t *value, const char *where, void *settings, error *err);
    void (*print)(const cap_encoder_config *c, text *line); /* NULL: by its fields */

    /* e->config is set, e->net zeroed: sets what is above. `input` is the side of the photos in pixels, or how
     * many words a source may hold (the settings may keep it). */
    err_code (*declare)(cap_encoder *e, int input, const char *prefix, nn_params *params, error *err);
    cap_encoded (*encode)(nn_tape *t, const cap_encoder *e, const cap_input *in);

    /* For use, once the weights have their values; NULL: nothing to do. Weights that have no data yet are
     * multiplied by `factors`, column by column, when they come (NULL, or a result of NULL: by 1). */
    err_code (*prepare)(cap_encoder *e, error *err);
    const real *(*factors)(const cap_encoder *e, const nn_var *weight);
    void (*release)(cap_encoder *e); /* beside e->net itself; NULL: nothing */
};

extern const cap_encoder_row *const cap_encoder_rows[]; /* up to a NULL */

/* The row of this name that reads `reads`; name NULL: the first one that does. NULL: there is none. */
const cap_encoder_row *cap_encoder_find(cap_kind reads, const char *name);

cap_encoder_config cap_encoder_defaults_of(const cap_encoder_row *row);
cap_encoder_config cap_encoder_text_defaults(void); /* of the first row that reads lines */

json_t *cap_encoder_config_to_json(const cap_encoder_config *c); /* new reference, NULL when memory is out */
err_code cap_encoder_config_from_json(const json_t *value, cap_kind reads, const char *where,
                                      cap_encoder_config *c, error *err);
void cap_encoder_config_print(const cap_encoder_config *c, text *line);

/* Declares all parameters as PREFIX + name. Errors: ARGUMENT (settings, or an input that does not suit),
 * MISSING, MEMORY. */
err_code cap_encoder_declare(cap_encoder *e, const cap_encoder_config *c, int input, const char *prefix,
                             nn_params *params, error *err);
void cap_encoder_release(cap_encoder *e); /* zeroed ones are fine */

/* A failure shows on the tape. */
static inline cap_encoded cap_encoder_encode(nn_tape *t, const cap_encoder *e, const cap_input *in)
{
    return t->failed ? (cap_encoded){0} : e->config.row->encode(t, e, in);
}

err_code cap_encoder_prepare(cap_encoder *e, error *err);
const real *cap_encoder_factors(const cap_encoder *e, const nn_var *weight);

#endif
