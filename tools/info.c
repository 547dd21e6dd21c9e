/* caption info: what a model is; of translators and language models, see tools/info_text.c. */
#include "tools/info.h"

#include <string.h>
#include <unistd.h>

#include "captioner/caption.h"
#include "captioner/net/builtin.h"
#include "captioner/net/model.h"
#include "src/io/file.h"
#include "src/io/json_build.h"
#include "tools/print.h"
#include "tools/verbs.h"

enum { FIRST_WORDS = 20 };

typedef struct model_view {
    const cap_model *model;
    const char *path; /* NULL: built in */
    cap_info info;
    bool words;
} model_view;

/* ---- JSON ---- */

static void put_words(io_json_build *b, const model_view *v)
{
    json_t *list = io_json_put_array(b, b->root, "vocabulary");
    for (int i = 0; i < v->info.vocabulary; i++) io_json_put_string(b, list, NULL, cap_get_word(v->model, i));
}

static void put_preprocess(io_json_build *b, const cap_info *i)
{
    json_t *o = io_json_put_object(b, b->root, "preprocess");
    io_json_put_int(b, o, "size", i->size);
    io_json_put_string(b, o, "fit", i->crop ? "crop" : "stretch");
    io_json_put_floats(b, o, "mean", i->mean, 3);
    io_json_put_floats(b, o, "std", i->std, 3);
}

static void put_styles(io_json_build *b, const model_view *v)
{
    json_t *list = io_json_put_array(b, b->root, "styles");
    for (int i = 0; i < v->info.styles; i++) io_json_put_string(b, list, NULL, cap_get_style(v->model, i));
}

/* The namers' settings; the lists of their words only where the vocabulary is asked for. */
static void put_namers(io_json_build *b, const model_view *v)
{
    json_t *o = io_json_put_object(b, b->root, "namers");
    for (int i = 0; i < CAP_NAMERS; i++) {
        const cap_namer_config *c = &v->model->namers[i].config;
        if (!c->row) continue;
        json_t *namer = io_json_put_object(b, o, c->row->name);
        io_json_put_int(b, namer, "names", c->names.count);
        io_fields_write(c->row->fields, c->settings.bytes, b, namer);
        c->row->write(c, b, namer);
        if (!v->words) json_object_del(namer, "words");
    }
    io_json_put_int(b, o, "parameters", (int64_t)v->info.namer_parameters);
}

static json_t *describe(const model_view *v)
{
    const cap_info *i = &v->info;
    io_json_build b = io_json_build_object();
    io_json_put_string(&b, b.root, "path", v->path);
    io_json_put_int(&b, b.root, "file_bytes", i->file_bytes);
    json_t *encoder = io_json_put_object(&b, b.root, "encoder");
    io_json_put_string(&b, encoder, "name", i->encoder);
    io_json_put_int(&b, encoder, "parameters", (int64_t)i->encoder_parameters);
    put_preprocess(&b, i);
    if (i->calibrated) io_json_put_number(&b, b.root, "unsure_below", i->threshold);
    json_t *grid = io_json_put_array(&b, b.root, "grid");
    io_json_put_int(&b, grid, NULL, i->grid_h);
    io_json_put_int(&b, grid, NULL, i->grid_w);
    json_t *decoder = cap_decoder_config_to_json(&v->model->decoder.config);
    io_json_put(&b, b.root, "decoder", decoder);
    io_json_put_int(&b, decoder, "parameters", (int64_t)i->decoder_parameters);
    if (i->namer_parameters) put_namers(&b, v);
    if (i->styles) put_styles(&b, v);
    io_json_put_int(&b, b.root, "words", i->vocabulary);
    io_json_put(&b, b.root, "record", json_incref(v->model->record));
    if (v->words) put_words(&b, v);
    return io_json_take(&b);
}

static int show_json(const model_view *v)
{
    error err = {0};
    if (print_json_line(stdout, describe(v))) return VERB_DONE;
    err_no_memory(&err, "while printing");
    return verb_fail(&err);
}

/* ---- text ---- */

static bool show_confidence(const cap_info *i)
{
    char line[80];
    if (!i->calibrated) return true;
    snprintf(line, sizeof line, "calibrated; unsure below %.3f", i->threshold);
    return info_line("confidence", line);
}

