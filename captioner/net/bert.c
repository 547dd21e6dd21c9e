#include "captioner/net/bert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "captioner/net/bert_import.h"
#include "captioner/net/weights.h"
#include "src/io/json.h"
#include "src/io/json_build.h"
#include "src/train/checkpoint.h"

enum { FORMAT = 1 };

static const char kind[] = "reader";

void cap_bert_close(cap_bert **bp)
{
    cap_bert *b = *bp;
    if (!b) return;
    ds_wordpiece_free(&b->pieces);
    cap_names_release(&b->labels);
    nn_params_release(&b->params);
    json_decref(b->record);
    free(b);
    *bp = NULL;
}

void cap_bert_form_release(cap_bert_form *f)
{
    ds_wordpiece_free(&f->pieces);
    cap_names_release(&f->labels);
}

/* ---- what a file of ours holds ---- */

static err_code read_encoder(const json_t *o, const char *where, cap_bert_form *form, error *err)
{
    json_t *encoder;
    char inside[330];
    snprintf(inside, sizeof inside, "%s: 'encoder'", where);
    form->set = cap_bert_defaults();
    err_code code = io_json_object(o, "encoder", where, &encoder, err);
    return code ? code : io_fields_read(cap_bert_fields, encoder, inside, &form->set, err);
}

static err_code read_labels(const json_t *o, const char *where, cap_bert_form *form, error *err)
{
    json_t *labels;
    char inside[330];
    snprintf(inside, sizeof inside, "%s: 'labels'", where);
    err_code code = io_json_array_or(o, "labels", where, &labels, err);
    return code || !labels ? code : cap_names_read(labels, inside, CAP_MOST_LABELS, &form->labels, err);
}

static err_code read_pieces(const json_t *o, const char *where, cap_bert_form *form, error *err)
{
    json_t *pieces;
    error problem = {0};
    err_code code = io_json_object(o, "pieces", where, &pieces, err);
    if (code) return code;
    code = ds_wordpiece_from_json(pieces, &form->pieces, &problem);
    if (code) return err_set(err, code, "%s: 'pieces': %.180s", where, problem.text);
    if (ds_wordpiece_size(form->pieces) == form->set.body.vocabulary) return ERR_OK;
    return err_set(err, ERR_MISMATCH, "%s state %d pieces, there are %d", where, form->set.body.vocabulary,
                   (int)ds_wordpiece_size(form->pieces));
}

static err_code read_form(const json_t *o, const char *where, cap_bert_form *form, error *err)
{
    int64_t format;
    int fills;
    err_code code = io_json_int(o, "format", where, &format, err);
    if (!code && format != FORMAT)
        code = err_set(err, ERR_UNSUPPORTED, "%s: the format is %lld, this program reads %d", where,
                       (long long)format, FORMAT);
    if (!code) code = read_encoder(o, where, form, err);
    if (!code) code = io_json_bool_or(o, "fills", where, false, &fills, err);
    if (!code) code = read_pieces(o, where, form, err);
    if (!code) code = read_labels(o, where, form, err);
    if (!code) form->fills = fills;
    return code;
}

static err_code parse_metadata(const io_tensors *file, json_t **out, error *err)
{
    const char *metadata = io_tensors_metadata(file, "caption");
    *out = NULL;
    return metadata ? io_json_parse(metadata, strlen(metadata), io_tensors_name(file), out, err) : ERR_OK;
}

static bool is_reader(const json_t *o)
{
    const char *name = json_string_value(json_object_get(o, "kind"));
    return name && !strcmp(name, kind);
}

bool cap_bert_is_reader(const io_tensors *file)
{
    json_t *o = NULL;
    error ignored = {0};
    bool is = !parse_metadata(file, &o, &ignored) && is_reader(o);
    json_decref(o);
    return is;
}

/* ... and what others made. */
static err_code form_of(const io_tensors *file, const json_t *o, cap_bert_form *form, error *err)
{
    const cap_bert_import_row *row = o ? NULL : cap_bert_import_find(file);
    char where[300];
    snprintf(where, sizeof where, "'%.250s': metadata", io_tensors_name(file));
    if (row) {
        form->set = cap_bert_defaults();
        return cap_bert_import_form(file, row, form, err);
    }
    if (is_reader(o)) return read_form(o, where, form, err);
    const char *other = json_string_value(json_object_get(o, "kind"));
    if (other)
        return err_set(err, ERR_MISMATCH,
                       "'%.250s' holds a model of kind '%.40s', not one that reads and tells classes",
                       io_tensors_name(file), other);
    return err_set(err, ERR_MISMATCH, "'%.250s' holds neither a reader of this program nor weights of BERT",
                   io_tensors_name(file));
}

