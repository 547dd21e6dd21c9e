/* Readers as tasks: lines, pieces, model, batches, settings and record. */
#include "captioner/train/train_reader.h"

#include <stdlib.h>
#include <string.h>

#include "captioner/train/train_reader_run.h"

cap_reader_settings cap_classify_defaults(void)
{
    return (cap_reader_settings){.run = {.epochs = 3,
                                         .batch = 32,
                                         .warmup = 0.1,
                                         .fall = CAP_FALL_LINEAR,
                                         .decay = 0.01,
                                         .clip = 1,
                                         .seed = 1},
                                 .set = cap_bert_defaults(),
                                 .pieces = 8000,
                                 .mask_share = 0.15,
                                 .dtype = IO_F16};
}

cap_reader_settings cap_masked_defaults(void)
{
    cap_reader_settings s = cap_classify_defaults();
    s.masked = true;
    s.run.epochs = 10;
    s.run.batch = 64;
    return s;
}

#define FIELD(field, member, type)                                                                           \
    .name = field, .kind = type, .offset = offsetof(cap_reader_settings, member)

const io_field cap_pieces_fields[] = {
    {FIELD("pieces", pieces, IO_FIELD_INT), .least = 10, .most = DS_WP_MOST,
     .help = "of a vocabulary that is learned from the lines; with --init there is one"},
    {FIELD("cased", cased, IO_FIELD_SWITCH), .help = "of that vocabulary: letters keep their case"},
    {0},
};

const io_field cap_classify_fields[] = {
    {FIELD("label_smoothing", smoothing, IO_FIELD_NUMBER), .most = 0.99,
     .help = "share of the right class spread over all of them"},
    {0},
};

const io_field cap_masked_fields[] = {
    {FIELD("mask_share", mask_share, IO_FIELD_NUMBER), .least = 0.01, .most = 0.9,
     .help = "share of the pieces of a line that are to be told from the others"},
    {0},
};

static const io_field *fields_of(const cap_reader_settings *s)
{
    return s->masked ? cap_masked_fields : cap_classify_fields;
}

/* What was asked of the learning, and of the pieces where they are learned. */
static void put_asked(const cap_reader_settings *s, io_json_build *b, json_t *o)
{
    if (!s->init) io_fields_write(cap_pieces_fields, s, b, o);
    io_fields_write(fields_of(s), s, b, o);
    if (s->init) io_json_put_string(b, o, "init", cap_run_base_name(s->init));
}

err_code cap_train_reader(const cap_reader_settings *s, const cap_train_events *events, error *err)
{
    cap_run_settings run = s->run;
    if (!(run.rate > 0)) run.rate = s->init && !s->masked ? 5e-5 : 5e-4;
    return cap_run_task(s->masked ? &cap_task_masked : &cap_task_classify, &run, s, events, err);
}

err_code cap_reader_check(const void *asked, const cap_run_settings *run, error *err)
{
    const cap_reader_settings *s = asked;
    (void)run;
    err_code code = io_fields_check(cap_pieces_fields, s, "training's", err);
    return code ? code : io_fields_check(fields_of(s), s, "training's", err);
}

/* ---- lines ---- */

static err_code no_memory(error *err)
{
    return err_no_memory(err, "for the lines to read");
}

/* The lines of a text that are not blank. */
static err_code gather_lines(const char *path, cap_reading *r, error *err)
{
    ds_text_lines l;
    ds_pairs *p = &r->lines;
    err_code code = ds_text_lines_open(&l, path, &p->memory, err);
    if (code) return code;
    size_t most = 1;
    for (const char *s = l.at; s < l.end; s++) most += *s == '\n';
    p->source = arena_array(&p->memory, most, sizeof *p->source);
    p->target = arena_array(&p->memory, most, sizeof *p->target);
    p->line = arena_array(&p->memory, most, sizeof *p->line);
    if (!p->source || !p->target || !p->line) return no_memory(err);
    while (!(code = ds_text_lines_next(&l, err)) && l.line) {
        const char *line = ds_text_trim(l.line);
        if (!*line) continue;
        if (p->count == INT32_MAX / 2) return err_set(err, ERR_LIMIT, "'%.300s' has too many lines", path);
        p->source[p->count] = line;
        p->target[p->count] = "";
        p->line[p->count++] = l.number;
    }
    if (!code && !p->count)
        code = err_set(err, ERR_FORMAT, "cannot use '%.300s': there is no line in it", path);
    return code;
}

