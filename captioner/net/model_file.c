/* The file of a model: tensors by parameter name, and one JSON text under "caption" in the metadata. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "captioner/net/builtin.h"
#include "captioner/net/decoder_row.h"
#include "captioner/net/model.h"
#include "captioner/net/ranges.h"
#include "src/io/json.h"
#include "src/io/json_build.h"

enum { FORMAT = 1 };

/* Document frequencies larger than this program writes are read, within reason. */
enum { LARGEST_DF = 64 << 20 };

/* Of a decoder. */
enum { MOST_STYLES = 1000 };

/* ---- writing ---- */

/* As "kind" in the file. */
static const char *const kind_names[CAP_KINDS] = {"captioner", "translator", "language model"};

static void put_preprocess(io_json_build *b, const cnn_preprocess *p)
{
    json_t *o = io_json_put_object(b, b->root, "preprocess");
    io_json_put_int(b, o, "size", p->size);
    io_json_put_string(b, o, "fit", p->fit == CNN_STRETCH ? "stretch" : "crop");
    io_json_put_floats(b, o, "mean", p->mean, 3);
    io_json_put_floats(b, o, "std", p->std, 3);
}

static void put_image(io_json_build *b, const cap_model *m)
{
    put_preprocess(b, &m->preprocess);
    io_json_put(b, b->root, "vocabulary", ds_vocab_to_json(m->vocab));
    if (cap_namers_exist(m->namers)) io_json_put(b, b->root, "namers", cap_namers_to_json(m->namers));
    if (m->styles.count) cap_names_put(&m->styles, b, b->root, "styles");
}

static void put_text(io_json_build *b, const cap_model *m)
{
    if (m->source) io_json_put(b, b->root, "source", ds_codec_to_json(m->source));
    io_json_put(b, b->root, "target", ds_codec_to_json(m->target));
}

static json_t *describe(const cap_model *m)
{
    io_json_build b = io_json_build_object();
    io_json_put_int(&b, b.root, "format", FORMAT);
    io_json_put_string(&b, b.root, "kind", kind_names[m->kind]);
    if (m->kind != CAP_NOTHING)
        io_json_put(&b, b.root, "encoder", cap_encoder_config_to_json(&m->encoder.config));
    io_json_put(&b, b.root, "decoder", cap_decoder_config_to_json(&m->decoder.config));
    if (m->kind == CAP_IMAGE)
        put_image(&b, m);
    else
        put_text(&b, m);
    io_json_put(&b, b.root, "record", json_incref(m->record));
    return io_json_take(&b);
}

/* Running statistics stay f32: a variance can be too small for f16, and they are few. A row of a matrix shares
 * a factor in I8; the first dimension of a convolution is a row of its window, too much for one factor. */
static io_dtype stored_type(const nn_param *n, io_dtype dtype)
{
    if (n->flags & NN_BUFFER || n->var.rank < 2) return IO_F32;
    return dtype == IO_I8 && n->var.rank != 2 ? IO_F16 : dtype;
}

static err_code save_tensors(const cap_model *m, const char *path, io_dtype dtype, const char *metadata,
                             error *err)
{
    size_t count = m->params.count;
    int64_t df_bytes = m->df ? (int64_t)strlen(m->df) : 0;
    io_tensor_entry *entries = calloc(count + 1 + CAP_MOST_TABLES, sizeof *entries);
    int64_t(*shapes)[NN_MAX_RANK] = calloc(count + 1, sizeof *shapes);
    err_code code = ERR_MEMORY;
    if (entries && shapes) {
        for (size_t i = 0; i < count; i++) {
            const nn_param *n = m->params.list[i];
            for (int j = 0; j < n->var.rank; j++) shapes[i][j] = n->var.dim[j];
            entries[i] =
                (io_tensor_entry){n->name, stored_type(n, dtype), n->var.rank, shapes[i], n->var.data, NULL};
        }
        size_t all = count;
        if (m->df) entries[all++] = (io_tensor_entry){"df", IO_U8, 1, &df_bytes, NULL, m->df};
        if (m->decoder.config.row->tables)
            all += (size_t)m->decoder.config.row->tables(&m->decoder, entries + all);
        io_metadata pair = {"caption", metadata};
        code = io_tensors_save(path, entries, all, &pair, 1, err);
    } else {
        err_set(err, code, "out of memory while saving '%s'", path);
    }
    free(entries);
    free(shapes);
    return code;
}

