#include "datasets/text_lines.h"

#include "src/base/text.h"
#include "src/io/file.h"

#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT ((size_t)4 << 30) /* bytes */

err_code ds_text_lines_open(ds_text_lines *l, const char *path, arena *memory, error *err)
{
    uint8_t *bytes;
    size_t size;
    *l = (ds_text_lines){.path = path};
    err_code code = io_read_file(path, FILE_LIMIT, &bytes, &size, err);
    if (code) return code;
    l->at = arena_alloc(memory, size + 1);
    if (l->at) memcpy(l->at, bytes, size + 1);
    free(bytes);
    if (!l->at) return err_no_memory(err, "while reading '%.300s'", path);
    l->end = l->at + size;
    int mark = text_byte_order_mark(l->at, size);
    if (mark < 0) return err_set(err, ERR_FORMAT, "cannot read '%.300s': " TEXT_IS_UTF16, path);
    l->at += mark;
    return ERR_OK;
}

static err_code check_line(const ds_text_lines *l, error *err)
{
    size_t fault;
    if (l->size > DS_LINE_BYTES)
        return err_set(err, ERR_LIMIT, "cannot use '%.300s': line %lld is %zu bytes long, %d at most",
                       l->path, (long long)l->number, l->size, DS_LINE_BYTES);
    if (memchr(l->line, 0, l->size))
        return err_set(err, ERR_FORMAT, "cannot read '%.300s': line %lld holds a zero byte", l->path,
                       (long long)l->number);
    if (!text_utf8_valid(l->line, l->size, &fault))
        return err_set(err, ERR_FORMAT, "cannot read '%.300s': line %lld is not UTF-8 (byte %zu)", l->path,
                       (long long)l->number, fault + 1);
    return ERR_OK;
}

err_code ds_text_lines_next(ds_text_lines *l, error *err)
{
    l->line = NULL;
    if (l->at >= l->end) return ERR_OK;
    char *newline = memchr(l->at, '\n', (l->end - l->at));
    l->line = l->at;
    l->size = (size_t)((newline ? newline : l->end) - l->at);
    l->number++;
    l->at += l->size + 1;
    err_code code = check_line(l, err);
    if (!code) l->line[l->size] = 0;
    return code;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

char *ds_text_trim(char *s)
{
    char *end = s + strlen(s);
    while (is_blank(*s)) s++;
    while (end > s && is_blank(end[-1])) end--;
    *end = 0;
    return s;
}