err_code cap_bert_form_open(const char *path, cap_bert_form *form, io_tensors **out, error *err)
{
    json_t *o = NULL;
    *form = (cap_bert_form){0};
    io_tensors *file = io_tensors_open(path, err);
    if (!file) return err->code;
    err_code code = parse_metadata(file, &o, err);
    if (!code) code = form_of(file, o, form, err);
    json_decref(o);
    *out = file;
    if (!code) return ERR_OK;
    cap_bert_form_release(form);
    io_tensors_close(out);
    return code;
}

/* ---- weights ---- */

static bool begins(const char *name, const char *prefix)
{
    return !strncmp(name, prefix, strlen(prefix));
}

/* Whether the labels of a file of ours are those of the reader. */
static bool same_labels(const cap_bert *b, const io_tensors *from)
{
    json_t *o = NULL;
    error ignored = {0};
    bool same = !parse_metadata(from, &o, &ignored);
    const json_t *labels = json_object_get(o, "labels");
    same = same && json_array_size(labels) == (size_t)b->labels.count;
    for (int i = 0; same && i < b->labels.count; i++) {
        const char *name = json_string_value(json_array_get(labels, (size_t)i));
        same = name && !strcmp(name, b->labels.list[i]);
    }
    json_decref(o);
    return same;
}

/* Where weights come from: a file of ours, or of others (row). */
typedef struct source {
    const io_tensors *file;
    const cap_bert_import_row *row;
    bool classes; /* it tells the same ones */
    bool all;     /* whatever the reader has must come from it */
} source;

static source source_of(const cap_bert *b, const io_tensors *from, bool all)
{
    bool ours = io_tensors_metadata(from, "caption");
    return (source){from, ours ? NULL : cap_bert_import_find(from), ours && same_labels(b, from), all};
}

/* The tensor of a parameter; NULL: it keeps what was drawn. */
static err_code find_tensor(const source *s, const nn_param *n, const io_tensor **out, error *err)
{
    err_code code = ERR_OK;
    *out = NULL;
    if (s->row)
        code = cap_bert_import_tensor(s->file, s->row, n, out, err);
    else if (!begins(n->name, "classes.") || s->classes)
        *out = io_tensors_find(s->file, n->name);
    if (code || *out || !(s->all || begins(n->name, "encoder."))) return code;
    return err_set(err, ERR_MISMATCH, "'%.250s': what is '%.80s' here is missing there",
                   io_tensors_name(s->file), n->name);
}

/* Before memory is taken for sizes that a file merely states. */
static err_code check_tensors(const cap_bert *b, const source *s, error *err)
{
    err_code code = ERR_OK;
    for (int i = 0; !code && i < b->params.count; i++) {
        const io_tensor *t;
        const nn_param *n = b->params.list[i];
        code = find_tensor(s, n, &t, err);
        nn_params one = {.list = &b->params.list[i], .count = 1};
        if (!code && t && !s->row) code = cap_weights_check(&one, s->file, err);
    }
    return code;
}

static err_code read_tensors(cap_bert *b, const source *s, error *err)
{
    err_code code = ERR_OK;
    for (int i = 0; !code && i < b->params.count; i++) {
        const io_tensor *t;
        const nn_param *n = b->params.list[i];
        code = find_tensor(s, n, &t, err);
        if (!code && t)
            code = s->row ? cap_bert_import_read(s->file, t, n, err)
                          : cap_weights_read(n, s->file, n->var.data, err);
    }
    return code;
}

/* ---- making readers ---- */

static err_code declare(cap_bert *b, const cap_bert_form *form, error *err)
{
    cap_bert_settings s = form->set;
    s.body.vocabulary = ds_wordpiece_size(form->pieces);
    err_code code = cap_bert_check(&s, err);
    if (code) return code;
    cap_bert_declare(&b->net, &s, s.body.vocabulary, form->labels.count, form->fills, &b->params);
    b->record = json_object();
    return b->record && !b->params.failed ? ERR_OK : err_no_memory(err, "for a reader");
}

