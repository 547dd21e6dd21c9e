#include "tools/train_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/net/ngram_decoder.h"
#include "captioner/net/text_encoder.h"
#include "cnn/preprocess.h"
#include "tools/field_options.h"
#include "tools/options.h"
#include "tools/verbs.h"

/* The values of an option that says something about a set of photos, in their order, up to a NULL. */
typedef const char *of_sets[CAP_MOST_SETS + 1];

/* What can be chosen, in the words of the command line; NULL: what suits the rest. */
typedef struct choices {
    of_sets captions, images, times, styles, val, val_images;
    field_options decoder, encoder, learning, concepts, run, judging;
    char decoders[120]; /* "lstm|transformer" */
    const char *decoder_name;
    bool reverse;                                          /* of texts */
    const char *best_by, *dtype;                           /* of both */
    const char *format, *level, *target_level, *direction; /* of texts */
    double seed;
    bool no_augment, self_critical; /* of photos */
    const char *namers;             /* "objects,words" */
    const char *model;              /* of a corpus: "ngram:5" */
    const char *lines;              /* named here for the help alone: train_reader.h has its own table */
} choices;

/* Options that mean something for one kind alone. */
static const char *const of_photos[] = {"captions",
                                        "images",
                                        "times",
                                        "style",
                                        "val",
                                        "val-images",
                                        "cache",
                                        "max-missing",
                                        "size",
                                        "tune-encoder",
                                        "encoder-weights",
                                        "per-image",
                                        "crop",
                                        "encoder-factor",
                                        "self-critical",
                                        "samples",
                                        "sample-words",
                                        "naming",
                                        "cross-entropy",
                                        "guide",
                                        "no-augment",
                                        "photo-memory",
                                        "split",
                                        "val-split",
                                        "namers",
                                        "detector",
                                        "captions-only",
                                        "captions-only-style",
                                        "only-groups",
                                        "only-captions",
                                        "lend-regions",
                                        "hide-regions",
                                        "hide-style",
                                        "drop-concept",
                                        "drop-namer",
                                        "drop-concepts",
                                        NULL};
static const char *const of_pairs[] = {
    "pairs",      "format",     "source",       "target",  "val-pairs",
    "val-source", "val-target", "target-level", "reverse", "encoder-direction",
    NULL};
static const char *const of_texts[] = {"val-share", "level", NULL}; /* pairs or not */
static const char *const of_corpora[] = {"text", "val-text", "model", "smoothing", NULL};

enum { MOST_OPTIONS = 320 };

/* ---- the table ---- */

static void append(opt *table, size_t *n, const opt *rows, size_t count)
{
    memcpy(table + *n, rows, count * sizeof *rows);
    *n += count;
}

