#include "captioner/train/train_data.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/base/hash.h"
#include "src/base/text.h"
#include "src/io/file.h"

enum { ENCODE_BATCH = 8 };

static void say(const cap_train_events *events, text *line)
{
    if (events && events->say && line->length) events->say(events->ctx, text_string(line));
    text_release(line);
}

void cap_split_say_damaged(void *ctx, const ds_item *item, const char *problem)
{
    const cap_train_events *events = ctx;
    char line[700];
    if (!events || !events->say) return;
    snprintf(line, sizeof line, "photo '%.200s' is damaged; it counts as grey: %.300s", item->name, problem);
    events->say(events->ctx, line);
}

/* ---- opening ---- */

/* One file of captions while it is read. */
typedef struct reading {
    const cap_split_source *from;
    const cap_photo_set *set;
    const cap_train_events *events;
    ds_captions captions;
} reading;

static void say_splits(const reading *r)
{
    text line = {0};
    if (!r->captions.splits.count) return;
    text_printf(&line, "%s ", r->from->verb);
    ds_splits_tell(&r->captions.splits, &line);
    text_printf(&line, " ('%.200s')", r->set->captions);
    say(r->events, &line);
}

/* What the file holds and training does not see, in one line, and what is odd about the rest. */
static err_code leave_out(reading *r, error *err)
{
    ds_captions *c = &r->captions;
    int32_t wordless, same;
    err_code code = ds_captions_drop_wordless(c, &wordless, err);
    if (!code) code = ds_captions_same_names(c, &same, err);
    if (code) return code;
    const struct {
        int32_t count;
        const char *what;
    } rows[] = {{c->unknown, "captions of images it does not name"},
                {c->blank, "blank captions"},
                {wordless, "captions without a word"},
                {c->without, "images without a caption"}};
    text line = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].count)
            text_printf(&line, "%s%s (%d)", line.length ? ", " : "", rows[i].what, (int)rows[i].count);
    if (line.length) text_append(&line, " are passed over");
    if (same) text_printf(&line, "%sfile names that occur again: %d", line.length ? "; " : "", (int)same);
    if (line.length) text_printf(&line, " ('%.200s')", r->set->captions);
    say(r->events, &line);
    return ERR_OK;
}

static err_code check_files(reading *r, error *err)
{
    ds_missing missing;
    error reason = {0};
    text line = {0};
    err_code code =
        ds_captions_check_files(&r->captions, r->set->images, r->from->max_missing, &missing, &reason);
    if (code == ERR_MISSING)
        return err_set(err, code, "%s; check the folder, or let a larger share be missing (--max-missing)",
                       reason.text);
    if (code) return err_set(err, code, "%s", reason.text);
    if (!missing.count) return ERR_OK;
    ds_missing_tell(&missing, r->set->images, &line);
    text_append(&line, missing.count == 1 ? "; it is left out" : "; they are left out");
    say(r->events, &line);
    return ERR_OK;
}

static err_code read_captions(reading *r, error *err)
{
    err_code code = ds_captions_read(r->set->captions, &r->from->take, &r->captions, err);
    if (code) return code;
    say_splits(r);
    code = leave_out(r, err);
    if (!code) code = check_files(r, err);
    if (!code && !r->captions.captions)
        code = err_set(err, ERR_MISSING, "'%s' holds no captions", r->set->captions);
    return code;
}

static int times_of(const cap_photo_set *set)
{
    if (set->times == CAP_ONLY_MEASURED) return 0;
    return set->times ? set->times : 1;
}

/* Behind the photos that are there. */
static err_code add_part(cap_split *s, const reading *r, error *err)
{
    int32_t before = s->captions.images, more = r->captions.images;
    ds_item *added, *all = arena_array(&s->memory, (size_t)before + more, sizeof *all);
    if (!all) return err_no_memory(err, "for the list of photos");
    err_code code = ds_items_of_captions(&r->captions, r->set->images, &s->memory, &added, err);
    if (!code) code = ds_captions_append(&s->captions, &r->captions, err);
    if (code) return code;
    if (before) memcpy(all, s->items, before * sizeof *all);
    memcpy(all + before, added, more * sizeof *all);
    s->items = all;
    s->part[s->parts++] = (cap_part){.images = r->set->images,
                                     .first = before,
                                     .count = more,
                                     .times = times_of(r->set),
                                     .style = r->set->style};
    return ERR_OK;
}

