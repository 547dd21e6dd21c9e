#include "captioner/train/train_named.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/list.h"
#include "src/io/file.h"
#include "src/io/safetensors.h"
#include "src/nn/activation.h"

/* Photos at a time; numbers that are kept of one thing found: class, score, box. */
enum { FOUND_AT_ONCE = 8, MEANT_AT_ONCE = 16, FOUND_NUMBERS = 6 };

void cap_split_named_release(cap_split_named *n)
{
    free(n->scores);
    free(n->first);
    free(n->found);
    *n = (cap_split_named){0};
}

static err_code stopped(const cap_split *s, const char *what, error *err)
{
    if (!s->events->stop || !s->events->stop(s->events->ctx)) return ERR_OK;
    return err_set(err, ERR_INTERRUPTED, "interrupted while %s", what);
}

static void tell(const cap_split *s, const char *label, long done, long all)
{
    if (s->events->progress) s->events->progress(s->events->ctx, label, "photos", done, all, NULL);
}

/* ---- objects ---- */

static const char finding[] = "finding objects once";

/* What was found so far, in the order of the photos. */
typedef struct findings {
    cap_sighting *list;
    int64_t count, capacity;
    float *of_photo; /* [photos] how many each has */
    int photos;
} findings;

static void findings_release(findings *f)
{
    free(f->list);
    free(f->of_photo);
    *f = (findings){0};
}

/* Some photos as a detector looks at them. */
typedef struct looking {
    const ds_item *item;
    int square;
    uint8_t *pixels; /* [FOUND_AT_ONCE][S][S][3] */
    cnn_letter letter[FOUND_AT_ONCE];
    bool bad[FOUND_AT_ONCE];
} looking;

static void read_photo(void *ctx, int i, int worker)
{
    looking *l = ctx;
    size_t bytes = 3 * (size_t)l->square * l->square;
    uint8_t *pixels = l->pixels + i * bytes;
    img photo = {0};
    (void)worker;
    l->bad[i] = ds_item_read(&l->item[i], NULL, &photo, NULL) ||
                cnn_letterbox(&photo, l->square, pixels, &l->letter[i], NULL);
    if (l->bad[i]) {
        memset(pixels, 0, bytes);
        l->letter[i] = (cnn_letter){l->square, l->square, l->square, 1};
    }
    img_release(&photo);
}

static err_code add_sightings(findings *f, const cap_sightings *seen, const bool *bad, error *err)
{
    for (int i = 0; i < seen->photos; i++) {
        const cap_sighting *s = seen->list + (size_t)i * seen->most;
        int count = bad[i] ? 0 : seen->count[i];
        if (!LIST_ROOM(f->list, f->count, count, f->capacity)) return err_no_memory(err, "for objects");
        for (int k = 0; k < count; k++) f->list[f->count++] = s[k];
        f->of_photo[f->photos++] = (float)count;
    }
    return ERR_OK;
}

static err_code look_at(looking *l, int count, const cap_namer *detector, nn_tape *t, findings *f, error *err)
{
    cap_sightings seen;
    pool_run(t->threads, count, read_photo, l);
    nn_begin(t);
    cap_look look = {.photos = count, .squares = l->pixels, .letters = l->letter};
    err_code code = cap_namer_see(t, detector, &look, (double)CAP_NAMED_LEAST, &seen, err);
    return code ? code : add_sightings(f, &seen, l->bad, err);
}

static err_code find_in_part(const cap_split *s, const cap_part *p, const cap_model *m, pool *threads,
                             findings *f, error *err)
{
    const cap_namer *detector = &m->namers[CAP_NAMER_OBJECTS];
    arena memory = {0};
    nn_tape t = {.mem = &memory, .threads = threads};
    looking l = {.square = cap_namers_square(m->namers)};
    l.pixels = malloc(FOUND_AT_ONCE * 3 * (size_t)l.square * l.square);
    f->of_photo = calloc((size_t)p->count + 1, sizeof *f->of_photo);
    err_code code = l.pixels && f->of_photo ? ERR_OK : err_no_memory(err, "for photos");
    tell(s, finding, 0, p->count);
    for (int i = 0; !code && i < p->count; i += FOUND_AT_ONCE) {
        int count = p->count - i < FOUND_AT_ONCE ? p->count - i : FOUND_AT_ONCE;
        l.item = s->items + p->first + i;
        code = look_at(&l, count, detector, &t, f, err);
        if (!code) code = stopped(s, "finding objects", err);
        tell(s, finding, i + count, p->count);
    }
    free(l.pixels);
    arena_release(&memory);
    return code;
}

/* ---- kept objects ---- */

