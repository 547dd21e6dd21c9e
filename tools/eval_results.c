#include "tools/eval_results.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "captioner/net/decoder_row.h"
#include "captioner/net/model.h"
#include "src/base/text.h"
#include "src/io/file.h"
#include "src/io/json.h"
#include "src/io/json_build.h"
#include "tools/print.h"

static err_code no_memory(error *err)
{
    return err_no_memory(err, "for captions");
}

/* ---- who said it ---- */

static uint64_t digest(uint64_t h, const char *s)
{
    do h = (h ^ (unsigned char)*s) * 1099511628211u; /* FNV-1a, the closing 0 included */
    while (*s++);
    return h;
}

static uint64_t digest_words(uint64_t h, const char *const *word)
{
    while (word && *word) h = digest(h, *word++);
    return digest(h, "");
}

/* Everything but what only changes the report. Words of two models that agree in all of this would differ by
 * their weights alone, and trained ones have different records. */
err_code eval_results_made_by(eval_results *r, const cap_model *m, const cap_request *o, error *err)
{
    cap_info info;
    char line[512];
    uint64_t h = 1469598103934665603u;
    cap_get_info(m, &info);
    text decoder = {0};
    io_fields_print(m->decoder.config.row->fields, m->decoder.config.settings.bytes, &decoder);
    snprintf(line, sizeof line, "%s %d %d %d %" PRId64, info.encoder, info.size, info.crop, info.vocabulary,
             info.file_bytes);
    bool whole = !decoder.failed; /* another digest would be that of another model */
    h = digest(digest(h, line), text_string(&decoder));
    text_release(&decoder);
    if (!whole) return no_memory(err);
    snprintf(line, sizeof line, "%d %d %d %.17g %.17g %d %.17g %" PRIu64 " %d %d %d %.17g %.17g %d %d",
             (int)o->strategy, o->beam, o->groups, o->diversity, o->temperature, o->top_k, o->top_p, o->seed,
             o->min_words, o->max_words, (int)o->length, o->length_alpha, o->coverage, o->no_repeat,
             o->repeat_words);
    h = digest_words(digest_words(digest(h, line), o->must), o->avoid);
    if (o->style && strcmp(o->style, "auto") != 0) h = digest(h, o->style);
    char *record = io_json_text(m->record, JSON_COMPACT | JSON_SORT_KEYS);
    if (!record) return no_memory(err);
    snprintf(r->made_by, EVAL_MADE_BY, "%016" PRIx64, digest(h, record));
    free(record);
    return ERR_OK;
}

bool eval_said_take(eval_said *said, const cap_description *d, arena *mem)
{
    size_t n = d->best.words;
    eval_said s = {.caption = arena_strdup(mem, d->best.sentence), .words = d->best.words};
    s.confidence = d->confidence;
    s.unsure = d->unsure;
    s.word = arena_array(mem, n, sizeof *s.word);
    s.probability = arena_array(mem, n, sizeof *s.probability);
    s.at = arena_array(mem, n, sizeof *s.at);
    if (!s.caption || !s.word || !s.probability || !s.at) return false;
    if (!cap_points_of(d, s.at)) s.at = NULL;
    for (size_t i = 0; i < n; i++) {
        s.probability[i] = d->best.probability[i];
        if (!(s.word[i] = arena_strdup(mem, d->best.word[i]))) return false;
    }
    if (!cap_attention_add_description(&s.attention, d)) return false;
    *said = s;
    return true;
}

/* ---- reading ---- */

typedef struct reader {
    eval_results *of;
    int *by_id; /* [data->images] images by rising id */
    arena *mem;
} reader;

static int compare_ids(const void *a, const void *b, void *images)
{
    const ds_image *list = images;
    int64_t x = list[*(const int *)a].id, y = list[*(const int *)b].id;
    return (x > y) - (x < y);
}

