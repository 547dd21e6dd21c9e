/* Setting up a run: settings, files, task, optimiser, saved state. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/train/task.h"

/* ---- settings ---- */

static const char *optimiser_name(int value)
{
    static const char *const names[] = {"adamw", "sgd", NULL};
    return names[value];
}

static const char *precision_name(int value)
{
    static const char *const names[] = {"f32", "bf16", NULL};
    return names[value];
}

static const char *fall_name(int value)
{
    static const char *const names[] = {"cosine", "linear", "invsqrt", NULL};
    return names[value];
}

#define MOST_SEED 9e15 /* what a double counts to */
#define FIELD(field, member, type) .name = field, .kind = type, .offset = offsetof(cap_run_settings, member)

const io_field cap_run_fields[] = {
    {FIELD("seed", seed, IO_FIELD_WHOLE), .most = MOST_SEED},
    {FIELD("epochs", epochs, IO_FIELD_INT), .least = 1, .most = CAP_MOST_EPOCHS,
     .help = "times through all that is learnt from; --resume with more goes on, the learning rate as in a "
             "run of "
             "so many"},
    {FIELD("batch", batch, IO_FIELD_INT), .least = 1, .most = 65536, .help = "captions or pairs per step"},
    {FIELD("optimiser", optimiser, IO_FIELD_CHOICE), .choice = optimiser_name,
     .help = "the rule of the steps"},
    {FIELD("rate", rate, IO_FIELD_NUMBER), .most = INFINITY, .help = "peak learning rate; texts: 0.002"},
    {FIELD("warmup", warmup, IO_FIELD_NUMBER), .most = 1, .help = "share of all steps until the peak"},
    {FIELD("fall", fall, IO_FIELD_CHOICE), .choice = fall_name,
     .help = "of the rate behind its peak: cosine: to a hundredth; linear: to a twentieth; invsqrt: with the "
             "inverse square root of the step"},
    {FIELD("weight_decay", decay, IO_FIELD_NUMBER), .most = 10, .help = "pull of the weights to zero"},
    {FIELD("clip", clip, IO_FIELD_NUMBER), .most = INFINITY, .help = "most the gradient may measure; 0: any"},
    {FIELD("average", average, IO_FIELD_NUMBER), .most = 0.999999,
     .help = "what an average of the weights keeps of itself at each step; it is validated and saved in "
             "their place; 0: there is none"},
    {FIELD("precision", precision, IO_FIELD_CHOICE), .choice = precision_name,
     .help = "of large products; bf16 needs a CPU with AMX to be faster"},
    {0},
};

static err_code check_settings(const cap_run_settings *s, error *err)
{
    cap_run_settings checked = *s;
    if (s->resume && !s->epochs) checked.epochs = 1; /* as many as before */
    if (!s->out) return err_set(err, ERR_ARGUMENT, "the file of the model must be named");
    return io_fields_check(cap_run_fields, &checked, "training's", err);
}

void cap_run_schedule(cap_run *r)
{
    const cap_run_settings *s = r->s;
    int64_t steps = r->extent.batches * s->epochs;
    r->schedule =
        (schedule){.kind = SCHEDULE_COSINE, .rate = s->rate, .floor = s->rate * 0.01, .steps = steps};
    if (s->fall == CAP_FALL_LINEAR) {
        r->schedule.kind = SCHEDULE_LINEAR;
        r->schedule.floor = s->rate * 0.05;
    }
    if (s->fall == CAP_FALL_INVSQRT) r->schedule.kind = SCHEDULE_INVSQRT;
    r->schedule.warmup = (int64_t)(s->warmup * (double)steps);
}

/* ---- opening ---- */

static err_code open_task(cap_run *r, error *err)
{
    const cap_task *task = r->task;
    r->data = calloc(1, task->data_bytes + 1);
    if (!r->data) return err_no_memory(err, "for a training run");
    err_code code = task->open(r, err);
    if (code || (code = optim_init(&r->optim, r->s->optimiser, r->params, err))) return code;
    r->optim.decay = r->s->decay;
    if (r->s->average > 0 && (code = optim_keep_average(&r->optim, r->s->average, err))) return code;
    if (r->s->resume && (code = cap_run_load_state(r, err))) return code;
    cap_run_schedule(r);
    if (task->prepare && (code = task->prepare(r, err))) return code;
    return cap_train_files_settle(&r->files, r->at.epoch, r->at.step, err);
}

static void introduce(const cap_run *r)
{
    text line = {0};
    if (r->task->introduce) r->task->introduce(r, &line);
    cap_run_say(r, "%s%s%d threads, %s", text_string(&line), line.length ? "; " : "",
                pool_threads(r->threads), precision_name((int)r->s->precision));
    text_release(&line);
}

err_code cap_run_open(cap_run *r, const cap_task *task, const cap_run_settings *s, const void *asked,
                      const cap_train_events *events, error *err)
{
    cap_beginning beginning;
    *r = (cap_run){.settings = *s,
                   .s = &r->settings,
                   .asked = asked,
                   .events = events,
                   .task = task,
                   .stored = IO_F32,
                   .at = {.best = -INFINITY, .best_epoch = -1}};
    err_code code = check_settings(s, err);
    if (code || (code = cap_beginning_of(s->resume, s->force, &beginning, err)) ||
        (task->check && (code = task->check(asked, s, err))) ||
        (code = cap_train_files_open(&r->files, s->out, beginning, err)))
        return code;
    r->threads = pool_create(s->threads);
    r->tape = (nn_tape){.mem = &r->memory, .threads = r->threads, .seed = s->seed};
    r->tape.precision = s->precision;
    if (!r->threads) return err_set(err, ERR_MEMORY, "cannot start %d threads", s->threads);
    if ((code = open_task(r, err))) return code;
    introduce(r);
    return ERR_OK;
}

void cap_run_close(cap_run *r)
{
    optim_release(&r->optim); /* borrows the parameters, which are the task's */
    if (r->data && r->task->close) r->task->close(r);
    free(r->data);
    arena_release(&r->memory);
    arena_release(&r->step_memory);
    pool_free(&r->threads);
    cap_train_files_close(&r->files);
}
