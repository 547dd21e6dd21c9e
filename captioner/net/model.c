#include "captioner/net/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/tokenise.h"
#include "src/nn/activation.h"

void cap_model_close(cap_model **mp)
{
    cap_model *m = *mp;
    if (!m) return;
    cnn_net_free(&m->encoder);
    ds_vocab_free(&m->vocab);
    ds_codec_free(&m->source);
    ds_codec_free(&m->target);
    cap_decoder_release(&m->decoder);
    nn_params_release(&m->params);
    json_decref(m->record);
    free(m->df);
    free(m);
    *mp = NULL;
}

/* Weights that the model does not have belong to another one than the metadata tell of. */
static err_code check_names(const nn_params *params, const io_tensors *weights, error *err)
{
    for (size_t i = 0; i < io_tensors_count(weights); i++) {
        const char *name = io_tensors_at(weights, i)->name, *end = name + strlen(name);
        bool ours = !strncmp(name, "encoder.", 8) || !strncmp(name, "decoder.", 8);
        bool scale = end - name > 6 && !strcmp(end - 6, ".scale");
        for (int j = 0; ours && j < params->count; j++) ours = strcmp(name, params->list[j]->name) != 0;
        if (ours && !scale)
            return err_set(err, ERR_MISMATCH, "'%s': the model of the metadata has no tensor '%.80s'",
                           io_tensors_name(weights), name);
    }
    return ERR_OK;
}

/* Before memory is taken: the shapes follow from sizes that a file merely states, the tensors are really
 * there, so that a small file cannot ask for more than its own size. */
static err_code check_shapes(const nn_params *params, const io_tensors *weights, error *err)
{
    for (int i = 0; i < params->count; i++) {
        const nn_param *n = params->list[i];
        const io_tensor *t = io_tensors_find(weights, n->name);
        if (!t)
            return err_set(err, ERR_MISMATCH, "'%s': tensor '%s' is missing", io_tensors_name(weights),
                           n->name);
        bool same = t->rank == n->var.rank;
        for (int j = 0; same && j < t->rank; j++) same = t->shape[j] == n->var.dim[j];
        if (!same)
            return err_set(err, ERR_MISMATCH,
                           "'%s': tensor '%s' does not have the shape that the metadata asks for",
                           io_tensors_name(weights), n->name);
    }
    return ERR_OK;
}

static err_code read_weight(const nn_param *n, const io_tensors *weights, real *to, error *err)
{
    int64_t shape[NN_MAX_RANK];
    for (int j = 0; j < n->var.rank; j++) shape[j] = n->var.dim[j];
    return io_tensors_read_f32(weights, n->name, n->var.rank, shape, to, err);
}

static err_code read_weights(nn_params *params, const io_tensors *weights, error *err)
{
    err_code code = ERR_OK;
    for (int i = 0; !code && i < params->count; i++)
        code = read_weight(params->list[i], weights, params->list[i]->var.data, err);
    return code;
}

/* Of the matrices one at a time is held in f32, in memory that stays in cache; the packed form is all that is
 * kept (and a table's own rows). */
static err_code read_matrices(cap_model *m, const io_tensors *weights, const cap_packing *packing,
                              real *buffer, error *err)
{
    err_code code = ERR_OK;
    for (int i = 0; !code && i < m->params.count; i++) {
        nn_param *n = m->params.list[i];
        if (!nn_param_packs(n)) continue;
        real *values = n->flags & NN_TABLE ? n->var.data : buffer;
        const real *factors = cnn_net_fold_factors(m->encoder, &n->var);
        code = read_weight(n, weights, values, err);
        if (!code) code = nn_param_pack(n, packing->linear, packing->conv, values, factors, err);
    }
    return code;
}

