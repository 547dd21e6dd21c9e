/* What may be asked of attention while training: parts of a loss, made of the weights of all steps.
 *
 *     nn_var *spread = nn_coverage_penalty(t, alpha, length, steps);
 *     nn_var *evenness = nn_attention_entropy(t, alpha, length, steps);
 *     nn_var *astray = nn_attention_astray(t, alpha, wanted, steps);
 *
 * alpha[step] is [N_step, L], the weights of the first N_step askers, N_step falling as captions end. length [N_0]
 * says how many states each asker sees, the others have weight 0 and count for nothing; NULL: all L. */
#ifndef NN_ATTENTION_PENALTY_H
#define NN_ATTENTION_PENALTY_H

#include "src/nn/tape.h"

/* The doubly stochastic regulariser (Xu et al. 2015, eq. 14): the mean over askers of sum_l (1 - sum_t
 * alpha_t[n, l])^2, a pull towards looking at every region about once. */
nn_var *nn_coverage_penalty(nn_tape *t, nn_var *const *alpha, const int32_t *length, int steps);

/* The mean over all askers and steps of the entropy of alpha, as a share of the greatest possible, ln of the
 * asker's length: in 0..1, 1 when attention is even. Who sees one state has no choice and is left out. As a
 * penalty it makes attention choose. */
nn_var *nn_attention_entropy(nn_tape *t, nn_var *const *alpha, const int32_t *length, int steps);

/* The mean of -ln(weight on wanted states) over the askers that want some: 0 where all look nowhere else.
 * wanted[step] is [N_step, L], not 0: this state, and borrowed until backward; NULL: of that step nobody wants
 * anything. 0 where nobody does at all. (Liu, Mao, Sha, Yuille: "Attention Correctness in Neural Image
 * Captioning", AAAI 2017, with a set of right states in the place of a distribution over them.) */
nn_var *nn_attention_astray(nn_tape *t, nn_var *const *alpha, const uint8_t *const *wanted, int steps);

#endif
