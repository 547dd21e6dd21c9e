/* The task of learning a language model: a decoder that reads nothing predicts texts. */
#include "captioner/train/train_language.h"

#include <math.h>
#include <stdlib.h>

#include "captioner/net/no_encoder.h"
#include "captioner/search/search.h"
#include "captioner/train/train_init.h"
#include "captioner/train/train_sentences.h"

/* Texts of a validation batch; samples of an epoch, and words of a text that a sample begins with. */
enum { LINES = 64, SAMPLES = 3, FIRST_WORDS = 2 };

typedef struct language_data {
    cap_sentences sentences;
    cap_language_texts texts;
} language_data;

static language_data *data_of(const cap_run *r)
{
    return r->data;
}

static err_code check(const void *asked_for, const cap_run_settings *run, error *err)
{
    const cap_train_settings *s = asked_for;
    err_code code = cap_language_check(&s->language, err);
    (void)run;
    if (!code && s->best_by != CAP_BEST_LOSS)
        code = err_set(err, ERR_ARGUMENT, "language models are judged by their loss alone");
    return code ? code : cap_sentences_check(s, err);
}

/* ---- opening ---- */

static err_code make_model(cap_run *r, const cap_model *from, error *err)
{
    cap_model_form form = {.encoder = cap_encoder_defaults_of(&cap_encoder_none),
                           .decoder = asked(r)->decoder};
    ds_codec *found = NULL;
    err_code code =
        cap_language_codec(&asked(r)->language, asked(r)->min_count, &data_of(r)->texts, &found, err);
    if (!code) code = cap_init_codec(from ? from->target : NULL, found, &form.target, err);
    if (!code) code = cap_model_create(&form, r->s->seed, &data_of(r)->sentences.model, err);
    if (!code) return from ? cap_init_weights(from, data_of(r)->sentences.model, err) : ERR_OK;
    cap_model_form_release(&form);
    return code;
}

/* One text of 10,000 words would make its whole batch that long. Cutting it would teach to stop early. */
static err_code leave_out_long(cap_run *r, error *err)
{
    cap_language_split *s = &data_of(r)->texts.train;
    int most = asked(r)->max_words;
    int32_t kept = 0, count = s->texts.count;
    for (int32_t i = 0; i < count; i++)
        if (!most || s->encoded.first[i + 1] - s->encoded.first[i] <= most)
            s->texts.line[kept++] = s->texts.line[i];
    if (kept == count) return ERR_OK;
    if (!kept)
        return err_set(err, ERR_ARGUMENT, "every text is longer than %d words; a larger --max-words helps",
                       most);
    cap_run_say(r, "%d texts over %d words are left out (--max-words)", (int)(count - kept), most);
    s->texts.count = kept;
    return cap_language_encode(model_of(r)->target, s, err);
}

static err_code read_texts(cap_run *r, error *err)
{
    text note = {0};
    err_code code = cap_language_read(&asked(r)->language, r->s->seed, &data_of(r)->texts, &note, err);
    if (!code && note.length && !note.failed) cap_run_say(r, "%s", text_string(&note));
    text_release(&note);
    return code;
}

static err_code open_texts(cap_run *r, error *err)
{
    language_data *d = data_of(r);
    err_code code;
    cap_sentences_begin(r);
    if ((code = read_texts(r, err)) || (code = cap_sentences_make(r, make_model, err)) ||
        (code = cap_language_encode(model_of(r)->target, &d->texts.train, err)) ||
        (code = leave_out_long(r, err)))
        return code;
    r->has_val = d->texts.has_val;
    if (r->has_val && (code = cap_language_encode(model_of(r)->target, &d->texts.val, err))) return code;
    d->sentences.targets = &d->texts.train.encoded;
    d->sentences.s.per_image = 0;
    return cap_sentences_ready(r, err);
}

static void close_texts(cap_run *r)
{
    cap_language_release(&data_of(r)->texts);
    cap_sentences_close(r);
}

static void introduce(const cap_run *r, text *line)
{
    const language_data *d = data_of(r);
    const ds_encoded *e = &d->texts.train.encoded;
    text_printf(line, "%d texts", d->texts.train.texts.count);
    if (r->has_val) text_printf(line, ", %d to validate on", d->texts.val.texts.count);
    text_printf(line, "; %lld words of %d, %.2f %% of them unknown; %zu weights",
                (long long)e->first[e->captions], (int)ds_vocab_size(cap_model_vocab(model_of(r))),
                100 * (double)e->unknown / (double)e->first[e->captions],
                nn_params_learned(&model_of(r)->params));
}

/* ---- steps ---- */

static cap_encoded encode(cap_run *r, const ds_batch *b, error *err)
{
    (void)r;
    (void)err;
    return (cap_encoded){.memories = b->images};
}

static nn_var *loss(cap_run *r, cap_counts *counts, error *err)
{
    return cap_sentences_loss(r, encode, counts, err);
}

/* ---- validating ---- */

static err_code add_loss(cap_run *r, const ds_plan *plan, int batch, nn_loss_info *sum, error *err)
{
    ds_batch b;
    cap_loss_options plain = {0};
    nn_loss_info info = {0};
    arena_reset(&r->step_memory);
    err_code code = ds_plan_batch(plan, batch, &r->step_memory, &b, err);
    if (code) return code;
    nn_begin(&r->tape);
    cap_encoded nothing = encode(r, &b, err);
    cap_memory m = cap_decoder_remember(&r->tape, &model_of(r)->decoder, &nothing);
    if (!cap_decoder_loss(&r->tape, &model_of(r)->decoder, &m, &b, &plain, &info))
        return err_no_memory(err, "while validating");
    sum->nll += info.nll;
    sum->count += info.count;
    return ERR_OK;
}

