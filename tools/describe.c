/* caption PHOTO...: its command line, and what the verb concepts shares with it. */
#include <string.h>

#include "tools/describe.h"
#include "tools/stream.h"
#include "tools/verbs.h"
#include "tools/wording.h"

describe_request describe_defaults(const char *doing, overlay_painter *painter)
{
    describe_request q = {.doing = doing,
                          .use = model_use_defaults(),
                          .decoding = decoding_defaults(CAP_PHOTOS),
                          .chained = chained_defaults(),
                          .files = {.paint = painter, .look = overlay_look_defaults()},
                          .page = {.side = CAP_PAGE_SIDE},
                          .look = {.as = "auto"},
                          .existing = EXISTING_DEFAULT};
    q.decoding.request.max_pixels = MODEL_MAX_PIXELS;
    return q;
}

opt_command describe_command(const char *name, const char *about, const opt *options, const char *examples)
{
    return (opt_command){.verb = name,
                         .operands = "PHOTO...",
                         .operands_min = 1,
                         .operands_max = OPT_ANY,
                         .about = about,
                         .options = options,
                         .examples = examples};
}

/* Of the options that both verbs have; NULL: all is well. */
static const char *find_problem(const describe_request *q)
{
    const char *problem = overlay_output_problem(q->overlay, q->json);
    if (problem) return problem;
    if (q->every > 0 && !q->stream) return "--every needs --stream";
    if (q->watch && (q->overlay || q->files.folder || q->page.path))
        return "--watch goes with lines, --output and --sidecar, not with overlays and pages";
    if (q->nul && !q->list) return "-0 needs --files-from";
    if (q->files.force && !q->files.folder && !q->page.path)
        return q->decoding.request.only_concepts ? "--force needs --overlay-dir"
                                                 : "--force needs --overlay-dir or --page";
    if (q->page.path && q->done.path)
        return "--page shows all photos of a run, so it does not go with --skip-done";
    problem = overlay_look_problem(&q->files.look, q->overlay || q->files.folder || q->look.on);
    if (!problem) problem = look_problem(&q->look, q->json);
    if (problem) return problem;
    if (q->overlay && q->files.folder) return "--overlay and --overlay-dir exclude each other";
    if (q->records.path && (problem = record_file_problem(q->records.path))) return problem;
    bool records = q->records.path && !record_file_is_json(q->records.path);
    if (q->decoding.n_best && (records || (q->sidecar.kind && !sidecar_is_json(&q->sidecar))))
        return "several sentences (--n-best) go to JSON alone: --output FILE.jsonl, --sidecar json";
    bool files = q->records.path || q->sidecar.kind || q->metadata.in_file;
    bool keywords = q->metadata.in_file || (q->records.path && !records) || sidecar_is_json(&q->sidecar) ||
                    q->metadata.beside;
    if (q->decoding.request.keywords && files && !keywords)
        return "--keywords go to JSON and metadata alone: --output FILE.jsonl, --sidecar json or xmp, "
               "--write-metadata";
    if (!files && existing_parse(q->existing) != EXISTING_KEEP)
        return "--existing needs --output, --sidecar or --write-metadata";
    if (q->metadata.keep_times && !q->metadata.in_file) return "--keep-times needs --write-metadata";
    if (q->metadata.in_file && q->decoding.n_best)
        return "--write-metadata writes one sentence, not several (--n-best)";
    if (q->stream && (files || q->done.path || q->list || q->overlay || q->files.folder || q->page.path ||
                      q->recursive || q->watch || q->look.on))
        return "--stream prints lines; photos and files do not go with it";
    if (q->json && files)
        return "with --output, --sidecar and --write-metadata nothing is printed, so --json says nothing";
    return NULL;
}

