#include "src/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static err_code fail_file(error *err, const char *verb, const char *path, int number)
{
    err_code code = ERR_IO;
    if (number == ENOENT || number == ENOTDIR) code = ERR_MISSING;
    if (number == ENOMEM) code = ERR_MEMORY;
    return err_set(err, code, "cannot %s '%.300s': %s", verb, path, strerror(number));
}

/* ---- reading ---- */

/* Not blocking, because opening a pipe that nobody writes to would wait for ever before it could be refused.
 */
static int open_regular(const char *path, struct stat *st, error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, st)) {
        fail_file(err, "read", path, errno);
    } else if (S_ISDIR(st->st_mode)) {
        fail_file(err, "read", path, EISDIR);
    } else if (!S_ISREG(st->st_mode)) {
        err_set(err, ERR_IO, "cannot read '%.300s': not a regular file", path);
    } else {
        return fd;
    }
    if (fd >= 0) close(fd);
    return -1;
}

err_code io_map_open(io_map *m, const char *path, error *err)
{
    struct stat st;
    error local;
    *m = (io_map){0};
    if (!err) err = &local;
    int fd = open_regular(path, &st, err);
    if (fd < 0) return err->code;
    err_code code = ERR_OK;
    if (st.st_size > 0) {
        void *p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            code = fail_file(err, "map", path, errno);
        else
            *m = (io_map){p, st.st_size};
    }
    close(fd);
    return code;
}

void io_map_close(io_map *m)
{
    if (m->data) munmap((void *)(uintptr_t)m->data, m->size);
    *m = (io_map){0};
}

