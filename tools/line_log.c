#include "tools/line_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "src/io/file.h"

static const size_t most = (size_t)4 << 30;

static err_code cannot_write(const line_log *l, int number, error *err)
{
    err_code code = number == ENOENT || number == ENOTDIR ? ERR_MISSING : ERR_IO;
    return err_set(err, code, "cannot write '%.300s': %s", l->path, strerror(number));
}

/* A pipe or a device cannot be gone on with; one is not even opened, since that could take for ever. */
static err_code check_kind(const line_log *l, error *err)
{
    struct stat st;
    if (stat(l->path, &st) || S_ISREG(st.st_mode)) return ERR_OK;
    return err_set(err, ERR_ARGUMENT, "cannot write '%.300s': what is there is no file", l->path);
}

/* One that was killed a moment ago may be on its way out still. File systems without locks have nobody to wait
 * for. */
static bool lock_patiently(int fd)
{
    enum { TRIES = 20 };
    static const struct timespec nap = {0, 100000000};
    for (int i = 0; i < TRIES; i++) {
        if (i) nanosleep(&nap, NULL);
        if (!flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK) return true;
    }
    return false;
}

static err_code open_locked(line_log *l, error *err)
{
    l->fd = open(l->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (l->fd < 0) return cannot_write(l, errno, err);
    if (lock_patiently(l->fd)) return ERR_OK;
    return err_set(err, ERR_ARGUMENT, "cannot write '%.300s': another run of caption is writing it", l->path);
}

err_code line_log_open(line_log *l, const char *path, uint8_t **bytes, size_t *size, error *err)
{
    *l = (line_log){.path = path, .fd = -1};
    *bytes = NULL;
    err_code code = check_kind(l, err);
    if (!code) code = open_locked(l, err);
    if (!code) code = io_read_file(path, most, bytes, size, err);
    if (!code) {
        l->end = (int64_t)*size;
        return ERR_OK;
    }
    if (l->fd >= 0) close(l->fd);
    *l = (line_log){.fd = -1};
    return code;
}

err_code line_log_cut(line_log *l, size_t size, error *err)
{
    if (ftruncate(l->fd, (off_t)size)) return cannot_write(l, errno, err);
    l->end = (int64_t)size;
    return ERR_OK;
}

err_code line_log_add(line_log *l, const char *lines, size_t size, error *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(l->fd, lines + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            err_code code = cannot_write(l, errno, err);
            /* Where that cannot be taken back either, the next run finds a torn line and cuts it. */
            if (ftruncate(l->fd, (off_t)l->end)) errno = 0;
            return code;
        }
        done += (size_t)n;
    }
    l->end += (int64_t)size;
    return ERR_OK;
}

err_code line_log_close(line_log *l, error *err)
{
    if (!l->path) return ERR_OK;
    err_code code = ERR_OK;
    if (fdatasync(l->fd) && errno != EINVAL && errno != EROFS) code = cannot_write(l, errno, err);
    if (close(l->fd) && !code) code = cannot_write(l, errno, err);
    *l = (line_log){.fd = -1};
    return code;
}
