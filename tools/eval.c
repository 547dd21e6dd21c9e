/* caption eval: scores captions against references, as the COCO caption evaluation does, and plain lines as
 * machine translation does. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/score/logistic.h"
#include "captioner/score/model_df.h"
#include "src/io/file.h"
#include "src/io/json.h"
#include "tools/eval.h"
#include "tools/eval_results.h"
#include "tools/print.h"
#include "tools/verbs.h"

/* One caption of a file goes somewhere; `where` is its place, ready for a message. */
typedef err_code (*taker)(cap_scorer *s, int64_t image, const char *caption, error *err);

static err_code take_training(cap_scorer *s, int64_t image, const char *caption, error *err)
{
    (void)image;
    return cap_scorer_add_training(s, caption, err);
}

/* ---- reading ----------------------------------------------------------------------------------------------
 */

/* {"image_id": 42, "caption": "..."} */
static err_code read_row(cap_scorer *s, const json_t *row, const char *where, taker take, error *err)
{
    const char *caption;
    int64_t image;
    error reason = {0};
    err_code code = eval_read_id(row, where, &image, err);
    if (!code) code = io_json_string(row, "caption", where, &caption, err);
    if (code) return code;
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

/* A model's file begins with a length below 2^56, so with a 0 in its first eight bytes; JSON has none. */
static bool is_model(const char *path)
{
    char first[8] = "";
    FILE *f = fopen(path, "rb");
    bool model = f && fread(first, 1, sizeof first, f) == sizeof first && memchr(first, 0, sizeof first);
    if (f) fclose(f);
    return model;
}

static err_code read_frequencies(const char *path, cap_df **df, error *err)
{
    if (is_model(path)) return cap_model_read_df(path, df, err);
    json_t *root = NULL;
    error reason = {0};
    err_code code = io_json_load(path, IO_JSON_MAX, &root, err);
    if (code) return code;
    code = cap_df_from_json(df, root, &reason);
    if (code) err_set(err, code, "cannot read '%s': %s", path, reason.text);
    json_decref(root);
    return code;
}

static err_code write_json_file(const char *path, const json_t *json, error *err)
{
    char *written = io_json_text(json, JSON_COMPACT);
    if (!written) return err_no_memory(err, "while writing '%s'", path);
    err_code code = io_write_file(path, written, strlen(written), err);
    free(written);
    return code;
}

static err_code save_frequencies(cap_scorer *s, const char *path, error *err)
{
    cap_df *df = NULL;
    err_code code = cap_scorer_count_df(s, &df, err);
    if (code) return code;
    json_t *json = cap_df_to_json(df);
    code = json ? write_json_file(path, json, err) : err_no_memory(err, "while writing '%s'", path);
    json_decref(json);
    cap_df_free(&df);
    return code;
}

/* ---- the verb ---------------------------------------------------------------------------------------------
 */

static err_code read_all(const eval_request *q, cap_scorer *s, cap_df **df, error *err)
{
    err_code code = q->refs ? read_annotations(s, q->refs, cap_scorer_add_reference, err) : ERR_OK;
    if (!code && q->save_frequencies) code = save_frequencies(s, q->save_frequencies, err);
    if (!code && q->results) code = read_results(s, q->results, err);
    if (!code && q->training) code = read_annotations(s, q->training, take_training, err);
    if (!code && q->frequencies) code = read_frequencies(q->frequencies, df, err);
    return code;
}

/* Does the confidence tell the better captions? Without a difference there are none. */
static err_code weigh_confidence(const cap_scores *all, eval_captioned *inside, error *err)
{
    arena mem = {0};
    int n = 0;
    double *value = arena_array(&mem, all->images, sizeof *value),
           *sure = arena_array(&mem, all->images, sizeof *sure);
    bool *better = arena_array(&mem, all->images, sizeof *better);
    inside->auc = -1;
    for (size_t i = 0; value && i < all->images; i++) value[i] = all->image[i].of.cider_d;
    double median = value ? cap_median(value, (int)all->images) : 0;
    bool two_kinds = false;
    for (size_t i = 0; inside->sure && sure && better && i < all->images; i++) {
        if (inside->sure[i] < 0) continue;
        better[n] = all->image[i].of.cider_d > median;
        two_kinds = two_kinds || better[n] != better[0];
        sure[n++] = inside->sure[i];
    }
    if (two_kinds && !all->cider_means_nothing) inside->auc = cap_auc(sure, better, n);
    arena_release(&mem);
    return value && sure && better ? ERR_OK : err_no_memory(err, "for scores");
}

static err_code score_and_print(const eval_request *q, cap_scorer *s, const cap_df *df,
                                eval_captioned *inside, error *err)
{
    cap_scores all;
    err_code code = cap_scorer_run(s, df, &all, err);
    if (!code) code = weigh_confidence(&all, inside, err);
    if (!code && q->per_image) code = eval_write_images(q->per_image, &all, err);
    if (code) return code;
    if (!q->quiet) eval_say_notes(q, &all, inside);
    if (q->json) return eval_print_json(&all, inside, err);
    eval_print_table(&all, inside);
    return ERR_OK;
}

/* A single photo gets the frequencies that the model carries, unless others are given. */
static const cap_df *choose_df(const eval_request *q, const cap_df *given, const eval_captioned *c)
{
    if (given || c->scored != 1 || !c->df) return given;
    if (!q->quiet) ui_say("CIDEr is computed with the document frequencies of the model's training captions");
    return c->df;
}

static int evaluate(eval_request *q)
{
    error err = {0};
    cap_scorer *s = NULL;
    cap_df *df = NULL;
    eval_captioned c = {0};
    bool score = q->results;
    err_code code = cap_scorer_create(&s, &err);
    if (!code) code = read_all(q, s, &df, &err);
    if (!code && q->captions) {
        code = eval_caption(q, s, &c, &err);
        score = true;
    }
    if (!code && score) code = score_and_print(q, s, choose_df(q, df, &c), &c, &err);
    cap_df_free(&df);
    cap_df_free(&c.df);
    free(c.sure);
    cap_scorer_free(&s);
    if (code) return verb_fail(&err);
    return c.too_many ? VERB_FAILED : VERB_DONE;
}

static const char *find_problem_of_lines(const eval_request *q)
{
    if (!q->text_refs[0]) return "no references given with --text-refs";
    if (q->training || q->frequencies || q->save_frequencies || q->per_image)
        return "--training, --df, --save-df and --per-image are of captions, not of plain lines";
    return q->text_hyps ? NULL : "no lines to score given with --text-hyps";
}

static const char *find_problem_of_photos(const eval_request *q)
{
    if (q->save_frequencies) return "--save-df needs --refs";
    if (!q->captions) return "no references given with --captions";
    return q->images ? NULL : "no folder of photos given with --images";
}

static const char *find_problem_of_texts(const eval_request *q)
{
    if (q->pairs && (q->source || q->target)) return "--pairs and --source exclude each other";
    if (q->training || q->frequencies || q->save_frequencies || q->per_image || q->split || q->max_missing ||
        q->grounding)
        return "--training, --df, --save-df, --per-image, --split, --max-missing and --grounding are of "
               "captions, not of translations";
    if (!q->use.path) return "no model given with --model";
    if (q->pairs) return NULL;
    if (q->format) return "--format needs --pairs";
    return q->source && q->target ? NULL : "--source and --target go together";
}

static const char *find_problem_of_language(const eval_request *q, bool decodes)
{
    if (q->training || q->frequencies || q->save_frequencies || q->per_image || q->split || q->max_missing ||
        q->grounding || q->results_out || decodes)
        return "beside --text there are --model, --limit, --threads, --precision, --json and --quiet alone: "
               "nothing is "
               "said that could be scored";
    return q->use.path ? NULL : "no model given with --model";
}

/* One of the five ways to get figures, complete, and no option that would change nothing. NULL: all is
 * well. */
static const char *find_problem(const eval_request *q, bool decodes)
{
    bool photos = q->captions || q->images, lines = q->text_refs[0] || q->text_hyps;
    bool texts = q->source || q->target || q->pairs;
    if ((q->refs || q->results) + photos + lines + texts + (q->text != NULL) > 1)
        return q->text ? "--text goes without other texts and captions"
                       : "--refs, --captions, --text-refs and --source or --pairs exclude each other";
    if (q->text) return q->format ? "--format needs --pairs" : find_problem_of_language(q, decodes);
    if (texts) return find_problem_of_texts(q);
    if (q->format) return "--format needs --pairs";
    if (photos) return find_problem_of_photos(q);
    if (q->use.path || q->results_out || q->limit || q->split || q->max_missing || q->grounding || decodes)
        return "--model, --split, --limit, --max-missing, --grounding, --results-out and the options of "
               "decoding need --captions";
    if (lines) return find_problem_of_lines(q);
    if (!q->refs) return "no references given with --refs";
    return q->results || q->save_frequencies ? NULL : "no captions to score given with --results";
}

/* --text-refs a b c: the other files are operands. */
static bool add_text_refs(eval_request *q, char **operands, int count)
{
    int n = 0;
    while (q->text_refs[n]) n++;
    if (count && (!n || n + count > EVAL_TEXT_REFS)) return false;
    for (int i = 0; i < count; i++) q->text_refs[n + i] = operands[i];
    return true;
}

/* Before the options are read: the defaults of decoding are others for texts. */
static bool asks_for_texts(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strncmp(argv[i], "--source", 8) || !strncmp(argv[i], "--pairs", 7)) return true;
    return false;
}

