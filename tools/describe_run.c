/* Going through the photos of a command line: which they are, what is said of each, and where it goes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/io/file.h"
#include "tools/describe.h"
#include "tools/interrupt.h"
#include "tools/photo_list.h"
#include "tools/print.h"
#include "tools/progress.h"
#include "tools/read_ahead.h"
#include "tools/sinks.h"
#include "tools/verbs.h"
#include "tools/watch.h"

/* Photos that go through the net together; fewer when they are kept at full size. */
enum { GROUP = 8, KEPT_GROUP = 2 };

typedef struct describe_job {
    describe_request *q;
    photo_list photos;
    ui_progress progress;
    int done, unreadable, empty; /* empty: folders without photos, or unreadable ones */
    int lost;                    /* overlays that could not be written */
    int warned;                  /* photos that were read in spite of a fault */
    sink_set *wants;    /* [photos.count] which files want a description of it; NULL: there are none */
    read_ahead *ahead;  /* reads the next photos meanwhile; NULL: they are read in their turn */
    watcher *watcher;   /* NULL: nothing is watched */
    photo_list rules;   /* which photos are taken of the folders that are watched */
    bool watching;      /* the photos are those that have come since the start */
    int lost_by[SINKS]; /* files of each kind that could not be written */
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
    page_file_add_failed(&j->q->page, path, reason);
    if (j->q->silent) return ERR_OK;
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
        code = overlay_write(q->files.paint, &q->files.look, d, photo, path, &reason);
    if (!code) return path;
    if (!ferror(stdout) || errno != EPIPE) lose_overlay(j, &reason);
    return NULL;
}

static void lose_file(void *ctx, int kind, const error *reason)
{
    describe_job *j = ctx;
    if (j->lost_by[kind]++ >= TOLD) return;
    ui_progress_clear(&j->progress);
    fprintf(stderr, "caption: %s\n", reason->text);
}

static err_code put_files(describe_job *j, const cap_description *d, int i, bool *all, error *err)
{
    *all = true;
    if (!j->wants) return ERR_OK;
    return sinks_put(j->q, d, j->photos.path[i], j->wants[i], lose_file, j, all, err);
}

static err_code show(describe_job *j, const cap_description *d, int i, error *err)
{
    const char *path = j->photos.path[i], *overlay = paint(j, d, i);
    page_file_add(&j->q->page, path, d);
    bool all, alone = j->q->decoding.request.only_concepts;
    bool painted = overlay || (!j->q->overlay && !j->q->files.folder);
    bool good = j->q->silent || (alone ? concepts_print : describe_print)(j->q, d, path, overlay);
    err_code code = good ? put_files(j, d, i, &all, err) : no_memory_to_print(path, err);
    if (!code && j->q->look.on) code = look_put(&j->q->look, d, err);
    if (!code && all && painted && j->q->done.path) code = done_list_note(&j->q->done, path, err);
    return code;
}

