/* Benchmarks of the numbers: encoders, training steps. Weights and inputs are drawn. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "captioner/net/cnn_encoder.h"
#include "captioner/net/lstm_settings.h"
#include "captioner/net/model.h"
#include "src/base/rng.h"
#include "src/train/optim.h"
#include "tools/bench.h"

/* ---- encoders ---- */

typedef struct encoder_state {
    nn_params params;
    cnn_net *net;
    arena memory;
    nn_tape tape;
    real *pixels;
    int size;
} encoder_state;

err_code bench_encoder_open(bench_case *c, error *err)
{
    encoder_state *s = c->state = calloc(1, sizeof *s);
    if (!s) return bench_no_memory(c, err);
    err_code code = cnn_net_create(c->row->subject, "", &s->params, &s->net, err);
    if (!code) code = nn_params_finish(&s->params, 1, err);
    if (!code) code = cnn_net_fold(s->net, err);
    bool narrow = gemm_rounds(c->row->precision);
    if (!code) code = nn_params_pack(&s->params, "", PACKED_F32, narrow ? PACKED_BF16 : PACKED_F32, err);
    if (code) return code;
    s->size = c->row->amount ? c->row->amount : cnn_net_row(s->net)->size;
    s->tape = (nn_tape){.mem = &s->memory, .threads = bench_pool(c)};
    size_t count = 3 * (size_t)s->size * s->size;
    if (!(s->pixels = malloc(count * sizeof *s->pixels))) return bench_no_memory(c, err);
    bench_draw(s->pixels, count);
    c->flops = 2 * cnn_net_products(s->net, s->size);
    return ERR_OK;
}

err_code bench_encoder_run(bench_case *c, error *err)
{
    encoder_state *s = c->state;
    nn_begin(&s->tape);
    nn_var *x = nn_input(&s->tape, s->pixels, 4, (int[]){1, s->size, s->size, 3});
    return cnn_net_forward(s->net, &s->tape, x) ? ERR_OK : bench_no_memory(c, err);
}

void bench_encoder_close(bench_case *c)
{
    encoder_state *s = c->state;
    if (!s) return;
    cnn_net_free(&s->net);
    nn_params_release(&s->params);
    arena_release(&s->memory);
    free(s->pixels);
    free(s);
}

/* ---- training ---- */

typedef struct train_sizes {
    int photos, captions, words, vocabulary, embedding; /* captions in all; embedding 0: the default */
} train_sizes;

/* Vocabulary and sentence length are about those of Flickr8k. */
static train_sizes sizes_of(const bench_row *row, bool frozen)
{
    if (row->amount == BENCH_PEERS) return (train_sizes){32, 32, 20, 10000, 448};
    return frozen ? (train_sizes){128, 128, 13, 2536, 0} : (train_sizes){32, 32 * 5, 13, 2536, 0};
}

typedef struct train_state {
    cap_model *model;
    optim optim;
    arena memory, lists;
    nn_tape tape;
    ds_batch batch;
    real *features;  /* [photos][L][D]: kept ones of a frozen encoder; NULL: the encoder trains */
    uint8_t *pixels; /* [photos][size][size][3] otherwise */
} train_state;

static err_code make_vocabulary(int words, ds_vocab **out, error *err)
{
    ds_counter *counter = ds_counter_create();
    err_code code = counter ? ERR_OK : err_no_memory(err, "for a vocabulary");
    for (int i = DS_SPECIALS; !code && i < words; i++) {
        char word[16];
        snprintf(word, sizeof word, "w%d", i);
        code = ds_counter_add(counter, word, 1, err);
    }
    if (!code) code = ds_vocab_build(counter, &(ds_vocab_settings){0}, out, err);
    ds_counter_free(&counter);
    return code;
}

err_code bench_make_model(const char *encoder, int vocabulary, int embedding, cap_model **out, error *err)
{
    ds_vocab *vocab = NULL;
    cnn_preprocess pre;
    cnn_preprocess_default(&pre);
    pre.size = cnn_backbone_find(encoder)->size;
    cap_decoder_config config = cap_decoder_defaults();
    if (embedding) cap_lstm_settings_of(&config)->embedding = embedding;
    err_code code = make_vocabulary(vocabulary, &vocab, err);
    const cap_model_form form = {
        .encoder = cap_cnn_config(encoder), .decoder = config, .preprocess = pre, .vocab = vocab};
    if (!code) code = cap_model_create(&form, 1, out, err);
    if (code) ds_vocab_free(&vocab);
    return code;
}

/* Rows of words, the last of which is the end; a photo has the same number of rows as every other. */
static bool make_batch(train_state *s, const train_sizes *z)
{
    rng r = {.seed = 2};
    ds_batch *b = &s->batch;
    int rows = z->captions, words = z->words;
    *b = (ds_batch){.rows = rows, .images = z->photos, .max_len = words};
    b->row_image = arena_array(&s->lists, rows, sizeof *b->row_image);
    b->length = arena_array(&s->lists, rows, sizeof *b->length);
    b->tokens = arena_array(&s->lists, (size_t)rows * (words + 1), sizeof *b->tokens);
    if (!b->row_image || !b->length || !b->tokens) return false;
    for (int i = 0; i < rows; i++) {
        int32_t *row = b->tokens + (size_t)i * (words + 1);
        b->row_image[i] = i * z->photos / rows;
        b->length[i] = words;
        row[0] = DS_START;
        for (int j = 1; j < words; j++)
            row[j] = DS_SPECIALS + (int32_t)rng_below(&r, (uint32_t)(z->vocabulary - DS_SPECIALS));
        row[words] = DS_END;
    }
    return true;
}

