/* Weights packed once for products with many different x: y = x w. What sgemm does on every call, copying the
 * matrix into the order in which its inner loop reads it, is done when a model is opened; and the copy may be
 * narrower than f32, as products with few rows (an LSTM step, the vocabulary) take as long as it takes to
 * read the weights.
 *
 *     packed *p = packed_create(PACKED_BF16, k, n, mat_n(w, n), NULL);           NULL: out of memory
 *     packed_product(p, rows, x, k, 0, y, n);                                any number of rows
 *     packed_free(&p);
 *
 * A row of y has the same bits whatever rows are computed along with it, and for every number of threads. In
 * BF16, x stays f32 unless gemm_rounds(GEMM_BF16): then it is rounded to bf16, too. */
#ifndef MATH_PACKED_H
#define MATH_PACKED_H

#include <stddef.h>
#include <stdint.h>

#include "src/math/gemm.h"
#include "src/math/kernels.h"

enum {
    PACKED_SPARE = 31,
    PACKED_MOST_I8 = 4096, /* k of I8; deeper weights are packed in BF16 */
};

typedef struct packed {
    packed_type type;
    int k, n;
    size_t stride;   /* bytes from one panel of 16 columns (BF16: 32) to the next */
    size_t bytes;    /* of all panels */
    void *panels;    /* 64-byte aligned; the order is told in kernels_packed.inc */
    float *scale;    /* I8: [n up to a multiple of 16] */
    int32_t *offset; /* I8: likewise, 128 times the sum of the column */
} packed;

/* w is [k,n]; column j is multiplied by factor[j] on the way (NULL: as it is). Weights that are not
 * numbers give results that are not numbers, in I8 too. */
packed *packed_create(packed_type type, int k, int n, mat w, const real *factor);
void packed_free(packed **p); /* NULL and pointer to NULL are fine */

/* The same in BF16 into memory of the caller's, on the threads of a pool: 64-byte aligned and
 * packed_bf16_bytes long. *p borrows it and is not freed. */
size_t packed_bf16_bytes(int k, int n);
void packed_place_bf16(pool *threads, packed *p, int k, int n, mat w, void *panels);

/* y[rows,n] = x[rows,k] w + beta y on the calling thread; beta is 0 (y may hold anything) or 1. */
void packed_product(const packed *p, int rows, const real *x, int ldx, real beta, real *y, int ldy);

/* y[rows,n] = x[rows,k] w and what follows. */
void packed_product_finish(const packed *p, int rows, const real *x, int ldx, const kernels_finish *finish,
                           real *y, int ldy);

/* Where products round x anyway, it may be rounded where it is made, as rows of as many numbers as
 * packed_rounded_stride says: 0 where products want x as it is. Behind them PACKED_SPARE more must be
 * readable. Results have the bits of packed_product_finish. */
size_t packed_rounded_stride(const packed *p);
void packed_round(const packed *p, int rows, const real *x, int ldx, uint16_t *to);
void packed_product_rounded(const packed *p, int rows, const uint16_t *x, const kernels_finish *finish,
                            real *y, int ldy);

/* There too: as packed_product_finish, results rounded to bf16, ldy numbers from row to row. */
void packed_product_to_rounded(const packed *p, int rows, const real *x, int ldx,
                               const kernels_finish *finish, uint16_t *y, int ldy);

/* As packed_product, columns (or, with many rows, rows) shared out to the threads of a pool. */
void packed_product_on(pool *threads, const packed *p, int rows, const real *x, int ldx, real beta, real *y,
                       int ldy);

#endif
