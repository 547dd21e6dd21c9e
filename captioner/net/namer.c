/* What all namers share: settings with their JSON, names and their words, and the choice of concepts. */
#include "captioner/net/namer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- settings ---- */

_Static_assert(sizeof(cap_objects_settings) <= CAP_NAMER_BYTES, "the settings must fit a config");
_Static_assert(sizeof(cap_words_settings) <= CAP_NAMER_BYTES, "the settings must fit a config");

static cap_namer_config config_of(cap_namer_kind kind, const void *settings)
{
    cap_namer_config c = {.row = cap_namer_rows[kind]};
    if (settings)
        memcpy(c.settings.bytes, settings, c.row->settings_bytes);
    else
        c.row->defaults(c.settings.bytes);
    return c;
}

cap_namer_config cap_objects_config(const cap_objects_settings *s)
{
    return config_of(CAP_NAMER_OBJECTS, s);
}

cap_namer_config cap_words_config(const cap_words_settings *s, const cap_names *names)
{
    cap_namer_config c = config_of(CAP_NAMER_WORDS, s);
    c.names = *names;
    return c;
}

const cap_naming *cap_naming_of(const cap_namer_config *c)
{
    return (const cap_naming *)(const void *)c->settings.bytes;
}

const char *cap_namer_prefix(cap_namer_kind kind)
{
    static const char *const prefixes[CAP_NAMERS] = {
        [CAP_NAMER_OBJECTS] = "objects.", [CAP_NAMER_WORDS] = "words."};
    return prefixes[kind];
}

void cap_namer_config_release(cap_namer_config *c)
{
    cap_names_release(&c->names);
    *c = (cap_namer_config){0};
}

/* ---- files ---- */

json_t *cap_namers_to_json(const cap_namer *namers)
{
    io_json_build b = io_json_build_object();
    for (int i = 0; i < CAP_NAMERS; i++) {
        const cap_namer_config *c = &namers[i].config;
        if (!c->row) continue;
        json_t *o = io_json_put_object(&b, b.root, c->row->name);
        io_fields_write(c->row->fields, c->settings.bytes, &b, o);
        c->row->write(c, &b, o);
    }
    return io_json_take(&b);
}

static const cap_namer_row *find_row(const char *name)
{
    for (int i = 0; i < CAP_NAMERS; i++)
        if (!strcmp(cap_namer_rows[i]->name, name)) return cap_namer_rows[i];
    return NULL;
}

static err_code read_namer(const char *name, const json_t *value, const char *where, cap_namer_config *all,
                           error *err)
{
    const cap_namer_row *row = find_row(name);
    if (!row)
        return err_set(err, ERR_UNSUPPORTED, "%.300s: there is no namer '%.40s' in this program", where,
                       name);
    char inside[360];
    snprintf(inside, sizeof inside, "%.300s: '%s'", where, name);
    cap_namer_config *c = &all[row->kind];
    *c = config_of(row->kind, NULL);
    err_code code = io_fields_read(row->fields, value, inside, c->settings.bytes, err);
    if (!code) code = io_fields_only(row->fields, value, row->further, inside, err);
    return code ? code : row->read(value, inside, c, err);
}

err_code cap_namers_from_json(const json_t *object, const char *where, cap_namer_config *configs, error *err)
{
    const char *name;
    json_t *value;
    err_code code = ERR_OK;
    for (int i = 0; i < CAP_NAMERS; i++) configs[i] = (cap_namer_config){0};
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if ((code = read_namer(name, value, where, configs, err))) break;
    }
    for (int i = 0; code && i < CAP_NAMERS; i++) cap_namer_config_release(&configs[i]);
    return code;
}

/* ---- life ---- */

static err_code declare(cap_namer *n, int width, const ds_vocab *vocab, nn_params *params, error *err)
{
    const cap_namer_row *row = n->config.row;
    err_code code = io_fields_check(row->fields, n->config.settings.bytes, row->name, err);
    if (code) return code;
    n->net = calloc(1, row->net_bytes);
    if (!n->net) return err_no_memory(err, "for the namer '%s'", row->name);
    if ((code = row->declare(n, width, params, err))) return code;
    int names = n->config.names.count;
    n->word = malloc(((size_t)names + 1) * sizeof *n->word);
    if (!n->word) return err_no_memory(err, "for %d names", names);
    for (int i = 0; i < names; i++)
        if (!row->find(vocab, n->config.names.list[i], &n->word[i][0], &n->word[i][1]))
            n->word[i][0] = n->word[i][1] = DS_UNK;
    return ERR_OK;
}

err_code cap_namer_declare(cap_namer *n, const cap_namer_config *c, int width, const ds_vocab *vocab,
                           nn_params *params, error *err)
{
    *n = (cap_namer){.config = *c};
    err_code code = declare(n, width, vocab, params, err);
    if (code) cap_namer_undo(n, c);
    return code;
}

