#include "captioner/train/words_head.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/hash.h"
#include "src/base/rng.h"
#include "src/io/dtype.h"
#include "src/nn/loss.h"
#include "src/train/optim.h"

/* How it learns: the best on 1,000 photos of Flickr8k of what was tried on the 6,000 others. */
enum { EPOCHS = 20, BATCH = 64, SCORED_AT_ONCE = 256 };
static const double RATE = 1e-3, LEAST_RATE = 0.02 /* of RATE, at the end */, DECAY = 1e-3;
static const double DEVIATION = 0.3; /* of the means that it learns from: with 1, or 0.07, it names less */
static const cap_words_dropout DROP = {.means = 0.3, .hidden = 0.5};

/* Of the first weights behind the hidden layer: the first logits are those of the words' frequencies. */
static const real QUIET = (real)0.25;

#define ORDERS 0x776f726473000000 /* the streams that photos are shuffled by */

static const char label[] = "learning to name words", unit[] = "photos";

int32_t cap_words_fold(const char *file_name)
{
    return (int32_t)(hash_bytes(file_name, strlen(file_name), 1).lo % CAP_WORDS_FOLDS);
}

static int photos_of(const cap_words_lesson *l)
{
    return l->captions->images;
}

static int words_of(const cap_words_lesson *l)
{
    return l->like->config.names.count;
}

/* ---- one head ---- */

/* A head of its own weights while it learns. */
typedef struct learner {
    const cap_words_lesson *l;
    const cap_words_run *run;
    cap_namer head;
    cap_namer_config config;
    nn_params params;
    optim optim;
    arena memory;
    nn_tape tape;
    int32_t *turn; /* [turns] what it learns from */
    int turns;
    float scale;  /* of the means, so that they have a deviation of 1 */
    real *x, *y;  /* [BATCH][D], [BATCH][W] */
    float *share; /* [W] */
    int64_t step, steps;
    long done, all; /* photos, of all heads, for progress */
} learner;

/* What gives the numbers of all means together this deviation. */
static float scale_of(const cap_words_lesson *l)
{
    double sum = 0, squares = 0, n = (double)photos_of(l) * (double)l->width;
    for (int i = 0; i < photos_of(l); i++) {
        const float *x = l->means + (size_t)i * l->width;
        double s = 0, q = 0;
        for (int j = 0; j < l->width; j++) {
            s += (double)x[j];
            q += (double)x[j] * (double)x[j];
        }
        sum += s;
        squares += q;
    }
    double variance = squares / n - (sum / n) * (sum / n);
    return variance > 1e-12 ? (float)(DEVIATION / sqrt(variance)) : 1;
}

/* The first bias makes every word as likely as it is among the photos learned from. */
static void set_bias(learner *a)
{
    real *bias = cap_words_bias(&a->head)->data;
    int words = words_of(a->l);
    for (int j = 0; j < words; j++) bias[j] = 0;
    for (int i = 0; i < a->turns; i++) {
        cap_content_targets(a->l->content, a->l->captions, a->turn[i], a->share);
        for (int j = 0; j < words; j++) bias[j] += (real)a->share[j];
    }
    for (int j = 0; j < words; j++) {
        double share = (double)bias[j] / (a->turns ? a->turns : 1);
        bias[j] = (real)log((share + 1e-4) / (1 - share + 1e-4));
    }
}

static void quieten(nn_params *p)
{
    nn_var *w = &nn_params_find(p, "words.out.weight")->var;
    for (size_t i = 0; i < nn_count(w); i++) w->data[i] *= QUIET;
}

/* Photos of fold `without` are left out; -1: none is. */
static void choose_photos(learner *a, int without)
{
    int turns = a->l->turn ? a->l->turns : photos_of(a->l);
    a->turns = 0;
    for (int i = 0; i < turns; i++) {
        int32_t photo = a->l->turn ? a->l->turn[i] : i;
        if (without < 0 || a->l->fold[photo] != without) a->turn[a->turns++] = photo;
    }
}

static void learner_close(learner *a)
{
    optim_release(&a->optim);
    cap_namer_undo(&a->head, &a->config); /* the list of words stays the model's */
    nn_params_release(&a->params);
    arena_release(&a->memory);
    free(a->turn);
    free(a->x);
    free(a->y);
    free(a->share);
}

