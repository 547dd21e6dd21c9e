#include "tools/sidecar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "src/base/hash.h"
#include "src/base/text.h"
#include "src/io/file.h"
#include "src/io/json.h"

static const char attribute[] = "user.caption";
enum { MARK = 128, MOST = 16 << 20 }; /* bytes of an attribute, of a sidecar that is looked into */

bool sidecar_is_json(const sidecar *s)
{
    return s->kind && !strcmp(s->kind, "json");
}

/* ---- names ---- */

/* "holiday/a.b.jpg" -> "holiday/a.b.txt". A name without an ending gets one. */
static bool make_path(const sidecar *s, const char *photo, text *path)
{
    const char *slash = strrchr(photo, '/'), *name = slash ? slash + 1 : photo, *dot = strrchr(name, '.');
    size_t n = dot && dot > name ? (size_t)(dot - photo) : strlen(photo);
    text_append_bytes(path, photo, n);
    text_printf(path, ".%s", s->kind);
    return !path->failed;
}

/* ---- marks ---- */

/* The attribute is "VERSION HASH TIME": of the content, and when the file was written, in nanoseconds. */
static long long time_of(const struct stat *st)
{
    return (long long)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* Best effort: where it fails, the file stays like a person's. */
static void set_attribute(const char *path, const void *content, size_t size)
{
    struct stat st;
    char hex[HASH_HEX], mark[MARK];
    hash_hex(hash_bytes(content, size, 0), hex);
    if (stat(path, &st)) return;
    snprintf(mark, sizeof mark, "%s %s %lld", CAPTION_VERSION, hex, time_of(&st));
    if (setxattr(path, attribute, mark, strlen(mark), 0)) errno = 0;
}

static bool read_attribute(const char *path, char hex[HASH_HEX], long long *time)
{
    char mark[MARK];
    ssize_t n = getxattr(path, attribute, mark, sizeof mark - 1);
    mark[n > 0 ? n : 0] = 0;
    return n > 0 && sscanf(mark, "%*s %32s %lld", hex, time) == 2;
}

static bool has_attribute(const char *path, const uint8_t *content, size_t size)
{
    char hex[HASH_HEX], there[HASH_HEX];
    long long time;
    hash_hex(hash_bytes(content, size, 0), hex);
    return read_attribute(path, there, &time) && !strcmp(there, hex);
}

/* A loss of power may leave a file of ours empty, which nobody has written since. */
static bool is_torn(const char *path, const struct stat *st)
{
    char hex[HASH_HEX];
    long long time;
    return !st->st_size && read_attribute(path, hex, &time) && time == time_of(st);
}

/* The hash of the caption, which tells whether somebody corrected it. */
static void check_of(const char *caption, char hex[HASH_HEX])
{
    hash_hex(hash_bytes(caption, strlen(caption), 0), hex);
}

void sidecar_put_mark(io_json_build *b, const char *model)
{
    char hex[HASH_HEX];
    const char *caption = json_string_value(json_object_get(b->root, "caption"));
    check_of(caption ? caption : "", hex);
    json_t *made = io_json_put_object(b, b->root, "made");
    io_json_put_string(b, made, "program", "caption " CAPTION_VERSION);
    io_json_put_string(b, made, "model", model);
    io_json_put_string(b, made, "check", hex);
}

static bool has_mark_within(const uint8_t *content, size_t size)
{
    error ignored = {0};
    json_t *o = NULL;
    char hex[HASH_HEX];
    if (io_json_parse((const char *)content, size, "", &o, &ignored)) return false;
    const char *caption = json_string_value(json_object_get(o, "caption"));
    const char *check = json_string_value(json_object_get(json_object_get(o, "made"), "check"));
    if (caption) check_of(caption, hex);
    bool ours = caption && check && !strcmp(check, hex);
    json_decref(o);
    return ours;
}

static bool is_ours(const sidecar *s, const char *path)
{
    error ignored = {0};
    uint8_t *content;
    size_t size;
    if (io_read_file(path, MOST, &content, &size, &ignored)) return false;
    bool ours = sidecar_is_json(s) ? has_mark_within(content, size) : has_attribute(path, content, size);
    free(content);
    return ours;
}

/* ---- planning and writing ---- */

/* False: something is there that stays. What is no file, a folder or a pipe, always does. */
static bool may_write(const sidecar *s, existing_policy policy, const char *path)
{
    struct stat st;
    if (lstat(path, &st) || is_torn(path, &st)) return true;
    if (policy == EXISTING_KEEP || stat(path, &st) || !S_ISREG(st.st_mode)) return false;
    return existing_allows(policy, policy == EXISTING_REPLACE_OURS && is_ours(s, path));
}

err_code sidecar_plan(const sidecar *s, outputs *files, existing_policy policy, const char *photo,
                      bool *wanted, error *err)
{
    text path = {0};
    *wanted = false;
    if (!strcmp(photo, "-"))
        return err_set(err, ERR_ARGUMENT, "cannot write a sidecar of standard input: it lies in no folder");
    err_code code = make_path(s, photo, &path) ? ERR_OK : err_no_memory(err, "for the name of a sidecar");
    if (!code) code = outputs_writes(files, "a sidecar", text_string(&path), err);
    if (!code) *wanted = may_write(s, policy, text_string(&path));
    text_release(&path);
    return code;
}

/* Not synced: that takes longer than describing a photo does, and what is lost is made again. */
static err_code write_marked(const char *path, const char *content, error *err)
{
    size_t size = strlen(content);
    err_code code = io_write_file_unsynced(path, content, size, err);
    if (!code) set_attribute(path, content, size);
    return code;
}

err_code sidecar_write(const sidecar *s, existing_policy policy, const char *photo, const char *content,
                       error *err)
{
    text path = {0};
    err_code code = make_path(s, photo, &path) ? ERR_OK : err_no_memory(err, "for the name of a sidecar");
    if (!code && may_write(s, policy, text_string(&path)))
        code = write_marked(text_string(&path), content, err);
    text_release(&path);
    return code;
}
