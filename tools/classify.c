/* caption classify: lines in, the class of each out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captioner/caption.h"
#include "src/io/json_build.h"
#include "tools/line_group.h"
#include "tools/precision.h"
#include "tools/print.h"
#include "tools/sheets.h"
#include "tools/verbs.h"

typedef struct request {
    const char *model, *precision, *attention;
    int threads;
    bool json, force;
} request;

typedef struct classify_job {
    const request *q;
    cap_classifier *reader;
    line_group in;
    int64_t failed, lost; /* lines; pictures of them */
    int columns;          /* of the terminal; 0: not one */
} classify_job;

/* ---- output ---- */

static bool to_terminal(const request *q)
{
    return q->attention && !strcmp(q->attention, "-");
}

static void put_probabilities(const classify_job *j, io_json_build *b, const cap_verdict *v)
{
    json_t *o = io_json_put_object(b, b->root, "probabilities");
    for (int i = 0; i < cap_classifier_labels(j->reader); i++)
        io_json_put_number(b, o, cap_classifier_label(j->reader, i), (double)v->probability[i]);
}

static bool print_json(const classify_job *j, const cap_verdict *v, int64_t number)
{
    io_json_build b = io_json_build_object();
    io_json_put_int(&b, b.root, "line", number);
    io_json_put_string(&b, b.root, "label", cap_classifier_label(j->reader, v->label));
    io_json_put_number(&b, b.root, "probability", (double)v->probability[v->label]);
    put_probabilities(j, &b, v);
    io_json_put_strings(&b, b.root, "pieces", v->piece, (size_t)v->pieces);
    json_t *list = v->attention ? io_json_put_array(&b, b.root, "attention") : NULL;
    for (int h = 0; h < v->heads; h++)
        io_json_put_floats(&b, list, NULL, v->attention + (size_t)h * (size_t)v->pieces, (size_t)v->pieces);
    return print_json_built(stdout, &b);
}

/* Heads down the side, pieces across: where [CLS] looked. */
static err_code show_map(classify_job *j, const cap_verdict *v, int64_t number, error *err)
{
    enum { MOST_HEADS = 64, TOLD = 3 };
    char name[MOST_HEADS][16];
    const char *head[MOST_HEADS];
    for (int h = 0; h < v->heads; h++) {
        snprintf(name[h], sizeof name[h], "head %d", h + 1);
        head[h] = name[h];
    }
    const cap_map map = {.targets = v->heads,
                         .sources = v->pieces,
                         .target = head,
                         .source = v->piece,
                         .weight = v->attention};
    if (to_terminal(j->q)) return sheet_print(&map, j->columns, err);
    const sheet_place place = {j->q->attention, number, "attention",
                               cap_classifier_label(j->reader, v->label), j->q->force};
    error reason = {0};
    if (sheet_write(&place, &map, &reason) && j->lost++ < TOLD) fprintf(stderr, "caption: %s\n", reason.text);
    return ERR_OK;
}

static err_code show(classify_job *j, const cap_verdict *v, int64_t number, error *err)
{
    if (j->q->json && !print_json(j, v, number))
        return err_no_memory(err, "while printing line %lld", (long long)number);
    if (!j->q->json) {
        print_escaped(stdout, cap_classifier_label(j->reader, v->label));
        printf("\t%.4f\n", (double)v->probability[v->label]);
    }
    return v->attention && !(j->q->json && to_terminal(j->q)) ? show_map(j, v, number, err) : ERR_OK;
}

/* A line without a class is answered all the same, so that lines go on pairing up. */
static bool refuse(classify_job *j, const pending_line *p)
{
    fprintf(stderr, "caption: line %lld: %s\n", (long long)p->number, p->reason.text);
    j->failed++;
    if (!j->q->json) {
        putchar('\n');
        return true;
    }
    io_json_build b = io_json_build_object();
    io_json_put_int(&b, b.root, "line", p->number);
    io_json_put_string(&b, b.root, "error", p->reason.text);
    return print_json_built(stdout, &b);
}

/* ---- the lines, group by group ---- */

