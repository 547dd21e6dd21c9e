#include "captioner/caption.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/net/builtin.h"
#include "captioner/net/cnn_encoder.h"
#include "captioner/net/model.h"
#include "captioner/score/model_df.h"
#include "captioner/search/force.h"
#include "captioner/search/search_state.h"
#include "captioner/search/search_words.h"
#include "datasets/tokenise.h"
#include "src/io/dtype.h"

struct cap_captioner {
    cap_settings settings;
    cap_model *model;
    pool *threads;
    arena step;           /* of the tape */
    cap_word_lists words; /* of settings.search */
};

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
    cap_captioner *c;
    const source *from;
    int count;
    cap_description *out;
    error *errors;
    uint8_t *pixels; /* [count][size][size][3] */
} group;

cap_settings cap_settings_default(void)
{
    return (cap_settings){.search = cap_search_defaults()};
}

/* ---- opening ---- */

static err_code open_any(const char *path, cap_precision precision, cap_model **out, error *err)
{
    cap_packing packing = cap_packing_of(precision);
    if (path) return cap_model_open_packed(path, &packing, out, err);
    size_t size;
    const void *bytes = cap_builtin_model(&size);
    if (!bytes)
        return err_set(err, ERR_UNSUPPORTED,
                       "this build has no built-in model; name a model file (the program: --model FILE)");
    return cap_model_open_memory_packed(bytes, size, "built-in model", &packing, out, err);
}

static err_code open_model(const char *path, cap_precision precision, cap_model **out, error *err)
{
    err_code code = open_any(path, precision, out, err);
    if (!code && (code = cap_model_need(*out, CAP_IMAGE, path ? path : "built-in model", err)))
        cap_model_close(out);
    return code;
}

err_code cap_open(const char *path, const cap_settings *settings, cap_captioner **out, error *err)
{
    *out = NULL;
    cap_captioner *c = calloc(1, sizeof *c);
    if (!c) return err_set(err, ERR_MEMORY, "out of memory for a model");
    c->settings = settings ? *settings : cap_settings_default();
    cap_search_options *search = &c->settings.search;
    err_code code = cap_search_check(search, err);
    if (!code && c->settings.threads < 0)
        code = err_set(err, ERR_ARGUMENT, "%d threads are not possible", c->settings.threads);
    if (!code) code = cap_precision_check(c->settings.precision, err);
    if (!code) code = open_model(path, c->settings.precision, &c->model, err);
    if (!code)
        code = cap_search_words(c->model->vocab, c->model->record, c->settings.must, c->settings.avoid,
                                &c->words, search, err);
    if (!code) code = cap_search_check(search, err); /* the words, against the most words */
    if (!code && !(c->threads = pool_create(c->settings.threads)))
        code = err_set(err, ERR_MEMORY, "out of memory or threads");
    if (code) cap_close(&c);
    *out = c;
    return code;
}

void cap_close(cap_captioner **cp)
{
    cap_captioner *c = cp ? *cp : NULL;
    if (!c) return;
    cap_model_close(&c->model);
    pool_free(&c->threads);
    arena_release(&c->step);
    free(c);
    *cp = NULL;
}

void cap_description_release(cap_description *d)
{
    img_release(&d->photo);
    arena_release(&d->memory);
    *d = (cap_description){0};
}

/* ---- reading ---- */

static err_code read_source(const source *s, const img_read_options *o, img *photo, img_info *info,
                            error *err)
{
    if (s->path) return img_read_file(s->path, o, photo, info, err);
    return img_read_memory(s->bytes, s->size, s->name, o, photo, info, err);
}

/* The net sees the same pixels whether or not the photo is kept: it is decoded small for the one and in full
 * for the other. */
static err_code decode_photo(const cap_captioner *c, const source *s, uint8_t *rgb, cap_description *out,
                             error *err)
{
    const cnn_preprocess *pre = &c->model->preprocess;
    img_read_options o = {.max_pixels = c->settings.max_pixels, .reduce_to = pre->size};
    img_info info = {0};
    err_code code = read_source(s, &o, &out->photo, &info, err);
    if (code) return code;
    out->width = info.width;
    out->height = info.height;
    out->warning = info.warning;
    code = cnn_preprocess_photo(pre, &out->photo, rgb, err);
    bool full = out->photo.width == info.width && out->photo.height == info.height;
    if (!code && c->settings.keep_photo && full) return ERR_OK;
    img_release(&out->photo);
    o.reduce_to = 0;
    return code || !c->settings.keep_photo ? code : read_source(s, &o, &out->photo, &info, err);
}

