#include "captioner/net/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/net/decoder_row.h"
#include "captioner/net/ranges.h"
#include "captioner/net/weights.h"
#include "datasets/tokenise.h"
#include "src/nn/activation.h"

void cap_model_close(cap_model **mp)
{
    cap_model *m = *mp;
    if (!m) return;
    cap_encoder_release(&m->encoder);
    for (int i = 0; i < CAP_NAMERS; i++) cap_namer_release(&m->namers[i]);
    cap_names_release(&m->styles);
    ds_vocab_free(&m->vocab);
    ds_codec_free(&m->source);
    ds_codec_free(&m->target);
    cap_decoder_release(&m->decoder);
    cap_confidence_release(&m->confidence);
    nn_params_release(&m->params);
    json_decref(m->record);
    free(m->df);
    free(m->record_text);
    free(m);
    *mp = NULL;
}

void cap_model_form_release(cap_model_form *f)
{
    for (int i = 0; i < CAP_NAMERS; i++) cap_namer_config_release(&f->namers[i]);
    cap_names_release(&f->styles);
    ds_vocab_free(&f->vocab);
    ds_codec_free(&f->source);
    ds_codec_free(&f->target);
}

static bool begins(const char *name, const char *prefix)
{
    return !strncmp(name, prefix, strlen(prefix));
}

/* Whether a tensor would be one of a model's parts. */
static bool is_part(const char *name)
{
    bool found = begins(name, "encoder.") || begins(name, "decoder.");
    for (int i = 0; i < CAP_NAMERS; i++) found |= begins(name, cap_namer_prefix((cap_namer_kind)i));
    return found;
}

/* Weights that the model does not have belong to another one than the metadata tell of. */
static err_code check_names(const nn_params *params, const io_tensors *weights, error *err)
{
    for (size_t i = 0; i < io_tensors_count(weights); i++) {
        const char *name = io_tensors_at(weights, i)->name, *end = name + strlen(name);
        bool ours = is_part(name);
        bool scale = end - name > 6 && !strcmp(end - 6, ".scale");
        for (int j = 0; ours && j < params->count; j++) ours = strcmp(name, params->list[j]->name) != 0;
        if (ours && !scale)
            return err_set(err, ERR_MISMATCH, "'%s': the model of the metadata has no tensor '%.80s'",
                           io_tensors_name(weights), name);
    }
    return ERR_OK;
}

static err_code read_weights(nn_params *params, const io_tensors *weights, error *err)
{
    err_code code = ERR_OK;
    for (int i = 0; !code && i < params->count; i++)
        code = cap_weights_read(params->list[i], weights, params->list[i]->var.data, err);
    return code;
}

err_code cap_model_prepare(cap_model *m, error *err)
{
    err_code code = cap_encoder_prepare(&m->encoder, err);
    for (int i = 0; !code && i < CAP_NAMERS; i++) code = cap_namer_prepare(&m->namers[i], err);
    return code;
}

static const real *factors_of(const cap_model *m, const nn_var *weight)
{
    const real *factors = cap_encoder_factors(&m->encoder, weight);
    for (int i = 0; !factors && i < CAP_NAMERS; i++) factors = cap_namer_factors(&m->namers[i], weight);
    return factors;
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
        const real *factors = factors_of(m, &n->var);
        code = cap_weights_read(n, weights, values, err);
        if (!code && packing->conv == PACKED_I8) cap_ranges_scale(m, &n->var, values);
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
            code = cap_weights_read(n, weights, n->var.data, err);
            continue;
        }
        if (n->flags & NN_TABLE) continue;
        most = count > most ? count : most;
        n->var.data = NULL; /* folding leaves it for later */
    }
    if (!code) code = cap_model_prepare(m, err);
    if (!code && packing->conv == PACKED_I8) code = cap_ranges_load(m, weights, err);
    real *buffer = code ? NULL : malloc(most * sizeof *buffer);
    if (!code && !buffer) code = err_no_memory(err, "for %zu weights", most);
    if (!code) code = read_matrices(m, weights, packing, buffer, err);
    if (!code && packing->conv == PACKED_I8) code = cap_ranges_narrow(m, err);
    free(buffer);
    return code;
}

