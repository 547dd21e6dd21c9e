/* Inside search: what may be said next. The rules are those of search.h. */
#ifndef CAPTIONER_SEARCH_RULES_H
#define CAPTIONER_SEARCH_RULES_H

#include "captioner/search/search.h"

/* The rules that give way when nothing else is left to say, one after the other. */
typedef enum {
    CAP_ALL_RULES,     /* none has given way */
    CAP_MAY_SAY_AGAIN, /* any word may be said again */
    CAP_MAY_REPEAT,    /* and n-grams may repeat */
    CAP_MAY_DANGLE,    /* and the last word may be a dangling one */
    CAP_RULE_LEVELS,   /* how many there are */
} cap_rule_level;

typedef struct cap_prefix {
    const int32_t *word; /* [words] said so far, those that were given and max_words at most */
    int words;
    int given;    /* of them, the first ones, which the search was given: they are not counted */
    uint32_t met; /* bit i: must[i] was said */
    cap_rule_level level;
} cap_prefix;

/* The words of the options against a vocabulary: ARGUMENT when one is no word of it, is wanted twice, or both
 * wanted and avoided, or when none is left to say. */
err_code cap_rules_check(const cap_search_options *o, int vocabulary, error *err);

/* `met` after `word`. */
uint32_t cap_rules_meet(const cap_search_options *o, uint32_t met, int32_t word);

/* Sets logits[vocabulary] of what may not be said after the prefix to -infinity, <end> included. */
void cap_rules_ban(const cap_search_options *o, int vocabulary, const cap_prefix *p, real *logits);

#endif
