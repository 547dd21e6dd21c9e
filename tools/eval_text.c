/* caption eval --text-refs --text-hyps: plain lines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/score/text_score.h"
#include "src/base/text.h"
#include "src/io/file.h"
#include "src/io/json_build.h"
#include "tools/eval.h"
#include "tools/print.h"
#include "tools/verbs.h"

#define LARGEST_FILE (1 << 30)

/* The lines of a file, one after the other. */
typedef struct reader {
    const char *path;
    char *bytes, *next;
    size_t size;
} reader;

static err_code reader_open(reader *r, const char *path, error *err)
{
    uint8_t *bytes;
    err_code code = io_read_file(path, LARGEST_FILE, &bytes, &r->size, err);
    if (code) return code;
    r->path = path;
    r->bytes = r->next = (char *)bytes;
    int mark = text_byte_order_mark(r->bytes, r->size);
    if (mark < 0) return err_set(err, ERR_FORMAT, "cannot read '%s': " TEXT_IS_UTF16, path);
    r->next += mark;
    const char *zero = memchr(bytes, 0, r->size);
    if (zero) return err_set(err, ERR_FORMAT, "'%s' is no text: byte %zu is 0", path, (zero - r->bytes));
    return ERR_OK;
}

/* NULL after the last one. A newline at the end of the file begins no further line. */
static char *reader_next(reader *r)
{
    char *line = r->next, *end = r->bytes + r->size;
    if (line >= end) return NULL;
    char *stop = memchr(line, '\n', (end - line));
    r->next = stop ? stop + 1 : end;
    if (stop) *stop = 0;
    if (stop > line && stop[-1] == '\r') stop[-1] = 0;
    return line;
}

static err_code count_lines(reader *hyps, reader *refs, int count, cap_text_counts *c, error *err)
{
    for (size_t n = 1;; n++) {
        const char *line[EVAL_TEXT_REFS], *hyp = reader_next(hyps);
        error reason = {0};
        for (int i = 0; i < count; i++) {
            line[i] = reader_next(&refs[i]);
            if (!hyp != !line[i])
                return err_set(err, ERR_FORMAT, "'%.200s' ends at line %zu, but '%.200s' goes on",
                               hyp ? refs[i].path : hyps->path, n - 1, hyp ? hyps->path : refs[i].path);
        }
        if (!hyp) break;
        err_code code = cap_text_add(c, hyp, line, count, &reason);
        if (code) return err_set(err, code, "line %zu of '%.300s': %s", n, hyps->path, reason.text);
    }
    return c->lines ? ERR_OK : err_set(err, ERR_FORMAT, "'%s' holds no lines", hyps->path);
}

/* sacreBLEU's form, so that tools which collect such lines read it. */
static void write_signature(const cap_text_counts *c, char *to, size_t size)
{
    char refs[16] = "var";
    if (c->fewest_references == c->most_references) snprintf(refs, sizeof refs, "%d", c->most_references);
    snprintf(to, size, "nrefs:%s|case:mixed|eff:no|tok:13a|smooth:exp|version:caption-%s", refs,
             CAPTION_VERSION);
}

static double ratio(const cap_metrics *m)
{
    return m->reference_words ? (double)m->hypothesis_words / (double)m->reference_words : 0;
}

static void print_text(const cap_text_counts *c, const cap_text_bleu *b, const char *signature)
{
    const cap_metrics *m = &c->of;
    const double *p = b->precision;
    printf("BLEU|%s = %.2f %.1f/%.1f/%.1f/%.1f (BP = %.3f ratio = %.3f hyp_len = %lld ref_len = %lld)\n",
           signature, b->score, p[0], p[1], p[2], p[3], b->brevity, ratio(m), (long long)m->hypothesis_words,
           (long long)m->reference_words);
    printf("exact        %7zu   of %zu lines, %.2f %%\n", c->exact, c->lines,
           100.0 * (double)c->exact / (double)c->lines);
}

static bool print_json(const cap_text_counts *c, const cap_text_bleu *b, const char *signature)
{
    const cap_metrics *m = &c->of;
    io_json_build j = io_json_build_object();
    io_json_put_number(&j, j.root, "BLEU", b->score);
    io_json_put_string(&j, j.root, "signature", signature);
    json_t *list = io_json_put_array(&j, j.root, "precisions");
    for (int i = 0; i < 4; i++) io_json_put_number(&j, list, NULL, b->precision[i]);
    io_json_put_number(&j, j.root, "brevity_penalty", b->brevity);
    io_json_put_int(&j, j.root, "hyp_len", m->hypothesis_words);
    io_json_put_int(&j, j.root, "ref_len", m->reference_words);
    io_json_put_int(&j, j.root, "lines", (int64_t)c->lines);
    io_json_put_int(&j, j.root, "exact", (int64_t)c->exact);
    io_json_put_number(&j, j.root, "exact_rate", (double)c->exact / (double)c->lines);
    return print_json_line(stdout, io_json_take(&j));
}

err_code eval_text_report(const eval_request *q, const cap_text_counts *c, error *err)
{
    char signature[160];
    cap_text_bleu b = cap_text_score(c);
    write_signature(c, signature, sizeof signature);
    if (!q->json)
        print_text(c, &b, signature);
    else if (!print_json(c, &b, signature))
        return err_no_memory(err, "while printing scores");
    return ERR_OK;
}

int eval_text(const eval_request *q)
{
    reader hyps = {0}, refs[EVAL_TEXT_REFS] = {0};
    cap_text_counts counts = {0};
    error err = {0};
    int count = 0;
    err_code code = reader_open(&hyps, q->text_hyps, &err);
    for (; !code && q->text_refs[count]; count++) code = reader_open(&refs[count], q->text_refs[count], &err);
    if (!code) code = count_lines(&hyps, refs, count, &counts, &err);
    if (!code) code = eval_text_report(q, &counts, &err);
    free(hyps.bytes);
    for (int i = 0; i < count; i++) free(refs[i].bytes);
    return code ? verb_fail(&err) : VERB_DONE;
}
