#include "captioner/score/calibration.h"

#include <math.h>

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

void cap_calibration_count(cap_calibration *c, double probability, bool occurs)
{
    int i = (int)(probability * CAP_CALIBRATION_BINS);
    if (i >= CAP_CALIBRATION_BINS) i = CAP_CALIBRATION_BINS - 1;
    c->words++;
    c->bin[i].words++;
    c->bin[i].occur += occurs;
    c->bin[i].probability += probability;
}

/* A word of a model may be several tokens to the scorer ("dog's"): it occurs where all of them do. */
static err_code find_word(const cap_ngrams *known, const char *word, arena *mem, signed char *occurs,
                          error *err)
{
    cap_tokens tokens;
    err_code code = cap_ptb_tokens(word, mem, &tokens, err);
    if (code) return code;
    *occurs = tokens.count ? 1 : -1;
    for (size_t i = 0; i < tokens.count; i++)
        if (cap_ngrams_find_word(known, tokens.token[i]) == CAP_NOT_THERE) *occurs = 0;
    return ERR_OK;
}

err_code cap_calibration_find(const char *const *word, int words, const char *const *reference,
                              int references, signed char *occurs, error *err)
{
    arena mem = {0};
    cap_ngrams known = {0};
    err_code code = read_references(&known, reference, references, &mem, err);
    for (int i = 0; !code && i < words; i++) code = find_word(&known, word[i], &mem, &occurs[i], err);
    cap_ngrams_release(&known);
    arena_release(&mem);
    return code;
}

err_code cap_calibration_add(cap_calibration *c, const char *const *word, const float *probability, int words,
                             const char *const *reference, int references, error *err)
{
    arena mem = {0};
    signed char *occurs = arena_array(&mem, (size_t)words, sizeof *occurs);
    err_code code = occurs ? cap_calibration_find(word, words, reference, references, occurs, err)
                           : err_no_memory(err, "for words");
    for (int i = 0; !code && i < words; i++)
        if (occurs[i] >= 0 && probability[i] >= 0)
            cap_calibration_count(c, (double)probability[i], occurs[i] > 0);
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
