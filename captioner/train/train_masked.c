/* The task of filling in masked words: what is masked, its loss, the perplexity of masked pieces as the
 * score. */
#include <math.h>
#include <string.h>

#include "captioner/train/train_reader_run.h"
#include "src/base/rng.h"
#include "src/nn/loss.h"

/* Streams of random numbers under the seed, away from those of other users; validation has an epoch of its
 * own, which no run reaches. */
#define MASK_STREAM ((uint64_t)0x6d61736b << 32)
enum { VAL_EPOCH = CAP_MOST_EPOCHS + 1, LINE_BITS = 16 };

static err_code open_masked(cap_run *r, error *err)
{
    err_code code = cap_reader_read(r, false, err);
    if (!code) code = cap_reader_begin(r, NULL, 0, err);
    if (!code) cap_reader_tell_start(r);
    return code;
}

/* ---- masking ---- */

/* What is to be told: where in the batch, and the pieces that belong there. */
typedef struct masks {
    int32_t *place, *piece; /* [count] */
    int count;
} masks;

/* Whatever is read in the place of a piece that is to be told. */
static int32_t disguise(const ds_wordpiece *w, rng *draw, int32_t piece)
{
    double chance = rng_uniform(draw);
    if (chance < 0.8) return ds_wordpiece_special(w, DS_WP_MASK);
    return chance < 0.9 ? (int32_t)rng_below(draw, (uint32_t)ds_wordpiece_size(w)) : piece;
}

static void mask_place(const ds_wordpiece *w, rng *draw, const ds_source_batch *b, int row, int column,
                       masks *m)
{
    int place = row * b->max_len + column;
    m->place[m->count] = place;
    m->piece[m->count++] = b->tokens[place];
    b->tokens[place] = disguise(w, draw, b->tokens[place]);
}

/* The draws of a line depend on seed, epoch and line alone, whatever batch it is in. */
static void mask_line(const cap_run *r, const ds_source_batch *b, int row, int32_t line, int64_t epoch,
                      masks *m)
{
    const ds_wordpiece *w = cap_reader_of(r)->model->pieces;
    rng draw = {
        .seed = r->s->seed, .stream = MASK_STREAM | (uint64_t)epoch, .index = (uint64_t)line << LINE_BITS};
    for (int i = 1; i < b->length[row] - 1; i++)
        if (rng_uniform(&draw) < cap_reader_asked(r)->mask_share) mask_place(w, &draw, b, row, i, m);
}

/* A batch where the draws left everything as it is has something to tell all the same, if there is a piece.
 * */
static void mask_something(const cap_run *r, const ds_source_batch *b, masks *m)
{
    rng draw = {.seed = r->s->seed, .stream = MASK_STREAM, .index = UINT64_MAX >> 1};
    for (int row = 0; !m->count && row < b->rows; row++)
        if (b->length[row] > 2) mask_place(cap_reader_of(r)->model->pieces, &draw, b, row, 1, m);
}

/* False: memory is out. Without any piece in the batch what is told is its first [CLS]. */
static bool mask_batch(cap_run *r, const ds_source_batch *b, const int32_t *which, int64_t epoch, masks *m)
{
    size_t most = (size_t)b->rows * (size_t)b->max_len;
    m->count = 0;
    m->place = nn_scratch(&r->tape, most * sizeof *m->place);
    m->piece = nn_scratch(&r->tape, most * sizeof *m->piece);
    if (r->tape.failed) return false;
    for (int row = 0; row < b->rows; row++) mask_line(r, b, row, which[row], epoch, m);
    mask_something(r, b, m);
    if (m->count) return true;
    m->place[m->count] = 0;
    m->piece[m->count++] = b->tokens[0];
    return true;
}

static nn_var *masked_loss(cap_run *r, const ds_source_batch *lines, const int32_t *which, int64_t epoch,
                           nn_loss_info *info)
{
    const cap_bert_net *n = &cap_reader_of(r)->model->net;
    masks m;
    if (!mask_batch(r, lines, which, epoch, &m)) return NULL;
    nn_var *states = cap_bert_states(&r->tape, n, lines, NULL);
    nn_var *logits = cap_bert_words(&r->tape, n, states, m.place, m.count);
    return nn_cross_entropy(&r->tape, logits, m.piece, -1, 0, info);
}

static nn_var *loss(cap_run *r, cap_counts *counts, error *err)
{
    const int32_t *which;
    ds_source_batch lines;
    nn_loss_info info = {0};
    if (cap_reader_batch(r, &which, &lines, err)) return NULL;
    nn_var *loss = masked_loss(r, &lines, which, r->at.epoch, &info);
    *counts = (cap_counts){.judged = info.count, .hits = info.hits, .nll = info.nll};
    return loss;
}

/* ---- validation ---- */

static err_code judge(cap_run *r, const int32_t *which, const ds_source_batch *lines, double *nll, error *err)
{
    cap_reader_data *d = cap_reader_of(r);
    nn_loss_info info = {0};
    if (!masked_loss(r, lines, which, VAL_EPOCH, &info)) return err_no_memory(err, "while validating");
    *nll += info.nll;
    d->judged += info.count;
    d->hits += info.hits;
    return ERR_OK;
}

static err_code validate(cap_run *r, cap_epoch *e, error *err)
{
    cap_reader_data *d = cap_reader_of(r);
    double nll;
    d->judged = d->hits = 0;
    err_code code = cap_reader_judge(r, judge, &nll, err);
    if (code) return code;
    e->val_loss = nll / (double)d->judged;
    e->goodness = -e->val_loss;
    e->validated = true;
    return ERR_OK;
}

static double accuracy(const cap_run *r)
{
    return (double)cap_reader_of(r)->hits / (double)cap_reader_of(r)->judged;
}

static void tell(const cap_run *r, const cap_epoch *e, text *line)
{
    text_printf(line, "loss %.3f, perplexity %.2f of masked pieces, %.2f %% of them told right", e->val_loss,
                exp(e->val_loss), 100 * accuracy(r));
}

static void scores(const cap_run *r, const cap_epoch *e, io_json_build *b, json_t *o)
{
    io_json_put_int(b, o, "masked", cap_reader_of(r)->judged);
    io_json_put_number(b, o, "loss", e->val_loss);
    io_json_put_number(b, o, "perplexity", exp(e->val_loss));
    io_json_put_number(b, o, "accuracy", accuracy(r));
}

const cap_task cap_task_masked = {.name = "masked words",
                                  .unit = "lines",
                                  .data_bytes = sizeof(cap_reader_data),
                                  .check = cap_reader_check,
                                  .open = open_masked,
                                  .introduce = cap_reader_introduce,
                                  .close = cap_reader_close,
                                  .count = cap_reader_count,
                                  .begin = cap_reader_plan,
                                  .loss = loss,
                                  .validate = validate,
                                  .tell = tell,
                                  .scores = scores,
                                  .settings = cap_reader_put_settings,
                                  .save = cap_reader_save};
