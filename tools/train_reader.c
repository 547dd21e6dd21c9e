#include "tools/train_reader.h"

#include <string.h>

#include "captioner/train/train_reader.h"
#include "src/base/text.h"
#include "tools/field_options.h"
#include "tools/options.h"
#include "tools/train_talk.h"
#include "tools/verbs.h"

enum { MOST_OPTIONS = 200 };

typedef struct request {
    cap_reader_settings settings;
    field_options net, pieces, run, learning;
    const char *classify, *masked, *dtype;
    double seed;
    bool quiet;
    text command; /* for the record */
} request;

/* --NAME or --NAME=... before a --. */
static bool names_option(int argc, char **argv, const char *name)
{
    size_t length = strlen(name);
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--", 2) != 0 || strncmp(argv[i] + 2, name, length) != 0) continue;
        char behind = argv[i][2 + length];
        if (!behind || behind == '=') return true;
    }
    return false;
}

bool train_reader_is_meant(int argc, char **argv)
{
    return names_option(argc, argv, "classify") || names_option(argc, argv, "masked");
}

/* ---- the table ---- */

static void append(opt *table, size_t *n, const opt *rows, size_t count)
{
    memcpy(table + *n, rows, count * sizeof *rows);
    *n += count;
}

/* Rows point into *q, which holds the defaults. */
static void fill_table(opt table[MOST_OPTIONS], request *q)
{
    cap_reader_settings *s = &q->settings;
    const opt data[] = {
        {"Lines", .kind = OPT_GROUP},
        {"classify", .kind = OPT_INPUT, .metavar = "FILE", .value = &q->classify,
         .help =
             "lines to learn classes from: text, tab, label; a first line that ends in \"label\" names the "
             "columns"},
        {"masked", .kind = OPT_INPUT, .metavar = "FILE", .value = &q->masked,
         .help = "or: lines of text, of which words are masked and to be told from the others"},
        {"val", .kind = OPT_INPUT, .metavar = "FILE", .value = &s->val,
         .help =
             "lines to validate on after every epoch, in the same form; if absent, the last epoch is kept"},
        {"Model", .kind = OPT_GROUP},
        {"init", .kind = OPT_INPUT, .metavar = "FILE", .value = &s->init,
         .help =
             "start from a model that --masked or --classify made, or from weights of BERT with the names of "
             "transformers, config.json and vocab.txt beside them: its sizes, weights and pieces"},
    };
    const opt training[] = {
        {"Training", .kind = OPT_GROUP},
        {"out", 'o', OPT_OUTPUT, "FILE", &s->run.out,
         .help = "the model; beside it FILE.state for --resume and a log of JSON lines"},
    };
    const opt rest[] = {
        {"seed", .kind = OPT_DOUBLE, .metavar = "N", .value = &q->seed, .max = 9e15,
         .help = "of all random draws"},
        {"threads", .kind = OPT_INT, .metavar = "N", .value = &s->run.threads, .max = 1024,
         .help = "0: one per CPU"},
        {"resume", .kind = OPT_FLAG, .value = &s->run.resume,
         .help = "go on from FILE.state, to the same bits as without a break"},
        {"force", .kind = OPT_FLAG, .value = &s->run.force,
         .help = "begin anew in the place of an earlier run's files"},
        {"Result", .kind = OPT_GROUP},
        {"patience", .kind = OPT_INT, .metavar = "N", .value = &s->run.patience, .max = 100000,
         .help = "stop after N epochs without a better score; 0: never"},
        {"store", .kind = OPT_CHOICE, .metavar = "f16|f32", .value = &q->dtype,
         .help = "type of the stored weights"},
        {"licence", .kind = OPT_STRING, .metavar = "TEXT", .value = &s->licence,
         .help = "terms to state in the model's record"},
        {"quiet", 'q', OPT_FLAG, .value = &q->quiet, .help = "say nothing but errors"},
        {0},
    };
    _Static_assert((sizeof data + sizeof training + sizeof rest) / sizeof *data + 4 * FIELD_OPTIONS_MOST <=
                       MOST_OPTIONS,
                   "the table is too small");
    size_t n = 0;
    append(table, &n, data, sizeof data / sizeof *data);
    n += (size_t)field_options_fill(&q->net, cap_bert_fields, NULL, &s->set, table + n);
    n += (size_t)field_options_fill(&q->pieces, cap_pieces_fields, NULL, s, table + n);
    append(table, &n, training, sizeof training / sizeof *training);
    n += (size_t)field_options_fill(&q->run, cap_run_fields, NULL, &s->run, table + n);
    n += (size_t)field_options_fill(&q->learning, s->masked ? cap_masked_fields : cap_classify_fields, NULL,
                                    s, table + n);
    append(table, &n, rest, sizeof rest / sizeof *rest);
}

