#include "datasets/feature_cache.h"

#include "src/io/dtype.h"
#include "src/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION = 1, HEADER_BYTES = 64, MAX_BITS = 48, PIECE = 8192 /* half floats read at once */ };

static const char magic[8] = "dsfeats"; /* with its NUL */

typedef struct header {
    char magic[8];
    uint32_t version, regions, channels, zero;
    uint64_t images, key_lo, key_hi, hash, reserved;
} header;

_Static_assert(sizeof(header) == HEADER_BYTES, "the header has no gaps");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is little-endian");

struct ds_features_writer {
    ds_features_shape shape;
    io_writer *file;
    uint16_t *half; /* [L][D] */
    uint64_t *hash; /* [images] */
    uint64_t put;
};

/* Read, not mapped: a file that another program cuts short would end a mapping's reader by a signal. */
struct ds_features {
    ds_features_shape shape;
    int file;
    size_t values;         /* L * D */
    atomic_uchar *checked; /* [images] 1 = the hash was right */
};

static const char for_features[] = "for the features";

static header make_header(const ds_features_shape *s)
{
    header h = {.version = VERSION,
                .regions = s->regions,
                .channels = s->channels,
                .images = s->images,
                .key_lo = s->key.lo,
                .key_hi = s->key.hi};
    memcpy(h.magic, magic, sizeof magic);
    h.hash = hash_bytes(&h, offsetof(header, hash), 0).lo;
    return h;
}

/* Bytes of the whole file; 0 when the shape is empty or too large. */
static size_t file_size(const ds_features_shape *s)
{
    uint64_t values = (uint64_t)s->regions * s->channels, size;
    if (!values || values >> (MAX_BITS - 1) || s->images >> MAX_BITS) return 0;
    if (__builtin_mul_overflow(values * 2 + sizeof(uint64_t), s->images, &size) || size >> MAX_BITS) return 0;
    return HEADER_BYTES + size;
}

static err_code check_shape(const ds_features_shape *s, error *err)
{
    if (file_size(s)) return ERR_OK;
    return err_set(err, ERR_ARGUMENT, "features of %llu images, %u regions, %u channels are not possible",
                   (unsigned long long)s->images, s->regions, s->channels);
}

err_code ds_features_create(const char *path, const ds_features_shape *shape, ds_features_writer **out,
                            error *err)
{
    err_code code = check_shape(shape, err);
    if (code) return code;
    ds_features_writer *w = calloc(1, sizeof *w);
    if (!w) return err_no_memory(err, for_features);
    w->shape = *shape;
    w->half = malloc((size_t)shape->regions * shape->channels * sizeof *w->half);
    w->hash = malloc((shape->images + 1) * sizeof *w->hash);
    if (!w->half || !w->hash) {
        ds_features_abort(&w);
        return err_no_memory(err, for_features);
    }
    error problem = {0};
    header h = make_header(shape);
    w->file = io_writer_open(path, &problem);
    if (!w->file || io_writer_write(w->file, &h, sizeof h, &problem)) {
        ds_features_abort(&w);
        return err_set(err, problem.code, "%s", problem.text);
    }
    *out = w;
    return ERR_OK;
}

err_code ds_features_put(ds_features_writer *w, const float *map, error *err)
{
    size_t values = (size_t)w->shape.regions * w->shape.channels, bytes = values * sizeof *w->half;
    if (w->put == w->shape.images) return err_set(err, ERR_ARGUMENT, "more features than images");
    io_f32_to_f16(map, w->half, values);
    w->hash[w->put++] = hash_bytes(w->half, bytes, 0).lo;
    return io_writer_write(w->file, w->half, bytes, err);
}

err_code ds_features_finish(ds_features_writer **writer, error *err)
{
    ds_features_writer *w = *writer;
    err_code code = ERR_OK;
    if (w->put < w->shape.images)
        code = err_set(err, ERR_ARGUMENT, "features of %llu images are missing",
                       (unsigned long long)(w->shape.images - w->put));
    if (!code) code = io_writer_write(w->file, w->hash, w->shape.images * sizeof *w->hash, err);
    if (!code) code = io_writer_close(&w->file, err);
    ds_features_abort(writer);
    return code;
}

void ds_features_abort(ds_features_writer **writer)
{
    ds_features_writer *w = *writer;
    if (!w) return;
    io_writer_abort(&w->file);
    free(w->half);
    free(w->hash);
    free(w);
    *writer = NULL;
}

