#include "cnn/conv2d.h"

#include <string.h>

#include "cnn/conv_taps.h"
#include "src/math/packed.h"

/* A piece's patches (im2col) take about this many numbers: they are written and read once by the product, from
 * cache. It has at least PIECE_ROWS patches, so that the product reads its weights seldom. */
enum { PIECE_NUMBERS = 1 << 17, PIECE_ROWS = 192, GROUPS = 8 };

int cnn_out_size(int in, cnn_window win)
{
    if (win.pad == CNN_SAME) return (in + win.stride - 1) / win.stride;
    int room = in + 2 * win.pad - win.kernel;
    return room < 0 ? 0 : room / win.stride + 1;
}

int cnn_pad_before(int in, cnn_window win)
{
    if (win.pad != CNN_SAME) return win.pad;
    int beyond = (cnn_out_size(in, win) - 1) * win.stride + win.kernel - in;
    return beyond > 0 ? beyond / 2 : 0;
}

typedef struct conv_ctx {
    nn_tape *tape;
    nn_var *x, *w, *b, *y;
    cnn_window win;
    int top, left; /* padding */
    nn_act act;
    int patch;           /* K = k*k*C: numbers in a patch */
    int piece;           /* output pixels per piece */
    int pixels;          /* N*h*w */
    real *columns;       /* [threads][piece][patch] */
    int group_images;    /* backward: images per task */
    real *dx, *dw_parts; /* dw_parts [groups][patch][O] */
    bool dx_wanted;
    bool on_taps; /* conv_taps.h takes the forward pass and dx */
} conv_ctx;

/* Where a row of a patch lies: `count` of its pixels from the skip-th on are inside the map, at x. */
typedef struct strip {
    int skip, count;
    size_t x; /* of the first number, from the beginning of the map's row */
} strip;

static strip strip_of(const conv_ctx *c, int ox)
{
    int start = ox * c->win.stride - c->left, end = start + c->win.kernel, w = c->x->dim[2];
    int first = start < 0 ? 0 : start, last = end < w ? end : w;
    if (last <= first) return (strip){.skip = c->win.kernel};
    return (strip){first - start, last - first, (size_t)first * c->x->dim[3]};
}

/* memcpy of the few numbers that a row of a window has in a photo: a call would take longer. */
static inline void copy(real *to, const real *from, size_t n)
{
    enum { AT_ONCE = 4, MANY = 64 };
    if (n >= MANY) {
        memcpy(to, from, n * sizeof *to);
        return;
    }
    for (; n >= AT_ONCE; n -= AT_ONCE, to += AT_ONCE, from += AT_ONCE) memcpy(to, from, AT_ONCE * sizeof *to);
    for (; n > 0; n--) *to++ = *from++;
}

/* The patch of output pixel (oy, ox) of an image, [k*k*C]; pixels outside the map are 0. */
static void take_patch(const conv_ctx *c, const real *image, int oy, int ox, real *to)
{
    size_t ch = c->x->dim[3], line = c->x->dim[2] * ch, row = c->win.kernel * ch;
    strip s = strip_of(c, ox);
    size_t skip = s.skip * ch, count = s.count * ch;
    for (int ky = 0; ky < c->win.kernel; ky++, to += row) {
        int y = oy * c->win.stride + ky - c->top;
        bool inside = y >= 0 && y < c->x->dim[1];
        if (!inside || count < row) memset(to, 0, row * sizeof *to);
        if (inside) copy(to + skip, image + y * line + s.x, count);
    }
}

/* The patches of output pixels begin..end-1 as rows [., k*k*C]. */
static void im2col(const conv_ctx *c, int begin, int end, real *to)
{
    int oh = c->y->dim[1], ow = c->y->dim[2];
    size_t image = (size_t)c->x->dim[1] * c->x->dim[2] * c->x->dim[3];
    int n = begin / (oh * ow), oy = begin / ow % oh, ox = begin % ow; /* divisions take as long as a patch */
    for (int p = begin; p < end; p++, to += c->patch) {
        take_patch(c, c->x->data + n * image, oy, ox, to);
        if (++ox < ow) continue;
        ox = 0;
        if (++oy < oh) continue;
        oy = 0;
        n++;
    }
}

/* Adds patches' gradients back to where they came from. */
static void col2im(const conv_ctx *c, int begin, int end, const real *from)
{
    int h = c->x->dim[1], oh = c->y->dim[1], ow = c->y->dim[2];
    size_t ch = c->x->dim[3], line = c->x->dim[2] * ch, row = c->win.kernel * ch;
    for (int p = begin; p < end; p++) {
        int n = p / (oh * ow), oy = p / ow % oh;
        strip s = strip_of(c, p % ow);
        for (int ky = 0; ky < c->win.kernel; ky++, from += row) {
            int y = oy * c->win.stride + ky - c->top;
            if (y < 0 || y >= h) continue;
            c->tape->k->vector.add(from + s.skip * ch, c->dx + ((size_t)n * h + y) * line + s.x,
                                   s.count * (int)ch);
        }
    }
}