/* A line that names the columns is none to learn from. */
static err_code drop_header(const char *path, ds_pairs *p, error *err)
{
    if (p->line[0] != 1 || strcmp(p->target[0], "label") != 0) return ERR_OK;
    p->source++;
    p->target++;
    p->line++;
    if (--p->count) return ERR_OK;
    return err_set(err, ERR_FORMAT, "cannot use '%.300s': it names its columns and has no line below", path);
}

static err_code gather_labelled(const char *path, cap_reading *r, error *err)
{
    err_code code = ds_pairs_read(path, DS_PAIRS_TSV, &r->lines, err);
    if (!code && r->lines.empty)
        code = err_set(err, ERR_FORMAT, "cannot use '%.300s': line %lld has no text or no label", path,
                       (long long)r->lines.first_empty);
    return code ? code : drop_header(path, &r->lines, err);
}

err_code cap_reader_read(cap_run *r, bool labelled, error *err)
{
    const cap_reader_settings *s = cap_reader_asked(r);
    cap_reader_data *d = cap_reader_of(r);
    err_code (*gather)(const char *, cap_reading *, error *) = labelled ? gather_labelled : gather_lines;
    r->has_val = s->val;
    err_code code = gather(s->lines, &d->train, err);
    return code || !s->val ? code : gather(s->val, &d->val, err);
}

/* ---- pieces ---- */

typedef struct numbering {
    int32_t *id;
    int64_t count, capacity;
} numbering;

/* A line's pieces behind those of the lines before; `path` and `most` for a line that is too long. */
static err_code number_line(const cap_bert *b, const char *line, numbering *n, arena *scratch, int32_t *count,
                            error *err)
{
    int32_t *ids;
    arena_reset(scratch);
    err_code code = ds_wordpiece_encode(b->pieces, line, scratch, &ids, count, err);
    if (code) return code;
    if (!LIST_ROOM(n->id, n->count, *count, n->capacity)) return no_memory(err);
    memcpy(n->id + n->count, ids, (size_t)*count * sizeof *ids);
    n->count += *count;
    return ERR_OK;
}

static err_code number_lines(const cap_bert *b, const char *path, cap_reading *r, numbering *n,
                             int64_t *first, error *err)
{
    arena scratch = {0};
    int most = b->net.set.body.positions;
    err_code code = ERR_OK;
    for (int32_t i = 0; !code && i < r->lines.count; i++) {
        int32_t count;
        code = number_line(b, r->lines.source[i], n, &scratch, &count, err);
        first[i + 1] = n->count;
        if (!code && count > most)
            code =
                err_set(err, ERR_LIMIT,
                        "'%.250s': line %lld has %d pieces with [CLS] and [SEP], the model has %d positions; "
                        "shorten it",
                        path, (long long)r->lines.line[i], (int)count, most);
    }
    arena_release(&scratch);
    return code;
}

static err_code number_file(const cap_bert *b, const char *path, cap_reading *r, error *err)
{
    size_t lines = (size_t)r->lines.count;
    numbering n = {0};
    int64_t *first = arena_array(&r->memory, lines + 1, sizeof *first);
    int32_t *image = arena_array(&r->memory, lines, sizeof *image);
    bool *sided = arena_array(&r->memory, lines, sizeof *sided);
    err_code code = first && image && sided ? number_lines(b, path, r, &n, first, err) : no_memory(err);
    int32_t *words = code ? NULL : arena_array(&r->memory, (size_t)n.count, sizeof *words);
    if (!code && !words) code = no_memory(err);
    if (!code) memcpy(words, n.id, (size_t)n.count * sizeof *words);
    free(n.id);
    if (code) return code;
    for (int32_t i = 0; i < r->lines.count; i++) image[i] = i;
    r->pieces = (ds_sources){.count = r->lines.count, .first = first, .words = words};
    r->planned = (ds_encoded){.captions = r->lines.count,
                              .images = r->lines.count,
                              .image = image,
                              .first = first,
                              .words = words,
                              .sided = sided};
    return ERR_OK;
}

