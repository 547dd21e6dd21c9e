/* The namer of things with boxes: a detector of cnn/, each photo by itself. */
#include <stdio.h>
#include <string.h>

#include "captioner/net/namer_parts.h"
#include "captioner/net/object_words.h"
#include "cnn/backbone.h"
#include "cnn/import.h"
#include "src/nn/finite.h"

enum { COARSEST = 32, MOST_OF_CLASS = 3, ROOM = 100 };

/* cap_namer.net */
typedef struct objects_part {
    cnn_net *net;
    cnn_preprocess pre; /* how its input is normalised */
} objects_part;

static const cap_objects_settings *settings_of(const cap_namer_config *c)
{
    return (const cap_objects_settings *)(const void *)c->settings.bytes;
}

static const objects_part *part_of(const cap_namer *n)
{
    return n->net;
}

cnn_net *cap_objects_net(const cap_namer *n)
{
    return n->config.row == &cap_namer_objects && n->net ? part_of(n)->net : NULL;
}

const cnn_preprocess *cap_objects_preprocess(const cap_namer *n)
{
    return n->config.row == &cap_namer_objects && n->net ? &part_of(n)->pre : NULL;
}

static void defaults(void *settings)
{
    *(cap_objects_settings *)settings =
        (cap_objects_settings){.naming = {0.2, 8}, .size = 416, .net = "yolox_nano"};
}

static const io_field fields[] = {CAP_NAMING_FIELDS(cap_objects_settings),
                                  {.name = "size",
                                   .kind = IO_FIELD_INT,
                                   .offset = offsetof(cap_objects_settings, size),
                                   .least = CNN_MIN_SIDE,
                                   .most = CNN_MAX_SIDE},
                                  {0}};

static const char *const further[] = {"net", NULL};

static void write(const cap_namer_config *c, io_json_build *b, json_t *object)
{
    io_json_put_string(b, object, "net", settings_of(c)->net);
}

static err_code read(const json_t *object, const char *where, cap_namer_config *c, error *err)
{
    const char *name;
    err_code code = io_json_string(object, "net", where, &name, err);
    if (code) return code;
    if (!cnn_detector_find(name))
        return err_set(err, ERR_UNSUPPORTED,
                       "%.360s: 'net' is '%.40s', a detector that this program does not have", where, name);
    cap_objects_settings *s = (cap_objects_settings *)(void *)c->settings.bytes;
    snprintf(s->net, sizeof s->net, "%s", name);
    if (s->size % COARSEST == 0) return ERR_OK;
    return err_set(err, ERR_FORMAT, "%.300s: 'size' is %d, it must be a multiple of %d", where, s->size,
                   COARSEST);
}

static void print(const cap_namer_config *c, text *line)
{
    text_printf(line, "%s, ", settings_of(c)->net);
}

/* ---- life ---- */

static err_code declare(cap_namer *n, int width, nn_params *params, error *err)
{
    (void)width;
    objects_part *part = n->net;
    const cap_objects_settings *s = settings_of(&n->config);
    const cnn_backbone_row *row = cnn_detector_find(s->net);
    if (!row) return err_set(err, ERR_MISSING, "there is no detector '%.40s'", s->net);
    if (s->size % COARSEST)
        return err_set(err, ERR_ARGUMENT, "objects 'size' is %d, it must be a multiple of %d", s->size,
                       COARSEST);
    cnn_preprocess_default(&part->pre);
    if (row->import) {
        memcpy(part->pre.mean, row->import->mean, sizeof part->pre.mean);
        memcpy(part->pre.std, row->import->std, sizeof part->pre.std);
    }
    if (!cap_names_copy(&n->config.names, row->class_names, row->classes))
        return err_no_memory(err, "for %d names", row->classes);
    return cnn_net_create(s->net, cap_namer_prefix(CAP_NAMER_OBJECTS), params, &part->net, err);
}

static err_code prepare(cap_namer *n, error *err)
{
    return cnn_net_fold(part_of(n)->net, err);
}

static const real *factors(const cap_namer *n, const nn_var *weight)
{
    return cnn_net_fold_factors(part_of(n)->net, weight);
}

static void release(cap_namer *n)
{
    cnn_net_free(&((objects_part *)n->net)->net);
}

err_code cap_objects_import(const cap_namer *n, const io_tensors *file, error *err)
{
    const objects_part *part = part_of(n);
    cnn_preprocess pre;
    err_code code = cnn_import(file, part->net, &pre, err);
    if (code) return code;
    if (memcmp(pre.mean, part->pre.mean, sizeof pre.mean) || memcmp(pre.std, part->pre.std, sizeof pre.std))
        return err_set(err, ERR_MISMATCH,
                       "'%.300s': its metadata ask for another 'mean' or 'std' than '%s' has",
                       io_tensors_name(file), cnn_net_row(part->net)->name);
    return ERR_OK;
}

/* ---- seeing ---- */

