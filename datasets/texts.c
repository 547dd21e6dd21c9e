#include "datasets/texts.h"

#include "src/base/list.h"
#include "src/base/rng.h"

#include <stdlib.h>
#include <string.h>

enum { SPLIT_STREAM = 0x74657874 }; /* its own stream of random numbers under the seed */

static err_code no_memory(error *err)
{
    return err_no_memory(err, "while reading texts");
}

/* The lines while they grow. */
typedef struct gatherer {
    const char **line;
    int32_t count, empty;
    int64_t capacity;
} gatherer;

static err_code gather(const char *path, arena *memory, gatherer *g, error *err)
{
    ds_text_lines l;
    err_code code = ds_text_lines_open(&l, path, memory, err);
    while (!code && !(code = ds_text_lines_next(&l, err)) && l.line) {
        char *text = ds_text_trim(l.line);
        if (!*text && g->empty == INT32_MAX)
            return err_set(err, ERR_LIMIT, "cannot use '%.300s': too many empty lines", path);
        if (!*text)
            g->empty++;
        else if (LIST_ROOM(g->line, g->count, 1, g->capacity))
            g->line[g->count++] = text;
        else
            return no_memory(err);
    }
    if (!code && !g->count)
        code = err_set(err, ERR_FORMAT, "cannot use '%.300s': %s", path,
                       g->empty ? "every line is empty" : "the file is empty");
    return code;
}

err_code ds_texts_read(const char *path, ds_texts *out, error *err)
{
    gatherer g = {0};
    *out = (ds_texts){0};
    err_code code = gather(path, &out->memory, &g, err);
    if (!code && !(out->line = arena_array(&out->memory, (size_t)g.count, sizeof *out->line)))
        code = no_memory(err);
    if (!code) memcpy(out->line, g.line, (size_t)g.count * sizeof *g.line);
    free(g.line);
    if (code) {
        ds_texts_release(out);
        return code;
    }
    out->count = g.count;
    out->empty = g.empty;
    return ERR_OK;
}

void ds_texts_release(ds_texts *t)
{
    arena_release(&t->memory);
    *t = (ds_texts){0};
}

/* ---- parting ---- */

static bool make_room(ds_texts *t, int32_t count)
{
    *t = (ds_texts){0};
    t->line = arena_array(&t->memory, (size_t)count, sizeof *t->line);
    return t->line;
}

err_code ds_texts_split(const ds_texts *all, double share, uint64_t seed, ds_texts *rest, ds_texts *held,
                        error *err)
{
    *rest = *held = (ds_texts){0};
    if (!(share > 0 && share < 1))
        return err_set(err, ERR_ARGUMENT, "a share of %g cannot be held out: between 0 and 1 is needed",
                       share);
    if (all->count < 2) return err_set(err, ERR_ARGUMENT, "a single text cannot be parted");
    int32_t wanted = (int32_t)(share * all->count + 0.5), count = all->count;
    if (wanted < 1) wanted = 1;
    if (wanted > count - 1) wanted = count - 1;
    arena scratch = {0};
    int32_t *order = arena_array(&scratch, (size_t)count, sizeof *order);
    bool *is_held = arena_array(&scratch, (size_t)count, sizeof *is_held);
    bool good = order && is_held && make_room(rest, count - wanted) && make_room(held, wanted);
    if (good) {
        rng r = {.seed = seed, .stream = SPLIT_STREAM};
        for (int32_t i = 0; i < count; i++) order[i] = i;
        rng_shuffle(&r, order, count);
        for (int32_t i = 0; i < wanted; i++) is_held[order[i]] = true;
        for (int32_t i = 0; i < count; i++) {
            ds_texts *to = is_held[i] ? held : rest;
            to->line[to->count++] = all->line[i];
        }
    }
    arena_release(&scratch);
    if (good) return ERR_OK;
    ds_texts_release(rest);
    ds_texts_release(held);
    return no_memory(err);
}