err_code cap_split_open(cap_split *s, const cap_split_source *from, const cap_train_events *events,
                        error *err)
{
    *s = (cap_split){.max_damaged = from->max_missing, .events = events};
    err_code code = ERR_OK;
    for (int i = 0; !code && i < from->sets; i++) {
        reading r = {.from = from, .set = &from->set[i], .events = events};
        code = read_captions(&r, err);
        if (!code) code = add_part(s, &r, err);
        ds_captions_release(&r.captions);
    }
    if (code) cap_split_close(s);
    return code;
}

const cap_part *cap_split_part(const cap_split *s, int32_t photo)
{
    const cap_part *p = s->part;
    while (photo >= p->first + p->count) p++;
    return p;
}

/* ---- captions as numbers, photos as often as they are seen ---- */

/* What an epoch sees of a part whose captions are numbered. */
typedef struct repeating {
    const ds_encoded *once;
    int32_t *image, *photo, *words;
    int64_t *first;
    bool *sided;
    int32_t captions, images;
} repeating;

static void repeat_caption(repeating *r, int32_t caption)
{
    int64_t begin = r->once->first[caption], size = r->once->first[caption + 1] - begin,
            at = r->first[r->captions];
    memcpy(r->words + at, r->once->words + begin, size * sizeof *r->words);
    r->image[r->captions++] = r->images;
    r->first[r->captions] = at + size;
}

static void repeat_photos(repeating *r, const ds_captions *c, const cap_part *p)
{
    for (int32_t i = p->first; i < p->first + p->count; i++) {
        const ds_image *image = &c->image[i];
        for (int32_t j = image->first; j < image->first + image->count; j++) repeat_caption(r, j);
        r->sided[r->images] = r->once->sided[i];
        r->photo[r->images++] = i;
    }
}

static err_code repeat_all(cap_split *s, error *err)
{
    const ds_encoded *once = &s->encoded;
    size_t images = 0, captions = 0, words = 0;
    for (int i = 0; i < s->parts; i++) {
        const cap_part *p = &s->part[i];
        const ds_image *first = &s->captions.image[p->first], *last = first + p->count - 1;
        size_t times = p->times;
        if (!p->count) continue;
        images += times * p->count;
        captions += times * (last->first + last->count - first->first);
        words += times * (once->first[last->first + last->count] - once->first[first->first]);
    }
    if (captions > INT32_MAX)
        return err_set(err, ERR_LIMIT, "an epoch of %zu captions is too long; smaller --times help",
                       captions);
    repeating r = {.once = once,
                   .image = arena_array(&s->memory, captions, sizeof *r.image),
                   .photo = arena_array(&s->memory, images, sizeof *r.photo),
                   .words = arena_array(&s->memory, words, sizeof *r.words),
                   .first = arena_array(&s->memory, captions + 1, sizeof *r.first),
                   .sided = arena_array(&s->memory, images, sizeof *r.sided)};
    s->seen = arena_array(&s->memory, images, sizeof *s->seen);
    if (!r.image || !r.photo || !r.words || !r.first || !r.sided || !s->seen)
        return err_no_memory(err, "for the captions of an epoch");
    for (int i = 0; i < s->parts; i++)
        for (int k = 0; k < s->part[i].times; k++) repeat_photos(&r, &s->captions, &s->part[i]);
    for (size_t i = 0; i < images; i++) s->seen[i] = s->items[r.photo[i]];
    s->photo = r.photo;
    s->turns = (ds_encoded){.captions = r.captions,
                            .images = r.images,
                            .image = r.image,
                            .first = r.first,
                            .words = r.words,
                            .sided = r.sided,
                            .unknown = once->unknown};
    return ERR_OK;
}

err_code cap_split_encode(cap_split *s, const ds_vocab *vocab, error *err)
{
    err_code code = ds_encode_captions(&s->captions, vocab, &s->memory, &s->encoded, err);
    return code ? code : repeat_all(s, err);
}

err_code cap_split_count(const cap_split *s, ds_counter *counter, error *err)
{
    return ds_count_captions(&s->captions, counter, err);
}

void cap_split_close(cap_split *s)
{
    for (int i = 0; i < s->parts; i++) {
        ds_features_close(&s->part[i].features);
        free(s->part[i].features_path);
    }
    ds_captions_release(&s->captions);
    arena_release(&s->memory);
    *s = (cap_split){0};
}

