#include "captioner/caption.h"

#include <stdlib.h>
#include <string.h>

#include "captioner/net/builtin.h"
#include "captioner/net/cnn_encoder.h"
#include "captioner/net/decoder_row.h"
#include "captioner/net/model.h"
#include "captioner/session.h"
#include "src/io/json.h"

#define TEXT_OF(number) #number
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

int cap_version(void)
{
    return CAP_VERSION;
}

const char *cap_version_text(void)
{
    return VERSION_TEXT(CAP_VERSION_MAJOR, CAP_VERSION_MINOR, CAP_VERSION_PATCH);
}

/* ---- opening ---- */

/* A model file: its path, or its bytes. */
typedef struct model_file {
    const char *path;
    const void *bytes;
    size_t size;
    const char *name;
} model_file;

static const cap_open_options plain_options;

static err_code check_options(const cap_open_options *o, error *err)
{
    if ((unsigned)o->reads > CAP_BEGINNINGS)
        return err_set(err, ERR_ARGUMENT, "there are no models that read number %d", (int)o->reads);
    return cap_precision_check(o->precision, err);
}

static err_code check_reads(const cap_model *m, cap_reads reads, const char *name, error *err)
{
    if (reads == CAP_ANYTHING) return ERR_OK;
    return cap_model_need(m, cap_kind_of(reads), name, err);
}

/* Of a translator the decoder alone runs often enough to be packed. What users may ask for is made now: later
 * the model is only read. */
static err_code finish(cap_model *m, cap_precision precision, error *err)
{
    if (m->kind != CAP_IMAGE) {
        cap_packing packing = cap_packing_of_texts(precision);
        err_code code = nn_params_pack(&m->params, "decoder.", packing.linear, packing.conv, err);
        if (code) return code;
    }
    m->record_text = io_json_text(m->record, JSON_COMPACT);
    return m->record_text ? ERR_OK : err_no_memory(err, "for a model");
}

static err_code open_file(const model_file *f, const cap_open_options *o, cap_model **out, error *err)
{
    *out = NULL;
    err_code code = check_options(o, err);
    if (code) return code;
    cap_packing packing = cap_packing_of(o->precision);
    code = f->path ? cap_model_open_packed(f->path, &packing, out, err)
                   : cap_model_open_memory_packed(f->bytes, f->size, f->name, &packing, out, err);
    if (!code) code = check_reads(*out, o->reads, f->name, err);
    if (!code) code = finish(*out, o->precision, err);
    if (code) cap_close(out);
    return code;
}

cap_code cap_open(const char *path, const cap_open_options *options, cap_model **out, cap_error *err)
{
    model_file f = {.path = path, .name = path};
    *out = NULL;
    if (!path) {
        f.name = "built-in model";
        f.bytes = cap_builtin_model(&f.size);
        if (!f.bytes)
            return err_set(err, ERR_UNSUPPORTED,
                           "this build has no built-in model; name a model file (the program: --model FILE)");
    }
    return open_file(&f, options ? options : &plain_options, out, err);
}

cap_code cap_open_memory(const void *bytes, size_t size, const char *name, const cap_open_options *options,
                         cap_model **out, cap_error *err)
{
    const model_file f = {.bytes = bytes, .size = size, .name = name};
    return open_file(&f, options ? options : &plain_options, out, err);
}

void cap_close(cap_model **model)
{
    if (model && *model) cap_model_close(model);
}

/* ---- what the model is ---- */

static size_t count_parameters(const nn_params *p, const char *prefix)
{
    size_t n = 0;
    for (int i = 0; i < p->count; i++)
        if (!strncmp(p->list[i]->name, prefix, strlen(prefix)) && !(p->list[i]->flags & NN_BUFFER))
            n += nn_count(&p->list[i]->var);
    return n;
}

static int names_of(const cap_model *m, cap_namer_kind kind)
{
    return m->namers[kind].config.names.count;
}

static void tell_photos(const cap_model *m, cap_info *info)
{
    for (int i = 0; i < CAP_NAMERS; i++)
        info->namer_parameters += count_parameters(&m->params, cap_namer_prefix((cap_namer_kind)i));
    info->objects = names_of(m, CAP_NAMER_OBJECTS);
    info->named_words = names_of(m, CAP_NAMER_WORDS);
    info->styles = m->styles.count;
    info->encoder =
        cap_model_has_states(m) ? cap_cnn_architecture(&m->encoder.config) : m->encoder.config.row->name;
    info->size = m->preprocess.size;
    info->crop = m->preprocess.fit == CNN_CROP;
    info->grid_h = m->encoder.grid_h;
    info->grid_w = m->encoder.grid_w;
    info->calibrated = m->confidence.fitted;
    info->threshold = m->confidence.threshold;
    memcpy(info->mean, m->preprocess.mean, sizeof info->mean);
    memcpy(info->std, m->preprocess.std, sizeof info->std);
}

static void tell_lines(const cap_model *m, cap_info *info)
{
    info->encoder = m->encoder.config.row->name;
    if (m->source) info->source_vocabulary = ds_vocab_size(ds_codec_vocab(m->source)) - DS_SPECIALS;
}

void cap_get_info(const cap_model *m, cap_info *info)
{
    *info = (cap_info){.reads = cap_model_reads(m),
                       .decoder = m->decoder.config.row->name,
                       .attends = cap_decoder_attends(&m->decoder),
                       .features = m->decoder.config.features,
                       .encoder_parameters = count_parameters(&m->params, "encoder."),
                       .decoder_parameters = count_parameters(&m->params, "decoder."),
                       .vocabulary = ds_vocab_size(cap_model_vocab(m)) - DS_SPECIALS,
                       .file_bytes = m->file_bytes,
                       .record = m->record_text};
    if (info->reads == CAP_PHOTOS)
        tell_photos(m, info);
    else
        tell_lines(m, info);
}

const char *cap_get_word(const cap_model *m, int index)
{
    const ds_vocab *vocab = cap_model_vocab(m);
    if (index < 0 || index >= ds_vocab_size(vocab) - DS_SPECIALS) return NULL;
    return ds_vocab_word(vocab, index + DS_SPECIALS);
}

const char *cap_get_style(const cap_model *m, int index)
{
    return index < 0 || index >= m->styles.count ? NULL : m->styles.list[index];
}
