#include "captioner/net/guide.h"

#include <math.h>
#include <string.h>

#include "src/nn/attention_penalty.h"

/* What is the same for all words of a batch. */
typedef struct guiding {
    const cap_guide *g;
    const cap_memory *m;
    const ds_batch *batch;
    bool *named, *of_concept; /* [classes] of a word, and of a concept */
    int side;                 /* regions of a row and of a column; 0: they are not to be looked at */
} guiding;

static bool has_box(const cap_concept *c)
{
    return c->box[2] > c->box[0] && c->box[3] > c->box[1];
}

/* Whether the concept is of one of the classes that the word names. */
static bool is_meant(const guiding *w, const cap_concept *c)
{
    const int32_t words[] = {c->first, c->last};
    size_t classes = (size_t)w->g->objects->classes;
    memset(w->of_concept, 0, classes * sizeof *w->of_concept);
    cap_object_names_at(w->g->objects, words, c->first == c->last ? 1 : 2, w->of_concept);
    for (size_t i = 0; i < classes; i++)
        if (w->of_concept[i] && w->named[i]) return true;
    return false;
}

static void want_regions(const guiding *w, const float box[4], uint8_t *wanted)
{
    for (int y = 0; y < w->side; y++)
        for (int x = 0; x < w->side; x++) {
            float cx = ((float)x + 0.5F) / (float)w->side, cy = ((float)y + 0.5F) / (float)w->side;
            if (cx >= box[0] && cx <= box[2] && cy >= box[1] && cy <= box[3]) wanted[y * w->side + x] = 1;
        }
}

/* wanted[states] for a word that names what is in w->named; whether it wants any. */
static bool want(const guiding *w, int memory, uint8_t *wanted)
{
    const cap_concepts *named = w->m->source.concepts;
    const cap_concept *list = named->list + (size_t)memory * (size_t)named->most;
    int regions = w->m->length[memory] - 1 - named->count[memory]; /* then the state for nothing */
    bool any = false;
    for (int i = 0; i < named->count[memory]; i++) {
        if (!has_box(&list[i]) || !is_meant(w, &list[i])) continue;
        wanted[regions + 1 + i] = 1;
        want_regions(w, list[i].box, wanted);
        any = true;
    }
    return any;
}

/* The words of a caption, into the rows of their steps; wanted[step] is made where it is needed. */
static void guide_caption(nn_tape *t, const guiding *w, const cap_timeline *l, int row, uint8_t **wanted)
{
    const int32_t *word = w->batch->tokens + (size_t)row * ((size_t)w->batch->max_len + 1) + 1;
    int words = w->batch->length[row], took;
    size_t states = (size_t)w->m->states;
    uint8_t *now = nn_alloc(t, states);
    for (int s = 0; now && s<words; s += took> 0 ? took : 1) {
        memset(w->named, 0, (size_t)w->g->objects->classes * sizeof *w->named);
        memset(now, 0, states);
        took = cap_object_names_at(w->g->objects, word + s, words - s, w->named);
        if (!took || !want(w, w->batch->row_image[row], now)) continue;
        for (int i = s; i < s + took && i < words; i++) {
            if (!wanted[i]) wanted[i] = nn_alloc(t, (size_t)l->active[i] * states);
            if (wanted[i]) memcpy(wanted[i] + (size_t)row * states, now, states);
        }
    }
}

nn_var *cap_guide_loss(nn_tape *t, const cap_guide *g, const cap_memory *m, const ds_batch *batch,
                       const cap_timeline *l, nn_var *const *alpha)
{
    uint8_t **wanted = nn_alloc(t, (size_t)l->steps * sizeof *wanted);
    int side = (int)lround(sqrt(m->regions));
    guiding w = {.g = g, .m = m, .batch = batch, .side = g->regions && side * side == m->regions ? side : 0};
    w.named = nn_alloc(t, (size_t)g->objects->classes * sizeof *w.named);
    w.of_concept = nn_alloc(t, (size_t)g->objects->classes * sizeof *w.of_concept);
    if (t->failed) return NULL;
    for (int row = 0; m->source.concepts && row < batch->rows && !t->failed; row++)
        guide_caption(t, &w, l, row, wanted);
    return nn_attention_astray(t, alpha, (const uint8_t *const *)wanted, l->steps);
}
