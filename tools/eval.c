/* caption eval: scores captions against references, as the COCO caption evaluation does. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/score.h"
#include "src/io/file.h"
#include "src/io/json.h"
#include "tools/verbs.h"

/* What the command line asks for. */
typedef struct request {
    const char *refs, *results, *training, *frequencies, *save_frequencies, *per_image;
    bool json, quiet;
} request;

/* One caption of a file goes somewhere; `where` is its place, ready for a message. */
typedef err_code (*taker)(cap_scorer *s, int64_t image, const char *caption, error *err);

static err_code take_training(cap_scorer *s, int64_t image, const char *caption, error *err)
{
    (void)image;
    return cap_scorer_add_training(s, caption, err);
}

/* ---- reading ----------------------------------------------------------------------------------------------
 */

/* {"image_id": 42, "caption": "..."}; ids beyond 2^53 are refused because other programs round them */
static err_code read_row(cap_scorer *s, const json_t *row, const char *where, taker take, error *err)
{
    const int64_t largest = (int64_t)1 << 53;
    const char *caption;
    int64_t image;
    error reason = {0};
    err_code code = io_json_int(row, "image_id", where, &image, err);
    if (!code) code = io_json_string(row, "caption", where, &caption, err);
    if (code) return code;
    if (image > largest || image < -largest)
        return err_set(err, ERR_FORMAT,
                       "%s: image_id %" PRId64 " is beyond 2^53 and not exact in every program", where,
                       image);
    code = take(s, image, caption, &reason);
    return code ? err_set(err, code, "%s: %s", where, reason.text) : ERR_OK;
}

static err_code read_rows(cap_scorer *s, const json_t *rows, const char *path, const char *member, taker take,
                          error *err)
{
    char where[320];
    for (size_t i = 0; i < json_array_size(rows); i++) {
        snprintf(where, sizeof where, "'%.256s': %s[%zu]", path, member, i);
        err_code code = read_row(s, json_array_get(rows, i), where, take, err);
        if (code) return code;
    }
    return ERR_OK;
}

/* References and training captions: {"annotations": [...]}. */
static err_code read_annotations(cap_scorer *s, const char *path, taker take, error *err)
{
    json_t *root = NULL, *rows = NULL;
    char where[280];
    snprintf(where, sizeof where, "'%.256s'", path);
    err_code code = io_json_load(path, IO_JSON_MAX, &root, err);
    if (!code) code = io_json_array(root, "annotations", where, &rows, err);
    if (!code) code = read_rows(s, rows, path, "annotations", take, err);
    json_decref(root);
    return code;
}

static err_code read_results(cap_scorer *s, const char *path, error *err)
{
    json_t *root = NULL;
    err_code code = io_json_load(path, IO_JSON_MAX, &root, err);
    if (!code && !json_is_array(root))
        code = err_set(err, ERR_FORMAT,
                       "'%s' is no list of results like [{\"image_id\": 42, \"caption\": \"...\"}]", path);
    if (!code && !json_array_size(root)) code = err_set(err, ERR_FORMAT, "'%s' holds no results", path);
    if (!code) code = read_rows(s, root, path, "", cap_scorer_add_hypothesis, err);
    json_decref(root);
    return code;
}

static err_code read_frequencies(const char *path, cap_df **df, error *err)
{
    json_t *root = NULL;
    error reason = {0};
    err_code code = io_json_load(path, IO_JSON_MAX, &root, err);
    if (code) return code;
    code = cap_df_from_json(df, root, &reason);
    if (code) err_set(err, code, "cannot read '%s': %s", path, reason.text);
    json_decref(root);
    return code;
}

/* ---- writing ----------------------------------------------------------------------------------------------
 */

static json_t *integers(const int64_t *values)
{
    return json_pack("[I,I,I,I]", (json_int_t)values[0], (json_int_t)values[1], (json_int_t)values[2],
                     (json_int_t)values[3]);
}

/* The names are coco-caption's. A CIDEr that means nothing is null, not 0. */
static json_t *metrics_json(const cap_metrics *m, bool cider_means_nothing)
{
    json_t *json = json_pack("{s:f,s:f,s:f,s:f,s:f}", "Bleu_1", m->bleu[0], "Bleu_2", m->bleu[1], "Bleu_3",
                             m->bleu[2], "Bleu_4", m->bleu[3], "ROUGE_L", m->rouge_l);
    json_object_set_new(json, "CIDEr", cider_means_nothing ? json_null() : json_real(m->cider_d));
    json_object_set_new(json, "CIDEr_plain", cider_means_nothing ? json_null() : json_real(m->cider));
    json_object_set_new(json, "testlen", json_integer(m->hypothesis_words));
    json_object_set_new(json, "reflen", json_integer(m->reference_words));
    json_object_set_new(json, "guess", integers(m->guess));
    json_object_set_new(json, "correct", integers(m->correct));
    return json;
}

