/* Sampling: every row is a draw of its own. */
#include <math.h>

#include "captioner/search/search_state.h"
#include "datasets/vocab.h"

void cap_advance_draws(cap_state *s, int step, const cap_choice *top)
{
    for (int r = 0; r < s->now.count; r++) {
        if (top[r].word < 0) continue;
        cap_row row = s->now.at[r];
        row.log_p += top[r].log_probability;
        row.met = cap_rules_meet(s->options, row.met, top[r].word);
        if (top[r].word == DS_END)
            cap_finish(s, CAP_ENDED, r, step, row.log_p);
        else
            cap_state_grow(s, step, r, row, top[r].word, top[r].log_probability);
    }
}