void cap_namer_undo(cap_namer *n, const cap_namer_config *c)
{
    if (c->names.list) n->config.names = (cap_names){0};
    cap_namer_release(n);
}

void cap_namer_release(cap_namer *n)
{
    if (n->net && n->config.row->release) n->config.row->release(n);
    free(n->net);
    free(n->word);
    cap_namer_config_release(&n->config);
    *n = (cap_namer){0};
}

err_code cap_namer_prepare(cap_namer *n, error *err)
{
    return n->config.row && n->config.row->prepare ? n->config.row->prepare(n, err) : ERR_OK;
}

const real *cap_namer_factors(const cap_namer *n, const nn_var *weight)
{
    return n->config.row && n->config.row->factors ? n->config.row->factors(n, weight) : NULL;
}

/* ---- naming ---- */

bool cap_namers_exist(const cap_namer *namers)
{
    bool any = false;
    for (int i = 0; i < CAP_NAMERS; i++) any |= namers[i].config.row != NULL;
    return any;
}

bool cap_namers_know(const cap_namer *namers, int32_t word)
{
    for (int i = 0; i < CAP_NAMERS; i++)
        for (int j = 0; namers[i].config.row && j < namers[i].config.names.count; j++)
            if (namers[i].word[j][0] == word || namers[i].word[j][1] == word) return word != DS_UNK;
    return false;
}

bool cap_namers_need_regions(const cap_namer *namers)
{
    bool any = false;
    for (int i = 0; i < CAP_NAMERS; i++) any |= namers[i].config.row && namers[i].config.row->needs_regions;
    return any;
}

int cap_namers_square(const cap_namer *namers)
{
    int side = 0;
    for (int i = 0; i < CAP_NAMERS; i++) {
        const cap_namer_row *row = namers[i].config.row;
        if (row && row->square) side = row->square(&namers[i].config);
    }
    return side;
}

err_code cap_namer_see(nn_tape *t, const cap_namer *n, const cap_look *look, double least, cap_sightings *out,
                       error *err)
{
    const cap_namer_row *row = n->config.row;
    *out = (cap_sightings){.photos = look->photos, .most = row->room(n)};
    out->list = nn_scratch(t, (size_t)out->photos * out->most * sizeof *out->list);
    out->count = nn_alloc(t, out->photos * sizeof *out->count);
    if (t->failed) return err_no_memory(err, "for what is in %d photos", look->photos);
    return row->see(t, n, look, least, out, err);
}

int cap_namer_choose(const cap_namer *n, const cap_sighting *list, int count, cap_concept *out)
{
    const cap_naming *s = cap_naming_of(&n->config);
    int chosen = 0, of_name[CAP_MOST_NAMED];
    for (int i = 0; i < count && chosen < s->most && (double)list[i].confidence >= s->least; i++) {
        const int32_t *word = n->word[list[i].name];
        int same = 0;
        for (int k = 0; k < chosen; k++) same += of_name[k] == list[i].name;
        if (word[0] == DS_UNK || same >= n->config.row->most_of_name) continue;
        of_name[chosen] = list[i].name;
        out[chosen] = (cap_concept){.first = word[0],
                                    .last = word[1],
                                    .namer = n->config.row->kind,
                                    .confidence = list[i].confidence};
        memcpy(out[chosen++].box, list[i].box, sizeof list[i].box);
    }
    return chosen;
}

/* The namer's concepts behind those of the others. */
static err_code add_named(nn_tape *t, const cap_namer *n, const cap_look *look, int most, cap_concept *list,
                          int32_t *count, error *err)
{
    cap_sightings seen;
    err_code code = cap_namer_see(t, n, look, cap_naming_of(&n->config)->least, &seen, err);
    for (int m = 0; !code && m < look->photos; m++)
        count[m] += cap_namer_choose(n, seen.list + (size_t)m * seen.most, seen.count[m],
                                     list + (size_t)m * most + count[m]);
    return code;
}

err_code cap_namers_name(nn_tape *t, const cap_namer *namers, const cap_look *look, cap_concepts *out,
                         error *err)
{
    int most = 0;
    for (int i = 0; i < CAP_NAMERS; i++)
        if (namers[i].config.row) most += cap_naming_of(&namers[i].config)->most;
    cap_concept *list = nn_alloc(t, (size_t)look->photos * most * sizeof *list);
    int32_t *count = nn_alloc(t, look->photos * sizeof *count);
    *out = (cap_concepts){.memories = look->photos, .most = most, .list = list, .count = count};
    if (t->failed) return err_no_memory(err, "for what is in %d photos", look->photos);
    err_code code = ERR_OK;
    for (int i = 0; !code && i < CAP_NAMERS; i++)
        if (namers[i].config.row) code = add_named(t, &namers[i], look, most, list, count, err);
    return code;
}
