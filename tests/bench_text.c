/* Times training steps of a text model of the dates' size: sources of 30 symbols, targets of 11, batch 128,
 * embedding 16, hidden 256; forward, backward and AdamW on one thread, in its processor time.
 *
 *     bench_text [MATCH [f32|bf16 [input|output [uni|bi [LAYERS [STEPS]]]]]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "captioner/decoder.h"
#include "captioner/text_encoder.h"
#include "datasets/vocab.h"
#include "src/base/rng.h"
#include "src/train/optim.h"

enum { ROWS = 128, SOURCE = 30, TARGET = 11, VOCABULARY = 63 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* others may use the machine too */
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct bench {
    nn_params params;
    cap_text_encoder encoder;
    cap_decoder decoder;
    int32_t source[ROWS * SOURCE], source_length[ROWS], target[ROWS * (TARGET + 1)], length[ROWS], row[ROWS];
} bench;

static void draw(bench *b)
{
    rng r = {.seed = 1};
    for (int i = 0; i < ROWS * SOURCE; i++)
        b->source[i] = DS_SPECIALS + (int)rng_below(&r, VOCABULARY - DS_SPECIALS);
    for (int i = 0; i < ROWS; i++) {
        int32_t *row = b->target + i * (TARGET + 1);
        for (int j = 1; j < TARGET; j++) row[j] = DS_SPECIALS + (int)rng_below(&r, VOCABULARY - DS_SPECIALS);
        row[0] = DS_START;
        row[TARGET] = DS_END;
        b->source_length[i] = SOURCE;
        b->length[i] = TARGET;
        b->row[i] = i;
    }
}

static nn_var *step(nn_tape *t, bench *b)
{
    ds_batch batch = {.rows = ROWS, .images = ROWS, .image = b->row, .row_image = b->row, .caption = b->row};
    batch.length = b->length;
    batch.tokens = b->target;
    batch.max_len = TARGET;
    cap_encoded e = cap_text_encoder_forward(t, &b->encoder, b->source, b->source_length, ROWS, SOURCE);
    cap_memory m = cap_decoder_remember(t, &b->decoder, &e);
    return cap_decoder_loss(t, &b->decoder, &m, &batch, &(cap_loss_options){0}, NULL);
}

static bool set_up(bench *b, int argc, char **argv)
{
    cap_text_encoder_config e = {.vocabulary = VOCABULARY, .embedding = 16, .hidden = 256, .layers = 1};
    cap_decoder_config d = cap_decoder_textbook();
    d.vocabulary = VOCABULARY;
    for (int i = 0; argc > 1 && i < NN_MATCH_COUNT; i++)
        if (!strcmp(argv[1], nn_match_rows[i].name)) d.match = (nn_match_kind)i;
    if (argc > 3 && !strcmp(argv[3], "input")) d.attend = CAP_ATTEND_INPUT;
    e.bidirectional = argc > 4 && !strcmp(argv[4], "bi");
    if (e.bidirectional) d.start = CAP_START_LAST;
    if (argc > 5) e.layers = d.layers = (int)strtol(argv[5], NULL, 10);
    d.features = cap_text_encoder_width(&e);
    error err = {0};
    if (cap_text_encoder_config_check(&e, &err) || cap_decoder_config_check(&d, &err)) return false;
    cap_text_encoder_declare(&b->encoder, &e, "encoder.", &b->params);
    cap_decoder_declare(&b->decoder, &d, "decoder.", &b->params);
    draw(b);
    return !nn_params_finish(&b->params, 1, &err);
}

int main(int argc, char **argv)
{
    static bench b;
    error err = {0};
    if (!set_up(&b, argc, argv)) return EXIT_FAILURE;
    int steps = argc > 6 ? (int)strtol(argv[6], NULL, 10) : 10;
    arena mem = {0};
    nn_tape t = {.mem = &mem, .recording = true, .training = true};
    t.precision = argc > 2 && !strcmp(argv[2], "bf16") ? GEMM_BF16 : GEMM_F32;
    optim o;
    if (optim_init(&o, OPTIM_ADAMW, &b.params, &err)) return EXIT_FAILURE;
    double best = 1e9, sum = 0;
    for (int i = 0; i <= steps; i++) {
        double begin = now();
        nn_begin(&t);
        nn_params_zero_grad(&b.params);
        nn_var *loss = step(&t, &b);
        if (!loss) return EXIT_FAILURE;
        nn_backward(&t, loss);
        optim_clip(&b.params, 5);
        optim_step(&o, NULL, 1e-3);
        double took = now() - begin;
        if (i && took < best) best = took;
        if (i) sum += took;
        if (i == steps) printf("loss %.4f\n", (double)loss->data[0]);
    }
    printf("%.1f samples/s best, %.1f mean, %.2f ms a batch\n", ROWS / best, ROWS * steps / sum, best * 1e3);
    arena_release(&mem);
    optim_release(&o);
    nn_params_release(&b.params);
    return EXIT_SUCCESS;
}
