/* Making an n-gram model: texts in, counts, a model out. It is made at once: there is nothing to resume. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "captioner/net/no_encoder.h"
#include "captioner/train/ngram_learn.h"
#include "captioner/train/task.h"
#include "captioner/train/train_language.h"

typedef struct job {
    const cap_train_settings *s;
    const cap_train_events *events;
    cap_language_texts texts;
    cap_model *model;
    cap_ngram_report report;
    double nll;                /* of the texts to validate on: the sum of -ln p over what is possible ... */
    int64_t words, impossible; /* ... and so many words, ends of texts among them */
} job;

static void say(const job *j, const text *line)
{
    if (line->length && !line->failed && j->events && j->events->say)
        j->events->say(j->events->ctx, text_string(line));
}

static err_code check(const cap_train_settings *s, error *err)
{
    if (s->run.resume)
        return err_set(err, ERR_ARGUMENT, "n-grams are counted at once: there is nothing to resume");
    if (s->init)
        return err_set(err, ERR_ARGUMENT,
                       "n-grams are counted anew: they cannot start from a model (--init)");
    return cap_language_check(&s->language, err);
}

static err_code make_model(job *j, error *err)
{
    cap_model_form form = {.encoder = cap_encoder_defaults_of(&cap_encoder_none), .decoder = j->s->decoder};
    err_code code = cap_language_codec(&j->s->language, j->s->min_count, &j->texts, &form.target, err);
    if (!code) code = cap_model_create(&form, j->s->run.seed, &j->model, err);
    if (code) cap_model_form_release(&form);
    return code;
}

static err_code count(job *j, error *err)
{
    cap_decoder *d = &j->model->decoder;
    err_code code = cap_language_encode(j->model->target, &j->texts.train, err);
    if (code) return code;
    return cap_ngram_learn(&j->texts.train.encoded, d->config.vocabulary, cap_ngram_settings_of(&d->config),
                           cap_ngram_of(d), &j->report, err);
}

/* ---- the texts to validate on ---- */

static void judge_text(job *j, const int32_t *word, int64_t words)
{
    const cap_ngram *m = cap_ngram_of(&j->model->decoder);
    cap_ngram_state s = {0};
    cap_ngram_say(m, &s, DS_START);
    for (int64_t i = 0; i <= words; i++) {
        double log_p = cap_ngram_say(m, &s, i < words ? word[i] : DS_END);
        j->words++;
        j->impossible += !isfinite(log_p);
        if (isfinite(log_p)) j->nll -= log_p;
    }
}

static err_code validate(job *j, error *err)
{
    if (!j->texts.has_val) return ERR_OK;
    err_code code = cap_language_encode(j->model->target, &j->texts.val, err);
    const ds_encoded *e = &j->texts.val.encoded;
    for (int32_t i = 0; !code && i < e->captions; i++)
        judge_text(j, e->words + e->first[i], e->first[i + 1] - e->first[i]);
    return code;
}

/* ---- what is said, and the record ---- */

static void tell_validation(const job *j)
{
    text line = {0};
    text_printf(&line, "%d texts to validate on: ", j->texts.val.texts.count);
    if (j->impossible)
        text_printf(&line, "%lld of their %lld words are impossible", (long long)j->impossible,
                    (long long)j->words);
    else
        text_printf(&line, "perplexity %.3f", exp(j->nll / (double)j->words));
    say(j, &line);
    text_release(&line);
}

static void record_validation(const job *j, io_json_build *b)
{
    json_t *o = io_json_put_object(b, b->root, "validation");
    io_json_put_int(b, o, "texts", j->texts.val.texts.count);
    io_json_put_int(b, o, "impossible", j->impossible);
    if (j->impossible) return;
    io_json_put_number(b, o, "loss", j->nll / (double)j->words);
    io_json_put_number(b, o, "perplexity", exp(j->nll / (double)j->words));
}

