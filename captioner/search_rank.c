#include "captioner/search_rank.h"

#include <math.h>
#include <string.h>

#include "datasets/vocab.h"
#include "src/math/kernels.h"

enum { CHUNK = 256 };

/* log of the sum of e^x, the sum in double: a vocabulary has thousands of small terms. */
double cap_log_sum_exp(const real *x, int n)
{
    const kernels *k = kernels_get(cpu_get_level());
    real most = x[0], e[CHUNK];
    for (int i = 1; i < n; i++)
        if (x[i] > most) most = x[i];
    double sum = 0;
    for (int i = 0; i < n; i += CHUNK) {
        int m = n - i < CHUNK ? n - i : CHUNK;
        for (int j = 0; j < m; j++) e[j] = x[i + j] - most;
        k->vexp(e, e, m);
        for (int j = 0; j < m; j++) sum += (double)e[j];
    }
    return (double)most + log(sum);
}

/* Puts (value, word) into the `n` best found so far, at most `keep`; returns the new n. Words come in rising
 * order, so what is equal stays behind what is there. */
static int insert(cap_choice *top, int n, int keep, double value, int32_t word)
{
    int at = n < keep ? n++ : keep - 1;
    while (at > 0 && top[at - 1].log_probability < value) {
        top[at] = top[at - 1];
        at--;
    }
    top[at] = (cap_choice){value, word};
    return n;
}

static void rank_row(const real *x, int vocabulary, bool may_end, int keep, cap_choice *top)
{
    double total = cap_log_sum_exp(x, vocabulary);
    int n = 0;
    double floor = -INFINITY;
    for (int32_t word = DS_END; word < vocabulary && isfinite(total); word++) {
        bool is_choice = word >= DS_SPECIALS || (word == DS_END && may_end);
        if (!is_choice || !((double)x[word] > floor)) continue;
        n = insert(top, n, keep, (double)x[word], word);
        if (n == keep) floor = top[n - 1].log_probability;
    }
    for (int i = 0; i < keep; i++)
        if (i < n)
            top[i].log_probability -= total;
        else
            top[i] = (cap_choice){-INFINITY, -1};
}

typedef struct rank_job {
    const nn_var *logits;
    bool may_end;
    int keep;
    cap_choice *top;
} rank_job;

static void rank_chunk(void *ctx, size_t begin, size_t end)
{
    const rank_job *j = ctx;
    int v = nn_last(j->logits);
    for (size_t r = begin; r < end; r++)
        rank_row(j->logits->data + r * (size_t)v, v, j->may_end, j->keep, j->top + r * (size_t)j->keep);
}

void cap_rank_rows(nn_tape *t, const nn_var *logits, bool may_end, int keep, cap_choice *top)
{
    rank_job j = {logits, may_end, keep, top};
    nn_parallel(t, (size_t)nn_rows(logits), 4, rank_chunk, &j);
}