/* Rows point into *s, *c and *quiet, which hold the defaults. */
static void fill_table(opt table[MOST_OPTIONS], cap_train_settings *s, choices *c, bool *quiet)
{
    const bool corpus = s->kind == CAP_NOTHING;
    const opt data[] = {
        {"Photos", .kind = OPT_GROUP},
        {"captions", .kind = OPT_INPUTS, .metavar = "FILE", .value = c->captions, .max = CAP_MOST_SETS,
         .help = "captions to learn from: JSON in the form of COCO, or Karpathy's; given again, another set "
                 "that is learnt along, and the next three speak of the set before them"},
        {"images", .kind = OPT_INPUTS, .metavar = "DIR", .value = c->images, .max = CAP_MOST_SETS,
         .help = "folder of their photos"},
        {"times", .kind = OPT_LIST, .metavar = "N", .value = c->times, .max = CAP_MOST_SETS,
         .help =
             "how often an epoch sees each of their photos; 0: never, they only tell what namers see, for "
             "--captions-only; once if absent"},
        {"style", .kind = OPT_LIST, .metavar = "NAME", .value = c->styles, .max = CAP_MOST_SETS,
         .help = "what their way of writing is called, which the model can then be asked for"},
        {"val", .kind = OPT_INPUTS, .metavar = "FILE", .value = c->val, .max = CAP_MOST_SETS,
         .help =
             "captions to validate on after every epoch; given again, a set that is scored by itself, and "
             "the mean counts; if absent, what --captions has as its val split"},
        {"val-images", .kind = OPT_INPUTS, .metavar = "DIR", .value = c->val_images, .max = CAP_MOST_SETS,
         .help = "folder of the photos of the --val before it; --images if absent"},
        {"split", .kind = OPT_STRING, .metavar = "NAMES", .value = &s->split,
         .help = "Karpathy's form: the splits to learn from; train,restval if absent"},
        {"val-split", .kind = OPT_STRING, .metavar = "NAMES", .value = &s->val_split,
         .help = "Karpathy's form: the splits to validate on, of --val or else --captions; val if absent"},
        {"cache", .kind = OPT_STRING, .metavar = "DIR", .value = &s->cache,
         .help = "folder for the features of a frozen encoder; the folder of --out if absent"},
        {"photo-memory", .kind = OPT_SIZE, .metavar = "BYTES", .value = &s->photo_memory,
         .help = "for decoded photos, which later epochs need not decode again"},
        {"max-missing", .kind = OPT_DOUBLE, .metavar = "SHARE", .value = &s->max_missing, .max = 1,
         .help = "share of photos that may be missing or damaged"},
        {"encoder", .kind = OPT_INPUT, .metavar = "NAME|FILE", .value = &s->encoder,
         .help =
             "small: our own, trained along; none: no regions, only what --namers objects names; or a file, "
             "frozen: weights of MobileNetV2 or EfficientNet-Lite2, or a captioner, whose encoder is "
             "taken; texts: lstm or transformer"},
        {"encoder-weights", .kind = OPT_INPUT, .metavar = "FILE", .value = &s->encoder_weights,
         .help = "start our own encoder from these (caption pretrain)"},
        {"tune-encoder", .kind = OPT_FLAG, .value = &s->tune_encoder,
         .help = "train an imported encoder along"},
        {"encoder-factor", .kind = OPT_DOUBLE, .metavar = "X", .value = &s->encoder_factor, .max = 100,
         .help = "the encoder's learning rate as a multiple of --rate"},
        {"size", .kind = OPT_INT, .metavar = "PIXELS", .value = &s->size, .max = CNN_MAX_SIDE,
         .help = "side of the photos; 0: what the encoder was made for"},
        {"crop", .kind = OPT_FLAG, .value = &s->crop,
         .help = "take the central square instead of stretching photos to one"},
        {"no-augment", .kind = OPT_FLAG, .value = &c->no_augment,
         .help = "no mirrored, cropped or recoloured photos"},
        {"namers", .kind = OPT_STRING, .metavar = "LIST", .value = &c->namers,
         .help =
             "what names things in the photo, which the decoder attends to beside its regions: objects (a "
             "detector), words (a head on the encoder's features that is taught here), or objects,words"},
        {"detector", .kind = OPT_INPUT, .metavar = "FILE", .value = &s->concept.detector,
         .help = "weights of YOLOX-nano, for the namer of objects"},
        {"captions-only", .kind = OPT_INPUT, .metavar = "FILE", .value = &s->concept.captions_only,
         .help = "captions without photos that are learnt along: photo's number, tab, its objects or ?, tab, "
                 "caption"},
        {"captions-only-style", .kind = OPT_STRING, .metavar = "NAME", .value = &s->concept.only_style,
         .help = "what their way of writing is called, as of --style"},
        {"Texts", .kind = OPT_GROUP},
        {"pairs", .kind = OPT_INPUT, .metavar = "FILE", .value = &s->text.pairs,
         .help = "texts and what they become, one pair a line"},
        {"format", .kind = OPT_CHOICE, .metavar = "tsv|dates", .value = &c->format,
         .help = "tsv: source, tab, target; dates: source, '_', target"},
        {"source", .kind = OPT_INPUT, .metavar = "FILE", .value = &s->text.source,
         .help = "or: texts, one a line ..."},
        {"target", .kind = OPT_INPUT, .metavar = "FILE", .value = &s->text.target,
         .help = "... and what they become, line by line"},
        {"val-pairs", .kind = OPT_INPUT, .metavar = "FILE", .value = &s->text.val_pairs,
         .help = "pairs to validate on, in the same --format"},
        {"val-source", .kind = OPT_INPUT, .metavar = "FILE", .value = &s->text.val_source,
         .help = "or: texts to validate on ..."},
        {"val-target", .kind = OPT_INPUT, .metavar = "FILE", .value = &s->text.val_target,
         .help = "... and what they become"},
        {"val-share", .kind = OPT_DOUBLE, .metavar = "SHARE",
         .value = corpus ? &s->language.val_share : &s->text.val_share, .max = 0.9,
         .help =
             "of the pairs or texts held out where no others are named to validate on; 0: none; pairs: 0.1, "
             "texts: 0.05, n-grams: 0"},
        {"level", .kind = OPT_STRING, .metavar = "word|char|bpe:N", .value = &c->level,
         .help = "what texts consist of: words, characters, or pieces of words from N merges learned by "
                 "byte-pair encoding; word, or that of --init"},
        {"target-level", .kind = OPT_STRING, .metavar = "LEVEL", .value = &c->target_level,
         .help = "of the target; --level if absent"},
        {"encoder-direction", .kind = OPT_CHOICE, .metavar = "uni|bi", .value = &c->direction,
         .help = "read the source from the left, or from both sides"},
        {"reverse", .kind = OPT_FLAG, .value = &c->reverse, .help = "read the source from its end"},
        {"Language models", .kind = OPT_GROUP},
        {"text", .kind = OPT_INPUT, .metavar = "FILE", .value = &s->language.text,
         .help = "texts to learn the language of, one a line; --level and --val-share are those of pairs"},
        {"val-text", .kind = OPT_INPUT, .metavar = "FILE", .value = &s->language.val_text,
         .help = "texts to validate on"},
        {"model", .kind = OPT_STRING, .metavar = "ngram:N|lstm|transformer", .value = &c->model,
         .help = "n-grams of N words, 1 to 6, which are counted at once (--smoothing kneser-ney|none), or a "
                 "decoder that learns; lstm if absent, or what --init is"},
        {"Lines to read", .kind = OPT_GROUP},
        {"classify", .kind = OPT_INPUT, .metavar = "FILE", .value = &c->lines,
         .help = "learn to tell classes of lines, with options of its own: 'caption train --classify FILE "
                 "--help'"},
        {"masked", .kind = OPT_INPUT, .metavar = "FILE", .value = &c->lines,
         .help = "learn to fill in words of lines: 'caption train --masked FILE --help'"},
        {"Model", .kind = OPT_GROUP},
        {"init", .kind = OPT_INPUT, .metavar = "FILE|builtin", .value = &s->init,
         .help = "start from this model, or from the one inside the program: its sizes, its weights, and its "
                 "words with those of the data"},
        {"decoder", .kind = OPT_CHOICE, .metavar = c->decoders, .value = &c->decoder_name,
         .help = "what writes the words; the options that follow are those of the one that is named"},
    };
    const opt training[] = {
        {"Training", .kind = OPT_GROUP},
        {"out", 'o', OPT_OUTPUT, "FILE", &s->run.out,
         .help = "the model; beside it FILE.state for --resume and a log of JSON lines"},
        {"self-critical", .kind = OPT_FLAG, .value = &c->self_critical,
         .help = "photos: teach the model of --init by the CIDEr-D of its own sentences; other defaults, "
                 "--rate 4e-5 and --sharpness 2.5 among them"},
    };
    const opt rest[] = {
        {"seed", .kind = OPT_DOUBLE, .metavar = "N", .value = &c->seed, .max = 9e15,
         .help = "of all random draws"},
        {"threads", .kind = OPT_INT, .metavar = "N", .value = &s->run.threads, .max = 1024,
         .help = "0: one per CPU"},
        {"resume", .kind = OPT_FLAG, .value = &s->run.resume,
         .help = "go on from FILE.state, to the same bits as without a break"},
        {"force", .kind = OPT_FLAG, .value = &s->run.force,
         .help = "begin anew in the place of an earlier run's files"},
        {"Result", .kind = OPT_GROUP},
        {"best-by", .kind = OPT_CHOICE, .metavar = "cider|bleu4|bleu|exact|loss", .value = &c->best_by,
         .help = "validation score that picks the epoch to keep; photos: cider; texts: bleu, or exact "
                 "between characters"},
        {"patience", .kind = OPT_INT, .metavar = "N", .value = &s->run.patience, .max = 100000,
         .help = "stop after N epochs without a better score; 0: never"},
    };
    const opt last[] = {
        {"store", .kind = OPT_CHOICE, .metavar = "f16|f32", .value = &c->dtype,
         .help = "type of the stored weights"},
        {"licence", .kind = OPT_STRING, .metavar = "TEXT", .value = &s->licence,
         .help = "terms to state in the model's record"},
        {"quiet", 'q', OPT_FLAG, .value = quiet, .help = "say nothing but errors"},
        {0},
    };
    _Static_assert((sizeof data + sizeof training + sizeof rest + sizeof last) / sizeof *data +
                           6 * FIELD_OPTIONS_MOST <=
                       MOST_OPTIONS,
                   "the table is too small");
    size_t n = 0;
    const io_field *of_decoder = s->decoder.row->fields;
    append(table, &n, data, sizeof data / sizeof *data);
    n += (size_t)field_options_fill(&c->decoder, of_decoder, NULL, s->decoder.settings.bytes, table + n);
    if (s->kind == CAP_TEXT)
        n += (size_t)field_options_fill(&c->encoder, s->text.encoder.row->fields, of_decoder,
                                        s->text.encoder.settings.bytes, table + n);
    append(table, &n, training, sizeof training / sizeof *training);
    n += (size_t)field_options_fill(&c->run, cap_run_fields, NULL, &s->run, table + n);
    n += (size_t)field_options_fill(&c->learning, cap_learning_fields, NULL, s, table + n);
    n += (size_t)field_options_fill(&c->concepts, cap_concept_fields, NULL, s, table + n);
    append(table, &n, rest, sizeof rest / sizeof *rest);
    n += (size_t)field_options_fill(&c->judging, cap_judging_fields, NULL, s, table + n);
    append(table, &n, last, sizeof last / sizeof *last);
}

