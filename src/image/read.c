/* Reading a picture from a file, a descriptor or memory: the bytes whole, the format by content, then the
 * format's own reader, then upright. The bytes are read, not mapped: a file cut short by another program
 * while it is mapped would kill this one. */
#include "src/image/format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const size_t max_file = 1 << 30;
static const uint64_t default_max_pixels = 250000000;

/* -- Formats ----------------------------------------------------------------------------------------- */

typedef struct format {
    const char *name;
    img_reader *read;
    size_t offset; /* of the signature in the file */
    const char *signature;
    size_t length;      /* of the signature */
    const char *prefix; /* what the file starts with, when the signature is not at 0 */
} format;

static const format formats[] = {
    {"JPEG", img_jpeg_read, 0, "\xFF\xD8\xFF", 3, ""},
    {"PNG", img_png_read, 0, "\x89PNG\r\n\x1A\n", 8, ""},
    {"WebP", img_webp_read, 8, "WEBP", 4, "RIFF"},
    {"GIF", img_gif_read, 0, "GIF8", 4, ""},
    {"TIFF", img_tiff_read, 0, "II*\0", 4, ""},
    {"TIFF", img_tiff_read, 0, "MM\0*", 4, ""},
    {"TIFF", img_tiff_read, 0, "II+\0", 4, ""}, /* of more than 4 GiB, perhaps */
    {"TIFF", img_tiff_read, 0, "MM\0+", 4, ""},
    {"AVIF", img_heif_read, 4, "ftypavif", 8, ""},
    {"AVIF", img_heif_read, 4, "ftypavis", 8, ""},
    {"HEIC", img_heif_read, 4, "ftyphei", 7, ""},
    {"HEIC", img_heif_read, 4, "ftyphev", 7, ""},
    {"HEIC", img_heif_read, 4, "ftypmif1", 8, ""},
    {"HEIC", img_heif_read, 4, "ftypmsf1", 8, ""},
    {"BMP", img_bmp_read, 6, "\0\0\0\0", 4, "BM"}, /* the zeroes tell it from a text */
};
static const format avif = {"AVIF", img_heif_read, 0, NULL, 0, NULL},
                    raw = {"raw", img_raw_read, 0, NULL, 0, NULL};
enum { LONGEST_SIGNATURE = 16 };

/* A still picture in general, "mif1", says further on what is inside. */
static bool is_avif_inside(const uint8_t *bytes, size_t length)
{
    return memmem(bytes + 8, length < 64 ? length - 8 : 56, "avif", 4);
}

/* By content; the raw files of most cameras are TIFF inside, so of these the name tells. */
static const format *find_format(const uint8_t *bytes, size_t length, const char *name)
{
    if (img_is_raw(bytes, length, name)) return &raw;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        const format *f = &formats[i];
        if (length < f->offset + f->length || memcmp(bytes + f->offset, f->signature, f->length) != 0 ||
            memcmp(bytes, f->prefix, strlen(f->prefix)) != 0)
            continue;
        return !strcmp(f->name, "HEIC") && is_avif_inside(bytes, length) ? &avif : f;
    }
    return NULL;
}

err_code img_read_memory(const uint8_t *bytes, size_t length, const char *name,
                         const img_read_options *options, img *out, img_info *info, error *e)
{
    img_read_options settings = options ? *options : (img_read_options){0};
    if (!settings.max_pixels) settings.max_pixels = default_max_pixels;
    *out = (img){0};
    if (!length) return err_set(e, ERR_FORMAT, "cannot read '%s': the file is empty", name);
    const format *f = find_format(bytes, length, name);
    if (!f) return img_refuse_foreign(bytes, length, name, e);
    img_source src = {bytes, length, name};
    img_info found = {.orientation = 1, .format = f->name};
    err_code rc = f->read(&src, &settings, out, &found, e);
    if (!rc && !settings.ignore_orientation) {
        rc = img_orient(out, found.orientation, e);
        if (found.orientation >= 5) {
            int width = found.width;
            found.width = found.height;
            found.height = width;
        }
    }
    if (rc) img_release(out);
    if (!rc && info) *info = found;
    return rc;
}

