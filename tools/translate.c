/* caption translate: lines of text in, lines of text out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captioner/show/alignment.h"
#include "src/io/file.h"
#include "src/io/json_build.h"
#include "tools/decoding.h"
#include "tools/line_group.h"
#include "tools/model_use.h"
#include "tools/page_file.h"
#include "tools/print.h"
#include "tools/sheets.h"
#include "tools/verbs.h"

typedef struct request {
    const char *alignment, *pairs;
    model_use use;
    decoding decoding;
    bool json, force;
} request;

typedef struct translate_job {
    const request *q;
    line_group in;
    io_writer *pairs;
    page_file page;       /* of --alignment NAME.html */
    int64_t failed, lost; /* lines; pictures of them */
    int columns;          /* of the terminal; 0: not one */
} translate_job;

/* ---- output ---- */

static cap_map map_of(const cap_translation *t, unsigned char *is_end)
{
    for (int i = 0; i < t->sources; i++) is_end[i] = i == t->sources - 1;
    return (cap_map){.targets = t->best.words,
                     .sources = t->sources,
                     .target = t->label,
                     .source = t->source_label,
                     .weight = t->attention,
                     .probability = t->best.probability,
                     .source_is_end = is_end};
}

/* A line without its picture is translated all the same. */
static void write_sheet_or_complain(translate_job *j, const cap_translation *t, const cap_map *map,
                                    int64_t number)
{
    enum { TOLD = 3 };
    error reason = {0};
    const sheet_place place = {j->q->alignment, number, "alignment", t->best.sentence, j->q->force};
    if (sheet_write(&place, map, &reason) && j->lost++ < TOLD) fprintf(stderr, "caption: %s\n", reason.text);
}

static err_code write_pairs(const translate_job *j, const cap_map *map, error *err)
{
    text pairs = {0};
    if (!j->pairs) return ERR_OK;
    if (map) cap_map_pairs(map, &pairs);
    text_append(&pairs, "\n");
    err_code code = pairs.failed ? err_no_memory(err, "for an alignment map")
                                 : io_writer_write(j->pairs, text_string(&pairs), pairs.length, err);
    text_release(&pairs);
    return code;
}

static err_code show_maps(translate_job *j, const cap_translation *t, int64_t number, error *err)
{
    if (!t->attention) return write_pairs(j, NULL, err); /* a line of blanks */
    unsigned char *is_end = malloc(t->sources);
    if (!is_end) return err_no_memory(err, "for an alignment map");
    cap_map map = map_of(t, is_end);
    err_code code = write_pairs(j, &map, err);
    if (!code && j->q->alignment && !strcmp(j->q->alignment, "-"))
        code = sheet_print(&map, j->columns, err);
    else if (!code && j->page.path)
        page_file_add_line(&j->page, number, t->best.sentence, &map);
    else if (!code && j->q->alignment)
        write_sheet_or_complain(j, t, &map, number);
    free(is_end);
    return code;
}

static void put_alternative(io_json_build *b, json_t *o, const cap_alternative *a)
{
    io_json_put_string(b, o, "translation", a->sentence);
    io_json_put_strings(b, o, "target", a->word, a->words);
    io_json_put_floats(b, o, "probability", a->probability, a->words);
    io_json_put_number(b, o, "log_probability", a->log_probability);
    io_json_put_number(b, o, "score", a->score);
    io_json_put_number(b, o, "confidence", a->confidence);
}

static void put_attention(io_json_build *b, const cap_translation *t)
{
    if (!t->attention) {
        io_json_put_null(b, b->root, "attention");
        return;
    }
    json_t *list = io_json_put_array(b, b->root, "attention");
    size_t sources = t->sources;
    for (size_t i = 0; i < (size_t)t->best.words; i++)
        io_json_put_floats(b, list, NULL, t->attention + i * sources, sources);
}

static bool print_json(const request *q, const cap_translation *t, int64_t number)
{
    io_json_build b = io_json_build_object();
    io_json_put_int(&b, b.root, "line", number);
    io_json_put_strings(&b, b.root, "source", t->source, t->sources);
    put_alternative(&b, b.root, t->alternative);
    put_attention(&b, t);
    json_t *list = q->decoding.n_best ? io_json_put_array(&b, b.root, "n_best") : NULL;
    for (int i = 0; list && i < t->alternatives; i++)
        put_alternative(&b, io_json_put_object(&b, list, NULL), &t->alternative[i]);
    return print_json_built(stdout, &b);
}

