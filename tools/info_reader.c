/* caption info of a reader: classes, sizes, pieces. */
#include <stdio.h>

#include "captioner/net/bert.h"
#include "src/io/json_build.h"
#include "tools/info.h"
#include "tools/print.h"
#include "tools/verbs.h"

enum { FIRST_PIECES = 20, FIRST_LABELS = 20 };

bool info_is_reader(const char *path)
{
    error ignored = {0};
    io_tensors *file = io_tensors_open(path, &ignored);
    bool is = file && cap_bert_is_reader(file);
    io_tensors_close(&file);
    return is;
}

static json_t *describe(const cap_bert *m, const char *path, bool words)
{
    io_json_build b = io_json_build_object();
    io_json_put_string(&b, b.root, "path", path);
    io_json_put_int(&b, b.root, "file_bytes", m->file_bytes);
    io_json_put_string(&b, b.root, "kind", "reader");
    io_json_put_strings(&b, b.root, "labels", (const char *const *)m->labels.list, (size_t)m->labels.count);
    io_json_put_bool(&b, b.root, "fills", m->net.map_w);
    json_t *encoder = io_json_put_object(&b, b.root, "encoder");
    io_fields_write(cap_bert_fields, &m->net.set, &b, encoder);
    io_json_put_int(&b, encoder, "parameters", (int64_t)nn_params_learned(&m->params));
    json_t *pieces = io_json_put_object(&b, b.root, "pieces");
    io_json_put_int(&b, pieces, "pieces", ds_wordpiece_size(m->pieces));
    io_json_put_bool(&b, pieces, "lower", ds_wordpiece_lowers(m->pieces));
    json_t *list = words ? io_json_put_array(&b, pieces, "vocabulary") : NULL;
    for (int32_t i = 0; list && i < ds_wordpiece_size(m->pieces); i++)
        io_json_put_string(&b, list, NULL, ds_wordpiece_piece(m->pieces, i));
    io_json_put(&b, b.root, "record", json_incref(m->record));
    return io_json_take(&b);
}

static bool show_labels(const cap_bert *m)
{
    text line = {0};
    if (!m->labels.count) return true;
    text_printf(&line, "%d:", m->labels.count);
    for (int i = 0; i < m->labels.count && i < FIRST_LABELS; i++)
        text_printf(&line, " %s", m->labels.list[i]);
    if (m->labels.count > FIRST_LABELS) text_append(&line, " ...");
    return info_text_line("classes", &line);
}

static bool show_pieces(const cap_bert *m)
{
    text line = {0};
    int32_t size = ds_wordpiece_size(m->pieces), first = size > FIRST_PIECES ? size - FIRST_PIECES : 0;
    text_printf(&line, "%d of WordPiece, %s, the last ones:", (int)size,
                ds_wordpiece_lowers(m->pieces) ? "in lower case" : "cased");
    for (int32_t i = first; i < size; i++) text_printf(&line, " %s", ds_wordpiece_piece(m->pieces, i));
    return info_text_line("pieces", &line);
}

static bool show(const cap_bert *m, const char *path)
{
    text line = {0}, encoder = {0};
    text_append(&line, path);
    text_printf(&line, ", %.1f MB", (double)m->file_bytes / 1e6);
    text_printf(&encoder, "bert, %zu parameters with its heads: ", nn_params_learned(&m->params));
    io_fields_print(cap_bert_fields, &m->net.set, &encoder);
    bool good = info_text_line("model", &line) &&
                info_line("kind", m->labels.count ? "reader: tells the class of a line of text"
                                                  : "reader: fills in words of a line of text");
    good = info_text_line("encoder", &encoder) && good;
    return good && show_labels(m) && show_pieces(m) && info_record(m->record);
}

int info_reader(const char *path, bool json, bool words)
{
    cap_bert *m;
    error err = {0};
    if (cap_bert_open(path, NULL, &m, &err)) return verb_fail(&err);
    bool good = true;
    if (json)
        good = print_json_line(stdout, describe(m, path, words));
    else if (!words)
        good = show(m, path);
    for (int32_t i = 0; !json && words && i < ds_wordpiece_size(m->pieces); i++) {
        print_escaped(stdout, ds_wordpiece_piece(m->pieces, i));
        putchar('\n');
    }
    cap_bert_close(&m);
    return info_verdict(good);
}
