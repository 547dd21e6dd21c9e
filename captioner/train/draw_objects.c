/* Drawing what a detector gives: what it finds of an object that is there, and what it finds that is not. */
#include <stdlib.h>
#include <string.h>

#include "captioner/train/draw_parts.h"
#include "src/base/list.h"

enum { KNOWN_PHOTOS = 20 }; /* of known objects that make a measure */

static const char while_measuring[] = "while measuring what is seen in photos";

/* ---- what is in a photo ---- */

/* What there is of each class in a photo or group. */
typedef struct draw_there {
    bool is[DRAW_CLASSES];    /* in it, as far as is known */
    bool named[DRAW_CLASSES]; /* in its captions */
} draw_there;

static void find_named(const draw_objects *o, const draw_captions *c, int32_t image, draw_there *t)
{
    const ds_encoded *e = c->encoded;
    *t = (draw_there){0};
    for (int32_t i = c->first[image]; i < c->first[image] + c->count[image]; i++)
        cap_object_names_find(&o->names, e->words + e->first[i], (int)(e->first[i + 1] - e->first[i]),
                              t->named);
}

/* From the list of a group; without one from its captions. */
static void find_there(const draw_objects *o, int32_t group, draw_there *t)
{
    const ds_captions_only *g = o->groups;
    if (group < 0 || !g->listed[group]) {
        memcpy(t->is, t->named, sizeof t->is);
        return;
    }
    for (int64_t i = g->first[group]; i < g->first[group + 1]; i++)
        if (g->object[i] < o->classes) t->is[g->object[i]] = true;
}

/* ---- which photos are known ---- */

typedef struct draw_known {
    int64_t id;
    int32_t group;
} draw_known;

