#include "src/math/gemm.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/bounds.h"
#include "src/math/gemm_own.h"
#include "src/math/kernels.h"

enum { ROWS = 101, NOTRANS = 111, TRANS = 112 }; /* the CBLAS enumerators */

typedef void (*cblas_gemm_fn)(int order, int ta, int tb, int m, int n, int k, real alpha, const real *a,
                              int lda, const real *b, int ldb, real beta, real *c, int ldc);

static struct {
    cblas_gemm_fn product; /* NULL: own kernels */
    char name[128];
} blas;

const gemm_setting *gemm_settings(void)
{
    static const gemm_setting wide[] = {
        {"OPENBLAS_CORETYPE", "SkylakeX"}, {"OPENBLAS_NUM_THREADS", "1"}, {NULL, NULL}};
    return kernels_best()->f32.openblas_is_wide ? wide : wide + 1;
}

/* Whether OpenBLAS computes with vectors as wide as this CPU has, or as somebody told it. What it takes the
 * CPU for it decides while it loads, and that of Debian 12 takes what is newer than itself for a Haswell.
 * With half the width it makes 27 GFLOP/s of 1024 x 1024 where own kernels make 55, and it 54 as SkylakeX (an
 * AMD EPYC with AVX-512, one thread, busy), so that own kernels lose nothing. */
static bool is_as_wide(void *lib)
{
    bool (*wide)(const char *core) = kernels_best()->f32.openblas_is_wide;
    char *(*core)(void) = NULL;
    void *symbol = dlsym(lib, "openblas_get_corename");
    if (!wide || !symbol || getenv("OPENBLAS_CORETYPE")) return true;
    memcpy(&core, &symbol, sizeof core);
    return wide(core());
}

static void load_blas(void)
{
    snprintf(blas.name, sizeof blas.name, "own kernels, %s", kernels_best()->name);
    if (getenv("CAPTION_NO_OPENBLAS")) return;
    void *lib = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!lib) lib = dlopen("libopenblas.so", RTLD_NOW | RTLD_LOCAL);
    if (!lib) return;
    void *product = dlsym(lib, REAL_IS_DOUBLE ? "cblas_dgemm" : "cblas_sgemm");
    if (!product || !is_as_wide(lib)) return;
    memcpy(&blas.product, &product, sizeof product);
    void (*set_threads)(int) = NULL;
    char *(*config)(void) = NULL;
    void *symbol = dlsym(lib, "openblas_set_num_threads");
    if (symbol) {
        memcpy(&set_threads, &symbol, sizeof symbol);
        set_threads(1);
    }
    symbol = dlsym(lib, "openblas_get_config");
    if (symbol) {
        memcpy(&config, &symbol, sizeof symbol);
        snprintf(blas.name, sizeof blas.name, "%s", config());
    }
}

static void ensure_blas(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_blas);
}

const char *gemm_library(void)
{
    ensure_blas();
    return blas.name;
}

bool gemm_rounds(gemm_precision precision)
{
    return precision == GEMM_BF16 && kernels_best()->bf16.fast;
}

gemm_order_wanted gemm_wants(gemm_precision precision)
{
    if (gemm_rounds(precision)) return GEMM_IN_PANELS;
    return REAL_IS_DOUBLE || kernels_best()->f32.gemm_most > 0 ? GEMM_IN_ORDER : GEMM_AS_STORED;
}

void gemm_peak(const uint16_t *panels, int rounds)
{
    kernels_best()->bf16.peak(panels, rounds);
}

static double multiplications(gemm_shape s)
{
    return (double)s.m * s.n * s.k;
}

/* Few rows against large weights, a step of an LSTM: sgemm would first copy the weights, which costs more
 * than using them. Very small products it does faster. */
static bool try_gemv(gemm_shape s, mat a, mat b, real beta, mat_out c)
{
    if (a.op != GEMM_N || s.m > KERNELS_ROWS || s.n < 16 || s.k < 16 || multiplications(s) < 5e4)
        return false;
    const kernels_f32 *own = &kernels_best()->f32;
    (b.op == GEMM_N ? own->gemv : own->gemv_t)(s.m, s.k, s.n, a.data, a.ld, b.data, b.ld, beta, c.data, c.ld);
    return true;
}