static const char about[] =
    "Scores captions against reference captions: BLEU-1 to 4, ROUGE-L and CIDEr, exactly as the COCO "
    "caption evaluation computes them (its CIDEr is CIDEr-D). The captions are those of a file of results, "
    "of any program, or a model says them now.\n"
    "Where images have three references or more, it is also counted how many of the objects that most of "
    "them name (of COCO's 80 kinds, by any of their names) the caption names, too.\n"
    "With a model, the attention (does it choose, does it move?) and the calibration (do words "
    "that the model is sure of occur in a reference?) are measured too.\n"
    "Images without a result are left out and counted. A result for an unknown image, or a second one for an "
    "image, is an error. A photo that cannot be read is named, left out and counted; the exit code is then "
    "1. Captions without references are no scores: the exit code is 1, too.\n"
    "Plain lines, and what a model makes of the lines of --source or --pairs, are scored as machine "
    "translation does: corpus BLEU-4 as sacreBLEU computes it (13a tokens, "
    "exponential smoothing), and the share of lines that equal a reference.\n"
    "A language model is measured on the texts of --text: the perplexity of a word (character, piece), the "
    "end of a "
    "line counting as one, with and without those that it does not know and takes for <unk>; bits a "
    "character; the "
    "share of words that it does not know.";