kernels_finish cnn_finish(const nn_var *b, nn_act act)
{
    const nn_activation *a = nn_activation_of(nn_activation_of(act)->clips ? act : NN_LINEAR);
    return (kernels_finish){b ? b->data : NULL, a->low, a->high};
}

/* An activation that does more than cut, in place: what it was made of is lost, so nothing may be recorded.
 */
static void bend(const nn_tape *t, nn_act act, int n, real *y)
{
    const nn_activation *a = nn_activation_of(act);
    if (!a->clips) a->forward(t->k, y, y, n);
}

static void finish_rows(const nn_tape *t, const nn_var *b, nn_act act, int rows, int o, real *y)
{
    kernels_finish f = cnn_finish(b, act);
    if (b || (act != NN_LINEAR && nn_activation_of(act)->clips)) t->k->f32.finish(&f, rows, o, y, o);
    bend(t, act, rows * o, y);
}

static bool pointwise(const conv_ctx *c)
{
    return c->win.kernel == 1 && c->win.stride == 1 && c->win.pad <= 0;
}

void cnn_multiply_patches(const nn_tape *t, const real *x, int rows, const nn_var *w, const nn_var *b,
                          nn_act act, real *y)
{
    int o = nn_last(w), patch = nn_rows(w);
    if (w->packed && !t->recording) {
        kernels_finish f = cnn_finish(b, act);
        packed_product_finish(w->packed, rows, x, patch, &f, y, o);
        bend(t, act, rows * o, y);
        return;
    }
    gemm_serial(t->precision, (gemm_shape){rows, o, patch}, mat_n(x, patch), mat_n(w->data, o), 0,
                (mat_out){y, o});
    finish_rows(t, b, act, rows, o, y);
}

static void forward_piece(void *p, int index, int worker)
{
    conv_ctx *c = p;
    int begin = index * c->piece, end = begin + c->piece < c->pixels ? begin + c->piece : c->pixels;
    const real *columns = c->x->data + (size_t)begin * c->patch;
    if (!pointwise(c)) {
        real *mine = c->columns + (size_t)worker * c->piece * c->patch;
        im2col(c, begin, end, mine);
        columns = mine;
    }
    cnn_multiply_patches(c->tape, columns, end - begin, c->w, c->b, c->act,
                         c->y->data + (size_t)begin * c->y->dim[3]);
}

static void finish_chunk(void *p, size_t begin, size_t end)
{
    conv_ctx *c = p;
    int o = c->y->dim[3];
    finish_rows(c->tape, c->b, c->act, (int)(end - begin), o, c->y->data + begin * o);
}

static void taps_forward(nn_tape *t, conv_ctx *c)
{
    conv_taps_forward(t, c->x, c->w, c->win, c->y);
    if (!t->failed && (c->b || c->act != NN_LINEAR)) nn_parallel(t, c->pixels, 256, finish_chunk, c);
}

static int piece_size(int pixels, int patch)
{
    int piece = PIECE_NUMBERS / patch > PIECE_ROWS ? PIECE_NUMBERS / patch : PIECE_ROWS,
        most = (pixels + 3) / 4; /* at least four pieces, so that threads share one photo */
    piece = piece < most ? piece : most;
    piece = (piece + 31) / 32 * 32;
    return piece < 32 ? 32 : piece;
}

/* Turns y->grad into the gradient before the activation, in place: no one else reads it. */
static void undo_act(const conv_ctx *c, size_t begin, size_t end)
{
    c->tape->k->vector.rectify_back(c->y->data + begin, nn_activation_of(c->act)->high, c->y->grad + begin,
                                    (int)(end - begin));
}

static void undo_act_chunk(void *p, size_t begin, size_t end)
{
    undo_act(p, begin, end);
}

/* One task takes a group of images: their pieces add to one share of dw and to their own parts of dx. */
static void backward_group(void *p, int group, int worker)
{
    conv_ctx *c = p;
    int o = c->y->dim[3], per_image = c->y->dim[1] * c->y->dim[2], images = c->x->dim[0];
    int first = group * c->group_images,
        last = first + c->group_images < images ? first + c->group_images : images;
    real *columns = c->columns + (size_t)worker * c->piece * c->patch;
    real *dw = c->dw_parts ? c->dw_parts + (size_t)group * c->patch * o : NULL;
    gemm_precision precision = c->tape->precision;
    if (c->act != NN_LINEAR) undo_act(c, (size_t)first * per_image * o, (size_t)last * per_image * o);
    for (int begin = first * per_image, end; begin < last * per_image; begin = end) {
        end = begin + c->piece < last * per_image ? begin + c->piece : last * per_image;
        const real *dy = c->y->grad + (size_t)begin * o;
        int rows = end - begin;
        if (dw) {
            im2col(c, begin, end, columns);
            gemm_serial(precision, (gemm_shape){c->patch, o, rows}, mat_t(columns, c->patch), mat_n(dy, o),
                        begin > first * per_image ? 1 : 0, (mat_out){dw, o});
        }
        if (!c->dx_wanted) continue;
        gemm_serial(precision, (gemm_shape){rows, c->patch, o}, mat_n(dy, o), mat_t(c->w->data, o), 0,
                    (mat_out){columns, c->patch});
        col2im(c, begin, end, columns);
    }
}