static err_code read_packed(cap_model *m, const io_tensors *weights, const cap_packing *packing, error *err)
{
    size_t most = 1;
    err_code code = ERR_OK;
    for (int i = 0; !code && i < m->params.count; i++) {
        nn_param *n = m->params.list[i];
        size_t count = nn_count(&n->var);
        if (!nn_param_packs(n)) {
            code = read_weight(n, weights, n->var.data, err);
            continue;
        }
        if (n->flags & NN_TABLE) continue;
        most = count > most ? count : most;
        n->var.data = NULL; /* folding leaves it for later */
    }
    if (!code) code = cnn_net_fold(m->encoder, err);
    real *buffer = code ? NULL : malloc(most * sizeof *buffer);
    if (!code && !buffer) code = err_set(err, ERR_MEMORY, "out of memory for %zu weights", most);
    if (!code) code = read_matrices(m, weights, packing, buffer, err);
    free(buffer);
    return code;
}

/* ---- making models ---- */

static err_code declare_image(cap_model *m, cap_decoder_config *decoder, error *err)
{
    err_code code = cnn_net_create(m->encoder_name, "encoder.", &m->params, &m->encoder, err);
    if (code) return code;
    cnn_net_map_size(m->encoder, m->preprocess.size, &m->grid_h, &m->grid_w, &decoder->features);
    if (m->grid_h < 1 || m->grid_w < 1)
        return err_set(err, ERR_ARGUMENT, "photos of %d pixels are too small for encoder '%s'",
                       m->preprocess.size, m->encoder_name);
    return ERR_OK;
}

static err_code declare_text(cap_model *m, cap_decoder_config *decoder, error *err)
{
    cap_text_encoder_config *c = &m->text_encoder.config;
    c->vocabulary = ds_vocab_size(ds_codec_vocab(m->source));
    err_code code = cap_text_encoder_config_check(c, err);
    if (code) return code;
    cap_text_encoder_config copy = *c;
    cap_text_encoder_declare(&m->text_encoder, &copy, "encoder.", &m->params);
    decoder->features = cap_text_encoder_width(&copy);
    decoder->last_layers = copy.layers;
    return ERR_OK;
}

static err_code check_stated(const io_tensors *weights, const char *what, int stated, int found, error *err)
{
    if (stated == found) return ERR_OK;
    return err_set(err, ERR_MISMATCH, "'%s': the metadata state %d %s, there are %d",
                   io_tensors_name(weights), stated, what, found);
}

/* Holds the weights of a file against the model that its metadata make. */
static err_code check_weights(const cap_model *m, const cap_decoder_config *stated, int source_words,
                              const io_tensors *weights, error *err)
{
    const cap_decoder_config *made = &m->decoder.config;
    if (m->params.failed) /* some are not declared */
        return err_set(err, ERR_MEMORY, "cannot read '%.300s': out of memory", io_tensors_name(weights));
    err_code code = check_shapes(&m->params, weights, err);
    if (!code) code = check_names(&m->params, weights, err);
    if (!code)
        code = check_stated(weights, "words of the decoder", stated->vocabulary, made->vocabulary, err);
    if (!code) code = check_stated(weights, "features of the decoder", stated->features, made->features, err);
    if (!code && m->kind == CAP_TEXT)
        code = check_stated(weights, "words of the encoder", source_words, m->text_encoder.config.vocabulary,
                            err);
    return code;
}

static err_code build(cap_model *m, const cap_decoder_config *decoder, uint64_t seed,
                      const io_tensors *weights, const cap_packing *packing, error *err)
{
    cap_decoder_config config = *decoder;
    int stated = m->text_encoder.config.vocabulary;
    err_code code = m->kind == CAP_TEXT ? declare_text(m, &config, err) : declare_image(m, &config, err);
    if (code) return code;
    config.vocabulary = ds_vocab_size(cap_model_vocab(m));
    if ((code = cap_decoder_config_check(&config, err))) return code;
    if ((code = cap_decoder_declare(&m->decoder, &config, "decoder.", &m->params, err))) return code;
    if (weights && (code = check_weights(m, decoder, stated, weights, err))) return code;
    if (!weights) return nn_params_finish(&m->params, seed, err);
    code = nn_params_finish_for_use(&m->params, err);
    if (code) return code;
    return packing ? read_packed(m, weights, packing, err) : read_weights(&m->params, weights, err);
}