static err_code learner_open(learner *a, const cap_words_lesson *l, const cap_words_run *run, int without,
                             error *err)
{
    int turns = l->turn ? l->turns : photos_of(l);
    *a = (learner){.l = l, .run = run, .config = l->like->config, .scale = scale_of(l)};
    a->turn = calloc((size_t)turns + 1, sizeof *a->turn);
    a->x = malloc((size_t)BATCH * l->width * sizeof *a->x);
    a->y = malloc((size_t)BATCH * words_of(l) * sizeof *a->y);
    a->share = malloc(words_of(l) * sizeof *a->share);
    if (!a->turn || !a->x || !a->y || !a->share) return err_no_memory(err, "for a namer of words");
    err_code code = cap_namer_declare(&a->head, &a->config, l->width, l->vocab, &a->params, err);
    if (!code) code = nn_params_finish(&a->params, run->seed, err);
    if (!code) code = optim_init(&a->optim, OPTIM_ADAMW, &a->params, err);
    if (code) return code;
    a->optim.decay = DECAY;
    a->optim.beta2 = 0.999;
    a->tape = (nn_tape){.mem = &a->memory,
                        .threads = run->threads,
                        .precision = run->precision,
                        .recording = true,
                        .training = true,
                        .seed = run->seed + (uint64_t)(without + 1)};
    choose_photos(a, without);
    quieten(&a->params);
    set_bias(a);
    a->steps = (int64_t)EPOCHS * ((a->turns + BATCH - 1) / BATCH);
    return ERR_OK;
}

static void fill_batch(learner *a, int first, int count)
{
    size_t d = a->l->width, w = words_of(a->l);
    for (int i = 0; i < count; i++) {
        int32_t photo = a->turn[first + i];
        const float *mean = a->l->means + photo * d;
        for (size_t j = 0; j < d; j++) a->x[i * d + j] = (real)(a->scale * mean[j]);
        cap_content_targets(a->l->content, a->l->captions, photo, a->share);
        for (size_t j = 0; j < w; j++) a->y[i * w + j] = (real)a->share[j];
    }
}

static err_code take_step(learner *a, int first, int count, error *err)
{
    nn_tape *t = &a->tape;
    double left = 1 - (double)a->step / (double)a->steps;
    nn_begin(t);
    t->step = (uint64_t)a->step++;
    fill_batch(a, first, count);
    nn_var *x = nn_input(t, a->x, 2, (int[]){count, a->l->width});
    nn_var *loss = nn_binary_cross_entropy(t, cap_words_logits(t, &a->head, x, &DROP), a->y);
    nn_params_zero_grad(&a->params, t->threads);
    if (!loss || (nn_backward(t, loss), t->failed)) return err_no_memory(err, "for a namer of words");
    optim_step(&a->optim, t->threads, RATE * (left > LEAST_RATE ? left : LEAST_RATE));
    return ERR_OK;
}

static err_code tell(const learner *a, error *err)
{
    const cap_train_events *e = a->run->events;
    if (e->progress) e->progress(e->ctx, label, unit, a->done, a->all, NULL);
    if (e->stop && a->done && e->stop(e->ctx))
        return err_set(err, ERR_INTERRUPTED, "interrupted while learning to name words");
    return ERR_OK;
}

/* The scale goes into the weights, so that the head takes means as they are. */
static err_code learn(learner *a, error *err)
{
    err_code code = ERR_OK;
    for (int epoch = 0; !code && epoch < EPOCHS; epoch++) {
        rng r = {.seed = a->tape.seed, .stream = ORDERS | (uint64_t)epoch};
        rng_shuffle(&r, a->turn, a->turns);
        for (int i = 0; !code && i < a->turns; i += BATCH)
            code = take_step(a, i, a->turns - i < BATCH ? a->turns - i : BATCH, err);
        a->done += a->turns;
        if (!code) code = tell(a, err);
    }
    if (!code && !isfinite(io_largest(IO_F32, a->params.data, a->params.size)))
        code =
            err_set(err, ERR_LIMIT,
                    "the namer of words learns nothing: its weights are no finite numbers; are the encoder's "
                    "damaged?");
    nn_var *w = &nn_params_find(&a->params, "words.hidden.weight")->var;
    for (size_t i = 0; i < nn_count(w); i++) w->data[i] *= (real)a->scale;
    return code;
}

/* ---- all of them ---- */

err_code cap_words_score(const cap_namer *head, const float *means, int photos, int width, pool *threads,
                         float *scores, error *err)
{
    arena memory = {0};
    nn_tape t = {.mem = &memory, .threads = threads};
    size_t d = width, w = head->config.names.count;
    err_code code = ERR_OK;
    for (int first = 0; !code && first < photos; first += SCORED_AT_ONCE) {
        int count = photos - first < SCORED_AT_ONCE ? photos - first : SCORED_AT_ONCE;
        nn_begin(&t);
        real *x = nn_scratch(&t, count * d * sizeof *x);
        for (size_t i = 0; x && i < count * d; i++) x[i] = (real)means[first * d + i];
        nn_var *y = x ? cap_words_scores(&t, head, nn_input(&t, x, 2, (int[]){count, width})) : NULL;
        if (!y) code = err_no_memory(err, "for what is in photos");
        for (size_t i = 0; y && i < count * w; i++) scores[first * w + i] = (float)y->data[i];
    }
    arena_release(&memory);
    return code;
}

