#include "cnn/conv_taps.h"

#include <string.h>

#include "src/base/bounds.h"
#include "src/math/packed.h"

enum { MIN_IMAGES = 4, MAX_STRIDE = 2, MAX_KERNEL = 7, CHUNK = 128 };

bool conv_taps_suit(const nn_tape *t, const nn_var *x, const nn_var *w, cnn_window win)
{
    const packed *ready = t->recording ? NULL : w->packed;
    if (ready && ready->type != PACKED_BF16) return false;
    return gemm_rounds(ready ? GEMM_BF16 : t->precision) && (ready || x->dim[0] >= MIN_IMAGES) &&
           x->dim[3] % TAPS_UNIT == 0 && w->dim[3] % TAPS_UNIT == 0 && win.stride <= MAX_STRIDE &&
           win.kernel <= MAX_KERNEL && win.pad < win.kernel &&
           cnn_pad_before(x->dim[1], win) == cnn_pad_before(x->dim[2], win);
}

/* Target pixels (first_row + spread a, first_col + spread b) of positions (a, b). */
typedef struct phase {
    kernels_taps taps;
    int first_row, first_col, rows, cols;
} phase;

/* A source map becomes `planes` bf16 maps of `rows` x `width` pixels: padded row r lies in plane r % planes.
 * A position is one step of `planes` pixels; those beyond the target's width compute what nobody reads. */
typedef struct conv_taps {
    nn_tape *tape;
    const real *in;
    real *out;
    int h, w, channels, pad, planes, rows, width;
    int out_h, out_w, outputs, spread;
    phase phases[MAX_STRIDE * MAX_STRIDE];
    bool add;
    size_t buffer; /* numbers of one worker's planes */
    uint16_t *buffers;
    real *results; /* [workers][CHUNK,outputs] */
} conv_taps;

static void fill_planes(const conv_taps *c, const real *map, uint16_t *to)
{
    int cols = min_int(c->w, c->width - c->pad);
    for (int y = 0; y < c->h; y++) {
        int r = y + c->pad, row = r / c->planes;
        if (row >= c->rows) break;
        size_t pixel = ((size_t)(r % c->planes) * c->rows + row) * c->width + c->pad;
        c->tape->k->bf16.narrow(map + (size_t)y * c->w * c->channels, to + pixel * c->channels,
                                (size_t)cols * c->channels);
    }
}

static void put(const conv_taps *c, real *to, const real *from, size_t count)
{
    if (c->add)
        c->tape->k->vector.add(from, to, (int)count);
    else
        memcpy(to, from, count * sizeof *to);
}

/* Results of positions begin..end-1 to the target map. */
static void scatter(const conv_taps *c, const phase *f, const real *results, int begin, int end, real *map)
{
    int across = c->width / c->planes;
    size_t o = c->outputs;
    for (int p = begin, next; p < end; p = next) {
        int a = p / across, b = p % across;
        next = p - b + across < end ? p - b + across : end;
        if (a >= f->rows) return;
        int last = b + next - p < f->cols ? b + next - p : f->cols;
        size_t line = (size_t)(f->first_row + a * c->spread) * c->out_w + f->first_col;
        const real *from = results + (p - begin) * o;
        if (c->spread == 1 && b < last) put(c, map + (line + b) * o, from, (last - b) * o);
        for (int i = b; c->spread > 1 && i < last; i++)
            put(c, map + (line + (i * c->spread)) * o, from + (i - b) * o, o);
    }
}

static int positions(const conv_taps *c, const phase *f)
{
    return f->rows * (c->width / c->planes);
}

static void run_image(void *p, int image, int worker)
{
    conv_taps *c = p;
    uint16_t *planes = c->buffers + worker * c->buffer;
    real *results = c->results + (size_t)worker * CHUNK * c->outputs;
    real *map = c->out + (size_t)image * c->out_h * c->out_w * c->outputs;
    fill_planes(c, c->in + (size_t)image * c->h * c->w * c->channels, planes);
    for (int i = 0; i < c->spread * c->spread; i++) {
        const phase *f = &c->phases[i];
        for (int begin = 0, all = positions(c, f); begin < all; begin += CHUNK) {
            int count = min_int(all - begin, CHUNK);
            c->tape->k->bf16.taps(&f->taps, planes + begin * f->taps.step, round_up(count, TAPS_UNIT),
                                  results);
            scatter(c, f, results, begin, begin + count, map);
        }
    }
}

/* Weights of tap (ky, kx) join the phase. */
static void add_tap(phase *f, size_t offset)
{
    f->taps.offset[f->taps.count++] = offset;
}

