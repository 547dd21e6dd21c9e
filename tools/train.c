/* caption train: photos and captions in, a model out. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/train.h"
#include "src/base/text.h"
#include "tools/progress.h"
#include "tools/verbs.h"

static volatile sig_atomic_t asked_to_stop;

static void on_signal(int number)
{
    (void)number;
    asked_to_stop = 1;
}

typedef struct shown {
    ui_progress bar;
    char label[64];
    bool drawing, quiet;
} shown;

static void say(void *ctx, const char *sentence)
{
    shown *s = ctx;
    if (s->quiet) return;
    if (s->drawing) ui_progress_clear(&s->bar);
    fprintf(stderr, "%s\n", sentence);
}

static void end_bar(shown *s)
{
    if (s->drawing) ui_progress_finish(&s->bar);
    s->drawing = false;
}

static void progress(void *ctx, const char *label, const char *unit, long done, long total, const char *note)
{
    shown *s = ctx;
    if (!s->drawing || strcmp(label, s->label)) {
        end_bar(s);
        snprintf(s->label, sizeof s->label, "%s", label);
        s->bar = (ui_progress){.label = s->label, .unit = unit, .total = total, .quiet = s->quiet};
        ui_progress_start(&s->bar);
        s->drawing = true;
    }
    ui_progress_update(&s->bar, done, note);
    if (done >= total) end_bar(s);
}

static void epoch(void *ctx, const cap_epoch *e)
{
    shown *s = ctx;
    if (s->quiet) return;
    end_bar(s);
    fprintf(stderr, "epoch %d/%d: loss %.3f, perplexity %.1f, %.0f %s/s", e->epoch, e->epochs, e->loss,
            e->perplexity, e->rate, e->unit);
    if (e->validated)
        fprintf(stderr, "; validation: loss %.3f, BLEU-4 %.1f, CIDEr %.1f%s", e->val_loss,
                100 * e->scores.of.bleu[3], 100 * e->scores.of.cider_d, e->best ? " (best so far)" : "");
    fputc('\n', stderr);
    for (int i = 0; i < e->samples; i++)
        fprintf(stderr, "  %s: %s\n", e->sample_input[i], e->sample_output[i]);
}

static bool stop(void *ctx)
{
    (void)ctx;
    return asked_to_stop;
}

/* What can be chosen, in the words of the command line. */
typedef struct choices {
    const char *match, *best_by, *precision, *dtype;
    double seed;
    bool no_augment, quiet;
} choices;

static err_code apply(const choices *c, cap_train_settings *s, error *err)
{
    for (int i = 0; i < NN_MATCH_COUNT; i++)
        if (!strcmp(c->match, nn_match_rows[i].name)) s->decoder.match = (nn_match_kind)i;
    s->best_by = !strcmp(c->best_by, "loss")    ? CAP_BEST_LOSS
                 : !strcmp(c->best_by, "bleu4") ? CAP_BEST_BLEU4
                                                : CAP_BEST_CIDER;
    s->bf16 = !strcmp(c->precision, "bf16");
    s->dtype = !strcmp(c->dtype, "f32") ? IO_F32 : IO_F16;
    s->seed = (uint64_t)c->seed;
    s->augment = !c->no_augment;
    static const struct {
        const char *name;
        size_t offset;
    } needed[] = {{"captions", offsetof(cap_train_settings, captions)},
                  {"images", offsetof(cap_train_settings, images)},
                  {"out", offsetof(cap_train_settings, out)}};
    for (int i = 0; i < 3; i++)
        if (!*(const char **)(const void *)((const char *)s + needed[i].offset))
            return err_set(err, ERR_ARGUMENT, "--%s is missing (see 'caption train --help')", needed[i].name);
    return ERR_OK;
}

static void join_command(int argc, char **argv, text *out)
{
    text_append(out, "caption");
    for (int i = 0; i < argc; i++) text_printf(out, strchr(argv[i], ' ') ? " '%s'" : " %s", argv[i]);
}

static int train(cap_train_settings *s, bool quiet)
{
    shown ui = {.quiet = quiet};
    cap_train_events events = {&ui, say, progress, epoch, stop};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    error err = {0};
    err_code code = cap_train(s, &events, &err);
    end_bar(&ui);
    return code ? verb_fail(&err) : VERB_DONE;
}

