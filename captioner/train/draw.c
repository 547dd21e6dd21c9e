#include "captioner/train/draw.h"

#include <stdlib.h>
#include <string.h>

#include "captioner/train/draw_parts.h"

enum {
    STREAM = 0x64726177,   /* its own random numbers under the seed */
    ROW_NUMBERS = 1 << 20, /* for one row, at most */
    ASKED = 8,             /* photos that share a word, of which one is the donor */
    ASKED_OWN = 12         /* photos of the groups' style, likewise */
};

static const double share_own = 0.35, donor_noise = 0.5;

struct cap_draw {
    cap_draw_source s;
    arena memory;
    draw_photos photos;
    draw_captions groups;
    int32_t *own; /* [photos.owns] photos of the groups' style */
    draw_words words;
    draw_objects objects;
};

/* ---- preparation ---- */

/* Where the captions of each image begin: they are sorted by image. */
static bool find_captions(const ds_encoded *e, arena *memory, draw_captions *out)
{
    int32_t *first = arena_array(memory, (size_t)e->images + 1, sizeof *first);
    int32_t *count = arena_array(memory, (size_t)e->images + 1, sizeof *count);
    if (!first || !count) return false;
    for (int32_t i = e->captions - 1; i >= 0; i--) {
        first[e->image[i]] = i;
        count[e->image[i]]++;
    }
    *out = (draw_captions){e, first, count};
    return true;
}

/* The same by photo, each with the captions of its first image. */
static bool find_photos(cap_draw *d, const draw_captions *images)
{
    const cap_draw_source *s = &d->s;
    size_t photos = s->named->photos;
    int32_t *first = arena_array(&d->memory, photos + 1, sizeof *first);
    int32_t *count = arena_array(&d->memory, photos + 1, sizeof *count);
    if (!first || !count) return false;
    for (int32_t i = images->encoded->images - 1; i >= 0; i--) {
        int32_t photo = s->photo ? s->photo[i] : i;
        first[photo] = images->first[i];
        count[photo] = images->count[i];
    }
    d->photos.captions = (draw_captions){images->encoded, first, count};
    return true;
}

static bool find_own(cap_draw *d)
{
    const cap_draw_source *s = &d->s;
    int32_t photos = s->named->photos;
    bool *own = arena_array(&d->memory, (size_t)photos + 1, sizeof *own);
    d->own = arena_array(&d->memory, (size_t)photos + 1, sizeof *d->own);
    if (!own || !d->own) return false;
    for (int32_t i = 0; i < photos; i++) {
        own[i] = !s->style || s->style[i] == s->group_style;
        if (own[i]) d->own[d->photos.owns++] = i;
    }
    d->photos.own = own;
    return true;
}

static err_code measure(cap_draw *d, error *err)
{
    draw_captions images;
    d->photos.named = d->s.named;
    d->photos.photos = d->s.named->photos;
    d->words.namer = &d->s.namers[CAP_NAMER_WORDS];
    d->objects.namer = &d->s.namers[CAP_NAMER_OBJECTS];
    bool ok = find_captions(d->s.captions, &d->memory, &images) && find_photos(d, &images) && find_own(d) &&
              (!d->s.group_captions || find_captions(d->s.group_captions, &d->memory, &d->groups));
    if (!ok) return err_no_memory(err, "for what is named in %d photos", d->s.named->photos);
    err_code code = draw_words_measure(&d->words, &d->photos, d->s.vocab, &d->memory, err);
    return code ? code : draw_objects_measure(&d->objects, &d->photos, &d->s, &d->memory, err);
}

err_code cap_draw_create(const cap_draw_source *source, cap_draw **out, error *err)
{
    *out = NULL;
    cap_draw *d = calloc(1, sizeof *d);
    if (!d) return err_no_memory(err, "for drawing concepts");
    d->s = *source;
    err_code code = measure(d, err);
    if (code)
        cap_draw_free(&d);
    else
        *out = d;
    return code;
}

void cap_draw_free(cap_draw **d)
{
    if (!d || !*d) return;
    draw_words_release(&(*d)->words);
    draw_objects_release(&(*d)->objects);
    arena_release(&(*d)->memory);
    free(*d);
    *d = NULL;
}

int cap_draw_most(const cap_draw *d)
{
    return cap_named_most(d->s.namers);
}

/* ---- donors ---- */

rng cap_draw_rng(uint64_t seed, uint64_t step, uint32_t row)
{
    return (rng){
        .seed = seed, .stream = ((uint64_t)STREAM << 32) + step, .index = (uint64_t)row * ROW_NUMBERS};
}

/* A photo that shares a word with a group; the words that no photo has twice are taken out of `said`. */
static int ask_photo(const draw_words *w, const draw_word *said, int count, rng *r)
{
    int32_t word = said[rng_below(r, (uint32_t)count)].word;
    int64_t first = w->twice_start[word], photos = w->twice_start[word + 1] - first;
    return w->twice[first + rng_below(r, (uint32_t)photos)];
}

static int keep_shared(const draw_words *w, const draw_word *said, int count, draw_word *out)
{
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (w->twice_start[said[i].word + 1] > w->twice_start[said[i].word]) out[kept++] = said[i];
    return kept;
}

