#include "captioner/net/ngram_decoder.h"

/* cap_decoder.net */
typedef struct network {
    cap_ngram model;
    cap_ngram_tensors tensors; /* of the file that is being written */
} network;

_Static_assert((int)CAP_NGRAM_TENSORS <= (int)CAP_MOST_TABLES, "the tensors must fit a file's list");

#define FIELD(field, type) .name = #field, .kind = type, .offset = offsetof(cap_ngram_settings, field)

static const io_field fields[] = {
    {FIELD(order, IO_FIELD_INT), .least = 1, .most = CAP_NGRAM_MOST},
    {FIELD(smoothing, IO_FIELD_CHOICE), .choice = cap_smoothing_name,
     .help = "n-grams: how what was never seen gets its share; none: it is impossible"},
    {0},
};

cap_ngram_settings *cap_ngram_settings_of(cap_decoder_config *c)
{
    return (cap_ngram_settings *)(void *)c->settings.bytes;
}

cap_ngram *cap_ngram_of(cap_decoder *d)
{
    return &((network *)d->net)->model;
}

static const cap_ngram *model_of(const cap_decoder *d)
{
    return &((const network *)d->net)->model;
}

static void defaults(void *settings, bool texts)
{
    (void)texts;
    *(cap_ngram_settings *)settings = (cap_ngram_settings){.order = 5};
}

static err_code check(cap_decoder_config *c, error *err)
{
    if (!c->features) return ERR_OK;
    return err_set(err, ERR_ARGUMENT, "n-grams predict words from words: they can look at nothing else");
}

static void declare(cap_decoder *d, const char *prefix, nn_params *params)
{
    (void)d;
    (void)prefix;
    (void)params;
}

static err_code load(cap_decoder *d, const io_tensors *file, error *err)
{
    return cap_ngram_load(file, cap_ngram_settings_of(&d->config)->order, d->config.vocabulary,
                          cap_ngram_of(d), err);
}

static int tables(const cap_decoder *d, io_tensor_entry *out)
{
    network *n = d->net;
    return cap_ngram_entries(&n->model, &n->tensors, out);
}

static void release(cap_decoder *d)
{
    cap_ngram_release(cap_ngram_of(d));
}

/* ---- states as numbers, which are exact up to 2^24 ---- */

enum { WORDS, HIGH, LOW, PARTS, HALF = 1 << 16 };

static void write_state(cap_ngram_state s, real *to)
{
    to[WORDS] = (real)s.words;
    to[HIGH] = (real)(s.at / HALF);
    to[LOW] = (real)(s.at % HALF);
}

static cap_ngram_state read_state(const real *from)
{
    return (cap_ngram_state){(int)from[WORDS], (int32_t)from[HIGH] * HALF + (int32_t)from[LOW]};
}

/* Nothing was said: the search begins by saying <start>. */
static void start(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of, int n,
                  cap_decoder_state *out)
{
    (void)d;
    (void)m;
    (void)memory_of;
    out->parts = 1;
    out->part[0] = nn_input(t, nn_alloc(t, (size_t)n * PARTS * sizeof(real)), 2, (int[]){n, PARTS});
}

static void step(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                 const cap_decoder_state *previous, const int32_t *word, cap_step *out)
{
    (void)m;
    (void)memory_of;
    int n = previous->rows;
    real *states = nn_alloc(t, (size_t)n * PARTS * sizeof *states);
    if (!states) return;
    for (int i = 0; i < n; i++) {
        cap_ngram_state s = read_state(previous->part[0]->data + i * PARTS);
        cap_ngram_say(model_of(d), &s, word[i]);
        write_state(s, states + i * PARTS);
    }
    out->state.parts = 1;
    out->state.part[0] = out->outlook[0] = nn_input(t, states, 2, (int[]){n, PARTS});
}

typedef struct telling {
    const cap_ngram *model;
    const real *state; /* [N][PARTS] */
    real *logits;      /* [N][V] */
} telling;

static void tell_rows(void *ctx, size_t begin, size_t end)
{
    const telling *job = ctx;
    for (size_t i = begin; i < end; i++)
        cap_ngram_all(job->model, read_state(job->state + i * PARTS),
                      job->logits + i * (size_t)job->model->vocabulary);
}

/* Logarithms of probabilities are logits whose sum is 1. */
static nn_var *logits(nn_tape *t, const cap_decoder *d, nn_var *const *outlook)
{
    int n = outlook[0]->dim[0], vocabulary = d->config.vocabulary;
    telling job = {model_of(d), outlook[0]->data, nn_alloc(t, (size_t)n * (size_t)vocabulary * sizeof(real))};
    if (t->failed) return NULL;
    nn_parallel(t, (size_t)n, 1, tell_rows, &job);
    return nn_input(t, job.logits, 2, (int[]){n, vocabulary});
}

static void judge(const cap_decoder *d, const int32_t *word, int words, double *log_p)
{
    cap_ngram_state s = {0};
    cap_ngram_say(model_of(d), &s, DS_START);
    for (int i = 0; i < words; i++) log_p[i] = cap_ngram_say(model_of(d), &s, word[i]);
}

const cap_decoder_row cap_decoder_ngram = {.name = "ngram",
                                           .about = "counts of words behind words",
                                           .fields = fields,
                                           .settings_bytes = sizeof(cap_ngram_settings),
                                           .net_bytes = sizeof(network),
                                           .defaults = defaults,
                                           .check = check,
                                           .declare = declare,
                                           .start = start,
                                           .step = step,
                                           .logits = logits,
                                           .load = load,
                                           .tables = tables,
                                           .release = release,
                                           .judge = judge};
