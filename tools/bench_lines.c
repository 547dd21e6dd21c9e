/* Benchmark of reading lines: the network of MiniLM (Wang et al. 2020; 6 layers of 12 heads, 384 wide, 22
 * million weights, which are drawn) on lines of 32 pieces, of which one goes through it, or 32 together. */
#include <stdlib.h>

#include "captioner/net/bert_net.h"
#include "src/base/rng.h"
#include "tools/bench.h"

enum { PIECES = 30522, LINE = 32, MOST_LINES = 32 };

typedef struct lines_state {
    cap_bert_net net;
    nn_params params;
    arena memory;
    nn_tape tape;
    int32_t piece[MOST_LINES * LINE], length[MOST_LINES];
    ds_source_batch lines;
} lines_state;

static cap_bert_settings sizes_of_minilm(void)
{
    cap_bert_settings s = cap_bert_defaults();
    s.body.hidden = 384;
    s.body.heads = 12;
    s.body.layers = 6;
    s.body.feed_forward = 1536;
    s.body.positions = 512;
    s.body.types = 2;
    return s;
}

static void draw_lines(lines_state *s, int count)
{
    rng r = {.seed = 6};
    for (int i = 0; i < count * LINE; i++) s->piece[i] = (int32_t)rng_below(&r, PIECES);
    for (int i = 0; i < count; i++) s->length[i] = LINE;
    s->lines = (ds_source_batch){count, LINE, s->piece, s->length};
}

/* The subject is the precision of the matrices, the amount how many lines go together. */
err_code bench_lines_open(bench_case *c, error *err)
{
    lines_state *s = c->state = calloc(1, sizeof *s);
    if (!s) return bench_no_memory(c, err);
    const cap_bert_settings set = sizes_of_minilm();
    cap_bert_declare(&s->net, &set, PIECES, 0, false, &s->params);
    err_code code = nn_params_finish(&s->params, 1, err);
    if (!code)
        code =
            nn_params_pack(&s->params, "encoder.layer", bench_packed_type(c->row->subject), PACKED_F32, err);
    s->tape = (nn_tape){.mem = &s->memory, .threads = bench_pool(c)};
    draw_lines(s, c->row->amount);
    c->things = c->row->amount;
    return code;
}

err_code bench_lines_run(bench_case *c, error *err)
{
    lines_state *s = c->state;
    nn_begin(&s->tape);
    return cap_bert_states(&s->tape, &s->net, &s->lines, NULL) ? ERR_OK : bench_no_memory(c, err);
}

void bench_lines_close(bench_case *c)
{
    lines_state *s = c->state;
    if (!s) return;
    nn_params_release(&s->params);
    arena_release(&s->memory);
    free(s);
}