/* ---- from words to settings ---- */

static int index_in(const char *const *names, int count, const char *name, int otherwise)
{
    for (int i = 0; name && i < count; i++)
        if (!strcmp(names[i], name)) return i;
    return otherwise;
}

static void apply_shared(const choices *c, cap_train_settings *s)
{
    field_options_apply(&c->decoder);
    field_options_apply(&c->run);
    s->best_by = (cap_best_by)index_in(cap_best_names, CAP_BESTS, c->best_by, s->best_by);
    s->dtype = !strcmp(c->dtype, "f32") ? IO_F32 : IO_F16;
    s->run.seed = (uint64_t)c->seed;
    s->augment = !c->no_augment;
}

/* Encoder and decoder are of one size. */
static err_code apply_text(const choices *c, cap_train_settings *s, error *err)
{
    const cap_encoder_row *row = s->text.encoder.row;
    void *e = s->text.encoder.settings.bytes;
    field_options_apply(&c->encoder);
    if (s->init) /* they have their sizes */
        io_fields_copy_training(row->fields, e, s->decoder.row->fields, s->decoder.settings.bytes);
    else
        io_fields_copy(row->fields, e, s->decoder.row->fields, s->decoder.settings.bytes);
    if (row == &cap_encoder_lstm) {
        cap_text_encoder_config *reader = cap_text_encoder_settings(&s->text.encoder);
        if (c->direction || !s->init) reader->bidirectional = !c->direction || !strcmp(c->direction, "bi");
        reader->reverse |= c->reverse;
    } else if (c->direction || c->reverse) {
        return err_set(err, ERR_ARGUMENT, "--%s is for an encoder that reads word by word (--encoder lstm)",
                       c->reverse ? "reverse" : "encoder-direction");
    }
    const char *source = c->level ? c->level : s->init ? NULL : "word";
    const char *target = c->target_level ? c->target_level : source;
    err_code code = source ? ds_codec_settings_parse(source, &s->text.source_level, err) : ERR_OK;
    if (!code && target) code = ds_codec_settings_parse(target, &s->text.target_level, err);
    if (!code && c->format) code = ds_pairs_format_find(c->format, &s->text.format, err);
    if (!c->best_by && s->text.target_level.level == DS_CHAR) s->best_by = CAP_BEST_EXACT;
    return code;
}

