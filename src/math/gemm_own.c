#include "src/math/gemm_own.h"

#include <string.h>

/* A strip of B, DEPTH x a strip's columns, stays in the first-level cache while HEIGHT rows of A pass; those,
 * and WIDTH columns of their results, in the second-level cache. */
enum { DEPTH = 192, HEIGHT = 384, WIDTH = 512 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

typedef struct operands {
    const kernels *own;
    gemm_op op_a, op_b;
    int lda, ldb, ldc;
    const real *a, *b;
    real *c;
} operands;

typedef struct block {
    int i, height, j, width, l, depth; /* rows and columns of C, lines of k */
} block;

static void add_block(const operands *o, const block *p, bool add)
{
    _Alignas(64) real strip[DEPTH * KERNELS_STRIP];
    size_t lda = (size_t)o->lda, ldb = (size_t)o->ldb, i = (size_t)p->i, l = (size_t)p->l;
    bool a_rows = o->op_a == GEMM_N, b_rows = o->op_b == GEMM_N;
    const kernels *own = o->own;
    kernels_gemm g = {.rows = p->height, .k = p->depth, .add = add, .w = strip, .ldy = o->ldc};
    g.row = a_rows ? o->lda : 1;
    g.line = a_rows ? 1 : o->lda;
    g.x = o->a + (a_rows ? i * lda + l : l * lda + i);
    for (int j = p->j, end = p->j + p->width; j < end; j += own->gemm_columns) {
        g.cols = least(end - j, own->gemm_columns);
        g.y = o->c + i * (size_t)o->ldc + j;
        if (b_rows)
            own->gemm_strip_rows(p->depth, g.cols, o->b + l * ldb + (size_t)j, o->ldb, strip);
        else
            own->gemm_strip_columns(p->depth, g.cols, o->b + (size_t)j * ldb + l, o->ldb, strip);
        own->gemm_strip(&g);
    }
}

/* What is there already, times beta. */
static void scale(int m, int n, real beta, real *c, int ldc)
{
    for (int i = 0; i < m; i++, c += ldc)
        if (beta == 0)
            memset(c, 0, (size_t)n * sizeof *c);
        else
            for (int j = 0; j < n; j++) c[j] *= beta;
}

void gemm_own(const kernels *own, gemm_op op_a, gemm_op op_b, int m, int n, int k, const real *a, int lda,
              const real *b, int ldb, real beta, real *c, int ldc)
{
    operands o = {own, op_a, op_b, lda, ldb, ldc, a, b, c};
    if ((k <= 0 || beta != 0) && beta != 1) scale(m, n, beta, c, ldc);
    for (int i = 0; i < m; i += HEIGHT)
        for (int j = 0; j < n; j += WIDTH)
            for (int l = 0; l < k; l += DEPTH) {
                block part = {i, least(m - i, HEIGHT), j, least(n - j, WIDTH), l, least(k - l, DEPTH)};
                add_block(&o, &part, beta != 0 || l > 0);
            }
}
