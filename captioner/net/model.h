/* A model: encoder, decoder, words, record, and the one file that holds them all. There are two kinds, which
 * differ in what comes before the decoder:
 *
 *     CAP_IMAGE   photo -> preprocessing -> backbone -> regions
 *     CAP_TEXT    line -> source codec -> text encoder -> states; what the decoder says, the target codec
 *                 writes as a line
 *
 *     cap_model *m;
 *     if (cap_model_open("model.safetensors", &m, &err)) ...     or cap_model_open_memory: the built-in one
 *     if (cap_model_need(m, CAP_IMAGE, "model.safetensors", &err)) ...
 *     cap_encoded seen = {.states = cap_model_encode(&tape, m, pixels, count)};
 *     cap_model_close(&m);
 *
 * The file is safetensors: the tensors, and in __metadata__ one JSON text "caption". Its "kind" is
 * "captioner", with "encoder" (the backbone's name), "preprocess" and "vocabulary", or "translator", with
 * "encoder" (sizes of the text encoder) and the codecs "source" and "target"; both have "format", "decoder"
 * and "record" (training, scores, licence). */
#ifndef CAPTIONER_MODEL_H
#define CAPTIONER_MODEL_H

#include <jansson.h>

#include "captioner/net/decoder.h"
#include "captioner/net/precision.h"
#include "captioner/net/text_encoder.h"
#include "cnn/backbone.h"
#include "cnn/preprocess.h"
#include "datasets/codec.h"
#include "datasets/sources.h"
#include "datasets/vocab.h"
#include "src/base/text.h"
#include "src/io/safetensors.h"
#include "src/nn/params.h"

typedef enum cap_kind { CAP_IMAGE, CAP_TEXT, CAP_KINDS } cap_kind;

typedef struct cap_model {
    cap_kind kind;
    /* CAP_IMAGE, else zero */
    char encoder_name[32]; /* row of the backbone table */
    cnn_net *encoder;
    cnn_preprocess preprocess;
    ds_vocab *vocab;
    int grid_h, grid_w; /* regions = grid_h * grid_w */
    char *df;           /* document frequencies as JSON, see captioner/score/model_df.h; NULL: none */
    /* CAP_TEXT, else zero */
    cap_text_encoder text_encoder;
    ds_codec *source, *target;
    /* both */
    cap_decoder decoder;
    nn_params params;   /* "encoder.*" and "decoder.*" */
    json_t *record;     /* object: training record, scores, licence: whatever the trainer wrote */
    int64_t file_bytes; /* of the opened file; 0 for a new model */
} cap_model;

/* A new model that describes photos, with drawn weights. Takes over `vocab` on success. The decoder's
 * features and vocabulary are set from the rest. */
err_code cap_model_create(const char *encoder, const cnn_preprocess *preprocess,
                          const cap_decoder_config *decoder, ds_vocab *vocab, uint64_t seed, cap_model **out,
                          error *err);

/* What the weights are packed as when a model is opened to describe photos: see nn_params_pack. */
typedef struct cap_packing {
    packed_type linear, conv;
} cap_packing;

cap_packing cap_packing_of(cap_precision precision);

/* The same with the weights of a file, which are held against the sizes before memory is taken. With
 * `packing` (NULL: none) the batch norms are folded and the matrices exist in packed form alone. */
err_code cap_model_create_loaded(const char *encoder, const cnn_preprocess *preprocess,
                                 const cap_decoder_config *decoder, ds_vocab *vocab,
                                 const io_tensors *weights, const cap_packing *packing, cap_model **out,
                                 error *err);

/* A new model that translates, with drawn weights, or those of a file unless `weights` is NULL. Takes over
 * both codecs on success; the vocabularies and the decoder's features are set from them and the encoder. */
err_code cap_model_create_text(const cap_text_encoder_config *encoder, const cap_decoder_config *decoder,
                               ds_codec *source, ds_codec *target, uint64_t seed, const io_tensors *weights,
                               cap_model **out, error *err);

/* For use, of either kind: batch normalisation is folded into the convolutions. */
err_code cap_model_open(const char *path, cap_model **out, error *err);
err_code cap_model_open_memory(const void *bytes, size_t size, const char *name, cap_model **out, error *err);

/* The same, packed: such a model is smaller and faster, and can be neither trained nor saved. */
err_code cap_model_open_packed(const char *path, const cap_packing *packing, cap_model **out, error *err);
err_code cap_model_open_memory_packed(const void *bytes, size_t size, const char *name,
                                      const cap_packing *packing, cap_model **out, error *err);

/* As stored, nothing folded: for saving it again in another type. */
err_code cap_model_open_unfolded(const char *path, cap_model **out, error *err);

void cap_model_close(cap_model **m);

/* Writes the model (atomically). dtype: IO_F32 or IO_F16. */
err_code cap_model_save(const cap_model *m, const char *path, io_dtype dtype, error *err);

/* The document frequencies in a file, as JSON of captioner/score/df.h; *json is the caller's to free, NULL
 * when the file carries none. */
err_code cap_model_stored_df(const io_tensors *t, char **json, error *err);

/* ERR_MISMATCH with a sentence for users when the model, called `name`, is of the other kind. */
err_code cap_model_need(const cap_model *m, cap_kind kind, const char *name, error *err);

/* The words it can say. */
const ds_vocab *cap_model_vocab(const cap_model *m);

/* CAP_IMAGE: regions of `count` preprocessed photos u8 [count][size][size][3]: [count, L, D]. */
nn_var *cap_model_encode(nn_tape *t, const cap_model *m, const uint8_t *pixels, int count);

/* CAP_TEXT: states of the batch's lines. Its arrays are borrowed until backward. */
cap_encoded cap_model_encode_text(nn_tape *t, const cap_model *m, const ds_source_batch *batch);

/* The words of a hypothesis as a sentence appended to *out. */
void cap_model_sentence(const cap_model *m, const int32_t *word, int words, text *out);

#endif
