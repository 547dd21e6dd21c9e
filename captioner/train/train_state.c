/* The state of a run on disk: what an interrupted run needs to go on to the same bits. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captioner/train/task.h"
#include "src/io/json.h"
#include "src/train/checkpoint.h"

enum { FORMAT = 3 }; /* files of the first one had none */

/* ---- what must not change ---- */

void cap_run_put_hash(io_json_build *b, json_t *o, const char *key, hash128 h)
{
    char hex[HASH_HEX];
    hash_hex(h, hex);
    io_json_put_string(b, o, key, hex);
}

/* With other values the batches, the numbers or the choice of the best epoch would be others. */
static json_t *fixed_settings(const cap_run *r)
{
    io_json_build b = io_json_build_object();
    io_json_put_string(&b, b.root, "task", r->task->name);
    io_fields_write(cap_run_fields, r->s, &b, b.root);
    if (r->task->settings) r->task->settings(r, &b, b.root);
    return io_json_take(&b);
}

static bool same_value(const json_t *a, const json_t *b)
{
    if (!json_is_number(a) || !json_is_number(b)) return json_equal(a, b);
    double x = json_number_value(a), y = json_number_value(b);
    return fabs(x - y) <= 1e-12 * (1 + fabs(x));
}

static err_code is_other(const cap_run *r, const char *key, const json_t *was, const json_t *now, error *err)
{
    char *old = was ? io_json_text(was, JSON_REAL_PRECISION(6)) : NULL;
    char *mine = now ? io_json_text(now, JSON_REAL_PRECISION(6)) : NULL;
    char name[60];
    snprintf(name, sizeof name, "%s", key);
    for (char *c = name; *c; c++)
        if (*c == '_') *c = '-'; /* as on the command line */
    err_code code = err_set(err, ERR_MISMATCH, "cannot resume from '%.200s': '%s' was %.80s and is now %.80s",
                            r->files.state, name, old ? old : "not stated", mine ? mine : "not known");
    free(old);
    free(mine);
    return code;
}

/* All but the number of epochs, which may grow. */
static err_code compare_settings(const cap_run *r, const json_t *saved, error *err)
{
    json_t *mine = fixed_settings(r), *value;
    const char *key;
    err_code code = mine ? ERR_OK : err_no_memory(err, "while resuming");
    json_object_foreach(mine, key, value)
    {
        const json_t *other = json_object_get(saved, key);
        if (!code && strcmp(key, "epochs") != 0 && !(other && same_value(value, other)))
            code = is_other(r, key, other, value, err);
    }
    json_object_foreach((json_t *)saved, key, value)
    {
        if (!code && !json_object_get(mine, key)) code = is_other(r, key, value, NULL, err);
    }
    json_decref(mine);
    return code;
}

/* ---- saving ---- */

#define MOST_STEPS 9e15 /* what a double counts to */
#define WHOLE(member) .name = #member, .kind = IO_FIELD_WHOLE, .offset = offsetof(cap_progress, member)
#define NUMBER(member) .name = #member, .kind = IO_FIELD_NUMBER, .offset = offsetof(cap_progress, member)

static const io_field rows[] = {
    {WHOLE(epoch), .least = 0, .most = CAP_MOST_EPOCHS},
    {WHOLE(batch), .least = 0, .most = INT32_MAX},
    {WHOLE(step), .least = 0, .most = MOST_STEPS},
    {WHOLE(best_epoch), .least = -1, .most = CAP_MOST_EPOCHS - 1},
    {WHOLE(judged), .least = 0, .most = MOST_STEPS},
    {WHOLE(hits), .least = 0, .most = MOST_STEPS},
    {NUMBER(loss), .least = -DBL_MAX, .most = DBL_MAX},
    {NUMBER(nll), .least = 0, .most = DBL_MAX},
    {NUMBER(cosine), .least = -DBL_MAX, .most = DBL_MAX},
    {NUMBER(reward), .least = 0, .most = DBL_MAX},
    {NUMBER(beside), .least = -DBL_MAX, .most = DBL_MAX},
    {0},
};

