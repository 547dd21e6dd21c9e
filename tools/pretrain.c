/* caption pretrain: teaches an encoder to see, on photos with labels or a teacher's features. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/train/pretrain.h"
#include "cnn/preprocess.h"
#include "src/base/text.h"
#include "tools/train_talk.h"
#include "tools/verbs.h"

/* SOURCE or SOURCE:PREFIX, the last colon counts; cuts the copy in two. */
static void add_source(cap_pretrain_settings *s, char *copy)
{
    char *colon = strrchr(copy, ':');
    if (colon) *colon = '\0';
    s->classes[s->class_sources++] = (cap_class_source){copy, colon ? colon + 1 : ""};
}

/* The command line as a shell would read it; NULL when memory is out. */
static char *command_line(int argc, char **argv)
{
    text t = {0};
    text_append(&t, "caption");
    for (int i = 0; i < argc; i++) {
        bool plain = argv[i][0] && !strpbrk(argv[i], " \t\n\"'\\$`*?[]{}()<>|&;#~!");
        text_append(&t, " ");
        if (!plain) text_append(&t, "'");
        for (const char *c = argv[i]; *c; c++)
            if (*c == '\'')
                text_append(&t, "'\\''");
            else
                text_append_bytes(&t, c, 1);
        if (!plain) text_append(&t, "'");
    }
    return text_take(&t);
}

static int run(cap_pretrain_settings *s, const char *const *classes, bool quiet)
{
    char *copy[CAP_MAX_SOURCES] = {0};
    train_talk talk;
    error err = {0};
    err_code code = ERR_OK;
    for (int i = 0; !code && classes[i]; i++) {
        copy[i] = strdup(classes[i]);
        if (copy[i])
            add_source(s, copy[i]);
        else
            code = err_set(&err, ERR_MEMORY, "out of memory");
    }
    cap_train_events events = train_talk_begin(&talk, quiet);
    if (!code) code = cap_pretrain(s, &events, &err);
    train_talk_end(&talk);
    for (int i = 0; i < CAP_MAX_SOURCES; i++) free(copy[i]);
    return code ? verb_fail(&err) : VERB_DONE;
}

