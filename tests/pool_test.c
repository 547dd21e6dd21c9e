/* The pool: every task runs exactly once, whoever takes it, over many short runs. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/pool.h"

enum { TASKS = 97, RUNS = 3000 };

typedef struct tally {
    atomic_int times[TASKS];
    atomic_int strangers; /* tasks whose worker is out of range */
    int threads;
} tally;

static void count(void *ctx, int index, int worker)
{
    tally *t = ctx;
    atomic_fetch_add(&t->times[index], 1);
    if (worker < 0 || worker >= t->threads) atomic_fetch_add(&t->strangers, 1);
}

/* In place of the system's: a machine of 4,096 CPUs, of which this process may use every second one. As Linux
 * does, it refuses a set in which they do not fit. 0: one that tells nothing. */
static size_t cpus_of_machine = 4096;

int sched_getaffinity(pid_t process, size_t bytes, cpu_set_t *set)
{
    (void)process;
    if (!cpus_of_machine || bytes * 8 < cpus_of_machine) {
        errno = EINVAL;
        return -1;
    }
    memset(set, 0, bytes);
    for (size_t i = 0; i < cpus_of_machine; i += 2) CPU_SET_S(i, bytes, set);
    return 0;
}

static void test_counts_cpus(void **state)
{
    (void)state;
    static const struct {
        size_t machine;
        int count;
    } cases[] = {{2, 1}, {1024, 512}, {1026, 513}, {4096, 2048}, {0, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cpus_of_machine = cases[i].machine;
        assert_int_equal(pool_cpus(), cases[i].count);
    }
    cpus_of_machine = 4096;
}

/* Runs of 1 to TASKS tasks, one after the other without a pause, each with a tally of its own on the stack.
 */
static void run_often(pool *p)
{
    for (int run = 0; run < RUNS; run++) {
        int tasks = 1 + run % TASKS;
        tally t = {.threads = pool_threads(p)};
        pool_run(p, tasks, count, &t);
        for (int i = 0; i < TASKS; i++) assert_int_equal(atomic_load(&t.times[i]), i < tasks);
        assert_int_equal(atomic_load(&t.strangers), 0);
    }
}

static void test_every_task_once(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 3, 8};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        pool *p = pool_create(threads[i]);
        assert_non_null(p);
        assert_int_equal(pool_threads(p), threads[i]);
        run_often(p);
        pool_free(&p);
        assert_null(p);
    }
}

static void test_without_a_pool(void **state)
{
    (void)state;
    assert_int_equal(pool_threads(NULL), 1);
    run_often(NULL);
}

static void test_no_tasks(void **state)
{
    (void)state;
    pool *p = pool_create(2);
    pool_run(p, 0, count, NULL);
    pool_run(p, -1, count, NULL);
    pool_free(&p);
    pool_free(&p);
}

typedef struct nest {
    pool *pool;
    tally *inner;
} nest;

static void run_inside(void *ctx, int index, int worker)
{
    nest *n = ctx;
    (void)worker;
    pool_run(n->pool, TASKS, count, &n->inner[index]);
}

static void test_runs_inside_tasks(void **state)
{
    (void)state;
    static tally inner[3];
    pool *p = pool_create(2);
    for (int i = 0; i < 3; i++) inner[i].threads = 2;
    pool_run(p, 3, run_inside, &(nest){p, inner});
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < TASKS; j++) assert_int_equal(atomic_load(&inner[i].times[j]), 1);
    pool_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_cpus),       cmocka_unit_test(test_every_task_once),
        cmocka_unit_test(test_without_a_pool),    cmocka_unit_test(test_no_tasks),
        cmocka_unit_test(test_runs_inside_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
