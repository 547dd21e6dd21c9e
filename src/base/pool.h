/* Pool: the one set of worker threads of a program.
 *
 *     pool *p = pool_create(2);      two threads in all, one worker beside the caller; 0: one per CPU
 *     pool_run(p, n, task, ctx);     task(ctx, i, worker) for every i in 0..n-1, in any order; returns when
 *     pool_free(&p);                 all are done
 *
 * How work is cut into tasks must depend on the shapes alone, never on the number of threads: then a result
 * has the same bits whatever --threads says. A NULL pool runs everything in the caller. Runs from inside a
 * task run inline. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

typedef struct pool pool;
typedef void (*pool_task)(void *ctx, int index, int worker); /* worker is in 0..pool_threads()-1 */

pool *pool_create(int threads); /* NULL when memory or threads are out */
void pool_free(pool **p);       /* NULL and pointer to NULL are fine */
int pool_threads(const pool *p);
void pool_run(pool *p, int tasks, pool_task task, void *ctx);

/* CPUs this process may use (affinity respected), at least 1. */
int pool_cpus(void);

#endif
