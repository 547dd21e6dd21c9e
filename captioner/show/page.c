#include "captioner/show/page.h"

#include <stdlib.h>
#include <string.h>

#include "captioner/show/heat.h"
#include "captioner/show/page_parts.h"
#include "src/io/file.h"
#include "src/io/json_build.h"

struct cap_page {
    io_writer *file;
    int side;
    cap_page_options options;
    const char *rest; /* of the frame, behind the items */
};

/* ---- the frame ---- */

static void put_part(text *t, cap_page_part part)
{
    text_append_bytes(t, part.begin, (size_t)(part.end - part.begin));
}

static err_code put_about(text *t, const cap_page_options *o, error *err)
{
    io_json_build b = io_json_build_object();
    io_json_put_string(&b, b.root, "program", o->program);
    io_json_put_string(&b, b.root, "model", o->model);
    json_t *ramp = io_json_put_array(&b, b.root, "ramp");
    for (int i = 0; i < CAP_HEAT_STEPS; i++) {
        const cap_heat *h = &cap_heat_steps[i];
        const float step[4] = {h->colour.r, h->colour.g, h->colour.b, h->cover};
        io_json_put_floats(&b, ramp, NULL, step, 4);
    }
    return cap_page_put_json(t, io_json_take(&b), err);
}

static bool is(const char *name, size_t length, const char *wanted)
{
    return strlen(wanted) == length && !memcmp(name, wanted, length);
}

/* What stands for {{name}}. */
static err_code put_named(text *t, const char *name, size_t length, const cap_page_options *o, error *err)
{
    const cap_page_parts parts = cap_page_get_parts();
    if (is(name, length, "generator")) cap_page_put_escaped(t, o->program);
    if (is(name, length, "about")) return put_about(t, o, err);
    if (is(name, length, "style")) put_part(t, parts.style);
    if (is(name, length, "heat")) put_part(t, parts.heat);
    if (is(name, length, "common")) put_part(t, parts.common);
    if (is(name, length, "script")) put_part(t, o->lines ? parts.lines_script : parts.photos_script);
    return ERR_OK;
}

/* Writes the frame from `rest` on, up to the place of the items or to its end. */
static err_code write_frame(cap_page *p, error *err)
{
    text t = {0};
    err_code code = ERR_OK;
    bool items = false;
    while (!code && !items && *p->rest) {
        const char *open = strstr(p->rest, "{{"), *close = open ? strstr(open, "}}") : NULL;
        size_t plain = close ? (size_t)(open - p->rest) : strlen(p->rest);
        text_append_bytes(&t, p->rest, plain);
        p->rest += plain;
        if (!close) continue;
        items = is(open + 2, (size_t)(close - open) - 2, "items");
        if (!items) code = put_named(&t, open + 2, (size_t)(close - open) - 2, &p->options, err);
        p->rest = close + 2;
    }
    if (!code && t.failed) code = err_no_memory(err, "for a page");
    if (!code) code = io_writer_write(p->file, text_string(&t), t.length, err);
    text_release(&t);
    return code;
}

/* ---- the page ---- */

err_code cap_page_open(const char *path, const cap_page_options *o, cap_page **out, error *err)
{
    int side = o->side ? o->side : CAP_PAGE_SIDE;
    const cap_page_parts parts = cap_page_get_parts();
    *out = NULL;
    if (side < 64 || side > 4096)
        return err_set(err, ERR_ARGUMENT, "photos of %d pixels on a page: not in 64..4096", side);
    cap_page *p = calloc(1, sizeof *p);
    if (!p) return err_no_memory(err, "for a page");
    *p = (cap_page){
        .side = side, .options = *o, .rest = (o->lines ? parts.lines_html : parts.photos_html).begin};
    error reason = {0};
    p->file = io_writer_open(path, &reason);
    err_code code = p->file ? write_frame(p, &reason) : reason.code;
    if (!code) {
        *out = p;
        return ERR_OK;
    }
    if (err) *err = reason;
    cap_page_abort(&p);
    return code;
}

static err_code write_text(cap_page *p, text *t, err_code code, error *err)
{
    if (!code && t->failed) code = err_no_memory(err, "for a page");
    if (!code) code = io_writer_write(p->file, text_string(t), t->length, err);
    text_release(t);
    return code;
}

err_code cap_page_add(cap_page *p, const char *path, const cap_description *d, error *err)
{
    text t = {0};
    return write_text(p, &t, cap_page_put_photo(&t, path, d, p->side, err), err);
}

err_code cap_page_add_line(cap_page *p, int64_t number, const char *sentence, const cap_map *map, error *err)
{
    text t = {0};
    return write_text(p, &t, cap_page_put_line(&t, number, sentence, map, err), err);
}

err_code cap_page_add_failed(cap_page *p, const char *path, const char *reason, error *err)
{
    text t = {0};
    return write_text(p, &t, cap_page_put_failed(&t, path, reason, err), err);
}

err_code cap_page_close(cap_page **p, error *err)
{
    err_code code = write_frame(*p, err);
    if (!code) code = io_writer_close(&(*p)->file, err);
    cap_page_abort(p);
    return code;
}

void cap_page_abort(cap_page **p)
{
    if (!p || !*p) return;
    io_writer_abort(&(*p)->file);
    free(*p);
    *p = NULL;
}

bool cap_page_is_ours(const char *bytes, size_t size, const char *program)
{
    static const char mark[] = "<meta name=\"generator\" content=\"";
    size_t length = strlen(program), most = sizeof mark - 1 + length;
    for (size_t i = 0; i + most < size; i++)
        if (!memcmp(bytes + i, mark, sizeof mark - 1) &&
            !memcmp(bytes + i + sizeof mark - 1, program, length))
            return bytes[i + most] == ' ';
    return false;
}
