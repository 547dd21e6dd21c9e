#include "src/math/gemm.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/base/bounds.h"
#include "src/base/cpu.h"
#include "src/math/gemm_own.h"
#include "src/math/kernels.h"
#if CAPTION_X86
#include "src/math/x86_amx.h"
#endif

enum { ROWS = 101, NOTRANS = 111, TRANS = 112 }; /* the CBLAS enumerators */

typedef void (*cblas_gemm_fn)(int order, int ta, int tb, int m, int n, int k, real alpha, const real *a,
                              int lda, const real *b, int ldb, real beta, real *c, int ldc);

static cpu_level level;

static struct {
    cblas_gemm_fn product; /* NULL: own kernels */
    char name[128];
} blas;

static void find_level(void)
{
    level = cpu_get_level();
}

static void ensure_level(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_level);
}

const gemm_setting *gemm_settings(void)
{
    static const gemm_setting all[] = {
        {"OPENBLAS_CORETYPE", "SkylakeX"}, {"OPENBLAS_NUM_THREADS", "1"}, {NULL, NULL}};
    ensure_level();
    return level >= CPU_AVX512 ? all : all + 1;
}

/* Whether OpenBLAS computes with vectors as wide as this CPU has, or as somebody told it. What it takes the
 * CPU for it decides while it loads, and that of Debian 12 takes what is newer than itself for a Haswell.
 * With half the width it makes 27 GFLOP/s of 1024 x 1024 where own kernels make 55, and it 54 as SkylakeX (an
 * AMD EPYC with AVX-512, one thread, busy), so that own kernels lose nothing. */