static bool make_inputs(train_state *s, bool frozen)
{
    const cap_model *m = s->model;
    size_t photos = s->batch.images, size = m->preprocess.size;
    if (frozen) {
        size_t count = photos * (m->encoder.grid_h * m->encoder.grid_w * m->decoder.config.features);
        if (!(s->features = malloc(count * sizeof *s->features))) return false;
        bench_draw(s->features, count);
        return true;
    }
    size_t count = photos * size * size * 3;
    rng r = {.seed = 3};
    if (!(s->pixels = malloc(count))) return false;
    for (size_t i = 0; i < count; i++) s->pixels[i] = (uint8_t)rng_u32(&r);
    return true;
}

/* An imported encoder keeps the statistics of its norms, frozen or not, as the trainer has it. */
static err_code open_training(bench_case *c, bool frozen, error *err)
{
    train_state *s = c->state = calloc(1, sizeof *s);
    if (!s) return bench_no_memory(c, err);
    train_sizes z = sizes_of(c->row, frozen);
    err_code code = bench_make_model(c->row->subject, z.vocabulary, z.embedding, &s->model, err);
    if (code) return code;
    if (strcmp(c->row->subject, "small") != 0) cnn_net_freeze_norm(cap_cnn_net(&s->model->encoder), true);
    if (frozen) nn_params_set_trainable(&s->model->params, "encoder.", false);
    if ((code = optim_init(&s->optim, OPTIM_ADAMW, &s->model->params, err))) return code;
    s->tape = (nn_tape){.mem = &s->memory,
                        .threads = bench_pool(c),
                        .precision = c->row->precision,
                        .recording = true,
                        .training = true,
                        .seed = 1};
    c->things = z.photos; /* of a frozen encoder as many as captions */
    return make_batch(s, &z) && make_inputs(s, frozen) ? ERR_OK : bench_no_memory(c, err);
}

/* Two steps in a process of its own, which leaves with 0 when they went well. */
static void train_and_leave(const bench_case *c)
{
    error err = {0};
    bench_env env = *c->env;
    bench_case own = {.row = c->row, .env = &env};
    env.pool = pool_create(env.threads);
    bool failed = !env.pool || open_training(&own, false, &err);
    for (int i = 0; i < 2 && !failed; i++) failed = bench_train_run(&own, &err) != ERR_OK;
    _exit(failed);
}

/* Linux counts what the parent held when it started the child as the child's: the parent must be smaller. */
static err_code weigh_training(bench_case *c, error *err)
{
    struct rusage own, used;
    int status = 0;
    getrusage(RUSAGE_SELF, &own);
    pid_t child = fork();
    if (child == 0) train_and_leave(c);
    if (child < 0) return err_set(err, ERR_IO, "cannot start a process: %s", strerror(errno));
    while (wait4(child, &status, 0, &used) < 0)
        if (errno != EINTR) return err_set(err, ERR_IO, "cannot wait for a process: %s", strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status)) return bench_no_memory(c, err);
    if (used.ru_maxrss > own.ru_maxrss) c->memory = (double)used.ru_maxrss / 1024;
    return ERR_OK;
}

err_code bench_decoder_open(bench_case *c, error *err)
{
    return open_training(c, true, err);
}

err_code bench_train_open(bench_case *c, error *err)
{
    return c->row->kind == BENCH_MEMORY ? weigh_training(c, err) : open_training(c, false, err);
}

static nn_var *regions(train_state *s)
{
    const cap_model *m = s->model;
    int photos = s->batch.images;
    if (s->pixels) return cap_model_encode(&s->tape, m, s->pixels, photos);
    return nn_input(&s->tape, s->features, 3,
                    (int[]){photos, m->encoder.grid_h * m->encoder.grid_w, m->decoder.config.features});
}

/* One step, as the trainer does it. */
err_code bench_train_run(bench_case *c, error *err)
{
    train_state *s = c->state;
    nn_params *params = &s->model->params;
    const cap_loss_options options = {.smoothing = 0.1};
    nn_loss_info info = {0};
    nn_begin(&s->tape);
    s->tape.step++;
    cap_memory m = cap_decoder_remember(&s->tape, &s->model->decoder, &(cap_encoded){.states = regions(s)});
    nn_var *loss = cap_decoder_loss(&s->tape, &s->model->decoder, &m, &s->batch, &options, &info);
    if (!loss) return bench_no_memory(c, err);
    nn_params_zero_grad(params, bench_pool(c));
    nn_backward(&s->tape, loss);
    if (s->tape.failed) return bench_no_memory(c, err);
    optim_clip(params, bench_pool(c), 5);
    optim_step(&s->optim, bench_pool(c), 1e-4);
    return ERR_OK;
}

void bench_train_close(bench_case *c)
{
    train_state *s = c->state;
    if (!s) return;
    optim_release(&s->optim);
    cap_model_close(&s->model);
    arena_release(&s->memory);
    arena_release(&s->lists);
    free(s->features);
    free(s->pixels);
    free(s);
}
