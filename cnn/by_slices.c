/* Running nodes without recording them. Where photos do not depend on each other they go a few at a time,
 * which bounds the memory, and threads take different ones: no thread waits for another after every layer,
 * and a slice's maps stay in the cache of one core. How photos are cut depends on their number alone. The
 * memory is that of the tape's workspace, so that many threads may run one net. */
#include <string.h>

#include "cnn/nodes.h"

enum { SLICE = 4 }; /* photos at a time, fewer than twice as many: no less than conv_taps.h takes */

typedef struct slices_ctx {
    const cnn_net *net;
    workspace *space; /* an arena for each result that is still to be read, of each thread */
    nn_tape tape;     /* as a task has it */
    const nn_var *x;
    nn_var *y;
    int last, slices;
    const bool *bare;
    bool *failed; /* [slices] */
} slices_ctx;

/* A slot whose result nobody reads from node `i` on; holder[slot] is the node that it belongs to, 0: none.
 * The net is as wide as it has to be for one to be there. */
static int free_slot(const cnn_net *net, const int *holder, int i)
{
    int slot = 0;
    while (holder[slot] && net->node[holder[slot]].last_reader >= i) slot++;
    return slot;
}

static nn_var *run_nodes(const slices_ctx *c, int worker, nn_tape *t, nn_var *x)
{
    const cnn_net *net = c->net;
    nn_var *result[CNN_MAX_NODES], *in[CNN_MAX_INPUTS];
    int holder[CNN_MAX_NODES] = {0};
    result[0] = x;
    for (int first = 1, last; first <= c->last && !t->failed; first = last + 1) {
        const cnn_node *n = &net->node[first];
        int taken = cnn_bands_take(net, t, first, c->bare), slot = free_slot(net, holder, first);
        last = taken ? first + taken - 1 : first;
        holder[slot] = last;
        t->mem = workspace_slot(c->space, worker, CNN_SLOT_RESULT + slot);
        cnn_inputs_of(n, result, in);
        result[last] = taken ? cnn_forward_by_bands(net, t, in[0], first, taken)
                             : cnn_node_forward(t, n, in, c->bare[first]);
    }
    return t->failed ? NULL : result[c->last];
}

static size_t per_photo(const nn_var *v)
{
    return nn_count(v) / v->dim[0];
}

static void run_slice(void *p, int index, int worker)
{
    const slices_ctx *c = p;
    int photos = c->x->dim[0], first = photos * index / c->slices, last = photos * (index + 1) / c->slices;
    int dim[4] = {last - first, c->x->dim[1], c->x->dim[2], c->x->dim[3]};
    nn_var part = {.data = c->x->data + first * per_photo(c->x), .rank = 4};
    memcpy(part.dim, dim, sizeof dim);
    nn_tape t = c->tape;
    const nn_var *y = run_nodes(c, worker, &t, &part);
    c->failed[index] = t.failed || !y;
    if (!c->failed[index])
        memcpy(c->y->data + first * per_photo(c->y), y->data, nn_count(y) * sizeof *y->data);
}

nn_var *cnn_forward_by_slices(cnn_net *net, nn_tape *t, const nn_var *x, int last, const bool *bare,
                              const cnn_extent *extent)
{
    int photos = x->dim[0];
    slices_ctx c = {.net = net, .tape = *t, .x = x, .last = last, .bare = bare, .slices = 1};
    if (photos >= SLICE && cnn_norms_are_constant(net, t, 1)) c.slices = photos / SLICE;
    c.y = nn_result(t, 4, (int[]){photos, extent[last].height, extent[last].width, net->node[last].channels},
                    false);
    c.failed = nn_alloc(t, c.slices * sizeof *c.failed);
    bool alone = c.slices == 1; /* then the threads share the layers */
    c.space = cnn_workspace_of(net, t);
    if (!workspace_reserve(c.space, alone ? 1 : pool_threads(t->threads), CNN_SLOT_RESULT + net->width))
        t->failed = true;
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