err_code cap_model_save(const cap_model *m, const char *path, io_dtype dtype, error *err)
{
    json_t *o = describe(m);
    char *metadata = o ? io_json_text(o, JSON_COMPACT) : NULL;
    err_code code = metadata ? save_tensors(m, path, dtype, metadata, err)
                             : err_no_memory(err, "while saving '%s'", path);
    free(metadata);
    json_decref(o);
    return code;
}

/* ---- reading ---- */

/* Levels of light are 0 to 1; means and deviations beyond this are damage. */
#define MOST_LEVEL 1e3

static err_code read_three(const json_t *o, const char *key, const char *where, float out[3], error *err)
{
    json_t *a;
    err_code code = io_json_array(o, key, where, &a, err);
    double least = strcmp(key, "std") ? -MOST_LEVEL : 1 / MOST_LEVEL;
    for (size_t i = 0; !code && i < 3; i++) {
        json_t *v = json_array_get(a, i);
        double value = json_number_value(v);
        if (!json_is_number(v) || json_array_size(a) != 3 || value < least || value > MOST_LEVEL)
            return err_set(err, ERR_FORMAT, "%s: '%s' needs three numbers from %g to %g", where, key, least,
                           MOST_LEVEL);
        out[i] = (float)value;
    }
    return code;
}

static err_code read_preprocess(const json_t *root, const char *where, cnn_preprocess *p, error *err)
{
    json_t *o;
    int64_t size;
    const char *fit;
    err_code code = io_json_object(root, "preprocess", where, &o, err);
    if (code || (code = io_json_int(o, "size", where, &size, err)) ||
        (code = io_json_string(o, "fit", where, &fit, err)))
        return code;
    if (size < CNN_MIN_SIDE || size > CNN_MAX_SIDE)
        return err_set(err, ERR_FORMAT, "%s: 'size' of the photos is %lld, it must be %d to %d", where,
                       (long long)size, CNN_MIN_SIDE, CNN_MAX_SIDE);
    if (strcmp(fit, "stretch") && strcmp(fit, "crop"))
        return err_set(err, ERR_FORMAT, "%s: 'fit' is '%s', it must be 'stretch' or 'crop'", where, fit);
    p->size = (int)size;
    p->fit = strcmp(fit, "crop") ? CNN_STRETCH : CNN_CROP;
    code = read_three(o, "mean", where, p->mean, err);
    return code ? code : read_three(o, "std", where, p->std, err);
}

err_code cap_model_read_preprocess(const io_tensors *t, cnn_preprocess *out, error *err)
{
    char where[300];
    const char *metadata = io_tensors_metadata(t, "caption");
    json_t *o = NULL;
    snprintf(where, sizeof where, "'%.250s': metadata", io_tensors_name(t));
    err_code code = metadata ? io_json_parse(metadata, strlen(metadata), io_tensors_name(t), &o, err)
                             : err_set(err, ERR_MISMATCH, "%s has no 'caption'", where);
    if (!code) code = read_preprocess(o, where, out, err);
    json_decref(o);
    return code;
}

static err_code read_vocabulary(const json_t *words, const char *where, ds_vocab **out, error *err)
{
    error problem = {0};
    err_code code = ds_vocab_from_json(words, out, &problem);
    return code ? err_set(err, code, "%s: %.180s", where, problem.text) : ERR_OK;
}

static err_code read_kind(const json_t *o, const io_tensors *t, const char *where, cap_kind *out, error *err)
{
    const char *kind;
    int64_t format;
    int found = 0;
    err_code code;
    if ((code = io_json_string(o, "kind", where, &kind, err))) return code;
    while (found < CAP_KINDS && strcmp(kind, kind_names[found]) != 0) found++;
    if (found == CAP_KINDS)
        return err_set(err, ERR_MISMATCH,
                       "'%s' holds a model of kind '%.40s', not one that describes photos, translates or "
                       "completes texts",
                       io_tensors_name(t), kind);
    if ((code = io_json_int(o, "format", where, &format, err))) return code;
    if (format != FORMAT)
        return err_set(err, ERR_UNSUPPORTED, "'%s' has format %lld, this program reads %d",
                       io_tensors_name(t), (long long)format, FORMAT);
    *out = (cap_kind)found;
    return ERR_OK;
}

