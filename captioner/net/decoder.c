/* What all decoders share: settings with their JSON, and the way to a row. */
#include "captioner/net/decoder.h"

#include <stdlib.h>
#include <string.h>

#include "captioner/net/decoder_row.h"
#include "src/nn/activation.h"

#define FIELD(field, type) .name = #field, .kind = type, .offset = offsetof(cap_decoder_config, field)

static const io_field sizes[] = {
    {FIELD(features, IO_FIELD_INT), .least = 0, .most = 1 << 16},
    {FIELD(vocabulary, IO_FIELD_INT), .least = 1, .most = 1 << 22},
    {0},
};

const cap_decoder_row *cap_decoder_find(const char *name)
{
    for (const cap_decoder_row *const *r = cap_decoder_rows; *r; r++)
        if (!strcmp((*r)->name, name)) return *r;
    return NULL;
}

/* ---- settings ---- */

cap_decoder_config cap_decoder_defaults_of(const cap_decoder_row *row, bool texts)
{
    cap_decoder_config c = {.row = row};
    row->defaults(c.settings.bytes, texts);
    return c;
}

cap_decoder_config cap_decoder_defaults(void)
{
    return cap_decoder_defaults_of(cap_decoder_rows[0], false);
}

cap_decoder_config cap_decoder_text_defaults(void)
{
    return cap_decoder_defaults_of(cap_decoder_rows[0], true);
}

err_code cap_decoder_config_check(cap_decoder_config *c, error *err)
{
    err_code code = io_fields_check(sizes, c, "decoder size", err);
    if (!code) code = io_fields_check(c->row->fields, c->settings.bytes, "decoder setting", err);
    return code || !c->row->check ? code : c->row->check(c, err);
}

json_t *cap_decoder_config_to_json(const cap_decoder_config *c)
{
    io_json_build b = io_json_build_object();
    io_json_put_string(&b, b.root, "kind", c->row->name);
    io_fields_write(sizes, c, &b, b.root);
    io_fields_write(c->row->fields, c->settings.bytes, &b, b.root);
    return io_json_take(&b);
}

err_code cap_decoder_config_from_json(const json_t *o, const char *where, cap_decoder_config *c, error *err)
{
    const char *kind = cap_decoder_rows[0]->name;
    err_code code = json_object_get(o, "kind") ? io_json_string(o, "kind", where, &kind, err) : ERR_OK;
    if (code) return code;
    const cap_decoder_row *row = cap_decoder_find(kind);
    if (!row) return err_set(err, ERR_FORMAT, "%s: there is no decoder '%.40s' in this program", where, kind);
    *c = cap_decoder_defaults_of(row, false);
    code = io_fields_read(sizes, o, where, c, err);
    return code ? code : io_fields_read(row->fields, o, where, c->settings.bytes, err);
}

bool cap_decoder_config_attends(const cap_decoder_config *c)
{
    if (!c->features && !cap_decoder_config_takes_concepts(c)) return false;
    return c->row->attends && c->row->attends(c->settings.bytes);
}

err_code cap_decoder_config_take_concepts(cap_decoder_config *c, int styles, error *err)
{
    const io_field *takes = io_fields_find(c->row->fields, "concepts"),
                   *told = io_fields_find(c->row->fields, "styles");
    if (!takes || !told)
        return err_set(err, ERR_ARGUMENT, "the decoder '%s' takes no concepts; use '%s'", c->row->name,
                       cap_decoder_rows[0]->name);
    *io_field_switch(takes, c->settings.bytes) = true;
    *io_field_int(told, c->settings.bytes) = styles;
    return ERR_OK;
}

bool cap_decoder_config_takes_concepts(const cap_decoder_config *c)
{
    const io_field *f = io_fields_find(c->row->fields, "concepts");
    return f && *io_field_switch(f, c->settings.bytes);
}

int cap_decoder_config_styles(const cap_decoder_config *c)
{
    const io_field *f = io_fields_find(c->row->fields, "styles");
    return f ? *io_field_int(f, c->settings.bytes) : 0;
}

/* ---- the network ---- */

err_code cap_decoder_declare(cap_decoder *d, const cap_decoder_config *c, const char *prefix,
                             nn_params *params, error *err)
{
    *d = (cap_decoder){.config = *c, .net = calloc(1, c->row->net_bytes + 1)};
    if (!d->net) return err_no_memory(err, "for a decoder");
    d->takes_concepts = cap_decoder_config_takes_concepts(c);
    c->row->declare(d, prefix, params);
    return ERR_OK;
}