/* n bytes from `at` on; fewer are there: ERR_FORMAT. */
static err_code read_at(int file, uint64_t at, void *bytes, size_t n, error *err)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(file, (char *)bytes + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return err_set(err, ERR_IO, "the stored features cannot be read: %s", strerror(errno));
        if (!got)
            return err_set(err, ERR_FORMAT,
                           "the stored features end too early: another program cut the file short");
        done += got;
    }
    return ERR_OK;
}

static err_code check_header(int file, size_t size, const char *path, const ds_features_shape *expected,
                             error *err)
{
    header h, wanted = make_header(expected);
    if (size < sizeof h || read_at(file, 0, &h, sizeof h, NULL) || memcmp(h.magic, magic, sizeof magic))
        return err_set(err, ERR_FORMAT, "cannot read '%s': not a file of features", path);
    if (h.hash != hash_bytes(&h, offsetof(header, hash), 0).lo)
        return err_set(err, ERR_FORMAT,
                       "cannot read '%s': its header is damaged; delete it to have it made anew", path);
    if (memcmp(&h, &wanted, sizeof h))
        return err_set(err, ERR_MISMATCH,
                       "'%s' holds features of another encoder or data set; delete it to have it "
                       "made anew",
                       path);
    if (size != file_size(expected))
        return err_set(err, ERR_FORMAT,
                       "cannot read '%s': %zu bytes instead of %zu; delete it to have it made anew", path,
                       size, file_size(expected));
    return ERR_OK;
}

static err_code open_file(ds_features *f, const char *path, error *err)
{
    struct stat info;
    f->file = open(path, O_RDONLY | O_CLOEXEC);
    if (f->file < 0)
        return err_set(err, errno == ENOENT || errno == ENOTDIR ? ERR_MISSING : ERR_IO,
                       "cannot read '%s': %s", path, strerror(errno));
    if (fstat(f->file, &info) || !S_ISREG(info.st_mode))
        return err_set(err, ERR_FORMAT, "cannot read '%s': not a file of features", path);
    return check_header(f->file, info.st_size, path, &f->shape, err);
}

err_code ds_features_open(const char *path, const ds_features_shape *expected, ds_features **out, error *err)
{
    err_code code = check_shape(expected, err);
    if (code) return code;
    ds_features *f = calloc(1, sizeof *f);
    if (!f) return err_no_memory(err, for_features);
    f->shape = *expected;
    f->values = (size_t)expected->regions * expected->channels;
    code = open_file(f, path, err);
    if (!code) {
        f->checked = calloc(expected->images + 1, sizeof *f->checked);
        if (!f->checked) code = err_no_memory(err, for_features);
    }
    if (code) {
        ds_features_close(&f);
        return code;
    }
    *out = f;
    return ERR_OK;
}

void ds_features_close(ds_features **f)
{
    if (!*f) return;
    if ((*f)->file >= 0) close((*f)->file);
    free((*f)->checked);
    free(*f);
    *f = NULL;
}

static uint64_t place_of(const ds_features *f, uint64_t image)
{
    return HEADER_BYTES + image * f->values * sizeof(uint16_t);
}

/* The first time an image is read: whole, as its hash is of all its bytes. */
static err_code check_image(ds_features *f, uint64_t image, error *err)
{
    size_t bytes = f->values * sizeof(uint16_t);
    uint64_t stored = 0;
    uint16_t *half = malloc(bytes);
    if (!half) return err_no_memory(err, for_features);
    err_code code = read_at(f->file, place_of(f, image), half, bytes, err);
    if (!code)
        code = read_at(f->file, place_of(f, f->shape.images) + image * sizeof stored, &stored, sizeof stored,
                       err);
    if (!code && stored != hash_bytes(half, bytes, 0).lo)
        code = err_set(err, ERR_FORMAT, "the stored features of image %llu are damaged; delete the file",
                       (unsigned long long)image);
    free(half);
    if (!code) atomic_store_explicit(&f->checked[image], 1, memory_order_relaxed);
    return code;
}

err_code ds_features_get(ds_features *f, uint64_t image, float *out, error *err)
{
    uint16_t half[PIECE];
    err_code code = ERR_OK;
    if (image >= f->shape.images)
        return err_set(err, ERR_ARGUMENT, "there are no features of image %llu", (unsigned long long)image);
    if (!atomic_load_explicit(&f->checked[image], memory_order_relaxed)) code = check_image(f, image, err);
    for (size_t at = 0; !code && at < f->values; at += PIECE) {
        size_t n = f->values - at < PIECE ? f->values - at : PIECE;
        code = read_at(f->file, place_of(f, image) + at * sizeof *half, half, n * sizeof *half, err);
        if (!code) io_f16_to_f32(half, out + at, n);
    }
    return code;
}
