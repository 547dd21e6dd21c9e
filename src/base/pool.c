#include "src/base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* So often a thread looks for work, or for the end of others' work, before it sleeps or gives its CPU away:
 * steps follow within microseconds. */
enum { SPINS = 2000 };

typedef struct worker {
    pool *pool;
    pthread_t thread;
    int index;
} worker;

struct pool {
    int threads;
    int spins;       /* before a thread that waits gives its CPU away */
    worker *workers; /* threads - 1 of them */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    /* Tasks of the run in the upper half, those taken in the lower one: in one word, so that whoever takes a
     * task knows that the run it belongs to is still on, and with it task and ctx. */
    atomic_uint_fast64_t taken;
    atomic_int left;     /* tasks that are not done */
    atomic_int sleepers; /* workers that wait for `wake` */
    atomic_bool quit;
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

/* A set for `most` CPUs; 0: Linux has more of them than fit in it, or tells nothing. */
static int count_cpus(int most)
{
    cpu_set_t *set = CPU_ALLOC(most);
    if (!set) return 0;
    size_t size = CPU_ALLOC_SIZE(most);
    int n = sched_getaffinity(0, size, set) ? 0 : CPU_COUNT_S(size, set);
    CPU_FREE(set);
    return n;
}

int pool_cpus(void)
{
    enum { MOST = 1 << 20 };
    int n = 0;
    for (int most = CPU_SETSIZE; !n && most <= MOST; most *= 2) n = count_cpus(most);
    return n > 0 ? n : 1;
}

int pool_threads(const pool *p)
{
    return p ? p->threads : 1;
}

static bool has_work(uint64_t taken)
{
    return (uint32_t)taken < taken >> 32;
}

/* Nobody waits for a worker that comes late, when all is taken: on a busy machine it may be long before it
 * gets a CPU. */
static void take_tasks(pool *p, int index)
{
    inside_task = true;
    uint_fast64_t taken = atomic_load(&p->taken);
    while (has_work(taken)) {
        if (!atomic_compare_exchange_weak(&p->taken, &taken, taken + 1)) continue;
        p->task(p->ctx, (int)(uint32_t)taken, index);
        atomic_fetch_sub(&p->left, 1);
        taken = atomic_load(&p->taken);
    }
    inside_task = false;
}

/* First spinning, then asleep. False: it is over. */
static bool await_work(pool *p)
{
    for (int i = 0; i < p->spins; i++) {
        if (has_work(atomic_load(&p->taken))) return true;
        cpu_relax();
    }
    pthread_mutex_lock(&p->mutex);
    atomic_fetch_add(&p->sleepers, 1);
    while (!has_work(atomic_load(&p->taken)) && !atomic_load(&p->quit))
        pthread_cond_wait(&p->wake, &p->mutex);
    atomic_fetch_sub(&p->sleepers, 1);
    pthread_mutex_unlock(&p->mutex);
    return !atomic_load(&p->quit);
}

static void *work(void *arg)
{
    worker *w = arg;
    while (await_work(w->pool)) take_tasks(w->pool, w->index);
    return NULL;
}

static void wake_sleepers(pool *p)
{
    if (!atomic_load(&p->sleepers) && !atomic_load(&p->quit)) return;
    pthread_mutex_lock(&p->mutex);
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
    p->spins = threads > pool_cpus() ? 0 : SPINS; /* with fewer CPUs, spinning keeps others from working */
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
    wake_sleepers(p);
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
    atomic_store(&p->left, tasks);
    atomic_store(&p->taken, (uint64_t)tasks << 32);
    wake_sleepers(p);
    take_tasks(p, 0);
    for (int i = 0; atomic_load(&p->left) > 0; i++)
        if (i < p->spins)
            cpu_relax();
        else
            sched_yield();
}