/* ---- making models ---- */

static err_code check_stated(const io_tensors *weights, const char *what, int stated, int found, error *err)
{
    if (stated == found) return ERR_OK;
    return err_set(err, ERR_MISMATCH, "'%s': the metadata state %d %s, there are %d",
                   io_tensors_name(weights), stated, what, found);
}

/* How many words the sources of a text model may hold, as its encoder's settings state it; 0: they do not. */
static int stated_words(const cap_encoder_config *c)
{
    const io_field *f = c->row->fields ? io_fields_find(c->row->fields, "vocabulary") : NULL;
    return f && f->kind == IO_FIELD_INT ? *io_field_int(f, c->settings.bytes) : 0;
}

/* Holds the weights of a file against the model that its metadata make. */
static err_code check_weights(const cap_model *m, const cap_model_form *form, const io_tensors *weights,
                              error *err)
{
    const cap_decoder_config *made = &m->decoder.config, *stated = &form->decoder;
    if (m->params.failed) /* some are not declared */
        return err_set(err, ERR_MEMORY, "cannot read '%.300s': out of memory", io_tensors_name(weights));
    err_code code = cap_weights_check(&m->params, weights, err);
    if (!code) code = check_names(&m->params, weights, err);
    if (!code)
        code = check_stated(weights, "words of the decoder", stated->vocabulary, made->vocabulary, err);
    if (!code) code = check_stated(weights, "features of the decoder", stated->features, made->features, err);
    if (!code)
        code = check_stated(weights, "words of the encoder", stated_words(&form->encoder),
                            stated_words(&m->encoder.config), err);
    return code;
}

/* The side of the photos, or the words of the source. */
static int input_of(const cap_model *m)
{
    if (m->kind == CAP_NOTHING) return 0;
    return m->kind == CAP_IMAGE ? m->preprocess.size : (int)ds_vocab_size(ds_codec_vocab(m->source));
}

static err_code declare_namers(cap_model *m, const cap_model_form *form, error *err)
{
    err_code code = ERR_OK;
    for (int i = 0; !code && i < CAP_NAMERS; i++)
        if (form->namers[i].row)
            code = cap_namer_declare(&m->namers[i], &form->namers[i], m->encoder.width, m->vocab, &m->params,
                                     err);
    return code;
}

/* Words come from states, from concepts where there are none, or, in a language model, from words alone. */
static err_code check_sight(const cap_model *m, const cap_decoder_config *decoder, error *err)
{
    bool named = cap_decoder_config_takes_concepts(decoder);
    if (m->kind == CAP_NOTHING && named)
        return err_set(err, ERR_ARGUMENT,
                       "nothing is named to a language model: its decoder cannot take concepts");
    if (m->kind == CAP_NOTHING || named || cap_model_has_states(m)) return ERR_OK;
    return err_set(err, ERR_ARGUMENT,
                   "the encoder gives no states, and the decoder takes no concepts: it would see nothing");
}

static err_code declare(cap_model *m, const cap_model_form *form, error *err)
{
    cap_decoder_config decoder = form->decoder;
    err_code code =
        cap_encoder_declare(&m->encoder, &form->encoder, input_of(m), "encoder.", &m->params, err);
    if (code) return code;
    decoder.features = m->encoder.width;
    decoder.last_layers = m->encoder.last_layers;
    decoder.vocabulary = ds_vocab_size(cap_model_vocab(m));
    if ((code = check_sight(m, &decoder, err)) || (code = cap_decoder_config_check(&decoder, err)))
        return code;
    code = cap_decoder_declare(&m->decoder, &decoder, "decoder.", &m->params, err);
    return code ? code : declare_namers(m, form, err);
}