static err_code open_plain_loader(const cap_split *s, const cap_part *p, const cap_model *m, int batch,
                                  ds_loader **loader, ds_schedule *order, arena *memory, error *err)
{
    int n = p->count, batches = (n + batch - 1) / batch;
    int32_t *start = arena_array(memory, (size_t)batches + 1, sizeof *start),
            *image = arena_array(memory, n, sizeof *image);
    if (!start || !image) return err_no_memory(err, "for a list of %d photos", n);
    for (int i = 0; i < n; i++) image[i] = i;
    for (int i = 0; i <= batches; i++) start[i] = i * batch < n ? i * batch : n;
    *order = (ds_schedule){batches, start, image};
    ds_loader_settings l = ds_loader_defaults();
    l.item = s->items + p->first;
    l.items = n;
    l.size = m->preprocess.size;
    l.max_images = batch;
    l.max_bad_share = s->max_damaged;
    l.report = cap_split_say_damaged;
    l.ctx = (void *)s->events;
    l.store_side = 0; /* the pixels a user of the model would get */
    l.fit = m->preprocess.fit == CNN_CROP ? DS_CENTRE_CROP : DS_STRETCH;
    err_code code = ds_loader_create(&l, loader, err);
    return code ? code : ds_loader_start(*loader, order, 0, err);
}

err_code cap_split_plain_loader(const cap_split *s, const cap_model *m, int batch, ds_loader **loader,
                                ds_schedule *order, arena *memory, error *err)
{
    cap_part all = {.count = s->captions.images};
    return open_plain_loader(s, &all, m, batch, loader, order, memory, err);
}

/* ---- kept features ---- */

/* What makes the features of photos that are decoded alike: raised when they are no longer. */
enum { DECODED_AS = 2 };

/* A photo is known by its name and by what the file system notes of its last change. Their bytes would be the
 * surest key, but all of them would have to be read before every training (COCO: 19 GB); size and times take
 * a second, and the time of the last change of status cannot be set back as that of the contents can. */
static hash128 hash_of_photo(const char *name, const char *path, uint64_t seed)
{
    struct stat st;
    hash128 h = hash_bytes(name, strlen(name), seed);
    if (stat(path, &st)) return h;
    const int64_t noted[] = {st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_ctim.tv_sec,
                             st.st_ctim.tv_nsec};
    return hash_bytes(noted, sizeof noted, h.lo);
}

/* The photos' folder as it is really called, so that "photos" of two projects differ. */
static hash128 hash_of_folder(const char *path, uint64_t seed)
{
    char *resolved = realpath(path, NULL);
    const char *name = resolved ? resolved : path;
    hash128 h = hash_bytes(name, strlen(name), seed);
    free(resolved);
    return h;
}

hash128 cap_model_hash(const cap_model *m, const char *prefix, uint64_t seed)
{
    hash128 h = {.lo = seed};
    for (int i = 0; i < m->params.count; i++) {
        const nn_param *n = m->params.list[i];
        if (!strncmp(n->name, prefix, strlen(prefix)))
            h = hash_bytes(n->var.data, nn_count(&n->var) * sizeof(real), h.lo);
    }
    return h;
}

hash128 cap_split_hash(const cap_split *s, const cap_part *part, hash128 h)
{
    h = hash_of_folder(part->images, h.lo);
    for (int i = part->first; i < part->first + part->count; i++)
        h = hash_of_photo(s->captions.image[i].file_name, s->items[i].name, h.lo);
    return h;
}

static ds_features_shape shape_of(const cap_split *s, const cap_part *part, const cap_model *m)
{
    const cnn_preprocess *p = &m->preprocess;
    float numbers[9] = {(float)p->size, (float)p->fit, p->mean[0], p->mean[1],       p->mean[2],
                        p->std[0],      p->std[1],     p->std[2],  (float)DECODED_AS};
    hash128 h = hash_bytes(numbers, sizeof numbers, 1);
    h = cap_split_hash(s, part, cap_model_hash(m, "encoder.", h.lo));
    return (ds_features_shape){.key = h,
                               .images = (uint64_t)part->count,
                               .regions = (uint32_t)(m->encoder.grid_h * m->encoder.grid_w),
                               .channels = (uint32_t)m->decoder.config.features};
}

static const char encoding[] = "encoding photos once";

