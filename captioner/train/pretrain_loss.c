/* The loss of pre-training: classes, and what a teacher sees; and its validation, source by source. */
#include <math.h>

#include "captioner/train/pretrain_run.h"
#include "cnn/maps.h"
#include "src/nn/linear.h"
#include "src/nn/loss.h"

enum { NO_LABEL = -1 };

static cap_pretrain_data *data_of(const cap_run *r)
{
    return r->data;
}

static const cap_pretrain_settings *asked(const cap_run *r)
{
    return r->asked;
}

/* ---- one batch ---- */

/* Cross-entropy over the classes of one source, its photos alone counting; NULL when the batch has none. */
static nn_var *label_loss(cap_run *r, int source, nn_var *mean, const ds_images *b,
                          const cap_photo_list *list, nn_loss_info *info)
{
    const cap_layer *head = &data_of(r)->head[source];
    int32_t *target = nn_scratch(&r->tape, b->images * sizeof *target);
    bool any = false;
    for (int32_t i = 0; target && i < b->images; i++) {
        int32_t index = b->image[i];
        target[i] = list->source_of[index] == source ? list->item[index].label : NO_LABEL;
        any |= target[i] != NO_LABEL;
    }
    if (!any) return NULL;
    nn_var *logits = nn_linear(&r->tape, mean, head->w, head->b);
    return nn_cross_entropy(&r->tape, logits, target, NO_LABEL, (real)asked(r)->smoothing, info);
}

static void follow_square(const cap_pretrain_data *d, const real *goal, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)goal[i] * (double)goal[i];
    real square = (real)(sum / (double)n), *running = d->goal_square->data;
    *running = *running > 0 ? (real)0.99 * *running + (real)0.01 * square : square;
}

static nn_var *teacher_loss(cap_run *r, nn_var *map, const ds_images *b, double *cosine)
{
    const cap_pretrain_data *d = data_of(r);
    nn_tape *t = &r->tape;
    const real *goal =
        cap_teacher_features(d->teacher, r->threads, t->precision, b->pixels, b->images, asked(r)->size);
    if (!goal) t->failed = true;
    if (d->pool_kernel > 1) map = cnn_avg_pool(t, map, d->pool_kernel);
    nn_var *predicted = nn_linear(t, map, d->student.w, d->student.b);
    if (!predicted) return NULL;
    if (t->training) follow_square(d, goal, nn_count(predicted));
    real square = d->goal_square->data[0], scale = square > 0 ? 1 / (real)sqrt((double)square) : 1;
    return cap_distil_loss(t, predicted, goal, scale, (real)asked(r)->squared_weight, cosine);
}

static nn_var *encode(cap_run *r, const ds_images *b)
{
    const cap_pretrain_data *d = data_of(r);
    int size = asked(r)->size;
    size_t count = (size_t)b->images * size * size;
    real *pixels = nn_scratch(&r->tape, count * 3 * sizeof *pixels);
    if (!pixels) return NULL;
    cnn_normalise(&d->preprocess, b->pixels, count, pixels);
    return cnn_net_forward(d->net, &r->tape,
                           nn_input(&r->tape, pixels, 4, (int[]){b->images, size, size, 3}));
}

/* The mean loss of the batch's photos; NULL after a failure. */
static nn_var *batch_loss(cap_run *r, const ds_images *b, const cap_photo_list *list, cap_counts *counts)
{
    const cap_pretrain_data *d = data_of(r);
    nn_var *part[CAP_MAX_SOURCES + 1];
    real weight[CAP_MAX_SOURCES + 1];
    int parts = 0;
    nn_var *map = encode(r, b), *mean = cnn_global_mean(&r->tape, map);
    for (int i = 0; i < d->photos.sources; i++) {
        nn_loss_info info = {0};
        nn_var *loss = d->head[i].w ? label_loss(r, i, mean, b, list, &info) : NULL;
        if (!loss) continue;
        part[parts] = loss;
        weight[parts++] = (real)info.count / (real)b->images;
        counts->judged += info.count;
        counts->hits += info.hits;
    }
    if (d->teacher) {
        part[parts] = teacher_loss(r, map, b, &counts->cosine);
        weight[parts++] = (real)asked(r)->teacher_weight;
    }
    return r->tape.failed ? NULL : nn_weighted_sum(&r->tape, part, weight, parts);
}