static err_code apply_language(const choices *c, cap_train_settings *s, error *err)
{
    const char *level = c->level ? c->level : s->init ? NULL : "word";
    return level ? ds_codec_settings_parse(level, &s->language.level, err) : ERR_OK;
}

/* ---- sets of photos ---- */

/* Where in the arguments a value lies. */
static int place_of(const char *value, int argc, char **argv)
{
    int i = 0;
    while (i < argc && !(value >= argv[i] && value <= argv[i] + strlen(argv[i]))) i++;
    return i;
}

/* The set that a value speaks of: the last one named before it; the first one where none is. */
static int set_of(const char *value, const of_sets captions, int argc, char **argv)
{
    int place = place_of(value, argc, argv), set = 0;
    while (captions[set] && captions[set + 1] && place_of(captions[set + 1], argc, argv) < place) set++;
    return set;
}

static err_code parse_times(const char *words, int *times, error *err)
{
    char *end;
    long n = strtol(words, &end, 10);
    if (*end || end == words || n < 0 || n > CAP_MOST_TIMES)
        return err_set(err, ERR_ARGUMENT,
                       "option '--times' takes a whole number from 0 to %d, not '%.80s' (see 'caption train "
                       "--help')",
                       CAP_MOST_TIMES, words);
    *times = n ? (int)n : CAP_ONLY_MEASURED;
    return ERR_OK;
}

