/* Validating on texts: the loss of their targets, all lines translated freely, scores and samples. */
#include <math.h>
#include <stdlib.h>

#include "captioner/search/search.h"
#include "captioner/train/train_text.h"

enum { LINES = 64, SAMPLES = 3 };

static const cap_text_split *val_of(const cap_run *r)
{
    return &data_of(r)->val;
}

static err_code no_memory(error *err)
{
    return err_no_memory(err, "while validating");
}

/* The lines which[0..count-1] as the decoder's memory, on a tape begun anew. */
static err_code read_lines(cap_run *r, const int32_t *which, int count, cap_memory *m, error *err)
{
    ds_source_batch in;
    err_code code = ds_sources_batch(&val_of(r)->sources, which, count, &r->step_memory, &in, err);
    if (code) return code;
    nn_begin(&r->tape);
    cap_encoded seen = cap_model_encode_text(&r->tape, model_of(r), &in);
    *m = cap_decoder_remember(&r->tape, &model_of(r)->decoder, &seen);
    return r->tape.failed ? no_memory(err) : ERR_OK;
}

/* ---- loss ---- */

static err_code add_loss(cap_run *r, const ds_plan *plan, int batch, double *nll, double *words, error *err)
{
    ds_batch b;
    cap_memory m;
    arena_reset(&r->step_memory);
    err_code code = ds_plan_batch(plan, batch, &r->step_memory, &b, err);
    if (code || (code = read_lines(r, b.image, b.images, &m, err))) return code;
    cap_loss_options plain = {0};
    nn_loss_info info = {0};
    if (!cap_decoder_loss(&r->tape, &model_of(r)->decoder, &m, &b, &plain, &info)) return no_memory(err);
    *nll += info.nll;
    *words += info.count;
    return ERR_OK;
}

static err_code measure_loss(cap_run *r, cap_epoch *e, error *err)
{
    ds_plan *plan = NULL;
    ds_plan_settings p = {.batch = LINES, .seed = r->s->seed};
    double nll = 0, words = 0;
    err_code code = ds_plan_create(&val_of(r)->targets, &p, &plan, err);
    int batches = code ? 0 : ds_plan_batches(plan);
    for (int i = 0; !code && i < batches; i++) code = add_loss(r, plan, i, &nll, &words, err);
    ds_plan_free(&plan);
    e->val_loss = nll / words;
    return code;
}

/* ---- lines ---- */

typedef struct sized {
    int32_t line, words;
} sized;

static int by_words(const void *a, const void *b)
{
    const sized *x = a, *y = b;
    return x->words != y->words ? (x->words > y->words) - (x->words < y->words)
                                : (x->line > y->line) - (x->line < y->line);
}

/* The first `count` lines, those of similar length together. */
static err_code order_lines(const cap_run *r, int32_t count, arena *lists, int32_t **out, error *err)
{
    const int64_t *first = val_of(r)->sources.first;
    sized *list = arena_array(lists, count, sizeof *list);
    int32_t *order = arena_array(lists, count, sizeof *order);
    if (!list || !order) return no_memory(err);
    for (int32_t i = 0; i < count; i++) list[i] = (sized){i, (int32_t)(first[i + 1] - first[i])};
    qsort(list, count, sizeof *list, by_words);
    for (int32_t i = 0; i < count; i++) order[i] = list[i].line;
    *out = order;
    return ERR_OK;
}

/* said[which[i]] = what the model makes of that line; the texts live in `kept`. */
static err_code translate(cap_run *r, const int32_t *which, int count, const char **said, arena *kept,
                          arena *results, error *err)
{
    cap_search_options o = cap_search_defaults();
    cap_hypothesis best[LINES];
    cap_memory m;
    arena_reset(&r->step_memory);
    arena_reset(results);
    err_code code = read_lines(r, which, count, &m, err);
    o.beam = asked(r)->beam;
    o.no_repeat = 0;
    o.max_words = 2 * m.states + 10;
    if (o.max_words > CAP_MAX_WORDS) o.max_words = CAP_MAX_WORDS;
    if (!code) code = cap_search(&r->tape, &model_of(r)->decoder, &m, &o, results, best, err);
    if (code == ERR_FORMAT) code = cap_run_diverged(r, "what the model computes", err);
    for (int i = 0; !code && i < count; i++) {
        text line = {0};
        cap_model_sentence(model_of(r), best[i].word, best[i].words, &line);
        said[which[i]] = line.failed ? NULL : arena_strdup(kept, text_string(&line));
        if (!said[which[i]]) code = no_memory(err);
        text_release(&line);
    }
    return code;
}

