/* Kernels: the inner loops, in families of functions. A table holds the fastest that the flags of a CPU
 * allow.
 *
 *     const kernels *k = kernels_best();
 *     k->vector.tanh(x, y, n);
 *
 * A table is filled step by step: plain C for what only some CPUs have instructions for (kernels_plain.c),
 * vectors of 16 bytes (kernels_generic.c), then what src/math/x86/ has for the flags. So every entry is there
 * on every CPU, and has a twin that the tests compare it with.
 *
 * Matrices are row-major; ld* counts elements from one row to the next; n, k, d, count may be 0. No pointer
 * needs more alignment than its type, nothing beyond the stated sizes is read or written, where nothing else
 * is said. The tables agree to rounding only: sums run in an order that depends on the vector width. Within
 * one table a row of a result depends neither on how many rows are computed along with it nor on where its
 * columns are cut. */
#ifndef MATH_KERNELS_H
#define MATH_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/math/cpu.h"
#include "src/math/mat.h"

/* What weights are packed to, see src/math/packed.h. */
typedef enum {
    PACKED_F32,
    PACKED_BF16, /* w rounded to 8 bits of mantissa; sums are f32 */
    PACKED_I8,   /* w in -127..127 times a scale for each column, x likewise for each row, sums exact */
} packed_type;

/* ---- numbers one after the other ---- */

typedef struct kernels_vector {
    /* y[i] = e^x[i], 1 / (1 + e^-x[i]), tanh x[i]; y may be x. Relative error below 3e-7, also where the
     * result nears 0, down to the smallest normal number; infinities give the limits, NaN gives NaN. */
    void (*exp)(const real *x, real *y, int n);
    void (*sigmoid)(const real *x, real *y, int n);
    void (*tanh)(const real *x, real *y, int n);

    real (*dot)(const real *x, const real *y, int n);
    void (*axpy)(real a, const real *x, real *y, int n); /* y += a x */
    real (*sum)(const real *x, int n);
    real (*largest)(const real *x, int n);                             /* NaN passed over; -inf if none */
    void (*add)(const real *x, real *y, int n);                        /* y += x */
    void (*product_add)(const real *a, const real *b, real *y, int n); /* y += a b */
    real (*exp_shifted)(const real *x, real shift, real *y, int n);    /* y = e^(x - shift); returns their
                                                                          sum; y may be x */
    void (*rectify)(const real *x, real high, real *y, int n);         /* y = x cut to 0..high; y may be x */
    void (*rectify_back)(const real *y, real high, real *dy, int n);   /* dy = 0 unless 0 < y < high */

    /* mask[i] = 0 where number i of the blocks from `block` on of rng_block(seed, stream, ...) is below
     * `below`, else keep: the same in every table. */
    void (*dropout_mask)(uint64_t seed, uint64_t stream, uint64_t block, uint32_t below, real keep,
                         real *mask, int n);

    /* The 16-bit floats of a file, as f32; x needs no alignment. */
    void (*from_halves)(const void *x, float *y, size_t n);
} kernels_vector;

/* ---- products in f32 ---- */

enum { KERNELS_ROWS = 8 }; /* rows that gemv, gemv_t and int8.packed take at most */

/* What follows a product: y = y + bias[column], cut to low..high; bias may be NULL. */
typedef struct kernels_finish {
    const real *bias;
    real low, high;
} kernels_finish;

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

typedef struct kernels_f32 {
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

    /* Products of fewer multiplications are faster so than by OpenBLAS; 0: none. */
    double gemm_most;
    /* Whether OpenBLAS, when it takes the CPU for this one, computes with vectors as wide as these; NULL: it
     * always does. */
    bool (*openblas_is_wide)(const char *core);

    /* Columns begin..end-1 of y[rows,n] = x[rows,k] w + beta y with the panels of src/math/packed.h, then
     * what follows, with the biases of all columns (NULL: nothing); beta is 0 or 1, begin a multiple of 32.
     * Any number of rows. */
    void (*packed)(int rows, int k, int begin, int end, const real *x, int ldx, const real *w, real beta,
                   const kernels_finish *finish, real *y, int ldy);

    void (*finish)(const kernels_finish *f, int rows, int cols, real *y, int ldy);
} kernels_f32;

