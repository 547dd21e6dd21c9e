/* Photos: how they become encoder states, and what is said of their regions. */
#include "captioner/session.h"

#include <stdlib.h>
#include <string.h>

#include "captioner/search/force.h"
#include "datasets/tokenise.h"

/* Where a photo comes from: one of the three. */
typedef struct source {
    const char *path;
    const void *bytes; /* a file of `size` bytes called `name` */
    size_t size;
    const char *name;
    img pixels; /* borrowed */
} source;

/* The photos of one call on their way to the net. */
typedef struct group {
    cap_session *s;
    const cap_wishes *wishes;
    const source *from;
    int count;
    cap_description *out;
    error *errors;
    uint8_t *pixels; /* [count][size][size][3] */
} group;

static int side_of(const cap_session *s)
{
    return s->model->preprocess.size;
}

void cap_description_release(cap_description *d)
{
    free(d->photo.rgb);
    cap_result_release(&d->memory);
    *d = (cap_description){0};
}

/* ---- reading ---- */

static err_code read_source(const source *from, const img_read_options *o, img *photo, img_info *info,
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

/* The net sees the same pixels whether or not the photo is kept: it is decoded small for the one and in full
 * for the other. */
static err_code decode_photo(const group *g, const source *from, uint8_t *rgb, cap_description *out,
                             error *err)
{
    const cnn_preprocess *pre = &g->s->model->preprocess;
    img_read_options o = {.max_pixels = g->wishes->max_pixels, .reduce_to = pre->size};
    img_info info = {0};
    img photo = {0};
    err_code code = read_source(from, &o, &photo, &info, err);
    if (code) return code;
    out->width = info.width;
    out->height = info.height;
    out->warning = info.warning;
    bool full = photo.width == info.width && photo.height == info.height;
    code = cnn_preprocess_photo(pre, &photo, rgb, err);
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
static err_code read_photo(const group *g, const source *from, uint8_t *rgb, cap_description *out, error *err)
{
    uint8_t *bytes;
    size_t size;
    if (!from->path || !g->wishes->keep_photo) return decode_photo(g, from, rgb, out, err);
    err_code code = img_read_file_bytes(from->path, &bytes, &size, err);
    if (!code)
        code = decode_photo(g, &(source){.bytes = bytes, .size = size, .name = from->path}, rgb, out, err);
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

static err_code copy_photo(const group *g, const img *photo, uint8_t *rgb, cap_description *out, error *err)
{
    img kept = {0};
    err_code code = check_pixels(photo, g->wishes->max_pixels ? g->wishes->max_pixels : 250000000, err);
    if (code) return code;
    out->width = photo->width;
    out->height = photo->height;
    code = cnn_preprocess_photo(&g->s->model->preprocess, photo, rgb, err);
    if (code || !g->wishes->keep_photo) return code;
    if ((code = img_create(&kept, photo->width, photo->height, err))) return code;
    memcpy(kept.rgb, photo->rgb, 3 * (size_t)photo->width * (size_t)photo->height);
    keep_photo(&kept, out);
    return ERR_OK;
}

static void read_task(void *ctx, int i, int worker)
{
    (void)worker;
    const group *g = ctx;
    const cnn_preprocess *pre = &g->s->model->preprocess;
    const source *from = &g->from[i];
    cap_description *d = &g->out[i];
    uint8_t *rgb = g->pixels + (size_t)i * 3 * (size_t)pre->size * (size_t)pre->size;
    err_code code = from->pixels.rgb ? copy_photo(g, &from->pixels, rgb, d, &g->errors[i])
                                     : read_photo(g, from, rgb, d, &g->errors[i]);
    if (code) {
        g->errors[i].code = code;
        cap_description_release(d);
        return;
    }
    double box[4];
    cnn_view(pre, d->width, d->height, box);
    d->view = (cap_view){box[0], box[1], box[2], box[3]};
}

/* ---- describing ---- */

/* list[n_best]; the first one is the description. */
static err_code fill(const cap_model *m, const cap_hypothesis *list, int n_best, cap_description *d,
                     error *err)
{
    cap_found found = {0};
    const cap_encoder *e = &m->encoder;
    int regions = e->grid_h * e->grid_w;
    arena *memory = cap_result_memory(&d->memory);
    if (!memory || !cap_found_fill(m, list, n_best, regions, regions, memory, &found))
        return err_no_memory(err, "for a description");
    d->best = found.best;
    d->alternatives = found.alternatives;
    d->alternative = found.alternative;
    d->attention = found.attention;
    d->grid_h = e->grid_h;
    d->grid_w = e->grid_w;
    return ERR_OK;
}

/* The states of the photos that were read, which are packed to the front of `pixels`. */
static cap_encoded look(const group *g, int photos, nn_tape *tape)
{
    *tape = cap_session_begin(g->s);
    return (cap_encoded){.states = cap_model_encode(tape, g->s->model, g->pixels, photos)};
}

static err_code describe_read(const group *g, const int *index, int photos, arena *results, error *err)
{
    nn_tape tape;
    int n_best = cap_wishes_count(g->wishes);
    cap_hypothesis *best = arena_array(results, (size_t)photos * (size_t)n_best, sizeof *best);
    if (!best) return err_no_memory(err, "for a description");
    cap_encoded seen = look(g, photos, &tape);
    err_code code = cap_session_search(g->s, &tape, &seen, &g->wishes->search, results, best, err);
    for (int i = 0; !code && i < photos; i++)
        code = fill(g->s->model, &best[(size_t)i * (size_t)n_best], n_best, &g->out[index[i]], err);
    return code;
}

/* Closes the gaps that unreadable photos left; returns how many there are. */
static int pack(const group *g, int *index)
{
    size_t side = (size_t)side_of(g->s), bytes = 3 * side * side;
    int n = 0;
    for (int i = 0; i < g->count; i++) {
        if (g->errors[i].code) continue;
        if (n != i) memcpy(g->pixels + (size_t)n * bytes, g->pixels + (size_t)i * bytes, bytes);
        index[n++] = i;
    }
    return n;
}

static err_code run(group *g, arena *mem, error *err)
{
    size_t side = (size_t)side_of(g->s);
    int *index = arena_array(mem, (size_t)g->count, sizeof *index);
    g->pixels = arena_array(mem, (size_t)g->count, 3 * side * side);
    if (!g->pixels || !index) return err_no_memory(err, "for %d photos", g->count);
    pool_run(g->s->threads, g->count, read_task, g);
    int photos = pack(g, index);
    return photos ? describe_read(g, index, photos, mem, err) : ERR_OK;
}

static err_code describe(cap_session *s, const cap_request *request, const source *from, int count,
                         cap_description *out, error *errors, error *err)
{
    arena mem = {0};
    cap_wishes wishes;
    for (int i = 0; i < count; i++) {
        out[i] = (cap_description){0};
        errors[i] = (error){0};
    }
    if (count < 1) return ERR_OK;
    group g = {.s = s, .wishes = &wishes, .from = from, .count = count, .out = out, .errors = errors};
    err_code code = cap_wishes_read(s->model, request, CAP_PHOTOS, &wishes, err);
    if (!code) code = run(&g, &mem, err);
    for (int i = 0; code && i < count; i++) cap_description_release(&out[i]);
    arena_release(&mem);
    return code;
}

static err_code describe_one(cap_session *s, const cap_request *request, const source *from,
                             cap_description *out, error *err)
{
    error reason;
    err_code code = describe(s, request, from, 1, out, &reason, err);
    if (code || !reason.code) return code;
    if (err) *err = reason;
    return reason.code;
}

cap_code cap_describe_file(cap_session *s, const cap_request *request, const char *path, cap_description *out,
                           cap_error *err)
{
    return describe_one(s, request, &(source){.path = path}, out, err);
}

cap_code cap_describe_memory(cap_session *s, const cap_request *request, const void *bytes, size_t size,
                             const char *name, cap_description *out, cap_error *err)
{
    return describe_one(s, request, &(source){.bytes = bytes, .size = size, .name = name}, out, err);
}

cap_code cap_describe_pixels(cap_session *s, const cap_request *request, const uint8_t *rgb, int width,
                             int height, cap_description *out, cap_error *err)
{
    source from = {.pixels = {width, height, (uint8_t *)rgb}}; /* only read */
    if (!rgb) {
        *out = (cap_description){0};
        return err_set(err, ERR_ARGUMENT, "no pixels to describe");
    }
    return describe_one(s, request, &from, out, err);
}

cap_code cap_describe_files(cap_session *s, const cap_request *request, const char *const *paths, int count,
                            cap_description *out, cap_error *errors, cap_error *err)
{
    arena mem = {0};
    source *from = arena_array(&mem, (size_t)(count > 0 ? count : 0), sizeof *from);
    if (!from) return err_no_memory(err, "for %d photos", count);
    for (int i = 0; i < count; i++) from[i].path = paths[i];
    err_code code = describe(s, request, from, count, out, errors, err);
    arena_release(&mem);
    return code;
}

/* ---- sentences of others ---- */

static err_code read_sentence(const cap_model *m, const char *sentence, arena *mem, ds_tokens *tokens,
                              int32_t **word, error *err)
{
    err_code code = ds_tokenise(sentence, mem, tokens, err);
    if (code) return code;
    if (!tokens->count) return err_set(err, ERR_ARGUMENT, "there is no word in '%.100s'", sentence);
    if (tokens->count > CAP_MAX_WORDS)
        return err_set(err, ERR_LIMIT, "a sentence of %d words cannot be scored: %d are the most",
                       (int)tokens->count, CAP_MAX_WORDS);
    *word = arena_array(mem, (size_t)tokens->count, sizeof **word);
    if (!*word) return err_no_memory(err, "for a sentence");
    for (int i = 0; i < tokens->count; i++) (*word)[i] = ds_vocab_id(m->vocab, tokens->word[i]);
    return ERR_OK;
}

static err_code fill_judged(const cap_model *m, const ds_tokens *tokens, const cap_forced *f, cap_judged *out,
                            error *err)
{
    cap_description *d = &out->description;
    size_t n = (size_t)tokens->count;
    err_code code = fill(m, &f->as, 1, d, err);
    if (code) return code;
    arena *memory = d->memory;
    out->given = arena_array(memory, n, sizeof *out->given);
    out->log_probability = arena_array(memory, n + 1, sizeof *out->log_probability);
    out->rank = arena_array(memory, n + 1, sizeof *out->rank);
    bool good = out->given && out->log_probability && out->rank;
    for (size_t i = 0; good && i < n; i++) {
        out->unknown += f->as.word[i] == DS_UNK;
        out->given[i] = arena_strdup(memory, tokens->word[i]);
        good = out->given[i];
    }
    if (!good) return err_no_memory(err, "for a sentence");
    memcpy(out->log_probability, f->log_probability, (n + 1) * sizeof *out->log_probability);
    memcpy(out->rank, f->rank, (n + 1) * sizeof *out->rank);
    return ERR_OK;
}

static err_code read_one(group *g, arena *mem, error *err)
{
    error reason = {0};
    size_t side = (size_t)side_of(g->s);
    g->errors = &reason;
    g->pixels = arena_array(mem, 3 * side, side);
    if (!g->pixels) return err_no_memory(err, "for a photo");
    read_task(g, 0, 0);
    g->errors = NULL;
    if (reason.code && err) *err = reason;
    return reason.code;
}

static err_code judge_photo(group *g, const char *sentence, arena *mem, cap_judged *out, error *err)
{
    ds_tokens tokens;
    int32_t *word;
    nn_tape tape;
    cap_memory memory = {0};
    cap_forced forced;
    const cap_model *m = g->s->model;
    err_code code = read_sentence(m, sentence, mem, &tokens, &word, err);
    if (!code) code = read_one(g, mem, err);
    if (code) return code;
    cap_encoded seen = look(g, 1, &tape);
    code = cap_session_remember(g->s, &tape, &seen, &memory, err);
    if (!code) code = cap_force(&tape, &m->decoder, &memory, word, tokens.count, mem, &forced, err);
    return code ? code : fill_judged(m, &tokens, &forced, out, err);
}

static err_code judge(cap_session *s, const cap_request *request, const source *from, const char *sentence,
                      cap_judged *out, error *err)
{
    arena mem = {0};
    cap_wishes wishes;
    *out = (cap_judged){0};
    group g = {.s = s, .wishes = &wishes, .from = from, .count = 1, .out = &out->description};
    err_code code = cap_wishes_read(s->model, request, CAP_PHOTOS, &wishes, err);
    if (!code) code = judge_photo(&g, sentence, &mem, out, err);
    arena_release(&mem);
    if (code) cap_judged_release(out);
    return code;
}

cap_code cap_judge_file(cap_session *s, const cap_request *request, const char *path, const char *sentence,
                        cap_judged *out, cap_error *err)
{
    return judge(s, request, &(source){.path = path}, sentence, out, err);
}

cap_code cap_judge_memory(cap_session *s, const cap_request *request, const void *bytes, size_t size,
                          const char *name, const char *sentence, cap_judged *out, cap_error *err)
{
    return judge(s, request, &(source){.bytes = bytes, .size = size, .name = name}, sentence, out, err);
}

void cap_judged_release(cap_judged *j)
{
    cap_description_release(&j->description);
    *j = (cap_judged){0};
}