/* Each style of the decoder has a name, or none has. */
static err_code check_styles(const cap_model *m, const io_tensors *weights, error *err)
{
    int styles = cap_decoder_config_styles(&m->decoder.config), named = m->styles.count;
    if (!named || styles == named) return ERR_OK;
    if (weights) return check_stated(weights, "names of styles", named, styles, err);
    return err_set(err, ERR_ARGUMENT, "the decoder has %d styles, and %d are named", styles, named);
}

static err_code build(cap_model *m, const cap_model_form *form, uint64_t seed, const io_tensors *weights,
                      const cap_packing *packing, error *err)
{
    err_code code = declare(m, form, err);
    if (!code) code = check_styles(m, weights, err);
    if (code || (weights && (code = check_weights(m, form, weights, err)))) return code;
    if (!weights) return nn_params_finish(&m->params, seed, err);
    if ((code = nn_params_finish_for_use(&m->params, err))) return code;
    if (form->decoder.row->load && (code = form->decoder.row->load(&m->decoder, weights, err))) return code;
    return packing ? read_packed(m, weights, packing, err) : read_weights(&m->params, weights, err);
}

static err_code create(const cap_model_form *form, uint64_t seed, const io_tensors *weights,
                       const cap_packing *packing, cap_model **out, error *err)
{
    *out = NULL;
    cap_model *m = calloc(1, sizeof *m);
    if (!m || !(m->record = json_object())) {
        free(m);
        return err_no_memory(err, "for a model");
    }
    m->kind = form->encoder.row->reads;
    m->preprocess = form->preprocess;
    m->vocab = form->vocab;
    m->styles = form->styles;
    m->source = form->source;
    m->target = form->target;
    err_code code = build(m, form, seed, weights, packing, err);
    if (code) {
        for (int i = 0; i < CAP_NAMERS; i++) cap_namer_undo(&m->namers[i], &form->namers[i]);
        m->vocab = NULL;
        m->styles = (cap_names){0};
        m->source = m->target = NULL;
        cap_model_close(&m);
    }
    *out = m;
    return code;
}

err_code cap_model_create(const cap_model_form *form, uint64_t seed, cap_model **out, error *err)
{
    return create(form, seed, NULL, NULL, out, err);
}

err_code cap_model_create_loaded(const cap_model_form *form, const io_tensors *weights,
                                 const cap_packing *packing, cap_model **out, error *err)
{
    return create(form, 0, weights, packing, out, err);
}

/* ---- using them ---- */

err_code cap_model_need(const cap_model *m, cap_kind kind, const char *name, error *err)
{
    static const char *const does[CAP_KINDS] = {"describes images", "translates text",
                                                "is a language model, which completes texts"};
    static const char *const wanted[CAP_KINDS] = {"describe images", "translate", "complete texts"};
    if (m->kind == kind) return ERR_OK;
    return err_set(err, ERR_MISMATCH, name ? "'%s' %s; it does not %s" : "%s %s; it does not %s",
                   name ? name : "the model", does[m->kind], wanted[kind]);
}

const ds_vocab *cap_model_vocab(const cap_model *m)
{
    return m->kind == CAP_IMAGE ? m->vocab : ds_codec_vocab(m->target);
}

nn_var *cap_model_encode(nn_tape *t, const cap_model *m, const uint8_t *pixels, int count)
{
    if (!cap_model_has_states(m)) return NULL;
    int size = m->preprocess.size;
    size_t all = (size_t)count * size * size;
    real *values = nn_scratch(t, 3 * all * sizeof *values);
    if (!values) return NULL;
    cnn_normalise(&m->preprocess, pixels, all, values);
    cap_input in = {.count = count, .pixels = nn_input(t, values, 4, (int[]){count, size, size, 3})};
    return cap_encoder_encode(t, &m->encoder, &in).states;
}

cap_encoded cap_model_encode_text(nn_tape *t, const cap_model *m, const ds_source_batch *batch)
{
    return cap_encoder_encode(t, &m->encoder, &(cap_input){.count = batch->rows, .lines = batch});
}

void cap_model_sentence(const cap_model *m, const int32_t *word, int words, text *out)
{
    if (m->kind != CAP_IMAGE) {
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
