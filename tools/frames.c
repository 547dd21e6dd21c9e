#include "tools/frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/list.h"

enum { READ = 64 << 10 };

static const uint8_t png_start[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
static const uint8_t jpeg_start[3] = {0xFF, 0xD8, 0xFF};

typedef enum { MORE, WHOLE, BROKEN } progress;

static err_code fill(frames *f, error *err)
{
    if (!LIST_ROOM(f->data, f->length, READ, f->capacity))
        return err_no_memory(err, "for a picture of '%s'", f->name);
    ssize_t n;
    do n = read(f->fd, f->data + f->length, READ);
    while (n < 0 && errno == EINTR);
    if (n < 0) return err_set(err, ERR_IO, "cannot read '%s': %s", f->name, strerror(errno));
    f->length += (size_t)n;
    f->ended = !n;
    return ERR_OK;
}

static void drop(frames *f, size_t n)
{
    memmove(f->data, f->data + n, f->length - n);
    f->length -= n;
    f->at = 0;
    f->in_scan = false;
}

/* ---- where a picture begins ---- */

static bool begins(const frames *f, size_t at, const uint8_t *start, size_t n)
{
    return f->length - at >= n && !memcmp(f->data + at, start, n);
}

/* Moves the first picture to the front. False: none has begun; what may be the first bytes of one stays. */
static bool find_start(frames *f)
{
    for (size_t at = 0; at < f->length; at++) {
        f->png = begins(f, at, png_start, sizeof png_start);
        if (!f->png && !begins(f, at, jpeg_start, sizeof jpeg_start)) continue;
        drop(f, at);
        f->at = f->png ? sizeof png_start : 2;
        return true;
    }
    size_t kept = sizeof png_start - 1;
    if (f->length > kept) drop(f, f->length - kept);
    return false;
}

/* ---- where it ends ---- */

static size_t big_endian(const uint8_t *p, int bytes)
{
    size_t n = 0;
    while (bytes--) n = n << 8 | *p++;
    return n;
}

/* Chunks: length, four letters, data, a sum. */
static progress walk_png(frames *f)
{
    while (f->length - f->at >= 12) {
        const uint8_t *chunk = f->data + f->at;
        size_t size = big_endian(chunk, 4) + 12;
        if (size > FRAMES_LARGEST) return BROKEN;
        if (f->length - f->at < size) return MORE;
        f->at += size;
        if (!memcmp(chunk + 4, "IEND", 4)) return WHOLE;
    }
    return MORE;
}

/* Entropy-coded data: up to a marker that is neither a stuffed zero nor a restart. */
static bool skip_scan(frames *f)
{
    while (f->at + 1 < f->length) {
        const uint8_t *p = memchr(f->data + f->at, 0xFF, f->length - f->at - 1);
        f->at = p ? (size_t)(p - f->data) : f->length - 1;
        if (!p) return false;
        if (p[1] && p[1] != 0xFF && (p[1] < 0xD0 || p[1] > 0xD7)) return true;
        f->at += p[1] == 0xFF ? 1 : 2;
    }
    return false;
}

/* Segments: FF, a marker, and for most of them a length; a thumbnail lies within one. */
static progress walk_jpeg(frames *f)
{
    for (;;) {
        if (f->in_scan && !skip_scan(f)) return MORE;
        f->in_scan = false;
        if (f->length - f->at < 4 && !(f->length - f->at >= 2 && f->data[f->at + 1] == 0xD9)) return MORE;
        const uint8_t *p = f->data + f->at;
        if (p[0] != 0xFF || !p[1] || p[1] == 0xD8) return BROKEN;
        if (p[1] == 0xFF) {
            f->at++;
        } else if (p[1] == 0xD9) {
            f->at += 2;
            return WHOLE;
        } else {
            size_t size = big_endian(p + 2, 2) + 2;
            if (f->length - f->at < size) return MORE;
            f->at += size;
            f->in_scan = p[1] == 0xDA;
        }
    }
}

static err_code hand_out(frames *f, size_t n, uint8_t **bytes, size_t *size, error *err)
{
    *bytes = malloc(n);
    if (!*bytes) return err_no_memory(err, "for a picture of '%s'", f->name);
    memcpy(*bytes, f->data, n);
    *size = n;
    drop(f, n);
    return ERR_OK;
}

err_code frames_next(frames *f, uint8_t **bytes, size_t *size, error *err)
{
    *bytes = NULL;
    *size = 0;
    for (;;) {
        progress p = MORE;
        if (f->at || find_start(f)) p = f->png ? walk_png(f) : walk_jpeg(f);
        if (p == WHOLE) return hand_out(f, f->at, bytes, size, err);
        if (p == BROKEN || f->length > FRAMES_LARGEST) {
            drop(f, 1); /* and on to what looks like the next one */
            continue;
        }
        if (f->ended) return f->at ? hand_out(f, f->length, bytes, size, err) : ERR_OK;
        err_code code = fill(f, err);
        if (code) return code;
    }
}

void frames_release(frames *f)
{
    free(f->data);
    f->data = NULL;
    f->length = 0;
    f->capacity = 0;
}