static err_code gather_sets(const choices *c, int argc, char **argv, cap_train_settings *s, error *err)
{
    err_code code = ERR_OK;
    for (int i = 0; c->captions[i]; i++) s->photos[i].captions = c->captions[i];
    for (int i = 0; c->images[i]; i++)
        s->photos[set_of(c->images[i], c->captions, argc, argv)].images = c->images[i];
    for (int i = 0; c->styles[i]; i++)
        s->photos[set_of(c->styles[i], c->captions, argc, argv)].style = c->styles[i];
    for (int i = 0; !code && c->times[i]; i++)
        code = parse_times(c->times[i], &s->photos[set_of(c->times[i], c->captions, argc, argv)].times, err);
    for (int i = 0; c->val[i]; i++) s->val[i].captions = c->val[i];
    for (int i = 0; c->val_images[i]; i++)
        s->val[set_of(c->val_images[i], c->val, argc, argv)].images = c->val_images[i];
    return code;
}

/* "objects,words" */
static err_code gather_namers(const choices *c, cap_train_settings *s, error *err)
{
    for (const char *at = c->namers; at && *at;) {
        size_t length = strcspn(at, ",");
        int i = 0;
        while (i < CAP_NAMERS && (strlen(cap_namer_rows[i]->name) != length ||
                                  memcmp(cap_namer_rows[i]->name, at, length) != 0))
            i++;
        if (i == CAP_NAMERS)
            return err_set(err, ERR_ARGUMENT,
                           "'%.80s' is no namer; there are objects and words (see 'caption train --help')",
                           at);
        s->concept.namers[i] = true;
        at += length + (at[length] == ',');
    }
    return ERR_OK;
}

/* ---- what goes together ---- */

static const char *first_given(const opt_command *command, int argc, char **argv, const char *const *names)
{
    for (; *names; names++)
        if (opt_given(command, argc, argv, *names)) return *names;
    return NULL;
}

static err_code check_needed(const cap_train_settings *s, error *err)
{
    const char *missing = !s->run.out ? "out" : NULL;
    if (s->kind == CAP_IMAGE)
        missing = !s->photos[0].captions ? "captions" : !s->photos[0].images ? "images" : missing;
    if (s->kind == CAP_NOTHING) missing = !s->language.text ? "text" : missing;
    if (s->kind == CAP_TEXT && !s->text.pairs)
        missing = !s->text.source ? "source" : !s->text.target ? "target" : missing;
    if (missing) return err_set(err, ERR_ARGUMENT, "--%s is missing (see 'caption train --help')", missing);
    for (int i = 1; i < CAP_MOST_SETS && s->photos[i].captions; i++)
        if (!s->photos[i].images)
            return err_set(err, ERR_ARGUMENT,
                           "--images is missing behind --captions '%.200s' (see 'caption train --help')",
                           s->photos[i].captions);
    return ERR_OK;
}

static err_code check_score(const choices *c, cap_kind kind, error *err)
{
    if (!c->best_by || !strcmp(c->best_by, "loss")) return ERR_OK;
    bool of_text = !strcmp(c->best_by, "bleu") || !strcmp(c->best_by, "exact");
    if (kind != CAP_NOTHING && of_text == (kind == CAP_TEXT)) return ERR_OK;
    return err_set(err, ERR_ARGUMENT, "--best-by %s is a score of %s (see 'caption train --help')",
                   c->best_by, of_text ? kind == CAP_NOTHING ? "pairs of texts" : "texts" : "photos");
}