/* What may be decoded twice is read once: a pipe gives its bytes only once, and a file may change between. */
static err_code read_photo(const cap_captioner *c, const source *s, uint8_t *rgb, cap_description *out,
                           error *err)
{
    uint8_t *bytes;
    size_t size;
    if (!s->path || !c->settings.keep_photo) return decode_photo(c, s, rgb, out, err);
    err_code code = img_read_file_bytes(s->path, &bytes, &size, err);
    if (!code)
        code = decode_photo(c, &(source){.bytes = bytes, .size = size, .name = s->path}, rgb, out, err);
    free(bytes);
    return code;
}

static err_code copy_photo(const cap_captioner *c, const img *photo, uint8_t *rgb, cap_description *out,
                           error *err)
{
    if (!photo->rgb || photo->width < 1 || photo->height < 1 || photo->width > IMG_MAX_SIDE ||
        photo->height > IMG_MAX_SIDE)
        return err_set(err, ERR_ARGUMENT, "a photo of %d x %d pixels cannot be described", photo->width,
                       photo->height);
    uint64_t most = c->settings.max_pixels ? c->settings.max_pixels : 250000000;
    uint64_t pixels = (uint64_t)photo->width * (uint64_t)photo->height;
    if (pixels > most)
        return err_set(err, ERR_LIMIT, "a photo of %d x %d pixels is over the limit of %llu pixels",
                       photo->width, photo->height, (unsigned long long)most);
    out->width = photo->width;
    out->height = photo->height;
    err_code code = cnn_preprocess_photo(&c->model->preprocess, photo, rgb, err);
    if (code || !c->settings.keep_photo) return code;
    if ((code = img_create(&out->photo, photo->width, photo->height, err))) return code;
    memcpy(out->photo.rgb, photo->rgb, 3 * pixels);
    return ERR_OK;
}

