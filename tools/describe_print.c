#include "tools/describe.h"

#include "tools/print.h"

/* Adds what is known of a sentence to *o (may be NULL); false: out of memory. */
static bool add_sentence(json_t *o, const cap_alternative *a)
{
    json_t *more = json_pack("{s:o, s:o, s:f, s:f, s:f}", "caption", json_clean_string(a->sentence), "words",
                             json_words(a->word, a->probability, a->words), "log_probability",
                             a->log_probability, "score", a->score, "confidence", a->confidence);
    bool good = o && more && !json_object_update(o, more);
    json_decref(more);
    return good;
}

/* All sentences, the best first. NULL: out of memory. */
static json_t *alternatives_json(const cap_description *d)
{
    json_t *list = json_array();
    bool good = list;
    for (int i = 0; good && i < d->alternatives; i++) {
        json_t *o = json_object();
        good = add_sentence(o, &d->alternative[i]);
        good = !json_array_append_new(list, o) && good;
    }
    if (good) return list;
    json_decref(list);
    return NULL;
}

/* A row of numbers; NULL: out of memory. */
static json_t *row_json(const float *number, size_t count)
{
    json_t *row = json_array();
    bool good = row;
    for (size_t i = 0; good && i < count; i++)
        good = !json_array_append_new(row, json_real((double)number[i]));
    if (good) return row;
    json_decref(row);
    return NULL;
}

static json_t *attention_json(const cap_description *d)
{
    if (!d->attention) return json_null();
    json_t *list = json_array();
    size_t regions = (size_t)d->grid_h * (size_t)d->grid_w;
    bool good = list;
    for (size_t i = 0; good && i < (size_t)d->best.words; i++)
        good = !json_array_append_new(list, row_json(d->attention + i * regions, regions));
    if (good) return list;
    json_decref(list);
    return NULL;
}

static bool add_attention(json_t *o, const cap_description *d)
{
    return !json_object_set_new(o, "grid", json_pack("[i,i]", d->grid_h, d->grid_w)) &&
           !json_object_set_new(o, "attention", attention_json(d));
}

static bool print_json(const describe_request *q, const cap_description *d, const char *path,
                       const char *overlay)
{
    json_t *o = json_object();
    bool good = json_set_path(o, "path", path) && add_sentence(o, d->alternative);
    if (good && q->decoding.n_best) good = !json_object_set_new(o, "n_best", alternatives_json(d));
    if (good && q->attention) good = add_attention(o, d);
    if (good && overlay) good = json_set_path(o, "overlay", overlay);
    if (good) return print_json_line(q->out, o);
    json_decref(o);
    return false;
}

static void print_list(FILE *out, const cap_description *d, const char *path)
{
    for (int i = 0; i < d->alternatives; i++) {
        print_escaped(out, path);
        fprintf(out, "\t%d\t%.6f\t", i + 1, d->alternative[i].score);
        print_escaped(out, d->alternative[i].sentence);
        fputc('\n', out);
    }
}

static void print_text(const describe_request *q, const cap_description *d, const char *path)
{
    if (q->decoding.n_best) {
        print_list(q->out, d, path);
        return;
    }
    if (q->tabs) {
        print_escaped(q->out, path);
        fputc('\t', q->out);
    }
    print_escaped(q->out, d->best.sentence);
    fputc('\n', q->out);
}

bool describe_print(const describe_request *q, const cap_description *d, const char *path,
                    const char *overlay)
{
    if (q->json) return print_json(q, d, path, overlay);
    print_text(q, d, path);
    return true;
}

bool describe_print_failed(const describe_request *q, const char *path, const error *reason)
{
    if (!q->json) return true;
    json_t *o = json_object();
    if (json_set_path(o, "path", path) && !json_object_set_new(o, "error", json_clean_string(reason->text)))
        return print_json_line(q->out, o);
    json_decref(o);
    return false;
}
