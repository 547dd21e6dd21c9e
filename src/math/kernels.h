/* Kernels: the inner loops, one table per CPU level, compiled three times from src/math/kernels_body.inc.
 *
 *     const kernels *k = kernels_get(cpu_get_level());
 *     k->vtanh(x, y, n);
 *
 * Matrices are row-major; ld* counts elements from one row to the next; n, k, d, count may be 0. No pointer
 * needs more alignment than its type, nothing beyond the stated sizes is read or written. The tables agree to
 * rounding only: sums run in an order that depends on the vector width. Within one table a row of a result
 * depends neither on how many rows are computed along with it nor on where its columns are cut. */
#ifndef MATH_KERNELS_H
#define MATH_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/cpu.h"
#include "src/math/real.h"

enum { KERNELS_ROWS = 8 }; /* rows that gemv and gemv_t take at most */

/* Constants of one AdamW update: w = keep w - step m / (sqrt(correct v) + epsilon), after m and v moved. */
typedef struct kernels_adamw {
    real beta1, beta2, epsilon, keep, step, correct;
} kernels_adamw;

/* What follows a product: y = y + bias[column], cut to low..high; bias may be NULL. */
typedef struct kernels_finish {
    const real *bias;
    real low, high;
} kernels_finish;

/* Rows of 8-bit numbers for packed_i8: number i of row r stands for (bytes[r * stride + i] - 128) * scale[r].
 * Rows are filled with 128 up to a multiple of four. */
typedef struct kernels_bytes {
    const uint8_t *bytes;
    size_t stride;
    const float *scale;
} kernels_bytes;

enum { KERNELS_STRIP = 64, KERNELS_PANEL = 6 }; /* gemm_columns and gemm_rows at most */

/* Rows times a strip of a matrix: y[rows,cols] = x w, added to y if `add`. Element l of row r of x is
 * x[r * row + l], or x is in panels as gemm_panels leaves it; w is [k, gemm_columns], as the functions that
 * fill strips leave it. */
typedef struct kernels_gemm {
    int rows, cols, k;
    int row;                  /* 0: panels */
    const real *x, *w, *next; /* next: a strip to fetch into cache meanwhile, or NULL */
    bool add;
    real *y;
    int ldy;
} kernels_gemm;

