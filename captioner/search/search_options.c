#include <math.h>

#include "captioner/search/search.h"

const cap_strategy_row cap_strategies[CAP_STRATEGIES] = {
    [CAP_BEAM] = {"beam", "keeps the likeliest beginnings of sentences"},
    [CAP_GREEDY] = {"greedy", "takes the likeliest word each time"},
    [CAP_DIVERSE] = {"diverse", "several beams that avoid each other's words"},
    [CAP_SAMPLE] = {"sample", "draws words by their probability"},
};

static double no_penalty(int length, double alpha)
{
    (void)length;
    (void)alpha;
    return 1;
}

static double mean_penalty(int length, double alpha)
{
    (void)alpha;
    return length;
}

static double gnmt_penalty(int length, double alpha)
{
    return pow((5.0 + length) / 6.0, alpha);
}

const cap_length_row cap_lengths[CAP_LENGTHS] = {
    [CAP_LENGTH_NONE] = {"none", no_penalty, "log-probability as it is, which favours short sentences"},
    [CAP_LENGTH_MEAN] = {"average", mean_penalty, "mean per word"},
    [CAP_LENGTH_GNMT] = {"gnmt", gnmt_penalty, "over ((5 + length) / 6)^alpha (Wu et al. 2016)"},
};

cap_search_options cap_search_defaults(void)
{
    return (cap_search_options){.strategy = CAP_BEAM,
                                .beam = 3,
                                .n_best = 1,
                                .groups = 3,
                                .diversity = 0.5,
                                .temperature = 1,
                                .top_p = 1,
                                .seed = 1,
                                .min_words = 1,
                                .max_words = 20,
                                .length = CAP_LENGTH_GNMT,
                                .length_alpha = 0.7,
                                .no_repeat = 3};
}

static err_code check_sentences(const cap_search_options *o, error *err)
{
    if (o->beam < 1 || o->beam > CAP_MAX_BEAM)
        return err_set(err, ERR_ARGUMENT, "beam is %d, it must be 1 to %d", o->beam, CAP_MAX_BEAM);
    if (o->n_best < 0 || o->n_best > CAP_MAX_BEAM)
        return err_set(err, ERR_ARGUMENT, "the sentences wanted are %d, they must be 1 to %d", o->n_best,
                       CAP_MAX_BEAM);
    if (o->max_words < 1 || o->max_words > CAP_MAX_WORDS)
        return err_set(err, ERR_ARGUMENT, "the most words are %d, they must be 1 to %d", o->max_words,
                       CAP_MAX_WORDS);
    if (o->min_words < 1 || o->min_words > o->max_words)
        return err_set(err, ERR_ARGUMENT, "the least words are %d, they must be 1 to %d, the most words",
                       o->min_words, o->max_words);
    return ERR_OK;
}

static err_code check_scores(const cap_search_options *o, error *err)
{
    if ((unsigned)o->length >= CAP_LENGTHS)
        return err_set(err, ERR_ARGUMENT, "there is no length normalisation number %d", (int)o->length);
    if (!(o->length_alpha >= 0 && o->length_alpha <= 10))
        return err_set(err, ERR_ARGUMENT, "alpha of the length is %g, it must be 0 to 10", o->length_alpha);
    if (!(o->coverage >= 0 && o->coverage <= 10))
        return err_set(err, ERR_ARGUMENT, "the weight of coverage is %g, it must be 0 to 10", o->coverage);
    return ERR_OK;
}

static err_code check_strategy(const cap_search_options *o, error *err)
{
    if ((unsigned)o->strategy >= CAP_STRATEGIES)
        return err_set(err, ERR_ARGUMENT, "there is no search strategy number %d", (int)o->strategy);
    if (o->strategy == CAP_GREEDY && o->n_best > 1)
        return err_set(err, ERR_ARGUMENT, "a greedy search finds one sentence, not %d; use a beam",
                       o->n_best);
    if (o->strategy == CAP_DIVERSE && (o->groups < 1 || o->groups > o->beam))
        return err_set(err, ERR_ARGUMENT, "the groups are %d, they must be 1 to %d, the beam", o->groups,
                       o->beam);
    if (o->strategy == CAP_DIVERSE && !(o->diversity >= 0 && o->diversity <= 100))
        return err_set(err, ERR_ARGUMENT, "diversity is %g, it must be 0 to 100", o->diversity);
    if (o->strategy != CAP_SAMPLE) return ERR_OK;
    if (!(o->temperature > 0 && o->temperature <= 100))
        return err_set(err, ERR_ARGUMENT, "temperature is %g, it must be above 0, up to 100", o->temperature);
    if (o->top_k < 0) return err_set(err, ERR_ARGUMENT, "top-k is %d, it must be 0 or more", o->top_k);
    if (!(o->top_p > 0 && o->top_p <= 1))
        return err_set(err, ERR_ARGUMENT, "top-p is %g, it must be above 0, up to 1", o->top_p);
    return ERR_OK;
}

static err_code check_rules(const cap_search_options *o, error *err)
{
    if (o->no_repeat < 0 || o->no_repeat > 20)
        return err_set(err, ERR_ARGUMENT, "n-grams of %d words cannot be kept from repeating, 0 to 20 can",
                       o->no_repeat);
    if (o->musts < 0 || o->musts > CAP_MAX_MUST)
        return err_set(err, ERR_ARGUMENT, "%d words must appear, at most %d can", o->musts, CAP_MAX_MUST);
    if (o->musts > o->max_words)
        return err_set(err, ERR_ARGUMENT, "%d words must appear in a sentence of at most %d", o->musts,
                       o->max_words);
    if (o->avoids < 0 || o->avoids > CAP_MAX_AVOID)
        return err_set(err, ERR_ARGUMENT, "%d words to avoid, at most %d can be", o->avoids, CAP_MAX_AVOID);
    if (o->danglings < 0 || o->danglings > CAP_MAX_DANGLING)
        return err_set(err, ERR_ARGUMENT, "%d dangling words, at most %d can be", o->danglings,
                       CAP_MAX_DANGLING);
    if (o->agains < 0 || o->agains > CAP_MAX_AGAIN)
        return err_set(err, ERR_ARGUMENT, "%d words that may be said again, at most %d can be", o->agains,
                       CAP_MAX_AGAIN);
    return ERR_OK;
}

err_code cap_search_check(const cap_search_options *o, error *err)
{
    err_code code = check_sentences(o, err);
    if (!code) code = check_scores(o, err);
    if (!code) code = check_strategy(o, err);
    return code ? code : check_rules(o, err);
}