err_code cap_run_save_state(cap_run *r, error *err)
{
    io_json_build b = io_json_build_object();
    io_json_put_int(&b, b.root, "format", FORMAT);
    io_json_put(&b, b.root, "settings", fixed_settings(r));
    io_fields_write(rows, &r->at, &b, b.root);
    if (r->at.best_epoch >= 0) io_json_put_number(&b, b.root, "best", r->at.best);
    json_t *o = io_json_take(&b);
    char *state = o ? io_json_text(o, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(o);
    if (!state) return err_no_memory(err, "while saving '%.300s'", r->files.state);
    io_metadata pair = {"training", state};
    err_code code = ckpt_save(r->files.state, r->params, NULL, &r->optim, &pair, 1, IO_F32, err);
    free(state);
    return code ? code : cap_train_files_own(&r->files, err);
}

/* ---- loading ---- */

/* Sums of the current epoch: no batch or target has a loss beyond a float. */
static const char *odd_sum(const cap_run *r)
{
    const cap_progress *a = &r->at;
    const cap_extent *x = &r->extent;
    double batches = (double)a->batch, most_cosine = x->has_cosine ? 1.001 * batches : 0;
    double most_reward = x->has_reward ? 10.001 * batches : 0; /* CIDEr-D's */
    if (a->judged > x->most_judged || (x->judges_always && (a->judged > 0) != (a->batch > 0)))
        return "judged";
    if (a->hits > a->judged) return "hits";
    if (fabs(a->loss) > (double)FLT_MAX * batches || (!x->any_loss && a->loss < 0)) return "loss";
    if (fabs(a->cosine) > most_cosine) return "cosine";
    if (a->reward > most_reward) return "reward";
    if (fabs(a->beside) > (x->has_beside ? (double)FLT_MAX * batches : 0)) return "beside";
    return a->nll > (double)FLT_MAX * (double)a->judged ? "nll" : NULL;
}

static bool steps_fit(const cap_run *r)
{
    const cap_progress *a = &r->at;
    int64_t before = a->step - a->batch;
    return r->optim.steps == a->step && before >= a->epoch * r->extent.least_batches &&
           before <= a->epoch * r->extent.most_batches;
}

/* The best of epochs that are done; without validation the last one. */
static bool best_fits(const cap_run *r, const json_t *o)
{
    const cap_progress *a = &r->at;
    const json_t *best = json_object_get(o, "best");
    bool any = r->extent.worst >= r->extent.best;
    if (a->best_epoch < 0) return !best && (a->epoch == 0 || r->has_val);
    if (!json_is_number(best) || !isfinite(a->best)) return false;
    if (!r->has_val)
        return a->best_epoch == a->epoch - 1 && a->best >= (double)a->epoch && a->best <= (double)a->epoch;
    return any || (a->best >= r->extent.worst && a->best <= r->extent.best);
}

static err_code impossible(const char *where, const char *name, error *err)
{
    return err_set(err, ERR_FORMAT, "%.300s: '%s' is not possible beside the rest; the file is damaged",
                   where, name);
}

static err_code check_progress(cap_run *r, const json_t *o, const char *where, int64_t epochs, error *err)
{
    const cap_progress *a = &r->at;
    const char *odd = odd_sum(r);
    int64_t batches;
    err_code code = r->task->count(r, a->epoch, &batches, err);
    if (code) return code;
    if (a->batch > batches) odd = "batch";
    if (a->epoch > epochs || (a->epoch == epochs && a->batch)) odd = "epoch";
    if (!steps_fit(r)) odd = "step";
    if (a->best_epoch >= a->epoch) odd = "best_epoch";
    if (!odd && !best_fits(r, o)) odd = "best";
    return odd ? impossible(where, odd, err) : ERR_OK;
}

static err_code read_progress(cap_run *r, const json_t *o, const char *where, int64_t epochs, error *err)
{
    static const char *const further[] = {"format", "settings", "best", NULL};
    err_code code = io_fields_read(rows, o, where, &r->at, err);
    if (!code) code = io_fields_only(rows, o, further, where, err);
    if (code) return code;
    r->at.best = r->at.best_epoch < 0 ? -INFINITY : json_number_value(json_object_get(o, "best"));
    return check_progress(r, o, where, epochs, err);
}

/* A run that finds no better epoch later would end without a model. */
static err_code check_best_is_there(const cap_run *r, error *err)
{
    if (r->at.best_epoch < 0 || !access(r->files.out, F_OK)) return ERR_OK;
    return err_set(
        err, ERR_MISSING,
        "cannot resume from '%.200s': '%.200s', the model of its epoch %lld, is gone; put it back, "
        "or begin anew with --force",
        r->files.state, r->files.out, (long long)r->at.best_epoch + 1);
}

/* Epochs are the one thing that may differ: more of them make the schedule longer. */
static err_code take_epochs(cap_run *r, int64_t before, error *err)
{
    const cap_progress *a = &r->at;
    int64_t begun = a->epoch + (a->batch > 0);
    if (!r->s->epochs) r->settings.epochs = (int)before;
    if (r->s->epochs < begun)
        return err_set(err, ERR_ARGUMENT,
                       "cannot resume from '%.200s' with --epochs %d: %lld are done%s; give %lld or more",
                       r->files.state, r->s->epochs, (long long)a->epoch,
                       a->batch ? " and one more is begun" : "", (long long)begun);
    if (r->s->epochs == before) return ERR_OK;
    cap_run_schedule(r);
    cap_run_say(
        r, "%d epochs instead of %lld: the learning rate goes on as in a run of %d from the start, at %.3g",
        r->s->epochs, (long long)before, r->s->epochs, schedule_rate(&r->schedule, a->step));
    return ERR_OK;
}

static err_code read_settings(const cap_run *r, const json_t *o, const char *where, int64_t *epochs,
                              error *err)
{
    json_t *settings;
    int64_t format = 0;
    err_code code = json_object_get(o, "format") ? io_json_int(o, "format", where, &format, err) : ERR_OK;
    if (!code && format != FORMAT)
        return err_set(err, ERR_MISMATCH,
                       "%s: the state is of %s version of this program; begin anew with --force", where,
                       format > FORMAT ? "a later" : "an earlier");
    if (!code) code = io_json_object(o, "settings", where, &settings, err);
    if (!code) code = io_json_int(settings, "epochs", where, epochs, err);
    if (!code && (*epochs < 1 || *epochs > CAP_MOST_EPOCHS)) return impossible(where, "epochs", err);
    return code ? code : compare_settings(r, settings, err);
}

/* Settings come before shapes: "'hidden' was 512" says more than a tensor that does not fit. */
static err_code load_from(cap_run *r, const io_tensors *file, error *err)
{
    const char *state = io_tensors_metadata(file, "training");
    json_t *o = NULL;
    int64_t epochs;
    char where[320];
    if (!state)
        return err_set(err, ERR_MISMATCH, "cannot resume: '%.300s' is no state of a training run",
                       r->files.state);
    snprintf(where, sizeof where, "cannot resume from '%.270s'", r->files.state);
    err_code code = io_json_parse(state, strlen(state), r->files.state, &o, err);
    if (!code) code = read_settings(r, o, where, &epochs, err);
    if (!code) code = ckpt_read(file, r->params, NULL, &r->optim, err);
    if (!code) code = read_progress(r, o, where, epochs, err);
    if (!code) code = check_best_is_there(r, err);
    if (!code) code = take_epochs(r, epochs, err);
    json_decref(o);
    return code;
}

err_code cap_run_load_state(cap_run *r, error *err)
{
    io_tensors *file = io_tensors_open(r->files.state, err);
    if (!file) return err->code;
    err_code code = load_from(r, file, err);
    io_tensors_close(&file);
    if (!code)
        cap_run_say(r, "resumed at epoch %lld, batch %lld", (long long)r->at.epoch + 1,
                    (long long)r->at.batch);
    return code;
}
