/* A model: encoder, decoder, words, record, and the one file that holds them all. There are three kinds,
 * which differ in what comes before the decoder:
 *
 *     CAP_IMAGE    photo -> preprocessing -> backbone -> regions; namers -> concepts
 *     CAP_TEXT     line -> source codec -> text encoder -> states; what the decoder says, the target codec
 *                  writes as a line
 *     CAP_NOTHING  nothing: a language model; the target codec reads what is to be gone on from, too
 *
 *     cap_model *m;
 *     if (cap_model_open("model.safetensors", &m, &err)) ...     or cap_model_open_memory: the built-in one
 *     if (cap_model_need(m, CAP_IMAGE, "model.safetensors", &err)) ...
 *     cap_encoded seen = {.states = cap_model_encode(&tape, m, pixels, count)};
 *     cap_model_close(&m);
 *
 * The file is safetensors: the tensors, and in __metadata__ one JSON text "caption". Its "kind" is
 * "captioner", with "encoder" (the backbone's name, or an object that says that there is none), "preprocess",
 * "vocabulary" and, where it has them, "namers" and "styles" (names of the decoder's styles), or
 * "translator", with "encoder" (sizes of the text encoder) and the codecs "source" and "target", or
 * "language model", with the codec "target" alone; all have "format", "decoder" and "record" (training, scores, licence). A decoder that
 * counted has tables beside the parameters. */
#ifndef CAPTIONER_MODEL_H
#define CAPTIONER_MODEL_H

#include <jansson.h>

#include "captioner/net/confidence.h"
#include "captioner/net/decoder.h"
#include "captioner/net/encoder.h"
#include "captioner/net/namer.h"
#include "captioner/net/precision.h"
#include "cnn/preprocess.h"
#include "datasets/codec.h"
#include "datasets/sources.h"
#include "datasets/vocab.h"
#include "src/base/text.h"
#include "src/io/safetensors.h"
#include "src/nn/params.h"

typedef struct cap_model {
    cap_kind kind; /* what the encoder reads */
    /* CAP_IMAGE, else zero */
    cnn_preprocess preprocess;
    ds_vocab *vocab;
    char *df; /* document frequencies as JSON, see captioner/score/model_df.h; NULL: none */
    cap_namer namers[CAP_NAMERS]; /* by kind; those that it lacks have no row */
    cap_names styles;             /* of the decoder, whose number for the first one is 1; often none */
    cap_confidence confidence;    /* not fitted: the model was not calibrated, or has been trained since */
    ds_codec *source;             /* CAP_TEXT, else NULL */
    ds_codec *target;             /* CAP_TEXT, CAP_NOTHING, else NULL */
    /* all */
    cap_encoder encoder;
    cap_decoder decoder;
    nn_params params;   /* "encoder.*", "decoder.*", and those of the namers, "objects.*" and "words.*" */
    json_t *record;     /* object: training record, scores, licence: whatever the trainer wrote */
    int64_t file_bytes; /* of the opened file; 0 for a new model */
    char *record_text;  /* the record as JSON, for users; NULL but in models that cap_open() opened */
} cap_model;

/* What a model is made of. The encoder's and the decoder's sizes that follow from the rest are set by making
 * it; what the photos or lines have, and the words, are those of struct cap_model. Vocabulary, codecs, styles
 * and the names of the namers are the model's once it is made, and stay the form's when it is not. */
typedef struct cap_model_form {
    cap_encoder_config encoder;
    cap_decoder_config decoder;
    cnn_preprocess preprocess;           /* CAP_IMAGE */
    ds_vocab *vocab;                     /* CAP_IMAGE */
    cap_namer_config namers[CAP_NAMERS]; /* CAP_IMAGE, by kind; without a row: the model has none */
    cap_names styles; /* CAP_IMAGE, as many as the decoder has; zeroed: they have no names */
    ds_codec *source; /* CAP_TEXT */
    ds_codec *target; /* CAP_TEXT, CAP_NOTHING */
} cap_model_form;

void cap_model_form_release(cap_model_form *f); /* of one that became no model; zeroed ones are fine */

/* What the weights are packed as when a model is opened to describe photos: see nn_params_pack. */
typedef struct cap_packing {
    packed_type linear, conv;
} cap_packing;

cap_packing cap_packing_of(cap_precision precision);

/* The same for models of texts, where `auto` never is int8: what that costs was measured with captions alone. */
cap_packing cap_packing_of_texts(cap_precision precision);

/* A new model with drawn weights. Those of a detector come with cap_objects_import. */
err_code cap_model_create(const cap_model_form *form, uint64_t seed, cap_model **out, error *err);

/* The same with the weights of a file, which are held against the sizes before memory is taken. With
 * `packing` (NULL: none) the encoder is prepared for use and the matrices exist in packed form alone. */
err_code cap_model_create_loaded(const cap_model_form *form, const io_tensors *weights,
                                 const cap_packing *packing, cap_model **out, error *err);

/* For use, of either kind: batch normalisation is folded into the convolutions. */
err_code cap_model_open(const char *path, cap_model **out, error *err);
err_code cap_model_open_memory(const void *bytes, size_t size, const char *name, cap_model **out, error *err);

/* The same, packed: such a model is smaller and faster, and can be neither trained nor saved. */
err_code cap_model_open_packed(const char *path, const cap_packing *packing, cap_model **out, error *err);
err_code cap_model_open_memory_packed(const void *bytes, size_t size, const char *name,
                                      const cap_packing *packing, cap_model **out, error *err);

/* As stored, nothing folded: for saving it again in another type. */
err_code cap_model_open_unfolded(const char *path, cap_model **out, error *err);
err_code cap_model_open_memory_unfolded(const void *bytes, size_t size, const char *name, cap_model **out,
                                        error *err);

void cap_model_close(cap_model **m);

/* Writes the model (atomically). dtype: IO_F32 or IO_F16. */
err_code cap_model_save(const cap_model *m, const char *path, io_dtype dtype, error *err);

/* The document frequencies in a file, as JSON of captioner/score/df.h; *json is the caller's to free, NULL
 * when the file carries none. */
err_code cap_model_stored_df(const io_tensors *t, char **json, error *err);

/* ERR_MISMATCH with a sentence for users when the model, called `name` (NULL: "the model"), is of another
 * kind. */
err_code cap_model_need(const cap_model *m, cap_kind kind, const char *name, error *err);

/* For use, once the weights have their values: batch normalisation moves into the convolutions. */
err_code cap_model_prepare(cap_model *m, error *err);

/* The words it can say. */
const ds_vocab *cap_model_vocab(const cap_model *m);

/* How the photos are prepared for the encoder of a file, a captioner's or an encoder's alone. Errors: MISMATCH
 * (no file of this program), FORMAT. */
err_code cap_model_read_preprocess(const io_tensors *t, cnn_preprocess *out, error *err);

/* Whether its encoder gives states; a captioner that has none sees what its namers name alone. */
static inline bool cap_model_has_states(const cap_model *m)
{
    return m->encoder.width > 0;
}

/* CAP_IMAGE: regions of `count` preprocessed photos u8 [count][size][size][3]: [count, L, D]; NULL where the
 * model has none, which is no failure. */
nn_var *cap_model_encode(nn_tape *t, const cap_model *m, const uint8_t *pixels, int count);

/* CAP_TEXT: states of the batch's lines. Its arrays are borrowed until backward. */
cap_encoded cap_model_encode_text(nn_tape *t, const cap_model *m, const ds_source_batch *batch);

/* The words of a hypothesis as a sentence appended to *out. */
void cap_model_sentence(const cap_model *m, const int32_t *word, int words, text *out);

#endif