static err_code save_findings(const findings *f, const char *path, error *err)
{
    float *numbers = malloc(((size_t)f->count + 1) * FOUND_NUMBERS * sizeof *numbers);
    if (!numbers) return err_no_memory(err, "for objects");
    for (int64_t i = 0; i < f->count; i++) {
        float *to = numbers + (size_t)i * FOUND_NUMBERS;
        to[0] = (float)f->list[i].name;
        to[1] = f->list[i].confidence;
        memcpy(to + 2, f->list[i].box, sizeof f->list[i].box);
    }
    const int64_t shape[] = {f->count, FOUND_NUMBERS}, photos = f->photos;
    const io_tensor_entry entries[] = {
        {.name = "count", .dtype = IO_F32, .rank = 1, .shape = &photos, .values = f->of_photo},
        {.name = "found", .dtype = IO_F32, .rank = 2, .shape = shape, .values = numbers}};
    err_code code = io_tensors_save(path, entries, 2, NULL, 0, err);
    free(numbers);
    return code;
}

static bool is_possible(const float *x, int classes)
{
    bool whole = x[0] >= 0 && x[0] < (float)classes && x[0] == (float)(int)x[0];
    bool box = x[2] >= 0 && x[3] >= 0 && x[2] <= x[4] && x[3] <= x[5] && x[4] <= 1 && x[5] <= 1;
    return whole && box && x[1] >= 0 && x[1] <= 1;
}

/* Whole numbers that add up. */
static bool counts_fit(const findings *f)
{
    double sum = 0;
    for (int i = 0; i < f->photos; i++) {
        if (!(f->of_photo[i] >= 0 && f->of_photo[i] <= 1e6F) || f->of_photo[i] != (float)(int)f->of_photo[i])
            return false;
        sum += (double)f->of_photo[i];
    }
    return sum >= (double)f->count && sum <= (double)f->count;
}

static bool read_found(const io_tensors *file, findings *f, int classes)
{
    const io_tensor *t = io_tensors_find(file, "found");
    const int64_t photos = f->photos;
    if (!t || t->rank != 2 || t->shape[1] != FOUND_NUMBERS) return false;
    int64_t count = t->shape[0];
    float *numbers = malloc(((size_t)count + 1) * FOUND_NUMBERS * sizeof *numbers);
    f->of_photo = calloc((size_t)f->photos + 1, sizeof *f->of_photo);
    bool good = numbers && f->of_photo && LIST_ROOM(f->list, f->count, count, f->capacity) &&
                !io_tensors_read_f32(file, "found", 2, t->shape, numbers, NULL) &&
                !io_tensors_read_f32(file, "count", 1, &photos, f->of_photo, NULL);
    for (int64_t i = 0; good && i < count; i++) {
        const float *x = numbers + (size_t)i * FOUND_NUMBERS;
        good = is_possible(x, classes);
        f->list[f->count] = (cap_sighting){.name = good ? (int)x[0] : 0, .confidence = x[1]};
        memcpy(f->list[f->count++].box, x + 2, 4 * sizeof *x);
    }
    free(numbers);
    return good && counts_fit(f);
}

/* False: there is no such file, or it is not whole, and is made anew. */
static bool load_findings(const char *path, const cap_part *p, int classes, findings *f)
{
    io_tensors *file = io_tensors_open(path, NULL);
    *f = (findings){.photos = p->count};
    bool good = file && read_found(file, f, classes);
    io_tensors_close(&file);
    if (!good) findings_release(f);
    return good;
}

static err_code objects_of_part(const cap_split *s, const cap_part *p, const cap_model *m, const char *folder,
                                pool *threads, findings *f, error *err)
{
    int square = cap_namers_square(m->namers);
    char hex[HASH_HEX], path[4200];
    hash128 h = hash_bytes(&square, sizeof square, cap_model_hash(m, "objects.", 2).lo);
    hash_hex(cap_split_hash(s, p, h), hex);
    snprintf(path, sizeof path, "%.4000s/objects-%s.safetensors", folder, hex);
    if (load_findings(path, p, m->namers[CAP_NAMER_OBJECTS].config.names.count, f)) return ERR_OK;
    err_code code = find_in_part(s, p, m, threads, f, err);
    return code ? code : save_findings(f, path, err);
}

/* Behind what other parts have. */
static err_code append_findings(cap_split_named *out, const cap_part *p, const findings *f, error *err)
{
    int64_t before = out->first[p->first];
    cap_sighting *all = realloc(out->found, (before + f->count + 1) * sizeof *all);
    if (!all) return err_no_memory(err, "for objects");
    out->found = all;
    if (f->count) memcpy(all + before, f->list, f->count * sizeof *all);
    for (int i = 0; i < p->count; i++)
        out->first[p->first + i + 1] = out->first[p->first + i] + (int64_t)f->of_photo[i];
    return ERR_OK;
}

err_code cap_split_find_objects(const cap_split *s, const cap_model *m, const char *folder, pool *threads,
                                cap_split_named *out, error *err)
{
    out->first = calloc((size_t)s->captions.images + 1, sizeof *out->first);
    if (!out->first) return err_no_memory(err, "for objects");
    err_code code = io_make_dirs(folder, err);
    for (int i = 0; !code && i < s->parts; i++) {
        findings f = {0};
        code = objects_of_part(s, &s->part[i], m, folder, threads, &f, err);
        if (!code) code = append_findings(out, &s->part[i], &f, err);
        findings_release(&f);
    }
    out->named.photos = s->captions.images;
    out->named.first = out->first;
    out->named.found = out->found;
    return code;
}

