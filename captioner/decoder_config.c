#include <string.h>

#include "captioner/decoder.h"
#include "src/io/json.h"
#include "src/io/json_build.h"

const char *const cap_attend_names[CAP_ATTENDS] = {"input", "output"};
const char *const cap_start_names[CAP_STARTS] = {"mean", "last", "copy"};
const char *const cap_output_names[CAP_OUTPUTS] = {"tied", "full"};

cap_decoder_config cap_decoder_defaults(void)
{
    return (cap_decoder_config){.embedding = 256,
                                .hidden = 512,
                                .attention = 256,
                                .projection = 512,
                                .layers = 1,
                                .match = NN_MATCH_SIGMOID,
                                .gate = true,
                                .rectify = true,
                                .dropout = 0.5};
}

cap_decoder_config cap_decoder_text_defaults(void)
{
    return (cap_decoder_config){.embedding = 256,
                                .hidden = 256,
                                .attention = 256,
                                .layers = 1,
                                .match = NN_MATCH_SIGMOID,
                                .attend = CAP_ATTEND_OUTPUT,
                                .start = CAP_START_LAST,
                                .dropout = 0.2};
}

cap_decoder_config cap_decoder_textbook(void)
{
    return (cap_decoder_config){.embedding = 16,
                                .hidden = 256,
                                .attention = 256,
                                .layers = 1,
                                .match = NN_MATCH_DOT,
                                .attend = CAP_ATTEND_OUTPUT,
                                .start = CAP_START_COPY,
                                .output = CAP_OUTPUT_FULL,
                                .fixed_gain = true};
}

typedef struct size_row {
    const char *name;
    size_t offset;
    int least, most;
} size_row;

static const size_row sizes[] = {
    {"features", offsetof(cap_decoder_config, features), 1, 1 << 16},
    {"vocabulary", offsetof(cap_decoder_config, vocabulary), 1, 1 << 22},
    {"embedding", offsetof(cap_decoder_config, embedding), 1, 1 << 14},
    {"hidden", offsetof(cap_decoder_config, hidden), 1, 1 << 14},
    {"attention", offsetof(cap_decoder_config, attention), 1, 1 << 14},
    {"projection", offsetof(cap_decoder_config, projection), 0, 1 << 14},
    {"layers", offsetof(cap_decoder_config, layers), 1, CAP_MAX_LAYERS},
};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static int *size_at(cap_decoder_config *c, int i)
{
    return (int *)(void *)((char *)c + sizes[i].offset);
}

/* Settings that are one of a few names. */
typedef struct name_row {
    const char *name;
    size_t offset;
    const char *const *values;
    int count;
} name_row;

static const name_row names[] = {
    {"attend", offsetof(cap_decoder_config, attend), cap_attend_names, CAP_ATTENDS},
    {"start", offsetof(cap_decoder_config, start), cap_start_names, CAP_STARTS},
    {"output", offsetof(cap_decoder_config, output), cap_output_names, CAP_OUTPUTS},
};
enum { NAMES = sizeof names / sizeof names[0] };

/* The enumerations have no negative values, so each is as wide as an unsigned int. */
static unsigned *name_at(cap_decoder_config *c, int i)
{
    return (unsigned *)(void *)((char *)c + names[i].offset);
}

typedef struct switch_row {
    const char *name;
    size_t offset;
} switch_row;

static const switch_row switches[] = {
    {"fixed_gain", offsetof(cap_decoder_config, fixed_gain)}, {"peek", offsetof(cap_decoder_config, peek)},
    {"residual", offsetof(cap_decoder_config, residual)},     {"gate", offsetof(cap_decoder_config, gate)},
    {"rectify", offsetof(cap_decoder_config, rectify)},
};
enum { SWITCHES = sizeof switches / sizeof switches[0] };

static bool *switch_at(cap_decoder_config *c, int i)
{
    return (bool *)(void *)((char *)c + switches[i].offset);
}