static err_code measure_loss(cap_run *r, cap_epoch *e, error *err)
{
    ds_plan *plan = NULL;
    ds_plan_settings p = {.batch = LINES, .seed = r->s->seed};
    nn_loss_info sum = {0};
    err_code code = ds_plan_create(&data_of(r)->texts.val.encoded, &p, &plan, err);
    int batches = code ? 0 : ds_plan_batches(plan);
    if (!code) code = cap_run_validated(r, "batches", 0, batches, err);
    for (int i = 0; i < batches && !code; i++) {
        code = add_loss(r, plan, i, &sum, err);
        if (!code) code = cap_run_validated(r, "batches", i + 1, batches, err);
    }
    ds_plan_free(&plan);
    e->val_loss = sum.nll / sum.count;
    return code;
}

/* The first words of text i, and what the model finds likeliest behind them. */
static err_code add_sample(cap_run *r, cap_epoch *e, int32_t i, arena *kept, error *err)
{
    const ds_encoded *v = &data_of(r)->texts.val.encoded;
    int32_t words = (int32_t)(v->first[i + 1] - v->first[i]);
    cap_search_options o = cap_search_defaults();
    arena results = {0};
    cap_hypothesis best;
    text before = {0}, after = {0};
    o.beam = 1;
    o.no_repeat = 0;
    o.begin = v->words + v->first[i];
    o.begins = words < FIRST_WORDS ? words : FIRST_WORDS;
    nn_begin(&r->tape);
    cap_memory m = cap_decoder_remember(&r->tape, &model_of(r)->decoder, &(cap_encoded){.memories = 1});
    err_code code = cap_search(&r->tape, &model_of(r)->decoder, &m, &o, &results, &best, err);
    if (code == ERR_FORMAT) code = cap_run_diverged(r, "what the model computes", err);
    if (!code) cap_model_sentence(model_of(r), o.begin, o.begins, &before);
    if (!code) cap_model_sentence(model_of(r), best.word, best.words, &after);
    if (!code && (before.failed || after.failed)) code = err_no_memory(err, "while validating");
    if (!code) {
        e->sample_input[e->samples] = arena_strdup(kept, text_string(&before));
        e->sample_output[e->samples++] = arena_strdup(kept, text_string(&after));
    }
    text_release(&before);
    text_release(&after);
    arena_release(&results);
    return code;
}

static err_code validate(cap_run *r, cap_epoch *e, error *err)
{
    const ds_texts *t = &data_of(r)->texts.val.texts;
    err_code code = measure_loss(r, e, err);
    e->goodness = -e->val_loss;
    e->validated = !code;
    arena_reset(&r->step_memory);
    for (int32_t i = 0; i < SAMPLES && i < t->count && !code; i++)
        code = add_sample(r, e, i, &r->step_memory, err);
    return code;
}

static void tell(const cap_run *r, const cap_epoch *e, text *line)
{
    (void)r;
    text_printf(line, "loss %.3f, perplexity %.3f", e->val_loss, exp(e->val_loss));
}

static void scores(const cap_run *r, const cap_epoch *e, io_json_build *b, json_t *o)
{
    io_json_put_int(b, o, "texts", data_of(r)->texts.val.texts.count);
    io_json_put_number(b, o, "loss", e->val_loss);
    io_json_put_number(b, o, "perplexity", exp(e->val_loss));
}

static void sample(const cap_epoch *e, int i, io_json_build *b, json_t *o)
{
    io_json_put_string(b, o, "beginning", e->sample_input[i]);
    io_json_put_string(b, o, "completion", e->sample_output[i] ? e->sample_output[i] : "");
}

/* ---- settings and record ---- */

static void settings(const cap_run *r, io_json_build *b, json_t *o)
{
    const language_data *d = data_of(r);
    cap_sentences_settings(r, b, o);
    cap_run_put_hash(b, o, "contents of the training texts",
                     cap_sentences_hash(&d->texts.train.encoded, hash_bytes("", 0, 1)));
    if (r->has_val)
        cap_run_put_hash(b, o, "contents of the validation texts",
                         cap_sentences_hash(&d->texts.val.encoded, hash_bytes("", 0, 1)));
    else
        io_json_put_string(b, o, "contents of the validation texts", "none");
    cap_sentences_judging(r, b, o);
}

static void record(const cap_run *r, io_json_build *b, json_t *training)
{
    io_json_put_string(b, training, "text_file", cap_run_base_name(asked(r)->language.text));
    io_json_put_int(b, training, "texts", data_of(r)->texts.train.texts.count);
}

static err_code save(cap_run *r, const cap_epoch *e, error *err)
{
    return cap_sentences_save(r, e, record, err);
}

const cap_task cap_task_language = {.name = "language",
                                    .unit = "texts",
                                    .between = " ... ",
                                    .data_bytes = sizeof(language_data),
                                    .check = check,
                                    .open = open_texts,
                                    .introduce = introduce,
                                    .close = close_texts,
                                    .count = cap_sentences_count,
                                    .begin = cap_sentences_plan,
                                    .loss = loss,
                                    .validate = validate,
                                    .tell = tell,
                                    .scores = scores,
                                    .sample = sample,
                                    .settings = settings,
                                    .save = save};
