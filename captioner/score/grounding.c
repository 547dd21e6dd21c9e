#include "captioner/score/grounding.h"

#include <string.h>

/* ---- where words looked ---- */

static cap_point centre_of(const cap_description *d, int region)
{
    const cap_view *v = &d->view;
    double x = (region % d->grid_w + 0.5) / d->grid_w, y = (region / d->grid_w + 0.5) / d->grid_h;
    return (cap_point){(float)((v->x0 + x * (v->x1 - v->x0)) / d->width),
                       (float)((v->y0 + y * (v->y1 - v->y0)) / d->height)};
}

static cap_point middle_of(const cap_description *d, const cap_named_concept *c)
{
    return (cap_point){(float)((c->box.x0 + c->box.x1) / 2 / d->width),
                       (float)((c->box.y0 + c->box.y1) / 2 / d->height)};
}

/* The strongest region, and its weight in *most; outside of the photo, and 0, where there are none. */
static cap_point strongest_region(const cap_description *d, int word, float *most)
{
    int regions = d->grid_h * d->grid_w, best = 0;
    *most = 0;
    if (!d->attention) return (cap_point){-1, -1};
    const float *alpha = d->attention + (size_t)word * (size_t)regions;
    for (int j = 1; j < regions; j++)
        if (alpha[j] > alpha[best]) best = j;
    *most = alpha[best];
    return centre_of(d, best);
}

/* The strongest state that has a place. */
static cap_point strongest_of(const cap_description *d, int word)
{
    float most;
    cap_point at = strongest_region(d, word, &most);
    for (int j = 0; d->concept_attention && j < d->concepts; j++) {
        float of_concept = d->concept_attention[(size_t)word * (size_t)d->concepts + (size_t)j];
        if (!d->concept[j].boxed || !(of_concept > most)) continue;
        most = of_concept;
        at = middle_of(d, &d->concept[j]);
    }
    return at;
}

bool cap_points_of(const cap_description *d, cap_point *at)
{
    if (!d->attention && !d->concept_attention) return false;
    for (int i = 0; i < d->best.words; i++) at[i] = strongest_of(d, i);
    return true;
}

/* ---- boxes ---- */

/* The union of boxes, on a grid of points: those of a row are the bits of a word. */
enum { SIDE = 64 };

typedef struct area {
    uint64_t row[SIDE];
} area;

/* Points SIDE per side, at (i + 1/2) / SIDE. The first one at or behind `share`: */
static int first_point(float share)
{
    int i = (int)(share * SIDE + 0.5F); /* shares are not negative */
    return i < SIDE ? i : SIDE;
}

static uint64_t bits_below(int count)
{
    return count < SIDE ? ((uint64_t)1 << count) - 1 : ~(uint64_t)0;
}

static void cover(area *a, const float box[4])
{
    uint64_t columns = bits_below(first_point(box[2])) & ~bits_below(first_point(box[0]));
    for (int y = first_point(box[1]); y < first_point(box[3]); y++) a->row[y] |= columns;
}

static double covered_share(const area *a)
{
    int64_t points = 0;
    for (int y = 0; y < SIDE; y++)
        for (uint64_t left = a->row[y]; left; left &= left - 1) points++;
    return (double)points / (SIDE * SIDE);
}

static bool is_inside(const float box[4], cap_point p)
{
    return p.x >= box[0] && p.x <= box[2] && p.y >= box[1] && p.y <= box[3];
}

/* ---- words and names ---- */

err_code cap_grounding_start(cap_grounding *g, const ds_instances *objects, const ds_vocab *vocab,
                             arena *memory, error *err)
{
    *g = (cap_grounding){.objects = objects, .vocab = vocab};
    const char **name = arena_array(memory, (size_t)objects->categories, sizeof *name);
    if (!name) return err_no_memory(err, "for the names of objects");
    for (int32_t i = 0; i < objects->categories; i++) name[i] = objects->category[i].name;
    return cap_object_names_create(&g->names, vocab, name, objects->categories, memory, err);
}

/* Where a word looked that names objects of the classes named[]. */
static void count_word(cap_grounding *g, const ds_boxed_image *image, const bool *named, cap_point at)
{
    bool there = false, inside = false, centre = false;
    area covered = {0};
    for (int32_t i = 0; i < image->count; i++) {
        const ds_object *o = &g->objects->object[image->first + i];
        if (!named[o->category]) continue;
        there = true;
        inside = inside || is_inside(o->box, at);
        centre = centre || is_inside(o->box, (cap_point){0.5F, 0.5F});
        cover(&covered, o->box);
    }
    g->words += there;
    g->inside += inside;
    g->centre += centre;
    g->area += covered_share(&covered);
}

err_code cap_grounding_add(cap_grounding *g, const char *const *word, const cap_point *at, int words,
                           int64_t image, error *err)
{
    const ds_boxed_image *in = ds_instances_find(g->objects, image);
    size_t classes = (size_t)g->objects->categories;
    arena mem = {0};
    bool *named = arena_array(&mem, classes, sizeof *named);
    int32_t *number = arena_array(&mem, (size_t)words, sizeof *number);
    if (!named || !number) {
        arena_release(&mem);
        return err_no_memory(err, "for the names of objects");
    }
    for (int i = 0; i < words; i++) number[i] = ds_vocab_id(g->vocab, word[i]);
    for (int i = 0; in && i < words;) {
        int length = cap_object_names_at(&g->names, number + i, words - i, named);
        i += length ? length : 1;
        if (!length) continue;
        count_word(g, in, named, at[i - 1]);
        memset(named, 0, classes * sizeof *named);
    }
    arena_release(&mem);
    return ERR_OK;
}

/* ---- shares ---- */

static double share_of(double part, int64_t words)
{
    return words ? part / (double)words : 0;
}

double cap_grounding_inside(const cap_grounding *g)
{
    return share_of((double)g->inside, g->words);
}

double cap_grounding_chance(const cap_grounding *g)
{
    return share_of(g->area, g->words);
}

double cap_grounding_centre(const cap_grounding *g)
{
    return share_of((double)g->centre, g->words);
}