/* -- Bytes ------------------------------------------------------------------------------------------- */

typedef struct bytes {
    uint8_t *data;
    size_t length, room;
} bytes;

static err_code cannot_read(const char *name, int code, error *e)
{
    return err_set(e, code == ENOENT || code == ENOTDIR ? ERR_MISSING : ERR_IO, "cannot read '%s': %s", name,
                   strerror(code));
}

static err_code grow_bytes(bytes *b, const char *name, error *e)
{
    size_t room = b->room * 2;
    if (room > max_file + 1) room = max_file + 1;
    uint8_t *data = realloc(b->data, room);
    if (!data) return err_no_memory(e, "while reading '%s'", name);
    b->data = data;
    b->room = room;
    return ERR_OK;
}

/* Reads until the end. The first bytes are looked at as soon as they are there: what is no picture (a film, a
 * device that never ends) is not read to its end. */
static err_code read_all(int fd, const char *name, bytes *b, error *e)
{
    for (;;) {
        ssize_t got = read(fd, b->data + b->length, b->room - b->length);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return cannot_read(name, errno, e);
        if (!got) return ERR_OK;
        bool had_signature = b->length >= LONGEST_SIGNATURE;
        b->length += got;
        if (b->length > max_file)
            return err_set(e, ERR_LIMIT, "cannot read '%s': over the limit of 1 GiB for a file", name);
        if (!had_signature && b->length >= LONGEST_SIGNATURE && !find_format(b->data, b->length, name))
            return img_refuse_foreign(b->data, b->length, name, e);
        err_code rc = b->length == b->room ? grow_bytes(b, name, e) : ERR_OK;
        if (rc) return rc;
    }
}

/* A first guess at the size: one byte more than a regular file has, so that one read finds its end too. */
static err_code prepare_bytes(int fd, const char *name, bytes *b, error *e)
{
    struct stat st;
    if (fstat(fd, &st)) return cannot_read(name, errno, e);
    if (S_ISDIR(st.st_mode)) return err_set(e, ERR_IO, "cannot read '%s': it is a folder, not a file", name);
    bool sized = S_ISREG(st.st_mode) && st.st_size > 0;
    if (sized && (uint64_t)st.st_size > max_file)
        return err_set(e, ERR_LIMIT, "cannot read '%s': over the limit of 1 GiB for a file", name);
    b->room = sized ? (size_t)st.st_size + 1 : 64 << 10;
    b->data = malloc(b->room);
    return b->data ? ERR_OK : err_no_memory(e, "while reading '%s'", name);
}

err_code img_read_bytes(int fd, const char *name, uint8_t **data, size_t *length, error *e)
{
    bytes b = {0};
    err_code rc = prepare_bytes(fd, name, &b, e);
    if (!rc) rc = read_all(fd, name, &b, e);
    if (rc) free(b.data);
    *data = rc ? NULL : b.data;
    *length = rc ? 0 : b.length;
    return rc;
}

err_code img_read_fd(int fd, const char *name, const img_read_options *options, img *out, img_info *info,
                     error *e)
{
    uint8_t *data;
    size_t length;
    *out = (img){0};
    err_code rc = img_read_bytes(fd, name, &data, &length, e);
    if (!rc) rc = img_read_memory(data, length, name, options, out, info, e);
    free(data);
    return rc;
}

err_code img_read_file_bytes(const char *path, uint8_t **data, size_t *length, error *e)
{
    *data = NULL;
    *length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return cannot_read(path, errno, e);
    err_code rc = img_read_bytes(fd, path, data, length, e);
    close(fd);
    return rc;
}

err_code img_read_file(const char *path, const img_read_options *options, img *out, img_info *info, error *e)
{
    uint8_t *data;
    size_t length;
    *out = (img){0};
    err_code rc = img_read_file_bytes(path, &data, &length, e);
    if (!rc) rc = img_read_memory(data, length, path, options, out, info, e);
    free(data);
    return rc;
}
