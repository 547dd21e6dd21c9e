#include "captioner/train/self_critical.h"

#include "captioner/net/decoder_row.h"
#include "captioner/search/samples.h"
#include "datasets/vocab.h"
#include "src/nn/activation.h"

/* ---- what the samples are worth ---- */

/* What people agree on of a memory's image. */
typedef struct agreed {
    int32_t *list;
    int count;
} agreed;

/* The share of them that a sentence says; 0 where there are none. */
static double share_said(const agreed *a, const int32_t *word, int words)
{
    int said = 0;
    for (int i = 0; i < a->count; i++) {
        int j = 0;
        while (j < words && word[j] != a->list[i]) j++;
        said += j < words;
    }
    return a->count ? (double)said / a->count : 0;
}

static err_code find_agreed(const cap_critic *c, int32_t image, arena *memory, agreed *a, error *err)
{
    *a = (agreed){0};
    if (c->naming <= 0) return ERR_OK;
    a->count = cap_cider_ids_agreed(c->judge, image, c->names, memory, &a->list);
    return a->count < 0 ? err_no_memory(err, "while judging captions") : ERR_OK;
}

/* worth[rows] */
static err_code judge_samples(const cap_critic *c, const cap_samples *drawn, arena *memory, double *worth,
                              error *err)
{
    int memories = drawn->rows / c->samples;
    for (int m = 0; m < memories; m++) {
        cap_references refs;
        agreed named = {0};
        arena_mark mark = arena_save(memory);
        err_code code = cap_cider_ids_references(c->judge, c->image[m], memory, &refs, err);
        if (!code) code = find_agreed(c, c->image[m], memory, &named, err);
        for (int i = 0; !code && i < c->samples; i++) {
            int row = m * c->samples + i;
            const int32_t *word = drawn->word + (size_t)row * (size_t)drawn->width;
            worth[row] = 0;
            if (drawn->ended[row])
                code = cap_cider_ids_score(c->judge, &refs, word, drawn->length[row] - 1, memory, &worth[row],
                                           err);
            if (drawn->ended[row]) worth[row] += c->naming * share_said(&named, word, drawn->length[row] - 1);
        }
        arena_rewind(memory, mark);
        if (code) return code;
    }
    return ERR_OK;
}

/* What a sample is worth beyond the mean of the memory's other ones. */
static double advantage(const double *worth, int samples, int i)
{
    double sum = 0;
    for (int j = 0; j < samples; j++) sum += j == i ? 0 : worth[j];
    return worth[i] - sum / (samples - 1);
}

/* ---- as a batch ---- */

/* The samples as captions, the longest first, as the decoder unrolls them; weight[rows]. */
static bool lay_out(const cap_critic *c, const cap_samples *drawn, const double *worth, arena *memory,
                    ds_batch *b, real **weight)
{
    size_t rows = (size_t)drawn->rows;
    *b = (ds_batch){.rows = drawn->rows, .images = drawn->rows / c->samples};
    b->length = arena_array(memory, rows, sizeof *b->length);
    b->row_image = arena_array(memory, rows, sizeof *b->row_image);
    for (int i = 0; i < drawn->rows; i++)
        if (drawn->length[i] > b->max_len) b->max_len = drawn->length[i];
    size_t width = (size_t)b->max_len + 1;
    b->tokens = arena_array(memory, rows * width, sizeof *b->tokens); /* zero is <pad> */
    *weight = arena_array(memory, rows, sizeof **weight);
    if (!b->length || !b->row_image || !b->tokens || !*weight) return false;
    int at = 0;
    for (int length = b->max_len; length > 0; length--)
        for (int i = 0; i < drawn->rows; i++) {
            if (drawn->length[i] != length) continue;
            int m = i / c->samples;
            int32_t *row = b->tokens + (size_t)at * width;
            row[0] = DS_START;
            for (int j = 0; j < length; j++)
                row[j + 1] = drawn->word[(size_t)i * (size_t)drawn->width + (size_t)j];
            b->length[at] = length;
            b->row_image[at] = m;
            (*weight)[at++] =
                (real)advantage(worth + (size_t)m * (size_t)c->samples, c->samples, i % c->samples);
        }
    return true;
}

static double mean_of(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i];
    return sum / n;
}

/* The decoder with its logits as they are. */
static cap_decoder unsharpened(const cap_decoder *d)
{
    cap_decoder plain = *d;
    const io_field *sharpness = io_fields_find(d->config.row->fields, "sharpness");
    if (sharpness) *io_field_number(sharpness, plain.config.settings.bytes) = 1;
    return plain;
}

/* `loss` beside that of what people said. */
static nn_var *with_cross_entropy(nn_tape *t, const cap_decoder *d, const cap_memory *m, const cap_critic *c,
                                  nn_var *loss)
{
    if (!loss || !(c->cross_entropy > 0)) return loss;
    const cap_loss_options options = {.smoothing = c->attention.smoothing};
    const cap_decoder plain = unsharpened(d);
    bool training = t->training;
    t->training = true;
    nn_var *parts[] = {loss, cap_decoder_loss(t, &plain, m, c->captions, &options, NULL)};
    t->training = training;
    const real weights[] = {1, (real)c->cross_entropy};
    return parts[1] ? nn_weighted_sum(t, parts, weights, 2) : NULL;
}

nn_var *cap_self_critical_loss(nn_tape *t, const cap_decoder *d, const cap_memory *m, const cap_critic *c,
                               cap_counts *counts, error *err)
{
    cap_sample_options o = {.samples = c->samples, .max_words = c->max_words, .part = c->source};
    cap_samples drawn;
    ds_batch batch;
    real *weight;
    *counts = (cap_counts){0};
    if (!cap_sample_sentences(t, d, m, &o, t->mem, &drawn)) return NULL;
    double *worth = nn_alloc(t, (size_t)drawn.rows * sizeof *worth);
    if (!worth || judge_samples(c, &drawn, t->mem, worth, err)) return NULL;
    if (!lay_out(c, &drawn, worth, t->mem, &batch, &weight)) {
        t->failed = true;
        return NULL;
    }
    counts->reward = mean_of(worth, drawn.rows);
    cap_loss_options options = {.weight = weight,
                                .guide = c->attention.guide,
                                .objects = c->attention.objects,
                                .lent = c->attention.lent};
    return with_cross_entropy(t, d, m, c, cap_decoder_loss(t, d, m, &batch, &options, NULL));
}