int cap_draw_donor(const cap_draw *d, int32_t group, rng *r)
{
    draw_word said[DRAW_SAID], shared[DRAW_SAID];
    int count = draw_words_count(&d->words, &d->groups, group, said), donor = 0;
    int words = keep_shared(&d->words, said, count, shared);
    bool own = rng_uniform(r) < share_own && d->photos.owns;
    double best = -1;
    for (int i = 0; i < (own ? ASKED_OWN : ASKED); i++) {
        int photo;
        if (own)
            photo = d->own[rng_below(r, (uint32_t)d->photos.owns)];
        else if (words)
            photo = ask_photo(&d->words, shared, words, r);
        else
            photo = (int)rng_below(r, (uint32_t)d->photos.photos);
        double fits = draw_words_overlap(&d->words, said, count, photo) + donor_noise * rng_uniform(r);
        if (fits <= best) continue;
        best = fits;
        donor = photo;
    }
    return donor;
}

/* ---- concepts ---- */

/* The surest first; equally sure ones by name, so that there is one order. */
static int by_confidence(const void *left, const void *right)
{
    const cap_sighting *a = left, *b = right;
    if (a->confidence != b->confidence) return a->confidence > b->confidence ? -1 : 1;
    return (a->name > b->name) - (a->name < b->name);
}

static int choose(const cap_namer *n, cap_sighting *seen, int count, cap_concept *out)
{
    if (count) qsort(seen, count, sizeof *seen, by_confidence);
    return cap_namer_choose(n, seen, count, out);
}

int cap_draw_group(const cap_draw *d, int32_t group, int donor, rng *r, cap_concept *list)
{
    cap_sighting seen[DRAW_SEEN];
    int count = 0;
    if (d->objects.named) {
        int drawn = draw_objects_group(&d->objects, &d->groups, group, r, seen);
        count = choose(d->objects.namer, seen, drawn, list);
    }
    if (!d->words.words) return count;
    draw_word said[DRAW_SAID];
    int words = draw_words_count(&d->words, &d->groups, group, said);
    int drawn = draw_words_group(&d->words, said, words, donor, r, seen);
    return count + choose(d->words.namer, seen, drawn, list + count);
}

int cap_draw_photo(const cap_draw *d, int photo, cap_concept *list)
{
    return cap_named_choose(d->s.namers, d->s.named, photo, list);
}

/* ---- leaving out ---- */

cap_drop_rates cap_drop_defaults(void)
{
    return (cap_drop_rates){.concept = 0.08, .namer = 0.08, .all = 0.05};
}

int cap_draw_drop(const cap_drop_rates *rates, rng *r, cap_concept *list, int count)
{
    bool none = rng_uniform(r) < rates->all, silent[CAP_NAMERS];
    int kept = 0;
    for (int i = 0; i < CAP_NAMERS; i++) silent[i] = none || rng_uniform(r) < rates->namer;
    for (int i = 0; i < count; i++) {
        bool dropped = rng_uniform(r) < rates->concept;
        if (!dropped && !silent[list[i].namer]) list[kept++] = list[i];
    }
    return kept;
}

/* ---- what is said of it ---- */

typedef void say_fn(void *ctx, const char *line);

static void say_line(text *line, say_fn *say, void *ctx)
{
    if (say && !line->failed && line->length) say(ctx, text_string(line));
    text_release(line);
}

static void add_shares(text *line, const double *share)
{
    for (int b = 0; b < DRAW_LEVELS; b++)
        text_printf(line, "%s%.0f", b == 0 ? "" : b == DRAW_LEVELS - 1 ? " and " : ", ", 100 * share[b]);
    text_append(line, " %");
}

static void tell_words(const cap_draw *d, text *line)
{
    const draw_words *w = &d->words;
    text_append(line, "of words that 1, 2, 3, and 4 or more captions of a photo have, ");
    add_shares(line, w->recall);
    text_printf(line, " are named, and %.1f others a photo",
                (double)w->false_start[d->photos.photos] / (double)d->photos.photos);
    if (!d->s.groups || d->photos.owns < DRAW_OWN || d->photos.owns == d->photos.photos) return;
    text_append(line, "; in the style of the captions without photos ");
    add_shares(line, w->own_recall);
}

static double met_of(const draw_runs *runs)
{
    return runs->count ? 100 * (double)runs->met / (double)runs->count : 0;
}

static void tell_objects(const cap_draw *d, text *line)
{
    const draw_objects *o = &d->objects;
    int64_t wrong = 0;
    for (int64_t i = 0; i < o->wrong.count; i++) wrong += o->wrong.run[i].count;
    text_printf(line, "of %lld photos whose objects are %s, ", (long long)o->wrong.count,
                o->known ? "known" : "those that captions name");
    text_printf(line, "persons are seen in %.0f %%, other objects that captions name in %.0f %%",
                met_of(&o->cell[true][true]), met_of(&o->cell[false][true]));
    if (o->known) text_printf(line, ", those they pass over in %.0f %%", met_of(&o->cell[false][false]));
    text_printf(line, ", and %.1f things a photo that are not there", (double)wrong / (double)o->wrong.count);
}

void cap_draw_tell(const cap_draw *d, say_fn *say, void *ctx)
{
    text line = {0};
    if (d->words.words && d->photos.photos) tell_words(d, &line);
    say_line(&line, say, ctx);
    if (d->objects.wrong.count) tell_objects(d, &line);
    say_line(&line, say, ctx);
}
