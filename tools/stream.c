#include "tools/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/frames.h"
#include "tools/print.h"
#include "tools/verbs.h"

/* Of pictures that cannot be read the first few are told, and the number of all at the end. */
enum { TOLD = 3 };

typedef struct picture {
    uint8_t *bytes; /* NULL: there is none */
    size_t size;
    long number; /* in the stream, from 1 */
    double time; /* seconds since the first one came */
} picture;

/* The newest picture, between the thread that reads and the one that describes. */
typedef struct mailbox {
    frames frames;
    pthread_mutex_t lock;
    pthread_cond_t news;
    picture newest;
    long came;
    double began;
    bool ended;
    error problem; /* why it ended */
} mailbox;

typedef struct stream_job {
    describe_request *q;
    mailbox box;
    text said; /* the sentence before */
    bool any;
    int unreadable;
} stream_job;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- reading ---- */

static void put_newest(mailbox *m, uint8_t *bytes, size_t size)
{
    pthread_mutex_lock(&m->lock);
    double now = seconds();
    if (!m->came++) m->began = now;
    free(m->newest.bytes);
    m->newest = (picture){bytes, size, m->came, now - m->began};
    pthread_cond_signal(&m->news);
    pthread_mutex_unlock(&m->lock);
}

static void *read_stream(void *ctx)
{
    mailbox *m = ctx;
    uint8_t *bytes;
    size_t size;
    error err = {0};
    while (!frames_next(&m->frames, &bytes, &size, &err) && bytes) put_newest(m, bytes, size);
    pthread_mutex_lock(&m->lock);
    m->ended = true;
    m->problem = err;
    pthread_cond_signal(&m->news);
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

/* Waits for a picture; false: the stream has ended. */
static bool take_newest(mailbox *m, picture *out)
{
    pthread_mutex_lock(&m->lock);
    while (!m->newest.bytes && !m->ended) pthread_cond_wait(&m->news, &m->lock);
    *out = m->newest;
    m->newest = (picture){0};
    pthread_mutex_unlock(&m->lock);
    return out->bytes;
}

static bool has_ended(mailbox *m)
{
    pthread_mutex_lock(&m->lock);
    bool ended = m->ended;
    pthread_mutex_unlock(&m->lock);
    return ended;
}

/* ---- describing ---- */

static bool print_json(const describe_request *q, const cap_description *d, const picture *p)
{
    io_json_build b = io_json_build_object();
    io_json_build described = describe_build(q, d, "-", NULL);
    io_json_put_int(&b, b.root, "frame", p->number);
    io_json_put_number(&b, b.root, "time", p->time);
    json_t *all = io_json_take(&described);
    json_object_del(all, "path"); /* all are of one stream */
    io_json_put_members(&b, b.root, all);
    json_decref(all);
    return print_json_built(q->out, &b);
}

/* Prints it where it says something new. */
static err_code say(stream_job *j, const cap_description *d, const picture *p, error *err)
{
    const describe_request *q = j->q;
    text now = {0};
    bool good = true;
    if (describe_is_hushed(q, d))
        text_append(&now, "(unsure)");
    else
        good = describe_say(q, &d->best, &now);
    good &= !now.failed;
    bool new = good && (!j->any || strcmp(text_string(&now), text_string(&j->said)) != 0);
    if (new && q->json)
        good = print_json(q, d, p);
    else if (new)
        good = describe_print(q, d, "-", NULL);
    text_release(&j->said);
    j->said = now;
    j->any = true;
    return good ? ERR_OK : err_no_memory(err, "while printing");
}

static err_code describe_picture(stream_job *j, const picture *p, error *err)
{
    cap_description d = {0};
    error reason = {0};
    char name[64];
    snprintf(name, sizeof name, "picture %ld of the stream", p->number);
    err_code code =
        cap_describe_memory(j->q->use.session, &j->q->decoding.request, p->bytes, p->size, name, &d, &reason);
    if (code == ERR_MEMORY) return err_set(err, code, "%s", reason.text);
    if (code && j->unreadable++ < TOLD) fprintf(stderr, "caption: %s\n", reason.text);
    if (code) return ERR_OK;
    code = chained_put(&j->q->chained, &d, 1, &reason, err);
    chained_show(&j->q->chained, 0);
    if (!code) code = say(j, &d, p, err);
    cap_description_release(&d);
    return code;
}

/* Until the next one is due, or the stream ends: then the last picture has its turn at once. */
static void wait_for_turn(mailbox *m, double due)
{
    static const struct timespec nap = {0, 20000000};
    while (seconds() < due && !has_ended(m)) nanosleep(&nap, NULL);
}

static err_code describe_stream(stream_job *j, error *err)
{
    picture p;
    err_code code = ERR_OK;
    while (!code && take_newest(&j->box, &p)) {
        double due = seconds() + j->q->every;
        code = describe_picture(j, &p, err);
        free(p.bytes);
        if (!code && fflush(stdout)) {
            if (errno == EPIPE) break; /* main knows how to end then */
            code = err_set(err, ERR_IO, "cannot write to standard output: %s", strerror(errno));
        }
        if (!code) wait_for_turn(&j->box, due);
    }
    return code;
}

/* ---- the run ---- */

static err_code start(stream_job *j, pthread_t *reader, error *err)
{
    const char *path = j->q->stream;
    bool standard = !strcmp(path, "-");
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_set(err, ERR_IO, "cannot read '%.300s': %s", path, strerror(errno));
    j->box.frames = (frames){.fd = fd, .name = standard ? "standard input" : path};
    pthread_mutex_init(&j->box.lock, NULL);
    pthread_cond_init(&j->box.news, NULL);
    return pthread_create(reader, NULL, read_stream, &j->box) ? err_no_memory(err, "or threads") : ERR_OK;
}

static int finish(const stream_job *j)
{
    const mailbox *m = &j->box;
    if (m->problem.code) return verb_fail(&m->problem);
    if (!m->came) {
        ui_say("there is no JPEG or PNG picture in '%s'", m->frames.name);
        return VERB_FAILED;
    }
    if (j->unreadable) ui_say("%d of %ld pictures could not be read", j->unreadable, m->came);
    return j->unreadable ? VERB_FAILED : VERB_DONE;
}

int stream_run(describe_request *q)
{
    stream_job j = {.q = q};
    pthread_t reader;
    error err = {0};
    err_code code = model_use_open(&q->use, CAP_PHOTOS, &q->decoding.request, &err);
    if (!code) code = chained_open(&q->chained, q->decoding.request.attention, &err);
    if (!code) code = start(&j, &reader, &err);
    if (code) {
        model_use_close(&q->use);
        chained_close(&q->chained);
        return verb_fail(&err);
    }
    code = describe_stream(&j, &err);
    if (!has_ended(&j.box))
        pthread_cancel(reader); /* it waits for the camera, in read(), where it owns nothing */
    pthread_join(reader, NULL);
    int verdict = code ? verb_fail(&err) : ferror(stdout) ? VERB_FAILED : finish(&j);
    free(j.box.newest.bytes);
    frames_release(&j.box.frames);
    text_release(&j.said);
    model_use_close(&q->use);
    chained_close(&q->chained);
    return verdict;
}
