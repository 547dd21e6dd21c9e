/* caption PHOTO...: photos in, sentences out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captioner/caption.h"
#include "src/io/file.h"
#include "tools/decoding.h"
#include "tools/model_options.h"
#include "tools/overlay_files.h"
#include "tools/photo_list.h"
#include "tools/precision.h"
#include "tools/print.h"
#include "tools/progress.h"
#include "tools/verbs.h"

/* Photos that go through the net together; fewer when they are kept at full size. */
enum { GROUP = 8, KEPT_GROUP = 2 };

typedef struct request {
    const char *model, *overlay;
    cap_settings settings;
    decoding decoding;
    bool json, attention;
    bool recursive;
    bool tabs; /* path and sentence, not the sentence alone */
    overlay_files files;
} request;

typedef struct describe_job {
    request *q;
    cap_captioner *captioner;
    photo_list photos;
    ui_progress progress;
    int done, unreadable, empty; /* empty: folders without photos, or unreadable ones */
} describe_job;

/* ---- output ---- */

/* Adds what is known of a sentence to *o (may be NULL); false: out of memory. */
static bool add_sentence(json_t *o, const cap_alternative *a)
{
    json_t *more = json_pack("{s:o, s:o, s:f, s:f, s:f}", "caption", json_clean_string(a->sentence), "words",
                             json_words(a->word, a->probability, a->words), "log_probability",
                             a->log_probability, "score", a->score, "confidence", a->confidence);
    bool good = o && more && !json_object_update(o, more);
    json_decref(more);
    return good;
}

/* All sentences, the best first. NULL: out of memory. */
static json_t *alternatives_json(const cap_description *d)
{
    json_t *list = json_array();
    bool good = list;
    for (int i = 0; good && i < d->alternatives; i++) {
        json_t *o = json_object();
        good = add_sentence(o, &d->alternative[i]);
        good = !json_array_append_new(list, o) && good;
    }
    if (good) return list;
    json_decref(list);
    return NULL;
}

static json_t *attention_json(const cap_description *d)
{
    json_t *list = json_array();
    size_t regions = (size_t)d->grid_h * (size_t)d->grid_w;
    for (size_t i = 0; i < (size_t)d->best.words; i++) {
        json_t *row = json_array();
        for (size_t j = 0; j < regions; j++)
            json_array_append_new(row, json_real((double)d->attention[i * regions + j]));
        json_array_append_new(list, row);
    }
    return list;
}

static bool print_json(const request *q, const cap_description *d, const char *path)
{
    json_t *o = json_pack("{s:o}", "path", json_clean_string(path));
    bool good = add_sentence(o, d->alternative);
    if (good && q->decoding.n_best) good = !json_object_set_new(o, "n_best", alternatives_json(d));
    if (good && q->attention) {
        json_object_set_new(o, "grid", json_pack("[i,i]", d->grid_h, d->grid_w));
        json_object_set_new(o, "attention", d->attention ? attention_json(d) : json_null());
    }
    if (good) return print_json_line(stdout, o);
    json_decref(o);
    return false;
}

static void print_list(const cap_description *d, const char *path)
{
    for (int i = 0; i < d->alternatives; i++) {
        print_escaped(stdout, path);
        printf("\t%d\t%.6f\t", i + 1, d->alternative[i].score);
        print_escaped(stdout, d->alternative[i].sentence);
        putchar('\n');
    }
}

static void print_text(const request *q, const cap_description *d, const char *path)
{
    if (q->decoding.n_best) {
        print_list(d, path);
        return;
    }
    if (q->tabs) {
        print_escaped(stdout, path);
        putchar('\t');
    }
    print_escaped(stdout, d->best.sentence);
    putchar('\n');
}

static err_code show(request *q, const cap_description *d, const char *path, error *err)
{
    err_code code = ERR_OK;
    if (q->overlay) code = overlay_write(d, path, q->overlay, err);
    if (q->files.folder) code = overlay_files_write(&q->files, d, path, err);
    if (code) return code;
    if (!q->json)
        print_text(q, d, path);
    else if (!print_json(q, d, path))
        return err_set(err, ERR_MEMORY, "out of memory while printing '%.200s'", path);
    return ERR_OK;
}