int verb_pretrain(int argc, char **argv)
{
    cap_pretrain_settings s = cap_pretrain_defaults();
    const char *classes[CAP_MAX_SOURCES + 1] = {0};
    const char *optimiser = "adamw", *precision = "bf16";
    int seed = 1;
    uint64_t cache = 0;
    bool quiet = false, plain = false;
    s.run.out = "encoder.safetensors";
    const opt options[] = {
        {"Photos", .kind = OPT_GROUP},
        {"classes", 'c', OPT_INPUTS, "SOURCE:PREFIX", classes, 0, CAP_MAX_SOURCES,
         "photos with labels: a folder or .tar archive with PREFIX/train/<class>/<photo> and perhaps "
         "PREFIX/val; may be given several times, each source has classes of its own"},
        {"photos", 'p', OPT_INPUT, "DIR", &s.photos, .help = "photos without labels, for the teacher"},
        {"list", 'l', OPT_INPUT, "FILE", &s.list,
         .help = "captions in JSON: of DIR, take the photos these describe; all of them if absent"},
        {"cache", 0, OPT_SIZE, "BYTES", &cache, .help = "memory for decoded photos"},
        {"no-augment", 0, OPT_FLAG, NULL, &plain, .help = "no mirrored, cropped and tinted views"},
        {"Model", .kind = OPT_GROUP},
        {"encoder", 'e', OPT_STRING, "NAME", &s.encoder, .help = "architecture; small, or that of --init"},
        {"init", 0, OPT_INPUT, "FILE|builtin", &s.init,
         .help = "start from this encoder, or from that of a captioner; builtin: of the model inside the "
                 "program"},
        {"size", 's', OPT_INT, "PIXELS", &s.size, CNN_MIN_SIDE, CNN_MAX_SIDE, "side of the photos it sees"},
        {"teacher", 't', OPT_INPUT, "FILE", &s.teacher,
         .help = "a file with weights of MobileNetV2 or EfficientNet-Lite2: its features are learned, too"},
        {"teacher-weight", 0, OPT_DOUBLE, "W", &s.teacher_weight, 0, 1000, "of its loss beside the labels'"},
        {"squared-weight", 0, OPT_DOUBLE, "W", &s.squared_weight, 0, 1000,
         "of the squared distance beside the cosine"},
        {"Training", .kind = OPT_GROUP},
        {"epochs", 'n', OPT_INT, "N", &s.run.epochs, 1, CAP_MOST_EPOCHS,
         "times each photo is seen; --resume with more goes on, the learning rate as in a run of so many"},
        {"batch", 'b', OPT_INT, "N", &s.run.batch, 2, 4096, "photos of one step"},
        {"optimiser", 0, OPT_CHOICE, "adamw|sgd", &optimiser, .help = "the rule of the steps"},
        {"rate", 'r', OPT_DOUBLE, "R", &s.run.rate, 0, 100,
         "peak learning rate; 0: 0.002 for adamw, 0.05 for sgd"},
        {"warmup", 0, OPT_DOUBLE, "SHARE", &s.run.warmup, 0, 1,
         "share of all steps until the peak; then a cosine down"},
        {"decay", 0, OPT_DOUBLE, "D", &s.run.decay, 0, 10, "weight decay"},
        {"clip", 0, OPT_DOUBLE, "NORM", &s.run.clip, 0, INFINITY, "longest gradient; 0 = any"},
        {"average", 0, OPT_DOUBLE, "X", &s.run.average, 0, 0.999999,
         "what an average of the weights keeps of itself at each step; it is validated and saved in their "
         "place; 0 = there is none"},
        {"smoothing", 0, OPT_DOUBLE, "P", &s.smoothing, 0, 0.9, "of the labels"},
        {"seed", 0, OPT_INT, "N", &seed, 0, INFINITY, "of all random numbers"},
        {"precision", 0, OPT_CHOICE, "bf16|f32", &precision, .help = "of the large products"},
        {"threads", 'j', OPT_INT, "N", &s.run.threads, 0, 256,
         "0 = one per CPU; changes no bit of the result"},
        {"loaders", 0, OPT_INT, "N", &s.loader_threads, 0, 64, "further threads that decode photos"},
        {"Output", .kind = OPT_GROUP},
        {"out", 'o', OPT_OUTPUT, "FILE", &s.run.out,
         .help = "the encoder; beside it FILE.state for --resume and a log of JSON lines"},
        {"resume", 0, OPT_FLAG, NULL, &s.run.resume,
         .help = "go on from FILE.state, to the same bits as without a break"},
        {"force", 0, OPT_FLAG, NULL, &s.run.force,
         .help = "begin anew in the place of an earlier run's files"},
        {"quiet", 'q', OPT_FLAG, NULL, &quiet, .help = "say nothing but what went wrong"},
        {0},
    };
    const opt_command command = {
        .verb = "pretrain",
        .about =
            "Trains an encoder from random weights on photos, before it learns to describe them: to name "
            "their classes, to see what a teacher sees in them, or both.\n"
            "Saves after every epoch, and when it is interrupted; --resume goes on. What an earlier run left "
            "at --out is not replaced without --force.",
        .options = options,
        .examples =
            "  caption pretrain --classes photos.tar:set --epochs 12 --out encoder.safetensors\n"
            "  caption pretrain --photos images --teacher mobilenet_v2.safetensors\n",
    };
    int verdict;
    char *line = command_line(argc, argv); /* before the table moves the operands */
    bool epochs_given = opt_given(&command, argc, argv, "epochs");
    if (!verb_begin(&command, &argc, argv, &verdict)) {
        free(line);
        return verdict;
    }
    if (!line) return verb_fail(&(error){ERR_MEMORY, "out of memory for the command line"});
    if (s.run.resume && !epochs_given) s.run.epochs = 0; /* those of its run */
    s.run.optimiser = !strcmp(optimiser, "sgd") ? OPTIM_SGD : OPTIM_ADAMW;
    s.run.precision = !strcmp(precision, "bf16") ? GEMM_BF16 : GEMM_F32;
    s.run.seed = (uint64_t)seed;
    s.cache_bytes = cache;
    s.run.command = line;
    if (plain) s.augment = (ds_augment){.area_min = 1, .area_max = 1, .aspect = 1};
    verdict = run(&s, classes, quiet);
    free(line);
    return verdict;
}
