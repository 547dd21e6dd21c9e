/* Options of other programs, and what they are called here. */
#include <ctype.h>
#include <string.h>

#include "tools/options.h"

typedef struct alias {
    const char *names;  /* what others call it, between blanks; small letters, dashes */
    const char *here;   /* our options, "|" between them: the first that the command has counts; a value may
                           follow the name. NULL: we have none */
    const char *remark; /* for commands that have none of them; NULL: nothing helps */
} alias;

#define OF_TRAINING "that is for 'caption train'"

static const alias aliases[] = {
    /* where it runs */
    {" gpu gpus gpu-id gpu-ids gpuid use-gpu ngpu n-gpu num-gpus n-gpu-layers ngl cuda device devices mps "
     "metal "
     "no-gpu nogpu no-cuda cpu local-rank world-size distributed nproc-per-node ",
     NULL, "caption runs on CPUs, and --threads says on how many"},
    {" fp16 half bf16 amp mixed-precision float16 bfloat16 dtype torch-dtype quantize quantization int8 "
     "load-in-8bit ",
     "precision", NULL},
    {" num-workers workers nthreads n-threads num-threads cpu-threads jobs nproc ", "loaders|threads", NULL},
    /* the search */
    {" num-beams beam-size beamsize beam-width beams n-beams ", "beam", NULL},
    {" max-length max-len max-new-tokens max-tokens max-target-length max-seq-length ", "max-words", NULL},
    {" min-length min-len min-new-tokens min-tokens ", "min-words", NULL},
    {" length-penalty lenpen length-normalization ", "alpha", NULL},
    {" repetition-penalty no-repeat-ngram-size no-repeat-ngram no-repeat-ngrams block-trigrams ", "no-repeat",
     NULL},
    {" num-return-sequences num-captions n-captions nbest best-of ", "n-best", NULL},
    {" do-sample use-nucleus-sampling nucleus-sampling sample sampling ", "decode sample", NULL},
    {" greedy ", "decode greedy", NULL},
    {" num-beam-groups beam-groups ", "groups", NULL},
    {" diversity-penalty ", "diversity", NULL},
    {" bad-words bad-words-ids suppress-tokens ", "avoid", NULL},
    {" force-words force-words-ids prompt prefix ", "must", NULL},
    {" random-seed manual-seed rng-seed ", "seed", "nothing here is drawn at random"},
    {" lang language languages task src-lang tgt-lang source-lang target-lang ", NULL,
     "a model speaks the language that it was trained on"},
    {" thresh threshold conf confidence conf-thres score-thr ", NULL,
     "there is no threshold; --json says how sure the model is of each word"},
    /* what is read */
    {" model-path model-file model-name model-name-or-path pretrained pretrained-model weights checkpoint "
     "ckpt "
     "load ",
     "encoder-weights|model", NULL},
    {" image img images image-path img-path photo photos picture file input infile input-file input-dir "
     "files ",
     "images|photos|source|photo", "what is read is named without an option, or comes from standard input"},
    {" image-dir images-dir image-folder image-root img-dir img-root img-folder photo-dir data-dir vis-root "
     "root ",
     "images|photos", "folders of photos are named without an option"},
    {" ann ann-file anns annotation annotations annotation-file annotations-file caption-file captions-file "
     "train-file train-data dataset data data-path ",
     "captions|classes", OF_TRAINING},
    {" val-file val-data valid valid-file validation validation-file eval-data ", "val", OF_TRAINING},
    {" subset test-split ", "split", NULL},
    {" gt ground-truth references reference ", "refs|text-refs", NULL},
    {" predictions preds hypotheses hyp hyps candidates ", "results|text-hyps", NULL},
    {" recurse recursively ", "recursive", NULL},
    /* what is written */
    {" output outfile out-file output-file output-path result-file save save-path save-dir output-dir "
     "out-dir "
     "outdir out ",
     "out|results-out", "results go to standard output: caption ... > FILE"},
    {" output-json json-output json-out oj print-json format output-format ", "json", NULL},
    {" csv ocsv output-csv tsv otsv txt otxt output-txt ", NULL,
     "results are lines with tabs between their columns, or JSON with --json"},
    {" visualize visualise vis plot draw show-attention save-attention attention-map attention-maps heatmap "
     "cross-attention ",
     "overlay|alignment", NULL},
    {" silent no-progress disable-tqdm log-level ", "quiet", NULL},
    /* training */
    {" scst self-critical-after self-critical-training reinforce cider-optimization ", "self-critical",
     OF_TRAINING},
    {" ema ema-decay model-ema swa polyak moving-average ", "average", OF_TRAINING},
    {" lr learning-rate learningrate init-lr base-lr max-lr peak-lr ", "rate", OF_TRAINING},
    {" batch-size batchsize bs train-batch-size per-device-train-batch-size minibatch mini-batch ", "batch",
     "photos and lines go through the model together as it suits"},
    {" num-epochs num-train-epochs max-epoch max-epochs n-epochs nepochs epoch ", "epochs", OF_TRAINING},
    {" max-steps num-steps iterations max-iter iters ", "epochs", OF_TRAINING},
    {" weight-decay wd l2 ", "decay|weight-decay", OF_TRAINING},
    {" grad-clip gradient-clip max-grad-norm clip-norm clip-grad-norm ", "clip", OF_TRAINING},
    {" warmup-steps warmup-ratio warmup-epochs num-warmup-steps ", "warmup", OF_TRAINING},
    {" label-smoothing-factor label-smooth label-smoothing smoothing ", "label-smoothing|smoothing",
     OF_TRAINING},
    {" optim optimizer ", "optimiser", "the rule of the steps is AdamW"},
    {" scheduler lr-scheduler lr-scheduler-type lr-schedule ", NULL,
     "the rate rises while --warmup lasts and falls as a cosine"},
    {" resume-from resume-from-checkpoint continue restart ", "resume", NULL},
    {" hidden-size hidden-dim rnn-size lstm-size decoder-dim d-model ", "hidden", OF_TRAINING},
    {" embed-dim embed-size emb-dim emb-size embedding-dim embedding-size input-encoding-size ", "embedding",
     OF_TRAINING},
    {" attention-dim attention-size att-hid-size ", "attention", OF_TRAINING},
    {" drop-prob dropout-rate drop-prob-lm dropout-prob ", "dropout", OF_TRAINING},
    {" num-layers n-layers nlayers ", "layers", OF_TRAINING},
    {" arch backbone cnn encoder-type visual-encoder ", "encoder", OF_TRAINING},
    {" freeze-vit freeze-encoder finetune-encoder fine-tune-encoder finetune-cnn ", "tune-encoder",
     OF_TRAINING},
    {" image-size img-size imgsz input-size resolution ", "size", "a model has its own size of photos"},
    {" min-word-count min-word-freq min-freq word-count-threshold vocab-threshold ", "min-count",
     OF_TRAINING},
    {" early-stopping early-stop early-stopping-patience ", "patience", OF_TRAINING},
    {" tokenizer tokeniser bpe vocab-size subword ", "level", NULL},
    {" teacher-forcing-ratio ", "teacher-forcing", OF_TRAINING},
    {" beam-val eval-beam-size ", "beam", NULL},
};