static void print_text(const request *q, const cap_translation *t, int64_t number)
{
    if (!q->decoding.n_best) {
        print_escaped(stdout, t->best.sentence);
        putchar('\n');
        return;
    }
    for (int i = 0; i < t->alternatives; i++) {
        printf("%lld\t%d\t%.6f\t", (long long)number, i + 1, t->alternative[i].score);
        print_escaped(stdout, t->alternative[i].sentence);
        putchar('\n');
    }
}

static err_code show(translate_job *j, const cap_translation *t, int64_t number, error *err)
{
    if (!j->q->json)
        print_text(j->q, t, number);
    else if (!print_json(j->q, t, number))
        return err_no_memory(err, "while printing line %lld", (long long)number);
    return show_maps(j, t, number, err);
}

static bool print_failed(const pending_line *p)
{
    io_json_build b = io_json_build_object();
    io_json_put_int(&b, b.root, "line", p->number);
    io_json_put_string(&b, b.root, "error", p->reason.text);
    return print_json_built(stdout, &b);
}

/* A line that cannot be translated is answered all the same: with an empty line, so that lines go on pairing
 * up. */
static bool refuse(translate_job *j, const pending_line *p)
{
    bool good = write_pairs(j, NULL, NULL) != ERR_MEMORY; /* the writer remembers another failure */
    fprintf(stderr, "caption: line %lld: %s\n", (long long)p->number, p->reason.text);
    j->failed++;
    char line[32];
    snprintf(line, sizeof line, "line %lld", (long long)p->number);
    page_file_add_failed(&j->page, line, &p->reason);
    if (j->q->json)
        good = print_failed(p);
    else if (j->q->decoding.n_best)
        printf("%lld\t0\t\t\n", (long long)p->number);
    else
        putchar('\n');
    return good;
}

/* ---- the lines, group by group ---- */

/* Shows what came of the waiting lines, in their order: out and reason are those of the ones that were read
 * well. */
static err_code show_group(translate_job *j, const cap_translation *out, const error *reason, error *err)
{
    err_code code = ERR_OK;
    for (int i = 0, k = 0; i < j->in.lines && !code; i++) {
        pending_line *p = &j->in.line[i];
        const cap_translation *t = p->reason.code ? NULL : &out[k];
        if (t) p->reason = reason[k++];
        if (!p->reason.code)
            code = show(j, t, p->number, err);
        else if (!refuse(j, p))
            code = err_no_memory(err, "while printing line %lld", (long long)p->number);
    }
    return code;
}

static err_code run_group(translate_job *j, error *err)
{
    cap_translation *out = calloc(LINE_GROUP, sizeof *out);
    error *reason = calloc(LINE_GROUP, sizeof *reason);
    const char *line[LINE_GROUP];
    int n = 0;
    for (int i = 0; i < j->in.lines; i++)
        if (!j->in.line[i].reason.code) line[n++] = j->in.line[i].text;
    err_code code = out && reason ? ERR_OK : err_no_memory(err, "while translating");
    if (!code) code = cap_translate(j->q->use.session, &j->q->decoding.request, line, n, out, reason, err);
    if (!code) code = show_group(j, out, reason, err);
    for (int i = 0; out && i < n; i++) cap_translation_release(&out[i]);
    free(out);
    free(reason);
    return code;
}

static err_code run_groups(translate_job *j, error *err)
{
    err_code code = ERR_OK;
    while (!code) {
        code = line_group_read(&j->in, err);
        if (!code && !j->in.lines) break;
        if (!code) code = run_group(j, err);
        line_group_clear(&j->in);
        if (!code && fflush(stdout))
            code = err_set(err, ERR_IO, "cannot write to standard output: %s", strerror(errno));
    }
    return code;
}

static err_code open_pairs(translate_job *j, error *err)
{
    const char *path = j->q->pairs;
    if (!path) return ERR_OK;
    j->pairs = io_writer_open(path, err);
    return j->pairs ? ERR_OK : err->code;
}

static err_code close_pairs(translate_job *j, err_code code, error *err)
{
    if (!code && j->pairs) return io_writer_close(&j->pairs, err);
    io_writer_abort(&j->pairs);
    return code;
}