/* The photo is described all the same. */
static void warn(describe_job *j, const cap_description *d, const char *path)
{
    if (!d->warning && !d->blank) return;
    text blank = {0};
    if (d->blank) text_printf(&blank, "it is %s%s all over", *d->blank == 'o' ? "of " : "", d->blank);
    ui_progress_clear(&j->progress);
    ui_warn(path, d->warning ? d->warning : text_string(&blank), &j->warned);
    text_release(&blank);
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

/* The next n photos, which lie at path[n]. Those that were read ahead are moved out of the way in any case. */
static err_code describe_next(describe_job *j, const char **path, int n, cap_description *d, error *reason,
                              error *err)
{
    const describe_request *q = j->q;
    cap_ahead list[GROUP] = {0};
    err_code code = ERR_OK;
    if (j->ahead) read_ahead_take(j->ahead, n, list);
    if (!strcmp(path[0], "-"))
        describe_input(q, d, reason);
    else if (j->ahead)
        code = cap_describe_ahead(q->use.session, &q->decoding.request, list, n, d, reason, err);
    else
        code = cap_describe_files(q->use.session, &q->decoding.request, path, n, d, reason, err);
    for (int i = 0; i < n; i++) cap_ahead_release(&list[i]);
    return code;
}

static err_code run_group(describe_job *j, error *err)
{
    cap_description d[GROUP] = {0};
    error reason[GROUP] = {0};
    const char **path = j->photos.path + j->done;
    int n = next_group(j);
    bool translates = j->q->chained.use.path;
    err_code code = describe_next(j, path, n, d, reason, err);
    if (!code && translates) code = chained_put(&j->q->chained, d, n, reason, err);
    for (int i = 0; !code && i < n; i++) {
        if (translates) chained_show(&j->q->chained, i);
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

/* Of how many photos something went wrong, at the end of many. True: of none. */
static bool tell_lost(const describe_job *j, int photos)
{
    bool good = !j->unreadable && !j->empty && !j->lost;
    if (j->unreadable && photos > 1)
        fprintf(stderr, "caption: %d of %d photos could not be read\n", j->unreadable, photos);
    ui_warn_end(j->warned, photos);
    if (j->lost > TOLD) fprintf(stderr, "caption: %d of %d overlays could not be written\n", j->lost, photos);
    for (int i = 0; i < SINKS; i++) {
        if (j->lost_by[i] > TOLD)
            fprintf(stderr, "caption: %d %s could not be written\n", j->lost_by[i], sinks[i]->names);
        good &= !j->lost_by[i];
    }
    return good;
}

/* True: stop, with *err set, or because the reader of standard output has left: main knows how to end then. */
static bool has_to_stop(describe_job *j, err_code *code, error *err)
{
    if (*code) return true;
    if (!fflush(stdout)) {
        *code = done_list_write(&j->q->done, err);
    } else if (errno != EPIPE) {
        *code = err_set(err, ERR_IO, "cannot write to standard output: %s", strerror(errno));
    }
    return *code || ferror(stdout) || (j->watcher && ui_asked_to_stop(NULL));
}

static err_code run_groups(describe_job *j, error *err)
{
    err_code code = ERR_OK;
    bool stop = false;
    while (!stop && j->done < j->photos.count) {
        code = run_group(j, err);
        stop = has_to_stop(j, &code, err);
    }
    return code;
}

/* The photos that the command line names, with a bar, and read ahead. */
static err_code run_first(describe_job *j, error *err)
{
    const cap_request *request = &j->q->decoding.request;
    int photos = j->photos.count;
    j->progress = (ui_progress){.label = j->q->doing, .unit = "photos", .total = photos};
    j->progress.quiet = photos < 2 || !isatty(STDERR_FILENO) || (isatty(STDOUT_FILENO) && !j->q->silent);
    ui_progress_start(&j->progress);
    if (photos > 1 && !request->keep_photo) /* photos at full size would fill the memory */
        j->ahead = read_ahead_start(j->q->use.model, request, j->photos.path, photos, j->q->use.threads);
    err_code code = run_groups(j, err);
    read_ahead_stop(&j->ahead);
    if (code || ferror(stdout))
        ui_progress_clear(&j->progress);
    else
        ui_progress_finish(&j->progress);
    return code;
}

/* What is said at the end of `photos`. */
static int finish(describe_job *j, int photos)
{
    error err = {0};
    if (ferror(stdout)) return VERB_FAILED;
    bool good = tell_lost(j, photos);
    if (page_file_end(&j->q->page, &err)) return verb_fail(&err);
    return good ? VERB_DONE : VERB_FAILED;
}

static err_code check_model(const describe_job *j, error *err)
{
    cap_info info;
    cap_get_info(j->q->use.model, &info);
    bool overlays = j->q->overlay || j->q->files.folder || j->q->look.on;
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
        if (!code || (j->watcher && code == ERR_MISSING)) continue; /* there will be some */
        verb_fail(err);
        j->empty++;
        if (!j->q->silent && !describe_print_failed(j->q, operands[i], err))
            return no_memory_to_print(operands[i], err);
    }
    if (j->q->list) {
        err_code code = photo_list_add_from(&j->photos, j->q->list, j->q->nul, err);
        if (code) return code;
    }
    bool alone = count == 1 && j->photos.count == 1 && !strcmp(operands[0], j->photos.path[0]);
    j->q->tabs = !alone || j->q->with_path || j->watcher;
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
    if (!into_file && !q->decoding.request.keep_photo && !q->silent) return ERR_OK;
    err_code code = outputs_writes(files, "standard output", "-", err);
    for (int i = 0; i < l->count && !code; i++) code = outputs_reads(files, "a photo", l->path[i], err);
    if (!code && q->use.path) code = outputs_reads(files, "--model", q->use.path, err);
    if (!code && q->overlay && strcmp(q->overlay, "-") != 0)
        code = outputs_writes(files, "--overlay", q->overlay, err);
    if (!code && q->files.folder)
        code = overlay_files_plan(&j->q->files, files, l->path, l->count, lose_overlay, j, err);
    return code ? code : page_file_plan(&j->q->page, files, q->files.force, err);
}

/* ---- what is done already ---- */

static err_code pass_over_done(describe_job *j, error *err)
{
    photo_list *l = &j->photos;
    done_list *d = &j->q->done;
    int kept = 0, all = l->count;
    err_code code = d->path && !j->watching ? done_list_open(d, err) : ERR_OK;
    if (code || !d->path) return code;
    for (int i = 0; i < all && !code; i++) {
        bool done;
        code = done_list_has(d, l->path[i], &done, err);
        if (!done) l->path[kept++] = l->path[i];
    }
    l->count = kept;
    if (!code && kept < all && !j->watching)
        ui_say("passed over: %d of %d photos are done, says '%s'", all - kept, all, d->path);
    return code;
}

static int count_lost(const describe_job *j)
{
    int lost = 0;
    for (int i = 0; i < SINKS; i++) lost += j->lost_by[i];
    return lost;
}

/* Photos that have all the files they are to get are not described again, unless it is shown elsewhere. */
static err_code plan_sinks(describe_job *j, outputs *files, error *err)
{
    photo_list *l = &j->photos;
    int kept = 0, had = 0, all = l->count;
    if (!sinks_on(j->q)) return ERR_OK;
    err_code code = j->watching ? ERR_OK : sinks_open(j->q, err);
    free(j->wants);
    j->wants = calloc((size_t)all + 1, sizeof *j->wants);
    if (!code && !j->wants) code = err_no_memory(err, "for the list of photos");
    for (int i = 0; i < all && !code; i++) {
        sink_set wants;
        int lost = count_lost(j);
        code = sinks_plan(j->q, files, l->path[i], &wants, lose_file, j, err);
        if (!wants && !j->q->decoding.request.keep_photo) {
            bool has = count_lost(j) == lost;
            had += has;
            if (!code && has && j->q->done.path) code = done_list_note(&j->q->done, l->path[i], err);
            continue;
        }
        j->wants[kept] = wants;
        l->path[kept++] = l->path[i];
    }
    l->count = kept;
    if (!code) code = done_list_write(&j->q->done, err);
    if (!code && had && !j->watching)
        ui_say("passed over: %d of %d photos have what they were to get; see --existing", had, all);
    return code;
}

static int close_files(describe_request *q, int verdict)
{
    error err = {0};
    err_code code = sinks_close(q, &err);
    if (code) verdict = verb_fail(&err);
    code = done_list_close(&q->done, &err);
    return code ? verb_fail(&err) : verdict;
}

/* ---- what comes later ---- */

static err_code enter_folder(void *ctx, const char *folder, size_t root, error *err)
{
    describe_job *j = ctx;
    return j->watcher ? watch_folder(j->watcher, folder, root, err) : ERR_OK;
}

/* Photos that may be in the making are left to the watcher. */
static err_code leave_fresh(describe_job *j, error *err)
{
    photo_list *l = &j->photos;
    err_code code = ERR_OK;
    int kept = 0;
    for (int i = 0; i < l->count && j->watcher && !code; i++) {
        if (watch_is_fresh(l->path[i]))
            code = watch_wait_for(j->watcher, l->path[i], err);
        else
            l->path[kept++] = l->path[i];
    }
    if (j->watcher) l->count = kept;
    return code;
}

static err_code plan_all(describe_job *j, error *err)
{
    outputs files = {0};
    err_code code = pass_over_done(j, err);
    if (!code && j->photos.count) code = plan_files(j, &files, err);
    if (!code) code = plan_sinks(j, &files, err);
    outputs_release(&files);
    return code;
}

static err_code run_new(describe_job *j, error *err)
{
    j->done = 0;
    pass_over_overlays(&j->photos);
    err_code code = plan_all(j, err);
    if (!code) code = run_groups(j, err);
    for (int i = 0; i < j->done && !code; i++) code = watch_note(j->watcher, j->photos.path[i], err);
    return code;
}

/* Until somebody asks to stop, or the reader leaves. */
static err_code watch_on(describe_job *j, int *photos, error *err)
{
    err_code code = ERR_OK;
    if (isatty(STDERR_FILENO)) ui_say("watching for more photos; Ctrl-C ends");
    j->watching = j->progress.quiet = true;
    while (!code && !ferror(stdout) && !ui_asked_to_stop(NULL)) {
        photo_list_release(&j->photos);
        code = watch_next(j->watcher, ui_asked_to_stop, NULL, &j->photos, err);
        *photos += j->photos.count;
        if (!code && j->photos.count) code = run_new(j, err);
    }
    return code;
}

static err_code describe_all(describe_job *j, int *photos, error *err)
{
    bool any = j->photos.count || j->watcher;
    describe_request *q = j->q;
    err_code code = any ? model_use_open(&q->use, CAP_PHOTOS, &q->decoding.request, err) : ERR_OK;
    if (!code && any) code = check_model(j, err);
    if (!code && any) code = chained_open(&q->chained, q->decoding.request.attention, err);
    if (!code && any) code = page_file_begin(&q->page, q->use.path, err);
    if (!code) code = run_first(j, err);
    *photos = j->photos.count;
    return code || !j->watcher ? code : watch_on(j, photos, err);
}

static err_code find_photos(describe_job *j, char **operands, int count, error *err)
{
    photo_list *l = &j->photos;
    l->recursive = j->q->recursive;
    l->exclude = j->q->exclude;
    l->complain = complain_of_folder;
    l->enter = enter_folder;
    l->ctx = j;
    j->rules = *l;
    err_code code = j->q->watch ? watch_open(&j->rules, &j->watcher, err) : ERR_OK;
    if (!code) code = list_photos(j, operands, count, err);
    if (!code) code = leave_fresh(j, err);
    tell_passed_over(j);
    return code;
}

int describe_run(describe_request *q, char **operands, int count)
{
    describe_job j = {.q = q};
    error err = {0};
    int photos = 0;
    if (q->watch) ui_heed_signals();
    err_code code = q->look.on ? look_begin(&q->look, &q->files.look, &err) : ERR_OK;
    if (!code) code = find_photos(&j, operands, count, &err);
    if (!code) code = plan_all(&j, &err);
    if (!code) code = describe_all(&j, &photos, &err);
    int verdict = code ? verb_fail(&err) : finish(&j, photos);
    verdict = close_files(q, verdict);
    model_use_close(&q->use);
    chained_close(&q->chained);
    watch_close(&j.watcher);
    photo_list_release(&j.photos);
    free(j.wants);
    overlay_files_release(&q->files);
    page_file_release(&q->page);
    return verdict;
}