static err_code translate_all(cap_run *r, int32_t count, const char **said, arena *kept, error *err)
{
    arena lists = {0}, results = {0};
    int32_t *order = NULL;
    int all = val_of(r)->pairs.count;
    err_code code = order_lines(r, count, &lists, &order, err);
    if (!code) code = cap_run_validated(r, r->task->unit, 0, all, err);
    for (int32_t at = 0; !code && at < count; at += LINES) {
        int n = count - at < LINES ? count - at : LINES;
        code = translate(r, order + at, n, said, kept, &results, err);
        if (!code) code = cap_run_validated(r, r->task->unit, at + n, all, err);
    }
    arena_release(&lists);
    arena_release(&results);
    return code;
}

static err_code score(const cap_run *r, int32_t count, const char *const *said, error *err)
{
    cap_text_data *d = data_of(r);
    err_code code = ERR_OK;
    d->lines = (cap_text_counts){0};
    for (int32_t i = 0; !code && i < count; i++)
        code = cap_text_add(&d->lines, said[i], &d->val.pairs.target[i], 1, err);
    d->bleu = cap_text_score(&d->lines).score;
    d->exact = (double)d->lines.exact / (double)d->lines.lines;
    return code;
}

static double goodness(const cap_run *r, const cap_epoch *e)
{
    switch (asked(r)->best_by) {
    case CAP_BEST_LOSS:
        return -e->val_loss;
    case CAP_BEST_EXACT:
        return data_of(r)->exact;
    default:
        return data_of(r)->bleu;
    }
}

err_code cap_text_validate(cap_run *r, cap_epoch *e, error *err)
{
    const ds_pairs *p = &val_of(r)->pairs;
    int32_t count = asked(r)->scored && asked(r)->scored < p->count ? asked(r)->scored : p->count;
    arena kept = {0};
    const char **said = arena_array(&kept, count, sizeof *said);
    err_code code = said ? measure_loss(r, e, err) : no_memory(err);
    if (!code) code = translate_all(r, count, said, &kept, err);
    if (!code) code = score(r, count, said, err);
    e->goodness = goodness(r, e);
    e->validated = !code;
    arena_reset(&r->step_memory);
    for (int i = 0; !code && i < SAMPLES && i < count; i++) {
        e->sample_input[i] = p->source[i];
        e->sample_output[i] = arena_strdup(&r->step_memory, said[i]);
        e->samples = i + 1;
    }
    arena_release(&kept);
    return code;
}

/* ---- what is made of it ---- */

void cap_text_tell(const cap_run *r, const cap_epoch *e, text *line)
{
    const cap_text_data *d = data_of(r);
    text_printf(line, "loss %.3f, perplexity %.3f, BLEU %.2f, exact %.2f %%", e->val_loss, exp(e->val_loss),
                d->bleu, 100 * d->exact);
}

void cap_text_scores(const cap_run *r, const cap_epoch *e, io_json_build *b, json_t *o)
{
    io_json_put_int(b, o, "pairs", data_of(r)->lines.lines);
    io_json_put_int(b, o, "beam", asked(r)->beam);
    io_json_put_number(b, o, "bleu", data_of(r)->bleu);
    io_json_put_number(b, o, "exact", data_of(r)->exact);
    io_json_put_number(b, o, "loss", e->val_loss);
}

void cap_text_sample(const cap_epoch *e, int i, io_json_build *b, json_t *o)
{
    io_json_put_string(b, o, "source", e->sample_input[i]);
    io_json_put_string(b, o, "translation", e->sample_output[i] ? e->sample_output[i] : "");
}
