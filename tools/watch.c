#include "tools/watch.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "datasets/folders.h"
#include "src/base/list.h"
#include "tools/path_set.h"

/* Seconds: after a file was closed, as some writers open it again at once; of a file that nobody was seen to
 * close; between looks at the clock. */
static const double after_close = 0.25, at_rest = 2, nap = 0.1;

typedef struct folder {
    int id; /* of inotify; -1: gone */
    char *path;
    size_t root; /* bytes of it before what globs see */
} folder;

/* A photo that is not complete yet, as far as anybody knows. */
typedef struct waiting {
    char *path;
    double due;
    int64_t size, time; /* of the file when it was looked at last */
} waiting;

struct watcher {
    const photo_list *rules;
    int fd;
    folder *folder;
    int folders;
    int64_t folder_room;
    waiting *waiting;
    int count;
    int64_t waiting_room;
    path_set seen; /* what was handed out: path, size and time */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static err_code no_memory(error *err)
{
    return err_no_memory(err, "for the photos that are waited for");
}

err_code watch_open(const photo_list *rules, watcher **out, error *err)
{
    watcher *w = calloc(1, sizeof *w);
    *out = w;
    if (!w) return no_memory(err);
    w->rules = rules;
    w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (w->fd >= 0) return ERR_OK;
    err_set(err, ERR_IO, "cannot watch folders: %s", strerror(errno));
    watch_close(out);
    return ERR_IO;
}

void watch_close(watcher **wp)
{
    watcher *w = *wp;
    if (!w) return;
    if (w->fd >= 0) close(w->fd);
    for (int i = 0; i < w->folders; i++) free(w->folder[i].path);
    for (int i = 0; i < w->count; i++) free(w->waiting[i].path);
    free(w->folder);
    free(w->waiting);
    path_set_release(&w->seen);
    free(w);
    *wp = NULL;
}

/* ---- photos that are waited for ---- */

static bool look_at(const char *path, int64_t *size, int64_t *time)
{
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode)) return false;
    *size = st.st_size;
    *time = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    return true;
}

bool watch_is_fresh(const char *photo)
{
    struct stat st;
    return !stat(photo, &st) && S_ISREG(st.st_mode) && time(NULL) - st.st_mtime < 2;
}

static err_code wait_for(watcher *w, const char *path, double seconds, error *err)
{
    int i = 0;
    while (i < w->count && strcmp(w->waiting[i].path, path) != 0) i++;
    if (i == w->count) {
        if (!LIST_ROOM(w->waiting, w->count, 1, w->waiting_room)) return no_memory(err);
        w->waiting[i] = (waiting){.path = strdup(path)};
        if (!w->waiting[i].path) return no_memory(err);
        w->count++;
    }
    w->waiting[i].due = now() + seconds;
    look_at(path, &w->waiting[i].size, &w->waiting[i].time);
    return ERR_OK;
}

err_code watch_wait_for(watcher *w, const char *photo, error *err)
{
    return wait_for(w, photo, at_rest, err);
}

/* True: the file is as it was handed out before, or was not, which is noted. */
static bool note_seen(watcher *w, const waiting *p, bool *seen)
{
    char key[PATH_MAX + 64];
    int n = snprintf(key, sizeof key, "%lld %lld %s", (long long)p->size, (long long)p->time, p->path);
    size_t length = n > 0 && (size_t)n < sizeof key ? (size_t)n : sizeof key - 1;
    *seen = path_set_has(&w->seen, key, length);
    return path_set_add(&w->seen, key, length);
}

err_code watch_note(watcher *w, const char *photo, error *err)
{
    bool seen;
    waiting p = {.path = (char *)(uintptr_t)photo}; /* only read */
    if (!look_at(photo, &p.size, &p.time)) return ERR_OK;
    return note_seen(w, &p, &seen) ? ERR_OK : no_memory(err);
}

/* What is due and rests goes to the list; what changes still is waited for on. */
static err_code hand_out(watcher *w, photo_list *list, error *err)
{
    err_code code = ERR_OK;
    int kept = 0;
    double time = now();
    for (int i = 0; i < w->count; i++) {
        waiting *p = &w->waiting[i];
        int64_t size = p->size, changed = p->time;
        bool seen = false, there = true, due = p->due <= time && !code;
        if (due) there = look_at(p->path, &p->size, &p->time);
        if (due && there && (p->size != size || p->time != changed)) {
            p->due = time + at_rest;
            due = false;
        }
        if (!due) {
            w->waiting[kept++] = *p;
            continue;
        }
        if (there && !note_seen(w, p, &seen)) code = no_memory(err);
        if (!code && there && !seen) code = photo_list_add(list, p->path, err);
        free(p->path);
    }
    w->count = kept;
    return code;
}

/* ---- folders ---- */

static folder *find_folder(watcher *w, int id)
{
    for (int i = 0; i < w->folders; i++)
        if (w->folder[i].id == id) return &w->folder[i];
    return NULL;
}