typedef struct kernels {
    const char *name; /* "generic", "avx2", "avx512" */

    /* y[rows,n] = x[rows,k] w[k,n] + beta y, rows in 1..KERNELS_ROWS. The weights are read once for all rows.
     * With beta 0, y may hold anything. y overlaps neither x nor w. */
    void (*gemv)(int rows, int k, int n, const real *x, int ldx, const real *w, int ldw, real beta, real *y,
                 int ldy);

    /* The same with the weights transposed, w[n,k]. */
    void (*gemv_t)(int rows, int k, int n, const real *x, int ldx, const real *w, int ldw, real beta, real *y,
                   int ldy);

    /* The large products: strips of gemm_columns columns. A strip is filled from columns of w[k,cols], cols
     * in 1..gemm_columns, or of the transposed w[cols,k]; missing columns become 0. */
    int gemm_columns;
    void (*gemm_strip_rows)(int k, int cols, const real *w, int ldw, real *to);
    void (*gemm_strip_columns)(int k, int cols, const real *w, int ldw, real *to);
    void (*gemm_strip)(const kernels_gemm *g);

    /* The rows that a strip is multiplied by, from columns of w[k,rows]: panels of gemm_rows rows, each line
     * after line; `to` takes k times `rows` rounded up to whole panels. What fills up the last may be
     * anything. */
    int gemm_rows;
    void (*gemm_panels)(int k, int rows, const real *w, int ldw, real *to);

    /* y[i] = e^x[i], 1 / (1 + e^-x[i]), tanh x[i]; y may be x. Relative error below 3e-7, also where the
     * result nears 0, down to the smallest normal number; infinities give the limits, NaN gives NaN. */
    void (*vexp)(const real *x, real *y, int n);
    void (*vsigmoid)(const real *x, real *y, int n);
    void (*vtanh)(const real *x, real *y, int n);

    /* y[i] = e^x[i] / sum of e^x[j]; y may be x. -inf gives 0; a row with NaN, with +inf, or of -inf only
     * becomes NaN. */
    void (*row_softmax)(const real *x, real *y, int n);

    real (*dot)(const real *x, const real *y, int n);
    void (*axpy)(real a, const real *x, real *y, int n); /* y += a x */

    /* score[i] = sum over j of v[j] tanh(key[i,j] + q[j]); key[count,d], q[d], v[d], score[count]: one query
     * of additive attention (Bahdanau, Cho, Bengio, 2015). */
    void (*attention_match)(const real *key, const real *q, const real *v, int count, int d, real *score);

    real (*sum)(const real *x, int n);
    real (*largest)(const real *x, int n);                             /* NaN passed over; -inf if none */
    void (*add)(const real *x, real *y, int n);                        /* y += x */
    void (*product_add)(const real *a, const real *b, real *y, int n); /* y += a b */
    real (*exp_shifted)(const real *x, real shift, real *y, int n);    /* y = e^(x - shift); returns their
                                                                          sum; y may be x */
    void (*rectify)(const real *x, real high, real *y, int n);         /* y = x cut to 0..high; y may be x */
    void (*rectify_back)(const real *y, real high, real *dy, int n);   /* dy = 0 unless 0 < y < high */

    /* Gradients of the scores of attention_match, ds[count], added to those of key [count,d], q and v [d]. */
    void (*attention_match_back)(const real *key, const real *q, const real *v, const real *ds, int count,
                                 int d, real *dkey, real *dq, real *dv);

    /* One row of an LSTM. Its gates before their activations are gates + share [4h] in the order input,
     * forget, candidate, output (share NULL: gates alone); `on` [4h] takes them after (it may be gates),
     * tanh_c [h] the tanh of the new cell. */
    void (*lstm_cell)(const real *gates, const real *share, const real *c, int h, real *on, real *c_new,
                      real *tanh_c, real *h_new);
    /* Sets dgates [4h] and dc [h], from the gradients dh + more and dc_new [h] of both results (more NULL: dh
     * alone). Of lstm_cell and this, the next row is expected behind each row and fetched into cache. */
    void (*lstm_cell_back)(const real *on, const real *c, const real *tanh_c, const real *dh,
                           const real *more, const real *dc_new, int h, real *dgates, real *dc);

    /* Over the rows of x [rows,cols], for every column j: to[j] += sum of x; to[j] = sum of (x - shift[j])
     * and squares[j] = sum of its squares. */
    void (*column_sums)(const real *x, int rows, int cols, real *to);
    void (*column_moments)(const real *x, int rows, int cols, const real *shift, real *to, real *squares);

    /* Batch normalisation of [rows,cols], per column; a residual may be NULL.
     * norm_apply: y = x factor + shift + residual, cut to low..high.
     * norm_sums:  dy = 0 in place unless low < y < high; dbeta = sum of dy, dgamma = sum of dy (x - mean).
     * norm_back:  dx = beta dx + dy factor - (offset + (x - mean) slope); beta is 0 or 1. */
    void (*norm_apply)(const real *x, const real *residual, const real *factor, const real *shift, int rows,
                       int cols, real low, real high, real *y);
    void (*norm_sums)(const real *x, const real *y, const real *mean, int rows, int cols, real low, real high,
                      real *dy, real *dgamma, real *dbeta);
    void (*norm_back)(const real *x, const real *dy, const real *mean, const real *factor, const real *slope,
                      const real *offset, int rows, int cols, real beta, real *dx);

    /* One pixel of a depthwise convolution: y[j] = bias[j] + sum over taps of in[t][j] w[t][j], cut to
     * low..high. bias may be NULL. */
    void (*depthwise)(const real *const *in, const real *const *w, int taps, const real *bias, real low,
                      real high, int n, real *y);

    /* `count` pixels in a row of it: rows[r] points to the leftmost tap of the first pixel, [(count - 1) step
     * + taps][n]; w[nrows][taps][n]. The sums are those of `depthwise`. nrows and taps are at most 5; it is
     * fast with 3 and with 5 taps. */
    void (*depthwise_row)(const real *const *rows, int nrows, int taps, const real *w, const real *bias,
                          real low, real high, int step, int count, int n, real *y);

    void (*finish)(const kernels_finish *f, int rows, int cols, real *y, int ldy);

    /* Gradients through one row of three taps, w [3,ch], of a depthwise convolution: for every output pixel p
     * and tap t, dw[t] += dy[p] x[p stride + t] and dx[p stride + t] += dy[p] w[t], channel by channel;
     * dy [pixels,ch], x and dx [(pixels - 1) stride + 3,ch], which do not overlap. */
    void (*depthwise_back)(const real *x, const real *w, const real *dy, int pixels, int stride, int ch,
                           real *dw, real *dx);

    /* mask[i] = 0 where number i of the blocks from `block` on of rng_block(seed, stream, ...) is below
     * `below`, else keep: the same in every table. */
    void (*dropout_mask)(uint64_t seed, uint64_t stream, uint64_t block, uint32_t below, real keep,
                         real *mask, int n);

    /* Columns begin..end-1 of y[rows,n] = x[rows,k] w + beta y with the panels of src/math/packed.h; beta is
     * 0 or 1, begin a multiple of 32. F32 takes any number of rows, the others up to KERNELS_ROWS; and what
     * follows the product, with the biases of all columns (NULL: nothing). With `real` double there is F32
     * only. */
    void (*packed_f32)(int rows, int k, int begin, int end, const real *x, int ldx, const real *w, real beta,
                       const kernels_finish *finish, real *y, int ldy);
    void (*packed_bf16)(int rows, int k, int begin, int end, const real *x, int ldx, const uint16_t *w,
                        real beta, real *y, int ldy);
    void (*packed_i8)(int rows, int k, int begin, int end, const kernels_bytes *x, const int8_t *w,
                      const float *scale, const int32_t *offset, real beta, real *y, int ldy);

    /* Of an even number of rows of w, ld apart, 16 columns j, rounded to bf16: to[(16 i + j) 2],
     * to[(16 i + j) 2 + 1] = those of rows 2i and 2i + 1, times factor[j]. */
    void (*pack_pairs)(const real *w, size_t ld, int rows, const real *factor, uint16_t *to);
    /* to[4j + i] = rows[i n + j] factor[j], rounded to whole numbers in -127..127; i in 0..3. */
    void (*pack_quads)(const real *rows, int n, const real *factor, int8_t *to);
    /* to[i] = 128 + x[i] / scale for the scale at which the largest magnitude is 127; returns it, NaN where x
     * has one. */
    float (*narrow_row)(const real *x, int n, uint8_t *to);

    /* One update of n parameters w from their gradients g; m and v are the moments. See src/train/optim.h. */
    void (*adamw)(const kernels_adamw *u, const real *g, int n, real *w, real *m, real *v);
    void (*sgd)(real keep, real step, real momentum, const real *g, int n, real *w, real *m);
} kernels;

/* The best table that runs at this level; static, never NULL. */
const kernels *kernels_get(cpu_level level);

/* The best table of this CPU (cpu_get_level(), asked once per process). */
const kernels *kernels_best(void);

#endif