err_code cap_model_stored_df(const io_tensors *t, char **json, error *err)
{
    const io_tensor *stored = io_tensors_find(t, "df");
    *json = NULL;
    if (!stored) return ERR_OK;
    if (stored->dtype != IO_U8 || stored->rank != 1 || stored->bytes > LARGEST_DF)
        return err_set(err, ERR_FORMAT, "'%.200s': tensor 'df' holds no document frequencies",
                       io_tensors_name(t));
    *json = calloc(stored->bytes + 1, 1);
    if (!*json) return err_no_memory(err, "for document frequencies");
    memcpy(*json, stored->data, stored->bytes);
    return ERR_OK;
}

static err_code read_codec(const json_t *root, const char *key, const char *where, ds_codec **out, error *err)
{
    json_t *o;
    error problem = {0};
    err_code code = io_json_object(root, key, where, &o, err);
    if (code || !(code = ds_codec_from_json(o, out, &problem))) return code;
    return err_set(err, code, "%s: '%s': %.180s", where, key, problem.text);
}

static err_code read_styles(const json_t *o, const char *where, cap_names *out, error *err)
{
    json_t *list;
    char inside[330];
    err_code code = io_json_array_or(o, "styles", where, &list, err);
    snprintf(inside, sizeof inside, "%s: 'styles'", where);
    return code || !list ? code : cap_names_read(list, inside, MOST_STYLES, out, err);
}

static err_code read_namers(const json_t *o, const char *where, cap_model_form *form, error *err)
{
    json_t *namers;
    char inside[330];
    err_code code = io_json_object_or(o, "namers", where, &namers, err);
    snprintf(inside, sizeof inside, "%s: 'namers'", where);
    if (!code && namers) code = cap_namers_from_json(namers, inside, form->namers, err);
    return code ? code : read_styles(o, where, &form->styles, err);
}

static err_code read_words(const json_t *o, const char *where, cap_model_form *form, error *err)
{
    json_t *words;
    err_code code;
    if (form->encoder.row->reads == CAP_IMAGE) {
        if ((code = read_preprocess(o, where, &form->preprocess, err)) ||
            (code = io_json_array(o, "vocabulary", where, &words, err)) ||
            (code = read_vocabulary(words, where, &form->vocab, err)))
            return code;
        return read_namers(o, where, form, err);
    }
    code = form->encoder.row->reads == CAP_TEXT ? read_codec(o, "source", where, &form->source, err) : ERR_OK;
    return code ? code : read_codec(o, "target", where, &form->target, err);
}

static err_code read_form(const json_t *o, const io_tensors *t, const char *where, cap_model_form *form,
                          error *err)
{
    cap_kind kind = CAP_IMAGE;
    json_t *decoder, *encoder = json_object_get(o, "encoder");
    err_code code;
    if ((code = read_kind(o, t, where, &kind, err))) return code;
    char inside[330];
    snprintf(inside, sizeof inside, "%s: 'encoder'", where);
    if (kind == CAP_NOTHING)
        form->encoder = cap_encoder_defaults_of(cap_encoder_find(kind, NULL));
    else if (!encoder)
        return err_set(err, ERR_FORMAT, "%s: 'encoder' is missing", where);
    else if ((code = cap_encoder_config_from_json(encoder, kind, inside, &form->encoder, err)))
        return code;
    if ((code = io_json_object(o, "decoder", where, &decoder, err)) ||
        (code = cap_decoder_config_from_json(decoder, where, &form->decoder, err)))
        return code;
    return read_words(o, where, form, err);
}