/* ---- products in bf16; with `real` double only what conversions and twins in plain C give ---- */

/* A map that is convolved without copies of patches:
 *
 *     y[p, 0..O-1] = sum over taps t of x[offset[t] + p * step, and the C - 1 numbers after it] w[t]
 *
 * for positions p = 0, 1, ...; w[t] is [C,O]. C and O are multiples of TAPS_UNIT. */
enum { TAPS_UNIT = 32, TAPS_MAX = 49 };

typedef struct kernels_taps {
    int count, channels, outputs;
    size_t step, offset[TAPS_MAX]; /* in numbers of x */
    uint16_t *weights;             /* [count * channels * outputs], 64-byte aligned */
} kernels_taps;

/* A row of a depthwise convolution of 3x3, padded by 1. */
typedef struct kernels_depthwise {
    const float *weights; /* as bf16_depthwise_order leaves them, 64-byte aligned */
    int channels, width;  /* of x */
    int step;             /* stride, 1 or 2 */
    float low, high;
    size_t stride; /* numbers of a pixel of y: channels rounded up to a multiple of 32 at least */
} kernels_depthwise;

typedef struct kernels_bf16 {
    /* Whether products round both operands to bf16 and are faster for it than those in f32. Else gemm() and
     * packed_product() make products of bf16 in f32, of weights that are bf16. */
    bool fast;

    /* y[i] = x[i], to nearest even; magnitudes below 2^-126 may become 0. */
    void (*narrow)(const real *x, uint16_t *y, size_t n);

    /* Whether gemm is faster than the product in f32 at this shape: below, packing costs more than it saves.
     * gemm: C = A B + beta C on the calling thread, the operands rounded on the way; with beta 0, C may hold
     * anything. False, with C untouched, when there is no memory to work in. */
    bool (*gemm_suits)(gemm_shape s);
    bool (*gemm)(gemm_shape s, mat a, mat b, real beta, mat_out c);

    /* As f32.packed, with panels of PACKED_BF16. If `fast`, x is rounded. */
    void (*packed)(int rows, int k, int begin, int end, const real *x, int ldx, const uint16_t *w, real beta,
                   const kernels_finish *finish, real *y, int ldy);

    /* Of an even number of rows of w, ld apart, 16 columns j, rounded to bf16: to[(16 i + j) 2],
     * to[(16 i + j) 2 + 1] = those of rows 2i and 2i + 1, times factor[j]. */
    void (*pack_pairs)(const real *w, size_t ld, int rows, const real *factor, uint16_t *to);

    /* `packed` of all n columns, with rows of x rounded beforehand, stride(k) numbers each, which `round`
     * fills as far as k reaches, rounded up to a multiple of 32; they are 64-byte aligned. stride(k) is 0: k
     * is too large. Behind the last row up to 31 more may be read, which may hold anything. */
    size_t (*stride)(int k);
    void (*round)(int rows, int k, const real *x, int ldx, uint16_t *to);
    void (*packed_rounded)(int rows, int k, int n, const uint16_t *x, const uint16_t *w,
                           const kernels_finish *finish, real *y, int ldy);
    /* `packed` of all columns with beta 0, results rounded to bf16; for those k that have a stride. */
    void (*packed_to_rounded)(int rows, int k, int n, const real *x, int ldx, const uint16_t *w,
                              const kernels_finish *finish, uint16_t *y, int ldy);

    /* The weights of one tap: w[C,O], or its transpose stored as [O,C]. y[positions,O]; positions is a
     * multiple of TAPS_UNIT. Everything the taps reach from a position must be readable. */
    void (*taps_pack)(const kernels_taps *t, int tap, const real *w, bool transposed);
    void (*taps)(const kernels_taps *t, const uint16_t *x, int positions, real *y);

    /* A row of y [(width - 1) / step + 1, stride], 64-byte aligned, 0 beyond `channels`, from three rows of x
     * [width, channels], those above and below the map NULL. */
    void (*depthwise)(const kernels_depthwise *d, const uint16_t *const x[3], uint16_t *y);

    /* See gemm_peak() in src/math/gemm.h. */
    void (*peak)(const uint16_t *panels, int rounds);
} kernels_bf16;