static bool show_sizes(const model_view *v)
{
    const cap_info *i = &v->info;
    char line[600];
    bool good;
    const char *path = v->path ? v->path : "built into the program";
    snprintf(line, sizeof line, "%.400s, %.1f MB", path, (double)i->file_bytes / 1e6);
    good = info_line("model", line);
    snprintf(line, sizeof line, "%s, %zu parameters", i->encoder, i->encoder_parameters);
    good &= info_line("encoder", line);
    if (!i->grid_h) {
        good &= info_line("regions", "none: it sees what its namers name, and nothing else");
        return show_confidence(i) && info_decoder(&v->model->decoder.config, i->decoder_parameters) && good;
    }
    snprintf(line, sizeof line, "%s to %d x %d pixels; mean %.4g %.4g %.4g, deviation %.4g %.4g %.4g",
             i->crop ? "the central square, resized" : "the whole photo, stretched", i->size, i->size,
             (double)i->mean[0], (double)i->mean[1], (double)i->mean[2], (double)i->std[0], (double)i->std[1],
             (double)i->std[2]);
    good &= info_line("photos", line);
    snprintf(line, sizeof line, "%d x %d of %d numbers each", i->grid_h, i->grid_w, i->features);
    good &= info_line("regions", line);
    return show_confidence(i) && info_decoder(&v->model->decoder.config, i->decoder_parameters) && good;
}

static bool show_namer(const cap_namer_config *c)
{
    text line = {0};
    text_printf(&line, "%d names; %s: ", c->names.count, c->row->about);
    if (c->row->print) c->row->print(c, &line);
    io_fields_print(c->row->fields, c->settings.bytes, &line);
    return info_text_line(c->row->name, &line);
}

/* Nothing of models that have neither. */
static bool show_namers(const model_view *v)
{
    bool good = true;
    text line = {0};
    for (int i = 0; good && i < CAP_NAMERS; i++)
        if (v->model->namers[i].config.row) good = show_namer(&v->model->namers[i].config);
    for (int i = 0; i < v->info.styles; i++)
        text_printf(&line, "%s%s", i ? ", " : "", cap_get_style(v->model, i));
    if (v->info.styles) return info_text_line("styles", &line) && good;
    text_release(&line);
    return good;
}

static bool show_first_words(const model_view *v)
{
    text line = {0};
    text_printf(&line, "%d words:", v->info.vocabulary);
    for (int i = 0; i < v->info.vocabulary && i < FIRST_WORDS; i++) {
        text_append(&line, " ");
        text_append(&line, cap_get_word(v->model, i));
    }
    if (v->info.vocabulary > FIRST_WORDS) text_append(&line, " ...");
    return info_text_line("vocabulary", &line);
}

static int show(const model_view *v, bool json)
{
    if (json) return show_json(v);
    if (v->words) {
        for (int i = 0; i < v->info.vocabulary; i++) {
            print_escaped(stdout, cap_get_word(v->model, i));
            putchar('\n');
        }
        return VERB_DONE;
    }
    return info_verdict(show_sizes(v) && show_namers(v) && show_first_words(v) &&
                        info_record(v->model->record));
}

/* ---- a model as a file ---- */

static const struct {
    const char *name;
    io_dtype type;
} stores[] = {{"f16", IO_F16}, {"f32", IO_F32}, {"i8", IO_I8}};

/* The bytes of the model inside the program. */
static err_code export_builtin(const char *to, error *err)
{
    size_t size;
    const void *bytes = cap_builtin_model(&size);
    if (!bytes) return err_set(err, ERR_MISSING, "there is no model inside this program to export");
    return io_write_file(to, bytes, size, err);
}

/* The model speaks with another factor on its logits. */
static err_code sharpen(cap_model *m, double sharpness, error *err)
{
    const cap_decoder_config *c = &m->decoder.config;
    const io_field *field = io_fields_find(c->row->fields, "sharpness");
    if (!field) return err_set(err, ERR_ARGUMENT, "a decoder '%s' has no sharpness to set", c->row->name);
    *io_field_number(field, c->settings.bytes) = sharpness;
    return io_fields_check(c->row->fields, c->settings.bytes, c->row->name, err);
}

