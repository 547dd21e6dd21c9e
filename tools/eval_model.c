/* caption eval --captions --images: a model captions the photos. */
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "datasets/coco.h"
#include "src/io/file.h"
#include "src/io/json.h"
#include "tools/eval.h"
#include "tools/print.h"
#include "tools/progress.h"

enum { GROUP = 16, SECONDS_BETWEEN_WRITES = 5 };

static volatile sig_atomic_t asked_to_stop;

static void on_signal(int number)
{
    (void)number;
    asked_to_stop = 1;
}

typedef struct captioning {
    const eval_request *q;
    eval_captioned *out;
    ds_captions data;
    int limit;            /* the first photos of the file: 1..data.images */
    const char **caption; /* [data.images] NULL: none yet */
    int *by_id;           /* [data.images] images by rising id */
    arena memory;
    cap_captioner *captioner;
    ui_progress bar;
    int done; /* photos of the first `limit` that are through */
    time_t written;
} captioning;

static err_code no_memory(error *err)
{
    return err_set(err, ERR_MEMORY, "out of memory for captions");
}

/* ---- results that are there already ---- */

static int compare_ids(const void *a, const void *b, void *images)
{
    const ds_image *list = images;
    int64_t x = list[*(const int *)a].id, y = list[*(const int *)b].id;
    return (x > y) - (x < y);
}

static int find_image(const captioning *c, int64_t id)
{
    int low = 0, high = c->data.images;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (c->data.image[c->by_id[middle]].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->data.images && c->data.image[c->by_id[low]].id == id ? c->by_id[low] : -1;
}

static err_code take_row(captioning *c, const json_t *row, const char *where, error *err)
{
    int64_t id;
    const char *caption;
    err_code code = io_json_int(row, "image_id", where, &id, err);
    if (!code) code = io_json_string(row, "caption", where, &caption, err);
    if (code) return code;
    int i = find_image(c, id);
    if (i < 0)
        return err_set(err, ERR_MISMATCH,
                       "%s: image %" PRId64 " is not in '%.150s'; give another file to --results-out", where,
                       id, c->q->captions);
    if (c->caption[i]) return err_set(err, ERR_FORMAT, "%s: a second caption of image %" PRId64, where, id);
    c->caption[i] = arena_strdup(&c->memory, caption);
    return c->caption[i] ? ERR_OK : no_memory(err);
}

static err_code read_results(captioning *c, error *err)
{
    struct stat info;
    json_t *root = NULL;
    const char *path = c->q->results_out;
    if (!path || stat(path, &info) || !S_ISREG(info.st_mode)) return ERR_OK;
    err_code code = io_json_load(path, IO_JSON_MAX, &root, err);
    if (!code && !json_is_array(root))
        code = err_set(err, ERR_FORMAT, "cannot continue '%s': it is no list of results", path);
    for (size_t i = 0; !code && i < json_array_size(root); i++) {
        char where[320];
        snprintf(where, sizeof where, "'%.256s': [%zu]", path, i);
        code = take_row(c, json_array_get(root, i), where, err);
    }
    if (!code && !c->q->quiet)
        fprintf(stderr, "caption: continuing '%s': it holds %zu of %d captions\n", path,
                json_array_size(root), c->data.images);
    json_decref(root);
    return code;
}

/* ---- writing ---- */

static err_code write_results(captioning *c, error *err)
{
    if (!c->q->results_out) return ERR_OK;
    io_writer *w = io_writer_open(c->q->results_out, err);
    if (!w) return err->code;
    bool first = true, failed = false;
    for (int i = 0; i < c->data.images; i++) {
        if (!c->caption[i]) continue;
        json_t *row = json_pack("{s:I,s:o}", "image_id", (json_int_t)c->data.image[i].id, "caption",
                                json_clean_string(c->caption[i]));
        char *line = row ? io_json_text(row, JSON_COMPACT) : NULL;
        failed |= !line;
        io_writer_write(w, first ? "[" : ",\n", first ? 1 : 2,
                        NULL); /* a failure is remembered by the writer */
        if (line) io_writer_write(w, line, strlen(line), NULL);
        first = false;
        free(line);
        json_decref(row);
    }
    io_writer_write(w, first ? "[]\n" : "]\n", first ? 3 : 2, NULL);
    if (failed) {
        io_writer_abort(&w);
        return no_memory(err);
    }
    c->written = time(NULL);
    return io_writer_close(&w, err);
}

/* ---- captioning ---- */

static err_code take_description(captioning *c, int image, const cap_description *d, const error *reason,
                                 error *err)
{
    if (reason->code) {
        ui_progress_clear(&c->bar);
        fprintf(stderr, "caption: %s\n", reason->text);
        c->out->unreadable++;
        return ERR_OK;
    }
    cap_attention_add(&c->out->attention, d->attention, d->words, d->grid_h * d->grid_w);
    c->caption[image] = arena_strdup(&c->memory, d->sentence);
    return c->caption[image] ? ERR_OK : no_memory(err);
}

/* The photos image[0..n-1]. */
static err_code describe_group(captioning *c, const int *image, int n, error *err)
{
    static const size_t size = PATH_MAX;
    arena mem = {0};
    const char *path[GROUP];
    cap_description d[GROUP] = {0};
    error reason[GROUP] = {0};
    err_code code = ERR_OK;
    for (int i = 0; !code && i < n; i++) {
        char *to = arena_alloc(&mem, size);
        code = to ? ds_image_path(c->q->images, c->data.image[image[i]].file_name, to, size, err)
                  : no_memory(err);
        path[i] = to;
    }
    if (!code) code = cap_describe_files(c->captioner, path, n, d, reason, err);
    for (int i = 0; i < n; i++) {
        if (!code) code = take_description(c, image[i], &d[i], &reason[i], err);
        cap_description_release(&d[i]);
    }
    arena_release(&mem);
    return code;
}

static err_code interrupted(captioning *c, error *err)
{
    ui_progress_clear(&c->bar);
    return err_set(err, ERR_INTERRUPTED, "interrupted after %d of %d photos%s", c->done, c->limit,
                   c->q->results_out ? "; the same command goes on" : "");
}

static err_code describe_all(captioning *c, error *err)
{
    int group[GROUP], n = 0;
    err_code code = ERR_OK;
    for (int i = 0; !code && i < c->limit; i++) {
        if (!c->caption[i]) group[n++] = i;
        if (n < GROUP && i + 1 < c->limit) continue;
        if (n) code = describe_group(c, group, n, err);
        c->done += n;
        n = 0;
        ui_progress_update(&c->bar, c->done, NULL);
        if (!code && time(NULL) - c->written >= SECONDS_BETWEEN_WRITES) code = write_results(c, err);
        if (!code && asked_to_stop) code = interrupted(c, err);
    }
    if (code && code != ERR_INTERRUPTED) return code;
    err_code written = write_results(c, code ? NULL : err);
    return code ? code : written;
}

static err_code run_model(captioning *c, error *err)
{
    cap_settings settings = c->q->settings;
    int missing = 0;
    settings.search.attention = true; /* for its statistics; models without attention give none */
    for (int i = 0; i < c->limit; i++) missing += !c->caption[i];
    c->done = c->limit - missing;
    err_code code = cap_open(c->q->model, &settings, &c->captioner, err);
    if (code || (code = cap_get_df(c->captioner, &c->out->df, err))) return code;
    if (!missing) return ERR_OK;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND},
                     before[2];
    sigaction(SIGINT, &action, &before[0]);
    sigaction(SIGTERM, &action, &before[1]);
    c->bar = (ui_progress){.label = "captioning", .unit = "photos", .total = c->limit, .first = c->done};
    c->bar.quiet = c->q->quiet;
    c->written = time(NULL);
    ui_progress_start(&c->bar);
    code = describe_all(c, err);
    if (!code) ui_progress_finish(&c->bar);
    sigaction(SIGINT, &before[0], NULL);
    sigaction(SIGTERM, &before[1], NULL);
    return code;
}