/* "Max_Length" becomes "max-length". False: too long for any name. */
static bool normalise(const char *name, char out[64])
{
    size_t n = strlen(name);
    if (n >= 64) return false;
    for (size_t i = 0; i <= n; i++) out[i] = name[i] == '_' ? '-' : (char)tolower((unsigned char)name[i]);
    return true;
}

static bool lists(const char *names, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = names; n && (at = strstr(at, name)); at++)
        if (at[-1] == ' ' && at[n] == ' ') return true;
    return false;
}

static bool has(const opt_command *c, const char *name, size_t length)
{
    for (const opt *o = c->options; o->kind != OPT_END; o++)
        if (o->kind != OPT_GROUP && o->help && strlen(o->name) == length && !memcmp(o->name, name, length))
            return true;
    return false;
}

/* The first of "a|b value" that the command has. */
static bool choose(const opt_command *c, const char *here, opt_hint *out)
{
    while (here) {
        size_t all = strcspn(here, "|"), name = strcspn(here, "| ");
        if (has(c, here, name)) {
            out->option = here;
            out->length = (int)all;
            return true;
        }
        here = here[all] ? here + all + 1 : NULL;
    }
    return false;
}

static bool find_alias(const opt_command *c, const char *plain, opt_hint *out)
{
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        const alias *a = &aliases[i];
        if (!lists(a->names, plain)) continue;
        if (choose(c, a->here, out)) return true;
        out->remark = a->remark;
        if (a->remark) return true;
    }
    return false;
}

bool opt_find_other(const opt_command *c, const char *name, opt_hint *out)
{
    *out = (opt_hint){0};
    return find_alias(c, name, out) && out->option && strncmp(out->option, name, strlen(name) + 1) != 0;
}

bool opt_find_hint(const opt_command *c, const char *name, opt_hint *out)
{
    char plain[64];
    *out = (opt_hint){0};
    if (!normalise(name, plain)) return false;
    for (const opt *o = c->options; o->kind != OPT_END; o++)
        if (o->kind != OPT_GROUP && o->help && !strcmp(o->name, plain)) {
            out->option = o->name;
            out->length = (int)strlen(o->name);
            return true;
        }
    return find_alias(c, plain, out);
}