static int translate(request *q)
{
    translate_job j = {
        .q = q, .in = {.reader = {.fd = STDIN_FILENO, .name = "standard input"}, .done = "translated"}};
    error err = {0};
    cap_info info = {0};
    j.columns = terminal_columns();
    err_code code = model_use_open(&q->use, CAP_LINES, &q->decoding.request, &err);
    if (!code) cap_get_info(q->use.model, &info);
    if (!code && (q->alignment || q->pairs) && !info.attends)
        code = err_set(&err, ERR_MISMATCH, "this model attends to nothing, so it has no alignment to show");
    if (q->alignment && page_file_is_named(q->alignment))
        j.page = (page_file){.path = q->alignment, .lines = true};
    if (!code) code = open_pairs(&j, &err);
    if (!code) code = page_file_begin(&j.page, q->use.path, &err);
    if (!code) code = run_groups(&j, &err);
    if (!code) code = page_file_end(&j.page, &err);
    page_file_release(&j.page);
    code = close_pairs(&j, code, &err);
    line_group_release(&j.in);
    model_use_close(&q->use);
    if (code) return verb_fail(&err);
    if (j.failed && j.in.reader.number > 1)
        fprintf(stderr, "caption: %lld of %lld lines could not be translated\n", (long long)j.failed,
                (long long)j.in.reader.number);
    if (j.lost > 1) fprintf(stderr, "caption: %lld pictures could not be written\n", (long long)j.lost);
    return j.failed || j.lost ? VERB_FAILED : VERB_DONE;
}

static const char about[] =
    "Translates standard input to standard output, line by line, with a model that 'caption train' made of "
    "pairs "
    "of texts. Each line of output answers one line of input, an empty one too; blanks around a line do not "
    "count. Lines are translated as they come, many together where many are waiting.\n"
    "A line that cannot be translated (not UTF-8; over 65,536 bytes; over 4,096 of the words, characters or "
    "pieces that the model reads) is named on standard error and answered with an empty line; the exit code "
    "is then 1.";

static const char examples[] =
    "caption translate --model dates.safetensors < dates.txt\n"
    "echo 'Two dogs run.' | caption translate --model ende.safetensors --alignment -\n"
    "caption translate --model ende.safetensors --json --beam 5 < test.en > test.json\n"
    "caption translate --model ende.safetensors --pairs-out test.pairs < test.en > test.de\n";

int verb_translate(int argc, char **argv)
{
    request q = {.use = model_use_defaults(), .decoding = decoding_defaults(CAP_LINES)};
    const opt options[] = {
        {"Model", .kind = OPT_GROUP},
        {"model", 'm', OPT_INPUT, "FILE", &q.use.path,
         .help = "the model; there is no built-in one for texts"},
        {"threads", 't', OPT_INT, "N", &q.use.threads, 0, 1024, "0: one per CPU"},
        PRECISION_OPTION(q.use.precision),
        DECODING_OPTIONS(q.decoding),
        {"Output", .kind = OPT_GROUP},
        {"json", 'j', OPT_FLAG, .value = &q.json,
         .help = "one JSON object a line: line, source (words as the model has them, the last one <end>), "
                 "translation, target (words), probability [words], log_probability, score, confidence, "
                 "attention "
                 "[target][source]; with --n-best all of them"},
        {"alignment", 'a', OPT_OUTPUT, "OUT", &q.alignment,
         .help =
             "paint where each word looked: source across, target down, bright is attended; OUT.png for the "
             "first line, OUT-2.png for the second and so on; OUT.html: a page of all lines, whose words "
             "show where "
             "they looked; -: print it in shades below the line"},
        {"force", 'f', OPT_FLAG, .value = &q.force,
         .help = "with --alignment: OUT-2.png and so on also replace files that caption did not make"},
        {"pairs-out", 'p', OPT_OUTPUT, "FILE", &q.pairs,
         .help =
             "write for each line the pairs i-j: target word j looked at source word i most, both from 0"},
        {0},
    };
    const opt_command command = {
        .verb = "translate", .about = about, .options = options, .examples = examples};
    int verdict;
    error err = {0};
    if (!verb_begin(&command, &argc, argv, &verdict)) return verdict;
    if (!q.use.path) return verb_misuse(&command, "no model given with --model");
    if (q.json && q.alignment && !strcmp(q.alignment, "-"))
        return verb_misuse(&command, "--json and --alignment - both want standard output");
    if (decoding_apply(&q.decoding, &err)) return verb_misuse(&command, err.text);
    q.decoding.request.attention = q.json || q.alignment || q.pairs;
    return translate(&q);
}