/* ---- the model ---- */

/* What of the settings is the user's where sizes are those of the file. */
static void take_training(const cap_reader_settings *s, cap_bert_form *form)
{
    io_fields_copy_training(cap_bert_fields, &form->set, cap_bert_fields, &s->set);
    form->set.pooling = s->set.pooling;
}

static err_code make_form(const cap_run *r, cap_bert_form *form, io_tensors **from, error *err)
{
    const cap_reader_settings *s = cap_reader_asked(r);
    const ds_pairs *p = &cap_reader_of(r)->train.lines;
    *form = (cap_bert_form){.set = s->set};
    *from = NULL;
    if (!s->init) return ds_wordpiece_learn(p->source, p->count, s->pieces, !s->cased, &form->pieces, err);
    err_code code = cap_bert_form_open(s->init, form, from, err);
    if (!code) take_training(s, form);
    return code;
}

static err_code make_model(cap_run *r, const char *const *labels, int count, error *err)
{
    cap_bert_form form;
    io_tensors *from;
    err_code code = make_form(r, &form, &from, err);
    cap_names_release(&form.labels);
    form.fills = cap_reader_asked(r)->masked;
    if (!code && count && !cap_names_copy(&form.labels, labels, count)) code = no_memory(err);
    if (!code) code = cap_bert_create(&form, from, r->s->seed, &cap_reader_of(r)->model, err);
    cap_bert_form_release(&form);
    io_tensors_close(&from);
    return code;
}

static void measure(cap_run *r)
{
    const cap_reading *t = &cap_reader_of(r)->train;
    int64_t lines = t->lines.count, batches = (lines + r->s->batch - 1) / r->s->batch;
    bool masked = cap_reader_asked(r)->masked;
    r->params = &cap_reader_of(r)->model->params;
    r->stored = cap_reader_asked(r)->dtype;
    r->extent = (cap_extent){.units = lines,
                             .batches = batches,
                             .least_batches = batches,
                             .most_batches = batches,
                             .most_judged = masked ? t->pieces.first[lines] : lines,
                             .judges_always = masked,
                             .worst = masked ? -1e9 : 0,
                             .best = masked ? 0 : 1};
}

err_code cap_reader_begin(cap_run *r, const char *const *labels, int count, error *err)
{
    const cap_reader_settings *s = cap_reader_asked(r);
    cap_reader_data *d = cap_reader_of(r);
    err_code code = make_model(r, labels, count, err);
    if (!code) code = number_file(d->model, s->lines, &d->train, err);
    if (!code && s->val) code = number_file(d->model, s->val, &d->val, err);
    if (code) return code;
    measure(r);
    return ERR_OK;
}

void cap_reader_tell_start(const cap_run *r)
{
    const char *init = cap_reader_asked(r)->init;
    if (init) cap_run_say(r, "starts from '%.200s'", init);
}

static void close_reading(cap_reading *r)
{
    ds_pairs_release(&r->lines);
    arena_release(&r->memory);
}

void cap_reader_close(cap_run *r)
{
    cap_reader_data *d = cap_reader_of(r);
    ds_plan_free(&d->plan);
    close_reading(&d->train);
    close_reading(&d->val);
    free(d->of_class);
    cap_bert_close(&d->model);
}

void cap_reader_introduce(const cap_run *r, text *line)
{
    const cap_reader_data *d = cap_reader_of(r);
    text_printf(line, "%d lines", (int)d->train.lines.count);
    if (r->has_val) text_printf(line, ", %d to validate on", (int)d->val.lines.count);
    text_printf(line, "; %d pieces; %zu weights", (int)ds_wordpiece_size(d->model->pieces),
                nn_params_learned(&d->model->params));
}

/* ---- batches ---- */

static err_code make_plan(const ds_encoded *lines, int batch, uint64_t seed, int64_t epoch, ds_plan **out,
                          error *err)
{
    ds_plan_settings p = {.batch = batch, .seed = seed, .epoch = (uint32_t)epoch};
    return ds_plan_create(lines, &p, out, err);
}

err_code cap_reader_count(cap_run *r, int64_t epoch, int64_t *batches, error *err)
{
    (void)epoch;
    (void)err;
    *batches = r->extent.batches;
    return ERR_OK;
}