int verb_train(int argc, char **argv)
{
    cap_train_settings s = cap_train_defaults();
    choices c = {.match = "sigmoid", .best_by = "cider", .precision = "f32", .dtype = "f16", .seed = 1};
    const opt options[] = {
        {"Data", .kind = OPT_GROUP},
        {"captions", .kind = OPT_STRING, .metavar = "FILE", .value = &s.captions,
         .help = "captions to learn from: JSON in the form of COCO, or Karpathy's"},
        {"images", .kind = OPT_STRING, .metavar = "DIR", .value = &s.images,
         .help = "folder of their photos"},
        {"val", .kind = OPT_STRING, .metavar = "FILE", .value = &s.val,
         .help = "captions to validate on after every epoch"},
        {"val-images", .kind = OPT_STRING, .metavar = "DIR", .value = &s.val_images,
         .help = "folder of the validation photos; --images if absent"},
        {"out", 'o', OPT_STRING, "FILE", &s.out,
         .help = "the model; beside it FILE.state for --resume and a log of JSON lines"},
        {"cache", .kind = OPT_STRING, .metavar = "DIR", .value = &s.cache,
         .help = "folder for the features of a frozen encoder; the folder of --out if absent"},
        {"min-count", .kind = OPT_INT, .metavar = "N", .value = &s.min_count, .min = 1, .max = 1000000,
         .help = "rarer words become <unk>"},
        {"max-words", .kind = OPT_INT, .metavar = "N", .value = &s.max_words, .min = 1, .max = 1000,
         .help = "longer captions are cut"},
        {"max-missing", .kind = OPT_DOUBLE, .metavar = "SHARE", .value = &s.max_missing, .max = 1,
         .help = "share of photos that may be missing or damaged"},
        {"Encoder", .kind = OPT_GROUP},
        {"encoder", .kind = OPT_STRING, .metavar = "NAME|FILE", .value = &s.encoder,
         .help = "small: our own, trained along; or a file with MobileNetV2's weights, frozen"},
        {"encoder-weights", .kind = OPT_STRING, .metavar = "FILE", .value = &s.encoder_weights,
         .help = "start our own encoder from these (caption pretrain)"},
        {"tune-encoder", .kind = OPT_FLAG, .value = &s.tune_encoder,
         .help = "train an imported encoder along"},
        {"encoder-factor", .kind = OPT_DOUBLE, .metavar = "X", .value = &s.encoder_factor, .max = 100,
         .help = "the encoder's learning rate as a multiple of --rate"},
        {"size", .kind = OPT_INT, .metavar = "PIXELS", .value = &s.size, .max = 1024,
         .help = "side of the photos; 0: what the encoder was made for"},
        {"crop", .kind = OPT_FLAG, .value = &s.crop,
         .help = "take the central square instead of stretching photos to one"},
        {"no-augment", .kind = OPT_FLAG, .value = &c.no_augment,
         .help = "no mirrored, cropped or recoloured photos"},
        {"Decoder", .kind = OPT_GROUP},
        {"match", .kind = OPT_CHOICE, .metavar = "sigmoid|additive|dot|scaled-dot|general|none",
         .value = &c.match, .help = "how well a region fits the decoder's state"},
        {"fixed-gain", .kind = OPT_FLAG, .value = &s.decoder.fixed_gain,
         .help = "sigmoid: keep the gain at 1, the textbook form"},
        {"peek", .kind = OPT_FLAG, .value = &s.decoder.peek,
         .help = "none: show the mean region at every step"},
        {"embedding", .kind = OPT_INT, .metavar = "N", .value = &s.decoder.embedding, .min = 1, .max = 16384,
         .help = "numbers per word"},
        {"hidden", .kind = OPT_INT, .metavar = "N", .value = &s.decoder.hidden, .min = 1, .max = 16384,
         .help = "numbers in the LSTM's state"},
        {"attention", .kind = OPT_INT, .metavar = "N", .value = &s.decoder.attention, .min = 1, .max = 16384,
         .help = "width of the matching network"},
        {"projection", .kind = OPT_INT, .metavar = "N", .value = &s.decoder.projection, .min = 1,
         .max = 16384, .help = "numbers per region after projection"},
        {"dropout", .kind = OPT_DOUBLE, .metavar = "P", .value = &s.decoder.dropout, .max = 0.95,
         .help = "of regions, words and output while training"},
        {"Training", .kind = OPT_GROUP},
        {"epochs", .kind = OPT_INT, .metavar = "N", .value = &s.epochs, .min = 1, .max = 100000,
         .help = "times through all captions"},
        {"batch", .kind = OPT_INT, .metavar = "N", .value = &s.batch, .min = 1, .max = 65536,
         .help = "captions per step"},
        {"per-image", .kind = OPT_INT, .metavar = "N", .value = &s.per_image, .max = 64,
         .help = "captions of one photo side by side; 0: 5 if the encoder trains"},
        {"rate", .kind = OPT_DOUBLE, .metavar = "X", .value = &s.rate, .min = 1e-9, .max = 10,
         .help = "peak learning rate of AdamW"},
        {"warmup", .kind = OPT_DOUBLE, .metavar = "SHARE", .value = &s.warmup, .max = 1,
         .help = "share of all steps until the peak; then a cosine down"},
        {"weight-decay", .kind = OPT_DOUBLE, .metavar = "X", .value = &s.decay, .max = 10,
         .help = "pull of the weights to zero"},
        {"clip", .kind = OPT_DOUBLE, .metavar = "X", .value = &s.clip, .max = 1e9,
         .help = "most the gradient may measure; 0: any"},
        {"label-smoothing", .kind = OPT_DOUBLE, .metavar = "X", .value = &s.loss.smoothing, .max = 0.9,
         .help = "share of the target spread over all words"},
        {"coverage", .kind = OPT_DOUBLE, .metavar = "X", .value = &s.loss.coverage, .max = 100,
         .help = "weight of the doubly stochastic regulariser"},
        {"focus", .kind = OPT_DOUBLE, .metavar = "SHARE", .value = &s.loss.focus, .max = 1,
         .help = "most entropy the attention may keep, as a share of an even one's; 0: any"},
        {"scheduled-sampling", .kind = OPT_DOUBLE, .metavar = "P", .value = &s.loss.sampling, .max = 1,
         .help = "chance that a previous word is the model's own"},
        {"seed", .kind = OPT_DOUBLE, .metavar = "N", .value = &c.seed, .max = 9e15,
         .help = "of all random draws"},
        {"threads", .kind = OPT_INT, .metavar = "N", .value = &s.threads, .max = 1024,
         .help = "0: one per CPU"},
        {"precision", .kind = OPT_CHOICE, .metavar = "f32|bf16", .value = &c.precision,
         .help = "of large products; bf16 needs a CPU with AMX to be faster"},
        {"resume", .kind = OPT_FLAG, .value = &s.resume,
         .help = "go on from FILE.state, to the same bits as without a break"},
        {"Result", .kind = OPT_GROUP},
        {"best-by", .kind = OPT_CHOICE, .metavar = "cider|bleu4|loss", .value = &c.best_by,
         .help = "validation score that picks the epoch to keep"},
        {"patience", .kind = OPT_INT, .metavar = "N", .value = &s.patience, .max = 100000,
         .help = "stop after N epochs without a better score; 0: never"},
        {"scored", .kind = OPT_INT, .metavar = "N", .value = &s.scored, .max = 1000000,
         .help = "validation photos captioned per epoch; 0: all"},
        {"beam", .kind = OPT_INT, .metavar = "K", .value = &s.beam, .min = 1, .max = 64,
         .help = "sentences kept while captioning them"},
        {"store", .kind = OPT_CHOICE, .metavar = "f16|f32", .value = &c.dtype,
         .help = "type of the stored weights"},
        {"licence", .kind = OPT_STRING, .metavar = "TEXT", .value = &s.licence,
         .help = "terms to state in the model's record"},
        {"quiet", 'q', OPT_FLAG, .value = &c.quiet, .help = "say nothing but errors"},
        {0},
    };
    const opt_command command = {
        .verb = "train",
        .about =
            "Trains a captioner on photos with captions. Ctrl-C saves the state; --resume goes on from it.",
        .options = options,
        .examples =
            "caption train --captions captions_train.json --images photos --val captions_val.json --out "
            "model.safetensors\n"
            "caption train --captions captions_train.json --images photos --encoder mobilenet_v2.safetensors "
            "--out model.safetensors",
    };
    text line = {0};
    join_command(argc, argv, &line);
    int verdict;
    error err = {0};
    if (verb_begin(&command, &argc, argv, &verdict)) {
        s.command = text_string(&line);
        verdict = apply(&c, &s, &err) ? (verb_fail(&err), VERB_USAGE) : train(&s, c.quiet);
    }
    text_release(&line);
    return verdict;
}