/* The order of depthwise weights: for every 32 channels those of the nine taps, even channels before odd
 * ones, then the bias (NULL: 0) likewise. */
size_t bf16_depthwise_numbers(int channels);
void bf16_depthwise_order(int channels, const real *w, const real *bias, float *to);

/* ---- products in 8 bits; not there with `real` double ---- */

/* Rows of 8-bit numbers: number i of row r stands for (bytes[r * stride + i] - 128) * scale[r]. Rows are
 * filled with 128 up to a multiple of four. */
typedef struct kernels_bytes {
    const uint8_t *bytes;
    size_t stride;
    const float *scale;
} kernels_bytes;

/* ---- maps of bytes: a byte b of channel j stands for (b - zero) * scale[j] ---- */

/* What follows sums of products of bytes: of column j
 *
 *     v = sum * factor[j] + shift[j] + plus * plus_factor[j]
 *
 * as a number, or as a byte: v rounded to whole numbers (with `silu`, v sigmoid(v) silu[j] + zero), cut to
 * least..most. So scales and zeros of all maps are in these numbers. A sum begins with start[j], that of the
 * products of zeros, negated. Arrays go on to a multiple of 16. */
typedef struct kernels_byte_finish {
    const int32_t *start;
    const float *factor, *shift;
    const float *silu; /* NULL: none */
    float zero;
    int least, most;     /* 0..255 */
    const uint8_t *plus; /* a map of bytes in the place of the result; NULL: nothing is added */
    const float *plus_factor;
} kernels_byte_finish;

/* y[rows,n] = x[rows,k] w, w in panels of PACKED_I8. Up to three bytes behind a row of x are read, which may
 * hold anything. With `reals`, the results are numbers, cut to low..high. */
typedef struct kernels_byte_product {
    int rows, k, n;
    const uint8_t *x;
    size_t ldx;
    const int8_t *w;
    kernels_byte_finish finish;
    uint8_t *y; /* of both of these one is NULL; ldy is that of `plus`, too */
    real *reals;
    size_t ldy;
    real low, high;
} kernels_byte_product;

/* A row of a depthwise convolution of 3x3 or 5x5. */
typedef struct kernels_byte_depthwise {
    int kernel, step;                 /* step: 1 or 2 */
    int channels, width, left, count; /* width: of a row of x; the first window begins `left` before it */
    uint8_t beside;                   /* what is beside the map */
    const int8_t *weights;            /* as byte_depthwise_order leaves them, 64-byte aligned */
    kernels_byte_finish finish;       /* plus is NULL */
} kernels_byte_depthwise;

/* The sum of two maps. */
typedef struct kernels_byte_mix {
    int channels;
    const float *of_a, *of_b, *shift; /* [channels] */
} kernels_byte_mix;

/* The order of depthwise weights: for every 16 channels, every column of the kernel and every four of its
 * rows, the quads of 16 channels; rows and channels that are missing are 0. w[kernel,kernel,channels]. */
size_t byte_depthwise_numbers(int kernel, int channels);
void byte_depthwise_order(int kernel, int channels, const int8_t *w, int8_t *to);