static const char about[] =
    "Trains a model that reads: --classify teaches it to tell classes of lines (caption classify uses it), "
    "--masked "
    "to tell words that are masked from those around them, which is a start for --classify. Ctrl-C saves the "
    "state; "
    "--resume goes on from it. What an earlier run left at --out is not replaced without --force.\n"
    "A rate of 0 is 5e-5 where --classify starts from --init, else 5e-4.";

static const char examples[] =
    "caption train --classify train.tsv --val dev.tsv --init minilm/model.safetensors --out "
    "sentiment.safetensors\n"
    "caption train --masked corpus.txt --val held.txt --out bert.safetensors\n"
    "caption train --classify train.tsv --val dev.tsv --init bert.safetensors --out sentiment.safetensors";

/* ---- reading ---- */

static void join_command(int argc, char **argv, text *out)
{
    text_append(out, "caption");
    for (int i = 0; i < argc; i++) text_printf(out, strchr(argv[i], ' ') ? " '%s'" : " %s", argv[i]);
}

/* Sizes that --init brings along are not asked for. */
static err_code check_sizes(const opt_command *command, int argc, char **argv, error *err)
{
    static const char *const sizes[] = {"hidden",     "heads",     "layers", "feed-forward",
                                        "activation", "positions", "pieces", "cased"};
    if (!opt_given(command, argc, argv, "init")) return ERR_OK;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (opt_given(command, argc, argv, sizes[i]))
            return err_set(
                err, ERR_ARGUMENT,
                "--%s means nothing beside --init, whose model has its own (see 'caption train --classify "
                "FILE --help')",
                sizes[i]);
    return ERR_OK;
}

static err_code finish(request *q, error *err)
{
    cap_reader_settings *s = &q->settings;
    field_options_apply(&q->net);
    field_options_apply(&q->pieces);
    field_options_apply(&q->run);
    field_options_apply(&q->learning);
    s->lines = s->masked ? q->masked : q->classify;
    s->dtype = strcmp(q->dtype, "f32") ? IO_F16 : IO_F32;
    s->run.seed = (uint64_t)q->seed;
    s->run.command = text_string(&q->command);
    if (q->command.failed) return err_no_memory(err, "for the command line");
    if (q->classify && q->masked)
        return err_set(err, ERR_ARGUMENT,
                       "--classify and --masked are two trainings: one goes first, the other "
                       "starts from its model with --init");
    if (!s->run.out) return err_set(err, ERR_ARGUMENT, "no file named with --out for the model");
    return ERR_OK;
}

static int run_training(const request *q)
{
    train_talk talk;
    cap_train_events events = train_talk_begin(&talk, q->quiet);
    error err = {0};
    err_code code = cap_train_reader(&q->settings, &events, &err);
    train_talk_end(&talk);
    return code ? verb_fail(&err) : VERB_DONE;
}

static int read_and_run(request *q, int argc, char **argv)
{
    opt table[MOST_OPTIONS];
    const opt_command command = {.verb = "train", .about = about, .options = table, .examples = examples};
    error err = {0};
    int verdict;
    fill_table(table, q);
    bool epochs_given = opt_given(&command, argc, argv, "epochs");
    err_code code = check_sizes(&command, argc, argv, &err);
    join_command(argc, argv, &q->command);
    if (!verb_begin(&command, &argc, argv, &verdict)) return verdict;
    if (q->settings.run.resume && !epochs_given) q->settings.run.epochs = 0; /* those of its run */
    if (!code) code = finish(q, &err);
    if (!code) return run_training(q);
    verdict = verb_fail(&err);
    return code == ERR_MEMORY ? verdict : VERB_USAGE;
}

int train_reader(int argc, char **argv)
{
    bool masked = names_option(argc, argv, "masked");
    request q = {
        .settings = masked ? cap_masked_defaults() : cap_classify_defaults(), .dtype = "f16", .seed = 1};
    int verdict = read_and_run(&q, argc, argv);
    text_release(&q.command);
    return verdict;
}
