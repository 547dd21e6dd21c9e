/* Rows times panels on AMX tiles: what products of f32 operands (amx.c) and with packed weights
 * (amx_packed.c) have in common. Only on CPUs with CPU_AMX. */
#ifndef MATH_X86_AMX_ROWS_H
#define MATH_X86_AMX_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/math/kernels.h"

enum {
    AMX_ROWS_DEPTH = 1024, /* k at a time */
    AMX_ROWS_COLS = 1024,  /* columns at a time, unless there are no more than 32 rows */
};

/* y[rows,cols] = x[rows,depth] w + beta y, then what `finish` says. The panels are those of amx_tiles.h;
 * what lies in them beyond depth and cols must be 0 and anything, in this order. They and x are walked again
 * and again and had best lie in the second-level cache. */
typedef struct amx_rows {
    int rows, cols, depth;
    bool odd;       /* whether the first panel counts as an odd one */
    const float *x; /* rounded on the way; NULL: `rounded` */
    size_t ldx;
    uint16_t *keep;          /* where the rounded rows of x stay, for a later `rounded`; NULL: nowhere */
    const uint16_t *rounded; /* rows up to a multiple of 32 (the last of which may hold anything),
                                row_stride(depth) numbers each, 0 beyond depth */
    const uint16_t *panels;
    size_t panel;                 /* numbers from one panel to the next */
    float beta;                   /* with 0, y may hold anything */
    const kernels_finish *finish; /* NULL: nothing; the bias begins at the first column */
    float *y;
    uint16_t *rounded_y; /* not NULL: results are rounded to bf16 and go here in place of y; beta is 0 */
    size_t ldy;
} amx_rows;

void amx_rows_product(const amx_rows *p);

#endif