/* ---- the photos, group by group ---- */

static void complain(describe_job *j, const error *reason)
{
    ui_progress_clear(&j->progress);
    fprintf(stderr, "caption: %s\n", reason->text);
    j->unreadable++;
}

/* A folder below one that was named. */
static void complain_of_folder(void *ctx, const error *reason)
{
    describe_job *j = ctx;
    verb_fail(reason);
    j->empty++;
}

static void tell_passed_over(const describe_job *j)
{
    text line = {0};
    passed_over_tell(&j->photos.passed, &line);
    if (line.length) ui_say("%s", text_string(&line));
    text_release(&line);
}

static err_code describe_input(cap_captioner *c, cap_description *out, error *reason)
{
    uint8_t *bytes;
    size_t size;
    err_code code = photo_from_input(&bytes, &size, reason);
    if (code) return code;
    code = cap_describe_memory(c, bytes, size, "standard input", out, reason);
    free(bytes);
    return code;
}

/* The next photos that can be described together: standard input stays alone. */
static int next_group(const describe_job *j)
{
    const char **path = j->photos.path + j->done;
    int most = j->q->settings.keep_photo ? KEPT_GROUP : GROUP, n = 0;
    while (n < most && j->done + n < j->photos.count && strcmp(path[n], "-")) n++;
    return n ? n : 1;
}

static err_code run_group(describe_job *j, error *err)
{
    cap_description d[GROUP] = {0};
    error reason[GROUP] = {0};
    const char **path = j->photos.path + j->done;
    int n = next_group(j);
    err_code code = ERR_OK;
    if (strcmp(path[0], "-"))
        code = cap_describe_files(j->captioner, path, n, d, reason, err);
    else
        describe_input(j->captioner, d, reason);
    for (int i = 0; !code && i < n; i++) {
        if (reason[i].code)
            complain(j, &reason[i]);
        else
            code = show(j->q, &d[i], path[i], err);
    }
    for (int i = 0; i < n; i++) cap_description_release(&d[i]);
    j->done += n;
    ui_progress_update(&j->progress, j->done, NULL);
    return code;
}

static int run_groups(describe_job *j)
{
    error err = {0};
    int photos = j->photos.count;
    j->progress = (ui_progress){.label = "describing", .unit = "photos", .total = photos};
    j->progress.quiet = photos < 2 || !isatty(STDERR_FILENO) || isatty(STDOUT_FILENO);
    ui_progress_start(&j->progress);
    err_code code = ERR_OK;
    while (!code && j->done < photos) {
        code = run_group(j, &err);
        if (code || !fflush(stdout)) continue;
        if (errno == EPIPE) break; /* the reader has left; main knows how to end then */
        code = err_set(&err, ERR_IO, "cannot write to standard output: %s", strerror(errno));
    }
    if (code || ferror(stdout))
        ui_progress_clear(&j->progress);
    else
        ui_progress_finish(&j->progress);
    if (code) return verb_fail(&err);
    if (ferror(stdout)) return VERB_FAILED;
    if (j->unreadable && photos > 1)
        fprintf(stderr, "caption: %d of %d photos could not be read\n", j->unreadable, photos);
    return j->unreadable || j->empty ? VERB_FAILED : VERB_DONE;
}

static err_code check_model(const describe_job *j, error *err)
{
    cap_info info;
    cap_get_info(j->captioner, &info);
    bool overlays = j->q->overlay || j->q->files.folder;
    if (overlays && !info.attends)
        return err_set(err, ERR_MISMATCH, "this model attends to nothing, so there is nothing to paint");
    return j->q->files.folder ? io_make_dirs(j->q->files.folder, err) : ERR_OK;
}

/* A folder that gives no photos is reported and passed over, as a photo is. */
static err_code list_photos(describe_job *j, char **operands, int count, error *err)
{
    for (int i = 0; i < count; i++) {
        err_code code = photo_list_add(&j->photos, operands[i], err);
        if (code == ERR_MEMORY) return code;
        if (!code) continue;
        verb_fail(err);
        j->empty++;
    }
    j->q->tabs =
        count > 1 || j->photos.count > 1 || (j->photos.count && strcmp(operands[0], j->photos.path[0]));
    if (j->q->overlay && j->photos.count > 1)
        return err_set(err, ERR_ARGUMENT, "--overlay takes one photo, not %d; --overlay-dir takes many",
                       j->photos.count);
    return ERR_OK;
}