nn_var *cap_pretrain_loss(cap_run *r, cap_counts *counts, error *err)
{
    ds_images b;
    if (ds_loader_next(data_of(r)->train_loader, &b, err)) return NULL;
    return batch_loss(r, &b, &data_of(r)->photos.train, counts);
}

/* ---- held-out photos ---- */

static err_code test_batch(cap_run *r, const ds_images *b, error *err)
{
    cap_pretrain_data *d = data_of(r);
    cap_counts counts = {0};
    nn_begin(&r->tape);
    if (!batch_loss(r, b, &d->photos.held_out, &counts))
        return err_no_memory(err, "while validating; a smaller --batch needs less");
    cap_tally *sum = &d->tally[d->photos.held_out.source_of[b->image[0]]]; /* a batch is of one source */
    sum->cosine += counts.cosine * b->images;
    sum->hits += counts.hits;
    sum->labelled += counts.judged;
    sum->photos += b->images;
    return ERR_OK;
}

err_code cap_pretrain_validate(cap_run *r, cap_epoch *e, error *err)
{
    cap_pretrain_data *d = data_of(r);
    ds_schedule order;
    ds_images b;
    long done = 0, all = d->photos.held_out.items;
    for (int i = 0; i <= CAP_MAX_SOURCES; i++) d->tally[i] = (cap_tally){0};
    arena_reset(&d->lists);
    err_code code = cap_photos_schedule_held_out(&d->photos, r->s->batch, &d->lists, &order, err);
    if (!code) code = ds_loader_start(d->test_loader, &order, 0, err);
    if (!code) code = cap_run_validated(r, r->task->unit, 0, all, err);
    while (!code && !(code = ds_loader_next(d->test_loader, &b, err)) && b.images) {
        code = test_batch(r, &b, err);
        if (!code) code = cap_run_validated(r, r->task->unit, done += b.images, all, err);
    }
    e->validated = !code;
    e->goodness = e->epoch; /* the last one is kept: its rate is the lowest */
    return code;
}

/* NAN: it was not measured. */
static double accuracy_of(const cap_tally *t)
{
    return t->labelled ? (double)t->hits / (double)t->labelled : (double)NAN;
}

static double cosine_of(const cap_pretrain_data *d, const cap_tally *t)
{
    return d->teacher ? t->cosine / (double)t->photos : (double)NAN;
}

void cap_pretrain_tell(const cap_run *r, const cap_epoch *e, text *line)
{
    const cap_pretrain_data *d = data_of(r);
    (void)e;
    for (int i = 0; i < d->photos.sources; i++) {
        const cap_tally *t = &d->tally[i];
        if (!t->photos) continue;
        text_printf(line, "%s%s", line->length ? "; " : "", d->photos.source[i].name);
        if (t->labelled) text_printf(line, " accuracy %.4f", accuracy_of(t));
        if (d->teacher) text_printf(line, "%s cosine %.4f", t->labelled ? "," : "", cosine_of(d, t));
    }
}

void cap_pretrain_scores(const cap_run *r, const cap_epoch *e, io_json_build *b, json_t *o)
{
    const cap_pretrain_data *d = data_of(r);
    json_t *list = io_json_put_array(b, o, "held_out");
    (void)e;
    for (int i = 0; i < d->photos.sources; i++) {
        const cap_tally *t = &d->tally[i];
        if (!t->photos) continue;
        json_t *one = io_json_put_object(b, list, NULL);
        io_json_put_string(b, one, "source", d->photos.source[i].name);
        io_json_put_int(b, one, "photos", t->photos);
        if (t->labelled) io_json_put_number(b, one, "accuracy", accuracy_of(t));
        if (d->teacher) io_json_put_number(b, one, "cosine", cosine_of(d, t));
    }
}
