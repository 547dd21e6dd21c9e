/* caption eval --source --target, or --pairs: a model translates, the lines are scored. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/score/text_score.h"
#include "datasets/pairs.h"
#include "src/io/file.h"
#include "tools/eval.h"
#include "tools/print.h"
#include "tools/progress.h"
#include "tools/verbs.h"

enum { GROUP = 256 }; /* lines at once: sorted by length within */

typedef struct evaluation {
    eval_request *q;
    ds_pairs pairs;
    cap_text_counts counts;
    io_writer *results; /* NULL: none asked for */
    int left_out;       /* lines that could not be translated */
    ui_progress bar;
} evaluation;

static err_code open_pairs(const eval_request *q, ds_pairs *pairs, error *err)
{
    ds_pairs_format format = DS_PAIRS_TSV;
    err_code code = q->format ? ds_pairs_format_find(q->format, &format, err) : ERR_OK;
    if (code) return code;
    return q->pairs ? ds_pairs_read(q->pairs, format, pairs, err)
                    : ds_pairs_read_two(q->source, q->target, pairs, err);
}

/* A line that cannot be translated counts as one translated to nothing. */
static err_code take(evaluation *e, int32_t at, const char *translation, const error *reason, error *err)
{
    if (reason->code) {
        ui_progress_clear(&e->bar);
        ui_say("line %lld: %s", (long long)e->pairs.line[at], reason->text);
        e->left_out++;
        translation = "";
    }
    if (e->results) {
        io_writer_write(e->results, translation, strlen(translation), NULL);
        io_writer_write(e->results, "\n", 1, NULL);
    }
    return cap_text_add(&e->counts, translation, &e->pairs.target[at], 1, err);
}

static err_code run_group(evaluation *e, int32_t from, int count, error *err)
{
    cap_translation *out = calloc(GROUP, sizeof *out);
    error *reasons = calloc(GROUP, sizeof *reasons);
    err_code code = out && reasons ? ERR_OK : err_no_memory(err, "while translating");
    if (!code)
        code = cap_translate(e->q->use.session, &e->q->decoding.request, e->pairs.source + from, count, out,
                             reasons, err);
    for (int i = 0; i < count && !code; i++) code = take(e, from + i, out[i].best.sentence, &reasons[i], err);
    for (int i = 0; i < count && out; i++) cap_translation_release(&out[i]);
    free(out);
    free(reasons);
    return code;
}

static err_code run(evaluation *e, error *err)
{
    int32_t count = e->pairs.count;
    err_code code = ERR_OK;
    if (e->q->limit && e->q->limit < count) count = e->q->limit;
    e->bar = (ui_progress){.label = "translating", .unit = "lines", .total = count, .quiet = e->q->quiet};
    ui_progress_start(&e->bar);
    for (int32_t from = 0; from < count && !code; from += GROUP) {
        int32_t end = count - from < GROUP ? count : from + GROUP;
        code = run_group(e, from, (int)(end - from), err);
        ui_progress_update(&e->bar, end, NULL);
    }
    if (code)
        ui_progress_clear(&e->bar);
    else
        ui_progress_finish(&e->bar);
    return code;
}

static err_code open_results(evaluation *e, error *err)
{
    if (!e->q->results_out) return ERR_OK;
    e->results = io_writer_open(e->q->results_out, err);
    return e->results ? ERR_OK : err->code;
}

static void say_notes(const evaluation *e)
{
    if (e->pairs.empty && !e->q->quiet)
        ui_say("%d pairs are left out because a side is empty (the first: line %lld)", (int)e->pairs.empty,
               (long long)e->pairs.first_empty);
}

int eval_translate(eval_request *q)
{
    evaluation e = {.q = q};
    error err = {0};
    err_code code = open_pairs(q, &e.pairs, &err);
    if (!code) say_notes(&e);
    if (!code) code = model_use_open(&q->use, CAP_LINES, &q->decoding.request, &err);
    if (!code) code = open_results(&e, &err);
    if (!code) code = run(&e, &err);
    if (!code && e.results) code = io_writer_close(&e.results, &err);
    if (!code) code = eval_text_report(q, &e.counts, &err);
    io_writer_abort(&e.results);
    model_use_close(&q->use);
    ds_pairs_release(&e.pairs);
    if (code) return verb_fail(&err);
    return e.left_out ? VERB_FAILED : VERB_DONE;
}
