#include "tools/eval.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/io/file.h"
#include "src/io/json.h"
#include "src/io/json_build.h"
#include "tools/print.h"

/* ---- files and JSON ---- */

static void put_integers(io_json_build *b, json_t *o, const char *key, const int64_t *values)
{
    json_t *list = io_json_put_array(b, o, key);
    for (int i = 0; i < CAP_NGRAM_MAX; i++) io_json_put_int(b, list, NULL, values[i]);
}

/* The names are coco-caption's. A CIDEr that means nothing is null, not 0. */
static void put_metrics(io_json_build *b, json_t *o, const cap_metrics *m, bool cider_means_nothing)
{
    static const char *const bleu[CAP_NGRAM_MAX] = {"Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4"};
    for (int i = 0; i < CAP_NGRAM_MAX; i++) io_json_put_number(b, o, bleu[i], m->bleu[i]);
    io_json_put_number(b, o, "ROUGE_L", m->rouge_l);
    io_json_put_number(b, o, "CIDEr", cider_means_nothing ? (double)NAN : m->cider_d);
    io_json_put_number(b, o, "CIDEr_plain", cider_means_nothing ? (double)NAN : m->cider);
    io_json_put_int(b, o, "testlen", m->hypothesis_words);
    io_json_put_int(b, o, "reflen", m->reference_words);
    put_integers(b, o, "guess", m->guess);
    put_integers(b, o, "correct", m->correct);
}

