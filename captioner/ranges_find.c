#include "captioner/ranges_find.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/photos.h"
#include "datasets/coco.h"

enum { GROUP = 16, MOST = 256 }; /* photos that are read together; of a set */

enum { CHANNELS = 3 }; /* of pixels, whose ranges come first */

typedef struct finding {
    cap_session *s;
    cap_wishes wishes;
    cnn_range *all[CAP_RANGED], *one[CAP_RANGED]; /* [ranges] of all photos so far, and of one */
    int photos;
} finding;

static const cnn_preprocess *preprocess_of(const cap_model *m, int which)
{
    return which ? cap_objects_preprocess(&m->namers[CAP_NAMER_OBJECTS]) : &m->preprocess;
}

static err_code watch(finding *f, nn_tape *t, int which, const uint8_t *rgb, int side, error *err)
{
    cnn_net *net = cap_ranged_net(f->s->model, which);
    size_t pixels = (size_t)side * side;
    nn_begin(t);
    real *values = nn_scratch(t, 3 * pixels * sizeof *values);
    if (values) cnn_normalise(preprocess_of(f->s->model, which), rgb, pixels, values);
    nn_var *x = values ? nn_input(t, values, 4, (int[]){1, side, side, 3}) : NULL;
    if (!x || !cnn_net_watch(net, t, x, f->one[which]))
        return err_no_memory(err, "for the ranges of a photo");
    for (int i = 0; i < cnn_net_ranges(net); i++) {
        f->all[which][i].low = fminf(f->all[which][i].low, f->one[which][i].low);
        f->all[which][i].high = fmaxf(f->all[which][i].high, f->one[which][i].high);
    }
    return ERR_OK;
}

static err_code watch_group(finding *f, const char *const *path, int n, error *err)
{
    const cap_model *m = f->s->model;
    arena mem = {0};
    cap_source from[GROUP] = {0};
    cap_description d[GROUP] = {0};
    error reason[GROUP] = {0};
    for (int i = 0; i < n; i++) from[i].path = path[i];
    cap_photos g = {.s = f->s, .wishes = &f->wishes, .from = from, .count = n, .out = d, .errors = reason};
    err_code code = cap_photos_read(&g, &mem, err);
    for (int i = 0; !code && i < g.read; i++) {
        nn_tape t = cap_session_begin(f->s);
        int side = m->preprocess.size;
        if (cap_ranged_net(m, 0)) code = watch(f, &t, 0, g.pixels + (size_t)i * 3 * side * side, side, err);
        if (!code && g.square && cap_ranged_net(m, 1))
            code = watch(f, &t, 1, g.squares + (size_t)i * 3 * g.square * g.square, g.square, err);
        f->photos++;
    }
    for (int i = 0; i < n; i++) cap_description_release(&d[i]);
    arena_release(&mem);
    return code;
}

/* Of a large set, photos from all over it. */
static err_code watch_set(finding *f, const cap_calibration_set *set, error *err)
{
    ds_captions data;
    char names[GROUP][PATH_MAX];
    const char *path[GROUP];
    err_code code = ds_captions_read(set->captions, NULL, &data, err);
    if (code) return code;
    int wanted = data.images < MOST ? data.images : MOST;
    for (int first = 0, n; !code && first < wanted; first += n) {
        n = wanted - first < GROUP ? wanted - first : GROUP;
        for (int i = 0; !code && i < n; i++) {
            int at = (int)((int64_t)(first + i) * data.images / wanted);
            path[i] = names[i];
            code = ds_image_path(set->images, data.image[at].file_name, names[i], PATH_MAX, err);
        }
        if (!code) code = watch_group(f, path, n, err);
    }
    ds_captions_release(&data);
    return code;
}

static err_code take_room(finding *f, error *err)
{
    for (int i = 0; i < CAP_RANGED; i++) {
        const cnn_net *net = cap_ranged_net(f->s->model, i);
        if (!net) continue;
        f->all[i] = calloc((size_t)cnn_net_ranges(net), sizeof(cnn_range));
        f->one[i] = calloc((size_t)cnn_net_ranges(net), sizeof(cnn_range));
        if (!f->all[i] || !f->one[i]) return err_no_memory(err, "for the ranges of a network");
    }
    return ERR_OK;
}

/* All that pixels can be. */
static cnn_range pixel_range(const cnn_preprocess *pre)
{
    cnn_range r = {0, 0};
    for (int i = 0; i < 3; i++) {
        r.low = fminf(r.low, -pre->mean[i] / pre->std[i]);
        r.high = fmaxf(r.high, (1 - pre->mean[i]) / pre->std[i]);
    }
    return r;
}

/* What was found becomes the caller's. */
static void finish(finding *f, cap_ranges *out)
{
    for (int i = 0; i < CAP_RANGED; i++) {
        const cnn_net *net = cap_ranged_net(f->s->model, i);
        if (!net) continue;
        out->count[i] = cnn_net_ranges(net);
        out->of[i] = f->all[i];
        f->all[i] = NULL;
        for (int k = 0; k < CHANNELS; k++) out->of[i][k] = pixel_range(preprocess_of(f->s->model, i));
    }
}

err_code cap_ranges_find(cap_session *s, const cap_calibration_set *set, int sets, cap_ranges *out,
                         error *err)
{
    finding f = {.s = s};
    *out = (cap_ranges){0};
    err_code code = cap_wishes_read(s->model, NULL, CAP_PHOTOS, &f.wishes, err);
    if (!code) code = take_room(&f, err);
    for (int i = 0; !code && i < sets; i++) code = watch_set(&f, &set[i], err);
    if (!code && !f.photos) code = err_set(err, ERR_ARGUMENT, "none of the photos can be read");
    if (!code) finish(&f, out);
    for (int i = 0; i < CAP_RANGED; i++) {
        free(f.all[i]);
        free(f.one[i]);
    }
    return code;
}