/* OpenBLAS copies both operands before it multiplies, which large products do not feel; one step of an LSTM
 * takes a third longer for it. Without AVX2 it is always the faster. */
static bool suits_own(gemm_shape s)
{
    if (multiplications(s) < kernels_best()->f32.gemm_most) return true;
    ensure_blas(); /* here, not before: it takes milliseconds and megabytes */
    return !blas.product;
}

static void f32_product(bool own, gemm_shape s, mat a, mat b, real beta, mat_out c)
{
    if (own)
        gemm_own(kernels_best(), s, a, b, beta, c);
    else
        blas.product(ROWS, a.op == GEMM_T ? TRANS : NOTRANS, b.op == GEMM_T ? TRANS : NOTRANS, s.m, s.n, s.k,
                     1, a.data, a.ld, b.data, b.ld, beta, c.data, c.ld);
}

static bool suits_bf16(gemm_precision precision, gemm_shape s)
{
    return gemm_rounds(precision) && kernels_best()->bf16.gemm_suits(s);
}

void gemm_serial(gemm_precision precision, gemm_shape s, mat a, mat b, real beta, mat_out c)
{
    if (s.m <= 0 || s.n <= 0) return;
    if (try_gemv(s, a, b, beta, c)) return;
    if (suits_bf16(precision, s) && kernels_best()->bf16.gemm(s, a, b, beta, c)) return;
    f32_product(suits_own(s), s, a, b, beta, c);
}

typedef struct job {
    gemm_precision precision;
    bool rounds, own; /* what suits all of C makes each block */
    gemm_shape all;
    int rows, cols, across; /* block size, blocks per block row */
    mat a, b;
    real beta;
    mat_out c;
} job;

static void run_block(void *ctx, int index, int worker)
{
    (void)worker;
    const job *j = ctx;
    int i0 = index / j->across * j->rows, j0 = index % j->across * j->cols;
    gemm_shape s = {min_int(j->all.m - i0, j->rows), min_int(j->all.n - j0, j->cols), j->all.k};
    mat a = mat_from(j->a, i0, 0), b = mat_from(j->b, 0, j0);
    mat_out c = {j->c.data + (size_t)i0 * j->c.ld + j0, j->c.ld};
    if (j->all.m <= KERNELS_ROWS)
        gemm_serial(j->precision, s, a, b, j->beta, c);
    else if (!j->rounds || !kernels_best()->bf16.gemm(s, a, b, j->beta, c))
        f32_product(j->own, s, a, b, j->beta, c);
}

/* Halves the longer side of the blocks, multiples of 32 wide, each time: the squarer they are, the less of A
 * and B is packed more than once. In bf16 it matters whether 32 columns are an odd or an even number of them
 * away from the first (src/math/x86/amx_rows.h): multiples of 64. */
static void cut(job *j, int halvings)
{
    int unit = j->rounds ? 64 : 32;
    for (int i = 0; i < halvings; i++) {
        int *longer = j->rows >= j->cols ? &j->rows : &j->cols;
        *longer = ceil_div(*longer, 2 * unit) * unit;
    }
}

/* How often C is halved. What OpenBLAS makes of an element depends on the block that it lies in: about eight
 * blocks, however many threads. Elsewhere it depends on k alone: as few blocks as the threads can share. */
static int halvings(const job *j, int threads)
{
    int n = 0;
    if (multiplications(j->all) <= 2e5) return 0;
    if (j->all.m <= KERNELS_ROWS || (!j->rounds && !j->own)) return 3;
    while (threads > 1 && 1 << n < 2 * threads) n++;
    return n;
}

void gemm(pool *p, gemm_precision precision, gemm_shape s, mat a, mat b, real beta, mat_out c)
{
    if (s.m <= 0 || s.n <= 0) return;
    job j = {
        .precision = precision, .all = s, .rows = s.m, .cols = s.n, .a = a, .b = b, .beta = beta, .c = c};
    j.rounds = s.m > KERNELS_ROWS && suits_bf16(precision, s);
    j.own = j.rounds || (s.m > KERNELS_ROWS && suits_own(s));
    cut(&j, halvings(&j, pool_threads(p)));
    j.across = ceil_div(s.n, j.cols);
    pool_run(p, ceil_div(s.m, j.rows) * j.across, run_block, &j);
}
