/* Telling classes of lines with a reader (captioner/net/bert.h). */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/net/bert.h"
#include "captioner/session.h"

#include "src/base/bounds.h"
#include "src/nn/loss.h"

/* Lines that go through the net together; their padding costs as much as what they hold. */
enum { BATCH = 32 };

/* What classifiers share; the last one closes it. */
typedef struct weights {
    cap_bert *model;
    atomic_int users;
} weights;

struct cap_classifier {
    weights *shared;
    const cap_bert *model; /* of `shared` */
    pool *threads;
    arena memory, lists; /* of a pass, of a call */
    nn_tape tape;
};

void cap_verdict_release(cap_verdict *v)
{
    cap_result_release(&v->memory);
    *v = (cap_verdict){0};
}

/* ---- opening ---- */

static err_code open_weights(const char *path, cap_precision precision, weights **out, error *err)
{
    if (!path)
        return err_set(err, ERR_ARGUMENT, "no model that tells classes is named, and none is built in");
    if (precision < 0 || precision >= CAP_PRECISIONS)
        return err_set(err, ERR_ARGUMENT, "there is no precision %d", (int)precision);
    cap_packing packing = cap_packing_of_texts(precision);
    weights *w = *out = calloc(1, sizeof *w);
    err_code code = w ? cap_bert_open(path, &packing, &w->model, err) : err_no_memory(err, "for a model");
    if (!code && !w->model->labels.count)
        code = err_set(
            err, ERR_MISMATCH,
            "'%.300s' fills in words and tells no classes: 'caption train --classify' starts from it with "
            "--init",
            path);
    if (!code) return ERR_OK;
    if (w) cap_bert_close(&w->model);
    free(w);
    *out = NULL;
    return code;
}

static void leave(weights *w)
{
    if (!w || atomic_fetch_sub(&w->users, 1) > 1) return;
    cap_bert_close(&w->model);
    free(w);
}

/* One more user of the weights. */
static err_code create(weights *w, int threads, cap_classifier **out, error *err)
{
    *out = NULL;
    atomic_fetch_add(&w->users, 1);
    cap_classifier *c = threads < 0 ? NULL : calloc(1, sizeof *c);
    if (c) c->threads = pool_create(threads);
    if (!c || !c->threads) {
        free(c);
        leave(w);
        return threads < 0 ? err_set(err, ERR_ARGUMENT, "%d threads are not possible", threads)
                           : err_no_memory(err, "or threads");
    }
    c->shared = w;
    c->model = w->model;
    c->tape = (nn_tape){.mem = &c->memory, .threads = c->threads};
    *out = c;
    return ERR_OK;
}

cap_code cap_classifier_open(const char *path, cap_precision precision, int threads, cap_classifier **out,
                             cap_error *err)
{
    weights *w = NULL;
    *out = NULL;
    err_code code = open_weights(path, precision, &w, err);
    return w ? create(w, threads, out, err) : code;
}

cap_code cap_classifier_share(const cap_classifier *c, int threads, cap_classifier **out, cap_error *err)
{
    return create(c->shared, threads, out, err);
}

void cap_classifier_close(cap_classifier **cp)
{
    cap_classifier *c = cp ? *cp : NULL;
    if (!c) return;
    leave(c->shared);
    pool_free(&c->threads);
    arena_release(&c->memory);
    arena_release(&c->lists);
    free(c);
    *cp = NULL;
}

int cap_classifier_labels(const cap_classifier *c)
{
    return c->model->labels.count;
}

const char *cap_classifier_label(const cap_classifier *c, int index)
{
    return index < 0 || index >= c->model->labels.count ? NULL : c->model->labels.list[index];
}

/* ---- lines ---- */

typedef struct read_line {
    int32_t *ids, count;
    int at; /* which line it is */
} read_line;

/* Its pieces, none where there is a reason. */
static err_code read_pieces(cap_classifier *c, const char *line, read_line *l, error *reason, error *err)
{
    size_t fault;
    int most = c->model->net.set.body.positions;
    if (!text_utf8_valid(line, strlen(line), &fault)) {
        err_set(reason, ERR_FORMAT, "not UTF-8 (byte %zu)", fault + 1);
        return ERR_OK;
    }
    err_code code = ds_wordpiece_encode(c->model->pieces, line, &c->lists, &l->ids, &l->count, err);
    if (!code && l->count > most)
        err_set(reason, ERR_LIMIT, "%d pieces are too many, the model has %d positions", (int)l->count, most);
    return code;
}