/* False: out of memory. */
static bool write_image(io_writer *w, const cap_image_scores *image, bool cider_means_nothing)
{
    io_json_build b = io_json_build_object();
    io_json_put_int(&b, b.root, "image_id", image->image);
    io_json_put_string(&b, b.root, "caption", image->caption);
    io_json_put_int(&b, b.root, "references", (int64_t)image->references);
    put_metrics(&b, b.root, &image->of, cider_means_nothing);
    json_t *line = io_json_take(&b);
    char *made = line ? io_json_text(line, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(line);
    if (!made) return false;
    io_writer_write(w, made, strlen(made), NULL); /* the writer remembers a failure until it is closed */
    io_writer_write(w, "\n", 1, NULL);
    free(made);
    return true;
}

err_code eval_write_images(const char *path, const cap_scores *all, error *err)
{
    io_writer *w = io_writer_open(path, err);
    if (!w) return err->code;
    for (size_t i = 0; i < all->images; i++) {
        if (write_image(w, &all->image[i], all->cider_means_nothing)) continue;
        io_writer_abort(&w);
        return err_no_memory(err, "while writing '%s'", path);
    }
    return io_writer_close(&w, err);
}

static void put_attention(io_json_build *b, const cap_attention *a)
{
    json_t *o = io_json_put_object(b, b->root, "attention");
    io_json_put_int(b, o, "captions", a->captions);
    io_json_put_int(b, o, "words", a->words);
    io_json_put_number(b, o, "relative_entropy", a->entropy);
    io_json_put_number(b, o, "strongest_region", a->strongest);
    io_json_put_number(b, o, "change", a->change);
    io_json_put_bool(b, o, "flat", a->flat);
    io_json_put_bool(b, o, "frozen", a->frozen);
}

static void put_confidence(io_json_build *b, const eval_captioned *inside)
{
    json_t *o = io_json_put_object(b, b->root, "confidence");
    io_json_put_number(b, o, "auc", inside->auc);
    io_json_put_bool(b, o, "calibrated", inside->calibrated);
    if (inside->calibrated) io_json_put_int(b, o, "unsure", inside->unsure);
}

static void put_grounding(io_json_build *b, const cap_grounding *g)
{
    json_t *o = io_json_put_object(b, b->root, "grounding");
    double some = g->words ? 1 : (double)NAN; /* shares of nothing are null */
    io_json_put_int(b, o, "words", g->words);
    io_json_put_number(b, o, "inside", some * cap_grounding_inside(g));
    io_json_put_number(b, o, "chance", some * cap_grounding_chance(g));
    io_json_put_number(b, o, "centre", some * cap_grounding_centre(g));
}

/* Bins without words have no means. */
static void put_calibration(io_json_build *b, const cap_calibration *c)
{
    json_t *o = io_json_put_object(b, b->root, "calibration");
    io_json_put_int(b, o, "words", c->words);
    io_json_put_number(b, o, "expected_error", cap_calibration_error(c));
    json_t *bins = io_json_put_array(b, o, "bins");
    for (int i = 0; i < CAP_CALIBRATION_BINS; i++) {
        const struct cap_calibration_bin *bin = &c->bin[i];
        double n = bin->words ? (double)bin->words : (double)NAN;
        json_t *one = io_json_put_object(b, bins, NULL);
        io_json_put_number(b, one, "from", (double)i / CAP_CALIBRATION_BINS);
        io_json_put_number(b, one, "to", (double)(i + 1) / CAP_CALIBRATION_BINS);
        io_json_put_int(b, one, "words", bin->words);
        io_json_put_number(b, one, "confidence", bin->probability / n);
        io_json_put_number(b, one, "occurs", (double)bin->occur / n);
    }
}

static double share_of_objects(const cap_scores *all)
{
    return (double)all->objects_named / (double)all->objects;
}

static void put_objects(io_json_build *b, const cap_scores *all)
{
    json_t *o = io_json_put_object(b, b->root, "objects");
    io_json_put_int(b, o, "most_name", all->objects);
    io_json_put_number(b, o, "named", share_of_objects(all));
}

static void put_counts(io_json_build *b, const cap_scores *all)
{
    io_json_put_int(b, b->root, "images", (int64_t)all->images);
    io_json_put_int(b, b->root, "references", (int64_t)all->references);
    io_json_put_int(b, b->root, "left_out", (int64_t)all->left_out);
    io_json_put_int(b, b->root, "empty_captions", (int64_t)all->empty);
    io_json_put_int(b, b->root, "empty_references", (int64_t)all->empty_references);
    io_json_put_int(b, b->root, "distinct_captions", (int64_t)all->distinct);
    io_json_put_int(b, b->root, "vocabulary", (int64_t)all->vocabulary);
    io_json_put_number(b, b->root, "mean_words", all->mean_words);
    if (all->training_captions) io_json_put_int(b, b->root, "novel_captions", (int64_t)all->novel);
}

err_code eval_print_json(const cap_scores *all, const eval_captioned *inside, error *err)
{
    cap_attention attention = cap_attention_summary(&inside->attention);
    io_json_build b = io_json_build_object();
    put_metrics(&b, b.root, &all->of, all->cider_means_nothing);
    if (all->objects) put_objects(&b, all);
    if (attention.captions) put_attention(&b, &attention);
    if (inside->pointed) put_grounding(&b, &inside->grounding);
    if (inside->auc >= 0) put_confidence(&b, inside);
    if (inside->calibration.words) put_calibration(&b, &inside->calibration);
    put_counts(&b, all);
    json_t *json = io_json_take(&b);
    char *made = json ? io_json_text(json, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    if (made) puts(made);
    free(made);
    json_decref(json);
    return made ? ERR_OK : err_no_memory(err, "while writing the scores");
}

/* ---- for people ---- */

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

static void print_attention(const cap_attention *a)
{
    printf("attention    %7.3f   of the entropy of even weights; %.3f on what a word looks at most\n",
           a->entropy, a->strongest);
    printf("             %7.3f   of it moves from word to word\n", a->change);
}

static void print_confidence(const eval_captioned *inside)
{
    printf("confidence   %7.3f   area under the curve, for captions of a CIDEr above the median",
           inside->auc);
    if (inside->calibrated) printf("; %d unsure", inside->unsure);
    putchar('\n');
}

static void print_grounding(const cap_grounding *g)
{
    if (!g->words) {
        puts("pointing           -   no word names an object of its photo");
        return;
    }
    printf("pointing     %7.3f   of %lld words that name an object of the photo look into its box\n",
           cap_grounding_inside(g), (long long)g->words);
    printf("             %7.3f   by chance; %.3f if all looked at the centre\n", cap_grounding_chance(g),
           cap_grounding_centre(g));
}

static void print_calibration(const cap_calibration *c)
{
    printf("\ncalibration  %7.3f   expected error; words by how sure the model was of them:\n",
           cap_calibration_error(c));
    puts("  probability    words   mean    in a reference");
    for (int i = 0; i < CAP_CALIBRATION_BINS; i++) {
        const struct cap_calibration_bin *b = &c->bin[i];
        double n = (double)b->words;
        printf("  %.1f to %.1f  %8lld", (double)i / CAP_CALIBRATION_BINS,
               (double)(i + 1) / CAP_CALIBRATION_BINS, (long long)b->words);
        if (b->words)
            printf("   %.3f   %.3f\n", b->probability / n, (double)b->occur / n);
        else
            puts("       -       -");
    }
}

void eval_print_table(const cap_scores *all, const eval_captioned *inside)
{
    cap_attention attention = cap_attention_summary(&inside->attention);
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
    if (all->objects)
        printf("objects      %7.3f   of %lld that most references name are named by the caption\n",
               share_of_objects(all), (long long)all->objects);
    if (attention.captions) print_attention(&attention);
    if (inside->pointed) print_grounding(&inside->grounding);
    if (inside->auc >= 0) print_confidence(inside);
    if (inside->calibration.words) print_calibration(&inside->calibration);
}

/* What the figures do not show. */
static void warn_of_attention(const cap_attention *a)
{
    if (a->flat)
        ui_say(
            "attention is flat: its entropy is %.3f of that of even weights, so it hardly chooses "
            "among regions",
            a->entropy);
    if (a->frozen)
        ui_say(
            "attention is frozen: only %.3f of its weight moves from word to word, so all words "
            "look at the same place",
            a->change);
}

/* Scores that are 0, or missing, whatever the captions say. */
static void warn_of_nothing(const cap_scores *all)
{
    int n = CAP_NGRAM_MAX;
    while (n > 1 && !all->of.guess[n - 1]) n--;
    if (n < CAP_NGRAM_MAX)
        ui_say("BLEU-%d and above mean nothing: no caption has more than %d word%s", n + 1, n,
               n == 1 ? "" : "s");
    if (all->cider_means_nothing)
        ui_say(
            "CIDEr means nothing with one image; give document frequencies of a larger set with "
            "--df");
}

void eval_say_notes(const eval_request *q, const cap_scores *all, const eval_captioned *inside)
{
    cap_attention attention = cap_attention_summary(&inside->attention);
    warn_of_attention(&attention);
    if (inside->bare)
        ui_say(
            "%d captions of '%s' came without probabilities: they are scored, but not part of "
            "calibration and attention",
            inside->bare, q->results_out);
    if (inside->placeless)
        ui_say(
            "%d of %d photos are not in '%s', or words came without places: they are no part of the pointing "
            "game",
            inside->placeless, inside->scored, q->grounding);
    size_t images = all->left_out + all->images;
    if (all->left_out && q->captions)
        ui_say("%zu of %zu photos could not be read and are not scored", all->left_out, images);
    else if (all->left_out)
        ui_say("%zu of %zu images with references have no caption in '%s' and are left out", all->left_out,
               images, q->results);
    if (all->empty) ui_say("%zu of %zu captions hold no word and score 0", all->empty, all->images);
    if (all->empty_references)
        ui_say("%zu of %zu references hold no word", all->empty_references, all->references);
    warn_of_nothing(all);
}
