#include "captioner/search/samples.h"

#include <math.h>

#include "captioner/caption.h"
#include "datasets/vocab.h"
#include "src/base/rng.h"

/* Sets draws apart from those of dropout and of scheduled sampling, which share the seed. */
static const uint64_t DRAWS = 0xd4a3;

/* The rows that have not ended. */
typedef struct living {
    int count;
    int32_t *row, *memory, *previous, *from; /* [rows]; from: which of those before the step each was */
    int32_t *next;                           /* [rows] what is drawn at this step */
} living;

typedef struct draw_job {
    const nn_tape *tape;
    const cap_sample_options *options;
    const living *alive;
    int step;
    real *logits; /* [living, V], used up */
    int vocabulary;
} draw_job;

/* Words are walked by number, so that the last bits of a logit move a draw no further than to a neighbour. */
static int32_t draw_word(const kernels *k, real *x, int vocabulary, double u)
{
    x[DS_PAD] = x[DS_START] = x[DS_UNK] = -(real)INFINITY;
    double sum = 0, so_far = 0;
    k->vector.exp_shifted(x, k->vector.largest(x, vocabulary), x, vocabulary);
    for (int w = DS_END; w < vocabulary; w++) sum += (double)x[w];
    int32_t last = DS_END; /* also where the logits are no numbers, which the loss will show */
    for (int32_t w = DS_END; w < vocabulary; w++) {
        if (!(x[w] > 0)) continue;
        last = w;
        so_far += (double)x[w];
        if (so_far > u * sum) break;
    }
    return last;
}

static void draw_some(void *ctx, size_t begin, size_t end)
{
    const draw_job *j = ctx;
    for (size_t i = begin; i < end; i++) {
        uint64_t row = (uint64_t)j->options->part << 32 | (uint64_t)j->alive->row[i];
        rng r = {.seed = j->tape->seed ^ DRAWS,
                 .stream = j->tape->step,
                 .index = 2 * (row * (CAP_MAX_WORDS + 1) + (uint64_t)j->step)};
        j->alive->next[i] =
            draw_word(j->tape->k, j->logits + i * (size_t)j->vocabulary, j->vocabulary, rng_uniform(&r));
    }
}

static bool make_room(cap_samples *d, living *alive, arena *results, arena *scratch)
{
    size_t rows = (size_t)d->rows;
    d->word = arena_array(results, rows * (size_t)d->width, sizeof *d->word);
    d->length = arena_array(results, rows, sizeof *d->length);
    d->ended = arena_array(results, rows, sizeof *d->ended);
    int32_t **lists[] = {&alive->row, &alive->memory, &alive->previous, &alive->from, &alive->next};
    bool good = d->word && d->length && d->ended;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        *lists[i] = arena_array(scratch, rows, sizeof **lists[i]);
        good = good && *lists[i];
    }
    return good;
}

static void begin_rows(living *alive, int rows, int samples)
{
    alive->count = rows;
    for (int i = 0; i < rows; i++) {
        alive->row[i] = i;
        alive->memory[i] = i / samples;
        alive->previous[i] = DS_START;
    }
}

/* Writes down what was drawn; those that said <end> leave. */
static void note_words(living *alive, int step, cap_samples *d)
{
    int kept = 0;
    for (int i = 0; i < alive->count; i++) {
        int32_t row = alive->row[i], word = alive->next[i];
        d->word[(size_t)row * (size_t)d->width + (size_t)step] = word;
        d->length[row] = step + 1;
        d->ended[row] = word == DS_END;
        if (word == DS_END) continue;
        alive->row[kept] = row;
        alive->memory[kept] = alive->memory[i];
        alive->previous[kept] = word;
        alive->from[kept++] = i;
    }
    alive->count = kept;
}

static void take_step(cap_walk *w, const cap_sample_options *o, living *alive, int step, cap_samples *d)
{
    nn_tape *t = w->tape;
    cap_step out = cap_walk_step(w, alive->memory, alive->previous);
    nn_var *logits = cap_decoder_logits(t, w->decoder, &out);
    if (t->failed) return;
    draw_job j = {t, o, alive, step, logits->data, nn_last(logits)};
    nn_parallel(t, (size_t)alive->count, 4, draw_some, &j);
    note_words(alive, step, d);
    if (alive->count) cap_walk_keep(w, &out, alive->from, alive->count);
}

static void walk_all(cap_walk *w, const cap_sample_options *o, living *alive, cap_samples *d)
{
    nn_tape *t = w->tape;
    begin_rows(alive, d->rows, o->samples);
    cap_walk_begin(w, alive->memory, d->rows);
    for (int step = 0; step < d->width && alive->count && !t->failed; step++) {
        arena_mark mark = arena_save(t->mem);
        take_step(w, o, alive, step, d);
        arena_rewind(t->mem, mark);
    }
}

bool cap_sample_sentences(nn_tape *t, const cap_decoder *d, const cap_memory *m, const cap_sample_options *o,
                          arena *results, cap_samples *out)
{
    arena scratch = {0};
    living alive = {0};
    bool recording = t->recording, training = t->training;
    *out = (cap_samples){.rows = m->memories * o->samples, .width = o->max_words + 1};
    cap_walk walk = {.tape = t, .decoder = d, .memory = m, .mem = &scratch, .most = out->rows};
    t->recording = t->training = false;
    if (t->failed || !make_room(out, &alive, results, &scratch))
        t->failed = true;
    else
        walk_all(&walk, o, &alive, out);
    t->recording = recording;
    t->training = training;
    arena_release(&scratch);
    return !t->failed;
}