/* What an exported model is to be. */
typedef struct export_form {
    const char *store; /* NULL: as it is */
    double sharpness;  /* 0: its own */
    bool force;
} export_form;

/* A model (NULL: that inside the program) with its weights as another type. */
static err_code export_stored(const char *to, const char *from, const export_form *form, error *err)
{
    cap_model *m = NULL;
    size_t size, i = 0;
    const void *bytes = from ? NULL : cap_builtin_model(&size);
    if (!from && !bytes) return err_set(err, ERR_MISSING, "there is no model inside this program to export");
    err_code code = from ? cap_model_open_unfolded(from, &m, err)
                         : cap_model_open_memory_unfolded(bytes, size, "the built-in model", &m, err);
    while (strcmp(stores[i].name, form->store) != 0) i++;
    if (!code && form->sharpness > 0) code = sharpen(m, form->sharpness, err);
    if (!code) code = cap_model_save(m, to, stores[i].type, err);
    cap_model_close(&m);
    return code;
}

static err_code export_model(const char *to, const char *from, const export_form *form, error *err)
{
    if (from && !form->store)
        return err_set(err, ERR_ARGUMENT,
                       "--export alone writes the model inside the program: '%.300s' needs --store beside it "
                       "(see 'caption info --help')",
                       from);
    if (!form->force && !access(to, F_OK))
        return err_set(err, ERR_ARGUMENT, "'%.300s' exists: --force replaces it", to);
    return form->store ? export_stored(to, from, form, err) : export_builtin(to, err);
}

int verb_info(int argc, char **argv)
{
    bool json = false, words = false;
    const char *export = NULL;
    export_form form = {0};
    const opt options[] = {
        {"json", 'j', OPT_FLAG, .value = &json, .help = "one JSON object"},
        {"vocabulary", .kind = OPT_FLAG, .value = &words,
         .help = "all words, one a line, by falling frequency; with --json as a list"},
        {"export", .kind = OPT_OUTPUT, .metavar = "FILE", .value = &export,
         .help = "write the model inside the program to FILE, for caption train --init or other programs"},
        {"store", .kind = OPT_CHOICE, .metavar = "f16|f32|i8", .value = &form.store,
         .help = "with --export: convert the weights of that or another MODEL, whose "
                 "confidence is then to be fitted again (caption calibrate); i8: matrices in eight bits"},
        {"sharpness", .kind = OPT_DOUBLE, .metavar = "X", .value = &form.sharpness, .max = 100,
         .help =
             "with --store: the factor on the logits with which the model speaks from then on; 0: its own"},
        {"force", .kind = OPT_FLAG, .value = &form.force, .help = "let --export replace a file"},
        {0},
    };
    const opt_command command = {.verb = "info",
                                 .operands = "[MODEL]",
                                 .operands_max = 1,
                                 .about =
                                     "Shows what a model is: architecture, sizes, preprocessing, "
                                     "vocabulary, training record, scores and licence. Without MODEL: "
                                     "the model inside the program.",
                                 .options = options,
                                 .examples =
                                     "  caption info model.safetensors\n"
                                     "  caption info --json | jq .record\n"};
    int verdict;
    if (!verb_begin(&command, &argc, argv, &verdict)) return verdict;
    error err = {0};
    const char *path = argc > 1 ? argv[1] : NULL;
    if (form.sharpness > 0 && !form.store) {
        err_set(&err, ERR_ARGUMENT, "--sharpness needs --store (see 'caption info --help')");
        verb_fail(&err);
        return VERB_USAGE;
    }
    if (form.store && !export) {
        err_set(&err, ERR_ARGUMENT, "--store is of use beside --export alone (see 'caption info --help')");
        verb_fail(&err);
        return VERB_USAGE;
    }
    if (export) return export_model(export, path, &form, &err) ? verb_fail(&err) : VERB_DONE;
    if (path && info_is_reader(path)) return info_reader(path, json, words);
    cap_model *m;
    model_view v = {.path = path, .words = words};
    if (cap_open(v.path, NULL, &m, &err)) return verb_fail(&err);
    v.model = m;
    cap_get_info(m, &v.info);
    verdict = v.info.reads == CAP_PHOTOS ? show(&v, json) : info_text(m, v.path, json, words);
    cap_close(&m);
    return verdict;
}
