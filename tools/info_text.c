/* caption info of a translator or a language model: languages, sizes, settings. */
#include <stdio.h>
#include <string.h>

#include "src/io/json_build.h"
#include "tools/info.h"
#include "tools/print.h"
#include "tools/verbs.h"

enum { FIRST_WORDS = 20 };

static size_t parameters_of(const cap_model *m, const char *prefix)
{
    size_t sum = 0;
    for (int i = 0; i < m->params.count; i++) {
        const nn_param *n = m->params.list[i];
        if (!strncmp(n->name, prefix, strlen(prefix)) && !(n->flags & NN_BUFFER)) sum += nn_count(&n->var);
    }
    return sum;
}

/* ---- JSON ---- */

static void put_codec(io_json_build *b, const char *key, const ds_codec *c, bool words)
{
    const ds_vocab *v = ds_codec_vocab(c);
    json_t *o = io_json_put_object(b, b->root, key);
    io_json_put_string(b, o, "level", ds_level_name(ds_codec_level(c)));
    io_json_put_int(b, o, "words", ds_vocab_size(v) - DS_SPECIALS);
    io_json_put_int(b, o, "merges", ds_codec_merges(c));
    if (!words) return;
    json_t *list = io_json_put_array(b, o, "vocabulary");
    for (int i = DS_SPECIALS; i < ds_vocab_size(v); i++)
        io_json_put_string(b, list, NULL, ds_vocab_word(v, i));
}

/* Takes over `o`, the settings of a part. */
static void put_part(io_json_build *b, const char *key, json_t *o, size_t parameters)
{
    io_json_put(b, b->root, key, o);
    io_json_put_int(b, o, "parameters", (int64_t)parameters);
}

static json_t *describe(const cap_model *m, const char *path, bool words)
{
    io_json_build b = io_json_build_object();
    io_json_put_string(&b, b.root, "path", path);
    io_json_put_int(&b, b.root, "file_bytes", m->file_bytes);
    io_json_put_string(&b, b.root, "kind", m->source ? "translator" : "language model");
    if (m->source) put_codec(&b, "source", m->source, words);
    put_codec(&b, "target", m->target, words);
    if (m->source)
        put_part(&b, "encoder", cap_encoder_config_to_json(&m->encoder.config), parameters_of(m, "encoder."));
    put_part(&b, "decoder", cap_decoder_config_to_json(&m->decoder.config), parameters_of(m, "decoder."));
    io_json_put(&b, b.root, "record", json_incref(m->record));
    return io_json_take(&b);
}

static int show_json(const cap_model *m, const char *path, bool words)
{
    if (print_json_line(stdout, describe(m, path, words))) return VERB_DONE;
    error err = {0};
    err_no_memory(&err, "while printing");
    return verb_fail(&err);
}

/* ---- text ---- */

static bool show_codec(const char *name, const ds_codec *c)
{
    static const char *const units[DS_LEVELS] = {"words", "characters", "pieces of words"};
    const ds_vocab *v = ds_codec_vocab(c);
    text line = {0};
    text_printf(&line, "%d %s:", (int)ds_vocab_size(v) - DS_SPECIALS, units[ds_codec_level(c)]);
    for (int i = DS_SPECIALS; i < ds_vocab_size(v) && i < DS_SPECIALS + FIRST_WORDS; i++) {
        text label = {0};
        ds_codec_label(c, i, &label);
        text_append(&line, " ");
        text_append(&line, text_string(&label));
        line.failed |= label.failed;
        text_release(&label);
    }
    if (ds_vocab_size(v) > DS_SPECIALS + FIRST_WORDS) text_append(&line, " ...");
    return info_text_line(name, &line);
}

static bool show_encoder(const cap_model *m)
{
    text line = {0};
    text_printf(&line, "%s, %zu parameters: ", m->encoder.config.row->name, parameters_of(m, "encoder."));
    cap_encoder_config_print(&m->encoder.config, &line);
    return info_text_line("encoder", &line);
}

static bool show(const cap_model *m, const char *path)
{
    text line = {0};
    text_append(&line, path);
    text_printf(&line, ", %.1f MB", (double)m->file_bytes / 1e6);
    if (!info_text_line("model", &line)) return false;
    if (!m->source)
        return info_line("kind", "language model: goes on from the beginning of a text") &&
               info_decoder(&m->decoder.config, parameters_of(m, "decoder.")) &&
               show_codec("texts", m->target) && info_record(m->record);
    return info_line("kind", "translator: lines of text to lines of text") && show_encoder(m) &&
           info_decoder(&m->decoder.config, parameters_of(m, "decoder.")) &&
           show_codec("source", m->source) && show_codec("target", m->target) && info_record(m->record);
}

static void show_words(const cap_model *m)
{
    const ds_vocab *v = cap_model_vocab(m);
    for (int i = DS_SPECIALS; i < ds_vocab_size(v); i++) {
        print_escaped(stdout, ds_vocab_word(v, i));
        putchar('\n');
    }
}

int info_text(const cap_model *m, const char *path, bool json, bool words)
{
    if (json) return show_json(m, path, words);
    if (!words) return info_verdict(show(m, path));
    show_words(m);
    return VERB_DONE;
}
