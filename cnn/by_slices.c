/* Running a net without recording it. Where photos do not depend on each other they go a few at a time, which
 * bounds the memory, and threads take different ones: no thread waits for another after every layer, and a
 * slice's maps stay in the cache of one core. How photos are cut depends on their number alone. */
#include <stdlib.h>
#include <string.h>

#include "cnn/blocks.h"

enum { SLICE = 4 }; /* photos at a time, fewer than twice as many: no less than conv_taps.h takes */

/* An empty arena that holds in one piece what it ever needed: an arena that grows inside a round gives the
 * new piece back at the next rewind, and fresh pages cost more than the convolution they serve. */
static arena *ready_arena(cnn_scratch *s, int which)
{
    arena *a = &s->turn[which];
    if (a->peak > s->reserved[which]) {
        s->reserved[which] = a->peak;
        arena_release(a);
        arena_alloc(a, a->peak); /* on failure the block's first allocation fails again, and tells */
    }
    arena_reset(a);
    return a;
}

/* The two arenas take turns, so that a block's input is still there while its output is made, and everything
 * older is not. */
static nn_var *run_blocks(const cnn_net *net, cnn_scratch *s, nn_tape *t, nn_var *x, int count)
{
    bool folded = net->folded && !t->training;
    for (int i = 0; i < count; i++) {
        t->mem = ready_arena(s, i & 1);
        x = cnn_block_forward(t, x, &net->blocks[i], folded);
    }
    return x;
}

typedef struct slices_ctx {
    cnn_net *net;
    nn_tape tape; /* as a task has it */
    const nn_var *x;
    nn_var *y;
    int count, slices; /* blocks */
    bool *failed;      /* [slices] */
} slices_ctx;

static size_t per_photo(const nn_var *v)
{
    return nn_count(v) / (size_t)v->dim[0];
}

static void run_slice(void *p, int index, int worker)
{
    const slices_ctx *c = p;
    int photos = c->x->dim[0], first = photos * index / c->slices, last = photos * (index + 1) / c->slices;
    int dim[4] = {last - first, c->x->dim[1], c->x->dim[2], c->x->dim[3]};
    nn_var part = {.data = c->x->data + (size_t)first * per_photo(c->x), .rank = 4};
    memcpy(part.dim, dim, sizeof dim);
    nn_tape t = c->tape;
    const nn_var *y = run_blocks(c->net, &c->net->scratch[worker], &t, &part, c->count);
    c->failed[index] = t.failed || !y;
    if (!c->failed[index])
        memcpy(c->y->data + (size_t)first * per_photo(c->y), y->data, nn_count(y) * sizeof *y->data);
}

static bool make_scratch(cnn_net *net, int threads)
{
    if (threads <= net->scratches) return true;
    cnn_scratch *more = realloc(net->scratch, (size_t)threads * sizeof *more);
    if (!more) return false;
    memset(more + net->scratches, 0, (size_t)(threads - net->scratches) * sizeof *more);
    net->scratch = more;
    net->scratches = threads;
    return true;
}

nn_var *cnn_forward_in_scratch(cnn_net *net, nn_tape *t, const nn_var *x, int count)
{
    int photos = x->dim[0], dim[4] = {photos, x->dim[1], x->dim[2], x->dim[3]};
    slices_ctx c = {.net = net, .tape = *t, .x = x, .count = count, .slices = 1};
    if (photos >= SLICE && cnn_norms_are_constant(net, t, 0)) c.slices = photos / SLICE;
    for (int i = 0; i < count; i++) cnn_pass_block(&net->blocks[i], dim);
    c.y = nn_result(t, 4, dim, false);
    c.failed = nn_alloc(t, (size_t)c.slices * sizeof *c.failed);
    bool alone = c.slices == 1; /* then the threads share the layers */
    if (!make_scratch(net, alone ? 1 : pool_threads(t->threads))) t->failed = true;
    if (t->failed) return NULL;
    c.tape.recording = false;
    if (!alone) {
        c.tape.threads = NULL;
        c.tape.inside_task = true;
    }
    if (alone)
        run_slice(&c, 0, 0);
    else
        pool_run(t->threads, c.slices, run_slice, &c);
    for (int i = 0; i < c.slices; i++) t->failed |= c.failed[i];
    return t->failed ? NULL : c.y;
}
