/* caption eval --text: how well a language model predicts texts that others wrote. */
#include <math.h>
#include <stdio.h>

#include "datasets/texts.h"
#include "src/base/bounds.h"
#include "src/io/json_build.h"
#include "tools/eval.h"
#include "tools/print.h"
#include "tools/progress.h"
#include "tools/verbs.h"

enum { GROUP = 4096 }; /* lines at once: sorted by length within */

static err_code run(eval_request *q, const ds_texts *texts, cap_measured *sums, error *err)
{
    int32_t count = q->limit && q->limit < texts->count ? q->limit : texts->count;
    err_code code = ERR_OK;
    ui_progress bar = {.label = "measuring", .unit = "lines", .total = count, .quiet = q->quiet};
    ui_progress_start(&bar);
    for (int32_t at = 0; at < count && !code; at += GROUP) {
        int n = min_int(GROUP, count - at);
        error reason = {0};
        code = cap_measure(q->use.session, texts->line + at, n, sums, &reason);
        if (code)
            err_set(err, code, "'%.200s', lines %d to %d: %s", q->text, (int)at + 1, (int)at + n,
                    reason.text);
        ui_progress_update(&bar, at + n, NULL);
    }
    if (code)
        ui_progress_clear(&bar);
    else
        ui_progress_finish(&bar);
    return code;
}

typedef struct figures {
    double perplexity,
        known_perplexity; /* a word; of the known ones; infinite where something is impossible */
    double bits;          /* a character */
    double unknown;       /* share of the words, ends of lines not counted */
} figures;

static figures figures_of(const cap_measured *m)
{
    double words = (double)m->words, known = (double)(m->words - m->unknown),
           inner = (double)(m->words - m->lines);
    figures f = {.perplexity = exp(-m->log_probability / words),
                 .known_perplexity = exp(-m->log_probability_known / known),
                 .bits = -m->log_probability / log(2) / (double)m->characters,
                 .unknown = (double)m->unknown / inner};
    if (m->impossible) f.perplexity = f.known_perplexity = f.bits = INFINITY;
    return f;
}

static void put_finite(io_json_build *b, const char *key, double value)
{
    if (isfinite(value))
        io_json_put_number(b, b->root, key, value);
    else
        io_json_put_null(b, b->root, key);
}

static bool print_json(const cap_measured *m, const figures *f)
{
    io_json_build b = io_json_build_object();
    io_json_put_int(&b, b.root, "lines", m->lines);
    io_json_put_int(&b, b.root, "words", m->words);
    io_json_put_int(&b, b.root, "unknown", m->unknown);
    io_json_put_int(&b, b.root, "impossible", m->impossible);
    io_json_put_int(&b, b.root, "characters", m->characters);
    io_json_put_number(&b, b.root, "log_probability", m->log_probability);
    put_finite(&b, "perplexity", f->perplexity);
    put_finite(&b, "perplexity_of_known", f->known_perplexity);
    put_finite(&b, "bits_per_character", f->bits);
    put_finite(&b, "unknown_rate", f->unknown);
    return print_json_built(stdout, &b);
}

static void print_figures(const cap_measured *m, const figures *f)
{
    printf("perplexity   %10.4f   of %lld words, the ends of %lld lines among them\n", f->perplexity,
           (long long)m->words, (long long)m->lines);
    printf("of known     %10.4f   without those that the model does not know\n", f->known_perplexity);
    printf("bits         %10.4f   a character\n", f->bits);
    printf("unknown      %10.4f   %% of the words, %lld of them\n", 100 * f->unknown, (long long)m->unknown);
    if (m->impossible)
        printf("impossible   %10lld   words that the model takes for impossible\n", (long long)m->impossible);
}

int eval_language(eval_request *q)
{
    ds_texts texts = {0};
    cap_measured sums = {0};
    error err = {0};
    const cap_request plain = cap_request_defaults(CAP_BEGINNINGS);
    err_code code = ds_texts_read(q->text, &texts, &err);
    if (!code) code = model_use_open(&q->use, CAP_BEGINNINGS, &plain, &err);
    if (!code) code = run(q, &texts, &sums, &err);
    figures f = code ? (figures){0} : figures_of(&sums);
    if (!code && q->json && !print_json(&sums, &f)) code = err_no_memory(&err, "while printing");
    if (!code && !q->json) print_figures(&sums, &f);
    model_use_close(&q->use);
    ds_texts_release(&texts);
    return code ? verb_fail(&err) : VERB_DONE;
}