static err_code write_features(const cap_part *part, const cap_model *m, ds_loader *loader,
                               ds_features_writer *w, nn_tape *t, const cap_train_events *events, error *err)
{
    size_t map = (size_t)m->encoder.grid_h * m->encoder.grid_w * m->decoder.config.features;
    err_code code;
    ds_images b;
    long done = 0, all = part->count;
    if (events->progress) events->progress(events->ctx, encoding, "photos", done, all, NULL);
    while (!(code = ds_loader_next(loader, &b, err)) && b.images) {
        nn_begin(t);
        nn_var *v = cap_model_encode(t, m, b.pixels, b.images);
        if (!v) return err_no_memory(err, "while encoding photos");
        for (int i = 0; !code && i < b.images; i++) code = ds_features_put(w, v->data + i * map, err);
        if (code) return code;
        done += b.images;
        if (events->progress) events->progress(events->ctx, encoding, "photos", done, all, NULL);
        if (events->stop && events->stop(events->ctx))
            return err_set(err, ERR_INTERRUPTED, "interrupted while encoding photos");
    }
    return code;
}

static err_code compute_features(const cap_split *s, const cap_part *part, const cap_model *m,
                                 const ds_features_shape *shape, pool *threads, error *err)
{
    ds_features_writer *w = NULL;
    ds_loader *loader = NULL;
    ds_schedule order;
    arena memory = {0}, lists = {0};
    nn_tape t = {.mem = &memory, .threads = threads};
    err_code code = ds_features_create(part->features_path, shape, &w, err);
    if (!code) code = open_plain_loader(s, part, m, ENCODE_BATCH, &loader, &order, &lists, err);
    if (!code) code = write_features(part, m, loader, w, &t, s->events, err);
    if (code)
        ds_features_abort(&w);
    else
        code = ds_features_finish(&w, err);
    ds_loader_free(&loader);
    arena_release(&memory);
    arena_release(&lists);
    return code;
}

static err_code keep_part(const cap_split *s, cap_part *part, const cap_model *m, const char *folder,
                          pool *threads, error *err)
{
    ds_features_shape shape = shape_of(s, part, m);
    char hex[HASH_HEX], path[4200];
    hash_hex(shape.key, hex);
    snprintf(path, sizeof path, "%.4000s/features-%s.f16", folder, hex);
    part->features_path = strdup(path);
    if (!part->features_path) return err_no_memory(err, "for the features");
    if (!ds_features_open(path, &shape, &part->features, NULL)) return ERR_OK;
    err_code code = compute_features(s, part, m, &shape, threads, err);
    return code ? code : ds_features_open(path, &shape, &part->features, err);
}

err_code cap_split_keep_features(cap_split *s, const cap_model *m, const char *folder, pool *threads,
                                 error *err)
{
    err_code code = io_make_dirs(folder, err);
    for (int i = 0; !code && i < s->parts; i++) code = keep_part(s, &s->part[i], m, folder, threads, err);
    return code;
}

bool cap_split_keeps_features(const cap_split *s)
{
    return s->part[0].features;
}

typedef struct fetch {
    const cap_split *s;
    const int32_t *photo;
    size_t map;
    float *out;
    atomic_flag told; /* the first failure fills err, the others say the same */
    error err;
} fetch;

static void fetch_one(void *ctx, int i, int worker)
{
    (void)worker;
    fetch *f = ctx;
    error local = {0};
    int32_t photo = f->photo[i];
    const cap_part *p = cap_split_part(f->s, photo);
    err_code code = ds_features_get(p->features, (uint64_t)(photo - p->first), f->out + i * f->map, &local);
    if (code && !atomic_flag_test_and_set(&f->told))
        err_set(&f->err, code, "'%.200s': %.200s", p->features_path, local.text);
}

nn_var *cap_split_features(const cap_split *s, nn_tape *t, const cap_model *m, const int32_t *photo,
                           int photos, error *err)
{
    int l = m->encoder.grid_h * m->encoder.grid_w, d = m->decoder.config.features;
    fetch f = {.s = s, .photo = photo, .map = (size_t)l * d, .told = ATOMIC_FLAG_INIT};
    f.out = nn_scratch(t, photos * f.map * sizeof *f.out);
    if (!f.out) return NULL;
    pool_run(t->threads, photos, fetch_one, &f);
    if (f.err.code) {
        *err = f.err;
        return NULL;
    }
    return nn_input(t, f.out, 3, (int[]){photos, l, d});
}
