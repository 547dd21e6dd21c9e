/* Benchmark of language models that learn: predicting and learning texts of 12 words, of drawn numbers. */
#include <stdlib.h>

#include "captioner/net/decoder.h"
#include "captioner/net/lstm_settings.h"
#include "captioner/net/transformer_rows.h"
#include "datasets/vocab.h"
#include "src/base/rng.h"
#include "src/train/optim.h"
#include "tools/bench.h"

enum { VOCABULARY = 10000, TEXTS = 64, WORDS = 12 };

typedef struct language_state {
    nn_params params;
    cap_decoder decoder;
    optim optim;
    arena memory;
    nn_tape tape;
    int32_t tokens[TEXTS * (WORDS + 1)], length[TEXTS], own[TEXTS];
    ds_batch texts;
} language_state;

/* Sizes of tools/make_language_models.sh. */
static cap_decoder_config sizes(const char *decoder)
{
    cap_decoder_config c = cap_decoder_defaults_of(cap_decoder_find(decoder), true);
    c.vocabulary = VOCABULARY;
    if (c.row == &cap_decoder_transformer) {
        cap_transformer_decoder_settings(&c)->layers = 4;
    } else {
        cap_lstm_settings *s = cap_lstm_settings_of(&c);
        s->embedding = 128;
        s->hidden = 512;
        s->match = NN_MATCH_NONE;
        s->start = CAP_START_ZERO;
    }
    return c;
}

static void draw_texts(language_state *s)
{
    rng r = {.seed = 7};
    for (int i = 0; i < TEXTS; i++) {
        int32_t *words = s->tokens + (size_t)i * (WORDS + 1);
        words[0] = DS_START;
        words[WORDS] = DS_END;
        for (int k = 1; k < WORDS; k++)
            words[k] = DS_SPECIALS + (int32_t)rng_below(&r, VOCABULARY - DS_SPECIALS);
        s->length[i] = WORDS;
        s->own[i] = i;
    }
    s->texts = (ds_batch){.rows = TEXTS,
                          .images = TEXTS,
                          .max_len = WORDS,
                          .tokens = s->tokens,
                          .length = s->length,
                          .row_image = s->own,
                          .image = s->own,
                          .caption = s->own};
}

/* The subject is the decoder. */
err_code bench_language_open(bench_case *c, error *err)
{
    language_state *s = c->state = calloc(1, sizeof *s);
    if (!s) return bench_no_memory(c, err);
    cap_decoder_config config = sizes(c->row->subject);
    err_code code = cap_decoder_config_check(&config, err);
    if (!code) code = cap_decoder_declare(&s->decoder, &config, "decoder.", &s->params, err);
    if (!code) code = nn_params_finish(&s->params, 1, err);
    if (!code && c->row->amount == BENCH_LEARNING) code = optim_init(&s->optim, OPTIM_ADAMW, &s->params, err);
    s->tape = (nn_tape){.mem = &s->memory,
                        .threads = bench_pool(c),
                        .precision = c->row->precision,
                        .recording = c->row->amount == BENCH_LEARNING,
                        .training = c->row->amount == BENCH_LEARNING};
    draw_texts(s);
    c->things = TEXTS * WORDS;
    return code;
}

err_code bench_language_run(bench_case *c, error *err)
{
    language_state *s = c->state;
    const cap_loss_options options = {0};
    nn_loss_info info;
    nn_begin(&s->tape);
    s->tape.step++;
    const cap_encoded nothing = {.memories = TEXTS};
    cap_memory memory = cap_decoder_remember(&s->tape, &s->decoder, &nothing);
    nn_var *loss = cap_decoder_loss(&s->tape, &s->decoder, &memory, &s->texts, &options, &info);
    if (!loss) return bench_no_memory(c, err);
    if (c->row->amount != BENCH_LEARNING) return ERR_OK;
    nn_params_zero_grad(&s->params, s->tape.threads);
    nn_backward(&s->tape, loss);
    if (s->tape.failed) return bench_no_memory(c, err);
    optim_clip(&s->params, s->tape.threads, 5);
    optim_step(&s->optim, s->tape.threads, 1e-3);
    return ERR_OK;
}

void bench_language_close(bench_case *c)
{
    language_state *s = c->state;
    if (!s) return;
    optim_release(&s->optim);
    cap_decoder_release(&s->decoder);
    nn_params_release(&s->params);
    arena_release(&s->memory);
    free(s);
}