bool describe_begin(describe_request *q, opt_command *command, int *argc, char **argv, int *verdict)
{
    bool stream = opt_given(command, *argc, argv, "stream");
    command->operands_min = !stream && !opt_given(command, *argc, argv, "files-from");
    if (stream) command->operands_max = 0;
    if (!verb_begin(command, argc, argv, verdict)) return false;
    q->metadata.beside = q->sidecar.kind && !strcmp(q->sidecar.kind, "xmp");
    const char *problem = find_problem(q);
    if (problem) *verdict = verb_misuse(command, problem);
    q->policy = existing_parse(q->existing);
    q->silent = q->records.path || q->sidecar.kind || q->metadata.in_file;
    q->out = q->overlay && !strcmp(q->overlay, "-") ? stderr : stdout;
    q->decoding.request.keep_photo = q->overlay || q->files.folder || q->page.path || q->look.on;
    return !problem;
}

static const char about[] =
    "Says in a sentence what a photo shows, and where in the photo each word looked.\n"
    "One photo gives one sentence; several, or a folder, give lines of path, tab, sentence, where tabs and "
    "line breaks in a path are written \\t and \\n and a backslash \\\\. '-' is a photo from standard input. "
    "Of a folder, what it holds besides photos (other kinds of pictures, folders) is counted on standard "
    "error. "
    "JPEG, PNG, WebP, BMP, and what this build has libraries for (GIF, TIFF, HEIC, AVIF, previews of raw "
    "files; "
    "caption --version tells) are recognised by content. A photo that cannot be read is reported and passed "
    "over; "
    "the exit code is then 1. With --json it gets an object with path and error. In JSON a path that is not "
    "UTF-8 has its bytes beside it as path_bytes, in hexadecimal digits.";

static const char examples[] =
    "  caption photo.jpg\n"
    "  caption --json --attention photo.jpg | jq .words\n"
    "  caption --n-best 5 --beam 8 --avoid man --must dog photo.jpg\n"
    "  caption --overlay where.png photo.jpg\n"
    "  caption --overlay-dir sheets holiday/ > captions.tsv\n"
    "  caption --look photo.jpg\n"
    "  caption -r --page look holiday/ && xdg-open look/index.html\n"
    "  ffmpeg -i film.mp4 -f mjpeg - | caption --stream - --every 2\n"
    "  find . -name '*.jpg' -print0 | xargs -0 caption --with-path\n";

