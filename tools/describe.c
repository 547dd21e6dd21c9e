/* caption PHOTO...: photos in, sentences out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/io/file.h"
#include "tools/describe.h"
#include "tools/photo_list.h"
#include "tools/print.h"
#include "tools/progress.h"
#include "tools/verbs.h"

/* Photos that go through the net together; fewer when they are kept at full size. */
enum { GROUP = 8, KEPT_GROUP = 2 };

typedef struct describe_job {
    describe_request *q;
    photo_list photos;
    ui_progress progress;
    int done, unreadable, empty; /* empty: folders without photos, or unreadable ones */
    int lost;                    /* overlays that could not be written */
    int warned;                  /* photos that were read in spite of a fault */
} describe_job;

/* Of what may happen to thousands of photos the first few are told, and the number of all at the end. */
enum { TOLD = 3 };

/* ---- the photos, group by group ---- */

static err_code no_memory_to_print(const char *path, error *err)
{
    return err_no_memory(err, "while printing '%.200s'", path);
}

static err_code complain(describe_job *j, const char *path, const error *reason, error *err)
{
    ui_progress_clear(&j->progress);
    fprintf(stderr, "caption: %s\n", reason->text);
    j->unreadable++;
    return describe_print_failed(j->q, path, reason) ? ERR_OK : no_memory_to_print(path, err);
}

/* A photo without its overlay is described all the same. */
static void lose_overlay(void *ctx, const error *reason)
{
    describe_job *j = ctx;
    if (j->lost++ >= TOLD) return;
    ui_progress_clear(&j->progress);
    fprintf(stderr, "caption: %s\n", reason->text);
}

/* The file that the overlay of photo i went to; NULL: none was wanted, or it failed. */
static const char *paint(describe_job *j, const cap_description *d, int i)
{
    const describe_request *q = j->q;
    const char *photo = j->photos.path[i], *path = q->overlay ? q->overlay : NULL;
    error reason = {0};
    err_code code = ERR_OK;
    if (q->files.folder) path = q->files.path[i];
    if (path && q->files.folder)
        code = overlay_files_write(&q->files, i, d, photo, &reason);
    else if (path)
        code = overlay_write(q->files.paint, d, photo, path, &reason);
    if (!code) return path;
    if (!ferror(stdout) || errno != EPIPE) lose_overlay(j, &reason);
    return NULL;
}

static err_code show(describe_job *j, const cap_description *d, int i, error *err)
{
    const char *path = j->photos.path[i], *overlay = paint(j, d, i);
    bool alone = j->q->decoding.request.only_concepts;
    bool good = (alone ? concepts_print : describe_print)(j->q, d, path, overlay);
    return good ? ERR_OK : no_memory_to_print(path, err);
}

