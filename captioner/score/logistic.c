#include "captioner/score/logistic.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/arena.h"

enum { K = CAP_LOGISTIC_MOST + 1, STEPS = 100 }; /* the last one is the bias */

/* Examples as they are fitted: scaled, a 1 behind each for the bias. */
typedef struct problem {
    const double *x, *share; /* [examples][k]; [examples] what each counts, 1 in all */
    const bool *yes;
    int examples, k; /* numbers and bias */
    double ridge;
} problem;

/* log(1 + e^z) without overflow. */
static double softplus(double z)
{
    return z > 0 ? z + log1p(exp(-z)) : log1p(exp(z));
}

static double dot(const double *a, const double *b, int k)
{
    double sum = 0;
    for (int i = 0; i < k; i++) sum += a[i] * b[i];
    return sum;
}

/* What is to be small: the mean loss and the penalty, which leaves the bias alone. */
static double loss_of(const problem *p, const double *w)
{
    double sum = 0;
    for (int i = 0; i < p->examples; i++) {
        double z = dot(p->x + (size_t)i * (size_t)p->k, w, p->k);
        sum += p->share[i] * (softplus(z) - (p->yes[i] ? z : 0));
    }
    return sum + p->ridge / 2 * dot(w, w, p->k - 1);
}

/* Gradient g[k] and Hessian h[k][K]. */
static void derive(const problem *p, const double *w, double *g, double (*h)[K])
{
    int k = p->k;
    for (int a = 0; a < k; a++) {
        double penalty = a < k - 1 ? p->ridge : 1e-12;
        g[a] = penalty * w[a];
        for (int b = 0; b < k; b++) h[a][b] = a == b ? penalty : 0;
    }
    for (int i = 0; i < p->examples; i++) {
        const double *x = p->x + (size_t)i * (size_t)k;
        double q = 1 / (1 + exp(-dot(x, w, k)));
        for (int a = 0; a < k; a++) {
            g[a] += p->share[i] * (q - p->yes[i]) * x[a];
            for (int b = 0; b < k; b++) h[a][b] += p->share[i] * q * (1 - q) * x[a] * x[b];
        }
    }
}

/* Solves h s = g for s by Cholesky's factors; h is symmetric and positive. */
static void solve(double (*h)[K], const double *g, double *s, int k)
{
    for (int a = 0; a < k; a++) {
        for (int b = 0; b <= a; b++) {
            double sum = h[a][b] - dot(h[a], h[b], b);
            h[a][b] = a == b ? sqrt(fmax(sum, 1e-300)) : sum / h[b][b];
        }
    }
    for (int a = 0; a < k; a++) s[a] = (g[a] - dot(h[a], s, a)) / h[a][a];
    for (int a = k - 1; a >= 0; a--) {
        for (int b = a + 1; b < k; b++) s[a] -= h[b][a] * s[b];
        s[a] /= h[a][a];
    }
}

static void minimise(const problem *p, double *w)
{
    double g[K], h[K][K], step[K], next[K], loss = loss_of(p, w);
    for (int n = 0; n < STEPS; n++) {
        derive(p, w, g, h);
        solve(h, g, step, p->k);
        double better = loss;
        for (double share = 1; share > 1e-6; share /= 2) {
            for (int a = 0; a < p->k; a++) next[a] = w[a] - share * step[a];
            better = loss_of(p, next);
            if (better < loss) break;
        }
        if (!(better < loss - 1e-13)) return;
        memcpy(w, next, (size_t)p->k * sizeof *w);
        loss = better;
    }
}

/* Mean and deviation of number a; a deviation of 0 where all are the same. */
static void measure(const cap_examples *e, const double *share, int a, double *mean, double *deviation)
{
    double squares = 0;
    const double *x = e->x + a;
    *mean = 0;
    for (int i = 0; i < e->count; i++) *mean += share[i] * x[(size_t)i * (size_t)e->numbers];
    for (int i = 0; i < e->count; i++) {
        double away = x[(size_t)i * (size_t)e->numbers] - *mean;
        squares += share[i] * away * away;
    }
    *deviation = sqrt(squares);
    if (*deviation < 1e-9 * (1 + fabs(*mean))) *deviation = 0;
}

static void scale(const cap_examples *e, const double *mean, const double *deviation, double *out)
{
    const double *x = e->x;
    for (int i = 0; i < e->count; i++) {
        for (int a = 0; a < e->numbers; a++, x++)
            *out++ = deviation[a] > 0 ? (*x - mean[a]) / deviation[a] : 0;
        *out++ = 1;
    }
}

static void share_out(const cap_examples *e, double *share)
{
    double sum = 0;
    for (int i = 0; i < e->count; i++) sum += e->importance ? e->importance[i] : 1;
    for (int i = 0; i < e->count; i++) share[i] = (e->importance ? e->importance[i] : 1) / sum;
}

err_code cap_logistic_fit(const cap_examples *e, double ridge, double *weight, double *bias, error *err)
{
    double mean[K], deviation[K], w[K] = {0};
    arena mem = {0};
    int k = e->numbers + 1;
    if (e->count < 1 || e->numbers < 0 || e->numbers > CAP_LOGISTIC_MOST)
        return err_set(err, ERR_ARGUMENT, "nothing can be fitted to %d examples of %d numbers", e->count,
                       e->numbers);
    double *scaled = arena_array(&mem, (size_t)e->count * (size_t)k, sizeof *scaled);
    double *share = arena_array(&mem, (size_t)e->count, sizeof *share);
    if (scaled && share) {
        share_out(e, share);
        for (int a = 0; a < e->numbers; a++) measure(e, share, a, &mean[a], &deviation[a]);
        scale(e, mean, deviation, scaled);
        minimise(&(problem){scaled, share, e->yes, e->count, k, ridge}, w);
    }
    arena_release(&mem);
    if (!scaled || !share) return err_no_memory(err, "for a regression");
    *bias = w[e->numbers];
    for (int a = 0; a < e->numbers; a++) {
        weight[a] = deviation[a] > 0 ? w[a] / deviation[a] : 0;
        *bias -= weight[a] * mean[a];
    }
    return ERR_OK;
}

/* ---- order ---- */

typedef struct ranked {
    double score;
    bool yes;
} ranked;

static int by_score(const void *left, const void *right)
{
    const double *a = left, *b = right; /* a ranked begins with its score */
    return (*a > *b) - (*a < *b);
}

double cap_auc(const double *score, const bool *yes, int examples)
{
    double wins = 0;
    int64_t no = 0, all_yes = 0;
    ranked *list = calloc((size_t)examples + 1, sizeof *list);
    if (!list) return -1;
    for (int i = 0; i < examples; i++) list[i] = (ranked){score[i], yes[i]};
    if (examples > 0) qsort(list, (size_t)examples, sizeof *list, by_score);
    for (int i = 0, end; i < examples; i = end) {
        int64_t y = 0;
        for (end = i; end < examples && !(list[end].score > list[i].score); end++) y += list[end].yes;
        int64_t n = end - i - y;
        wins += (double)y * ((double)no + (double)n / 2);
        no += n;
        all_yes += y;
    }
    free(list);
    return no && all_yes ? wins / ((double)no * (double)all_yes) : 0.5;
}

double cap_median(double *value, int count)
{
    if (count < 1) return 0;
    qsort(value, (size_t)count, sizeof *value, by_score);
    return (value[(count - 1) / 2] + value[count / 2]) / 2;
}