typedef struct kernels_int8 {
    /* Whether convolutions of bytes are faster than those in f32. */
    bool fast;

    /* As f32.packed, with panels of PACKED_I8, for up to KERNELS_ROWS rows. */
    void (*packed)(int rows, int k, int begin, int end, const kernels_bytes *x, const int8_t *w,
                   const float *scale, const int32_t *offset, real beta, real *y, int ldy);

    /* to[4j + i] = rows[i n + j] factor[j], rounded to whole numbers in -127..127; i in 0..3. */
    void (*pack_quads)(const real *rows, int n, const real *factor, int8_t *to);
    /* A panel of PACKED_I8: 16 columns of w[k,ld] times factor[16], to[k up to a multiple of 4][16]. scale[j]
     * is that at which the largest magnitude of column j is 127, NaN where one is no number; offset[j] 128
     * times the sum of the column. */
    void (*pack_panel)(const real *w, size_t ld, int k, const real *factor, int8_t *to, float *scale,
                       int32_t *offset);
    /* to[i] = 128 + x[i] / scale for the scale at which the largest magnitude is 127; returns it, NaN where x
     * has one. */
    float (*narrow_row)(const real *x, int n, uint8_t *to);

    /* Sums are exact and what follows them is one fused step a column, so bytes of two tables are the same;
     * those of `silu` may be one apart. */
    void (*product)(const kernels_byte_product *p);
    /* y[count,channels] from `kernel` rows of x [width,channels]. */
    void (*depthwise)(const kernels_byte_depthwise *d, const uint8_t *const *x, uint8_t *y);
    /* y[i] = x[i] * factor + shift, rounded and cut to bytes. */
    void (*narrow)(const real *x, size_t n, float factor, float shift, uint8_t *y);
    /* y = a of_a[j] + b of_b[j] + shift[j] for all channels j of all pixels, rounded and cut to bytes. */
    void (*mix)(const kernels_byte_mix *m, const uint8_t *a, const uint8_t *b, size_t pixels, uint8_t *y);
} kernels_int8;

/* ---- layers ---- */

typedef struct kernels_attention {
    /* y[i] = e^x[i] / sum of e^x[j]; y may be x. -inf gives 0; a row with NaN, with +inf, or of -inf only
     * becomes NaN. */
    void (*softmax)(const real *x, real *y, int n);

    /* score[i] = sum over j of v[j] tanh(key[i,j] + q[j]); key[count,d], q[d], v[d], score[count]: one query
     * of additive attention (Bahdanau, Cho, Bengio, 2015). */
    void (*match)(const real *key, const real *q, const real *v, int count, int d, real *score);

    /* Gradients of the scores of `match`, ds[count], added to those of key [count,d], q and v [d]. */
    void (*match_back)(const real *key, const real *q, const real *v, const real *ds, int count, int d,
                       real *dkey, real *dq, real *dv);
} kernels_attention;

typedef struct kernels_lstm {
    /* One row. Its gates before their activations are gates + share [4h] in the order input, forget,
     * candidate, output (share NULL: gates alone); `on` [4h] takes them after (it may be gates), tanh_c [h]
     * the tanh of the new cell. */
    void (*cell)(const real *gates, const real *share, const real *c, int h, real *on, real *c_new,
                 real *tanh_c, real *h_new);
    /* Sets dgates [4h] and dc [h], from the gradients dh + more and dc_new [h] of both results (more NULL: dh
     * alone). Of `cell` and this, the next row is expected behind each row and fetched into cache. */
    void (*cell_back)(const real *on, const real *c, const real *tanh_c, const real *dh, const real *more,
                      const real *dc_new, int h, real *dgates, real *dc);
} kernels_lstm;

