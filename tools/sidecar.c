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

/* What the attribute holds of a content: "0.1.0 HASH". */
static void make_mark(const void *content, size_t size, char mark[MARK])
{
    char hex[HASH_HEX];
    hash_hex(hash_bytes(content, size, 0), hex);
    snprintf(mark, MARK, "%s %s", CAPTION_VERSION, hex);
}

static bool has_attribute(const char *path, const uint8_t *content, size_t size)
{
    char there[MARK], mark[MARK];
    ssize_t n = getxattr(path, attribute, there, sizeof there - 1);
    if (n <= 0) return false;
    there[n] = 0;
    make_mark(content, size, mark);
    const char *old = strchr(there, ' '), *new = strchr(mark, ' ');
    return old && !strcmp(old, new); /* whatever the version */
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
    if (lstat(path, &st)) return true;
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

static err_code write_marked(const sidecar *s, const char *path, const char *content, error *err)
{
    char mark[MARK];
    size_t size = strlen(content);
    err_code code = io_write_file(path, content, size, err);
    if (code || sidecar_is_json(s)) return code;
    make_mark(content, size, mark);
    if (setxattr(path, attribute, mark, strlen(mark), 0)) errno = 0; /* it stays like a person's, then */
    return ERR_OK;
}

err_code sidecar_write(const sidecar *s, existing_policy policy, const char *photo, const char *content,
                       error *err)
{
    text path = {0};
    err_code code = make_path(s, photo, &path) ? ERR_OK : err_no_memory(err, "for the name of a sidecar");
    if (!code && may_write(s, policy, text_string(&path)))
        code = write_marked(s, text_string(&path), content, err);
    text_release(&path);
    return code;
}
