#include "tools/done_list.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/print.h"

static const char header[] = "# caption: photos that are done\n";

static err_code no_memory(const done_list *d, error *err)
{
    return err_no_memory(err, "for the photos of '%.200s'", d->path);
}

/* ---- paths ---- */

/* The folder of a file, links resolved, with a slash at its end. NULL: there is none, or no memory. */
static char *resolve_folder(const char *path, size_t n)
{
    char *from = n ? strndup(path, n) : strdup("."), *real = from ? realpath(from, NULL) : NULL;
    text t = {0};
    if (real) text_printf(&t, "%s%s", real, strcmp(real, "/") ? "/" : "");
    free(from);
    free(real);
    return t.length ? text_take(&t) : NULL;
}

static size_t folder_size(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* The photos of a folder follow each other, so its place is asked for once. */
static const char *real_folder(done_list *d, const char *photo)
{
    size_t n = folder_size(photo);
    if (d->last_from && strlen(d->last_from) == n && !strncmp(d->last_from, photo, n)) return d->last_real;
    free(d->last_from);
    free(d->last_real);
    d->last_from = strndup(photo, n);
    d->last_real = resolve_folder(photo, n);
    return d->last_real;
}

static void append_line(const done_list *d, const struct stat *st, const char *folder, const char *name,
                        text *line)
{
    size_t n = strlen(d->folder);
    text path = {0};
    if (!strncmp(folder, d->folder, n)) folder += n;
    text_printf(&path, "%s%s", folder, name);
    text_printf(line, "%lld\t%lld\t", (long long)st->st_size,
                (long long)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec);
    print_escaped_to(line, text_string(&path)); /* on one line, whatever the name */
    line->failed |= path.failed;
    text_release(&path);
}

/* The line of a photo as it is now; empty: it is no file, or gone. */
static err_code make_line(done_list *d, const char *photo, text *line, error *err)
{
    struct stat st;
    if (stat(photo, &st) || !S_ISREG(st.st_mode)) return ERR_OK;
    const char *folder = real_folder(d, photo);
    if (folder) append_line(d, &st, folder, photo + folder_size(photo), line);
    return line->failed ? no_memory(d, err) : ERR_OK;
}

/* ---- the file ---- */

static err_code read_lines(done_list *d, const char *bytes, size_t size, error *err)
{
    const char *end = bytes + size, *at = bytes, *line;
    for (; (line = memchr(at, '\n', (size_t)(end - at))); at = line + 1)
        if (*at != '#' && !path_set_add(&d->lines, at, (size_t)(line - at))) return no_memory(d, err);
    return at < end ? line_log_cut(&d->log, (size_t)(at - bytes), err) : ERR_OK;
}

static err_code begin(done_list *d, const char *bytes, size_t size, error *err)
{
    size_t n = sizeof header - 1;
    if (size >= n && !memcmp(bytes, header, n)) return read_lines(d, bytes, size, err);
    if (size >= n || memcmp(bytes, header, size) != 0)
        return err_set(err, ERR_ARGUMENT, "'%.200s' is no list of photos that are done; name another file",
                       d->path);
    err_code code = line_log_cut(&d->log, 0, err);
    return code ? code : line_log_add(&d->log, header, n, err);
}

err_code done_list_open(done_list *d, error *err)
{
    uint8_t *bytes;
    size_t size;
    err_code code = line_log_open(&d->log, d->path, &bytes, &size, err);
    if (code) return code;
    d->folder = resolve_folder(d->path, folder_size(d->path));
    code = d->folder ? begin(d, (const char *)bytes, size, err) : no_memory(d, err);
    free(bytes);
    if (code) done_list_close(d, NULL);
    return code;
}

err_code done_list_has(done_list *d, const char *photo, bool *done, error *err)
{
    text line = {0};
    err_code code = make_line(d, photo, &line, err);
    *done = !code && line.length && path_set_has(&d->lines, text_string(&line), line.length);
    text_release(&line);
    return code;
}

err_code done_list_note(done_list *d, const char *photo, error *err)
{
    size_t from = d->noted.length;
    err_code code = make_line(d, photo, &d->noted, err);
    if (code || d->noted.length == from) return code;
    if (!path_set_add(&d->lines, d->noted.data + from, d->noted.length - from)) return no_memory(d, err);
    text_append(&d->noted, "\n");
    return d->noted.failed ? no_memory(d, err) : ERR_OK;
}

err_code done_list_write(done_list *d, error *err)
{
    if (!d->noted.length) return ERR_OK;
    err_code code = line_log_add(&d->log, text_string(&d->noted), d->noted.length, err);
    text_clear(&d->noted);
    return code;
}

err_code done_list_close(done_list *d, error *err)
{
    path_set_release(&d->lines);
    text_release(&d->noted);
    free(d->folder);
    free(d->last_from);
    free(d->last_real);
    d->folder = d->last_from = d->last_real = NULL;
    return line_log_close(&d->log, err);
}
