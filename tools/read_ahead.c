#include "tools/read_ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_THREADS = 16 };

struct read_ahead {
    const cap_model *model;
    const cap_request *request;
    const char *const *path;
    int count;

    pthread_mutex_t lock;
    pthread_cond_t is_read, has_room;
    int next;  /* photo that no thread has begun */
    int taken; /* photos that were handed over */
    bool stop;
    bool ready[READ_AHEAD];
    cap_ahead slot[READ_AHEAD]; /* photo i is in slot i % READ_AHEAD */
    pthread_t thread[MOST_THREADS];
    int threads;
};

/* The next photo to read; -1: there is none, or nobody wants more. */
static int claim_photo(read_ahead *r)
{
    pthread_mutex_lock(&r->lock);
    while (!r->stop && r->next < r->count && r->next - r->taken >= READ_AHEAD)
        pthread_cond_wait(&r->has_room, &r->lock);
    int i = r->stop || r->next >= r->count ? -1 : r->next++;
    pthread_mutex_unlock(&r->lock);
    return i;
}

/* A pipe could keep the thread waiting when nobody wants its photo any more: it is read when its turn comes. */
static void read_one(const read_ahead *r, const char *path, cap_ahead *out)
{
    struct stat st;
    *out = (cap_ahead){.path = path};
    if (!strcmp(path, "-") || (!stat(path, &st) && !S_ISREG(st.st_mode))) return;
    cap_ahead_read(r->model, r->request, path, out);
}

static void *read_photos(void *ctx)
{
    read_ahead *r = ctx;
    for (int i; (i = claim_photo(r)) >= 0;) {
        read_one(r, r->path[i], &r->slot[i % READ_AHEAD]);
        pthread_mutex_lock(&r->lock);
        r->ready[i % READ_AHEAD] = true;
        pthread_cond_signal(&r->is_read);
        pthread_mutex_unlock(&r->lock);
    }
    return NULL;
}

read_ahead *read_ahead_start(const cap_model *model, const cap_request *request, const char *const *path,
                             int count, int threads)
{
    read_ahead *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->model = model;
    r->request = request;
    r->path = path;
    r->count = count;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->is_read, NULL);
    pthread_cond_init(&r->has_room, NULL);
    if (!threads) threads = pool_cpus();
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    while (r->threads < threads && !pthread_create(&r->thread[r->threads], NULL, read_photos, r))
        r->threads++;
    if (!r->threads) read_ahead_stop(&r);
    return r;
}

void read_ahead_take(read_ahead *r, int n, cap_ahead *list)
{
    pthread_mutex_lock(&r->lock);
    for (int k = 0; k < n; k++) {
        int at = r->taken % READ_AHEAD;
        while (!r->ready[at]) pthread_cond_wait(&r->is_read, &r->lock);
        list[k] = r->slot[at];
        r->slot[at] = (cap_ahead){0};
        r->ready[at] = false;
        r->taken++;
    }
    pthread_cond_broadcast(&r->has_room);
    pthread_mutex_unlock(&r->lock);
}

void read_ahead_stop(read_ahead **rp)
{
    read_ahead *r = *rp;
    if (!r) return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_broadcast(&r->has_room);
    pthread_mutex_unlock(&r->lock);
    for (int i = 0; i < r->threads; i++) pthread_join(r->thread[i], NULL);
    for (int i = 0; i < READ_AHEAD; i++) cap_ahead_release(&r->slot[i]);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->is_read);
    pthread_cond_destroy(&r->has_room);
    free(r);
    *rp = NULL;
}
