/* The task of telling classes of lines: labels, loss, accuracy as the score. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/train/train_reader_run.h"
#include "datasets/words.h"
#include "src/nn/loss.h"

enum { SAMPLES = 3, SHOWN_CLASSES = 10 };

/* ---- labels ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ds_word *)a)->text, ((const ds_word *)b)->text);
}

static err_code gather_labels(const cap_run *r, ds_words *found, error *err)
{
    const ds_pairs *p = &cap_reader_of(r)->train.lines;
    const char *path = cap_reader_asked(r)->lines;
    for (int32_t i = 0; i < p->count; i++) {
        if (ds_words_put(found, p->target[i]) < 0) return err_no_memory(err, "for labels");
        if (found->count > CAP_MOST_LABELS)
            return err_set(err, ERR_LIMIT,
                           "'%.250s' has more than %d labels; a label is what is behind the tab", path,
                           CAP_MOST_LABELS);
    }
    if (found->count > 1) return ERR_OK;
    return err_set(err, ERR_ARGUMENT,
                   "every line of '%.250s' is of the class '%.40s': there is nothing to tell", path,
                   found->item[0].text);
}

static err_code number_labels(cap_reading *r, const char *path, const cap_names *names, error *err)
{
    const ds_pairs *p = &r->lines;
    r->label = arena_array(&r->memory, (size_t)p->count, sizeof *r->label);
    if (!r->label) return err_no_memory(err, "for labels");
    for (int32_t i = 0; i < p->count; i++) {
        r->label[i] = cap_names_find(names, p->target[i]);
        if (r->label[i] < 0)
            return err_set(err, ERR_MISMATCH,
                           "'%.250s': line %lld is of the class '%.40s', which training never sees", path,
                           (long long)p->line[i], p->target[i]);
    }
    return ERR_OK;
}

static err_code begin_model(cap_run *r, ds_words *found, error *err)
{
    cap_reader_data *d = cap_reader_of(r);
    const char **names = calloc((size_t)found->count, sizeof *names);
    if (!names) return err_no_memory(err, "for labels");
    qsort(found->item, (size_t)found->count, sizeof *found->item, by_name);
    for (int32_t i = 0; i < found->count; i++) names[i] = found->item[i].text;
    err_code code = cap_reader_begin(r, names, found->count, err);
    free(names);
    if (code) return code;
    d->of_class = calloc((size_t)found->count, sizeof *d->of_class);
    return d->of_class ? ERR_OK : err_no_memory(err, "for classes");
}

static err_code open_classes(cap_run *r, error *err)
{
    const cap_reader_settings *s = cap_reader_asked(r);
    cap_reader_data *d = cap_reader_of(r);
    ds_words found = {0};
    err_code code = cap_reader_read(r, true, err);
    if (!code) code = gather_labels(r, &found, err);
    if (!code) code = begin_model(r, &found, err);
    ds_words_release(&found);
    if (!code) code = number_labels(&d->train, s->lines, &d->model->labels, err);
    if (!code && s->val) code = number_labels(&d->val, s->val, &d->model->labels, err);
    if (!code) cap_reader_tell_start(r);
    return code;
}

static void introduce(const cap_run *r, text *line)
{
    cap_reader_introduce(r, line);
    text_printf(line, "; %d classes", cap_reader_of(r)->model->labels.count);
}

/* ---- steps ---- */

/* Logits and right answers of a batch. */
static nn_var *logits_of(cap_run *r, const cap_reading *from, const int32_t *which,
                         const ds_source_batch *lines, int32_t **label)
{
    const cap_bert_net *n = &cap_reader_of(r)->model->net;
    *label = nn_scratch(&r->tape, (size_t)lines->rows * sizeof **label);
    for (int i = 0; *label && i < lines->rows; i++) (*label)[i] = from->label[which[i]];
    nn_var *states = cap_bert_states(&r->tape, n, lines, NULL);
    return cap_bert_classes(&r->tape, n, states, lines->length);
}

static nn_var *loss(cap_run *r, cap_counts *counts, error *err)
{
    const int32_t *which;
    int32_t *label;
    ds_source_batch lines;
    nn_loss_info info = {0};
    if (cap_reader_batch(r, &which, &lines, err)) return NULL;
    nn_var *logits = logits_of(r, &cap_reader_of(r)->train, which, &lines, &label);
    nn_var *loss = nn_cross_entropy(&r->tape, logits, label, -1, (real)cap_reader_asked(r)->smoothing, &info);
    *counts = (cap_counts){.judged = info.count, .hits = info.hits, .nll = info.nll};
    return loss;
}

/* ---- validation ---- */

static int best_of(const real *row, int count)
{
    int best = 0;
    for (int i = 1; i < count; i++)
        if (row[i] > row[best]) best = i;
    return best;
}