static void read_task(void *ctx, int i, int worker)
{
    (void)worker;
    const group *g = ctx;
    const cnn_preprocess *pre = &g->c->model->preprocess;
    const source *s = &g->from[i];
    cap_description *d = &g->out[i];
    uint8_t *rgb = g->pixels + (size_t)i * 3 * (size_t)pre->size * (size_t)pre->size;
    err_code code = s->pixels.rgb ? copy_photo(g->c, &s->pixels, rgb, d, &g->errors[i])
                                  : read_photo(g->c, s, rgb, d, &g->errors[i]);
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

static bool fill_attention(const cap_model *m, const cap_hypothesis *h, cap_description *d)
{
    size_t n = (size_t)h->words * (size_t)m->encoder.grid_h * (size_t)m->encoder.grid_w;
    if (!h->alpha) return true;
    d->attention = arena_array(&d->memory, n, sizeof *d->attention);
    if (d->attention) memcpy(d->attention, h->alpha, n * sizeof *d->attention);
    return d->attention;
}

/* list[n_best]; the first one is the description. */
static err_code fill(const cap_model *m, const cap_hypothesis *list, int n_best, cap_description *d,
                     error *err)
{
    d->alternative = arena_array(&d->memory, (size_t)n_best, sizeof *d->alternative);
    bool good = d->alternative && fill_attention(m, list, d);
    for (int i = 0; good && i < n_best && list[i].words; i++)
        good = cap_alternative_fill(m, &list[i], &d->memory, &d->alternative[d->alternatives++]);
    if (!good) return err_set(err, ERR_MEMORY, "out of memory for a description");
    d->best = *d->alternative;
    d->grid_h = m->encoder.grid_h;
    d->grid_w = m->encoder.grid_w;
    return ERR_OK;
}

/* The net over the photos that were read, which are packed to the front of `pixels`. */
static err_code look(cap_captioner *c, const uint8_t *pixels, int photos, nn_tape *tape, cap_memory *memory,
                     error *err)
{
    *tape = (nn_tape){.mem = &c->step, .threads = c->threads};
    nn_begin(tape);
    nn_var *features = cap_model_encode(tape, c->model, pixels, photos);
    if (features)
        *memory = cap_decoder_remember(tape, &c->model->decoder, &(cap_encoded){.states = features});
    if (tape->failed || !features) return err_set(err, ERR_MEMORY, "out of memory for the net");
    float most = io_largest(IO_F32, features->data, nn_count(features)); /* later steps may hide it */
    return isfinite(most) ? ERR_OK : cap_no_numbers(err);
}

static err_code describe_read(const group *g, const int *index, int photos, arena *results, error *err)
{
    cap_captioner *c = g->c;
    nn_tape tape;
    cap_memory memory = {0};
    const cap_search_options *search = &c->settings.search;
    int n_best = search->n_best ? search->n_best : 1;
    cap_hypothesis *best = arena_array(results, (size_t)photos * (size_t)n_best, sizeof *best);
    if (!best) return err_set(err, ERR_MEMORY, "out of memory for a description");
    err_code code = look(c, g->pixels, photos, &tape, &memory, err);
    if (!code) code = cap_search(&tape, &c->model->decoder, &memory, search, results, best, err);
    for (int i = 0; !code && i < photos; i++)
        code = fill(c->model, &best[(size_t)i * (size_t)n_best], n_best, &g->out[index[i]], err);
    return code;
}

/* Closes the gaps that unreadable photos left; returns how many there are. */
static int pack(const group *g, int *index)
{
    size_t bytes = 3 * (size_t)g->c->model->preprocess.size * (size_t)g->c->model->preprocess.size;
    int n = 0;
    for (int i = 0; i < g->count; i++) {
        if (g->errors[i].code) continue;
        if (n != i) memcpy(g->pixels + (size_t)n * bytes, g->pixels + (size_t)i * bytes, bytes);
        index[n++] = i;
    }
    return n;
}

static err_code describe(cap_captioner *c, const source *from, int count, cap_description *out, error *errors,
                         error *err)
{
    arena mem = {0};
    size_t side = (size_t)c->model->preprocess.size;
    for (int i = 0; i < count; i++) {
        out[i] = (cap_description){0};
        errors[i] = (error){0};
    }
    if (count < 1) return ERR_OK;
    group g = {c, from, count, out, errors, arena_array(&mem, (size_t)count, 3 * side * side)};
    int *index = arena_array(&mem, (size_t)count, sizeof *index);
    err_code code = ERR_OK;
    if (g.pixels && index) {
        pool_run(c->threads, count, read_task, &g);
        int photos = pack(&g, index);
        if (photos) code = describe_read(&g, index, photos, &mem, err);
    } else {
        code = err_set(err, ERR_MEMORY, "out of memory for %d photos", count);
    }
    for (int i = 0; code && i < count; i++) cap_description_release(&out[i]);
    arena_release(&mem);
    return code;
}

static err_code describe_one(cap_captioner *c, const source *from, cap_description *out, error *err)
{
    error reason;
    err_code code = describe(c, from, 1, out, &reason, err);
    if (code || !reason.code) return code;
    if (err) *err = reason;
    return reason.code;
}

err_code cap_describe_file(cap_captioner *c, const char *path, cap_description *out, error *err)
{
    return describe_one(c, &(source){.path = path}, out, err);
}

err_code cap_describe_memory(cap_captioner *c, const void *bytes, size_t size, const char *name,
                             cap_description *out, error *err)
{
    return describe_one(c, &(source){.bytes = bytes, .size = size, .name = name}, out, err);
}

err_code cap_describe_pixels(cap_captioner *c, const uint8_t *rgb, int width, int height,
                             cap_description *out, error *err)
{
    source s = {.pixels = {width, height, (uint8_t *)rgb}}; /* only read */
    if (!rgb) {
        *out = (cap_description){0};
        return err_set(err, ERR_ARGUMENT, "no pixels to describe");
    }
    return describe_one(c, &s, out, err);
}

err_code cap_describe_files(cap_captioner *c, const char *const *paths, int count, cap_description *out,
                            error *errors, error *err)
{
    arena mem = {0};
    source *from = arena_array(&mem, (size_t)(count > 0 ? count : 0), sizeof *from);
    if (!from) return err_set(err, ERR_MEMORY, "out of memory for %d photos", count);
    for (int i = 0; i < count; i++) from[i].path = paths[i];
    err_code code = describe(c, from, count, out, errors, err);
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
    if (!*word) return err_set(err, ERR_MEMORY, "out of memory for a sentence");
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
    out->given = arena_array(&d->memory, n, sizeof *out->given);
    out->log_probability = arena_array(&d->memory, n + 1, sizeof *out->log_probability);
    out->rank = arena_array(&d->memory, n + 1, sizeof *out->rank);
    bool good = out->given && out->log_probability && out->rank;
    for (size_t i = 0; good && i < n; i++) {
        out->unknown += f->as.word[i] == DS_UNK;
        out->given[i] = arena_strdup(&d->memory, tokens->word[i]);
        good = out->given[i];
    }
    if (!good) return err_set(err, ERR_MEMORY, "out of memory for a sentence");
    memcpy(out->log_probability, f->log_probability, (n + 1) * sizeof *out->log_probability);
    memcpy(out->rank, f->rank, (n + 1) * sizeof *out->rank);
    return ERR_OK;
}

static err_code judge_source(cap_captioner *c, const source *from, const char *sentence, arena *mem,
                             cap_judged *out, error *err)
{
    ds_tokens tokens;
    int32_t *word;
    nn_tape tape;
    cap_memory memory = {0};
    cap_forced forced;
    size_t side = (size_t)c->model->preprocess.size;
    err_code code = read_sentence(c->model, sentence, mem, &tokens, &word, err);
    if (code) return code;
    error reason = {0};
    group g = {c, from, 1, &out->description, &reason, arena_array(mem, 3 * side, side)};
    if (!g.pixels) return err_set(err, ERR_MEMORY, "out of memory for a photo");
    read_task(&g, 0, 0);
    if (reason.code && err) *err = reason;
    if (reason.code) return reason.code;
    code = look(c, g.pixels, 1, &tape, &memory, err);
    if (!code) code = cap_force(&tape, &c->model->decoder, &memory, word, tokens.count, mem, &forced, err);
    return code ? code : fill_judged(c->model, &tokens, &forced, out, err);
}

static err_code judge(cap_captioner *c, const source *from, const char *sentence, cap_judged *out, error *err)
{
    arena mem = {0};
    *out = (cap_judged){0};
    err_code code = judge_source(c, from, sentence, &mem, out, err);
    arena_release(&mem);
    if (code) cap_judged_release(out);
    return code;
}

err_code cap_judge_file(cap_captioner *c, const char *path, const char *sentence, cap_judged *out, error *err)
{
    return judge(c, &(source){.path = path}, sentence, out, err);
}

err_code cap_judge_memory(cap_captioner *c, const void *bytes, size_t size, const char *name,
                          const char *sentence, cap_judged *out, error *err)
{
    return judge(c, &(source){.bytes = bytes, .size = size, .name = name}, sentence, out, err);
}

void cap_judged_release(cap_judged *j)
{
    cap_description_release(&j->description);
    *j = (cap_judged){0};
}

/* ---- what the model is ---- */

static size_t count_parameters(const nn_params *p, const char *prefix)
{
    size_t n = 0;
    for (int i = 0; i < p->count; i++)
        if (!strncmp(p->list[i]->name, prefix, strlen(prefix)) && !(p->list[i]->flags & NN_BUFFER))
            n += nn_count(&p->list[i]->var);
    return n;
}

void cap_get_info(const cap_captioner *c, cap_info *info)
{
    const cap_model *m = c->model;
    const cap_decoder_config *d = &m->decoder.config;
    *info = (cap_info){.encoder = cap_cnn_architecture(&m->encoder.config),
                       .size = m->preprocess.size,
                       .crop = m->preprocess.fit == CNN_CROP,
                       .grid_h = m->encoder.grid_h,
                       .grid_w = m->encoder.grid_w,
                       .features = d->features,
                       .decoder = *d,
                       .encoder_parameters = count_parameters(&m->params, "encoder."),
                       .decoder_parameters = count_parameters(&m->params, "decoder."),
                       .vocabulary = ds_vocab_size(m->vocab) - DS_SPECIALS,
                       .file_bytes = m->file_bytes,
                       .record = m->record,
                       .attends = cap_decoder_attends(&m->decoder)};
    memcpy(info->mean, m->preprocess.mean, sizeof info->mean);
    memcpy(info->std, m->preprocess.std, sizeof info->std);
}

const char *cap_get_word(const cap_captioner *c, int index)
{
    if (index < 0 || index >= ds_vocab_size(c->model->vocab) - DS_SPECIALS) return NULL;
    return ds_vocab_word(c->model->vocab, index + DS_SPECIALS);
}

err_code cap_get_df(const cap_captioner *c, cap_df **df, error *err)
{
    return cap_model_get_df(c->model, df, err);
}