static err_code finish(const choices *c, cap_train_settings *s, error *err)
{
    err_code code = check_needed(s, err);
    if (code || (code = check_score(c, s->kind, err))) return code;
    apply_shared(c, s);
    if (s->kind == CAP_NOTHING) return apply_language(c, s, err);
    return s->kind == CAP_TEXT ? apply_text(c, s, err) : ERR_OK;
}

static void join_command(int argc, char **argv, text *out)
{
    text_append(out, "caption");
    for (int i = 0; i < argc; i++) text_printf(out, strchr(argv[i], ' ') ? " '%s'" : " %s", argv[i]);
}

/* ---- reading ---- */

/* What options are for, beside those that every training has. */
typedef struct option_group {
    const char *const *names;
    unsigned kinds;    /* bits, by cap_kind */
    const char *whose; /* what they are for */
    const char *needs; /* the data that go with them */
} option_group;

enum { OF_PHOTOS = 1 << CAP_IMAGE, OF_PAIRS = 1 << CAP_TEXT, OF_CORPORA = 1 << CAP_NOTHING };

static const option_group groups[] = {
    {of_photos, OF_PHOTOS, "photos", "--captions"},
    {of_pairs, OF_PAIRS, "texts", "--pairs, or --source and --target"},
    {of_texts, OF_PAIRS | OF_CORPORA, "texts", "--pairs, --source and --target, or --text"},
    {of_corpora, OF_CORPORA, "language models", "--text"},
};

/* Which kind is meant shows in what data is named; then what is for other kinds alone has no place. */
static err_code find_kind(const opt_command *command, int argc, char **argv, cap_kind *kind, error *err)
{
    static const char *const pairs[] = {"pairs", "source", "target", NULL}, *const corpus[] = {"text", NULL};
    const char *of_kind[CAP_KINDS] = {[CAP_TEXT] = first_given(command, argc, argv, pairs),
                                      [CAP_NOTHING] = first_given(command, argc, argv, corpus)};
    *kind = of_kind[CAP_TEXT] ? CAP_TEXT : of_kind[CAP_NOTHING] ? CAP_NOTHING : CAP_IMAGE;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        const option_group *g = &groups[i];
        const char *odd = g->kinds >> *kind & 1 ? NULL : first_given(command, argc, argv, g->names);
        if (odd && of_kind[*kind])
            return err_set(
                err, ERR_ARGUMENT,
                "--%s is for %s and cannot go with --%s, which is for %s (see 'caption train --help')", odd,
                g->whose, of_kind[*kind], *kind == CAP_TEXT ? "texts" : "language models");
        if (odd)
            return err_set(err, ERR_ARGUMENT, "--%s is for %s: it needs %s (see 'caption train --help')", odd,
                           g->whose, g->needs);
    }
    return ERR_OK;
}

/* A language model looks at nothing and is judged by its loss alone; n-grams have no steps either. */
static err_code check_language(const opt_command *command, int argc, char **argv, const cap_train_settings *s,
                               error *err)
{
    static const char *const looking[] = {"match", "fixed-gain", "attend",     "start",  "peek",
                                          "gate",  "attention",  "projection", "glance", "coverage",
                                          "focus", "guide",      "scored",     "beam",   NULL};
    static const char *const counting[] = {"text",    "val-text",  "val-share", "model", "smoothing",
                                           "level",   "min-count", "out",       "force", "seed",
                                           "licence", "quiet",     "resume",    "init"};
    bool counts = s->decoder.row == &cap_decoder_ngram;
    const char *odd = first_given(command, argc, argv, (const char *const[]){"encoder", "decoder", NULL});
    if (s->kind != CAP_NOTHING) return ERR_OK;
    if (odd)
        return err_set(
            err, ERR_ARGUMENT,
            "--%s has no place beside --text: --model says what a language model is (see 'caption train "
            "--help')",
            odd);
    odd = counts ? NULL : first_given(command, argc, argv, looking);
    for (const opt *o = command->options; counts && !odd && o->kind != OPT_END; o++) {
        bool fits = o->kind == OPT_GROUP;
        for (size_t i = 0; i < sizeof counting / sizeof *counting && !fits; i++)
            fits = !strcmp(counting[i], o->name);
        if (!fits && opt_given(command, argc, argv, o->name)) odd = o->name;
    }
    if (!odd) return ERR_OK;
    return err_set(err, ERR_ARGUMENT, "--%s means nothing to %s (see 'caption train --help')", odd,
                   counts ? "n-grams, which are counted at once"
                          : "a language model, which looks at nothing and is judged by its loss");
}

