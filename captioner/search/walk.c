#include "captioner/search/walk.h"

#include <string.h>

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