/* Over the rows of x [rows,cols], per column j. */
typedef struct kernels_norm {
    /* to[j] += sum of x; to[j] = sum of (x - shift[j]) and squares[j] = sum of its squares. */
    void (*column_sums)(const real *x, int rows, int cols, real *to);
    void (*column_moments)(const real *x, int rows, int cols, const real *shift, real *to, real *squares);

    /* Batch normalisation; a residual may be NULL.
     * apply: y = x factor + shift + residual, cut to low..high.
     * sums:  dy = 0 in place unless low < y < high; dbeta = sum of dy, dgamma = sum of dy (x - mean).
     * back:  dx = beta dx + dy factor - (offset + (x - mean) slope); beta is 0 or 1. */
    void (*apply)(const real *x, const real *residual, const real *factor, const real *shift, int rows,
                  int cols, real low, real high, real *y);
    void (*sums)(const real *x, const real *y, const real *mean, int rows, int cols, real low, real high,
                 real *dy, real *dgamma, real *dbeta);
    void (*back)(const real *x, const real *dy, const real *mean, const real *factor, const real *slope,
                 const real *offset, int rows, int cols, real beta, real *dx);
} kernels_norm;

/* Some rows of a result: tap [ky,kx] of pixel [oy,ox] is at [oy stride - top + ky, ox stride - left + kx] of
 * the map. */
typedef struct kernels_depthwise_back {
    int kernel, stride; /* 3 or 5, 1 or 2 */
    int top, left;
    int height, width, out_height, out_width, channels;
} kernels_depthwise_back;

typedef struct kernels_conv {
    /* One pixel of a depthwise convolution: y[j] = bias[j] + sum over taps of in[t][j] w[t][j], cut to
     * low..high. bias may be NULL. */
    void (*depthwise)(const real *const *in, const real *const *w, int taps, const real *bias, real low,
                      real high, int n, real *y);

    /* `count` pixels in a row of it: rows[r] points to the leftmost tap of the first pixel, [(count - 1) step
     * + taps][n]; w[nrows][taps][n]. The sums are those of `depthwise`. nrows and taps are at most 5; it is
     * fast with 3 and with 5 taps. */
    void (*depthwise_row)(const real *const *rows, int nrows, int taps, const real *w, const real *bias,
                          real low, real high, int step, int count, int n, real *y);

    /* Gradients of these rows: for every pixel of the result and every tap that lies in the map, dw[tap] +=
     * dy[pixel] x[place] and dx[place] += dy[pixel] w[tap], channel by channel. x and dx
     * [height,width,channels], w and dw [kernel,kernel,channels], dy [out_height,out_width,channels]; dx may
     * be NULL, else it overlaps nothing. */
    void (*depthwise_back)(const kernels_depthwise_back *b, const real *x, const real *w, const real *dy,
                           real *dw, real *dx);
} kernels_conv;

/* ---- optimisers ---- */

/* Constants of one AdamW update: w = keep w - step m / (sqrt(correct v) + epsilon), after m and v moved. */
typedef struct kernels_adamw {
    real beta1, beta2, epsilon, keep, step, correct;
} kernels_adamw;

/* One update of n parameters w from their gradients g; m and v are the moments. See src/train/optim.h. */
typedef struct kernels_optim {
    void (*adamw)(const kernels_adamw *u, const real *g, int n, real *w, real *m, real *v);
    void (*sgd)(real keep, real step, real momentum, const real *g, int n, real *w, real *m);
} kernels_optim;

/* ---- the table ---- */

/* Which precision is fastest, of those that cost no more than half a CIDEr point: for a process that opens a model
 * and describes one photo, so that what packing takes counts, too. */
typedef struct kernels_fastest {
    packed_type encoder; /* convolutions of a photo */
    packed_type words;   /* the decoder, a few rows at a time */
    packed_type training;
    const char *why;
} kernels_fastest;

typedef struct kernels {
    const char *name; /* of the vectors: "generic", "avx2", "avx512" */
    kernels_fastest fastest;
    kernels_vector vector;
    kernels_f32 f32;
    kernels_bf16 bf16;
    kernels_int8 int8;
    kernels_attention attention;
    kernels_lstm lstm;
    kernels_norm norm;
    kernels_conv conv;
    kernels_optim optim;
} kernels;

/* The best of what these flags allow; the CPU must have them. */
void kernels_fill(cpu_flags flags, kernels *k);

/* The table of this CPU (cpu_get_flags(), asked once per process); static, never NULL. */
const kernels *kernels_best(void);

#endif