/* ---- means of regions ---- */

static const char looking_at[] = "looking at photos";

typedef struct meaning {
    const cap_split *s;
    const cap_model *m;
    nn_tape *tape;
    size_t width;
    float *out; /* [photos][D] */
} meaning;

static err_code put_means(const meaning *w, nn_var *regions, int first, int count, error *err)
{
    nn_var *mean = nn_mean(w->tape, regions, NULL);
    if (!mean) return err_no_memory(err, "while encoding photos");
    float *to = w->out + first * w->width;
    for (size_t i = 0; i < count * w->width; i++) to[i] = (float)mean->data[i];
    return ERR_OK;
}

static err_code means_of_features(const meaning *w, error *err)
{
    int photos = w->s->captions.images;
    err_code code = ERR_OK;
    for (int first = 0; !code && first < photos; first += MEANT_AT_ONCE) {
        int32_t photo[MEANT_AT_ONCE];
        int count = photos - first < MEANT_AT_ONCE ? photos - first : MEANT_AT_ONCE;
        for (int i = 0; i < count; i++) photo[i] = first + i;
        nn_begin(w->tape);
        nn_var *regions = cap_split_features(w->s, w->tape, w->m, photo, count, err);
        code = !regions && err && err->code ? err->code : put_means(w, regions, first, count, err);
    }
    return code;
}

static err_code means_of_photos(const meaning *w, error *err)
{
    ds_loader *loader = NULL;
    ds_schedule order;
    arena lists = {0};
    ds_images b;
    int done = 0, photos = w->s->captions.images;
    err_code code = cap_split_plain_loader(w->s, w->m, MEANT_AT_ONCE, &loader, &order, &lists, err);
    tell(w->s, looking_at, 0, photos);
    while (!code && !(code = ds_loader_next(loader, &b, err)) && b.images) {
        nn_begin(w->tape);
        code = put_means(w, cap_model_encode(w->tape, w->m, b.pixels, b.images), done, b.images, err);
        done += b.images;
        if (!code) code = stopped(w->s, looking_at, err);
        tell(w->s, looking_at, done, photos);
    }
    ds_loader_free(&loader);
    arena_release(&lists);
    return code;
}

static err_code keep_means(const meaning *w, const char *path, const ds_features_shape *shape, error *err)
{
    ds_features_writer *to = NULL;
    err_code code = ds_features_create(path, shape, &to, err);
    for (uint64_t i = 0; !code && i < shape->images; i++)
        code = ds_features_put(to, w->out + i * w->width, err);
    if (code)
        ds_features_abort(&to);
    else
        code = ds_features_finish(&to, err);
    return code;
}

/* Through the file in any case, so that a run that finds it there sees the same numbers. */
static err_code means_by_file(const meaning *w, const char *folder, error *err)
{
    hash128 h = cap_model_hash(w->m, "encoder.", 3);
    for (int i = 0; i < w->s->parts; i++) h = cap_split_hash(w->s, &w->s->part[i], h);
    ds_features_shape shape = {
        .key = h, .images = (uint64_t)w->s->captions.images, .regions = 1, .channels = (uint32_t)w->width};
    char hex[HASH_HEX], path[4200];
    ds_features *f = NULL;
    hash_hex(h, hex);
    snprintf(path, sizeof path, "%.4000s/means-%s.f16", folder, hex);
    err_code code = io_make_dirs(folder, err);
    if (!code && ds_features_open(path, &shape, &f, NULL)) {
        code = means_of_photos(w, err);
        if (!code) code = keep_means(w, path, &shape, err);
        if (!code) code = ds_features_open(path, &shape, &f, err);
    }
    for (uint64_t i = 0; !code && i < shape.images; i++)
        code = ds_features_get(f, i, w->out + i * w->width, err);
    ds_features_close(&f);
    return code;
}

err_code cap_split_means(const cap_split *s, const cap_model *m, const char *folder, pool *threads,
                         float **means, error *err)
{
    arena memory = {0};
    nn_tape t = {.mem = &memory, .threads = threads};
    meaning w = {.s = s, .m = m, .tape = &t, .width = m->decoder.config.features};
    w.out = malloc((s->captions.images * w.width + 1) * sizeof *w.out);
    err_code code = w.out ? ERR_OK : err_no_memory(err, "for photos");
    if (!code && cap_split_keeps_features(s))
        code = means_of_features(&w, err);
    else if (!code)
        code = folder ? means_by_file(&w, folder, err) : means_of_photos(&w, err);
    arena_release(&memory);
    if (code) {
        free(w.out);
        return code;
    }
    *means = w.out;
    return ERR_OK;
}

void cap_split_take_scores(cap_split_named *n, int photos, int words, float *scores)
{
    free(n->scores);
    n->scores = scores;
    n->named.photos = photos;
    n->named.words = words;
    n->named.scores = scores;
}
