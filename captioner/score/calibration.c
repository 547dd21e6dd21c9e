#include "captioner/score/calibration.h"

#include <math.h>
#include <stdbool.h>

#include "captioner/score/ngrams.h"
#include "captioner/score/ptb.h"

static err_code read_references(cap_ngrams *known, const char *const *reference, int references, arena *mem,
                                error *err)
{
    err_code code = ERR_OK;
    for (int i = 0; !code && i < references; i++) {
        cap_tokens tokens;
        uint32_t number;
        code = cap_ptb_tokens(reference[i], mem, &tokens, err);
        for (size_t j = 0; !code && j < tokens.count; j++)
            code = cap_ngrams_word(known, tokens.token[j], &number, err);
    }
    return code;
}

static void count_word(cap_calibration *c, double probability, bool occurs)
{
    int i = (int)(probability * CAP_CALIBRATION_BINS);
    if (i >= CAP_CALIBRATION_BINS) i = CAP_CALIBRATION_BINS - 1;
    c->words++;
    c->bin[i].words++;
    c->bin[i].occur += occurs;
    c->bin[i].probability += probability;
}

/* A word of a model may be several tokens to the scorer ("dog's"): it occurs where all of them do. */
static err_code add_word(cap_calibration *c, const cap_ngrams *known, const char *word, double probability,
                         arena *mem, error *err)
{
    cap_tokens tokens;
    err_code code = cap_ptb_tokens(word, mem, &tokens, err);
    if (code || !tokens.count || !(probability >= 0)) return code;
    bool occurs = true;
    for (size_t i = 0; i < tokens.count; i++)
        occurs = occurs && cap_ngrams_find_word(known, tokens.token[i]) != CAP_NOT_THERE;
    count_word(c, probability, occurs);
    return ERR_OK;
}

err_code cap_calibration_add(cap_calibration *c, const char *const *word, const float *probability, int words,
                             const char *const *reference, int references, error *err)
{
    arena mem = {0};
    cap_ngrams known = {0};
    err_code code = read_references(&known, reference, references, &mem, err);
    for (int i = 0; !code && i < words; i++)
        code = add_word(c, &known, word[i], (double)probability[i], &mem, err);
    cap_ngrams_release(&known);
    arena_release(&mem);
    return code;
}

double cap_calibration_error(const cap_calibration *c)
{
    double sum = 0;
    for (int i = 0; i < CAP_CALIBRATION_BINS; i++)
        sum += fabs(c->bin[i].probability - (double)c->bin[i].occur);
    return c->words ? sum / (double)c->words : 0;
}