void cap_decoder_release(cap_decoder *d)
{
    if (d->net && d->config.row->release) d->config.row->release(d);
    free(d->net);
    *d = (cap_decoder){0};
}

bool cap_decoder_attends(const cap_decoder *d)
{
    return cap_decoder_config_attends(&d->config);
}

cap_memory cap_decoder_remember(nn_tape *t, const cap_decoder *d, const cap_encoded *encoded)
{
    cap_memory m = {.source = *encoded, .length = encoded->length, .memories = encoded->memories};
    if (encoded->states) {
        m.memories = encoded->states->dim[0];
        m.regions = m.states = encoded->states->dim[1];
    } else if (!m.memories && encoded->concepts) {
        m.memories = encoded->concepts->memories;
    }
    if (!t->failed && d->config.row->remember) d->config.row->remember(t, d, &m);
    return m;
}

cap_decoder_state cap_decoder_start(nn_tape *t, const cap_decoder *d, const cap_memory *m,
                                    const int32_t *memory_of, int n)
{
    cap_decoder_state first = {.rows = n};
    if (!t->failed && d->config.row->start) d->config.row->start(t, d, m, memory_of, n, &first);
    return first;
}

cap_step cap_decoder_step(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                          const cap_decoder_state *previous, const int32_t *word)
{
    cap_step s = {.state.rows = previous->rows};
    if (!t->failed) d->config.row->step(t, d, m, memory_of, previous, word, &s);
    return s;
}

nn_var *cap_decoder_logits(nn_tape *t, const cap_decoder *d, const cap_step *step)
{
    return t->failed ? NULL : d->config.row->logits(t, d, step->outlook);
}

nn_var *cap_for_rows(nn_tape *t, nn_var *x, const int32_t *memory_of, int n)
{
    return memory_of ? nn_gather(t, x, memory_of, n) : x;
}

/* ---- walks ---- */

/* Room for rows of `width` numbers: all there can ever be, and twice as wide as needed where a part grows
 * with the sentence. */
static bool make_room(cap_walk *w, cap_walk_part *p, size_t width)
{
    size_t most = w->most;
    if (most * width <= p->room) return true;
    size_t wide = p->room ? 2 * width : width;
    p->data = arena_array(w->mem, most * wide, sizeof *p->data);
    p->room = p->data ? most * wide : 0;
    return p->data;
}

/* Copies rows from[0..rows-1] of a part, NULL: the first ones. */
static bool keep_part(cap_walk *w, cap_walk_part *p, const nn_var *v, const int32_t *from, int rows)
{
    size_t width = nn_count(v) / v->dim[0];
    if (!make_room(w, p, width)) return false;
    p->rank = v->rank;
    memcpy(p->dim, v->dim, sizeof p->dim);
    p->dim[0] = rows;
    if (!from) memcpy(p->data, v->data, rows * width * sizeof *p->data);
    for (int i = 0; from && i < rows; i++)
        memcpy(p->data + i * width, v->data + from[i] * width, width * sizeof *p->data);
    return true;
}

static void keep_rows(cap_walk *w, const cap_decoder_state *s, const int32_t *from, int rows)
{
    if (w->tape->failed) return;
    w->rows = rows;
    w->parts = s->parts;
    for (int i = 0; i < s->parts; i++)
        if (!keep_part(w, &w->part[i], s->part[i], from, rows)) w->tape->failed = true;
}

void cap_walk_begin(cap_walk *w, const int32_t *memory_of, int rows)
{
    arena_mark mark = arena_save(w->tape->mem);
    cap_decoder_state first = cap_decoder_start(w->tape, w->decoder, w->memory, memory_of, rows);
    keep_rows(w, &first, NULL, rows);
    arena_rewind(w->tape->mem, mark);
}

cap_step cap_walk_step(const cap_walk *w, const int32_t *memory_of, const int32_t *word)
{
    cap_decoder_state state = {.rows = w->rows, .parts = w->parts};
    for (int i = 0; i < w->parts; i++)
        state.part[i] = nn_input(w->tape, w->part[i].data, w->part[i].rank, w->part[i].dim);
    return cap_decoder_step(w->tape, w->decoder, w->memory, memory_of, &state, word);
}

void cap_walk_keep(cap_walk *w, const cap_step *s, const int32_t *from, int rows)
{
    keep_rows(w, &s->state, from, rows);
}