/* ---- scoring ---- */

static err_code add_to_scorer(const captioning *c, cap_scorer *s, error *err)
{
    err_code code = ERR_OK;
    for (int i = 0; !code && i < c->limit; i++) {
        const ds_image *image = &c->data.image[i];
        for (int j = 0; !code && j < image->count; j++)
            code = cap_scorer_add_reference(s, image->id, c->data.caption[image->first + j].text, err);
        if (code || !image->count || !c->caption[i]) continue;
        code = cap_scorer_add_hypothesis(s, image->id, c->caption[i], err);
        c->out->scored++;
    }
    return code;
}

static err_code prepare(captioning *c, error *err)
{
    ds_captions_settings settings = {.split = c->q->split};
    err_code code = ds_captions_read(c->q->captions, &settings, &c->data, err);
    if (code) return code;
    int n = c->data.images;
    if (!n) return err_set(err, ERR_FORMAT, "'%s' names no photos", c->q->captions);
    c->limit = c->q->limit && c->q->limit < n ? c->q->limit : n;
    c->caption = arena_array(&c->memory, (size_t)n, sizeof *c->caption);
    c->by_id = arena_array(&c->memory, (size_t)n, sizeof *c->by_id);
    if (!c->caption || !c->by_id) return no_memory(err);
    for (int i = 0; i < n; i++) c->by_id[i] = i;
    qsort_r(c->by_id, (size_t)n, sizeof *c->by_id, compare_ids, c->data.image);
    return read_results(c, err);
}

err_code eval_caption(const eval_request *q, cap_scorer *s, eval_captioned *out, error *err)
{
    captioning c = {.q = q, .out = out};
    err_code code = prepare(&c, err);
    if (!code) code = run_model(&c, err);
    if (!code) code = add_to_scorer(&c, s, err);
    cap_close(&c.captioner);
    ds_captions_release(&c.data);
    arena_release(&c.memory);
    return code;
}
