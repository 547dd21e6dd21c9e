#include "datasets/pairs.h"

#include "datasets/text_lines.h"
#include "src/base/list.h"
#include "src/base/rng.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { SPLIT_STREAM = 0x70616972 }; /* its own stream of random numbers under the seed */
#define MOST_PAIRS ((int64_t)INT32_MAX / 2)

static const char *const format_names[DS_PAIRS_FORMATS] = {"tsv", "dates"};

const char *ds_pairs_format_name(ds_pairs_format format)
{
    return format_names[format];
}

err_code ds_pairs_format_find(const char *name, ds_pairs_format *out, error *err)
{
    for (int i = 0; i < DS_PAIRS_FORMATS; i++) {
        if (strcmp(name, format_names[i])) continue;
        *out = (ds_pairs_format)i;
        return ERR_OK;
    }
    return err_set(err, ERR_ARGUMENT, "there is no format '%.40s' of pairs: tsv or dates", name);
}

/* ---- pairs ---- */

static const char while_reading[] = "while reading pairs of texts";

/* The arrays while they grow. */
typedef struct gatherer {
    const char **source, **target;
    int64_t *line, count, capacity;
    int64_t empty, first_empty;
} gatherer;

/* Room for one pair more. */
static bool grow_lists(gatherer *g)
{
    int64_t sources = g->capacity, targets = g->capacity, numbers = g->capacity;
    if (!LIST_ROOM(g->source, g->count, 1, sources) || !LIST_ROOM(g->target, g->count, 1, targets) ||
        !LIST_ROOM(g->line, g->count, 1, numbers))
        return false;
    g->capacity = numbers;
    return true;
}

static err_code put_pair(gatherer *g, const ds_text_lines *at, char *source, char *target, error *err)
{
    source = ds_text_trim(source);
    target = ds_text_trim(target);
    if (!*source || !*target) {
        if (!g->empty++) g->first_empty = at->number;
        return ERR_OK;
    }
    if (g->count >= MOST_PAIRS || g->empty >= MOST_PAIRS)
        return err_set(err, ERR_LIMIT, "cannot use '%.300s': more than %lld pairs", at->path,
                       (long long)MOST_PAIRS);
    if (!grow_lists(g)) return err_no_memory(err, while_reading);
    g->source[g->count] = source;
    g->target[g->count] = target;
    g->line[g->count++] = at->number;
    return ERR_OK;
}

/* Hands the arrays over to `out`, whose memory holds the texts. */
static err_code finish_pairs(gatherer *g, const char *path, ds_pairs *out, error *err)
{
    if (!g->count && !g->empty)
        return err_set(err, ERR_FORMAT, "cannot use '%.300s': the file is empty", path);
    if (!g->count)
        return err_set(err, ERR_FORMAT, "cannot use '%.300s': not one pair, a side of each line is empty",
                       path);
    size_t count = g->count;
    const char **source = arena_array(&out->memory, count, sizeof *source);
    const char **target = arena_array(&out->memory, count, sizeof *target);
    int64_t *line = arena_array(&out->memory, count, sizeof *line);
    if (!source || !target || !line) return err_no_memory(err, while_reading);
    memcpy(source, g->source, count * sizeof *source);
    memcpy(target, g->target, count * sizeof *target);
    memcpy(line, g->line, count * sizeof *line);
    out->source = source;
    out->target = target;
    out->line = line;
    out->count = (int32_t)count;
    out->empty = (int32_t)g->empty;
    out->first_empty = g->first_empty;
    return ERR_OK;
}

static err_code finish_or_release(gatherer *g, err_code code, const char *path, ds_pairs *out, error *err)
{
    if (!code) code = finish_pairs(g, path, out, err);
    free(g->source);
    free(g->target);
    free(g->line);
    if (code) ds_pairs_release(out);
    return code;
}

/* Cuts the line at its separator; *target is NULL when it has none. */
static void cut_line(char *line, ds_pairs_format format, char **target)
{
    char *at = format == DS_PAIRS_TSV ? strchr(line, '\t') : strrchr(line, '_');
    *target = at ? at + 1 : NULL;
    if (!at) return;
    *at = 0;
    char *more = format == DS_PAIRS_TSV ? strchr(at + 1, '\t') : NULL;
    if (more) *more = 0;
}

