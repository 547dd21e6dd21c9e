/* Setting up a run: files, task, optimiser, saved state. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "captioner/train_run.h"
#include "src/io/file.h"

enum { LONGEST_PATH = 4000 };

/* A run that could not keep its result, or has nothing to resume, must say so before the work, not after. */
static err_code check_files(const cap_run *r, error *err)
{
    io_writer *w = io_writer_open(r->s->out, err);
    if (!w) return err->code;
    io_writer_abort(&w);
    if (r->s->resume && access(r->state_path, F_OK) && errno == ENOENT)
        return err_set(err, ERR_MISSING, "cannot resume: there is no '%s'; leave out --resume to begin anew",
                       r->state_path);
    return ERR_OK;
}

static err_code check_settings(const cap_train_settings *s, error *err)
{
    if (!s->out) return err_set(err, ERR_ARGUMENT, "the file of the model must be named");
    if (strlen(s->out) > LONGEST_PATH || (s->cache && strlen(s->cache) > LONGEST_PATH))
        return err_set(err, ERR_LIMIT, "the name of --out or --cache is longer than %d bytes", LONGEST_PATH);
    if (s->epochs < 1 || s->batch < 1)
        return err_set(err, ERR_ARGUMENT,
                       "%d epochs in batches of %d are not possible; both must be 1 or more", s->epochs,
                       s->batch);
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

static void count_steps(cap_run *r, int batches)
{
    const cap_train_settings *s = r->s;
    int64_t steps = (int64_t)batches * s->epochs;
    r->schedule =
        (schedule){.kind = SCHEDULE_COSINE, .rate = s->rate, .floor = s->rate * 0.01, .steps = steps};
    r->schedule.warmup = (int64_t)(s->warmup * (double)steps);
}

/* The schedule's length needs the number of batches of an epoch, which the first plan tells. */
static err_code plan_steps(cap_run *r, error *err)
{
    ds_plan *plan = NULL;
    err_code code = cap_run_plan(r, 0, &plan, err);
    if (!code) count_steps(r, ds_plan_batches(plan));
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
    return task->prepare ? task->prepare(r, err) : ERR_OK;
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
    *r = (cap_run){.s = s,
                   .events = events,
                   .task = s->kind == CAP_TEXT ? &cap_task_text : &cap_task_photos,
                   .at = {.best = -INFINITY, .best_epoch = -1}};
    err_code code = check_settings(s, err);
    if (code || (code = r->task->check(s, err))) return code;
    snprintf(r->state_path, sizeof r->state_path, "%.4000s.state", s->out);
    snprintf(r->log_path, sizeof r->log_path, "%.4000s.log.jsonl", s->out);
    r->threads = pool_create(s->threads);
    r->tape = (nn_tape){.mem = &r->memory, .threads = r->threads, .seed = s->seed};
    r->tape.precision = s->bf16 ? GEMM_BF16 : GEMM_F32;
    if (!r->threads) return err_set(err, ERR_MEMORY, "cannot start %d threads", s->threads);
    if ((code = check_files(r, err)) || (code = open_task(r, err))) return code;
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
}
