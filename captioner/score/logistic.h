/* Logistic regression on a handful of numbers, and how well a number tells two kinds apart.
 *
 *     double x[N][K], weight[K], bias;
 *     bool yes[N];
 *     cap_logistic_fit(&(cap_examples){&x[0][0], yes, NULL, N, K}, 1e-3, weight, &bias, &err);
 *     p = 1 / (1 + exp(-(bias + sum of weight[k] * x[k])));
 *     cap_auc(p_of_each, yes, N)
 *
 * The penalised likelihood is concave; its maximum is found by Newton's method (iteratively reweighted least
 * squares; Hastie, Tibshirani, Friedman 2009, "The Elements of Statistical Learning", 4.4.1), with steps that
 * are halved as long as they make things worse. Same numbers in, same bits out. */
#ifndef CAPTIONER_LOGISTIC_H
#define CAPTIONER_LOGISTIC_H

#include <stdbool.h>

#include "src/base/error.h"

enum { CAP_LOGISTIC_MOST = 32 }; /* numbers K of an example */

typedef struct cap_examples {
    const double *x;          /* [count][numbers] of any scale */
    const bool *yes;          /* [count] what is to be told */
    const double *importance; /* [count] how much each counts, above 0; NULL: all the same */
    int count, numbers;       /* N, K */
} cap_examples;

/* Each number is centred and divided by its deviation for fitting; one that is the same everywhere gets weight
 * 0. `ridge`, above 0, times half the squared (scaled) weights is taken off the mean log-likelihood, so that
 * kinds which can be told apart perfectly get finite weights. weight[numbers] and *bias are of the numbers as
 * given. Errors: ARGUMENT (no examples, too many numbers), MEMORY. */
err_code cap_logistic_fit(const cap_examples *e, double ridge, double *weight, double *bias, error *err);

/* The area under the curve: how often the score of a `yes` is above that of a no, 0..1, ties counting half
 * (Mann and Whitney's U over its most). 0.5 where there is only one kind; -1 when memory is out. */
double cap_auc(const double *score, const bool *yes, int examples);

/* The middle one of the values, or the mean of the middle two; 0 of none. Reorders them. */
double cap_median(double *value, int count);

#endif
