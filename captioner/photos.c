/* Reading photos: from files to the pixels that the nets look at. */
#include "captioner/ahead.h"

#include <stdlib.h>
#include <string.h>

static err_code read_source(const cap_source *from, const img_read_options *o, img *photo, img_info *info,
                            error *err)
{
    if (from->path) return img_read_file(from->path, o, photo, info, err);
    return img_read_memory(from->bytes, from->size, from->name, o, photo, info, err);
}

/* Takes over the photo. */
static void keep_photo(img *photo, cap_description *out)
{
    out->photo = (cap_pixels){photo->width, photo->height, photo->rgb};
    *photo = (img){0};
}

/* Side of what the encoder sees; 0: it looks at nothing. */
static int view_side(const cap_photos *g)
{
    return cap_model_has_states(g->s->model) ? g->s->model->preprocess.size : 0;
}

static size_t view_bytes(const cap_photos *g)
{
    size_t side = (size_t)view_side(g);
    return 3 * side * side;
}

static size_t square_bytes(const cap_photos *g)
{
    return 3 * (size_t)g->square * (size_t)g->square;
}

/* What the encoder and the detector see of photo i, from one picture. */
static err_code look_at(const cap_photos *g, int i, const img *photo, error *err)
{
    uint8_t *view = g->pixels + (size_t)i * view_bytes(g), *square = g->squares + (size_t)i * square_bytes(g);
    err_code code = view_side(g) ? cnn_preprocess_photo(&g->s->model->preprocess, photo, view, err) : ERR_OK;
    if (code || !g->square) return code;
    return cnn_letterbox(photo, g->square, square, &g->letters[i], err);
}

/* Is it black, white or of one colour all over, but for noise? A photo that is not tells it by its first pixels. */
static const char *find_blank(const img *photo)
{
    enum { DARK = 24, LIGHT = 246, NOISE = 8 };
    uint8_t least[3] = {255, 255, 255}, most[3] = {0};
    bool black = true, white = true, plain = true;
    size_t bytes = 3 * (size_t)photo->width * (size_t)photo->height;
    for (size_t i = 0; i < bytes && (black || white || plain); i++) {
        uint8_t value = photo->rgb[i], *low = &least[i % 3], *high = &most[i % 3];
        if (value < *low) *low = value;
        if (value > *high) *high = value;
        black = black && value <= DARK;
        white = white && value >= LIGHT;
        plain = plain && *high - *low <= NOISE;
    }
    return black ? "black" : white ? "white" : plain ? "one colour" : NULL;
}

/* The net sees the same pixels whether or not the photo is kept: it is decoded small for the one and in full
 * for the other. */
static err_code decode_photo(const cap_photos *g, int i, const cap_source *from, error *err)
{
    cap_description *out = &g->out[i];
    img_read_options o = {.max_pixels = g->wishes->max_pixels,
                          .reduce_to = view_side(g) ? view_side(g) : 1,
                          .longer_to = g->square};
    img_info info = {0};
    img photo = {0};
    err_code code = read_source(from, &o, &photo, &info, err);
    if (code) return code;
    out->width = info.width;
    out->height = info.height;
    out->warning = info.warning;
    out->blank = find_blank(&photo);
    bool full = photo.width == info.width && photo.height == info.height;
    code = look_at(g, i, &photo, err);
    if (!code && g->wishes->keep_photo && !full) {
        img_release(&photo);
        o.reduce_to = 0;
        code = read_source(from, &o, &photo, &info, err);
    }
    if (!code && g->wishes->keep_photo) keep_photo(&photo, out);
    img_release(&photo);
    return code;
}

/* What may be decoded twice is read once: a pipe gives its bytes only once, and a file may change between. */
static err_code read_photo(const cap_photos *g, int i, error *err)
{
    uint8_t *bytes;
    size_t size;
    const cap_source *from = &g->from[i];
    if (!from->path || !g->wishes->keep_photo) return decode_photo(g, i, from, err);
    err_code code = img_read_file_bytes(from->path, &bytes, &size, err);
    if (!code)
        code = decode_photo(g, i, &(cap_source){.bytes = bytes, .size = size, .name = from->path}, err);
    free(bytes);
    return code;
}

static err_code check_pixels(const img *photo, uint64_t most, error *err)
{
    uint64_t pixels = (uint64_t)photo->width * (uint64_t)photo->height;
    if (photo->width < 1 || photo->height < 1 || photo->width > CAP_MAX_SIDE || photo->height > CAP_MAX_SIDE)
        return err_set(err, ERR_ARGUMENT, "a photo of %d x %d pixels cannot be described", photo->width,
                       photo->height);
    if (pixels > most)
        return err_set(err, ERR_LIMIT, "a photo of %d x %d pixels is over the limit of %llu pixels",
                       photo->width, photo->height, (unsigned long long)most);
    return ERR_OK;
}

