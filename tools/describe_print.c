#include "tools/describe.h"

#include "tools/print.h"

bool describe_say(const describe_request *q, const cap_alternative *a, text *out)
{
    if (q->prefix) text_append(out, q->prefix);
    text_append(out, a->sentence);
    if (q->suffix) text_append(out, q->suffix);
    return !out->failed;
}

bool describe_is_hushed(const describe_request *q, const cap_description *d)
{
    return q->hush && d->unsure;
}

/* Member `key` of an object: the sentence as it is said. */
static void put_said(io_json_build *b, json_t *o, const describe_request *q, const char *key,
                     const cap_alternative *a)
{
    text said = {0};
    bool good = describe_say(q, a, &said);
    io_json_put(b, o, key, good ? json_clean_string(text_string(&said)) : NULL);
    text_release(&said);
}

static void put_sentence(io_json_build *b, json_t *o, const describe_request *q, const cap_alternative *a)
{
    put_said(b, o, q, "caption", a);
    io_json_put(b, o, "words", json_words(a->word, a->probability, a->words));
    io_json_put_number(b, o, "log_probability", a->log_probability);
    io_json_put_number(b, o, "score", a->score);
    io_json_put_number(b, o, "confidence", a->confidence);
}

/* What a calibrated model knows of itself. */
static void put_confidence(io_json_build *b, const describe_request *q, const cap_description *d)
{
    const float *trust = d->best.trust;
    if (!trust) return;
    json_t *words = json_object_get(b->root, "words");
    for (int i = 0; i < d->best.words; i++)
        io_json_put_number(b, json_array_get(words, (size_t)i), "trust", (double)trust[i]);
    io_json_put_number(b, b->root, "confidence", d->confidence);
    io_json_put_bool(b, b->root, "unsure", d->unsure);
    if (!describe_is_hushed(q, d)) return;
    io_json_put_string(b, b->root, "caption", "");
    put_said(b, b->root, q, "guess", &d->best);
}

/* All sentences, the best first. */
static void put_alternatives(io_json_build *b, const describe_request *q, const cap_description *d)
{
    json_t *list = io_json_put_array(b, b->root, "n_best");
    for (int i = 0; i < d->alternatives; i++)
        put_sentence(b, io_json_put_object(b, list, NULL), q, &d->alternative[i]);
}

static void put_attention(io_json_build *b, const cap_description *d)
{
    json_t *grid = io_json_put_array(b, b->root, "grid");
    io_json_put_int(b, grid, NULL, d->grid_h);
    io_json_put_int(b, grid, NULL, d->grid_w);
    json_t *list = NULL;
    if (d->attention)
        list = io_json_put_array(b, b->root, "attention");
    else
        io_json_put_null(b, b->root, "attention");
    size_t regions = (size_t)d->grid_h * d->grid_w;
    for (size_t i = 0; list && i < (size_t)d->best.words; i++)
        io_json_put_floats(b, list, NULL, d->attention + i * regions, regions);
    if (!d->concept_attention) return;
    size_t concepts = (size_t)d->concepts;
    concepts_put(b, d);
    list = io_json_put_array(b, b->root, "concept_attention");
    for (size_t i = 0; i < (size_t)d->best.words; i++)
        io_json_put_floats(b, list, NULL, d->concept_attention + i * concepts, concepts);
}

io_json_build describe_build(const describe_request *q, const cap_description *d, const char *path,
                             const char *overlay)
{
    io_json_build b = io_json_build_object();
    json_put_path(&b, b.root, "path", path);
    put_sentence(&b, b.root, q, d->alternative);
    put_confidence(&b, q, d);
    if (q->decoding.n_best) put_alternatives(&b, q, d);
    chained_put_json(&q->chained, d, &b);
    if (q->decoding.request.keywords)
        io_json_put_strings(&b, b.root, "keywords", d->keyword, (size_t)d->keywords);
    if (q->attention) put_attention(&b, d);
    if (overlay) json_put_path(&b, b.root, "overlay", overlay);
    if (d->blank) io_json_put_string(&b, b.root, "blank", d->blank);
    if (d->warning) io_json_put_string(&b, b.root, "warning", d->warning);
    return b;
}

/* What is to be printed of one sentence, before anything of its line is: memory may be out. */
static bool compose(const describe_request *q, const cap_alternative *a, text *said)
{
    text_clear(said);
    return describe_say(q, a, said);
}

/* The end of a line. */
static void print_keywords(const describe_request *q, const cap_description *d)
{
    if (q->decoding.request.keywords) fputc('\t', q->out);
    for (int i = 0; i < d->keywords; i++) {
        if (i) fputs(", ", q->out);
        print_escaped(q->out, d->keyword[i]);
    }
    fputc('\n', q->out);
}

static bool print_list(const describe_request *q, const cap_description *d, const char *path)
{
    bool good = true;
    text said = {0};
    for (int i = 0; i < d->alternatives && good; i++) {
        good = compose(q, &d->alternative[i], &said);
        if (!good) break;
        print_escaped(q->out, path);
        fprintf(q->out, "\t%d\t%.6f\t", i + 1, d->alternative[i].score);
        print_escaped(q->out, text_string(&said));
        fputc('\n', q->out);
    }
    text_release(&said);
    return good;
}

static bool print_text(const describe_request *q, const cap_description *d, const char *path)
{
    if (q->decoding.n_best) return print_list(q, d, path);
    text said = {0};
    bool hushed = describe_is_hushed(q, d), good = hushed || compose(q, &d->best, &said);
    if (good && q->tabs) {
        print_escaped(q->out, path);
        fputc('\t', q->out);
    }
    if (good) print_escaped(q->out, hushed ? "(unsure)" : text_string(&said));
    if (good) print_keywords(q, d);
    text_release(&said);
    return good;
}

bool describe_print(const describe_request *q, const cap_description *d, const char *path,
                    const char *overlay)
{
    if (!q->json) return print_text(q, d, path);
    io_json_build b = describe_build(q, d, path, overlay);
    return print_json_built(q->out, &b);
}

bool describe_print_failed(const describe_request *q, const char *path, const error *reason)
{
    if (!q->json) return true;
    io_json_build b = io_json_build_object();
    json_put_path(&b, b.root, "path", path);
    io_json_put_string(&b, b.root, "error", reason->text);
    return print_json_built(q->out, &b);
}
