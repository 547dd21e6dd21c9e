/* Benchmark of the Transformer for pairs of texts: 3 layers of 4 heads, 256 wide, feed-forward 1024, 8,000 words
 * on either side, drawn weights. It learns 64 pairs of 16 words, or translates 32 lines of 16 words into as many,
 * taking the likeliest word each time. */
#include <stdlib.h>

#include "captioner/net/transformer_rows.h"
#include "captioner/search/search.h"
#include "datasets/vocab.h"
#include "src/base/rng.h"
#include "src/train/optim.h"
#include "tools/bench.h"

enum { VOCABULARY = 8000, PAIRS = 64, LINES = 32, WORDS = 16 };

typedef struct pairs_state {
    nn_params params;
    cap_encoder encoder;
    cap_decoder decoder;
    optim optim;
    arena memory, results;
    nn_tape tape;
    cap_search_options search;
    int32_t source[PAIRS * WORDS], target[PAIRS * (WORDS + 1)], length[PAIRS], own[PAIRS];
    ds_source_batch lines;
    ds_batch texts;
} pairs_state;

static void draw_pairs(pairs_state *s, int count)
{
    rng r = {.seed = 8};
    for (int i = 0; i < PAIRS * WORDS; i++)
        s->source[i] = DS_SPECIALS + (int32_t)rng_below(&r, VOCABULARY - DS_SPECIALS);
    for (int i = 0; i < PAIRS * (WORDS + 1); i++) {
        int at = i % (WORDS + 1);
        s->target[i] = at == 0       ? DS_START
                       : at == WORDS ? DS_END
                                     : DS_SPECIALS + (int32_t)rng_below(&r, VOCABULARY - DS_SPECIALS);
    }
    for (int i = 0; i < PAIRS; i++) {
        s->length[i] = WORDS;
        s->own[i] = i;
    }
    s->lines = (ds_source_batch){count, WORDS, s->source, s->length};
    s->texts = (ds_batch){.rows = count,
                          .images = count,
                          .max_len = WORDS,
                          .tokens = s->target,
                          .length = s->length,
                          .row_image = s->own,
                          .image = s->own,
                          .caption = s->own};
}

static err_code make_net(pairs_state *s, error *err)
{
    cap_encoder_config e = cap_encoder_defaults_of(&cap_encoder_transformer);
    cap_decoder_config d = cap_decoder_defaults_of(&cap_decoder_transformer, true);
    err_code code = cap_encoder_declare(&s->encoder, &e, VOCABULARY, "encoder.", &s->params, err);
    d.vocabulary = VOCABULARY;
    d.features = s->encoder.width;
    if (!code) code = cap_decoder_config_check(&d, err);
    if (!code) code = cap_decoder_declare(&s->decoder, &d, "decoder.", &s->params, err);
    return code ? code : nn_params_finish(&s->params, 1, err);
}

/* The subject is the precision of the decoder's matrices when it translates; with an amount it learns. */
err_code bench_pairs_open(bench_case *c, error *err)
{
    bool learns = c->row->amount == BENCH_LEARNING;
    pairs_state *s = c->state = calloc(1, sizeof *s);
    if (!s) return bench_no_memory(c, err);
    err_code code = make_net(s, err);
    if (!code && learns) code = optim_init(&s->optim, OPTIM_ADAMW, &s->params, err);
    if (!code && !learns)
        code = nn_params_pack(&s->params, "", bench_packed_type(c->row->subject), PACKED_F32, err);
    s->tape = (nn_tape){.mem = &s->memory,
                        .threads = bench_pool(c),
                        .precision = c->row->precision,
                        .recording = learns,
                        .training = learns};
    s->search = cap_search_defaults();
    s->search.strategy = CAP_GREEDY;
    s->search.min_words = s->search.max_words = WORDS - 1; /* <end> is a step, too */
    c->things = learns ? PAIRS : LINES;
    draw_pairs(s, learns ? PAIRS : LINES);
    return code;
}

static cap_memory remember(pairs_state *s)
{
    nn_begin(&s->tape);
    cap_encoded seen =
        cap_encoder_encode(&s->tape, &s->encoder, &(cap_input){.count = s->lines.rows, .lines = &s->lines});
    return cap_decoder_remember(&s->tape, &s->decoder, &seen);
}

err_code bench_learning_pairs_run(bench_case *c, error *err)
{
    pairs_state *s = c->state;
    const cap_loss_options options = {.smoothing = 0.1};
    nn_loss_info info;
    s->tape.step++;
    cap_memory memory = remember(s);
    nn_var *loss = cap_decoder_loss(&s->tape, &s->decoder, &memory, &s->texts, &options, &info);
    if (!loss) return bench_no_memory(c, err);
    nn_params_zero_grad(&s->params, s->tape.threads);
    nn_backward(&s->tape, loss);
    if (s->tape.failed) return bench_no_memory(c, err);
    optim_clip(&s->params, s->tape.threads, 5);
    optim_step(&s->optim, s->tape.threads, 1e-3);
    return ERR_OK;
}

err_code bench_translating_run(bench_case *c, error *err)
{
    pairs_state *s = c->state;
    cap_hypothesis best[LINES];
    cap_memory memory = remember(s);
    if (s->tape.failed) return bench_no_memory(c, err);
    arena_reset(&s->results);
    return cap_search(&s->tape, &s->decoder, &memory, &s->search, &s->results, best, err);
}

void bench_pairs_close(bench_case *c)
{
    pairs_state *s = c->state;
    if (!s) return;
    optim_release(&s->optim);
    cap_encoder_release(&s->encoder);
    cap_decoder_release(&s->decoder);
    nn_params_release(&s->params);
    arena_release(&s->memory);
    arena_release(&s->results);
    free(s);
}