static void bias_backward(nn_tape *t, const conv_ctx *c)
{
    real *db = c->b ? nn_grad_add(t, c->b) : NULL;
    if (db) nn_column_sums_into(t, db, c->y->grad, c->pixels, c->y->dim[3]);
}

static void product(nn_tape *t, gemm_shape s, mat a, mat b, real beta, mat_out c)
{
    if (t->inside_task)
        gemm_serial(t->precision, s, a, b, beta, c);
    else
        gemm(t->threads, t->precision, s, a, b, beta, c);
}

static void pointwise_backward(nn_tape *t, conv_ctx *c)
{
    int in = c->patch, o = c->y->dim[3];
    real beta;
    if (c->act != NN_LINEAR) nn_parallel(t, nn_count(c->y), 1 << 16, undo_act_chunk, c);
    real *dw = nn_grad(t, c->w, &beta);
    mat dy = mat_n(c->y->grad, o);
    if (dw) product(t, (gemm_shape){in, o, c->pixels}, mat_t(c->x->data, in), dy, beta, (mat_out){dw, o});
    real *dx = nn_grad(t, c->x, &beta);
    if (dx) product(t, (gemm_shape){c->pixels, in, o}, dy, mat_t(c->w->data, o), beta, (mat_out){dx, in});
    bias_backward(t, c);
}

static void conv_backward(nn_tape *t, void *p)
{
    conv_ctx *c = p;
    if (!c->y->grad) return;
    if (pointwise(c)) {
        pointwise_backward(t, c);
        return;
    }
    size_t weights = nn_count(c->w);
    int images = c->x->dim[0];
    c->group_images = (images + GROUPS - 1) / GROUPS;
    int groups = (images + c->group_images - 1) / c->group_images;
    real *dw = nn_grad_add(t, c->w);
    real beta = 1;
    c->dx = c->on_taps ? nn_grad(t, c->x, &beta) : nn_grad_add(t, c->x);
    c->dx_wanted = c->dx != NULL && !c->on_taps;
    c->dw_parts = dw ? nn_scratch(t, groups * weights * sizeof *dw) : NULL;
    c->columns = nn_scratch(t, (size_t)pool_threads(t->threads) * c->piece * c->patch * sizeof *dw);
    if (t->failed) return;
    pool_run(t->threads, groups, backward_group, c);
    if (c->on_taps && c->dx) conv_taps_backward(t, c->x, c->w, c->win, c->y, beta, c->dx);
    for (int g = 0; dw && g < groups; g++) nn_add_into(t, dw, c->dw_parts + g * weights, weights);
    bias_backward(t, c);
}

nn_var *cnn_conv2d(nn_tape *t, nn_var *x, nn_var *w, nn_var *b, cnn_window win, nn_act act)
{
    if (t->failed || !x || !w) return NULL;
    bool wants = nn_wants(t, x) || nn_wants(t, w) || nn_wants(t, b);
    if (wants && !nn_activation_of(act)->clips)
        return nn_activate(t, cnn_conv2d(t, x, w, b, win, NN_LINEAR), act);
    int dim[4] = {x->dim[0], cnn_out_size(x->dim[1], win), cnn_out_size(x->dim[2], win), w->dim[3]};
    nn_var *y = nn_result(t, 4, dim, wants);
    conv_ctx *c = nn_alloc(t, sizeof *c);
    if (!y || !c) return NULL;
    *c = (conv_ctx){.tape = t, .x = x, .w = w, .b = b, .y = y, .win = win, .act = act};
    c->top = cnn_pad_before(x->dim[1], win);
    c->left = cnn_pad_before(x->dim[2], win);
    c->patch = win.kernel * win.kernel * x->dim[3];
    c->pixels = dim[0] * dim[1] * dim[2];
    c->piece = piece_size(c->pixels, c->patch);
    arena_mark mark = arena_save(t->mem);
    c->on_taps = !pointwise(c) && conv_taps_suit(t, x, w, win);
    if (!pointwise(c) && !c->on_taps)
        c->columns = nn_scratch(t, (size_t)pool_threads(t->threads) * c->piece * c->patch * sizeof(real));
    if (t->failed) return NULL;
    if (c->on_taps)
        taps_forward(t, c);
    else
        pool_run(t->threads, (c->pixels + c->piece - 1) / c->piece, forward_piece, c);
    arena_rewind(t->mem, mark);
    if (y->wants_grad) nn_record(t, conv_backward, c);
    return t->failed ? NULL : y;
}