static int by_count(const void *a, const void *b)
{
    const read_line *x = a, *y = b;
    return x->count != y->count ? (x->count > y->count) - (x->count < y->count)
                                : (x->at > y->at) - (x->at < y->at);
}

static bool lay_out(const read_line *list, int count, arena *memory, ds_source_batch *b)
{
    b->rows = count;
    b->max_len = list[count - 1].count; /* they are sorted */
    b->length = arena_array(memory, (size_t)count, sizeof *b->length);
    b->tokens = arena_array(memory, (size_t)count * (size_t)b->max_len, sizeof *b->tokens);
    for (int i = 0; b->length && b->tokens && i < count; i++) {
        b->length[i] = list[i].count;
        memcpy(b->tokens + (size_t)i * (size_t)b->max_len, list[i].ids,
               (size_t)list[i].count * sizeof *list[i].ids);
    }
    return b->length && b->tokens;
}

/* ---- verdicts ---- */

/* The row of [CLS] of every head, from alpha [M,H,L,L], or [M,L,L] with one head. */
static bool take_attention(const nn_var *alpha, int row, int heads, arena *memory, cap_verdict *v)
{
    size_t l = (size_t)nn_last(alpha), pieces = (size_t)v->pieces;
    v->heads = heads;
    v->attention = arena_array(memory, (size_t)heads * pieces, sizeof *v->attention);
    for (size_t h = 0; v->attention && h < (size_t)heads; h++)
        memcpy(v->attention + h * pieces, alpha->data + ((size_t)row * (size_t)heads + h) * l * l,
               pieces * sizeof *v->attention);
    return v->attention;
}

static bool take_verdict(const cap_bert *m, const read_line *l, const real *logits, arena *memory,
                         cap_verdict *v)
{
    int labels = m->labels.count;
    v->pieces = l->count;
    v->probability = arena_array(memory, (size_t)labels, sizeof *v->probability);
    v->piece = arena_array(memory, (size_t)l->count, sizeof *v->piece);
    if (!v->probability || !v->piece) return false;
    nn_softmax_rows(v->probability, logits, 1, labels);
    for (int i = 1; i < labels; i++)
        if (v->probability[i] > v->probability[v->label]) v->label = i;
    for (int i = 0; i < l->count; i++) {
        v->piece[i] = arena_strdup(memory, ds_wordpiece_piece(m->pieces, l->ids[i]));
        if (!v->piece[i]) return false;
    }
    return true;
}

static err_code tell_batch(cap_classifier *c, const read_line *list, int count, bool attention,
                           cap_verdict *out, error *err)
{
    const cap_bert *m = c->model;
    ds_source_batch b;
    nn_begin(&c->tape);
    nn_var *alpha = NULL;
    bool ok = lay_out(list, count, &c->lists, &b);
    nn_var *states = ok ? cap_bert_states(&c->tape, &m->net, &b, attention ? &alpha : NULL) : NULL;
    nn_var *logits = cap_bert_classes(&c->tape, &m->net, states, b.length);
    for (int i = 0; logits && ok && i < count; i++) {
        cap_verdict *v = &out[list[i].at];
        arena *memory = cap_result_memory(&v->memory);
        ok = memory &&
             take_verdict(m, &list[i], logits->data + (size_t)i * (size_t)m->labels.count, memory, v);
        if (ok && attention) ok = take_attention(alpha, i, m->net.set.body.heads, memory, v);
    }
    return ok && logits ? ERR_OK : err_no_memory(err, "while reading lines");
}

cap_code cap_classify(cap_classifier *c, const char *const *line, int count, bool attention, cap_verdict *out,
                      cap_error *reason, cap_error *err)
{
    arena_reset(&c->lists);
    read_line *list = arena_array(&c->lists, (size_t)count, sizeof *list);
    err_code code = list ? ERR_OK : err_no_memory(err, "while reading lines");
    int good = 0;
    for (int i = 0; i < count; i++) {
        out[i] = (cap_verdict){0};
        reason[i] = (error){0};
    }
    for (int i = 0; !code && i < count; i++) {
        list[good].at = i;
        code = read_pieces(c, line[i], &list[good], &reason[i], err);
        good += !reason[i].code;
    }
    if (!code) qsort(list, (size_t)good, sizeof *list, by_count);
    for (int i = 0; !code && i < good; i += BATCH)
        code = tell_batch(c, list + i, min_int(BATCH, good - i), attention, out, err);
    for (int i = 0; code && i < count; i++) cap_verdict_release(&out[i]);
    return code;
}