/* Numbers of the planes and of what the last positions reach beyond them. */
static size_t reach(const conv_taps *c)
{
    size_t size = (size_t)c->planes * c->rows * c->width * c->channels, far = 0;
    for (int i = 0; i < c->spread * c->spread; i++) {
        const phase *f = &c->phases[i];
        for (int t = 0; t < f->taps.count; t++) {
            size_t end =
                f->taps.offset[t] + round_up(positions(c, f), TAPS_UNIT) * f->taps.step + c->channels;
            far = end > far ? end : far;
        }
    }
    return ((far > size ? far : size) + 31) / 32 * 32;
}

static void run(conv_taps *c, int images)
{
    nn_tape *t = c->tape;
    size_t workers = pool_threads(t->threads);
    c->buffer = reach(c);
    c->buffers = nn_alloc(t, workers * c->buffer * sizeof *c->buffers);
    c->results = nn_scratch(t, workers * CHUNK * c->outputs * sizeof *c->results);
    if (!t->failed) pool_run(t->threads, images, run_image, c);
}

void conv_taps_forward(nn_tape *t, const nn_var *x, const nn_var *w, cnn_window win, nn_var *y)
{
    int k = win.kernel, s = win.stride, oh = y->dim[1], ow = y->dim[2];
    conv_taps c = {.tape = t, .in = x->data, .out = y->data, .planes = s, .spread = 1};
    c.pad = cnn_pad_before(x->dim[1], win);
    c.h = x->dim[1], c.w = x->dim[2], c.channels = x->dim[3];
    c.out_h = oh, c.out_w = ow, c.outputs = y->dim[3];
    c.rows = oh + (k - 1) / s;
    c.width = (max_int((ow - 1) * s + k, c.w + c.pad) + s - 1) / s * s;
    phase *f = &c.phases[0];
    size_t ch = c.channels;
    *f = (phase){
        .taps = {.channels = c.channels, .outputs = c.outputs, .step = s * ch}, .rows = oh, .cols = ow};
    bool ready = w->packed && !t->recording; /* the order of packed.h, with k = taps x channels, is ours */
    f->taps.weights = ready ? w->packed->panels : nn_scratch(t, nn_count(w) * sizeof *f->taps.weights);
    if (t->failed) return;
    for (int ky = 0; ky < k; ky++)
        for (int kx = 0; kx < k; kx++) add_tap(f, ((size_t)(ky % s * c.rows + ky / s) * c.width + kx) * ch);
    for (int tap = 0; !ready && tap < k * k; tap++)
        t->k->bf16.taps_pack(&f->taps, tap, w->data + tap * ch * c.outputs, false);
    run(&c, x->dim[0]);
}

/* The pixels of x at (py, px) modulo the stride meet the same taps: those whose distance the stride divides.
 */
static void input_phase(conv_taps *c, phase *f, const nn_var *w, cnn_window win, int py, int px,
                        uint16_t *weights)
{
    int k = win.kernel, s = win.stride, tap_of[TAPS_MAX];
    size_t ch = c->channels;
    *f = (phase){.taps = {.channels = c->channels, .outputs = c->outputs, .step = ch, .weights = weights}};
    f->first_row = py, f->first_col = px;
    f->rows = (c->out_h - py + s - 1) / s;
    f->cols = (c->out_w - px + s - 1) / s;
    for (int ky = 0; ky < k; ky++)
        for (int kx = 0; kx < k; kx++) {
            int dy = py + win.pad - ky, dx = px + win.pad - kx;
            if (dy % s || dx % s) continue;
            tap_of[f->taps.count] = ky * k + kx;
            add_tap(f, ((size_t)(dy / s + c->pad) * c->width + (dx / s + c->pad)) * ch);
        }
    for (int i = 0; i < f->taps.count; i++)
        c->tape->k->bf16.taps_pack(&f->taps, i, w->data + tap_of[i] * ch * c->outputs, true);
}

void conv_taps_backward(nn_tape *t, const nn_var *x, const nn_var *w, cnn_window win, const nn_var *y,
                        real beta, real *dx)
{
    win.pad = cnn_pad_before(x->dim[1], win);
    int s = win.stride, far = (s - 1 + win.pad) / s;
    conv_taps c = {.tape = t, .in = y->grad, .out = dx, .planes = 1, .spread = s, .add = beta != 0};
    c.h = y->dim[1], c.w = y->dim[2], c.channels = y->dim[3];
    c.out_h = x->dim[1], c.out_w = x->dim[2], c.outputs = x->dim[3];
    c.pad = (win.kernel - 1 - win.pad + s - 1) / s;
    c.rows = max_int(c.h, (c.out_h + s - 1) / s + far) + c.pad;
    c.width = max_int(c.w, (c.out_w + s - 1) / s + far) + c.pad;
    uint16_t *weights = nn_scratch(t, nn_count(w) * sizeof *weights);
    if (!weights) return;
    for (int i = 0; i < s * s; i++) {
        input_phase(&c, &c.phases[i], w, win, i / s, i % s, weights);
        weights += (size_t)c.phases[i].taps.count * c.channels * c.outputs;
    }
    run(&c, x->dim[0]);
}