static err_code keep_folder(watcher *w, int id, const char *path, size_t root, error *err)
{
    folder *f = find_folder(w, id);
    char *copy = strdup(path);
    if (!copy) return no_memory(err);
    if (!f && !LIST_ROOM(w->folder, w->folders, 1, w->folder_room)) {
        free(copy);
        return no_memory(err);
    }
    if (!f)
        f = &w->folder[w->folders++];
    else
        free(f->path); /* the folder was moved */
    *f = (folder){id, copy, root};
    return ERR_OK;
}

err_code watch_folder(watcher *w, const char *path, size_t root, error *err)
{
    static const uint32_t events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR | IN_EXCL_UNLINK;
    int id = inotify_add_watch(w->fd, path, events);
    if (id >= 0) return keep_folder(w, id, path, root, err);
    if (errno == ENOENT || errno == ENOTDIR) return ERR_OK; /* gone already */
    if (errno == ENOSPC)
        return err_set(err, ERR_LIMIT,
                       "cannot watch '%.200s': raise fs.inotify.max_user_watches, which is used up", path);
    return err_set(err, ERR_IO, "cannot watch '%.200s': %s", path, strerror(errno));
}

static err_code enter(void *ctx, const char *path, size_t root, error *err)
{
    return watch_folder(ctx, path, root, err);
}

/* A folder that has come, or whose events were lost: those below it, and the photos that came before they were
 * watched. */
static err_code visit_folder(watcher *w, const char *path, size_t root, error *err)
{
    error reason = {0};
    photo_list l = {.recursive = w->rules->recursive, .exclude = w->rules->exclude, .enter = enter, .ctx = w};
    err_code code = photo_list_add_folder(&l, path, root, &reason);
    if (code == ERR_MISSING || code == ERR_IO) code = ERR_OK; /* none in it, or gone again */
    if (code) err_set(err, code, "%s", reason.text);
    for (int i = 0; i < l.count && !code; i++) code = wait_for(w, l.path[i], at_rest, err);
    photo_list_release(&l);
    return code;
}

/* ---- events ---- */

static err_code revisit_all(watcher *w, error *err)
{
    err_code code = ERR_OK;
    for (int i = 0, count = w->folders; i < count && !code; i++) {
        char *path = strdup(w->folder[i].path); /* the list may move meanwhile */
        size_t root = w->folder[i].root;
        code = path ? visit_folder(w, path, root, err) : no_memory(err);
        free(path);
    }
    return code;
}

/* A file that was there before under another name, or is by another one: nobody will write and close it. */
static bool is_link(const char *path)
{
    struct stat st;
    return !lstat(path, &st) && (S_ISLNK(st.st_mode) || st.st_nlink > 1);
}

static err_code heed_event(watcher *w, const struct inotify_event *e, error *err)
{
    char path[PATH_MAX];
    folder *f = find_folder(w, e->wd);
    if (e->mask & IN_Q_OVERFLOW) return revisit_all(w, err);
    if (f && e->mask & IN_IGNORED) f->id = -1;
    if (!f || !e->len || e->mask & IN_IGNORED) return ERR_OK;
    size_t n = strlen(f->path), root = f->root;
    int size = snprintf(path, sizeof path, "%s%s%s", f->path, n && f->path[n - 1] == '/' ? "" : "/", e->name);
    if (size < 0 || (size_t)size >= sizeof path) return ERR_OK;
    bool is_dir = e->mask & IN_ISDIR;
    if (!photo_list_takes(w->rules, path, root, is_dir)) return ERR_OK;
    if (is_dir) return visit_folder(w, path, root, err);
    if (e->mask & IN_CREATE && !is_link(path)) return ERR_OK; /* whoever writes it will close it */
    return wait_for(w, path, after_close, err);
}

static err_code read_events(watcher *w, error *err)
{
    _Alignas(struct inotify_event) char room[16 << 10];
    err_code code = ERR_OK;
    for (ssize_t n; !code && (n = read(w->fd, room, sizeof room)) > 0;)
        for (ssize_t at = 0; at < n && !code;) {
            const struct inotify_event *e = (const struct inotify_event *)(void *)(room + at);
            at += (ssize_t)(sizeof *e + e->len);
            code = heed_event(w, e, err);
        }
    return code;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Nothing will ever come: no folder was named, or all of them are gone. */
static bool is_over(const watcher *w)
{
    for (int i = 0; i < w->folders; i++)
        if (w->folder[i].id >= 0) return false;
    return !w->count;
}

err_code watch_next(watcher *w, bool (*stop)(void *), void *ctx, photo_list *list, error *err)
{
    err_code code = ERR_OK;
    while (!code && !list->count && !stop(ctx)) {
        if (is_over(w))
            return err_set(err, ERR_MISSING, "there is no folder to watch; name one that is there and stays");
        struct pollfd events = {.fd = w->fd, .events = POLLIN};
        poll(&events, 1, w->count ? (int)(1000 * nap) : 1000);
        code = read_events(w, err);
        if (!code) code = hand_out(w, list, err);
    }
    if (list->count) qsort(list->path, (size_t)list->count, sizeof *list->path, by_name);
    return code;
}