/* The photos of the fold, by the head that has not seen them. */
static err_code score_fold(const learner *a, int fold, float *scores, error *err)
{
    const cap_words_lesson *l = a->l;
    size_t d = l->width, w = words_of(l);
    int count = 0, at = 0;
    for (int i = 0; i < photos_of(l); i++) count += l->fold[i] == fold;
    float *means = malloc((count * d + 1) * sizeof *means), *found = malloc((count * w + 1) * sizeof *found);
    err_code code = means && found ? ERR_OK : err_no_memory(err, "for what is in photos");
    for (int i = 0; !code && i < photos_of(l); i++)
        if (l->fold[i] == fold) memcpy(means + at++ * d, l->means + i * d, d * sizeof *means);
    if (!code) code = cap_words_score(&a->head, means, count, l->width, a->run->threads, found, err);
    at = 0;
    for (int i = 0; !code && i < photos_of(l); i++)
        if (l->fold[i] == fold) memcpy(scores + i * w, found + at++ * w, w * sizeof *scores);
    free(means);
    free(found);
    return code;
}

err_code cap_words_score_folds(const cap_words_lesson *l, const cap_words_run *run, float *scores, error *err)
{
    long turns = l->turn ? l->turns : photos_of(l), done = 0;
    err_code code = ERR_OK;
    for (int fold = 0; !code && fold < CAP_WORDS_FOLDS; fold++) {
        learner a;
        code = learner_open(&a, l, run, fold, err);
        a.done = done;
        a.all = turns * EPOCHS * (CAP_WORDS_FOLDS - 1);
        if (!code && !fold) code = tell(&a, err);
        if (!code) code = learn(&a, err);
        if (!code) code = score_fold(&a, fold, scores, err);
        done = a.done;
        learner_close(&a);
    }
    return code;
}

err_code cap_words_teach(const cap_words_lesson *l, const cap_words_run *run, nn_params *params, error *err)
{
    learner a;
    err_code code = learner_open(&a, l, run, -1, err);
    a.all = (long)a.turns * EPOCHS;
    if (!code) code = tell(&a, err);
    if (!code) code = learn(&a, err);
    for (int i = 0; !code && i < a.params.count; i++) {
        const nn_param *from = a.params.list[i];
        nn_var *to = &nn_params_find(params, from->name)->var;
        memcpy(to->data, from->var.data, nn_count(to) * sizeof *to->data);
    }
    learner_close(&a);
    return code;
}

/* ---- how good they are ---- */

typedef struct ranked {
    float score;
    int photo;
    bool hit; /* a caption has the word */
} ranked;

static int best_first(const void *left, const void *right)
{
    const ranked *a = left, *b = right;
    if (a->score != b->score) return a->score < b->score ? 1 : -1;
    return a->photo - b->photo;
}

/* Mean, over the photos that have it, of the share of true ones among those ranked as high. */
static double average_precision(ranked *list, int photos)
{
    double sum = 0;
    int hits = 0;
    qsort(list, photos, sizeof *list, best_first);
    for (int i = 0; i < photos; i++)
        if (list[i].hit) sum += (double)++hits / (i + 1);
    return sum / hits;
}

/* true[word][photo]: whether a caption of the photo has the word. */
static void list_true(const cap_words_lesson *l, float *share, bool *is_true)
{
    size_t words = words_of(l), photos = photos_of(l);
    for (size_t i = 0; i < photos; i++) {
        cap_content_targets(l->content, l->captions, (int32_t)i, share);
        for (size_t w = 0; w < words; w++) is_true[w * photos + i] = share[w] > 0;
    }
}

err_code cap_words_judge(const cap_words_lesson *l, const float *scores, cap_words_precision *out, error *err)
{
    size_t words = words_of(l), photos = photos_of(l);
    bool *is_true = calloc(words * photos + 1, sizeof *is_true);
    float *share = calloc(words + 1, sizeof *share);
    ranked *list = calloc(photos + 1, sizeof *list);
    err_code code = is_true && share && list ? ERR_OK : err_no_memory(err, "for what is in photos");
    *out = (cap_words_precision){0};
    if (!code) list_true(l, share, is_true);
    for (size_t w = 0; !code && w < words; w++) {
        int hits = 0;
        for (size_t i = 0; i < photos; i++) {
            list[i] = (ranked){scores[i * words + w], (int)i, is_true[w * photos + i]};
            hits += list[i].hit;
        }
        if (hits < CAP_WORDS_JUDGED) continue;
        out->mean += average_precision(list, (int)photos);
        out->words++;
    }
    out->mean /= out->words ? out->words : 1;
    free(is_true);
    free(share);
    free(list);
    return code;
}