static err_code write_json_file(const char *path, const json_t *json, error *err)
{
    char *text = io_json_text(json, JSON_COMPACT);
    if (!text) return err_set(err, ERR_MEMORY, "out of memory while writing '%s'", path);
    err_code code = io_write_file(path, text, strlen(text), err);
    free(text);
    return code;
}

static err_code save_frequencies(cap_scorer *s, const char *path, error *err)
{
    cap_df *df = NULL;
    err_code code = cap_scorer_count_df(s, &df, err);
    if (code) return code;
    json_t *json = cap_df_to_json(df);
    code = json ? write_json_file(path, json, err)
                : err_set(err, ERR_MEMORY, "out of memory while writing '%s'", path);
    json_decref(json);
    cap_df_free(&df);
    return code;
}

static void write_image(io_writer *w, const cap_image_scores *image, bool cider_means_nothing)
{
    json_t *line = json_pack("{s:I,s:I}", "image_id", (json_int_t)image->image, "references",
                             (json_int_t)image->references);
    json_t *metrics = metrics_json(&image->of, cider_means_nothing);
    json_object_update(line, metrics);
    char *text = io_json_text(line, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (text) {
        io_writer_write(w, text, strlen(text), NULL); /* the writer remembers a failure until it is closed */
        io_writer_write(w, "\n", 1, NULL);
    }
    free(text);
    json_decref(metrics);
    json_decref(line);
}

static err_code write_images(const char *path, const cap_scores *all, error *err)
{
    io_writer *w = io_writer_open(path, err);
    if (!w) return err->code;
    for (size_t i = 0; i < all->images; i++) write_image(w, &all->image[i], all->cider_means_nothing);
    return io_writer_close(&w, err);
}

static err_code print_json(const cap_scores *all, error *err)
{
    json_t *json = metrics_json(&all->of, all->cider_means_nothing);
    json_t *counts = json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:f}", "images", (json_int_t)all->images, "references",
        (json_int_t)all->references, "left_out", (json_int_t)all->left_out, "empty_captions",
        (json_int_t)all->empty, "empty_references", (json_int_t)all->empty_references, "distinct_captions",
        (json_int_t)all->distinct, "vocabulary", (json_int_t)all->vocabulary, "mean_words", all->mean_words);
    if (all->training_captions)
        json_object_set_new(counts, "novel_captions", json_integer((json_int_t)all->novel));
    json_object_update(json, counts);
    char *text = io_json_text(json, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    if (text) puts(text);
    free(text);
    json_decref(counts);
    json_decref(json);
    return text ? ERR_OK : err_set(err, ERR_MEMORY, "out of memory while writing the scores");
}

static double percent(size_t part, size_t all)
{
    return all ? 100.0 * (double)part / (double)all : 0;
}

static void print_cider(const char *name, double value, bool means_nothing)
{
    if (means_nothing)
        printf("%-12s       -\n", name);
    else
        printf("%-12s %7.4f\n", name, value);
}

static void print_table(const cap_scores *all)
{
    for (int n = 0; n < CAP_NGRAM_MAX; n++) printf("BLEU-%d       %7.4f\n", n + 1, all->of.bleu[n]);
    printf("ROUGE-L      %7.4f\n", all->of.rouge_l);
    print_cider("CIDEr", all->of.cider_d, all->cider_means_nothing);
    print_cider("CIDEr plain", all->of.cider, all->cider_means_nothing);
    printf("\nimages       %7zu   with %zu references\n", all->images, all->references);
    printf("words        %7.2f   per caption; %zu different ones used\n", all->mean_words, all->vocabulary);
    printf("distinct     %7zu   captions, %.1f %%\n", all->distinct, percent(all->distinct, all->images));
    if (all->training_captions)
        printf("novel        %7zu   captions, %.1f %%, that are none of %zu training captions\n", all->novel,
               percent(all->novel, all->images), all->training_captions);
}

