/* Benchmarks of describing photos: a fresh process each time (cold), and an open captioner (warm). */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "captioner/caption.h"
#include "tools/bench.h"

extern char **environ;

static const char program[] = "/proc/self/exe";

/* ---- cold ---- */

static err_code start_program(const bench_env *env, pid_t *child, error *err)
{
    char verb[] = "caption", threads[] = "--threads=1", model[] = "--model", end[] = "--";
    char *own_model = env->model ? strdup(env->model) : NULL, *photo = strdup(env->photo);
    char *argv[7] = {verb, threads};
    int n = 2;
    if (own_model) {
        argv[n++] = model;
        argv[n++] = own_model;
    }
    argv[n++] = end;
    argv[n] = photo;
    posix_spawn_file_actions_t files;
    int failure = photo && (own_model || !env->model) ? posix_spawn_file_actions_init(&files) : ENOMEM;
    if (!failure) {
        failure = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        if (!failure) failure = posix_spawn(child, program, &files, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&files);
    }
    free(own_model);
    free(photo);
    return failure ? err_set(err, ERR_IO, "cannot start '%s': %s", program, strerror(failure)) : ERR_OK;
}

/* Describes the photo in a process of its own; *used is what the system says it took. */
static err_code describe_in_process(const bench_env *env, struct rusage *used, error *err)
{
    pid_t child;
    int status;
    err_code code = start_program(env, &child, err);
    if (code) return code;
    while (wait4(child, &status, 0, used) < 0)
        if (errno != EINTR) return err_set(err, ERR_IO, "cannot wait for '%s': %s", program, strerror(errno));
    if (WIFEXITED(status) && !WEXITSTATUS(status)) return ERR_OK;
    return err_set(err, ERR_IO, "cannot time a new process: it failed, as said above");
}

/* Linux counts what the parent held when it started the child as the child's: the parent must be smaller. */
err_code bench_cold_open(bench_case *c, error *err)
{
    struct rusage own, child;
    if (c->row->kind != BENCH_MEMORY) return ERR_OK;
    getrusage(RUSAGE_SELF, &own);
    err_code code = describe_in_process(c->env, &child, err);
    if (!code && child.ru_maxrss > own.ru_maxrss) c->memory = (double)child.ru_maxrss / 1024;
    return code;
}

err_code bench_cold_run(bench_case *c, error *err)
{
    struct rusage child;
    return describe_in_process(c->env, &child, err);
}

void bench_cold_close(bench_case *c)
{
    (void)c;
}

/* ---- warm ---- */

enum { MANY = 16 };

typedef struct warm_photo {
    cap_model *model;
    cap_session *session;
} warm_photo;

err_code bench_warm_open(bench_case *c, error *err)
{
    warm_photo *w = calloc(1, sizeof *w);
    c->state = w;
    c->things = MANY;
    if (!w) return err_no_memory(err, "for a benchmark");
    err_code code = cap_open(c->env->model, &(cap_open_options){.reads = CAP_PHOTOS}, &w->model, err);
    int threads = c->row->all_threads ? c->env->threads : 1;
    return code ? code : cap_session_open(w->model, threads, &w->session, err);
}

err_code bench_warm_run(bench_case *c, error *err)
{
    warm_photo *w = c->state;
    cap_description d;
    err_code code =
        cap_describe_memory(w->session, NULL, c->env->bytes, c->env->size, c->env->photo, &d, err);
    cap_description_release(&d);
    return code;
}

err_code bench_many_run(bench_case *c, error *err)
{
    warm_photo *w = c->state;
    const char *paths[MANY];
    cap_description d[MANY];
    error errors[MANY] = {0};
    for (int i = 0; i < MANY; i++) paths[i] = c->env->photo;
    err_code code = cap_describe_files(w->session, NULL, paths, MANY, d, errors, err);
    for (int i = 0; i < MANY; i++) {
        if (!code && errors[i].code) code = err_set(err, errors[i].code, "%s", errors[i].text);
        cap_description_release(&d[i]);
    }
    return code;
}

void bench_warm_close(bench_case *c)
{
    warm_photo *w = c->state;
    if (!w) return;
    cap_session_close(&w->session);
    cap_close(&w->model);
    free(w);
}