static ssize_t read_some(int fd, uint8_t *to, size_t n)
{
    ssize_t got;
    do {
        got = read(fd, to, n);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* Reads to the end into a buffer that starts at the size the file claims and grows when that was a lie, as
 * with pipes and files of /proc. One byte beyond the limit is asked for, so that passing it is seen. */
static err_code read_all(int fd, const char *path, size_t guess, size_t max_bytes, uint8_t **bytes,
                         size_t *size, error *err)
{
    size_t capacity = (guess < max_bytes ? guess : max_bytes) + 1, used = 0;
    uint8_t *buffer = malloc(capacity + 1);
    ssize_t got = 1;
    while (buffer && got > 0) {
        got = read_some(fd, buffer + used, capacity - used);
        if (got > 0) used += got;
        if (used > max_bytes || used < capacity) {
            if (used > max_bytes) break;
            continue;
        }
        capacity = capacity > max_bytes / 2 ? max_bytes + 1 : 2 * capacity + 4096;
        uint8_t *more = realloc(buffer, capacity + 1);
        if (!more) free(buffer);
        buffer = more;
    }
    if (!buffer) return fail_file(err, "read", path, ENOMEM);
    if (got < 0 || used > max_bytes) {
        int number = errno;
        free(buffer);
        if (got < 0) return fail_file(err, "read", path, number);
        return err_set(err, ERR_LIMIT, "cannot read '%.300s': larger than the %zu bytes allowed", path,
                       max_bytes);
    }
    buffer[used] = 0;
    *bytes = buffer;
    *size = used;
    return ERR_OK;
}

err_code io_read_file(const char *path, size_t max_bytes, uint8_t **bytes, size_t *size, error *err)
{
    struct stat st;
    *bytes = NULL;
    *size = 0;
    if (max_bytes > SIZE_MAX / 4) max_bytes = SIZE_MAX / 4;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_file(err, "read", path, errno);
    err_code code;
    if (fstat(fd, &st))
        code = fail_file(err, "read", path, errno);
    else if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > max_bytes)
        code = err_set(err, ERR_LIMIT, "cannot read '%.300s': larger than the %zu bytes allowed", path,
                       max_bytes);
    else
        code = read_all(fd, path, S_ISREG(st.st_mode) ? st.st_size : 4096, max_bytes, bytes, size, err);
    close(fd);
    return code;
}

/* ---- writing ---- */

enum { BUFFER = 256 << 10, TRIES = 100 };

struct io_writer {
    char *name; /* as the caller wrote it, for messages */
    char *path; /* what is replaced, symbolic links resolved */
    char *temp; /* NULL: written directly */
    uint8_t *buffer;
    size_t used;
    int fd;
    int failure; /* errno of the first failed write; 0 = none */
    bool unsynced;
};

static void writer_free(io_writer **w)
{
    if ((*w)->fd >= 0) close((*w)->fd);
    free((*w)->buffer);
    free((*w)->temp);
    free((*w)->path);
    free((*w)->name);
    free(*w);
    *w = NULL;
}

/* A writer holds a lock on its temporary file, so one that can be locked was left by a writer that is gone
 * (killed, or the machine stopped): it is removed. Whoever holds the lock of the file that has the name now
 * is alone in removing it. True: the name may be free. */
static bool remove_abandoned(const char *temp)
{
    struct stat opened, named;
    int fd = open(temp, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0) return errno == ENOENT;
    bool ours = !flock(fd, LOCK_EX | LOCK_NB) && !fstat(fd, &opened) && !lstat(temp, &named) &&
                S_ISREG(opened.st_mode) && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
    bool gone = ours && !unlink(temp);
    close(fd);
    return gone;
}

/* Locks the file just created. False: someone took it for abandoned in the moment before. File systems
 * without locks have nobody who could. */
static bool keep_temp(int fd)
{
    struct stat st;
    if (flock(fd, LOCK_EX | LOCK_NB)) return errno != EWOULDBLOCK;
    return !fstat(fd, &st) && st.st_nlink > 0;
}

static int try_temp(io_writer *w)
{
    w->fd = open(w->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (w->fd < 0) return errno;
    if (keep_temp(w->fd)) return 0;
    close(w->fd);
    w->fd = -1;
    return EEXIST;
}

/* mkstemp would give mode 0600, and the umask cannot be asked for without changing it for every thread: so
 * the name is made here and open applies the umask. The names are few and the same each time, so that what a
 * killed writer left is found by the next one. */
static int open_temp(io_writer *w)
{
    size_t room = strlen(w->path) + 40;
    int number = EEXIST;
    w->temp = malloc(room);
    if (!w->temp) return ENOMEM;
    for (unsigned i = 0; i < TRIES && number == EEXIST; i++) {
        snprintf(w->temp, room, "%s.caption-%u.tmp", w->path, i);
        number = try_temp(w);
        if (number == EEXIST && remove_abandoned(w->temp)) number = try_temp(w);
    }
    if (!number) return 0;
    free(w->temp);
    w->temp = NULL;
    return number;
}

/* Opens what will receive the bytes; returns errno. */
static int open_target(io_writer *w, const char *path)
{
    struct stat st;
    bool exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode)) return EISDIR;
    if (exists && access(path, W_OK)) return errno;
    w->path = exists ? realpath(path, NULL) : strdup(path);
    if (!w->path) return errno;
    if (exists && !S_ISREG(st.st_mode)) {
        w->fd = open(path, O_WRONLY | O_CLOEXEC);
        return w->fd < 0 ? errno : 0;
    }
    int number = open_temp(w);
    /* Best effort: on file systems without permission bits there are none to keep. */
    if (!number && exists && fchmod(w->fd, st.st_mode & 07777)) errno = 0;
    return number;
}

io_writer *io_writer_open(const char *path, error *err)
{
    io_writer *w = calloc(1, sizeof *w);
    int number = w ? 0 : ENOMEM;
    if (w) {
        w->fd = -1;
        w->buffer = malloc(BUFFER);
        w->name = strdup(path);
        number = w->buffer && w->name ? open_target(w, path) : ENOMEM;
    }
    if (!number) return w;
    fail_file(err, "write", path, number);
    if (w) io_writer_abort(&w);
    return NULL;
}

static int write_fully(int fd, const uint8_t *bytes, size_t n)
{
    while (n) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return errno;
        bytes += done;
        n -= done;
    }
    return 0;
}

static void flush(io_writer *w)
{
    if (!w->failure) w->failure = write_fully(w->fd, w->buffer, w->used);
    w->used = 0;
}