static const char examples[] =
    "caption eval --refs captions_val.json --results results.json\n"
    "caption eval --captions captions_val.json --images photos --results-out out.json\n"
    "caption eval --model model.safetensors --captions val.json --images photos --beam 5\n"
    "caption eval --model ende.safetensors --source val.en --target val.de\n"
    "caption eval --text-refs test.de --text-hyps out.de\n"
    "caption eval --model lm.safetensors --text held_out.txt\n";

int verb_eval(int argc, char **argv)
{
    eval_request q = {.use = model_use_defaults(),
                      .decoding = decoding_defaults(asks_for_texts(argc, argv) ? CAP_LINES : CAP_PHOTOS)};
    decoding plain;
    memcpy(&plain, &q.decoding, sizeof plain); /* padding and all, to see whether an option was given */
    const opt options[] = {
        {"Captions of any program", .kind = OPT_GROUP},
        {"refs", 'r', OPT_INPUT, "FILE", &q.refs,
         .help = "reference captions, COCO's form: {\"annotations\": [{\"image_id\", \"caption\"}]}"},
        {"results", 'c', OPT_INPUT, "FILE", &q.results,
         .help = "captions to score: [{\"image_id\", \"caption\"}], one for each image"},
        {"Captions of a model", .kind = OPT_GROUP},
        {"model", 'm', OPT_INPUT, "FILE", &q.use.path, .help = "the model; the built-in one if absent"},
        {"captions", .kind = OPT_INPUT, .metavar = "FILE", .value = &q.captions,
         .help = "photos with reference captions: JSON in the form of COCO, or Karpathy's"},
        {"images", .kind = OPT_INPUT, .metavar = "DIR", .value = &q.images, .help = "folder of the photos"},
        {"split", .kind = OPT_STRING, .metavar = "NAME", .value = &q.split,
         .help = "Karpathy's form: the part to take, like test; all if absent"},
        {"grounding", .kind = OPT_INPUT, .metavar = "FILE", .value = &q.grounding,
         .help =
             "objects of the photos with their boxes, in the form of COCO's instances: do words that name "
             "one look into its box?"},
        {"results-out", .kind = OPT_OUTPUT, .metavar = "FILE", .value = &q.results_out,
         .help =
             "write the captions, every few seconds; a FILE that is there is continued, so that a run which "
             "was stopped goes on"},
        {"limit", .kind = OPT_INT, .metavar = "N", .value = &q.limit, .max = 1 << 30,
         .help = "caption the first N photos; 0: all"},
        {"max-missing", .kind = OPT_DOUBLE, .metavar = "SHARE", .value = &q.max_missing, .max = 1,
         .help = "share of photos that may be missing or damaged; beyond it the exit code is 1"},
        {"threads", .kind = OPT_INT, .metavar = "N", .value = &q.use.threads, .max = 1024,
         .help = "0: one per CPU"},
        PRECISION_OPTION(q.use.precision),
        SEARCH_OPTIONS(q.decoding),
        CAPTION_RULES(q.decoding),
        STYLE_OPTION(q.decoding.request),
        {"Texts, by a language model (--model, --limit)", .kind = OPT_GROUP},
        {"text", .kind = OPT_INPUT, .metavar = "FILE", .value = &q.text,
         .help = "texts to predict, one a line: perplexity, bits a character, share of unknown words"},
        {"Translations of a model (--model, --limit, --results-out and the options of decoding as above)",
         .kind = OPT_GROUP},
        {"source", .kind = OPT_INPUT, .metavar = "FILE", .value = &q.source, .help = "lines to translate"},
        {"target", .kind = OPT_INPUT, .metavar = "FILE", .value = &q.target,
         .help = "what they should become, line by line"},
        {"pairs", .kind = OPT_INPUT, .metavar = "FILE", .value = &q.pairs, .help = "both in one file"},
        {"format", .kind = OPT_CHOICE, .metavar = "tsv|dates", .value = &q.format,
         .help = "of --pairs: a tab between source and target, or '_' and dates; tsv if absent"},
        {"Plain lines", .kind = OPT_GROUP},
        {"text-refs", .kind = OPT_INPUTS, .metavar = "FILE", .value = q.text_refs, .max = EVAL_TEXT_REFS,
         .help = "references, one a line; more files may follow, for more references of each line"},
        {"text-hyps", .kind = OPT_INPUT, .metavar = "FILE", .value = &q.text_hyps,
         .help = "lines to score, as many"},
        {"Scores", .kind = OPT_GROUP},
        {"training", 't', OPT_INPUT, "FILE", &q.training,
         .help = "captions the model was trained on, in the form of --refs: how many of the scored are new"},
        {"df", 0, OPT_INPUT, "FILE", &q.frequencies,
         .help = "document frequencies for CIDEr, instead of those of the scored images' references: a table "
                 "of --save-df, or a trained model"},
        {"Output", .kind = OPT_GROUP},
        {"json", 'j', OPT_FLAG, NULL, &q.json, .help = "scores and counters as JSON, for programs"},
        {"per-image", 0, OPT_OUTPUT, "FILE", &q.per_image,
         .help = "also write a line of JSON for each image"},
        {"save-df", 0, OPT_OUTPUT, "FILE", &q.save_frequencies,
         .help = "write the document frequencies of --refs, for --df"},
        {"quiet", 'q', OPT_FLAG, NULL, &q.quiet, .help = "no notes on stderr, only errors"},
        {0},
    };
    const opt_command command = {.verb = "eval",
                                 .operands = "[FILE...]",
                                 .operands_max = EVAL_TEXT_REFS,
                                 .about = about,
                                 .options = options,
                                 .examples = examples};
    int verdict;
    if (!verb_begin(&command, &argc, argv, &verdict)) return verdict;
    error err = {0};
    const char *problem = find_problem(&q, memcmp(&plain, &q.decoding, sizeof plain) != 0);
    if (!problem && decoding_apply(&q.decoding, &err)) problem = err.text;
    if (problem) return verb_misuse(&command, problem);
    if (!add_text_refs(&q, argv + 1, argc - 1))
        return verb_misuse(&command, "only --text-refs takes further files, 32 in all");
    if (q.text) return eval_language(&q);
    if (q.source || q.pairs) return eval_translate(&q);
    return q.text_hyps ? eval_text(&q) : evaluate(&q);
}
