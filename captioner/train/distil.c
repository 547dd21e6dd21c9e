#include "captioner/train/distil.h"

#include <math.h>
#include <stdlib.h>

#include "cnn/backbone.h"
#include "cnn/import.h"
#include "src/nn/params.h"

struct cap_teacher {
    nn_params params;
    cnn_net *net;
    cnn_preprocess preprocess;
    arena memory; /* pixels and features of the present batch */
};

/* ---- the network ---- */

static err_code load(cap_teacher *t, const char *path, error *err)
{
    error local = {0};
    io_tensors *file = io_tensors_open(path, &local);
    if (!file) return err_set(err, local.code, "%s", local.text);
    const cnn_backbone_row *row = cnn_import_find(file, &local);
    err_code code = row ? cnn_net_create(row->name, "teacher.", &t->params, &t->net, err)
                        : err_set(err, local.code, "%s", local.text);
    if (!code) code = nn_params_finish(&t->params, 0, err);
    if (!code) code = cnn_import(file, t->net, &t->preprocess, err);
    io_tensors_close(&file);
    if (!code) code = cnn_net_fold(t->net, err);
    return code;
}

err_code cap_teacher_open(const char *path, cap_teacher **out, error *err)
{
    *out = NULL;
    cap_teacher *t = calloc(1, sizeof *t);
    if (!t) return err_no_memory(err, "for the teacher");
    err_code code = load(t, path, err);
    if (code)
        cap_teacher_close(&t);
    else
        *out = t;
    return code;
}

void cap_teacher_close(cap_teacher **teacher)
{
    if (!teacher || !*teacher) return;
    cap_teacher *t = *teacher;
    cnn_net_free(&t->net);
    nn_params_release(&t->params);
    arena_release(&t->memory);
    free(t);
    *teacher = NULL;
}

void cap_teacher_map_size(const cap_teacher *t, int size, int *height, int *width, int *channels)
{
    cnn_net_map_size(t->net, size, height, width, channels);
}

const real *cap_teacher_features(cap_teacher *t, pool *threads, gemm_precision precision,
                                 const uint8_t *pixels, int n, int size)
{
    nn_tape tape = {.mem = &t->memory, .threads = threads, .precision = precision};
    nn_begin(&tape);
    size_t count = (size_t)n * size * size;
    real *x = nn_scratch(&tape, count * 3 * sizeof *x);
    if (!x) return NULL;
    cnn_normalise(&t->preprocess, pixels, count, x);
    nn_var *map = cnn_net_forward(t->net, &tape, nn_input(&tape, x, 4, (int[]){n, size, size, 3}));
    return map && !tape.failed ? map->data : NULL;
}

/* ---- the loss ---- */

/* What forward leaves for backward of a row: cos, |p| and |g|. */
typedef struct row_sums {
    double cosine, length, goal_length, squared;
} row_sums;

typedef struct distil_ctx {
    nn_var *x, *y;
    const real *goal;
    real scale, squared_weight;
    row_sums *row;
    real *dx;
} distil_ctx;

static const double tiny = 1e-12; /* squared length below which a row counts as zero */

static void sum_rows(void *p, size_t begin, size_t end)
{
    distil_ctx *c = p;
    size_t n = nn_last(c->x);
    for (size_t i = begin; i < end; i++) {
        const real *x = c->x->data + i * n, *goal = c->goal + i * n;
        double xx = 0, gg = 0, xg = 0;
        for (size_t j = 0; j < n; j++) {
            double a = (double)x[j], b = (double)(goal[j] * c->scale);
            xx += a * a;
            gg += b * b;
            xg += a * b;
        }
        bool zero = xx < tiny || gg < tiny;
        c->row[i] = (row_sums){zero ? 0 : xg / sqrt(xx * gg), sqrt(xx), sqrt(gg), xx + gg - 2 * xg};
    }
}

/* d(1 - cos)/dp = (cos p/|p| - g/|g|) / |p|. */
static void row_gradients(void *p, size_t begin, size_t end)
{
    distil_ctx *c = p;
    size_t n = nn_last(c->x), rows = nn_rows(c->x);
    double dy = (double)c->y->grad[0] / (double)rows;
    for (size_t i = begin; i < end; i++) {
        const row_sums *r = &c->row[i];
        const real *x = c->x->data + i * n, *goal = c->goal + i * n;
        bool zero = r->length * r->length < tiny || r->goal_length * r->goal_length < tiny;
        double pull = 2 * (double)c->squared_weight / (double)n;
        real on_x = (real)(dy * (pull + (zero ? 0 : r->cosine / (r->length * r->length))));
        real on_goal = (real)(dy * (pull + (zero ? 0 : 1 / (r->length * r->goal_length))) * (double)c->scale);
        for (size_t j = 0; j < n; j++) c->dx[i * n + j] += on_x * x[j] - on_goal * goal[j];
    }
}

static void distil_backward(nn_tape *t, void *p)
{
    distil_ctx *c = p;
    c->dx = c->y->grad ? nn_grad_add(t, c->x) : NULL;
    if (c->dx) nn_parallel(t, nn_rows(c->x), 16, row_gradients, c);
}

nn_var *cap_distil_loss(nn_tape *t, nn_var *predicted, const real *goal, real scale, real squared_weight,
                        double *cosine)
{
    if (t->failed || !predicted || !goal) return NULL;
    size_t rows = nn_rows(predicted);
    nn_var *y = nn_result(t, 1, (int[]){1}, nn_wants(t, predicted));
    distil_ctx *c = nn_alloc(t, sizeof *c);
    row_sums *row = nn_scratch(t, rows * sizeof *row);
    if (t->failed) return NULL;
    *c = (distil_ctx){
        .x = predicted, .y = y, .goal = goal, .scale = scale, .squared_weight = squared_weight, .row = row};
    nn_parallel(t, rows, 16, sum_rows, c);
    double similar = 0, squared = 0;
    for (size_t i = 0; i < rows; i++) {
        similar += row[i].cosine;
        squared += row[i].squared;
    }
    double n = (double)rows;
    y->data[0] =
        (real)(1 - similar / n + (double)squared_weight * squared / (n * (double)nn_last(predicted)));
    if (cosine) *cosine = similar / n;
    if (y->wants_grad) nn_record(t, distil_backward, c);
    return t->failed ? NULL : y;
}
