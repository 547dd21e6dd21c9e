/* caption calibrate: fits how far a finished model may be trusted, and writes the model with it. */
#include <unistd.h>

#include "captioner/calibrate.h"
#include "captioner/net/builtin.h"
#include "captioner/ranges_find.h"
#include "src/io/safetensors.h"
#include "tools/interrupt.h"
#include "tools/model_use.h"
#include "tools/print.h"
#include "tools/progress.h"
#include "tools/verbs.h"

enum { MOST_SETS = 16 };

typedef struct request {
    model_use use;
    const char *captions[MOST_SETS + 1], *images[MOST_SETS + 1]; /* up to a NULL */
    const char *out;
    bool force, quiet;
    cap_calibration_set set[MOST_SETS];
    int sets;
    ui_progress bar;
} request;

static bool tell(void *ctx, int done, int total)
{
    request *q = ctx;
    if (q->bar.total != total) {
        q->bar = (ui_progress){.label = "calibrating", .unit = "photos", .total = total, .quiet = q->quiet};
        q->bar.first = done;
        ui_progress_start(&q->bar);
    }
    ui_progress_update(&q->bar, done, NULL);
    return !ui_asked_to_stop(NULL);
}

/* ---- what came of it ---- */

static double number_of(const json_t *o, const char *key, size_t i)
{
    const json_t *v = json_object_get(o, key);
    return json_number_value(json_is_array(v) ? json_array_get(v, i) : v);
}

static void print_report(const json_t *report, const cap_confidence *fit)
{
    size_t i;
    json_t *set;
    puts("                      photos   words' error         acceptable or not (area under the curve)");
    puts("                               before   after       before   after   left out of the fit");
    json_array_foreach(json_object_get(report, "sets"), i, set)
    {
        printf("%-20.20s  %6.0f   %6.3f  %6.3f       %6.3f  %6.3f   %6.3f\n",
               json_string_value(json_object_get(set, "captions")), number_of(set, "photos", 0),
               number_of(set, "word_error", 0), number_of(set, "word_error", 1), number_of(set, "auc", 0),
               number_of(set, "auc", 1), number_of(set, "auc_cross", 0));
    }
    printf("\nunsure below %.3f: %.0f of %.0f pictures that show nothing, %.0f of the photos\n",
           fit->threshold, number_of(report, "pictures_unsure", 0), number_of(report, "pictures", 0),
           number_of(report, "photos_unsure", 0));
}

/* ---- the verb ---- */

/* Of a model that computes in f32, whatever the precision is for which its confidence is fitted. */
static err_code find_ranges(const request *q, cap_ranges *out, error *err)
{
    model_use exact = {.path = q->use.path, .threads = q->use.threads};
    exact.precision = cap_precision_names[CAP_F32];
    const cap_request plain = cap_request_defaults(CAP_PHOTOS);
    err_code code = model_use_open(&exact, CAP_PHOTOS, &plain, err);
    if (!code) code = cap_ranges_find(exact.session, q->set, q->sets, out, err);
    model_use_close(&exact);
    return code;
}

static err_code write_model(const request *q, const cap_confidence *fit, const cap_ranges *ranges,
                            const json_t *report, error *err)
{
    size_t size;
    const void *bytes = cap_builtin_model(&size);
    io_tensors *t = q->use.path ? io_tensors_open(q->use.path, err)
                                : io_tensors_open_memory(bytes, size, "built-in model", err);
    err_code code = t ? cap_confidence_save(fit, ranges, t, report, q->out, err) : err->code;
    io_tensors_close(&t);
    return code;
}

static err_code run(request *q, error *err)
{
    cap_confidence fit = {0};
    cap_ranges ranges = {0};
    json_t *report = NULL;
    const cap_request plain = cap_request_defaults(CAP_PHOTOS);
    const cap_calibrate_request wanted = {.set = q->set, .sets = q->sets, .tell = tell, .ctx = q};
    if (!q->force && !access(q->out, F_OK))
        return err_set(err, ERR_ARGUMENT, "'%.300s' exists: --force replaces it", q->out);
    err_code code = model_use_open(&q->use, CAP_PHOTOS, &plain, err);
    ui_heed_signals();
    if (!code) code = cap_calibrate(q->use.session, &wanted, &fit, &report, err);
    ui_progress_clear(&q->bar);
    ui_leave_signals();
    if (!code) code = find_ranges(q, &ranges, err);
    if (!code) code = write_model(q, &fit, &ranges, report, err);
    if (!code) print_report(report, &fit);
    json_decref(report);
    cap_confidence_release(&fit);
    cap_ranges_release(&ranges);
    model_use_close(&q->use);
    return code;
}

/* The first file of captions goes with the first folder, and so on. */
static const char *pair_up(request *q)
{
    while (q->captions[q->sets] && q->images[q->sets]) {
        q->set[q->sets] = (cap_calibration_set){q->captions[q->sets], q->images[q->sets]};
        q->sets++;
    }
    if (q->captions[q->sets] || q->images[q->sets]) return "each --captions needs its --images";
    if (!q->sets) return "no photos given with --captions and --images";
    return q->out ? NULL : "no file given with --out";
}

int verb_calibrate(int argc, char **argv)
{
    request q = {.use = model_use_defaults()};
    cap_request limits = cap_request_defaults(CAP_PHOTOS);
    limits.max_pixels = MODEL_MAX_PIXELS;
    const opt options[] = {
        MODEL_OPTIONS(q.use, limits),
        {"Photos", .kind = OPT_GROUP},
        {"captions", .kind = OPT_INPUTS, .metavar = "FILE", .value = q.captions, .max = MOST_SETS,
         .help = "photos that the model was not trained on, with captions: JSON in the form of COCO, or "
                 "Karpathy's; may be given again for a further set"},
        {"images", .kind = OPT_INPUTS, .metavar = "DIR", .value = q.images, .max = MOST_SETS,
         .help = "folder of the photos, of each set"},
        {"Output", .kind = OPT_GROUP},
        {"out", 'o', OPT_OUTPUT, "FILE", &q.out, .help = "the model with its confidence"},
        {"force", .kind = OPT_FLAG, .value = &q.force, .help = "let --out replace a file"},
        {"quiet", 'q', OPT_FLAG, .value = &q.quiet, .help = "no progress"},
        {0},
    };
    const opt_command command = {
        .verb = "calibrate",
        .about =
            "Fits how far a finished model may be trusted, and writes the model with it: how likely a word "
            "is "
            "one that people use for the photo (\"trust\"), how likely a sentence is one of the better half "
            "(\"confidence\"), and below which confidence the model is unsure, as it should be of pictures "
            "that show nothing; and the ranges of what its networks compute, with which they run in 8 bits. "
            "The weights "
            "stay as they are. A few hundred photos are enough; they should be of all the kinds that the "
            "model is meant "
            "for.",
        .options = options,
        .examples =
            "caption calibrate --model m.safetensors --captions val.json --images photos --out "
            "m2.safetensors\n"
            "caption calibrate --captions a.json --images a --captions b.json --images b --out "
            "m.safetensors\n"};
    int verdict;
    error err = {0};
    if (!verb_begin(&command, &argc, argv, &verdict)) return verdict;
    const char *problem = pair_up(&q);
    if (problem) return verb_misuse(&command, problem);
    return run(&q, &err) ? verb_fail(&err) : VERB_DONE;
}
