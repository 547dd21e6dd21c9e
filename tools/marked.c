#include "tools/marked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/hash.h"
#include "src/base/text.h"
#include "src/io/file.h"

static const char program[] = "caption ";

/* ---- writing ---- */

/* What the notes of a PNG may hold: UTF-8 without control characters. NULL: out of memory. */
static char *clean(const char *s)
{
    text t = {0};
    for (const char *end = s + strlen(s); s < end;) {
        int32_t point = text_utf8_next(&s, end);
        text_append_point(&t, point < 0 || text_is_commanding((uint32_t)point) ? 0xFFFD : (uint32_t)point);
    }
    if (!t.length) text_append(&t, " "); /* an empty note is none */
    return text_take(&t);
}

static err_code write_bytes(const char *path, const uint8_t *bytes, size_t length, error *err)
{
    if (strcmp(path, "-") != 0) return io_write_file(path, bytes, length, err);
    if (fwrite(bytes, 1, length, stdout) == length && !fflush(stdout)) return ERR_OK;
    return err_set(err, ERR_IO, "cannot write to standard output: %s", strerror(errno));
}

err_code marked_write(const char *path, const img *picture, const marked_mark *mark, error *err)
{
    char *title = clean(mark->title), *description = clean(mark->description);
    uint8_t *bytes = NULL;
    size_t length;
    err_code code = title && description ? ERR_OK : err_no_memory(err, "for a picture");
    const img_note notes[] = {{"Software", "caption " CAPTION_VERSION},
                              {"Role", mark->role},
                              {"Title", title},
                              {"Description", description},
                              {0}};
    if (!code) code = img_encode_png_noted(picture, notes, &bytes, &length, err);
    if (!code) code = write_bytes(path, bytes, length, err);
    free(bytes);
    free(title);
    free(description);
    return code;
}

/* ---- recognising ---- */

/* The mark is at the beginning, before anything that can be long. */
static size_t read_start(const char *path, uint8_t *bytes, size_t room)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return 0;
    ssize_t n = !fstat(fd, &st) && S_ISREG(st.st_mode) ? read(fd, bytes, room) : 0;
    close(fd);
    return n > 0 ? n : 0;
}

bool marked_read(const char *path, char role[MARKED_ROLE])
{
    struct stat st;
    uint8_t start[512];
    char software[64];
    if (stat(path, &st) || !S_ISREG(st.st_mode)) return false;
    size_t n = read_start(path, start, sizeof start);
    return img_find_note(start, n, "Software", software, sizeof software) &&
           !strncmp(software, program, sizeof program - 1) &&
           img_find_note(start, n, "Role", role, MARKED_ROLE);
}

err_code marked_may_replace(const char *path, const char *word, bool force, error *err)
{
    struct stat st;
    char role[MARKED_ROLE];
    if (lstat(path, &st)) return ERR_OK; /* nothing there, or writing will say what is wrong */
    if (marked_read(path, role) && !strncmp(role, word, strlen(word))) return ERR_OK;
    if (stat(path, &st) || !S_ISREG(st.st_mode))
        return err_set(err, ERR_ARGUMENT, "cannot write '%.200s': what is there is no file", path);
    if (force) return ERR_OK;
    return err_set(err, ERR_ARGUMENT,
                   "cannot write '%.200s': the file there was not made by caption; --force replaces it",
                   path);
}

void marked_key(const char *path, char key[MARKED_KEY])
{
    char *real = realpath(path, NULL);
    const char *name = real ? real : path;
    snprintf(key, MARKED_KEY, "%016llx", (unsigned long long)hash_bytes(name, strlen(name), 0).lo);
    free(real);
}
