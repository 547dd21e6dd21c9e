#include "captioner/train/train_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/text.h"
#include "src/io/file.h"
#include "src/io/json.h"

enum { MOST_LINKS = 40, MOST_TRIES = 100 };

err_code cap_beginning_of(bool resume, bool force, cap_beginning *out, error *err)
{
    *out = resume ? CAP_GO_ON : force ? CAP_BEGIN_OVER : CAP_BEGIN;
    if (!resume || !force) return ERR_OK;
    return err_set(err, ERR_ARGUMENT,
                   "--resume goes on with a training and --force begins anew: give one of them");
}

/* ---- the lock ---- */

/* What `path` leads to when it is a symbolic link, whether that is there or not: all names of one result
 * share one lock. Folders need no such care, as the lock lies in the folder itself. */
static err_code follow_links(const char *path, char to[CAP_LONGEST_OUT + 1], error *err)
{
    char target[CAP_LONGEST_OUT + 1];
    snprintf(to, CAP_LONGEST_OUT + 1, "%s", path);
    for (int i = 0; i < MOST_LINKS; i++) {
        ssize_t n = readlink(to, target, sizeof target - 1);
        if (n < 0) return ERR_OK;
        target[n] = '\0';
        char *slash = strrchr(to, '/');
        size_t folder = slash && *target != '/' ? slash + 1 - to : 0;
        if (folder + n > CAP_LONGEST_OUT) break;
        memcpy(to + folder, target, (size_t)n + 1);
    }
    return err_set(err, ERR_LIMIT, "cannot write '%.300s': too many symbolic links, or too long ones", path);
}

static err_code is_taken(const cap_train_files *f, int fd, error *err)
{
    char who[32] = "";
    ssize_t n = pread(fd, who, sizeof who - 1, 0);
    long process = n > 0 ? strtol(who, NULL, 10) : 0;
    *who = 0;
    if (process > 0) snprintf(who, sizeof who, " (process %ld)", process);
    return err_set(
        err, ERR_IO,
        "cannot train '%.300s': another training%s is writing it; wait for its end, or give another --out",
        f->out, who);
}

static bool has_name(int fd, const char *path)
{
    struct stat opened, named;
    return !fstat(fd, &opened) && !stat(path, &named) && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

/* Who ends removes the file while holding it, so a lock counts only on the file that has the name. One that a
 * killed run left is free. File systems without locks have nobody who could be kept away. */
static err_code take_lock(cap_train_files *f, error *err)
{
    for (int i = 0; i < MOST_TRIES; i++) {
        int fd = open(f->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd < 0) return err_set(err, ERR_IO, "cannot write '%.300s': %s", f->lock, strerror(errno));
        if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
            err_code code = is_taken(f, fd, err);
            close(fd);
            return code;
        }
        if (has_name(fd, f->lock)) {
            f->fd = fd;
            f->locked = true;
            if (!ftruncate(fd, 0)) dprintf(fd, "%ld\n", (long)getpid()); /* for the sentence above alone */
            return ERR_OK;
        }
        close(fd);
    }
    return err_set(err, ERR_IO, "cannot write '%.300s': it comes and goes", f->lock);
}

/* ---- before the work ---- */

static bool holds_something(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISREG(st.st_mode) && st.st_size > 0;
}

/* Pre-training once had a state of its own, OUT.ckpt. */
static err_code no_state(const cap_train_files *f, error *err)
{
    char old[CAP_LONGEST_BESIDE];
    snprintf(old, sizeof old, "%s.ckpt", f->out);
    if (!holds_something(old))
        return err_set(err, ERR_MISSING,
                       "cannot resume: there is no '%.300s'; leave out --resume to begin anew", f->state);
    return err_set(err, ERR_MISSING,
                   "cannot resume: there is no '%.200s', and '%.200s' is of an earlier version of this "
                   "program, which this one does not read; begin anew with --force",
                   f->state, old);
}

static err_code check_beginning(const cap_train_files *f, error *err)
{
    bool state = holds_something(f->state);
    const char *there = holds_something(f->out)   ? f->out
                        : state                   ? f->state
                        : holds_something(f->log) ? f->log
                                                  : NULL;
    if (f->beginning == CAP_GO_ON && access(f->state, F_OK)) return no_state(f, err);
    if (f->beginning != CAP_BEGIN || !there) return ERR_OK;
    if (state)
        return err_set(
            err, ERR_ARGUMENT,
            "'%.200s' exists: --resume goes on with its training, --force begins anew in its place", there);
    return err_set(err, ERR_ARGUMENT,
                   "'%.200s' exists, without a '%.200s' that --resume could go on from; --force begins anew "
                   "in its place",
                   there, f->state);
}

static err_code check_writable(const char *path, error *err)
{
    io_writer *w = io_writer_open(path, err);
    if (!w) return err ? err->code : ERR_IO;
    io_writer_abort(&w);
    return ERR_OK;
}

