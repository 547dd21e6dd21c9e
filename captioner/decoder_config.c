#include <string.h>

#include "captioner/decoder.h"

cap_decoder_config cap_decoder_defaults(void)
{
    return (cap_decoder_config){.embedding = 256,
                                .hidden = 512,
                                .attention = 256,
                                .projection = 512,
                                .match = NN_MATCH_SIGMOID,
                                .dropout = 0.5};
}

typedef struct size_row {
    const char *name;
    size_t offset;
    int most;
} size_row;

static const size_row sizes[] = {
    {"features", offsetof(cap_decoder_config, features), 1 << 16},
    {"vocabulary", offsetof(cap_decoder_config, vocabulary), 1 << 22},
    {"embedding", offsetof(cap_decoder_config, embedding), 1 << 14},
    {"hidden", offsetof(cap_decoder_config, hidden), 1 << 14},
    {"attention", offsetof(cap_decoder_config, attention), 1 << 14},
    {"projection", offsetof(cap_decoder_config, projection), 1 << 14},
};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static int *size_at(cap_decoder_config *c, int i)
{
    return (int *)(void *)((char *)c + sizes[i].offset);
}

err_code cap_decoder_config_check(cap_decoder_config *c, error *err)
{
    if (c->match == NN_MATCH_DOT || c->match == NN_MATCH_SCALED_DOT) c->projection = c->hidden;
    for (int i = 0; i < SIZES; i++) {
        int n = *size_at(c, i);
        if (n < 1 || n > sizes[i].most)
            return err_set(err, ERR_ARGUMENT, "decoder size '%s' is %d, it must be 1 to %d", sizes[i].name, n,
                           sizes[i].most);
    }
    if (!(c->dropout >= 0 && c->dropout < 1))
        return err_set(err, ERR_ARGUMENT, "dropout is %g, it must be at least 0 and below 1", c->dropout);
    return ERR_OK;
}

json_t *cap_decoder_config_to_json(const cap_decoder_config *c)
{
    cap_decoder_config copy = *c;
    json_t *o = json_object();
    for (int i = 0; i < SIZES; i++) json_object_set_new(o, sizes[i].name, json_integer(*size_at(&copy, i)));
    json_object_set_new(o, "match", json_string(nn_match_rows[c->match].name));
    json_object_set_new(o, "fixed_gain", json_boolean(c->fixed_gain));
    json_object_set_new(o, "peek", json_boolean(c->peek));
    json_object_set_new(o, "dropout", json_real(c->dropout));
    return o;
}

static err_code match_from_name(const char *name, const char *where, nn_match_kind *out, error *err)
{
    for (int i = 0; name && i < NN_MATCH_COUNT; i++)
        if (!strcmp(name, nn_match_rows[i].name)) {
            *out = (nn_match_kind)i;
            return ERR_OK;
        }
    return err_set(err, ERR_FORMAT, "%s: 'match' names no matching function", where);
}

err_code cap_decoder_config_from_json(const json_t *o, const char *where, cap_decoder_config *c, error *err)
{
    *c = cap_decoder_defaults();
    for (int i = 0; i < SIZES; i++) {
        json_t *n = json_object_get(o, sizes[i].name);
        json_int_t value = json_integer_value(n);
        if (!json_is_integer(n) || value < 1 || value > sizes[i].most)
            return err_set(err, ERR_FORMAT, "%s: '%s' must be an integer from 1 to %d", where, sizes[i].name,
                           sizes[i].most);
        *size_at(c, i) = (int)value;
    }
    err_code code = match_from_name(json_string_value(json_object_get(o, "match")), where, &c->match, err);
    if (code) return code;
    c->fixed_gain = json_is_true(json_object_get(o, "fixed_gain"));
    c->peek = json_is_true(json_object_get(o, "peek"));
    c->dropout = json_number_value(json_object_get(o, "dropout"));
    if (!(c->dropout >= 0 && c->dropout < 1))
        return err_set(err, ERR_FORMAT, "%s: 'dropout' must be at least 0 and below 1", where);
    return cap_decoder_config_check(c, err);
}