/* What the figures do not show. */
static void say_notes(const request *q, const cap_scores *all)
{
    if (all->left_out)
        fprintf(stderr,
                "caption: %zu of %zu images with references have no caption in '%s' and are left out\n",
                all->left_out, all->left_out + all->images, q->results);
    if (all->empty)
        fprintf(stderr, "caption: %zu of %zu captions hold no word and score 0\n", all->empty, all->images);
    if (all->empty_references)
        fprintf(stderr, "caption: %zu of %zu references hold no word\n", all->empty_references,
                all->references);
    if (all->cider_means_nothing)
        fputs(
            "caption: CIDEr means nothing with one image; give document frequencies of a larger set with "
            "--df\n",
            stderr);
}

/* ---- the verb ---------------------------------------------------------------------------------------------
 */

static err_code read_all(const request *q, cap_scorer *s, cap_df **df, error *err)
{
    err_code code = read_annotations(s, q->refs, cap_scorer_add_reference, err);
    if (!code && q->save_frequencies) code = save_frequencies(s, q->save_frequencies, err);
    if (!code && q->results) code = read_results(s, q->results, err);
    if (!code && q->training) code = read_annotations(s, q->training, take_training, err);
    if (!code && q->frequencies) code = read_frequencies(q->frequencies, df, err);
    return code;
}

static err_code score_and_print(const request *q, cap_scorer *s, const cap_df *df, error *err)
{
    cap_scores all;
    err_code code = cap_scorer_run(s, df, &all, err);
    if (!code && q->per_image) code = write_images(q->per_image, &all, err);
    if (code) return code;
    if (!q->quiet) say_notes(q, &all);
    if (q->json) return print_json(&all, err);
    print_table(&all);
    return ERR_OK;
}

static int evaluate(const request *q)
{
    error err = {0};
    cap_scorer *s = NULL;
    cap_df *df = NULL;
    err_code code = cap_scorer_create(&s, &err);
    if (!code) code = read_all(q, s, &df, &err);
    if (!code && q->results) code = score_and_print(q, s, df, &err);
    cap_df_free(&df);
    cap_scorer_free(&s);
    return code ? verb_fail(&err) : VERB_DONE;
}

static int usage(const char *problem)
{
    fprintf(stderr, "caption: %s (see 'caption eval --help')\n", problem);
    return VERB_USAGE;
}

int verb_eval(int argc, char **argv)
{
    request q = {0};
    const opt options[] = {
        {"Captions", .kind = OPT_GROUP},
        {"refs", 'r', OPT_STRING, "FILE", &q.refs,
         .help = "reference captions, COCO's form: {\"annotations\": [{\"image_id\", \"caption\"}]}"},
        {"results", 'c', OPT_STRING, "FILE", &q.results,
         .help = "captions to score: [{\"image_id\", \"caption\"}], one for each image"},
        {"training", 't', OPT_STRING, "FILE", &q.training,
         .help = "captions the model was trained on, in the form of --refs: how many of the scored are new"},
        {"df", 0, OPT_STRING, "FILE", &q.frequencies,
         .help = "document frequencies for CIDEr, instead of those of the scored images' references"},
        {"Output", .kind = OPT_GROUP},
        {"json", 'j', OPT_FLAG, NULL, &q.json, .help = "scores and counters as JSON, for programs"},
        {"per-image", 0, OPT_STRING, "FILE", &q.per_image,
         .help = "also write a line of JSON for each image"},
        {"save-df", 0, OPT_STRING, "FILE", &q.save_frequencies,
         .help = "write the document frequencies of --refs, for --df"},
        {"quiet", 'q', OPT_FLAG, NULL, &q.quiet, .help = "no notes on stderr, only errors"},
        {0},
    };
    const opt_command command = {
        .verb = "eval",
        .about =
            "Scores captions against reference captions: BLEU-1 to 4, ROUGE-L and CIDEr, exactly as the COCO "
            "caption evaluation computes them (its CIDEr is CIDEr-D). Images without a result are left out "
            "and "
            "counted. A result for an unknown image, or a second one for an image, is an error.",
        .options = options,
        .examples = "caption eval --refs captions_val.json --results results.json\n",
    };
    int verdict;
    if (!verb_begin(&command, &argc, argv, &verdict)) return verdict;
    if (!q.refs) return usage("no references given with --refs");
    if (!q.results && !q.save_frequencies) return usage("no captions to score given with --results");
    return evaluate(&q);
}