err_code cap_decoder_config_check(cap_decoder_config *c, error *err)
{
    bool inner = c->match == NN_MATCH_DOT || c->match == NN_MATCH_SCALED_DOT;
    if (inner && (c->projection || c->features != c->hidden)) c->projection = c->hidden;
    for (int i = 0; i < SIZES; i++) {
        int n = *size_at(c, i);
        if (n < sizes[i].least || n > sizes[i].most)
            return err_set(err, ERR_ARGUMENT, "decoder size '%s' is %d, it must be %d to %d", sizes[i].name,
                           n, sizes[i].least, sizes[i].most);
    }
    for (int i = 0; i < NAMES; i++)
        if (*name_at(c, i) >= (unsigned)names[i].count)
            return err_set(err, ERR_ARGUMENT, "decoder setting '%s' has no value %u", names[i].name,
                           *name_at(c, i));
    if (c->start == CAP_START_COPY && c->features != c->hidden)
        return err_set(
            err, ERR_ARGUMENT,
            "an encoder state of %d numbers cannot be copied into a decoder state of %d; make them "
            "equal, or start from 'last'",
            c->features, c->hidden);
    if (!(c->dropout >= 0 && c->dropout < 1))
        return err_set(err, ERR_ARGUMENT, "dropout is %g, it must be at least 0 and below 1", c->dropout);
    return ERR_OK;
}

json_t *cap_decoder_config_to_json(const cap_decoder_config *c)
{
    cap_decoder_config copy = *c;
    io_json_build b = io_json_build_object();
    for (int i = 0; i < SIZES; i++) io_json_put_int(&b, b.root, sizes[i].name, *size_at(&copy, i));
    io_json_put_string(&b, b.root, "match", nn_match_rows[c->match].name);
    for (int i = 0; i < NAMES; i++)
        io_json_put_string(&b, b.root, names[i].name, names[i].values[*name_at(&copy, i)]);
    for (int i = 0; i < SWITCHES; i++) io_json_put_bool(&b, b.root, switches[i].name, *switch_at(&copy, i));
    io_json_put_number(&b, b.root, "dropout", c->dropout);
    return io_json_take(&b);
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

/* The first models have none of these settings; what came with them came together. */
static bool may_lack(const json_t *o, const char *name)
{
    static const char *const later[] = {"layers", "attend", "start", "output", "residual", "gate", "rectify"};
    bool is_later = false, any = false;
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        is_later = is_later || !strcmp(name, later[i]);
        any = any || json_object_get(o, later[i]);
    }
    return is_later && !any;
}

static err_code sizes_from_json(const json_t *o, const char *where, cap_decoder_config *c, error *err)
{
    for (int i = 0; i < SIZES; i++) {
        json_t *n = json_object_get(o, sizes[i].name);
        json_int_t value = json_integer_value(n);
        if (!n && may_lack(o, sizes[i].name)) continue;
        if (!json_is_integer(n) || value < sizes[i].least || value > sizes[i].most)
            return err_set(err, ERR_FORMAT, "%s: '%s' must be an integer from %d to %d", where, sizes[i].name,
                           sizes[i].least, sizes[i].most);
        *size_at(c, i) = (int)value;
    }
    return ERR_OK;
}

static err_code names_from_json(const json_t *o, const char *where, cap_decoder_config *c, error *err)
{
    for (int i = 0; i < NAMES; i++) {
        json_t *n = json_object_get(o, names[i].name);
        if (!n && may_lack(o, names[i].name)) continue;
        const char *text = json_string_value(n);
        unsigned value = 0, count = (unsigned)names[i].count;
        while (text && value < count && strcmp(text, names[i].values[value])) value++;
        if (!text || value == count)
            return n ? err_set(err, ERR_FORMAT, "%s: '%s' has a value that is not known", where,
                               names[i].name)
                     : err_set(err, ERR_FORMAT, "%s: '%s' is missing", where, names[i].name);
        *name_at(c, i) = value;
    }
    return ERR_OK;
}

static err_code switches_from_json(const json_t *o, const char *where, cap_decoder_config *c, error *err)
{
    for (int i = 0; i < SWITCHES; i++) {
        int on;
        if (!json_object_get(o, switches[i].name) && may_lack(o, switches[i].name)) continue;
        err_code code = io_json_bool(o, switches[i].name, where, &on, err);
        if (code) return code;
        *switch_at(c, i) = on;
    }
    return ERR_OK;
}

err_code cap_decoder_config_from_json(const json_t *o, const char *where, cap_decoder_config *c, error *err)
{
    *c = cap_decoder_defaults();
    err_code code = sizes_from_json(o, where, c, err);
    if (!code) code = match_from_name(json_string_value(json_object_get(o, "match")), where, &c->match, err);
    if (!code) code = names_from_json(o, where, c, err);
    if (!code) code = switches_from_json(o, where, c, err);
    if (!code) code = io_json_number(o, "dropout", where, &c->dropout, err);
    if (code) return code;
    if (!(c->dropout >= 0 && c->dropout < 1))
        return err_set(err, ERR_FORMAT, "%s: 'dropout' must be at least 0 and below 1", where);
    return cap_decoder_config_check(c, err);
}
