/* Inside search and force: the likeliest words after each row. */
#ifndef CAPTIONER_SEARCH_RANK_H
#define CAPTIONER_SEARCH_RANK_H

#include "src/nn/tape.h"

typedef struct cap_choice {
    double log_probability; /* of the word, by a softmax over the whole vocabulary */
    int32_t word;           /* -1: there are no more choices */
} cap_choice;

/* top[rows][keep] of logits [rows, V], best first, equal ones by word number. <pad>, <start> and <unk> are no
 * choices, <end> is one when `may_end`. A row whose logits are not numbers has no choices. */
void cap_rank_rows(nn_tape *t, const nn_var *logits, bool may_end, int keep, cap_choice *top);

/* ln of the sum of e^logit, n >= 1; not finite when a logit is not a number. */
double cap_log_sum_exp(const real *logits, int n);

#endif