static int square(const cap_namer_config *c)
{
    return settings_of(c)->size;
}

static int room(const cap_namer *n)
{
    (void)n;
    return ROOM;
}

static void keep(const cnn_detection *found, int count, const cnn_letter *l, cap_sighting *out)
{
    for (int i = 0; i < count; i++) {
        const cnn_detection *d = &found[i];
        double box[4] = {d->x0 / l->width, d->y0 / l->height, d->x1 / l->width, d->y1 / l->height};
        out[i] = (cap_sighting){.name = d->class, .confidence = (float)d->score};
        for (int k = 0; k < 4; k++) out[i].box[k] = (float)box[k];
    }
}

/* Photo m on a tape of its own: what comes out does not depend on the photos beside it. */
static err_code see_photo(nn_tape *t, const cap_namer *n, const cap_look *look, int m, double least,
                          cap_sightings *out, error *err)
{
    const objects_part *part = part_of(n);
    int side = square(&n->config), classes = n->config.names.count;
    size_t pixels = (size_t)side * side;
    real *values = nn_scratch(t, 3 * pixels * sizeof *values);
    if (!values) return err_no_memory(err, "for the objects of a photo");
    cnn_normalise(&part->pre, look->squares + (size_t)m * 3 * pixels, pixels, values);
    nn_var *y = cnn_net_forward(part->net, t, nn_input(t, values, 4, (int[]){1, side, side, 3}));
    if (!y) return err_no_memory(err, "for the objects of a photo");
    if (!nn_is_finite(y))
        return err_set(err, ERR_FORMAT, "the detector computes no numbers: its weights are damaged");
    cnn_detect_settings s = cnn_detect_defaults();
    s.least_score = least;
    cnn_detection found[ROOM];
    err_code code = cnn_detect(&s, &look->letters[m], y->data, classes, ROOM, found, &out->count[m], err);
    if (!code) keep(found, out->count[m], &look->letters[m], out->list + (size_t)m * out->most);
    return code;
}

typedef struct seeing {
    const nn_tape *tape;
    const cap_namer *namer;
    const cap_look *look;
    double least;
    cap_sightings *out;
    error *errors; /* [photos] */
} seeing;

static void see_task(void *ctx, int m, int worker)
{
    const seeing *s = ctx;
    arena mem = {0};
    nn_tape t = {.mem = &mem, .precision = s->tape->precision, .inside_task = true};
    workspace space;
    if (s->tape->space) {
        space = workspace_of_worker(s->tape->space, worker);
        t.space = &space;
    }
    nn_begin(&t);
    s->errors[m].code = see_photo(&t, s->namer, s->look, m, s->least, s->out, &s->errors[m]);
    arena_release(&mem);
}

/* Threads take different photos; without a workspace, of which each has a part, one does them all. */
static err_code see_many(nn_tape *t, seeing *s, error *err)
{
    int photos = s->look->photos;
    s->errors = nn_alloc(t, photos * sizeof *s->errors);
    if (!s->errors || (t->space && !workspace_reserve(t->space, pool_threads(t->threads), 0)))
        return err_no_memory(err, "for what is in %d photos", photos);
    pool_run(t->space ? t->threads : NULL, photos, see_task, s);
    for (int m = 0; m < photos; m++) {
        if (!s->errors[m].code) continue;
        if (err) *err = s->errors[m];
        return s->errors[m].code;
    }
    return ERR_OK;
}

/* A single photo's layers are shared by all threads. */
static err_code see_one(const nn_tape *t, const seeing *s, error *err)
{
    arena mem = {0};
    nn_tape own = {.mem = &mem, .threads = t->threads, .space = t->space, .precision = t->precision};
    nn_begin(&own);
    err_code code = see_photo(&own, s->namer, s->look, 0, s->least, s->out, err);
    arena_release(&mem);
    return code;
}

static err_code see(nn_tape *t, const cap_namer *n, const cap_look *look, double least, cap_sightings *out,
                    error *err)
{
    seeing s = {.tape = t, .namer = n, .look = look, .least = least, .out = out};
    if (!look->squares) return ERR_OK;
    return look->photos == 1 ? see_one(t, &s, err) : see_many(t, &s, err);
}

const cap_namer_row cap_namer_objects = {.name = "objects",
                                         .kind = CAP_NAMER_OBJECTS,
                                         .about = "things with boxes, by a detector",
                                         .fields = fields,
                                         .settings_bytes = sizeof(cap_objects_settings),
                                         .net_bytes = sizeof(objects_part),
                                         .most_of_name = MOST_OF_CLASS,
                                         .defaults = defaults,
                                         .further = further,
                                         .write = write,
                                         .read = read,
                                         .print = print,
                                         .find = cap_object_said,
                                         .declare = declare,
                                         .see = see,
                                         .room = room,
                                         .square = square,
                                         .prepare = prepare,
                                         .factors = factors,
                                         .release = release};
