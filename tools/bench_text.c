/* Benchmarks of texts: training the date task (Saito, "Deep Learning from Scratch 2", chapters 7 and 8), on
 * drawn dates of their own lengths and on sequences of one length, as programs without ragged batches see
 * them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/net/lstm_settings.h"
#include "captioner/net/text_encoder.h"
#include "datasets/sources.h"
#include "datasets/vocab.h"
#include "src/base/rng.h"
#include "src/train/optim.h"
#include "tools/bench.h"

/* The textbook's sizes. A step takes the next batch of an epoch of LINES drawn dates. */
enum { BATCH = 128, LINES = 40 * BATCH, LINE = 40 };

/* Of one length: the longest date of the textbook's data, padded; its target is 10 characters and <end>. */
enum { SYMBOLS = 29, STEPS = 11, VOCABULARY = 60 };

typedef struct text_state {
    nn_params params;
    cap_text_encoder encoder;
    cap_decoder decoder;
    optim optim;
    arena memory, data, batch;
    nn_tape tape;
    ds_sources sources;
    ds_encoded targets;
    ds_plan *plan;
    int32_t next;
    bool even; /* all of one length: the one batch below, nothing above */
    ds_source_batch in;
    ds_batch out;
} text_state;

static const char for_dates[] = "for the benchmark of dates";

/* ---- dates ---- */

typedef struct date_line {
    char source[LINE], target[LINE];
} date_line;

/* A date in one of the ways people write it, drawn as in the textbook's data set. */
static void draw_date(rng *r, date_line *out)
{
    static const char *const months[] = {"january",   "february", "march",    "april",
                                         "may",       "june",     "july",     "august",
                                         "september", "october",  "november", "december"};
    static const char *const days[] = {"monday", "tuesday",  "wednesday", "thursday",
                                       "friday", "saturday", "sunday"};
    int year = 1970 + (int)rng_below(r, 50), month = (int)rng_below(r, 12), day = 1 + (int)rng_below(r, 28);
    const char *name = months[month];
    snprintf(out->target, LINE, "%d-%02d-%02d", year, month + 1, day);
    switch (rng_below(r, 4)) {
    case 0:
        snprintf(out->source, LINE, "%d/%d/%02d", month + 1, day, year % 100);
        break;
    case 1:
        snprintf(out->source, LINE, "%.3s %d, %d", name, day, year);
        break;
    case 2:
        snprintf(out->source, LINE, "%s, %s %d, %d", days[rng_below(r, 7)], name, day, year);
        break;
    default:
        snprintf(out->source, LINE, "%s %d, %d", name, day, year);
    }
}

static err_code encode_lines(text_state *s, const char *const *lines, bool targets, int32_t *vocabulary,
                             error *err)
{
    const ds_codec_settings settings = {.level = DS_CHAR, .min_count = 1};
    ds_codec *codec = NULL;
    err_code code = ds_codec_learn(&settings, lines, LINES, &codec, err);
    if (code) return code;
    code = targets ? ds_targets_encode(codec, lines, LINES, &s->data, &s->targets, err)
                   : ds_sources_encode(codec, lines, LINES, 0, &s->data, &s->sources, err);
    *vocabulary = ds_vocab_size(ds_codec_vocab(codec));
    ds_codec_free(&codec);
    return code;
}

static err_code make_data(text_state *s, int32_t *source_vocabulary, int32_t *target_vocabulary, error *err)
{
    rng r = {.seed = 4};
    date_line *drawn = arena_array(&s->data, LINES, sizeof *drawn);
    const char **line = arena_array(&s->data, LINES, sizeof *line);
    if (!drawn || !line) return err_no_memory(err, for_dates);
    for (int i = 0; i < LINES; i++) draw_date(&r, &drawn[i]);
    for (int i = 0; i < LINES; i++) line[i] = drawn[i].source;
    err_code code = encode_lines(s, line, false, source_vocabulary, err);
    for (int i = 0; i < LINES; i++) line[i] = drawn[i].target;
    if (!code) code = encode_lines(s, line, true, target_vocabulary, err);
    const ds_plan_settings plan = {.batch = BATCH, .seed = 1};
    return code ? code : ds_plan_create(&s->targets, &plan, &s->plan, err);
}

/* ---- sequences of one length ---- */

static int32_t *draw_symbols(text_state *s, rng *r, int count)
{
    int32_t *tokens = arena_array(&s->data, count, sizeof *tokens);
    for (int i = 0; tokens && i < count; i++)
        tokens[i] = DS_SPECIALS + (int32_t)rng_below(r, VOCABULARY - DS_SPECIALS);
    return tokens;
}

static int32_t *repeat(text_state *s, int32_t x)
{
    int32_t *list = arena_array(&s->data, BATCH, sizeof *list);
    for (int i = 0; list && i < BATCH; i++) list[i] = x;
    return list;
}