static int find_image(const reader *r, int64_t id)
{
    const ds_captions *data = r->of->data;
    int low = 0, high = data->images;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (data->image[r->by_id[middle]].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < data->images && data->image[r->by_id[low]].id == id ? r->by_id[low] : -1;
}

err_code eval_read_id(const json_t *row, const char *where, int64_t *image, error *err)
{
    const json_t *value = json_object_get(row, "image_id");
    err_code code = value ? io_json_id(value, image) : ERR_FORMAT;
    if (!code) return ERR_OK;
    if (code == ERR_FORMAT) return io_json_int(row, "image_id", where, image, err); /* says what it is */
    char *written = io_json_text(value, 0);
    err_set(err, ERR_FORMAT, "%.300s: image_id %.40s is beyond 2^53 and not exact in every program", where,
            written ? written : "");
    free(written);
    return ERR_FORMAT;
}

/* Where a word looked; rows of models without attention, and of other programs, do not tell it. */
static err_code read_point(const json_t *word, const char *where, cap_point *at, bool *told, error *err)
{
    json_t *list;
    err_code code = io_json_array_or(word, "at", where, &list, err);
    *told = *told && list;
    if (code || !list) return code;
    const json_t *x = json_array_get(list, 0), *y = json_array_get(list, 1);
    if (json_array_size(list) != 2 || !json_is_number(x) || !json_is_number(y))
        return err_set(err, ERR_FORMAT, "%s: 'at' is no list of two numbers", where);
    *at = (cap_point){(float)json_number_value(x), (float)json_number_value(y)};
    return ERR_OK;
}

static err_code read_words(const reader *r, const json_t *list, const char *where, eval_said *said,
                           error *err)
{
    size_t n = json_array_size(list);
    err_code code = ERR_OK;
    said->word = arena_array(r->mem, n, sizeof *said->word);
    said->probability = arena_array(r->mem, n, sizeof *said->probability);
    said->at = arena_array(r->mem, n, sizeof *said->at);
    if (!said->word || !said->probability || !said->at) return no_memory(err);
    bool told = true;
    for (size_t i = 0; !code && i < n; i++) {
        const json_t *o = json_array_get(list, i);
        const char *word;
        double probability;
        code = io_json_string(o, "word", where, &word, err);
        if (!code) code = io_json_number(o, "probability", where, &probability, err);
        if (!code) code = read_point(o, where, &said->at[i], &told, err);
        if (code) return code;
        if (!(probability >= 0 && probability <= 1))
            return err_set(err, ERR_FORMAT, "%s: a probability of %g", where, probability);
        said->probability[i] = (float)probability;
        if (!(said->word[i] = arena_strdup(r->mem, word))) return no_memory(err);
    }
    said->words = (int)n;
    if (!told) said->at = NULL;
    return ERR_OK;
}

/* The means of a caption, as sums again. */
static err_code read_attention(const json_t *o, const char *where, eval_said *said, error *err)
{
    cap_attention_stats a = {.captions = 1, .words = said->words, .changes = said->words - 1};
    err_code code = io_json_number(o, "entropy", where, &a.entropy, err);
    if (!code) code = io_json_number(o, "strongest", where, &a.strongest, err);
    if (!code) code = io_json_number(o, "change", where, &a.change, err);
    if (code || !said->words) return code;
    a.entropy *= (double)a.words;
    a.strongest *= (double)a.words;
    a.change *= (double)a.changes;
    said->attention = a;
    return ERR_OK;
}

static err_code check_maker(const reader *r, const json_t *row, const char *where, error *err)
{
    const char *made_by;
    err_code code = io_json_string_or(row, "made_by", where, r->of->made_by, &made_by, err);
    if (code || !strcmp(made_by, r->of->made_by)) return code;
    return err_set(err, ERR_MISMATCH,
                   "%s: said by another model, or with other options; give another file to --results-out",
                   where);
}

static err_code read_row(reader *r, const json_t *row, const char *where, error *err)
{
    int64_t id;
    const char *caption;
    json_t *words = NULL, *attention = NULL;
    err_code code = eval_read_id(row, where, &id, err);
    if (!code) code = io_json_string(row, "caption", where, &caption, err);
    if (!code) code = check_maker(r, row, where, err);
    if (!code) code = io_json_array_or(row, "words", where, &words, err);
    if (!code) code = io_json_object_or(row, "attention", where, &attention, err);
    if (code) return code;
    int i = find_image(r, id);
    if (i < 0)
        return err_set(err, ERR_MISMATCH,
                       "%s: image %" PRId64 " is not in '%.150s'; give another file to --results-out", where,
                       id, r->of->captions);
    eval_said *said = &r->of->said[i];
    if (said->caption) return err_set(err, ERR_FORMAT, "%s: a second caption of image %" PRId64, where, id);
    said->caption = arena_strdup(r->mem, caption);
    if (!said->caption) return no_memory(err);
    int unsure = 0;
    code = io_json_number_or(row, "confidence", where, -1, &said->confidence, err);
    if (!code) code = io_json_bool_or(row, "unsure", where, 0, &unsure, err);
    said->unsure = unsure;
    if (!code && words) code = read_words(r, words, where, said, err);
    return code || !attention ? code : read_attention(attention, where, said, err);
}

static err_code reader_open(reader *r, eval_results *of, arena *mem, error *err)
{
    int n = of->data->images;
    *r = (reader){.of = of, .mem = mem, .by_id = arena_array(mem, n, sizeof *r->by_id)};
    if (!r->by_id) return no_memory(err);
    for (int i = 0; i < n; i++) r->by_id[i] = i;
    qsort_r(r->by_id, n, sizeof *r->by_id, compare_ids, of->data->image);
    return ERR_OK;
}

err_code eval_results_read(eval_results *of, arena *mem, error *err)
{
    struct stat info;
    json_t *root = NULL;
    reader r;
    if (!of->path || stat(of->path, &info) || !S_ISREG(info.st_mode)) return ERR_OK;
    err_code code = reader_open(&r, of, mem, err);
    if (!code) code = io_json_load(of->path, IO_JSON_MAX, &root, err);
    if (!code && !json_is_array(root))
        code = err_set(err, ERR_FORMAT, "cannot continue '%s': it is no list of results", of->path);
    for (size_t i = 0; !code && i < json_array_size(root); i++) {
        char where[320];
        snprintf(where, sizeof where, "'%.256s': [%zu]", of->path, i);
        code = read_row(&r, json_array_get(root, i), where, err);
        of->rows++;
    }
    json_decref(root);
    return code;
}

/* ---- writing ---- */

/* Each of the words gets the place that it looked at. */
static void put_points(io_json_build *b, json_t *words, const eval_said *said)
{
    for (int i = 0; said->at && i < said->words; i++)
        io_json_put_floats(b, json_array_get(words, (size_t)i), "at", (float[]){said->at[i].x, said->at[i].y},
                           2);
}

static json_t *row_json(int64_t id, const char *made_by, const eval_said *said)
{
    io_json_build b = io_json_build_object();
    io_json_put_int(&b, b.root, "image_id", id);
    io_json_put_string(&b, b.root, "caption", said->caption);
    if (!said->words) return io_json_take(&b);
    io_json_put_string(&b, b.root, "made_by", made_by);
    io_json_put(&b, b.root, "words", json_words(said->word, said->probability, said->words));
    put_points(&b, json_object_get(b.root, "words"), said);
    if (said->confidence >= 0) {
        io_json_put_number(&b, b.root, "confidence", said->confidence);
        io_json_put_bool(&b, b.root, "unsure", said->unsure);
    }
    if (!said->attention.captions) return io_json_take(&b);
    cap_attention a = cap_attention_summary(&said->attention);
    json_t *o = io_json_put_object(&b, b.root, "attention");
    io_json_put_number(&b, o, "entropy", a.entropy);
    io_json_put_number(&b, o, "strongest", a.strongest);
    io_json_put_number(&b, o, "change", a.change);
    return io_json_take(&b);
}

/* Enough digits for a float to come back as it was. */
static bool write_row(io_writer *w, json_t *row, bool first)
{
    char *line = row ? io_json_text(row, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(row);
    if (!line) return false;
    io_writer_write(w, first ? "[" : ",\n", first ? 1 : 2, NULL); /* the writer remembers a failure */
    io_writer_write(w, line, strlen(line), NULL);
    free(line);
    return true;
}

err_code eval_results_write(const eval_results *r, error *err)
{
    bool first = true;
    io_writer *w = r->path ? io_writer_open(r->path, err) : NULL;
    if (!w) return r->path ? ERR_IO : ERR_OK;
    for (int i = 0; i < r->data->images; i++) {
        if (!r->said[i].caption) continue;
        if (!write_row(w, row_json(r->data->image[i].id, r->made_by, &r->said[i]), first)) {
            io_writer_abort(&w);
            return no_memory(err);
        }
        first = false;
    }
    io_writer_write(w, first ? "[]\n" : "]\n", first ? 3 : 2, NULL);
    return io_writer_close(&w, err);
}