/* Of `form` everything is taken over but, after a failure, its words, which stay the caller's. */
static err_code create(const cap_model *form, const cap_decoder_config *decoder, uint64_t seed,
                       const io_tensors *weights, const cap_packing *packing, cap_model **out, error *err)
{
    *out = NULL;
    cap_model *m = calloc(1, sizeof *m);
    if (m) *m = *form;
    if (!m || !(m->record = json_object())) {
        free(m);
        return err_set(err, ERR_MEMORY, "out of memory for a model");
    }
    err_code code = build(m, decoder, seed, weights, packing, err);
    if (code) {
        m->vocab = NULL;
        m->source = m->target = NULL;
        cap_model_close(&m);
    }
    *out = m;
    return code;
}

static err_code create_image(const char *encoder, const cnn_preprocess *preprocess,
                             const cap_decoder_config *decoder, ds_vocab *vocab, uint64_t seed,
                             const io_tensors *weights, const cap_packing *packing, cap_model **out,
                             error *err)
{
    cap_model form = {.kind = CAP_IMAGE, .preprocess = *preprocess, .vocab = vocab};
    snprintf(form.encoder_name, sizeof form.encoder_name, "%s", encoder);
    return create(&form, decoder, seed, weights, packing, out, err);
}

err_code cap_model_create(const char *encoder, const cnn_preprocess *preprocess,
                          const cap_decoder_config *decoder, ds_vocab *vocab, uint64_t seed, cap_model **out,
                          error *err)
{
    return create_image(encoder, preprocess, decoder, vocab, seed, NULL, NULL, out, err);
}

err_code cap_model_create_loaded(const char *encoder, const cnn_preprocess *preprocess,
                                 const cap_decoder_config *decoder, ds_vocab *vocab,
                                 const io_tensors *weights, const cap_packing *packing, cap_model **out,
                                 error *err)
{
    return create_image(encoder, preprocess, decoder, vocab, 0, weights, packing, out, err);
}

err_code cap_model_create_text(const cap_text_encoder_config *encoder, const cap_decoder_config *decoder,
                               ds_codec *source, ds_codec *target, uint64_t seed, const io_tensors *weights,
                               cap_model **out, error *err)
{
    cap_model form = {.kind = CAP_TEXT, .text_encoder.config = *encoder, .source = source, .target = target};
    return create(&form, decoder, seed, weights, NULL, out, err);
}

/* ---- using them ---- */

err_code cap_model_need(const cap_model *m, cap_kind kind, const char *name, error *err)
{
    if (m->kind == kind) return ERR_OK;
    return err_set(err, ERR_MISMATCH,
                   m->kind == CAP_TEXT ? "'%s' translates text; it does not describe images"
                                       : "'%s' describes images; it does not translate",
                   name);
}

const ds_vocab *cap_model_vocab(const cap_model *m)
{
    return m->kind == CAP_TEXT ? ds_codec_vocab(m->target) : m->vocab;
}

nn_var *cap_model_encode(nn_tape *t, const cap_model *m, const uint8_t *pixels, int count)
{
    int size = m->preprocess.size;
    size_t all = (size_t)count * (size_t)size * (size_t)size;
    real *values = nn_scratch(t, 3 * all * sizeof *values);
    if (!values) return NULL;
    cnn_normalise(&m->preprocess, pixels, all, values);
    nn_var *x = nn_input(t, values, 4, (int[]){count, size, size, 3});
    nn_var *map = cnn_net_forward(m->encoder, t, x);
    return map ? nn_reshape(t, map, 3, (int[]){count, map->dim[1] * map->dim[2], map->dim[3]}) : NULL;
}

cap_encoded cap_model_encode_text(nn_tape *t, const cap_model *m, const ds_source_batch *batch)
{
    return cap_text_encoder_forward(t, &m->text_encoder, batch->tokens, batch->length, batch->rows,
                                    batch->max_len);
}

void cap_model_sentence(const cap_model *m, const int32_t *word, int words, text *out)
{
    if (m->kind == CAP_TEXT) {
        ds_codec_decode(m->target, word, words, out);
        return;
    }
    const char **list = calloc((size_t)words + 1, sizeof *list);
    if (!list) {
        out->failed = true;
        return;
    }
    for (int i = 0; i < words; i++) list[i] = ds_vocab_word(m->vocab, word[i]);
    ds_detokenise(list, words, out);
    free(list);
}