static err_code make_even(text_state *s, error *err)
{
    rng r = {.seed = 4};
    s->even = true;
    s->in = (ds_source_batch){BATCH, SYMBOLS, draw_symbols(s, &r, BATCH * SYMBOLS), repeat(s, SYMBOLS)};
    s->out = (ds_batch){.rows = BATCH, .images = BATCH, .max_len = STEPS};
    s->out.tokens = draw_symbols(s, &r, BATCH * (STEPS + 1));
    s->out.length = repeat(s, STEPS);
    s->out.row_image = repeat(s, 0);
    if (!s->in.tokens || !s->in.length || !s->out.tokens || !s->out.length || !s->out.row_image)
        return err_no_memory(err, for_dates);
    for (int i = 0; i < BATCH; i++) s->out.row_image[i] = i;
    return ERR_OK;
}

/* ---- the net ---- */

static nn_match_kind match_of(const char *name)
{
    for (int i = 0; i < NN_MATCH_COUNT; i++)
        if (!strcmp(name, nn_match_rows[i].name)) return (nn_match_kind)i;
    return NN_MATCH_NONE;
}

static err_code make_net(text_state *s, const char *match, int32_t sources, int32_t targets, error *err)
{
    cap_decoder_config d = cap_lstm_textbook();
    cap_lstm_settings *lstm = cap_lstm_settings_of(&d);
    cap_text_encoder_config e = cap_text_encoder_defaults();
    e.vocabulary = sources;
    e.embedding = lstm->embedding;
    e.hidden = lstm->hidden;
    e.bidirectional = false;
    e.dropout = 0;
    d.vocabulary = targets;
    d.features = cap_text_encoder_width(&e);
    d.last_layers = e.layers;
    lstm->match = match_of(match);
    if (s->even && lstm->match == NN_MATCH_ADDITIVE) lstm->attend = CAP_ATTEND_INPUT; /* as the peers */
    err_code code = cap_text_encoder_config_check(&e, err);
    if (!code) code = cap_decoder_config_check(&d, err);
    if (code) return code;
    cap_text_encoder_declare(&s->encoder, &e, "encoder.", &s->params);
    if ((code = cap_decoder_declare(&s->decoder, &d, "decoder.", &s->params, err))) return code;
    return nn_params_finish(&s->params, 1, err);
}

/* The subject names the matching function. */
err_code bench_text_open(bench_case *c, error *err)
{
    text_state *s = c->state = calloc(1, sizeof *s);
    int32_t sources = VOCABULARY, targets = VOCABULARY;
    if (!s) return err_no_memory(err, for_dates);
    err_code code = c->row->amount == BENCH_PEERS ? make_even(s, err) : make_data(s, &sources, &targets, err);
    if (!code) code = make_net(s, c->row->subject, sources, targets, err);
    if (!code) code = optim_init(&s->optim, OPTIM_ADAMW, &s->params, err);
    s->tape = (nn_tape){.mem = &s->memory,
                        .threads = c->row->all_threads ? c->env->pool : NULL,
                        .precision = c->row->precision,
                        .recording = true,
                        .training = true,
                        .seed = 1};
    c->things = BATCH;
    return code;
}

static err_code take_batch(text_state *s, error *err)
{
    if (s->even) return ERR_OK;
    arena_reset(&s->batch);
    err_code code = ds_plan_batch(s->plan, s->next, &s->batch, &s->out, err);
    if (!code) code = ds_sources_batch(&s->sources, s->out.image, s->out.images, &s->batch, &s->in, err);
    s->next = (s->next + 1) % ds_plan_batches(s->plan);
    return code;
}

/* One step, as the trainer does it. */
err_code bench_text_run(bench_case *c, error *err)
{
    text_state *s = c->state;
    nn_loss_info info = {0};
    const cap_loss_options options = {0};
    err_code code = take_batch(s, err);
    if (code) return code;
    const ds_source_batch *in = &s->in;
    nn_begin(&s->tape);
    s->tape.step++;
    cap_encoded encoded =
        cap_text_encoder_forward(&s->tape, &s->encoder, in->tokens, in->length, in->rows, in->max_len);
    cap_memory memory = cap_decoder_remember(&s->tape, &s->decoder, &encoded);
    nn_var *loss = cap_decoder_loss(&s->tape, &s->decoder, &memory, &s->out, &options, &info);
    if (!loss) return err_no_memory(err, for_dates);
    nn_params_zero_grad(&s->params, s->tape.threads);
    nn_backward(&s->tape, loss);
    if (s->tape.failed) return err_no_memory(err, for_dates);
    optim_clip(&s->params, s->tape.threads, 5);
    optim_step(&s->optim, s->tape.threads, 1e-3);
    return ERR_OK;
}

void bench_text_close(bench_case *c)
{
    text_state *s = c->state;
    if (!s) return;
    ds_plan_free(&s->plan);
    optim_release(&s->optim);
    nn_params_release(&s->params);
    arena_release(&s->memory);
    arena_release(&s->data);
    arena_release(&s->batch);
    free(s);
}
