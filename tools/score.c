/* caption score PHOTO SENTENCE: what a model thinks of a sentence. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/decoding.h"
#include "tools/model_use.h"
#include "tools/overlay_files.h"
#include "tools/photo_list.h"
#include "tools/print.h"
#include "tools/verbs.h"

typedef struct request {
    const char *overlay, *photo, *sentence;
    overlay_look look;
    model_use use;
    cap_request wanted; /* of the photo */
    bool json, quiet;
    FILE *out; /* of the table: standard error where standard output takes the overlay */
} request;

static void warn_of_unknown(const cap_judged *j)
{
    fputs("caption: not in the vocabulary of the model, and scored as <unk>:", stderr);
    for (int i = 0; i < j->description.best.words; i++) {
        if (strcmp(j->description.best.word[i], j->given[i]) == 0) continue;
        fputs(" '", stderr);
        print_escaped(stderr, j->given[i]);
        fputs("'", stderr);
    }
    fputc('\n', stderr);
}

static void put_word(io_json_build *b, json_t *list, const cap_judged *j, int i)
{
    const cap_description *d = &j->description;
    bool end = i == d->best.words;
    json_t *o = io_json_put_object(b, list, NULL);
    io_json_put_string(b, o, "word", end ? "<end>" : d->best.word[i]);
    io_json_put_number(b, o, "log_probability", j->log_probability[i]);
    io_json_put_int(b, o, "rank", j->rank[i]);
    if (!end && strcmp(d->best.word[i], j->given[i]) != 0) io_json_put_string(b, o, "given", j->given[i]);
}

static bool print_json(const request *q, const cap_judged *j)
{
    const cap_description *d = &j->description;
    io_json_build b = io_json_build_object();
    json_put_path(&b, b.root, "path", q->photo);
    io_json_put_string(&b, b.root, "caption", d->best.sentence);
    json_t *words = io_json_put_array(&b, b.root, "words");
    for (int i = 0; i <= d->best.words; i++) put_word(&b, words, j, i);
    io_json_put_number(&b, b.root, "log_probability", d->best.log_probability);
    io_json_put_number(&b, b.root, "confidence", d->best.confidence);
    io_json_put_int(&b, b.root, "unknown", j->unknown);
    if (q->overlay) json_put_path(&b, b.root, "overlay", q->overlay);
    if (d->warning) io_json_put_string(&b, b.root, "warning", d->warning);
    return print_json_built(stdout, &b);
}

/* Log-probability, rank, word: the numbers first, since words differ in width. */
static void print_table(FILE *out, const cap_judged *j)
{
    const cap_description *d = &j->description;
    fputs("   log p    rank  word\n", out);
    for (int i = 0; i <= d->best.words; i++) {
        fprintf(out, "%8.3f %7d  ", j->log_probability[i], j->rank[i]);
        print_escaped(out, i == d->best.words ? "<end>" : d->best.word[i]);
        fputc('\n', out);
    }
    fprintf(out, "%8.3f          in all; %.4f a word (geometric mean)\n", d->best.log_probability,
            d->best.confidence);
}

static err_code show(const request *q, const cap_judged *j, error *err)
{
    int warned = 0;
    if (j->description.warning) ui_warn(q->photo, j->description.warning, &warned);
    if (j->unknown && !q->quiet) warn_of_unknown(j);
    err_code code = q->overlay
                        ? overlay_write(overlay_words, &q->look, &j->description, q->photo, q->overlay, err)
                        : ERR_OK;
    if (code) return code;
    if (!q->json)
        print_table(q->out, j);
    else if (!print_json(q, j))
        return err_no_memory(err, "while printing '%.200s'", q->photo);
    return ERR_OK;
}

static err_code judge(const request *q, cap_judged *judged, error *err)
{
    uint8_t *bytes;
    size_t size;
    cap_session *s = q->use.session;
    if (strcmp(q->photo, "-") != 0) return cap_judge_file(s, &q->wanted, q->photo, q->sentence, judged, err);
    err_code code = photo_from_input(&bytes, &size, err);
    if (code) return code;
    code = cap_judge_memory(s, &q->wanted, bytes, size, "standard input", q->sentence, judged, err);
    free(bytes);
    return code;
}

static int score(request *q)
{
    cap_judged judged = {0};
    cap_info info;
    error err = {0};
    err_code code = model_use_open(&q->use, CAP_PHOTOS, &q->wanted, &err);
    if (!code) {
        cap_get_info(q->use.model, &info);
        if (q->overlay && !info.attends)
            code = err_set(&err, ERR_MISMATCH, "this model attends to nothing, so there is nothing to paint");
    }
    if (!code) code = judge(q, &judged, &err);
    if (!code) code = show(q, &judged, &err);
    cap_judged_release(&judged);
    model_use_close(&q->use);
    return code ? verb_fail(&err) : VERB_DONE;
}

int verb_score(int argc, char **argv)
{
    request q = {.use = model_use_defaults(),
                 .wanted = cap_request_defaults(CAP_PHOTOS),
                 .look = overlay_look_defaults()};
    q.wanted.max_pixels = MODEL_MAX_PIXELS;
    const opt options[] = {
        MODEL_OPTIONS(q.use, q.wanted),
        STYLE_OPTION(q.wanted),
        {"Output", .kind = OPT_GROUP},
        {"json", 'j', OPT_FLAG, .value = &q.json,
         .help = "one JSON object: words with log-probability and rank, log-probability, confidence"},
        {"overlay", 'o', OPT_OUTPUT, "OUT.png", &q.overlay,
         .help = "paint where each word looked; -: to standard output, and the table to standard error"},
        OVERLAY_LOOK_OPTIONS(q.look),
        {"quiet", 'q', OPT_FLAG, .value = &q.quiet, .help = "no warning of words the model does not know"},
        {0},
    };
    const opt_command command = {
        .verb = "score",
        .operands = "PHOTO SENTENCE",
        .operands_min = 2,
        .operands_max = 2,
        .about =
            "How likely a model finds a given sentence about a photo: the natural logarithm of the "
            "probability of each word after those before it, and its rank among all words that could "
            "stand there (1: the model's own choice), up to the end of the sentence. A PHOTO '-' comes "
            "from standard input.",
        .options = options,
        .examples =
            "caption score photo.jpg \"a dog runs\"\n"
            "caption score --overlay where.png photo.jpg \"a dog runs\"\n"};
    int verdict;
    if (!verb_begin(&command, &argc, argv, &verdict)) return verdict;
    q.photo = argv[1];
    q.sentence = argv[2];
    q.wanted.keep_photo = q.overlay;
    const char *problem = overlay_output_problem(q.overlay, q.json);
    if (!problem) problem = overlay_look_problem(&q.look, q.overlay);
    if (problem) return verb_misuse(&command, problem);
    q.out = q.overlay && !strcmp(q.overlay, "-") ? stderr : stdout;
    return score(&q);
}