static err_code show_group(classify_job *j, const cap_verdict *out, const error *reason, error *err)
{
    err_code code = ERR_OK;
    for (int i = 0, k = 0; i < j->in.lines && !code; i++) {
        pending_line *p = &j->in.line[i];
        const cap_verdict *v = p->reason.code ? NULL : &out[k];
        if (v) p->reason = reason[k++];
        if (!p->reason.code)
            code = show(j, v, p->number, err);
        else if (!refuse(j, p))
            code = err_no_memory(err, "while printing line %lld", (long long)p->number);
    }
    return code;
}

static err_code run_group(classify_job *j, error *err)
{
    cap_verdict *out = calloc(LINE_GROUP, sizeof *out);
    error *reason = calloc(LINE_GROUP, sizeof *reason);
    const char *line[LINE_GROUP];
    int n = 0;
    for (int i = 0; i < j->in.lines; i++)
        if (!j->in.line[i].reason.code) line[n++] = j->in.line[i].text;
    err_code code = out && reason ? ERR_OK : err_no_memory(err, "while reading lines");
    if (!code) code = cap_classify(j->reader, line, n, j->q->attention, out, reason, err);
    if (!code) code = show_group(j, out, reason, err);
    for (int i = 0; out && i < n; i++) cap_verdict_release(&out[i]);
    free(out);
    free(reason);
    return code;
}

static err_code run_groups(classify_job *j, error *err)
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

static int classify(const request *q)
{
    classify_job j = {.q = q,
                      .in = {.reader = {.fd = STDIN_FILENO, .name = "standard input"}, .done = "read"}};
    error err = {0};
    j.columns = terminal_columns();
    err_code code = cap_classifier_open(q->model, precision_find(q->precision), q->threads, &j.reader, &err);
    if (!code) code = run_groups(&j, &err);
    int64_t lines = j.in.reader.number;
    line_group_release(&j.in);
    cap_classifier_close(&j.reader);
    if (code) return verb_fail(&err);
    if (j.failed && lines > 1)
        fprintf(stderr, "caption: %lld of %lld lines could not be read\n", (long long)j.failed,
                (long long)lines);
    if (j.lost > 1) fprintf(stderr, "caption: %lld pictures could not be written\n", (long long)j.lost);
    return j.failed || j.lost ? VERB_FAILED : VERB_DONE;
}

static const char about[] =
    "Tells the class of each line of standard input, with a model that 'caption train --classify' made: its "
    "label, a "
    "tab, and how likely the model finds it.\n"
    "A line that cannot be read (not UTF-8; more pieces than the model has positions) is named on standard "
    "error and "
    "answered with an empty line; the exit code is then 1.";

static const char examples[] =
    "caption classify --model sentiment.safetensors < reviews.txt\n"
    "echo 'A funny film.' | caption classify --model sentiment.safetensors --attention -\n"
    "caption classify --model sentiment.safetensors --json < reviews.txt > reviews.json\n";

int verb_classify(int argc, char **argv)
{
    request q = {.precision = PRECISION_DEFAULT};
    const opt options[] = {
        {"Model", .kind = OPT_GROUP},
        {"model", 'm', OPT_INPUT, "FILE", &q.model,
         .help = "the model; there is no built-in one for classes"},
        {"threads", 't', OPT_INT, "N", &q.threads, 0, 1024, "0: one per CPU"},
        PRECISION_OPTION(q.precision),
        {"Output", .kind = OPT_GROUP},
        {"json", 'j', OPT_FLAG, .value = &q.json,
         .help = "one JSON object a line: line, label, probability, probabilities (of all labels), pieces "
                 "(what was "
                 "read), and with --attention - attention [head][piece]"},
        {"attention", 'a', OPT_OUTPUT, "OUT.png", &q.attention,
         .help = "paint which pieces each head of the last layer looked at from [CLS], whose state tells the "
                 "class: "
                 "pieces across, heads down; OUT.png for the first line, OUT-2.png for the second and so on; "
                 "-: print "
                 "it in shades below the line"},
        {"force", 'f', OPT_FLAG, .value = &q.force,
         .help = "with --attention: OUT-2.png and so on also replace files that caption did not make"},
        {0},
    };
    const opt_command command = {
        .verb = "classify", .about = about, .options = options, .examples = examples};
    int verdict;
    if (!verb_begin(&command, &argc, argv, &verdict)) return verdict;
    if (q.model) return classify(&q);
    fprintf(stderr, "caption: no model given with --model (see 'caption classify --help')\n");
    return VERB_USAGE;
}
