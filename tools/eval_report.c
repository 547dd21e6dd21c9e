#include "tools/eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/io/file.h"
#include "src/io/json.h"
#include "tools/print.h"

/* ---- files and JSON ---- */

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

static void write_image(io_writer *w, const cap_image_scores *image, bool cider_means_nothing)
{
    json_t *line = json_pack("{s:I,s:o,s:I}", "image_id", (json_int_t)image->image, "caption",
                             json_clean_string(image->caption), "references", (json_int_t)image->references);
    json_t *metrics = metrics_json(&image->of, cider_means_nothing);
    json_object_update(line, metrics);
    char *made = io_json_text(line, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (made) {
        io_writer_write(w, made, strlen(made), NULL); /* the writer remembers a failure until it is closed */
        io_writer_write(w, "\n", 1, NULL);
    }
    free(made);
    json_decref(metrics);
    json_decref(line);
}

err_code eval_write_images(const char *path, const cap_scores *all, error *err)
{
    io_writer *w = io_writer_open(path, err);
    if (!w) return err->code;
    for (size_t i = 0; i < all->images; i++) write_image(w, &all->image[i], all->cider_means_nothing);
    return io_writer_close(&w, err);
}

static json_t *attention_json(const cap_attention *a)
{
    return json_pack("{s:I,s:I,s:f,s:f,s:f,s:b,s:b}", "captions", (json_int_t)a->captions, "words",
                     (json_int_t)a->words, "relative_entropy", a->entropy, "strongest_region", a->strongest,
                     "change", a->change, "flat", a->flat, "frozen", a->frozen);
}

/* Bins without words have no means. */
static json_t *calibration_json(const cap_calibration *c)
{
    json_t *bins = json_array();
    for (int i = 0; i < CAP_CALIBRATION_BINS; i++) {
        const struct cap_calibration_bin *b = &c->bin[i];
        double n = (double)b->words;
        json_t *o = json_pack("{s:f,s:f,s:I}", "from", (double)i / CAP_CALIBRATION_BINS, "to",
                              (double)(i + 1) / CAP_CALIBRATION_BINS, "words", (json_int_t)b->words);
        json_object_set_new(o, "confidence", b->words ? json_real(b->probability / n) : json_null());
        json_object_set_new(o, "occurs", b->words ? json_real((double)b->occur / n) : json_null());
        json_array_append_new(bins, o);
    }
    return json_pack("{s:I,s:f,s:o}", "words", (json_int_t)c->words, "expected_error",
                     cap_calibration_error(c), "bins", bins);
}

err_code eval_print_json(const cap_scores *all, const eval_captioned *inside, error *err)
{
    cap_attention attention = cap_attention_summary(&inside->attention);
    json_t *json = metrics_json(&all->of, all->cider_means_nothing);
    json_t *counts = json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:f}", "images", (json_int_t)all->images, "references",
        (json_int_t)all->references, "left_out", (json_int_t)all->left_out, "empty_captions",
        (json_int_t)all->empty, "empty_references", (json_int_t)all->empty_references, "distinct_captions",
        (json_int_t)all->distinct, "vocabulary", (json_int_t)all->vocabulary, "mean_words", all->mean_words);
    if (all->training_captions)
        json_object_set_new(counts, "novel_captions", json_integer((json_int_t)all->novel));
    if (attention.captions) json_object_set_new(json, "attention", attention_json(&attention));
    if (inside->calibration.words)
        json_object_set_new(json, "calibration", calibration_json(&inside->calibration));
    json_object_update(json, counts);
    char *made = io_json_text(json, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    if (made) puts(made);
    free(made);
    json_decref(counts);
    json_decref(json);
    return made ? ERR_OK : err_set(err, ERR_MEMORY, "out of memory while writing the scores");
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
    printf("attention    %7.3f   of the entropy of even weights; %.3f on the strongest region\n", a->entropy,
           a->strongest);
    printf("             %7.3f   of it moves from word to word\n", a->change);
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
    if (attention.captions) print_attention(&attention);
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