int verb_describe(int argc, char **argv)
{
    describe_request q = describe_defaults("describing", overlay_words);
    const opt options[] = {
        MODEL_OPTIONS(q.use, q.decoding.request),
        DECODING_OPTIONS(q.decoding),
        CAPTION_RULES(q.decoding),
        STYLE_OPTION(q.decoding.request),
        PHOTO_OPTIONS(q),
        {"watch", .kind = OPT_FLAG, .value = &q.watch,
         .help = "describe the photos of the folders, then those that come to lie in them (with -r, or below "
                 "them) or "
                 "change, each as soon as it is complete; Ctrl-C ends"},
        {"stream", .kind = OPT_INPUT, .metavar = "FILE", .value = &q.stream,
         .help =
             "instead of photos: JPEG or PNG pictures that come one after another, -: from standard input; "
             "the newest is described, those there is no time for are dropped, and a line is printed when "
             "the sentence changes; with --json it has the picture's number (frame) and the seconds since "
             "the "
             "first one (time)"},
        {"every", .kind = OPT_DOUBLE, .metavar = "S", .value = &q.every, .max = 86400,
         .help = "with --stream: describe a picture every S seconds at most"},
        WORDING_OPTIONS(q.decoding.request),
        CHAINED_OPTIONS(q.chained),
        {"prefix", .kind = OPT_STRING, .metavar = "TEXT", .value = &q.prefix,
         .help = "put this before every sentence, as it is: \"ohwx style, \""},
        {"suffix", .kind = OPT_STRING, .metavar = "TEXT", .value = &q.suffix, .help = "and this behind it"},
        {"Output", .kind = OPT_GROUP},
        {"json", 'j', OPT_FLAG, .value = &q.json,
         .help =
             "one JSON object a line: path, caption, words with probability, log-probability, score, "
             "confidence (of calibrated models: that the sentence is a good one; and unsure, and the trust "
             "that each word deserves); with --n-best all of them"},
        {"attention", 'a', OPT_FLAG, .value = &q.attention,
         .help = "with --json: grid [rows, columns] and attention [words][regions]; where words look at "
                 "concepts, too, these and concept_attention [words][concepts]"},
        {"unsure", 'u', OPT_FLAG, .value = &q.hush,
         .help =
             "say (unsure) where the model is, instead of a sentence; with --json an empty caption, and the "
             "sentence as guess. Calibrated models alone"},
        {"min-confidence", .kind = OPT_DOUBLE, .metavar = "P", .value = &q.decoding.request.min_confidence,
         .max = 1, .help = "the same, below a confidence of P; 0: the model's own limit"},
        {"with-path", 'H', OPT_FLAG, .value = &q.with_path,
         .help = "path, tab, sentence also for a single photo, as for scripts under xargs"},
        {"overlay", 'o', OPT_OUTPUT, "OUT.png", &q.overlay,
         .help = "paint where each word looked (exactly one photo); -: to standard output, and the sentence "
                 "to standard error"},
        {"overlay-dir", 'd', OPT_STRING, "DIR", &q.files.folder,
         .help = "the same for many photos, DIR/PHOTO.png each, like DIR/a.jpg.png; the next run replaces "
                 "them, and passes them over when they lie among the photos"},
        OVERLAY_LOOK_OPTIONS(q.files.look),
        LOOK_OPTIONS(q.look),
        PAGE_OPTIONS(q.page),
        FORCE_OPTION(q),
        {"Files", .kind = OPT_GROUP},
        {"output", .kind = OPT_OUTPUT, .metavar = "FILE", .value = &q.records.path,
         .help = "write to FILE.csv or FILE.tsv (path, caption, confidence, unsure) or FILE.jsonl (what "
                 "--json prints) instead of standard output; a file that is there is gone on with, photos "
                 "that it holds are passed over"},
        {"sidecar", .kind = OPT_CHOICE, .metavar = SIDECAR_KINDS, .value = &q.sidecar.kind,
         .help = "write beside each photo: a.txt, a.caption or a.json of a.jpg; xmp: a.jpg.xmp, which gets "
                 "what --write-metadata writes, and keeps what it has"},
        {"write-metadata", 'w', OPT_FLAG, .value = &q.metadata.in_file,
         .help = "write into each photo (JPEG, PNG, WebP), of which every other byte stays: the sentence as "
                 "XMP dc:description, EXIF ImageDescription and IPTC caption, as Iptc4xmpCore alternative "
                 "text, and keywords (--keywords) as dc:subject; marked with model and confidence"},
        {"keep-times", .kind = OPT_FLAG, .value = &q.metadata.keep_times,
         .help = "of --write-metadata: the time of a photo's last change stays"},
        EXISTING_OPTION(q.existing),
        {"skip-done", .kind = OPT_OUTPUT, .metavar = "LIST", .value = &q.done.path,
         .help = "pass over the photos that this file lists and that have not changed since; it gets those "
                 "that are done now"},
        {0},
    };
    opt_command command = describe_command("", about, options, examples);
    int verdict;
    if (!describe_begin(&q, &command, &argc, argv, &verdict)) return verdict;
    bool json =
        q.json || sidecar_is_json(&q.sidecar) || (q.records.path && record_file_is_json(q.records.path));
    if (q.attention && !json)
        return verb_misuse(&command, "--attention needs --json, --output FILE.jsonl or --sidecar json");
    error err = {0};
    if (decoding_apply(&q.decoding, &err)) return verb_misuse(&command, err.text);
    const char *problem = chained_problem(&q.chained);
    if (problem) return verb_misuse(&command, problem);
    q.chained.use.threads = q.use.threads;
    q.chained.use.precision = q.use.precision;
    q.chained.alt_text = q.decoding.request.alt_text;
    q.decoding.request.alt_text = q.chained.alt_text && !q.chained.use.path;
    q.hush = q.hush || q.decoding.request.min_confidence > 0;
    q.decoding.request.attention = q.attention || q.decoding.request.keep_photo;
    return q.stream ? stream_run(&q) : describe_run(&q, argv + 1, argc - 1);
}
