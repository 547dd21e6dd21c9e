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

bool cap_points_of(const cap_description *d, cap_point *at)
{
    int regions = d->grid_h * d->grid_w;
    if (!d->attention || regions < 1) return false;
    for (int i = 0; i < d->best.words; i++) {
        const float *alpha = d->attention + (size_t)i * (size_t)regions;
        int strongest = 0;
        for (int j = 1; j < regions; j++)
            if (alpha[j] > alpha[strongest]) strongest = j;
        at[i] = centre_of(d, strongest);
    }
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

/* How many of word[count] the name begins with, all its words; 0: it is another name. */
static int match_name(const char *name, const char *const *word, int count)
{
    for (int i = 0; i < count; i++) {
        size_t length = strlen(word[i]);
        if (strncmp(name, word[i], length) != 0) return 0;
        if (!name[length]) return i + 1;
        if (name[length] != ' ') return 0;
        name += length + 1;
    }
    return 0;
}

/* What one word, or some in a row, name in a photo. */
typedef struct naming {
    int words; /* of the longest name; 0: nothing is named that the photo has */
    bool inside, centre;
    area covered;
} naming;

static void add_box(naming *n, const float box[4], cap_point at)
{
    n->inside = n->inside || is_inside(box, at);
    n->centre = n->centre || is_inside(box, (cap_point){0.5F, 0.5F});
    cover(&n->covered, box);
}

/* What word[0] and those behind it name; `count` words are left in the caption. */
static void look_up(naming *n, const char *const *word, const cap_point *at, int count,
                    const ds_instances *objects, const ds_boxed_image *image)
{
    *n = (naming){0};
    for (int32_t i = 0; i < image->count; i++) {
        const ds_object *o = &objects->object[image->first + i];
        int words = match_name(objects->category[o->category].name, word, count);
        if (!words || words < n->words) continue;
        if (words > n->words) *n = (naming){.words = words};
        add_box(n, o->box, at[words - 1]);
    }
}

void cap_grounding_add(cap_grounding *g, const char *const *word, const cap_point *at, int words,
                       const ds_instances *objects, int64_t image)
{
    const ds_boxed_image *in = ds_instances_find(objects, image);
    for (int i = 0; in && i < words;) {
        naming n;
        look_up(&n, word + i, at + i, words - i, objects, in);
        i += n.words ? n.words : 1;
        if (!n.words) continue;
        g->words++;
        g->inside += n.inside;
        g->centre += n.centre;
        g->area += covered_share(&n.covered);
    }
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