static void take_form(cap_bert *b, cap_bert_form *form)
{
    b->pieces = form->pieces;
    b->labels = form->labels;
    form->pieces = NULL;
    form->labels = (cap_names){0};
}

/* For use everything must be in the file, and there are no gradients. */
static err_code fill(cap_bert *b, const io_tensors *from, uint64_t seed, bool for_use, error *err)
{
    source s = from ? source_of(b, from, for_use) : (source){0};
    err_code code = from ? check_tensors(b, &s, err) : ERR_OK;
    if (!code)
        code = for_use ? nn_params_finish_for_use(&b->params, err) : nn_params_finish(&b->params, seed, err);
    return code || !from ? code : read_tensors(b, &s, err);
}

static err_code create(cap_bert_form *form, const io_tensors *from, uint64_t seed, bool for_use,
                       cap_bert **out, error *err)
{
    cap_bert *b = calloc(1, sizeof *b);
    *out = NULL;
    if (!b) return err_no_memory(err, "for a reader");
    err_code code = declare(b, form, err);
    if (!code) {
        b->labels = form->labels; /* the form's, until nothing can fail any more */
        code = fill(b, from, seed, for_use, err);
        b->labels = (cap_names){0};
    }
    if (code)
        cap_bert_close(&b);
    else
        take_form(b, form);
    *out = b;
    return code;
}

err_code cap_bert_create(cap_bert_form *form, const io_tensors *from, uint64_t seed, cap_bert **out,
                         error *err)
{
    return create(form, from, seed, false, out, err);
}

/* ---- for use ---- */

static err_code open_form(cap_bert_form *form, const io_tensors *file, const cap_packing *packing,
                          cap_bert **out, error *err)
{
    cap_bert *b;
    err_code code = create(form, file, 0, true, &b, err);
    if (!code && packing)
        code = nn_params_pack(&b->params, "encoder.layer", packing->linear, packing->conv, err);
    if (code)
        cap_bert_close(&b);
    else
        *out = b;
    return code;
}

static err_code read_record(cap_bert *b, const io_tensors *file, error *err)
{
    json_t *o = NULL;
    err_code code = parse_metadata(file, &o, err);
    const json_t *record = json_object_get(o, "record");
    if (!code && json_is_object(record) && json_object_update(b->record, (json_t *)record))
        code = err_no_memory(err, "for the record of a reader");
    json_decref(o);
    return code;
}

err_code cap_bert_open(const char *path, const cap_packing *packing, cap_bert **out, error *err)
{
    cap_bert_form form;
    io_tensors *file = NULL;
    struct stat info;
    *out = NULL;
    err_code code = cap_bert_form_open(path, &form, &file, err);
    if (!code) code = open_form(&form, file, packing, out, err);
    if (!code) code = read_record(*out, file, err);
    if (!code && !stat(path, &info)) (*out)->file_bytes = info.st_size;
    if (code) cap_bert_close(out);
    cap_bert_form_release(&form);
    io_tensors_close(&file);
    return code;
}

/* ---- saving ---- */

static json_t *describe(const cap_bert *b)
{
    io_json_build j = io_json_build_object();
    io_json_put_int(&j, j.root, "format", FORMAT);
    io_json_put_string(&j, j.root, "kind", kind);
    io_fields_write(cap_bert_fields, &b->net.set, &j, io_json_put_object(&j, j.root, "encoder"));
    io_json_put(&j, j.root, "pieces", ds_wordpiece_to_json(b->pieces));
    if (b->labels.count) cap_names_put(&b->labels, &j, j.root, "labels");
    io_json_put_bool(&j, j.root, "fills", b->net.map_w != NULL);
    io_json_put(&j, j.root, "record", json_incref(b->record));
    return io_json_take(&j);
}

err_code cap_bert_save(const cap_bert *b, const char *path, io_dtype dtype, error *err)
{
    json_t *o = describe(b);
    char *metadata = o ? io_json_text(o, JSON_COMPACT) : NULL;
    io_metadata pair = {"caption", metadata};
    err_code code = metadata ? ckpt_save(path, &b->params, NULL, NULL, &pair, 1, dtype, err)
                             : err_no_memory(err, "while saving '%.300s'", path);
    free(metadata);
    json_decref(o);
    return code;
}