static void introduce(job *j)
{
    const cap_ngram *m = cap_ngram_of(&j->model->decoder);
    const ds_encoded *e = &j->texts.train.encoded;
    text line = {0};
    text_printf(&line, "%d texts, %lld %s, %.2f %% of them unknown; n-grams of 1 to %d:", e->captions,
                (long long)e->first[e->captions],
                ds_codec_level(j->model->target) == DS_WORD ? "words" : "characters or pieces",
                100 * (double)e->unknown / (double)e->first[e->captions], m->order);
    for (int k = 0; k < m->order; k++) text_printf(&line, " %d", (int)m->level[k].count);
    say(j, &line);
    text_clear(&line);
    for (int k = 0; k < m->order; k++)
        if (j->report.fallen_back[k]) text_printf(&line, "%s%d", line.length ? ", " : "", k + 1);
    if (line.length) {
        text whole = {0};
        text_printf(&whole, "discounts of n-grams of %s cannot be estimated: 0.5, 1 and 1.5 are taken",
                    text_string(&line));
        say(j, &whole);
        text_release(&whole);
    }
    text_release(&line);
}

static err_code record(const job *j, error *err)
{
    const cap_train_settings *s = j->s;
    const cap_ngram *m = cap_ngram_of(&j->model->decoder);
    const cap_ngram_settings *set = cap_ngram_settings_of(&j->model->decoder.config);
    io_json_build b = {.root = json_incref(j->model->record)};
    json_t *done = NULL;
    if (s->licence) io_json_put_string(&b, b.root, "licence", s->licence);
    json_t *training = io_json_put_object(&b, b.root, "training");
    io_json_put_string(&b, training, "text_file", cap_run_base_name(s->language.text));
    io_json_put_int(&b, training, "texts", j->texts.train.texts.count);
    json_t *list = io_json_put_array(&b, training, "ngrams");
    for (int k = 0; k < m->order; k++) io_json_put_int(&b, list, NULL, m->level[k].count);
    list = set->smoothing == CAP_SMOOTH_NONE ? NULL : io_json_put_array(&b, training, "discounts");
    for (int k = 0; list && k < m->order; k++)
        for (int i = 0; i < 3; i++) io_json_put_number(&b, list, NULL, j->report.discount[k][i]);
    if (s->run.command) io_json_put_string(&b, b.root, "command", s->run.command);
    if (j->texts.has_val) record_validation(j, &b);
    err_code code = io_json_done(&b, "the model's record", &done, err);
    json_decref(done);
    return code;
}

/* ---- the way through ---- */

static err_code make(job *j, error *err)
{
    text note = {0};
    err_code code = cap_language_read(&j->s->language, j->s->run.seed, &j->texts, &note, err);
    if (!code) say(j, &note);
    text_release(&note);
    if (!code) code = make_model(j, err);
    if (!code) code = count(j, err);
    if (!code) code = validate(j, err);
    if (code) return code;
    introduce(j);
    if (j->texts.has_val) tell_validation(j);
    return record(j, err);
}

/* What an earlier run left beside the model belongs to it. */
static err_code save(const job *j, cap_train_files *files, error *err)
{
    err_code code = cap_model_save(j->model, j->s->run.out, IO_F32, err);
    if (!code) unlink(files->state);
    return code ? code : cap_train_files_own(files, err);
}

err_code cap_train_ngram(const cap_train_settings *s, const cap_train_events *events, error *err)
{
    job j = {.s = s, .events = events};
    cap_train_files files = {0};
    err_code code = check(s, err);
    if (!code)
        code = cap_train_files_open(&files, s->run.out, s->run.force ? CAP_BEGIN_OVER : CAP_BEGIN, err);
    if (!code) code = make(&j, err);
    if (!code) code = save(&j, &files, err);
    cap_train_files_close(&files);
    cap_model_close(&j.model);
    cap_language_release(&j.texts);
    return code;
}