/* Options that others leave without meaning. */
static err_code check_pointless(const opt_command *command, int argc, char **argv, error *err)
{
    static const struct {
        const char *option, *beside, *why;
    } rows[] = {{"val-share", "val-pairs", "there are pairs to validate on"},
                {"val-share", "val-source", "there are texts to validate on"},
                {"format", "source", "it is for the one file of --pairs"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (opt_given(command, argc, argv, rows[i].option) && opt_given(command, argc, argv, rows[i].beside))
            return err_set(err, ERR_ARGUMENT,
                           "--%s means nothing beside --%s: %s (see 'caption train --help')", rows[i].option,
                           rows[i].beside, rows[i].why);
    static const char *const of_samples[] = {"samples", "sample-words", "naming", "cross-entropy", NULL};
    const char *odd = first_given(command, argc, argv, of_samples);
    if (odd && !opt_given(command, argc, argv, "self-critical"))
        return err_set(err, ERR_ARGUMENT, "--%s needs --self-critical (see 'caption train --help')", odd);
    return ERR_OK;
}

/* ---- which rows are meant, before the table of their options is made ---- */

static void list_decoders(char list[120])
{
    size_t at = 0;
    for (const cap_decoder_row *const *r = cap_decoder_rows; *r; r++) {
        if ((*r)->judge) continue; /* it counts, and is made of texts alone */
        int n = snprintf(list + at, 120 - at, "%s%s", at ? "|" : "", (*r)->name);
        at += (size_t)n < 120 - at ? (size_t)n : 0;
    }
}

/* The value of the last --name VALUE or --name=VALUE; NULL: there is none. */
static const char *value_of(int argc, char **argv, const char *name)
{
    const char *found = NULL;
    size_t length = strlen(name);
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
        if (strncmp(argv[i], "--", 2) != 0 || strncmp(argv[i] + 2, name, length) != 0) continue;
        const char *rest = argv[i] + 2 + length;
        if (*rest == '=') found = rest + 1;
        if (!*rest && i + 1 < argc) found = argv[i + 1];
    }
    return found;
}

static err_code no_reader(const char *name, error *err)
{
    char list[120] = "";
    size_t at = 0;
    for (const cap_encoder_row *const *r = cap_encoder_rows; *r; r++) {
        if ((*r)->reads != CAP_TEXT) continue;
        int n = snprintf(list + at, sizeof list - at, "%s%s", at ? ", " : "", (*r)->name);
        at += (size_t)n < sizeof list - at ? (size_t)n : 0;
    }
    return err_set(err, ERR_ARGUMENT,
                   "'%.40s' is no encoder of texts; there are %s (see 'caption train --help')", name, list);
}

/* "ngram:5", "lstm", "transformer": any decoder, n-grams with their order. */
static err_code choose_language(const char *model, cap_train_settings *s, error *err)
{
    char name[24] = "lstm", *end = NULL;
    const char *order = model ? strchr(model, ':') : NULL;
    size_t length = order ? (size_t)(order - model) : model ? strlen(model) : 0;
    if (model) snprintf(name, sizeof name, "%.*s", (int)(length < 20 ? length : 20), model);
    const cap_decoder_row *row = cap_decoder_find(name);
    bool counts = row == &cap_decoder_ngram;
    long n = counts && order ? strtol(order + 1, &end, 10) : 5;
    if (!row || (order && !counts))
        return err_set(err, ERR_ARGUMENT,
                       "'%.40s' is no language model; there are ngram:N, lstm and transformer (see 'caption "
                       "train --help')",
                       model);
    if (counts && ((end && (*end || end == order + 1)) || n < 1 || n > CAP_NGRAM_MOST))
        return err_set(err, ERR_ARGUMENT, "'%.40s': n-grams have 1 to %d words (see 'caption train --help')",
                       model, CAP_NGRAM_MOST);
    *s = cap_train_language_defaults(row);
    if (counts) cap_ngram_settings_of(&s->decoder)->order = (int)n;
    return ERR_OK;
}

/* A decoder that is not there is told by the parser, which knows the choices. */
static err_code choose_rows(int argc, char **argv, cap_train_settings *s, error *err)
{
    const char *decoder = value_of(argc, argv, "decoder"), *encoder = value_of(argc, argv, "encoder");
    const cap_decoder_row *row = decoder ? cap_decoder_find(decoder) : NULL;
    const cap_decoder_row *language = s->kind == CAP_NOTHING ? s->decoder.row : NULL;
    s->init = value_of(argc, argv, "init");
    if (s->init) {
        err_code code = cap_train_take_sizes(s, err);
        if (code) return code;
        if (language && value_of(argc, argv, "model") && language != s->decoder.row)
            return err_set(
                err, ERR_ARGUMENT,
                "--init '%.200s' is a language model of kind '%s', not '%s' (see 'caption train --help')",
                s->init, s->decoder.row->name, language->name);
        if (row == s->decoder.row) row = NULL;
    }
    if (row) s->decoder = cap_decoder_defaults_of(row, s->kind == CAP_TEXT);
    if (s->kind != CAP_TEXT || !encoder) return ERR_OK;
    const cap_encoder_row *reader = cap_encoder_find(CAP_TEXT, encoder);
    if (!reader) return no_reader(encoder, err);
    if (!s->init || reader != s->text.encoder.row) s->text.encoder = cap_encoder_defaults_of(reader);
    return ERR_OK;
}

bool train_options_read(int argc, char **argv, train_request *out, int *verdict)
{
    choices c = {.dtype = "f16", .seed = 1};
    *out = (train_request){.settings = cap_train_defaults()};
    opt table[MOST_OPTIONS];
    list_decoders(c.decoders);
    c.decoder_name = out->settings.decoder.row->name;
    fill_table(table, &out->settings, &c, &out->quiet);
    const opt_command command = {
        .verb = "train",
        .about =
            "Trains a captioner on photos with captions, a translator on pairs of texts, or a language model "
            "on "
            "texts. Ctrl-C saves the "
            "state; --resume goes on from it. What an earlier run left at --out is not replaced without "
            "--force.\nDefaults are those for photos; for texts they differ where it is said.",
        .options = table,
        .examples =
            "caption train --captions captions_train.json --images photos --val captions_val.json --out "
            "model.safetensors\n"
            "caption train --captions captions_train.json --images photos --encoder mobilenet_v2.safetensors "
            "--out model.safetensors\n"
            "caption train --pairs dates_train.txt --format dates --level char --out dates.safetensors\n"
            "caption train --source train.en --target train.de --val-source val.en --val-target val.de "
            "--level bpe:8000 --out ende.safetensors\n"
            "caption train --text corpus.txt --model ngram:5 --out lm.safetensors",
    };
    error err = {0};
    cap_kind kind;
    bool epochs_given = opt_given(&command, argc, argv, "epochs");
    err_code odd = find_kind(&command, argc, argv, &kind, &err);
    if (!odd) odd = check_pointless(&command, argc, argv, &err);
    if (kind == CAP_TEXT) out->settings = cap_train_text_defaults();
    if (!odd && kind == CAP_NOTHING)
        odd = choose_language(value_of(argc, argv, "model"), &out->settings, &err);
    if (!odd) odd = choose_rows(argc, argv, &out->settings, &err);
    if (!odd && opt_given(&command, argc, argv, "self-critical"))
        cap_train_make_self_critical(&out->settings);
    fill_table(table, &out->settings, &c, &out->quiet);
    if (!odd) odd = check_language(&command, argc, argv, &out->settings, &err);
    join_command(argc, argv, &out->command);
    const int arguments = argc;
    if (!verb_begin(&command, &argc, argv, verdict)) return false;
    out->settings.run.command = text_string(&out->command);
    if (out->settings.run.resume && !epochs_given) out->settings.run.epochs = 0; /* those of its run */
    if (!odd && out->command.failed) odd = err_no_memory(&err, "for the command line");
    if (!odd) odd = gather_sets(&c, arguments, argv, &out->settings, &err);
    if (!odd) odd = gather_namers(&c, &out->settings, &err);
    if (!odd && !finish(&c, &out->settings, &err)) return true;
    *verdict = verb_fail(&err);
    if (err.code != ERR_MEMORY) *verdict = VERB_USAGE;
    return false;
}

void train_options_release(train_request *r)
{
    text_release(&r->command);
}