err_code cap_train_files_open(cap_train_files *f, const char *out, cap_beginning beginning, error *err)
{
    char end[CAP_LONGEST_OUT + 1];
    *f = (cap_train_files){.out = out, .beginning = beginning};
    if (strlen(out) > CAP_LONGEST_OUT)
        return err_set(err, ERR_LIMIT, "the name of --out is longer than %d bytes", CAP_LONGEST_OUT);
    snprintf(f->state, sizeof f->state, "%s.state", out);
    snprintf(f->log, sizeof f->log, "%s.log.jsonl", out);
    err_code code = check_writable(out, err);
    if (!code) code = check_writable(f->state, err);
    if (!code) code = check_writable(f->log, err);
    if (!code) code = follow_links(out, end, err);
    if (code) return code;
    snprintf(f->lock, sizeof f->lock, "%s.lock", end);
    code = take_lock(f, err);
    return code ? code : check_beginning(f, err);
}

void cap_train_files_close(cap_train_files *f)
{
    if (!f->locked) return;
    if (has_name(f->fd, f->lock)) unlink(f->lock);
    close(f->fd);
    f->locked = false;
}

/* ---- the log ---- */

/* A line says of which epoch or step it is; one that says neither, or is no JSON, is somebody's own and
 * stays. */
static err_code is_later(const char *line, size_t length, int64_t epochs, int64_t steps, bool *later)
{
    json_t *o = NULL;
    if (io_json_parse(line, length, "", &o, NULL) == ERR_MEMORY) return ERR_MEMORY;
    json_t *epoch = json_object_get(o, "epoch"), *step = json_object_get(o, "step");
    *later = (json_is_integer(epoch) && json_integer_value(epoch) > epochs) ||
             (json_is_integer(step) && json_integer_value(step) > steps);
    json_decref(o);
    return ERR_OK;
}

/* The lines to keep are moved together in place. A last line without an end was being written when the run
 * was killed. */
static err_code keep_known(char *log, size_t *size, int64_t epochs, int64_t steps)
{
    size_t kept = 0;
    for (size_t at = 0, next; at < *size; at = next) {
        const char *end = memchr(log + at, '\n', *size - at);
        bool later = false;
        if (!end) break;
        next = (size_t)(end - log) + 1;
        if (is_later(log + at, next - at, epochs, steps, &later)) return ERR_MEMORY;
        if (later) continue;
        memmove(log + kept, log + at, next - at);
        kept += next - at;
    }
    *size = kept;
    return ERR_OK;
}

static err_code cut_log(const char *path, int64_t epochs, int64_t steps, error *err)
{
    uint8_t *log;
    size_t size, kept;
    if (!holds_something(path)) return ERR_OK;
    err_code code = io_read_file(path, (size_t)1 << 30, &log, &size, err);
    if (code) return code;
    kept = size;
    if (keep_known((char *)log, &kept, epochs, steps))
        code = err_set(err, ERR_MEMORY, "cannot read '%.300s': out of memory", path);
    if (!code && kept < size) code = io_write_file(path, log, kept, err);
    free(log);
    return code;
}

static err_code remove_old(const char *path, error *err)
{
    if (!unlink(path) || errno == ENOENT) return ERR_OK;
    return err_set(err, ERR_IO, "cannot remove '%.300s': %s", path, strerror(errno));
}

err_code cap_train_files_settle(const cap_train_files *f, int64_t epochs, int64_t steps, error *err)
{
    if (f->beginning == CAP_BEGIN_OVER) return ERR_OK;
    if (f->beginning == CAP_GO_ON) return cut_log(f->log, epochs, steps, err);
    err_code code = remove_old(f->state, err); /* empty ones */
    return code ? code : remove_old(f->log, err);
}

bool cap_train_files_of_another(const cap_train_files *f)
{
    return f->beginning == CAP_BEGIN_OVER;
}

err_code cap_train_files_own(cap_train_files *f, error *err)
{
    err_code code = f->beginning == CAP_BEGIN_OVER ? remove_old(f->log, err) : ERR_OK;
    if (!code) f->beginning = CAP_GO_ON;
    return code;
}

/* ---- divergence ---- */

err_code cap_train_diverged(const cap_train_files *f, const cap_divergence *d, error *err)
{
    char kept[400];
    if (d->kept)
        snprintf(kept, sizeof kept, "'%.200s' still holds the model of epoch %lld", f->out,
                 (long long)d->kept);
    else if (holds_something(f->out))
        snprintf(kept, sizeof kept, "'%.200s' is as it was", f->out);
    else
        snprintf(kept, sizeof kept, "no model was written");
    return err_set(
        err, ERR_LIMIT,
        "the training diverged in epoch %lld of %lld, at step %lld: %s is no longer a finite number; "
        "%s; begin anew with a --rate below %g or %s",
        (long long)d->epoch, (long long)d->epochs, (long long)d->step, d->what, kept, d->rate,
        d->clip > 0 ? "a smaller --clip" : "with --clip 5");
}
