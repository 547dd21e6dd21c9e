/* N-grams as tensors of a file. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "captioner/net/ngram.h"

/* ---- writing ---- */

typedef struct writer {
    cap_ngram_tensors *room;
    io_tensor_entry *out;
    int count;
} writer;

static void put(writer *w, int k, const char *part, io_dtype type, int64_t length, const void *values)
{
    int i = w->count;
    if (!values) return;
    snprintf(w->room->name[i], sizeof w->room->name[i], "ngram.%d.%s", k, part);
    w->room->shape[i] = length;
    w->out[w->count++] = (io_tensor_entry){w->room->name[i], type, 1, &w->room->shape[i], NULL, values};
}

int cap_ngram_entries(const cap_ngram *m, cap_ngram_tensors *room, io_tensor_entry *out)
{
    writer w = {room, out, 0};
    for (int k = 1; k <= m->order; k++) {
        const cap_ngram_level *l = &m->level[k - 1];
        put(&w, k, "word", IO_I32, l->count, l->word);
        put(&w, k, "first", IO_I32, (int64_t)l->count + 1, l->first);
        put(&w, k, "shorter", IO_I32, l->count, l->shorter);
        put(&w, k, "log_p", IO_F32, l->count, l->log_p);
        put(&w, k, "backoff", IO_F32, l->count, l->backoff);
    }
    return w.count;
}

/* ---- reading ---- */

static const io_tensor *find_tensor(const io_tensors *file, int k, const char *part)
{
    char name[32];
    snprintf(name, sizeof name, "ngram.%d.%s", k, part);
    return io_tensors_find(file, name);
}

/* How many n-grams there are of k words, as the logarithms tell. */
static err_code count_level(const io_tensors *file, int k, int32_t *count, error *err)
{
    const io_tensor *t = find_tensor(file, k, "log_p");
    if (!t)
        return err_set(err, ERR_MISMATCH, "'%.300s': tensor 'ngram.%d.log_p' is missing",
                       io_tensors_name(file), k);
    if (t->rank != 1 || t->shape[0] > INT32_MAX - 1)
        return err_set(err, ERR_FORMAT, "'%.300s': tensor 'ngram.%d.log_p' is no list of n-grams",
                       io_tensors_name(file), k);
    *count = (int32_t)t->shape[0];
    return ERR_OK;
}

/* `to` has room where the model has such an array. */
static err_code read_array(const io_tensors *file, int k, const char *part, io_dtype type, int64_t length,
                           void *to, error *err)
{
    if (!to) return ERR_OK;
    const io_tensor *t = find_tensor(file, k, part);
    if (!t || t->dtype != type || t->rank != 1 || t->shape[0] != length)
        return err_set(err, ERR_MISMATCH, "'%.300s': tensor 'ngram.%d.%s' is not %lld numbers of type %s",
                       io_tensors_name(file), k, part, (long long)length, io_dtype_name(type));
    if (t->bytes) memcpy(to, t->data, t->bytes);
    io_tensors_forget(file, t);
    return ERR_OK;
}

static err_code read_level(const io_tensors *file, int k, cap_ngram_level *l, error *err)
{
    err_code code = read_array(file, k, "word", IO_I32, l->count, l->word, err);
    if (!code) code = read_array(file, k, "first", IO_I32, (int64_t)l->count + 1, l->first, err);
    if (!code) code = read_array(file, k, "shorter", IO_I32, l->count, l->shorter, err);
    if (!code) code = read_array(file, k, "log_p", IO_F32, l->count, l->log_p, err);
    return code ? code : read_array(file, k, "backoff", IO_F32, l->count, l->backoff, err);
}

/* ---- what a query relies on ---- */

static bool are_logs(const float *x, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        if (isnan(x[i]) || x[i] > 1e-3F) return false;
    return true;
}

/* Continuations are all n-grams of the next level, in their order. */
static bool are_places(const int32_t *first, int32_t n, int32_t next)
{
    if (first[0] != 0 || first[n] != next) return false;
    for (int32_t i = 0; i < n; i++)
        if (first[i + 1] < first[i]) return false;
    return true;
}

static bool are_below(const int32_t *x, int32_t n, int32_t most)
{
    for (int32_t i = 0; i < n; i++)
        if (x[i] < 0 || x[i] >= most) return false;
    return true;
}

/* The continuations of every n-gram rise, so that one can be looked for by halves. */
static bool are_sorted(const cap_ngram_level *l, const int32_t *word)
{
    for (int32_t i = 0; i < l->count; i++)
        for (int32_t j = l->first[i] + 1; j < l->first[i + 1]; j++)
            if (word[j] <= word[j - 1]) return false;
    return true;
}

static bool is_sound(const cap_ngram *m, int k)
{
    const cap_ngram_level *l = &m->level[k - 1], *next = l + 1;
    if (!are_logs(l->log_p, l->count) || (l->word && !are_below(l->word, l->count, m->vocabulary)))
        return false;
    if (k == m->order) return true;
    return are_logs(l->backoff, l->count) && are_places(l->first, l->count, next->count) &&
           are_sorted(l, next->word) && (!l->shorter || are_below(l->shorter, l->count, l[-1].count));
}

err_code cap_ngram_load(const io_tensors *file, int order, int vocabulary, cap_ngram *out, error *err)
{
    int32_t count[CAP_NGRAM_MOST] = {0};
    *out = (cap_ngram){0};
    err_code code = ERR_OK;
    for (int k = 1; k <= order && !code; k++) code = count_level(file, k, &count[k - 1], err);
    if (!code && count[0] != vocabulary)
        code = err_set(err, ERR_MISMATCH, "'%.300s': there are %d words, and numbers for %d",
                       io_tensors_name(file), vocabulary, (int)count[0]);
    if (!code) code = cap_ngram_allocate(out, order, count, err);
    for (int k = 1; k <= order && !code; k++) code = read_level(file, k, &out->level[k - 1], err);
    for (int k = 1; k <= order && !code; k++)
        if (!is_sound(out, k))
            code = err_set(err, ERR_FORMAT, "'%.300s': the n-grams of %d words are damaged",
                           io_tensors_name(file), k);
    if (code) cap_ngram_release(out);
    return code;
}
