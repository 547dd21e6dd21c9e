/* Setting up a run: files, task, optimiser, saved state. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/train/train_run.h"

static err_code check_settings(const cap_train_settings *s, error *err)
{
    if (!s->out) return err_set(err, ERR_ARGUMENT, "the file of the model must be named");
    if (s->cache && strlen(s->cache) > CAP_LONGEST_OUT)
        return err_set(err, ERR_LIMIT, "the name of --cache is longer than %d bytes", CAP_LONGEST_OUT);
    if (s->epochs < (s->resume ? 0 : 1) || s->epochs > CAP_MOST_EPOCHS || s->batch < 1)
        return err_set(err, ERR_ARGUMENT,
                       "%d epochs in batches of %d are not possible: 1 to %d epochs, batches of 1 or more",
                       s->epochs, s->batch, CAP_MOST_EPOCHS);
    return ERR_OK;
}

err_code cap_run_plan(const cap_run *r, uint32_t epoch, ds_plan **plan, error *err)
{
    ds_plan_settings p = {.batch = r->s->batch,
                          .per_image = r->per_image,
                          .max_words = r->s->max_words,
                          .seed = r->s->seed,
                          .epoch = epoch};
    return ds_plan_create(r->targets, &p, plan, err);
}

void cap_run_schedule(cap_run *r)
{
    const cap_train_settings *s = r->s;
    int64_t steps = (int64_t)r->epoch_batches * s->epochs;
    r->schedule =
        (schedule){.kind = SCHEDULE_COSINE, .rate = s->rate, .floor = s->rate * 0.01, .steps = steps};
    r->schedule.warmup = (int64_t)(s->warmup * (double)steps);
}

/* The schedule's length needs the number of batches of an epoch, which the first plan tells. */
static err_code plan_steps(cap_run *r, error *err)
{
    ds_plan *plan = NULL;
    err_code code = cap_run_plan(r, 0, &plan, err);
    if (!code) r->epoch_batches = ds_plan_batches(plan);
    ds_plan_free(&plan);
    return code;
}

static err_code open_task(cap_run *r, error *err)
{
    const cap_task *task = r->task;
    r->data = calloc(1, task->data_bytes);
    if (!r->data) return err_set(err, ERR_MEMORY, "out of memory for a training run");
    err_code code = task->open(r, err);
    if (code || (code = plan_steps(r, err)) ||
        (code = optim_init(&r->optim, OPTIM_ADAMW, &r->model->params, err)))
        return code;
    r->optim.decay = r->s->decay;
    if (r->s->resume && (code = cap_run_load_state(r, err))) return code;
    cap_run_schedule(r);
    if (task->prepare && (code = task->prepare(r, err))) return code;
    return cap_train_files_settle(&r->files, r->at.epoch, r->at.step, err);
}

static void introduce(const cap_run *r)
{
    text line = {0};
    r->task->introduce(r, &line);
    cap_run_say(r, "%s; %d threads, %s", text_string(&line), pool_threads(r->threads),
                r->s->bf16 ? "bf16" : "f32");
    text_release(&line);
}

err_code cap_run_open(cap_run *r, const cap_train_settings *s, const cap_train_events *events, error *err)
{
    cap_beginning beginning;
    *r = (cap_run){.settings = *s,
                   .s = &r->settings,
                   .events = events,
                   .task = s->kind == CAP_TEXT ? &cap_task_text : &cap_task_photos,
                   .at = {.best = -INFINITY, .best_epoch = -1}};
    err_code code = check_settings(s, err);
    if (code || (code = cap_beginning_of(s->resume, s->force, &beginning, err)) ||
        (code = r->task->check(s, err)) ||
        (code = cap_train_files_open(&r->files, s->out, ".state", beginning, err)))
        return code;
    r->threads = pool_create(s->threads);
    r->tape = (nn_tape){.mem = &r->memory, .threads = r->threads, .seed = s->seed};
    r->tape.precision = s->bf16 ? GEMM_BF16 : GEMM_F32;
    if (!r->threads) return err_set(err, ERR_MEMORY, "cannot start %d threads", s->threads);
    if ((code = open_task(r, err))) return code;
    introduce(r);
    return ERR_OK;
}

void cap_run_close(cap_run *r)
{
    if (r->data) r->task->close(r);
    free(r->data);
    optim_release(&r->optim);
    cap_model_close(&r->model);
    arena_release(&r->memory);
    arena_release(&r->step_memory);
    pool_free(&r->threads);
    cap_train_files_close(&r->files);
}
