#include "captioner/train/train_photoless.h"

#include <stdlib.h>

#include "src/base/rng.h"

/* Streams of random numbers under the seed. */
#define PASS_STREAM ((uint64_t)0x70617373 << 32)
#define PICK_STREAM ((uint64_t)0x7069636b << 32)

err_code cap_photoless_open(cap_photoless *p, const char *path, const cap_names *objects, error *err)
{
    *p = (cap_photoless){.pass = -1};
    return ds_captions_only_read(path, (const char *const *)objects->list, objects->count, &p->only, err);
}

err_code cap_photoless_encode(cap_photoless *p, const ds_vocab *vocab, error *err)
{
    const ds_captions *c = &p->only.captions;
    err_code code = ds_encode_captions(c, vocab, &p->memory, &p->encoded, err);
    if (code) return code;
    p->group = arena_array(&p->memory, c->images, sizeof *p->group);
    p->order = arena_array(&p->memory, c->images, sizeof *p->order);
    if (!p->group || !p->order) return err_no_memory(err, "for captions without photos");
    for (int32_t i = 0; i < c->images; i++)
        if (c->image[i].count) p->group[p->groups++] = i;
    return ERR_OK;
}

void cap_photoless_close(cap_photoless *p)
{
    ds_captions_only_release(&p->only);
    arena_release(&p->memory);
    *p = (cap_photoless){0};
}

/* The group at a place of the endless order. */
static int32_t group_at(cap_photoless *p, uint64_t seed, int64_t place)
{
    int64_t pass = place / p->groups;
    if (pass != p->pass) {
        rng r = {.seed = seed, .stream = PASS_STREAM | (uint64_t)pass};
        for (int32_t i = 0; i < p->groups; i++) p->order[i] = p->group[i];
        rng_shuffle(&r, p->order, p->groups);
        p->pass = pass;
    }
    return p->order[place % p->groups];
}

/* Different captions of the group as long as there are; then any. */
static void pick_captions(const cap_photoless *p, int32_t group, int count, rng *r, int32_t *picked)
{
    const ds_image *image = &p->only.captions.image[group];
    int different = image->count < count ? image->count : count;
    for (int i = 0; i < different;
         i++) { /* the first of what is left after a draw: Floyd's way of sampling */
        int32_t top = image->first + image->count - different + i;
        int32_t c = image->first + (int32_t)rng_below(r, (uint32_t)(top - image->first + 1));
        for (int k = 0; k < i; k++)
            if (picked[k] == c) c = top;
        picked[i] = c;
    }
    for (int i = different; i < count; i++)
        picked[i] = image->first + (int32_t)rng_below(r, (uint32_t)image->count);
}

err_code cap_photoless_batch(cap_photoless *p, const cap_photoless_settings *s, int64_t step, arena *memory,
                             ds_batch *b, error *err)
{
    size_t rows = (size_t)s->groups * s->captions;
    int32_t *picked = arena_array(memory, rows, sizeof *picked);
    if (!picked) return err_no_memory(err, "for captions without photos");
    rng r = {.seed = s->seed, .stream = PICK_STREAM | (uint64_t)step};
    for (int i = 0; i < s->groups; i++)
        pick_captions(p, group_at(p, s->seed, step * s->groups + i), s->captions, &r,
                      picked + (size_t)i * s->captions);
    return ds_batch_of(&p->encoded, picked, (int32_t)rows, s->max_words, memory, b, err);
}