static err_code judge(cap_run *r, const int32_t *which, const ds_source_batch *lines, double *nll, error *err)
{
    cap_reader_data *d = cap_reader_of(r);
    int32_t *label;
    nn_loss_info info = {0};
    nn_var *logits = logits_of(r, &d->val, which, lines, &label);
    if (!nn_cross_entropy(&r->tape, logits, label, -1, 0, &info))
        return err_no_memory(err, "while validating");
    *nll += info.nll;
    for (int i = 0; i < lines->rows; i++) {
        bool right = best_of(logits->data + (size_t)i * (size_t)nn_last(logits), nn_last(logits)) == label[i];
        d->of_class[label[i]][0]++;
        d->of_class[label[i]][1] += right;
        d->judged++;
        d->hits += right;
    }
    return ERR_OK;
}

/* What the model says of the first lines. */
static err_code take_samples(cap_run *r, cap_epoch *e, error *err)
{
    const cap_reader_data *d = cap_reader_of(r);
    int32_t which[SAMPLES] = {0, 1, 2}, *label;
    int n = d->val.lines.count < SAMPLES ? d->val.lines.count : SAMPLES;
    ds_source_batch lines;
    arena_reset(&r->step_memory);
    nn_begin(&r->tape);
    err_code code = ds_sources_batch(&d->val.pieces, which, n, &r->step_memory, &lines, err);
    nn_var *logits = code ? NULL : logits_of(r, &d->val, which, &lines, &label);
    if (!code && !logits) code = err_no_memory(err, "while validating");
    for (int i = 0; !code && i < n; i++) {
        e->sample_input[i] = d->val.lines.source[i];
        e->sample_output[i] =
            d->model->labels
                .list[best_of(logits->data + (size_t)i * (size_t)nn_last(logits), nn_last(logits))];
        e->samples = i + 1;
    }
    return code;
}

static err_code validate(cap_run *r, cap_epoch *e, error *err)
{
    cap_reader_data *d = cap_reader_of(r);
    double nll;
    d->judged = d->hits = 0;
    memset(d->of_class, 0, (size_t)d->model->labels.count * sizeof *d->of_class);
    err_code code = cap_reader_judge(r, judge, &nll, err);
    if (!code) code = take_samples(r, e, err);
    if (code) return code;
    e->val_loss = nll / (double)d->judged;
    e->goodness = (double)d->hits / (double)d->judged;
    e->validated = true;
    return ERR_OK;
}

static void tell(const cap_run *r, const cap_epoch *e, text *line)
{
    const cap_reader_data *d = cap_reader_of(r);
    const cap_names *names = &d->model->labels;
    text_printf(line, "loss %.3f, accuracy %.2f %%", e->val_loss, 100 * e->goodness);
    for (int i = 0; i < names->count && names->count <= SHOWN_CLASSES; i++)
        text_printf(line, "%s%s %lld of %lld", i ? ", " : " (", names->list[i], (long long)d->of_class[i][1],
                    (long long)d->of_class[i][0]);
    if (names->count <= SHOWN_CLASSES) text_append(line, ")");
}

static void scores(const cap_run *r, const cap_epoch *e, io_json_build *b, json_t *o)
{
    const cap_reader_data *d = cap_reader_of(r);
    io_json_put_int(b, o, "lines", d->judged);
    io_json_put_number(b, o, "accuracy", e->goodness);
    io_json_put_number(b, o, "loss", e->val_loss);
    json_t *classes = io_json_put_object(b, o, "classes");
    for (int i = 0; i < d->model->labels.count; i++) {
        json_t *one = io_json_put_object(b, classes, d->model->labels.list[i]);
        io_json_put_int(b, one, "lines", d->of_class[i][0]);
        io_json_put_int(b, one, "right", d->of_class[i][1]);
    }
}

static void sample(const cap_epoch *e, int i, io_json_build *b, json_t *o)
{
    io_json_put_string(b, o, "line", e->sample_input[i]);
    io_json_put_string(b, o, "label", e->sample_output[i]);
}

const cap_task cap_task_classify = {.name = "classes",
                                    .unit = "lines",
                                    .between = " -> ",
                                    .data_bytes = sizeof(cap_reader_data),
                                    .check = cap_reader_check,
                                    .open = open_classes,
                                    .introduce = introduce,
                                    .close = cap_reader_close,
                                    .count = cap_reader_count,
                                    .begin = cap_reader_plan,
                                    .loss = loss,
                                    .validate = validate,
                                    .tell = tell,
                                    .scores = scores,
                                    .sample = sample,
                                    .settings = cap_reader_put_settings,
                                    .save = cap_reader_save};
