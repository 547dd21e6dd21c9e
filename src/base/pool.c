#include "src/base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
    SPINS = 2000
}; /* a worker looks this often for the next run before it sleeps: steps follow within microseconds */

typedef struct worker {
    pool *pool;
    pthread_t thread;
    int index;
} worker;

struct pool {
    int threads;
    worker *workers; /* threads - 1 of them */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    atomic_uint round; /* grows by one per run */
    atomic_int next;   /* next task to take */
    atomic_int busy;   /* workers that have not finished the round */
    atomic_bool quit;
    int tasks;
    pool_task task;
    void *ctx;
};

static _Thread_local bool inside_task;

static void cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

int pool_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set)) return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}

int pool_threads(const pool *p)
{
    return p ? p->threads : 1;
}

static void take_tasks(pool *p, int index)
{
    inside_task = true;
    for (int i; (i = atomic_fetch_add(&p->next, 1)) < p->tasks;) p->task(p->ctx, i, index);
    inside_task = false;
}

/* Waits for a round after `seen`: first spinning, then asleep. */
static unsigned await_round(pool *p, unsigned seen)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&p->round, memory_order_acquire) != seen) return atomic_load(&p->round);
        cpu_relax();
    }
    pthread_mutex_lock(&p->mutex);
    while (atomic_load(&p->round) == seen) pthread_cond_wait(&p->wake, &p->mutex);
    pthread_mutex_unlock(&p->mutex);
    return atomic_load(&p->round);
}

static void *work(void *arg)
{
    worker *w = arg;
    pool *p = w->pool;
    unsigned seen = 0;
    for (;;) {
        seen = await_round(p, seen);
        if (atomic_load(&p->quit)) return NULL;
        take_tasks(p, w->index);
        atomic_fetch_sub(&p->busy, 1);
    }
}

static void start_round(pool *p)
{
    pthread_mutex_lock(&p->mutex);
    atomic_fetch_add(&p->round, 1);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->mutex);
}

pool *pool_create(int threads)
{
    if (threads <= 0) threads = pool_cpus();
    pool *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->threads = 1;
    p->workers = calloc((size_t)threads, sizeof *p->workers);
    if (!p->workers) {
        pool_free(&p);
        return NULL;
    }
    for (int i = 1; i < threads; i++) {
        worker *w = &p->workers[i - 1];
        *w = (worker){.pool = p, .index = i};
        if (pthread_create(&w->thread, NULL, work, w)) {
            pool_free(&p);
            return NULL;
        }
        p->threads++;
    }
    return p;
}

void pool_free(pool **pp)
{
    pool *p = *pp;
    if (!p) return;
    atomic_store(&p->quit, true);
    start_round(p);
    for (int i = 0; i < p->threads - 1; i++) pthread_join(p->workers[i].thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->mutex);
    free(p->workers);
    free(p);
    *pp = NULL;
}

void pool_run(pool *p, int tasks, pool_task task, void *ctx)
{
    if (tasks <= 0) return;
    if (!p || p->threads == 1 || tasks == 1 || inside_task) {
        for (int i = 0; i < tasks; i++) task(ctx, i, 0);
        return;
    }
    p->task = task;
    p->ctx = ctx;
    p->tasks = tasks;
    atomic_store(&p->next, 0);
    atomic_store(&p->busy, p->threads - 1);
    start_round(p);
    take_tasks(p, 0);
    while (atomic_load_explicit(&p->busy, memory_order_acquire) > 0) sched_yield();
}