err_code io_writer_write(io_writer *w, const void *bytes, size_t n, error *err)
{
    if (n > BUFFER - w->used) flush(w);
    if (n >= BUFFER) {
        if (!w->failure) w->failure = write_fully(w->fd, bytes, n);
    } else if (n) {
        memcpy(w->buffer + w->used, bytes, n);
        w->used += n;
    }
    return w->failure ? fail_file(err, "write", w->name, w->failure) : ERR_OK;
}

/* The name is durable only when its folder is. A folder that cannot be synced (some network file systems) is
 * no reason to report the file as lost. */
static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (slash - path)) : strdup(".");
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

static int commit(io_writer *w)
{
    flush(w);
    if (w->failure) return w->failure;
    bool temp = w->temp;
    if (temp && ((!w->unsynced && fsync(w->fd)) || rename(w->temp, w->path))) return errno;
    free(w->temp);
    w->temp = NULL;
    int fd = w->fd; /* closed last: until the file has its name, the lock on it must stay */
    w->fd = -1;
    if (close(fd) && !temp) return errno;
    if (temp && !w->unsynced) sync_folder(w->path);
    return 0;
}

err_code io_writer_close(io_writer **w, error *err)
{
    int number = commit(*w);
    err_code code = number ? fail_file(err, "write", (*w)->name, number) : ERR_OK;
    io_writer_abort(w);
    return code;
}

void io_writer_abort(io_writer **w)
{
    if (!w || !*w) return;
    if ((*w)->temp) unlink((*w)->temp);
    writer_free(w);
}

static err_code write_file(const char *path, const void *bytes, size_t n, bool unsynced, error *err)
{
    io_writer *w = io_writer_open(path, err);
    if (!w) return err ? err->code : ERR_IO;
    w->unsynced = unsynced;
    io_writer_write(w, bytes, n, NULL);
    return io_writer_close(&w, err);
}

err_code io_write_file(const char *path, const void *bytes, size_t n, error *err)
{
    return write_file(path, bytes, n, false, err);
}

err_code io_write_file_unsynced(const char *path, const void *bytes, size_t n, error *err)
{
    return write_file(path, bytes, n, true, err);
}

/* ---- folders and logs ---- */

static int make_dir(const char *path)
{
    struct stat st;
    if (mkdir(path, 0777) == 0) return 0;
    int number = errno;
    if (stat(path, &st)) return number;
    return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
}

err_code io_make_dirs(const char *path, error *err)
{
    char *part = strdup(path);
    int number = part ? 0 : ENOMEM;
    if (part) {
        for (char *p = part + 1; *part && *p && !number; p++) {
            if (*p != '/') continue;
            *p = 0;
            number = make_dir(part);
            *p = '/';
        }
        if (!number) number = make_dir(part);
    }
    free(part);
    if (!number) return ERR_OK;
    return err_set(err, number == ENOMEM ? ERR_MEMORY : ERR_IO, "cannot create folder '%.300s': %s", path,
                   strerror(number));
}

/* With the lock held, so the size seen is the size others leave alone. */
static int append_locked(int fd, const uint8_t *line, size_t n)
{
    struct stat st;
    char last = '\n';
    if (fstat(fd, &st)) return errno;
    bool regular = S_ISREG(st.st_mode);
    bool cut = regular && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n';
    int number = cut ? write_fully(fd, (const uint8_t *)"\n", 1) : 0;
    if (!number) number = write_fully(fd, line, n);
    if (number && regular && ftruncate(fd, st.st_size)) return number;
    return number;
}

err_code io_append_line(const char *path, const char *text, error *err)
{
    size_t n = strlen(text);
    uint8_t *line = malloc(n + 1);
    if (!line) return fail_file(err, "write", path, ENOMEM);
    memcpy(line, text, n);
    line[n] = '\n';
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    int number = fd < 0 ? errno : 0;
    if (fd >= 0) {
        while (flock(fd, LOCK_EX) && errno == EINTR) continue;
        number = append_locked(fd, line, n + 1);
        if (close(fd) && !number) number = errno;
    }
    free(line);
    return number ? fail_file(err, "write", path, number) : ERR_OK;
}