static int by_id(const void *left, const void *right)
{
    const draw_known *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

static void look_up(const draw_photos *p, const int64_t *id, const draw_known *list, int32_t count,
                    int32_t *group)
{
    for (int32_t i = 0; i < p->photos; i++) {
        const draw_known key = {.id = id[i]}, *found = NULL;
        if (p->own[i] && count) found = bsearch(&key, list, count, sizeof key, by_id);
        if (found) group[i] = found->group;
    }
}

/* group[photos]: the group that is the photo's own, its objects listed; -1: none. Ids are of a source: those
 * of photos of another style are not asked for. */
static err_code find_known(const draw_photos *p, const cap_draw_source *s, int32_t *group, error *err)
{
    for (int32_t i = 0; i < p->photos; i++) group[i] = -1;
    if (!s->groups || !s->id) return ERR_OK;
    const ds_captions *c = &s->groups->captions;
    draw_known *list = malloc(((size_t)c->images + 1) * sizeof *list);
    int32_t count = 0;
    if (!list) return err_no_memory(err, while_measuring);
    for (int32_t i = 0; i < c->images; i++)
        if (s->groups->listed[i]) list[count++] = (draw_known){c->image[i].id, i};
    if (count) qsort(list, count, sizeof *list, by_id);
    look_up(p, s->id, list, count, group);
    free(list);
    return ERR_OK;
}

/* ---- measuring ---- */

static double least_of(const draw_objects *o)
{
    return cap_naming_of(&o->namer->config)->least;
}

static bool add_found(draw_objects *o, int64_t place)
{
    if (!LIST_ROOM(o->found, o->founds, 1, o->found_room)) return false;
    o->found[o->founds++] = place;
    return true;
}

/* Ends the run that began with `first`. */
static bool add_run(draw_objects *o, draw_runs *runs, int64_t first)
{
    draw_run run = {first, (int32_t)(o->founds - first)};
    if (!LIST_ROOM(runs->run, runs->count, 1, runs->room)) return false;
    runs->run[runs->count++] = run;
    runs->met += run.count > 0;
    return true;
}

static draw_runs *cell_of(draw_objects *o, int32_t class, const draw_there *t)
{
    return &o->cell[class == o->person][t->named[class]];
}

/* The sightings of a class in a photo, or of all that are not there (class -1), as one run. */
static bool measure_run(draw_objects *o, int32_t photo, int32_t class, const draw_there *t, draw_runs *runs)
{
    const cap_named *n = o->named;
    int64_t first = o->founds;
    for (int64_t k = n->first[photo]; k < n->first[photo + 1]; k++) {
        const cap_sighting *f = &n->found[k];
        bool wanted = class < 0 ? !t->is[f->name] : f->name == class;
        if (o->founds - first >= DRAW_SEEN / 4) break;
        if (wanted && (double)f->confidence >= least_of(o) && !add_found(o, k)) return false;
    }
    return add_run(o, runs, first);
}

static bool measure_photo(draw_objects *o, const draw_photos *p, int32_t photo, int32_t group)
{
    draw_there t;
    find_named(o, &p->captions, photo, &t);
    find_there(o, group, &t);
    for (int32_t c = 0; c < o->classes; c++)
        if (t.is[c] && !measure_run(o, photo, c, &t, cell_of(o, c, &t))) return false;
    return measure_run(o, photo, -1, &t, &o->wrong);
}

static err_code measure_photos(draw_objects *o, const draw_photos *p, const cap_draw_source *s, error *err)
{
    int32_t known = 0, *group = malloc(((size_t)p->photos + 1) * sizeof *group);
    if (!group) return err_no_memory(err, while_measuring);
    err_code code = find_known(p, s, group, err);
    for (int32_t i = 0; !code && i < p->photos; i++) known += group[i] >= 0;
    o->known = known >= KNOWN_PHOTOS;
    for (int32_t i = 0; !code && i < p->photos; i++) {
        if (o->known && group[i] < 0) continue;
        if (!measure_photo(o, p, i, o->known ? group[i] : -1)) code = err_no_memory(err, while_measuring);
    }
    free(group);
    return code;
}

err_code draw_objects_measure(draw_objects *o, const draw_photos *p, const cap_draw_source *s, arena *memory,
                              error *err)
{
    const cap_names *names = &o->namer->config.names;
    if (!o->namer->config.row || !p->named->first) return ERR_OK;
    if (names->count > DRAW_CLASSES)
        return err_set(err, ERR_LIMIT, "a detector of %d classes cannot be learnt from, only of %d at most",
                       names->count, DRAW_CLASSES);
    o->named = p->named;
    o->groups = s->groups;
    o->classes = names->count;
    o->person = cap_names_find(names, "person");
    err_code code = cap_object_names_create(&o->names, s->vocab, (const char *const *)names->list,
                                            names->count, memory, err);
    return code ? code : measure_photos(o, p, s, err);
}

void draw_objects_release(draw_objects *o)
{
    for (int person = 0; person < 2; person++)
        for (int named = 0; named < 2; named++) free(o->cell[person][named].run);
    free(o->wrong.run);
    free(o->found);
}

/* ---- drawing ---- */

/* The cell of an object; where it has few photos, the nearest that has more. */
static const draw_runs *pick_cell(const draw_objects *o, bool person, bool named)
{
    const draw_runs *order[] = {&o->cell[person][named], &o->cell[person][!named], &o->cell[!person][named],
                                &o->cell[!person][!named]};
    for (int i = 0; i < 4; i++)
        if (order[i]->count >= DRAW_FEW) return order[i];
    for (int i = 0; i < 4; i++)
        if (order[i]->count) return order[i];
    return NULL;
}

/* What some photo shows of such an object, as one of `class`. */
static int draw_class(const draw_objects *o, int32_t class, const draw_there *t, rng *r, cap_sighting *out,
                      int room)
{
    const draw_runs *cell = pick_cell(o, class == o->person, t->named[class]);
    if (!cell) return 0;
    const draw_run *run = &cell->run[rng_below(r, (uint32_t)cell->count)];
    int count = run->count < room ? run->count : room;
    for (int i = 0; i < count; i++) {
        out[i] = o->named->found[o->found[run->of + i]];
        out[i].name = class;
    }
    return count;
}

int draw_objects_group(const draw_objects *o, const draw_captions *c, int32_t group, rng *r,
                       cap_sighting *out)
{
    draw_there t;
    int drawn = 0;
    find_named(o, c, group, &t);
    find_there(o, group, &t);
    for (int32_t k = 0; k < o->classes; k++)
        if (t.is[k]) drawn += draw_class(o, k, &t, r, out + drawn, DRAW_SEEN - drawn);
    if (!o->wrong.count) return drawn;
    const draw_run *run = &o->wrong.run[rng_below(r, (uint32_t)o->wrong.count)];
    for (int i = 0; i < run->count && drawn < DRAW_SEEN; i++) {
        const cap_sighting *f = &o->named->found[o->found[run->of + i]];
        if (!t.is[f->name]) out[drawn++] = *f;
    }
    return drawn;
}