static err_code from_description(const json_t *o, const io_tensors *t, const cap_packing *packing,
                                 cap_model **out, error *err)
{
    char where[300];
    snprintf(where, sizeof where, "'%.250s': metadata", io_tensors_name(t));
    json_t *record;
    cap_model_form form = {0};
    cap_packing own;
    err_code code = read_form(o, t, where, &form, err);
    if (packing && packing->conv == PACKED_I8 && !cap_ranges_exist(t)) { /* convolutions stay as they are */
        own = (cap_packing){packing->linear, PACKED_F32};
        packing = &own;
    }
    if (!code) code = io_json_object_or(o, "record", where, &record, err);
    if (!code)
        code = cap_model_create_loaded(&form, t, form.encoder.row->reads == CAP_IMAGE ? packing : NULL, out,
                                       err);
    if (code) {
        cap_model_form_release(&form);
        return code;
    }
    cap_model *m = *out;
    if (m->kind == CAP_IMAGE) code = cap_model_stored_df(t, &m->df, err);
    if (!code && m->kind == CAP_IMAGE)
        code = cap_confidence_load(&m->confidence, o, t, m->decoder.config.features, where, err);
    if (!code && record && json_object_update(m->record, record))
        code = err_set(err, ERR_MEMORY, "cannot read '%.250s': out of memory", io_tensors_name(t));
    return code;
}

/* How a file is opened: as stored, with its batch norms folded, or packed (and folded). */
typedef struct opening {
    bool unfolded;
    const cap_packing *packing;
} opening;

/* Takes over t. */
static err_code open_tensors(io_tensors *t, opening how, cap_model **out, error *err)
{
    *out = NULL;
    if (!t) return err ? err->code : ERR_FORMAT;
    const char *metadata = io_tensors_metadata(t, "caption");
    json_t *o = NULL;
    err_code code = metadata ? io_json_parse(metadata, strlen(metadata), io_tensors_name(t), &o, err)
                             : err_set(err, ERR_MISMATCH,
                                       "'%s' is no model of this program: its metadata has no 'caption'",
                                       io_tensors_name(t));
    if (!code) code = from_description(o, t, how.packing, out, err);
    if (!code && !how.unfolded && !how.packing) code = cap_model_prepare(*out, err);
    if (code) cap_model_close(out);
    json_decref(o);
    io_tensors_close(&t);
    return code;
}

static err_code open_path(const char *path, opening how, cap_model **out, error *err)
{
    error local = {0};
    struct stat info;
    err_code code = open_tensors(io_tensors_open(path, err ? err : &local), how, out, err ? err : &local);
    if (code) return code;
    if (stat(path, &info)) {
        cap_model_close(out);
        return err_set(err, ERR_IO, "cannot read '%.300s': %s", path, strerror(errno));
    }
    (*out)->file_bytes = info.st_size;
    return ERR_OK;
}

err_code cap_model_open(const char *path, cap_model **out, error *err)
{
    return open_path(path, (opening){0}, out, err);
}

err_code cap_model_open_packed(const char *path, const cap_packing *packing, cap_model **out, error *err)
{
    return open_path(path, (opening){.packing = packing}, out, err);
}

err_code cap_model_open_unfolded(const char *path, cap_model **out, error *err)
{
    return open_path(path, (opening){.unfolded = true}, out, err);
}

static err_code open_bytes(const void *bytes, size_t size, const char *name, opening how, cap_model **out,
                           error *err)
{
    error local = {0};
    error *e = err ? err : &local;
    io_tensors *t = io_tensors_open_memory(bytes, size, name, e);
    size_t own_size;
    if (t && bytes == cap_builtin_model(&own_size)) io_tensors_mark_mapped(t);
    err_code code = open_tensors(t, how, out, e);
    if (!code) (*out)->file_bytes = (int64_t)size;
    return code;
}

err_code cap_model_open_memory_packed(const void *bytes, size_t size, const char *name,
                                      const cap_packing *packing, cap_model **out, error *err)
{
    return open_bytes(bytes, size, name, (opening){.packing = packing}, out, err);
}

err_code cap_model_open_memory_unfolded(const void *bytes, size_t size, const char *name, cap_model **out,
                                        error *err)
{
    return open_bytes(bytes, size, name, (opening){.unfolded = true}, out, err);
}

err_code cap_model_open_memory(const void *bytes, size_t size, const char *name, cap_model **out, error *err)
{
    return cap_model_open_memory_packed(bytes, size, name, NULL, out, err);
}