/* The photo is described all the same. */
static void warn(describe_job *j, const cap_description *d, const char *path)
{
    if (!d->warning) return;
    ui_progress_clear(&j->progress);
    ui_warn(path, d->warning, &j->warned);
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

static err_code describe_input(const describe_request *q, cap_description *out, error *reason)
{
    uint8_t *bytes;
    size_t size;
    err_code code = photo_from_input(&bytes, &size, reason);
    if (code) return code;
    code =
        cap_describe_memory(q->use.session, &q->decoding.request, bytes, size, "standard input", out, reason);
    free(bytes);
    return code;
}

/* The next photos that can be described together: standard input stays alone. */
static int next_group(const describe_job *j)
{
    const char **path = j->photos.path + j->done;
    int most = j->q->decoding.request.keep_photo ? KEPT_GROUP : GROUP, n = 0;
    while (n < most && j->done + n < j->photos.count && strcmp(path[n], "-")) n++;
    return n ? n : 1;
}

static err_code run_group(describe_job *j, error *err)
{
    cap_description d[GROUP] = {0};
    error reason[GROUP] = {0};
    const describe_request *q = j->q;
    const char **path = j->photos.path + j->done;
    int n = next_group(j);
    err_code code = ERR_OK;
    if (strcmp(path[0], "-"))
        code = cap_describe_files(q->use.session, &q->decoding.request, path, n, d, reason, err);
    else
        describe_input(q, d, reason);
    for (int i = 0; !code && i < n; i++) {
        if (!reason[i].code) warn(j, &d[i], path[i]);
        if (reason[i].code)
            code = complain(j, path[i], &reason[i], err);
        else
            code = show(j, &d[i], j->done + i, err);
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
    j->progress = (ui_progress){.label = j->q->doing, .unit = "photos", .total = photos};
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
    ui_warn_end(j->warned, photos);
    if (j->lost > TOLD) fprintf(stderr, "caption: %d of %d overlays could not be written\n", j->lost, photos);
    return j->unreadable || j->empty || j->lost ? VERB_FAILED : VERB_DONE;
}

static err_code check_model(const describe_job *j, error *err)
{
    cap_info info;
    cap_get_info(j->q->use.model, &info);
    bool overlays = j->q->overlay || j->q->files.folder;
    if (overlays && !info.attends && !j->q->decoding.request.only_concepts)
        return err_set(err, ERR_MISMATCH, "this model attends to nothing, so there is nothing to paint");
    if (j->q->hush && !info.calibrated)
        return err_set(err, ERR_MISMATCH,
                       "this model was never calibrated, so it does not know when it is unsure; 'caption "
                       "calibrate' teaches it");
    return j->q->files.folder ? io_make_dirs(j->q->files.folder, err) : ERR_OK;
}

/* Overlays that an earlier run left among the photos are none. One that is all the command line names is
 * described, since somebody wants that. */
static int pass_over_overlays(photo_list *l)
{
    const char *first = NULL;
    int kept = 0, overlays = 0;
    for (int i = 0; i < l->count; i++) {
        const char *path = l->path[i];
        size_t n = strlen(path);
        if (n > 4 && !strcasecmp(path + n - 4, ".png") && overlay_is_ours(path)) {
            if (!overlays++) first = path;
        } else {
            l->path[kept++] = path;
        }
    }
    l->count = kept;
    if (overlays == 1) ui_say("passed over: '%s' is an overlay", first);
    if (overlays > 1) ui_say("passed over: '%s' and %d more are overlays", first, overlays - 1);
    return overlays;
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
        if (!describe_print_failed(j->q, operands[i], err)) return no_memory_to_print(operands[i], err);
    }
    bool alone = count == 1 && j->photos.count == 1 && !strcmp(operands[0], j->photos.path[0]);
    j->q->tabs = !alone || j->q->with_path;
    int overlays = alone ? 0 : pass_over_overlays(&j->photos);
    if (j->q->overlay && j->photos.count > 1)
        return err_set(err, ERR_ARGUMENT, "--overlay takes one photo, not %d; --overlay-dir takes many",
                       j->photos.count);
    if (overlays && !j->photos.count)
        return err_set(err, ERR_MISSING, "no photo is left to describe: all are overlays");
    return ERR_OK;
}

/* Every file of the run, before any is written. */
static err_code plan_files(describe_job *j, outputs *files, error *err)
{
    const describe_request *q = j->q;
    const photo_list *l = &j->photos;
    struct stat st;
    bool into_file = !fstat(STDOUT_FILENO, &st) && S_ISREG(st.st_mode);
    if (!into_file && !q->decoding.request.keep_photo) return ERR_OK;
    err_code code = outputs_writes(files, "standard output", "-", err);
    for (int i = 0; i < l->count && !code; i++) code = outputs_reads(files, "a photo", l->path[i], err);
    if (!code && q->use.path) code = outputs_reads(files, "--model", q->use.path, err);
    if (!code && q->overlay && strcmp(q->overlay, "-") != 0)
        code = outputs_writes(files, "--overlay", q->overlay, err);
    if (!code && q->files.folder)
        code = overlay_files_plan(&j->q->files, files, l->path, l->count, lose_overlay, j, err);
    return code;
}

int describe_run(describe_request *q, char **operands, int count)
{
    describe_job j = {.q = q};
    outputs files = {0};
    error err = {0};
    j.photos = (photo_list){.recursive = q->recursive, .complain = complain_of_folder, .ctx = &j};
    err_code code = list_photos(&j, operands, count, &err);
    tell_passed_over(&j);
    bool any = j.photos.count;
    if (!code && any) code = plan_files(&j, &files, &err);
    if (!code && any) code = model_use_open(&q->use, CAP_PHOTOS, &q->decoding.request, &err);
    if (!code && any) code = check_model(&j, &err);
    int verdict = code ? verb_fail(&err) : run_groups(&j);
    model_use_close(&q->use);
    photo_list_release(&j.photos);
    overlay_files_release(&q->files);
    outputs_release(&files);
    return verdict;
}

/* ---- the command line ---- */

describe_request describe_defaults(const char *doing, overlay_painter *painter)
{
    describe_request q = {.doing = doing,
                          .use = model_use_defaults(),
                          .decoding = decoding_defaults(CAP_PHOTOS),
                          .files = {.paint = painter}};
    q.decoding.request.max_pixels = MODEL_MAX_PIXELS;
    return q;
}

opt_command describe_command(const char *name, const char *about, const opt *options, const char *examples)
{
    return (opt_command){.verb = name,
                         .operands = "PHOTO...",
                         .operands_min = 1,
                         .operands_max = OPT_ANY,
                         .about = about,
                         .options = options,
                         .examples = examples};
}

/* Of the options that both verbs have; NULL: all is well. */
static const char *find_problem(const describe_request *q)
{
    const char *problem = overlay_output_problem(q->overlay, q->json);
    if (problem) return problem;
    if (q->files.force && !q->files.folder) return "--force needs --overlay-dir";
    if (q->overlay && q->files.folder) return "--overlay and --overlay-dir exclude each other";
    return NULL;
}

bool describe_begin(describe_request *q, const opt_command *command, int *argc, char **argv, int *verdict)
{
    if (!verb_begin(command, argc, argv, verdict)) return false;
    const char *problem = find_problem(q);
    if (problem) *verdict = verb_misuse(command, problem);
    q->out = q->overlay && !strcmp(q->overlay, "-") ? stderr : stdout;
    q->decoding.request.keep_photo = q->overlay || q->files.folder;
    return !problem;
}

static const char about[] =
    "Says in a sentence what a photo shows, and where in the photo each word looked.\n"
    "One photo gives one sentence; several, or a folder, give lines of path, tab, sentence, where tabs and "
    "line breaks in a path are written \\t and \\n and a backslash \\\\. '-' is a photo from standard input. "
    "Of a folder, what it holds besides photos (other kinds of pictures, folders) is counted on standard "
    "error. "
    "JPEG, PNG and WebP are recognised by content. A photo that cannot be read is reported and passed over; "
    "the exit code is then 1. With --json it gets an object with path and error. In JSON a path that is not "
    "UTF-8 has its bytes beside it as path_bytes, in hexadecimal digits.";

static const char examples[] =
    "  caption photo.jpg\n"
    "  caption --json --attention photo.jpg | jq .words\n"
    "  caption --n-best 5 --beam 8 --avoid man --must dog photo.jpg\n"
    "  caption --overlay where.png photo.jpg\n"
    "  caption --overlay-dir sheets holiday/ > captions.tsv\n"
    "  find . -name '*.jpg' -print0 | xargs -0 caption --with-path\n";

int verb_describe(int argc, char **argv)
{
    describe_request q = describe_defaults("describing", overlay_words);
    const opt options[] = {
        MODEL_OPTIONS(q.use, q.decoding.request),
        DECODING_OPTIONS(q.decoding),
        CAPTION_RULES(q.decoding),
        STYLE_OPTION(q.decoding.request),
        PHOTO_OPTIONS(q),
        {"Output", .kind = OPT_GROUP},
        {"json", 'j', OPT_FLAG, .value = &q.json,
         .help =
             "one JSON object a line: path, caption, words with probability, log-probability, score, "
             "confidence (of calibrated models: that the sentence is a good one; and unsure, and the trust "
             "that each word deserves); with --n-best all of them"},
        {"attention", 'a', OPT_FLAG, .value = &q.attention,
         .help = "with --json: grid [rows, columns] and attention [words][regions]; where words look at "
                 "concepts, too, these and concept_attention [words][concepts]"},
        {"unsure", 'u', OPT_FLAG, .value = &q.hush,
         .help =
             "say (unsure) where the model is, instead of a sentence; with --json an empty caption, and the "
             "sentence as guess. Calibrated models alone"},
        {"min-confidence", .kind = OPT_DOUBLE, .metavar = "P", .value = &q.decoding.request.min_confidence,
         .max = 1, .help = "the same, below a confidence of P; 0: the model's own limit"},
        {"with-path", 'H', OPT_FLAG, .value = &q.with_path,
         .help = "path, tab, sentence also for a single photo, as for scripts under xargs"},
        {"overlay", 'o', OPT_OUTPUT, "OUT.png", &q.overlay,
         .help = "paint where each word looked (exactly one photo); -: to standard output, and the sentence "
                 "to standard error"},
        {"overlay-dir", 'd', OPT_STRING, "DIR", &q.files.folder,
         .help = "the same for many photos, DIR/PHOTO.png each, like DIR/a.jpg.png; the next run replaces "
                 "them, and passes them over when they lie among the photos"},
        FORCE_OPTION(q),
        {0},
    };
    const opt_command command = describe_command("", about, options, examples);
    int verdict;
    if (!describe_begin(&q, &command, &argc, argv, &verdict)) return verdict;
    if (q.attention && !q.json) return verb_misuse(&command, "--attention needs --json");
    error err = {0};
    if (decoding_apply(&q.decoding, &err)) return verb_misuse(&command, err.text);
    q.hush = q.hush || q.decoding.request.min_confidence > 0;
    q.decoding.request.attention = q.attention || q.decoding.request.keep_photo;
    return describe_run(&q, argv + 1, argc - 1);
}
