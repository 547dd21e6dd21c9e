/* What all data on pages have in common, and what lines of text become. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/show/page_parts.h"
#include "src/io/json.h"

static const double unit = 1e-4; /* weights of attention are whole numbers of these */

/* ---- text that may stand in HTML ---- */

/* A '<' could begin what ends a script element or hides its end; JSON knows another way to write it. */
err_code cap_page_put_json(text *t, json_t *tree, error *err)
{
    char *dumped =
        tree ? io_json_text(tree, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6)) : NULL;
    for (const char *s = dumped; s && *s;) {
        size_t plain = strcspn(s, "<");
        text_append_bytes(t, s, plain);
        s += plain;
        if (*s) text_append(t, "\\u003c");
        s += *s != 0;
    }
    bool good = dumped && !t->failed;
    free(dumped);
    json_decref(tree);
    return good ? ERR_OK : err_no_memory(err, "for a page");
}

void cap_page_put_escaped(text *t, const char *s)
{
    for (; *s; s++) {
        if (strchr("<>&\"'", *s))
            text_printf(t, "&#%d;", *s);
        else
            text_append_bytes(t, s, 1);
    }
}

/* A path as people may see it: nothing in it turns the direction of the text or breaks the line. */
void cap_page_put_path(io_json_build *b, const char *path)
{
    text shown = {0};
    text_append_shown(&shown, path);
    if (shown.failed) b->failed = true;
    io_json_put_string(b, b->root, "path", text_string(&shown));
    text_release(&shown);
}

void cap_page_begin_item(text *t)
{
    text_append(t, "<script type=\"application/json\" class=\"item\">");
}

void cap_page_put_weights(io_json_build *b, json_t *o, const char *key, const float *weight, size_t count)
{
    if (!weight) return;
    json_t *list = io_json_put_array(b, o, key);
    for (size_t i = 0; i < count; i++) {
        double w = weight[i] > 0 ? fmin((double)weight[i], 1) : 0; /* no number: 0 */
        io_json_put_int(b, list, NULL, lrint(w / unit));
    }
}

err_code cap_page_put_failed(text *t, const char *path, const char *reason, error *err)
{
    io_json_build b = io_json_build_object();
    cap_page_put_path(&b, path);
    io_json_put_string(&b, b.root, "error", reason);
    cap_page_begin_item(t);
    err_code code = cap_page_put_json(t, io_json_take(&b), err);
    text_append(t, "</script>\n");
    return code;
}

/* ---- lines ---- */

static void put_target(io_json_build *b, const cap_map *map)
{
    json_t *list = io_json_put_array(b, b->root, "target");
    for (int i = 0; i < map->targets; i++) {
        json_t *o = io_json_put_object(b, list, NULL);
        io_json_put_string(b, o, "w", map->target[i]);
        io_json_put_number(b, o, "p", map->probability ? (double)map->probability[i] : 1);
    }
}

static void put_ends(io_json_build *b, const cap_map *map)
{
    json_t *list = io_json_put_array(b, b->root, "end");
    for (int i = 0; i < map->sources; i++)
        if (map->source_is_end && map->source_is_end[i]) io_json_put_int(b, list, NULL, i);
}

err_code cap_page_put_line(text *t, int64_t number, const char *sentence, const cap_map *map, error *err)
{
    io_json_build b = io_json_build_object();
    io_json_put_int(&b, b.root, "number", number);
    io_json_put_string(&b, b.root, "text", sentence);
    io_json_put_strings(&b, b.root, "source", map->source, (size_t)map->sources);
    put_ends(&b, map);
    put_target(&b, map);
    json_t *list = io_json_put_array(&b, b.root, "weights");
    for (int i = 0; i < map->targets; i++)
        cap_page_put_weights(&b, list, NULL, map->weight + (size_t)i * (size_t)map->sources,
                             (size_t)map->sources);
    cap_page_begin_item(t);
    err_code code = cap_page_put_json(t, io_json_take(&b), err);
    text_append(t, "</script>\n");
    return code;
}