static err_code copy_photo(const cap_photos *g, int i, error *err)
{
    img kept = {0};
    const img *photo = &g->from[i].pixels;
    cap_description *out = &g->out[i];
    err_code code = check_pixels(photo, g->wishes->max_pixels ? g->wishes->max_pixels : 250000000, err);
    if (code) return code;
    out->width = photo->width;
    out->height = photo->height;
    out->blank = find_blank(photo);
    code = look_at(g, i, photo, err);
    if (code || !g->wishes->keep_photo) return code;
    if ((code = img_create(&kept, photo->width, photo->height, err))) return code;
    memcpy(kept.rgb, photo->rgb, 3 * (size_t)photo->width * (size_t)photo->height);
    keep_photo(&kept, out);
    return ERR_OK;
}

/* What was read before is for the same request, so it has the same parts. */
static err_code take_ahead(const cap_photos *g, int i, error *err)
{
    cap_ahead *a = g->from[i].ahead;
    if (a->reason.code) {
        if (err) *err = a->reason;
        return a->reason.code;
    }
    g->out[i] = a->description;
    a->description = (cap_description){0};
    memcpy(g->pixels + (size_t)i * view_bytes(g), a->pixels, view_bytes(g));
    memcpy(g->squares + (size_t)i * square_bytes(g), a->square, square_bytes(g));
    if (g->square) g->letters[i] = *a->letter;
    return ERR_OK;
}

static err_code take_photo(const cap_photos *g, int i, error *err)
{
    if (g->from[i].ahead) return take_ahead(g, i, err);
    return g->from[i].pixels.rgb ? copy_photo(g, i, err) : read_photo(g, i, err);
}

static void read_task(void *ctx, int i, int worker)
{
    (void)worker;
    const cap_photos *g = ctx;
    cap_description *d = &g->out[i];
    err_code code = take_photo(g, i, &g->errors[i]);
    if (code) {
        g->errors[i].code = code;
        cap_description_release(d);
        return;
    }
    double box[4];
    cnn_view(&g->s->model->preprocess, d->width, d->height, box);
    d->view = (cap_view){box[0], box[1], box[2], box[3]};
}

/* ---- all photos ---- */

/* Closes the gaps that unreadable photos left. */
static void pack_photos(cap_photos *g)
{
    size_t view = view_bytes(g), square = square_bytes(g);
    for (int i = 0; i < g->count; i++) {
        if (g->errors[i].code) continue;
        size_t from = (size_t)i, to = (size_t)g->read;
        g->index[g->read++] = i;
        if (from == to) continue;
        memcpy(g->pixels + to * view, g->pixels + from * view, view);
        if (!square) continue;
        memcpy(g->squares + to * square, g->squares + from * square, square);
        g->letters[to] = g->letters[from];
    }
}

err_code cap_photos_read(cap_photos *g, arena *mem, error *err)
{
    const cap_model *m = g->s->model;
    size_t count = (size_t)g->count;
    g->names = cap_namers_exist(m->namers) && (g->wishes->only_concepts || m->decoder.takes_concepts);
    g->square = g->names ? cap_namers_square(m->namers) : 0;
    g->read = 0;
    g->index = arena_array(mem, count, sizeof *g->index);
    g->pixels = arena_array(mem, count, view_bytes(g));
    g->squares = arena_array(mem, count, square_bytes(g));
    g->letters = arena_array(mem, count, sizeof *g->letters);
    if (!g->index || !g->pixels || !g->squares || !g->letters)
        return err_no_memory(err, "for %d photos", g->count);
    pool_run(g->s->threads, g->count, read_task, g);
    pack_photos(g);
    return ERR_OK;
}

/* ---- ahead ---- */

static err_code read_ahead(const cap_model *m, const cap_request *request, const char *path, cap_ahead *out)
{
    cap_session alone = {.model = m}; /* without threads: the caller's does it */
    const cap_source from = {.path = path};
    cap_wishes wishes;
    err_code code = cap_wishes_read(m, request, CAP_PHOTOS, &wishes, &out->reason);
    if (code) return code;
    cap_photos g = {.s = &alone,
                    .wishes = &wishes,
                    .from = &from,
                    .count = 1,
                    .out = &out->description,
                    .errors = &out->reason};
    code = cap_photos_read(&g, &out->memory, &out->reason);
    out->pixels = g.pixels;
    out->square = g.squares;
    out->letter = g.letters;
    return code ? code : out->reason.code;
}

void cap_ahead_read(const cap_model *m, const cap_request *request, const char *path, cap_ahead *out)
{
    *out = (cap_ahead){.path = path};
    out->reason.code = read_ahead(m, request, path, out);
}

void cap_ahead_release(cap_ahead *a)
{
    cap_description_release(&a->description);
    arena_release(&a->memory);
    *a = (cap_ahead){0};
}
