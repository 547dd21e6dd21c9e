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

static void say_splits(const cap_split *s, const cap_split_source *from)
{
    text line = {0};
    if (!s->captions.splits.count) return;
    text_printf(&line, "%s ", from->verb);
    ds_splits_tell(&s->captions.splits, &line);
    text_printf(&line, " ('%.200s')", from->captions);
    say(s->events, &line);
}

/* What the file holds and training does not see, in one line, and what is odd about the rest. */
static err_code leave_out(cap_split *s, const cap_split_source *from, error *err)
{
    ds_captions *c = &s->captions;
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
    if (line.length) text_printf(&line, " ('%.200s')", from->captions);
    say(s->events, &line);
    return ERR_OK;
}

static err_code check_files(cap_split *s, const cap_split_source *from, error *err)
{
    ds_missing missing;
    error reason = {0};
    text line = {0};
    err_code code = ds_captions_check_files(&s->captions, from->images, from->max_missing, &missing, &reason);
    if (code == ERR_MISSING)
        return err_set(err, code, "%s; check the folder, or let a larger share be missing (--max-missing)",
                       reason.text);
    if (code) return err_set(err, code, "%s", reason.text);
    if (!missing.count) return ERR_OK;
    ds_missing_tell(&missing, from->images, &line);
    text_append(&line, missing.count == 1 ? "; it is left out" : "; they are left out");
    say(s->events, &line);
    return ERR_OK;
}

err_code cap_split_open(cap_split *s, const cap_split_source *from, const cap_train_events *events,
                        error *err)
{
    *s = (cap_split){.images = from->images, .max_damaged = from->max_missing, .events = events};
    err_code code = ds_captions_read(from->captions, &from->take, &s->captions, err);
    if (!code) {
        say_splits(s, from);
        code = leave_out(s, from, err);
        if (!code) code = check_files(s, from, err);
    }
    if (!code && !s->captions.captions)
        code = err_set(err, ERR_MISSING, "'%s' holds no captions", from->captions);
    if (!code) code = ds_items_of_captions(&s->captions, from->images, &s->memory, &s->items, err);
    if (code) cap_split_close(s);
    return code;
}

err_code cap_split_encode(cap_split *s, const ds_vocab *vocab, error *err)
{
    return ds_encode_captions(&s->captions, vocab, &s->memory, &s->encoded, err);
}

void cap_split_close(cap_split *s)
{
    ds_features_close(&s->features);
    free(s->features_path);
    ds_captions_release(&s->captions);
    arena_release(&s->memory);
    *s = (cap_split){0};
}

err_code cap_split_vocab(const cap_split *s, int min_count, ds_vocab **vocab, error *err)
{
    ds_counter *counter = ds_counter_create();
    if (!counter) return err_no_memory(err, "for a vocabulary");
    err_code code = ds_count_captions(&s->captions, counter, err);
    ds_vocab_settings settings = {.min_count = min_count};
    if (!code) code = ds_vocab_build(counter, &settings, vocab, err);
    ds_counter_free(&counter);
    return code;
}

