#include "tools/lines.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/text.h"

enum { ROOM = 2 * LINE_MOST, MARK = 4 /* bytes of a byte order mark at most */ };

static char *newline_in(const line_reader *r)
{
    return r->end > r->start ? memchr(r->buffer + r->start, '\n', r->end - r->start) : NULL;
}

bool lines_must_wait(const line_reader *r)
{
    if (r->ended || newline_in(r)) return false;
    struct pollfd p = {.fd = r->fd, .events = POLLIN};
    return poll(&p, 1, 0) == 0;
}

/* Moves what is left to the front and reads more behind it. */
static err_code read_more(line_reader *r, error *err)
{
    if (!r->buffer && !(r->buffer = malloc(ROOM + 2))) return err_no_memory(err, "while reading %s", r->name);
    if (r->start) memmove(r->buffer, r->buffer + r->start, r->end - r->start);
    r->end -= r->start;
    r->start = 0;
    ssize_t n;
    do n = read(r->fd, r->buffer + r->end, ROOM - r->end);
    while (n < 0 && errno == EINTR);
    if (n < 0) return err_set(err, ERR_IO, "cannot read %s: %s", r->name, strerror(errno));
    r->ended = !n;
    r->end += n;
    return ERR_OK;
}

/* The rest of a line that is too long. */
static err_code skip_line(line_reader *r, error *err)
{
    err_code code = ERR_OK;
    char *stop;
    while (!code && !(stop = newline_in(r)) && !r->ended) {
        r->start = r->end;
        code = read_more(r, err);
    }
    if (!code) r->start = stop ? (size_t)(stop - r->buffer) + 1 : r->end;
    return code;
}

/* Before the first line. */
static err_code skip_mark(line_reader *r, error *err)
{
    err_code code = ERR_OK;
    while (!code && !newline_in(r) && !r->ended && r->end - r->start < MARK) code = read_more(r, err);
    if (code) return code;
    int mark = r->end > r->start ? text_byte_order_mark(r->buffer + r->start, r->end - r->start) : 0;
    if (mark < 0) return err_set(err, ERR_FORMAT, "cannot read %s: " TEXT_IS_UTF16, r->name);
    r->start += mark;
    return ERR_OK;
}

err_code lines_next(line_reader *r, read_line *out, error *err)
{
    *out = (read_line){0};
    err_code code = r->number ? ERR_OK : skip_mark(r, err);
    while (!code && !newline_in(r) && !r->ended && r->end - r->start <= LINE_MOST) code = read_more(r, err);
    if (code || r->start == r->end) return code;
    out->number = ++r->number;
    char *stop = newline_in(r), *line = r->buffer + r->start;
    size_t size = stop ? (size_t)(stop - line) : r->end - r->start;
    out->too_long = size > LINE_MOST;
    if (out->too_long) {
        out->text = r->buffer + ROOM + 1;
        *out->text = 0;
        return skip_line(r, err);
    }
    out->text = line;
    line[size] = 0; /* the newline's place, or behind the end of the input */
    out->has_zero = strlen(line) < size;
    r->start += size + (stop != NULL);
    return ERR_OK;
}

void lines_release(line_reader *r)
{
    free(r->buffer);
    r->buffer = NULL;
}