err_code cap_reader_plan(cap_run *r, error *err)
{
    cap_reader_data *d = cap_reader_of(r);
    ds_plan_free(&d->plan);
    return make_plan(&d->train.planned, r->s->batch, r->s->seed, r->at.epoch, &d->plan, err);
}

static err_code batch_of(cap_run *r, const cap_reading *from, const ds_plan *plan, int32_t i,
                         const int32_t **which, ds_source_batch *out, error *err)
{
    ds_batch b;
    err_code code = ds_plan_batch(plan, i, &r->step_memory, &b, err);
    *which = b.caption;
    return code ? code : ds_sources_batch(&from->pieces, b.caption, b.rows, &r->step_memory, out, err);
}

err_code cap_reader_batch(cap_run *r, const int32_t **which, ds_source_batch *out, error *err)
{
    const cap_reader_data *d = cap_reader_of(r);
    return batch_of(r, &d->train, d->plan, (int32_t)r->at.batch, which, out, err);
}

err_code cap_reader_judge(cap_run *r, cap_judge_batch *judge, double *nll, error *err)
{
    const cap_reading *val = &cap_reader_of(r)->val;
    ds_plan *plan = NULL;
    int64_t done = 0;
    *nll = 0;
    err_code code = make_plan(&val->planned, CAP_READ_LINES, r->s->seed, 0, &plan, err);
    int32_t batches = code ? 0 : ds_plan_batches(plan);
    if (!code) code = cap_run_validated(r, "lines", 0, val->lines.count, err);
    for (int32_t i = 0; !code && i < batches; i++) {
        const int32_t *which;
        ds_source_batch lines;
        arena_reset(&r->step_memory);
        nn_begin(&r->tape);
        code = batch_of(r, val, plan, i, &which, &lines, err);
        if (!code) code = judge(r, which, &lines, nll, err);
        done += code ? 0 : lines.rows;
        if (!code) code = cap_run_validated(r, "lines", (long)done, val->lines.count, err);
    }
    ds_plan_free(&plan);
    return code;
}

/* ---- settings and record ---- */

static void put_contents(io_json_build *b, json_t *o, const char *key, const cap_reading *r)
{
    const ds_sources *p = &r->pieces;
    hash128 h = hash_bytes(p->words, (size_t)p->first[p->count] * sizeof *p->words, 1);
    h = hash_bytes(p->first, ((size_t)p->count + 1) * sizeof *p->first, h.lo);
    if (r->label) h = hash_bytes(r->label, (size_t)p->count * sizeof *r->label, h.lo);
    cap_run_put_hash(b, o, key, h);
}

void cap_reader_put_settings(const cap_run *r, io_json_build *b, json_t *o)
{
    const cap_reader_settings *s = cap_reader_asked(r);
    const cap_reader_data *d = cap_reader_of(r);
    io_fields_write(cap_bert_fields, &d->model->net.set, b, o);
    put_asked(s, b, o);
    if (d->model->labels.count) cap_names_put(&d->model->labels, b, o, "labels");
    put_contents(b, o, "contents of the training lines", &d->train);
    if (r->has_val)
        put_contents(b, o, "contents of the validation lines", &d->val);
    else
        io_json_put_string(b, o, "contents of the validation lines", "none");
}

err_code cap_reader_save(cap_run *r, const cap_epoch *e, error *err)
{
    const cap_reader_settings *s = cap_reader_asked(r);
    const cap_bert *m = cap_reader_of(r)->model;
    io_json_build b = {.root = json_incref(m->record)};
    json_t *record = NULL, *training = io_json_put_object(&b, b.root, "training");
    if (s->licence) io_json_put_string(&b, b.root, "licence", s->licence);
    io_json_put_string(&b, training, "task", r->task->name);
    io_json_put_string(&b, training, "lines_file", cap_run_base_name(s->lines));
    io_json_put_int(&b, training, "lines", cap_reader_of(r)->train.lines.count);
    put_asked(s, &b, training);
    cap_run_record(r, e, &b, training);
    err_code code = io_json_done(&b, "the model's record", &record, err);
    json_decref(record);
    return code ? code : cap_bert_save(m, r->s->out, s->dtype, err);
}