err_code cap_split_plain_loader(const cap_split *s, const cap_model *m, int batch, ds_loader **loader,
                                ds_schedule *order, arena *memory, error *err)
{
    int n = s->captions.images, batches = (n + batch - 1) / batch;
    int32_t *start = arena_array(memory, (size_t)batches + 1, sizeof *start),
            *image = arena_array(memory, (size_t)n, sizeof *image);
    if (!start || !image) return err_no_memory(err, "for a list of %d photos", n);
    for (int i = 0; i < n; i++) image[i] = i;
    for (int i = 0; i <= batches; i++) start[i] = i * batch < n ? i * batch : n;
    *order = (ds_schedule){batches, start, image};
    ds_loader_settings l = ds_loader_defaults();
    l.item = s->items;
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

static ds_features_shape shape_of(const cap_split *s, const cap_model *m)
{
    const cnn_preprocess *p = &m->preprocess;
    float numbers[9] = {(float)p->size, (float)p->fit, p->mean[0], p->mean[1],       p->mean[2],
                        p->std[0],      p->std[1],     p->std[2],  (float)DECODED_AS};
    hash128 h = hash_bytes(numbers, sizeof numbers, 1);
    for (int i = 0; i < m->params.count; i++) {
        const nn_param *n = m->params.list[i];
        if (!strncmp(n->name, "encoder.", 8))
            h = hash_bytes(n->var.data, nn_count(&n->var) * sizeof(real), h.lo);
    }
    h = hash_of_folder(s->images, h.lo);
    for (int i = 0; i < s->captions.images; i++)
        h = hash_of_photo(s->captions.image[i].file_name, s->items[i].name, h.lo);
    return (ds_features_shape){.key = h,
                               .images = (uint64_t)s->captions.images,
                               .regions = (uint32_t)(m->encoder.grid_h * m->encoder.grid_w),
                               .channels = (uint32_t)m->decoder.config.features};
}

static const char encoding[] = "encoding photos once";

static err_code write_features(const cap_split *s, const cap_model *m, ds_loader *loader,
                               ds_features_writer *w, nn_tape *t, const cap_train_events *events, error *err)
{
    size_t map = (size_t)m->encoder.grid_h * (size_t)m->encoder.grid_w * (size_t)m->decoder.config.features;
    err_code code;
    ds_images b;
    long done = 0, all = s->captions.images;
    if (events->progress) events->progress(events->ctx, encoding, "photos", done, all, NULL);
    while (!(code = ds_loader_next(loader, &b, err)) && b.images) {
        nn_begin(t);
        nn_var *v = cap_model_encode(t, m, b.pixels, b.images);
        if (!v) return err_no_memory(err, "while encoding photos");
        for (int i = 0; !code && i < b.images; i++) code = ds_features_put(w, v->data + (size_t)i * map, err);
        if (code) return code;
        done += b.images;
        if (events->progress) events->progress(events->ctx, encoding, "photos", done, all, NULL);
        if (events->stop && events->stop(events->ctx))
            return err_set(err, ERR_INTERRUPTED, "interrupted while encoding photos");
    }
    return code;
}

static err_code compute_features(const cap_split *s, const cap_model *m, const char *path,
                                 const ds_features_shape *shape, pool *threads,
                                 const cap_train_events *events, error *err)
{
    ds_features_writer *w = NULL;
    ds_loader *loader = NULL;
    ds_schedule order;
    arena memory = {0}, lists = {0};
    nn_tape t = {.mem = &memory, .threads = threads};
    err_code code = ds_features_create(path, shape, &w, err);
    if (!code) code = cap_split_plain_loader(s, m, ENCODE_BATCH, &loader, &order, &lists, err);
    if (!code) code = write_features(s, m, loader, w, &t, events, err);
    if (code)
        ds_features_abort(&w);
    else
        code = ds_features_finish(&w, err);
    ds_loader_free(&loader);
    arena_release(&memory);
    arena_release(&lists);
    return code;
}

err_code cap_split_keep_features(cap_split *s, const cap_model *m, const char *folder, pool *threads,
                                 const cap_train_events *events, error *err)
{
    ds_features_shape shape = shape_of(s, m);
    char hex[HASH_HEX], path[4200];
    hash_hex(shape.key, hex);
    snprintf(path, sizeof path, "%.4000s/features-%s.f16", folder, hex);
    err_code code = io_make_dirs(folder, err);
    if (code) return code;
    s->features_path = strdup(path);
    if (!s->features_path) return err_no_memory(err, "for the features");
    if (!ds_features_open(path, &shape, &s->features, NULL)) return ERR_OK;
    if ((code = compute_features(s, m, path, &shape, threads, events, err))) return code;
    return ds_features_open(path, &shape, &s->features, err);
}

typedef struct fetch {
    const cap_split *s;
    const int32_t *image;
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
    if (ds_features_get(f->s->features, (uint64_t)f->image[i], f->out + (size_t)i * f->map, &local) &&
        !atomic_flag_test_and_set(&f->told))
        f->err = local;
}

nn_var *cap_split_features(const cap_split *s, nn_tape *t, const cap_model *m, const int32_t *image,
                           int images, error *err)
{
    int l = m->encoder.grid_h * m->encoder.grid_w, d = m->decoder.config.features;
    fetch f = {.s = s, .image = image, .map = (size_t)l * (size_t)d, .told = ATOMIC_FLAG_INIT};
    f.out = nn_scratch(t, (size_t)images * f.map * sizeof *f.out);
    if (!f.out) return NULL;
    pool_run(t->threads, images, fetch_one, &f);
    if (f.err.code) {
        err_set(err, f.err.code, "'%.200s': %.200s", s->features_path, f.err.text);
        return NULL;
    }
    return nn_input(t, f.out, 3, (int[]){images, l, d});
}