static int describe(request *q, char **operands, int count)
{
    describe_job j = {.q = q};
    error err = {0};
    j.photos = (photo_list){.recursive = q->recursive, .complain = complain_of_folder, .ctx = &j};
    err_code code = list_photos(&j, operands, count, &err);
    tell_passed_over(&j);
    bool any = j.photos.count;
    if (!code && any) code = cap_open(q->model, &q->settings, &j.captioner, &err);
    if (!code && any) code = check_model(&j, &err);
    int verdict = code ? verb_fail(&err) : run_groups(&j);
    cap_close(&j.captioner);
    photo_list_release(&j.photos);
    overlay_files_release(&q->files);
    return verdict;
}

static int usage_error(const char *problem)
{
    fprintf(stderr, "caption: %s (see 'caption --help')\n", problem);
    return VERB_USAGE;
}

static const char about[] =
    "Says in a sentence what a photo shows, and where in the photo each word looked.\n"
    "One photo gives one sentence; several, or a folder, give lines of path, tab, sentence, where tabs and "
    "line breaks in a path are written \\t and \\n and a backslash \\\\. '-' is a photo from standard input. "
    "Of a folder, what it holds besides photos (other kinds of pictures, folders) is counted on standard "
    "error. "
    "JPEG, PNG and WebP are recognised by content. A photo that cannot be read is reported and passed over; "
    "the exit code is then 1.";

static const char examples[] =
    "  caption photo.jpg\n"
    "  caption --json --attention photo.jpg | jq .words\n"
    "  caption --n-best 5 --beam 8 --avoid man --must dog photo.jpg\n"
    "  caption --overlay where.png photo.jpg\n"
    "  caption --overlay-dir sheets holiday/ > captions.tsv\n";

int verb_describe(int argc, char **argv)
{
    request q = {.settings = cap_settings_default(), .decoding = decoding_defaults()};
    const char *precision = PRECISION_DEFAULT;
    q.settings.max_pixels = MODEL_MAX_PIXELS;
    const opt options[] = {
        MODEL_OPTIONS(q.model, q.settings),
        PRECISION_OPTION(precision),
        DECODING_OPTIONS(q.decoding),
        {"Photos", .kind = OPT_GROUP},
        {"recursive", 'r', OPT_FLAG, .value = &q.recursive,
         .help = "of a folder, also the photos in the folders below it"},
        {"Output", .kind = OPT_GROUP},
        {"json", 'j', OPT_FLAG, .value = &q.json,
         .help = "one JSON object a line: path, caption, words with probability, log-probability, score, "
                 "confidence; with --n-best all of them"},
        {"attention", 'a', OPT_FLAG, .value = &q.attention,
         .help = "with --json: grid [rows, columns] and attention [words][regions]"},
        {"overlay", 'o', OPT_STRING, "OUT.png", &q.overlay,
         .help = "paint where each word looked (exactly one photo)"},
        {"overlay-dir", 'd', OPT_STRING, "DIR", &q.files.folder,
         .help = "the same for many photos, DIR/NAME.png each"},
        {0},
    };
    const opt_command command = {.verb = "",
                                 .operands = "PHOTO...",
                                 .operands_min = 1,
                                 .operands_max = OPT_ANY,
                                 .about = about,
                                 .options = options,
                                 .examples = examples};
    int verdict;
    if (!verb_begin(&command, &argc, argv, &verdict)) return verdict;
    q.settings.precision = precision_find(precision);
    if (q.attention && !q.json) return usage_error("--attention needs --json");
    if (q.overlay && q.files.folder) return usage_error("--overlay and --overlay-dir exclude each other");
    q.settings.keep_photo = q.overlay || q.files.folder;
    error err = {0};
    if (decoding_apply(&q.decoding, &err)) return usage_error(err.text);
    q.settings.search = q.decoding.search;
    q.settings.must = q.decoding.must;
    q.settings.avoid = q.decoding.avoid;
    q.settings.search.attention = q.attention || q.settings.keep_photo;
    return describe(&q, argv + 1, argc - 1);
}
