#include "tools/decoding.h"

#include <string.h>

#include "captioner/search/search.h"

decoding decoding_defaults(cap_reads reads)
{
    decoding d = {.request = cap_request_defaults(reads)};
    d.strategy = cap_strategies[d.request.strategy].name;
    d.length = cap_lengths[d.request.length].name;
    return d;
}

/* An option that would change nothing is a mistake: better said than passed over. */
static err_code check_use(const cap_request *o, error *err)
{
    const cap_request plain = cap_request_defaults(CAP_PHOTOS);
    bool draws = o->temperature < plain.temperature || o->temperature > plain.temperature || o->top_k ||
                 o->top_p < 1 || o->seed != plain.seed;
    bool groups =
        o->groups != plain.groups || o->diversity < plain.diversity || o->diversity > plain.diversity;
    bool alpha = o->length_alpha < plain.length_alpha || o->length_alpha > plain.length_alpha;
    if (draws && o->strategy != CAP_SAMPLE)
        return err_set(err, ERR_ARGUMENT, "--temperature, --top-k, --top-p and --seed need --decode sample");
    if (groups && o->strategy != CAP_DIVERSE)
        return err_set(err, ERR_ARGUMENT, "--groups and --diversity need --decode diverse");
    if (alpha && o->length != CAP_LENGTH_GNMT)
        return err_set(err, ERR_ARGUMENT, "--alpha needs --length gnmt");
    return cap_request_check(NULL, o, err);
}

err_code decoding_apply(decoding *d, error *err)
{
    for (int i = 0; i < CAP_STRATEGIES; i++)
        if (!strcmp(d->strategy, cap_strategies[i].name)) d->request.strategy = (cap_strategy)i;
    for (int i = 0; i < CAP_LENGTHS; i++)
        if (!strcmp(d->length, cap_lengths[i].name)) d->request.length = (cap_length)i;
    d->request.n_best = d->n_best ? d->n_best : 1;
    d->request.must = d->must;
    d->request.avoid = d->avoid;
    return check_use(&d->request, err);
}