static err_code gather_one(ds_text_lines *l, ds_pairs_format format, gatherer *g, error *err)
{
    for (;;) {
        char *target;
        err_code code = ds_text_lines_next(l, err);
        if (code || !l->line) return code;
        cut_line(l->line, format, &target);
        char *source = l->line;
        if (!target && *ds_text_trim(source))
            return err_set(err, ERR_FORMAT,
                           "cannot read '%.300s': line %lld has no %s between source and target", l->path,
                           (long long)l->number, format == DS_PAIRS_TSV ? "tab" : "'_'");
        code = put_pair(g, l, source, target ? target : source, err);
        if (code) return code;
    }
}

err_code ds_pairs_read(const char *path, ds_pairs_format format, ds_pairs *out, error *err)
{
    gatherer g = {0};
    ds_text_lines l;
    *out = (ds_pairs){0};
    err_code code = ds_text_lines_open(&l, path, &out->memory, err);
    if (!code) code = gather_one(&l, format, &g, err);
    return finish_or_release(&g, code, path, out, err);
}

static err_code gather_two(ds_text_lines *s, ds_text_lines *t, gatherer *g, error *err)
{
    for (;;) {
        err_code code = ds_text_lines_next(s, err);
        if (!code) code = ds_text_lines_next(t, err);
        if (code || (!s->line && !t->line)) return code;
        if (!s->line || !t->line) break;
        code = put_pair(g, s, s->line, t->line, err);
        if (code) return code;
    }
    while (s->line || t->line) { /* how many lines the longer one has */
        err_code code = s->line ? ds_text_lines_next(s, err) : ds_text_lines_next(t, err);
        if (code) return code;
    }
    return err_set(err, ERR_FORMAT,
                   "'%.200s' has %lld lines and '%.200s' has %lld: line by line they must pair up", s->path,
                   (long long)s->number, t->path, (long long)t->number);
}

err_code ds_pairs_read_two(const char *source, const char *target, ds_pairs *out, error *err)
{
    gatherer g = {0};
    ds_text_lines s, t;
    *out = (ds_pairs){0};
    err_code code = ds_text_lines_open(&s, source, &out->memory, err);
    if (!code) code = ds_text_lines_open(&t, target, &out->memory, err);
    if (!code) code = gather_two(&s, &t, &g, err);
    return finish_or_release(&g, code, source, out, err);
}

void ds_pairs_release(ds_pairs *p)
{
    arena_release(&p->memory);
    *p = (ds_pairs){0};
}

/* ---- parting ---- */

static bool make_room(ds_pairs *p, int32_t count)
{
    *p = (ds_pairs){0};
    p->source = arena_array(&p->memory, count, sizeof *p->source);
    p->target = arena_array(&p->memory, count, sizeof *p->target);
    p->line = arena_array(&p->memory, count, sizeof *p->line);
    return p->source && p->target && p->line;
}

static void copy_pair(const ds_pairs *from, int32_t i, ds_pairs *to)
{
    to->source[to->count] = from->source[i];
    to->target[to->count] = from->target[i];
    to->line[to->count++] = from->line[i];
}

err_code ds_pairs_split(const ds_pairs *all, double share, uint64_t seed, ds_pairs *rest, ds_pairs *held,
                        error *err)
{
    *rest = *held = (ds_pairs){0};
    if (!(share > 0 && share < 1))
        return err_set(err, ERR_ARGUMENT, "a share of %g cannot be held out: between 0 and 1 is needed",
                       share);
    if (all->count < 2) return err_set(err, ERR_ARGUMENT, "a single pair cannot be parted");
    int32_t wanted = (int32_t)(share * all->count + 0.5), count = all->count;
    if (wanted < 1) wanted = 1;
    if (wanted > count - 1) wanted = count - 1;
    int32_t *order = malloc(count * sizeof *order);
    char *is_held = calloc(count, 1);
    bool ok = order && is_held && make_room(rest, count - wanted) && make_room(held, wanted);
    if (ok) {
        rng r = {.seed = seed, .stream = SPLIT_STREAM};
        for (int32_t i = 0; i < count; i++) order[i] = i;
        rng_shuffle(&r, order, count);
        for (int32_t i = 0; i < wanted; i++) is_held[order[i]] = 1;
        for (int32_t i = 0; i < count; i++) copy_pair(all, i, is_held[i] ? held : rest);
    }
    free(order);
    free(is_held);
    if (ok) return ERR_OK;
    ds_pairs_release(rest);
    ds_pairs_release(held);
    return err_no_memory(err, while_reading);
}