static bool is_as_wide(void *lib)
{
    static const char *const wide[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
    char *(*core)(void) = NULL;
    void *symbol = dlsym(lib, "openblas_get_corename");
    if (level < CPU_AVX512 || !symbol || getenv("OPENBLAS_CORETYPE")) return true;
    memcpy(&core, &symbol, sizeof core);
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        if (!strcasecmp(core(), wide[i])) return true;
    return false;
}

static void load_blas(void)
{
    ensure_level();
    snprintf(blas.name, sizeof blas.name, "own kernels, %s", kernels_get(level)->name);
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

bool gemm_on_tiles(gemm_precision precision)
{
    ensure_level();
    return CAPTION_X86 && precision == GEMM_BF16 && level >= CPU_AMX;
}

void gemm_tiles_alone(const uint16_t *panels, int rounds)
{
#if CAPTION_X86
    if (gemm_on_tiles(GEMM_BF16)) amx_tiles_alone(panels, rounds);
#else
    (void)panels, (void)rounds;
#endif
}

bool gemm_takes_order(gemm_precision precision)
{
    ensure_level();
    return !gemm_on_tiles(precision) && (REAL_IS_DOUBLE || level >= CPU_AVX2);
}

/* Few rows against large weights, a step of an LSTM: sgemm would first copy the weights, which costs more
 * than using them. Very small products it does faster. */
static bool try_gemv(gemm_op op_a, gemm_op op_b, int m, int n, int k, const real *a, int lda, const real *b,
                     int ldb, real beta, real *c, int ldc)
{
    if (op_a != GEMM_N || m > KERNELS_ROWS || n < 16 || k < 16 || (double)m * n * k < 5e4) return false;
    const kernels *own = kernels_get(level);
    if (op_b == GEMM_N)
        own->gemv(m, k, n, a, lda, b, ldb, beta, c, ldc);
    else
        own->gemv_t(m, k, n, a, lda, b, ldb, beta, c, ldc);
    return true;
}

/* OpenBLAS copies both operands before it multiplies, which large products do not feel; one step of an LSTM
 * takes a third longer for it. Without AVX2 it is always the faster. */
static bool suits_own(int m, int n, int k)
{
    const double most = level >= CPU_AVX512 ? 1 << 29 : 1 << 27;
    if (level >= CPU_AVX2 && (double)m * n * k < most) return true;
    ensure_blas(); /* here, not before: it takes milliseconds and megabytes */
    return !blas.product;
}

static void f32_product(bool own, gemm_op op_a, gemm_op op_b, int m, int n, int k, const real *a, int lda,
                        const real *b, int ldb, real beta, real *c, int ldc)
{
    if (own)
        gemm_own(kernels_get(level), op_a, op_b, m, n, k, a, lda, b, ldb, beta, c, ldc);
    else
        blas.product(ROWS, op_a == GEMM_T ? TRANS : NOTRANS, op_b == GEMM_T ? TRANS : NOTRANS, m, n, k, 1, a,
                     lda, b, ldb, beta, c, ldc);
}

static bool suits_tiles(gemm_precision precision, int m, int n, int k)
{
#if CAPTION_X86
    return gemm_on_tiles(precision) && amx_gemm_suits(m, n, k);
#else
    (void)precision, (void)m, (void)n, (void)k;
    return false;
#endif
}

static bool try_tiles(gemm_op op_a, gemm_op op_b, int m, int n, int k, const real *a, int lda, const real *b,
                      int ldb, real beta, real *c, int ldc)
{
#if CAPTION_X86
    return amx_gemm_bf16(op_a == GEMM_T, op_b == GEMM_T, m, n, k, a, lda, b, ldb, beta, c, ldc);
#else
    (void)op_a, (void)op_b, (void)m, (void)n, (void)k, (void)a, (void)lda, (void)b, (void)ldb, (void)beta;
    (void)c, (void)ldc;
    return false;
#endif
}

void gemm_serial(gemm_precision precision, gemm_op op_a, gemm_op op_b, int m, int n, int k, const real *a,
                 int lda, const real *b, int ldb, real beta, real *c, int ldc)
{
    if (m <= 0 || n <= 0) return;
    ensure_level();
    if (try_gemv(op_a, op_b, m, n, k, a, lda, b, ldb, beta, c, ldc)) return;
    if (suits_tiles(precision, m, n, k) && try_tiles(op_a, op_b, m, n, k, a, lda, b, ldb, beta, c, ldc))
        return;
    f32_product(suits_own(m, n, k), op_a, op_b, m, n, k, a, lda, b, ldb, beta, c, ldc);
}

typedef struct job {
    gemm_precision precision;
    bool tiles, own; /* what suits all of C makes each block */
    gemm_op op_a, op_b;
    int m, n, k, lda, ldb, ldc;
    int rows, cols, across; /* block size, blocks per block row */
    const real *a, *b;
    real beta, *c;
} job;

static void run_block(void *ctx, int index, int worker)
{
    (void)worker;
    const job *j = ctx;
    int i0 = index / j->across * j->rows, j0 = index % j->across * j->cols;
    int m = min_int(j->m - i0, j->rows);
    int n = min_int(j->n - j0, j->cols);
    const real *a = j->a + (j->op_a == GEMM_N ? (size_t)i0 * (size_t)j->lda : (size_t)i0);
    const real *b = j->b + (j->op_b == GEMM_N ? (size_t)j0 : (size_t)j0 * (size_t)j->ldb);
    real *c = j->c + (size_t)i0 * (size_t)j->ldc + j0;
    if (j->m <= KERNELS_ROWS)
        gemm_serial(j->precision, j->op_a, j->op_b, m, n, j->k, a, j->lda, b, j->ldb, j->beta, c, j->ldc);
    else if (!j->tiles || !try_tiles(j->op_a, j->op_b, m, n, j->k, a, j->lda, b, j->ldb, j->beta, c, j->ldc))
        f32_product(j->own, j->op_a, j->op_b, m, n, j->k, a, j->lda, b, j->ldb, j->beta, c, j->ldc);
}

/* Halves the longer side of the blocks, multiples of 32 wide, each time: the squarer they are, the less of A
 * and B is packed more than once. On tiles it matters whether 32 columns are an odd or an even number of them
 * away from the first (src/math/x86_amx_rows.h): multiples of 64. */
static void cut(job *j, int halvings)
{
    int unit = j->tiles ? 64 : 32;
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
    if ((double)j->m * j->n * j->k <= 2e5) return 0;
    if (j->m <= KERNELS_ROWS || (!j->tiles && !j->own)) return 3;
    while (threads > 1 && 1 << n < 2 * threads) n++;
    return n;
}

void gemm(pool *p, gemm_precision precision, gemm_op op_a, gemm_op op_b, int m, int n, int k, const real *a,
          int lda, const real *b, int ldb, real beta, real *c, int ldc)
{
    if (m <= 0 || n <= 0) return;
    job j = {.precision = precision,
             .tiles = m > KERNELS_ROWS && suits_tiles(precision, m, n, k),
             .op_a = op_a,
             .op_b = op_b,
             .m = m,
             .n = n,
             .k = k,
             .lda = lda,
             .ldb = ldb,
             .ldc = ldc,
             .rows = m,
             .cols = n,
             .a = a,
             .b = b,
             .beta = beta,
             .c = c};
    ensure_level();
    j.own = j.tiles || (m > KERNELS_ROWS && suits_own(m, n, k));
    cut(&j, halvings(&j, pool_threads(p)));
    j.across = ceil_div(n, j.cols);
    pool_run(p, ceil_div(m, j.rows) * j.across, run_block, &j);
}
