/* Encoded pictures to files, whole or not at all. */
#include "src/image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static err_code cannot_write(const char *path, error *e)
{
    return err_set(e, ERR_IO, "cannot write '%s': %s", path, strerror(errno));
}

static bool write_all(int fd, const uint8_t *bytes, size_t length)
{
    while (length) {
        ssize_t done = write(fd, bytes, length);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return false;
        bytes += done;
        length -= (size_t)done;
    }
    return true;
}

static err_code write_directly(const char *path, const uint8_t *bytes, size_t length, error *e)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return cannot_write(path, e);
    err_code rc = write_all(fd, bytes, length) ? ERR_OK : cannot_write(path, e);
    if (close(fd) && !rc) rc = cannot_write(path, e);
    return rc;
}

/* Fills and flushes the temporary file, then gives it the target's name. */
static bool fill_and_rename(int fd, const char *temporary, const char *path, mode_t mode,
                            const uint8_t *bytes, size_t length)
{
    bool ok = !fchmod(fd, mode) && write_all(fd, bytes, length) && !fsync(fd);
    int code = errno;
    if (close(fd) && ok) {
        ok = false;
        code = errno;
    }
    errno = code;
    return ok && !rename(temporary, path);
}

/* The permissions a new file gets from open(path, O_CREAT, 0666). There is no way to ask for the umask but to
 * set it, which other threads would feel; the kernel shows it in /proc. */
static mode_t new_file_mode(void)
{
    unsigned mask = 022;
    char line[128];
    FILE *f = fopen("/proc/self/status", "re");
    if (!f) return 0666 & ~mask;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "Umask: %o", &mask) == 1) break;
    fclose(f);
    return 0666 & ~mask;
}

static err_code replace(const char *path, mode_t mode, const uint8_t *bytes, size_t length, error *e)
{
    static const char suffix[] = ".XXXXXX";
    size_t n = strlen(path);
    char *temporary = malloc(n + sizeof suffix);
    if (!temporary) return err_set(e, ERR_MEMORY, "cannot write '%s': out of memory", path);
    memcpy(temporary, path, n);
    memcpy(temporary + n, suffix, sizeof suffix);
    err_code rc = ERR_OK;
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        rc = cannot_write(path, e);
    } else if (!fill_and_rename(fd, temporary, path, mode, bytes, length)) {
        rc = cannot_write(path, e);
        unlink(temporary);
    }
    free(temporary);
    return rc;
}

/* An existing file keeps its permissions, and a symbolic link keeps pointing to it. */
static err_code write_file(const char *path, const uint8_t *bytes, size_t length, error *e)
{
    struct stat st;
    if (stat(path, &st)) return replace(path, new_file_mode(), bytes, length, e);
    if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return cannot_write(path, e);
    }
    if (!S_ISREG(st.st_mode)) return write_directly(path, bytes, length, e);
    char *target = realpath(path, NULL);
    if (!target) return cannot_write(path, e);
    err_code rc = replace(target, st.st_mode & 07777, bytes, length, e);
    free(target);
    return rc;
}

err_code img_write_png(const char *path, const img *im, error *e)
{
    uint8_t *bytes;
    size_t length;
    err_code rc = img_encode_png(im, &bytes, &length, e);
    if (!rc) rc = write_file(path, bytes, length, e);
    free(bytes);
    return rc;
}

err_code img_write_jpeg(const char *path, const img *im, int quality, error *e)
{
    uint8_t *bytes;
    size_t length;
    err_code rc = img_encode_jpeg(im, quality, &bytes, &length, e);
    if (!rc) rc = write_file(path, bytes, length, e);
    free(bytes);
    return rc;
}
