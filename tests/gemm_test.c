/* Every way through src/math/gemm.h against sums in double precision: odd sizes, strides beyond the width,
 * operands that end where readable memory ends, NaN wherever nothing may be read. The whole program runs
 * again for lesser CPUs, with and without OpenBLAS. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/rng.h"
#include "src/math/cpu.h"
#include "src/math/gemm.h"
#include "src/math/gemm_own.h"

enum { CASES = 400, LARGEST = 70, FAR = 1200 /* beyond the blocks that large products are cut into */ };

typedef struct problem {
    int m, n, k, lda, ldb, ldc;
    gemm_op op_a, op_b;
    float beta;
    float *a, *b, *c, *start; /* start: C before the product, without guards */
} problem;

typedef bool (*product)(const problem *p); /* true when it rounds the operands to bf16 */

/* `count` floats right before a page that may not be touched. */
static float *take_guarded(size_t count)
{
    size_t page = sysconf(_SC_PAGESIZE), bytes = (count * sizeof(float) + page - 1) / page * page;
    char *base = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(base != (char *)MAP_FAILED);
    assert_int_equal(mprotect(base + bytes, page, PROT_NONE), 0);
    return (float *)(void *)(base + bytes) - count;
}

static void give_guarded(float *p, size_t count)
{
    size_t page = sysconf(_SC_PAGESIZE), bytes = (count * sizeof(float) + page - 1) / page * page;
    munmap((char *)(p + count) - bytes, bytes + page);
}

static size_t extent(int rows, int cols, int ld)
{
    return (size_t)(rows - 1) * ld + cols;
}

/* A stored matrix: numbers inside, NaN between the rows. */
static float *make_matrix(rng *r, int rows, int cols, int ld)
{
    size_t count = extent(rows, cols, ld);
    float *x = take_guarded(count);
    for (size_t i = 0; i < count; i++) x[i] = i % ld < (size_t)cols ? (float)(rng_uniform(r) * 2 - 1) : NAN;
    return x;
}

static int rows_of_a(const problem *p)
{
    return p->op_a == GEMM_N ? p->m : p->k;
}

static int cols_of_a(const problem *p)
{
    return p->op_a == GEMM_N ? p->k : p->m;
}

static int rows_of_b(const problem *p)
{
    return p->op_b == GEMM_N ? p->k : p->n;
}

static int cols_of_b(const problem *p)
{
    return p->op_b == GEMM_N ? p->n : p->k;
}

static void init_problem(problem *p, rng *r)
{
    p->lda = cols_of_a(p) + (int)rng_below(r, 4);
    p->ldb = cols_of_b(p) + (int)rng_below(r, 4);
    p->ldc = p->n + (int)rng_below(r, 20);
    p->a = make_matrix(r, rows_of_a(p), cols_of_a(p), p->lda);
    p->b = make_matrix(r, rows_of_b(p), cols_of_b(p), p->ldb);
    p->c = make_matrix(r, p->m, p->n, p->ldc);
    size_t bytes = extent(p->m, p->n, p->ldc) * sizeof(float);
    if (p->beta == 0) memset(p->c, 0xff, bytes); /* NaN */
    p->start = malloc(bytes);
    assert_non_null(p->start);
    memcpy(p->start, p->c, bytes);
}

static void release_problem(problem *p)
{
    give_guarded(p->a, extent(rows_of_a(p), cols_of_a(p), p->lda));
    give_guarded(p->b, extent(rows_of_b(p), cols_of_b(p), p->ldb));
    give_guarded(p->c, extent(p->m, p->n, p->ldc));
    free(p->start);
}

/* To nearest, ties to even; written apart from the vector instruction it checks. */
static void round_to_bf16(float *x, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double unit = x[i] == 0 || isnan(x[i]) ? 1 : ldexp(1, ilogbf(x[i]) - 7);
        x[i] = (float)(nearbyint(x[i] / unit) * unit);
    }
}

/* Element (i, j), and the sum of magnitudes that its rounding error is measured by. */
static double reference(const problem *p, int i, int j, double *magnitude)
{
    double sum = p->beta != 0 ? (double)p->beta * p->start[(size_t)i * p->ldc + j] : 0;
    *magnitude = fabs(sum);
    for (int l = 0; l < p->k; l++) {
        double a = p->op_a == GEMM_N ? p->a[i * p->lda + l] : p->a[l * p->lda + i];
        double b = p->op_b == GEMM_N ? p->b[l * p->ldb + j] : p->b[j * p->ldb + l];
        sum += a * b;
        *magnitude += fabs(a * b);
    }
    return sum;
}

static void check_result(const problem *p)
{
    for (int i = 0; i < p->m; i++)
        for (int j = 0; j < p->ldc && (j < p->n || i < p->m - 1); j++) {
            size_t at = (size_t)i * p->ldc + j;
            double magnitude;
            if (j >= p->n) { /* between the rows: untouched */
                assert_memory_equal(p->c + at, p->start + at, sizeof(float));
                continue;
            }
            double want = reference(p, i, j, &magnitude);
            double bound = (p->k + 2) * ldexp(1, -23) * magnitude;
            if (!(fabs(p->c[at] - want) <= bound))
                fail_msg("%c%c m %d n %d k %d beta %g: C[%d,%d] is %.9g, not %.9g", "NT"[p->op_a],
                         "NT"[p->op_b], p -> m, p -> n, p -> k, (double)p -> beta, i, j, (double)p -> c[at],
                         want);
        }
}

static void check_one(rng *r, problem p, product run)
{
    init_problem(&p, r);
    if (run(&p)) {
        round_to_bf16(p.a, extent(rows_of_a(&p), cols_of_a(&p), p.lda));
        round_to_bf16(p.b, extent(rows_of_b(&p), cols_of_b(&p), p.ldb));
    }
    check_result(&p);
    release_problem(&p);
}

static void check_product(product run)
{
    static const float betas[] = {0, 1, 0.5F};
    rng r = {.seed = 7};
    for (int i = 0; i < CASES; i++)
        check_one(&r,
                  (problem){.m = 1 + (int)rng_below(&r, i % 50 == 7 ? FAR : LARGEST),
                            .n = 1 + (int)rng_below(&r, i % 50 == 8 ? FAR : LARGEST),
                            .k = 1 + (int)rng_below(&r, i % 50 == 9 ? FAR : LARGEST),
                            .op_a = (gemm_op)(i & 1),
                            .op_b = (gemm_op)(i >> 1 & 1),
                            .beta = betas[i % 3]},
                  run);
    /* past the sizes of the cache blocks, each way round */
    static const int large[][3] = {{33, 35, 2311},  {531, 17, 600},  {9, 1100, 70},
                                   {300, 1029, 65}, {37, 560, 1000}, {75, 530, 1100}};
    for (int i = 0; i < 6 * 4; i++)
        check_one(&r,
                  (problem){.m = large[i / 4][0],
                            .n = large[i / 4][1],
                            .k = large[i / 4][2],
                            .op_a = (gemm_op)(i & 1),
                            .op_b = (gemm_op)(i >> 1 & 1),
                            .beta = betas[i % 3]},
                  run);
}

static gemm_shape shape_of(const problem *p)
{
    return (gemm_shape){p->m, p->n, p->k};
}

static mat a_of(const problem *p)
{
    return (mat){p->a, p->lda, p->op_a};
}

static mat b_of(const problem *p)
{
    return (mat){p->b, p->ldb, p->op_b};
}

static mat_out c_of(const problem *p)
{
    return (mat_out){p->c, p->ldc};
}

static bool run_f32(const problem *p)
{
    gemm_serial(GEMM_F32, shape_of(p), a_of(p), b_of(p), p->beta, c_of(p));
    return false;
}

static void f32_products(void **state)
{
    (void)state;
    check_product(run_f32);
}

static bool run_bf16(const problem *p)
{
    gemm_serial(GEMM_BF16, shape_of(p), a_of(p), b_of(p), p->beta, c_of(p));
    return gemm_rounds(GEMM_BF16) && kernels_best()->bf16.gemm_suits(shape_of(p));
}

static void bf16_products(void **state)
{
    (void)state;
    check_product(run_bf16);
}

static const kernels *table;

static bool run_table(const problem *p)
{
    assert_true(table->bf16.gemm(shape_of(p), a_of(p), b_of(p), p->beta, c_of(p)));
    return true;
}

/* Ties go to the even neighbour: 1 + 2^-8 down, 1 + 3 * 2^-8 up. */
static void check_ties(void)
{
    const float a[2] = {1 + 0x1p-8F, 1 + 0x3p-8F}, one = 1;
    float c[2];
    assert_true(table->bf16.gemm((gemm_shape){2, 1, 1}, mat_n(a, 1), mat_n(&one, 1), 0, (mat_out){c, 1}));
    assert_true(c[0] == 1 && c[1] == 1 + 0x1p-6F);
}

static void check_table(const kernels *k)
{
    rng r = {.seed = 8};
    table = k;
    check_ties();
    check_product(run_table);
    if (!k->bf16.fast) return;
    /* several blocks of columns, and too many rows to keep for them */
    check_one(&r, (problem){.m = 1030, .n = 530, .k = 1000, .beta = 1}, run_table);
    check_one(&r, (problem){.m = 2060, .n = 1030, .k = 500, .op_a = GEMM_T}, run_table);
}

/* Those that differ in this: the plainest and the best. */
static void bf16_tables(void **state)
{
    (void)state;
    kernels plainest;
    kernels_fill(0, &plainest);
    check_table(&plainest);
    if (kernels_best()->bf16.gemm != plainest.bf16.gemm) check_table(kernels_best());
}

static void nothing_to_sum(void **state)
{
    (void)state;
    float c[6] = {NAN, NAN, NAN, 1, 2, 3};
    const float x = NAN;
    gemm_serial(GEMM_F32, (gemm_shape){1, 3, 0}, mat_n(&x, 1), mat_n(&x, 3), 0, (mat_out){c, 3});
    gemm_serial(GEMM_F32, (gemm_shape){1, 3, 0}, mat_n(&x, 1), mat_n(&x, 3), 1, (mat_out){c + 3, 3});
    const float want[6] = {0, 0, 0, 1, 2, 3};
    assert_memory_equal(c, want, sizeof want);
}

static void same_bits_for_any_threads(void **state)
{
    (void)state;
    static const int shapes[][3] = {{700, 64, 100}, {64, 700, 100}, {301, 299, 333}, {3, 2000, 512}};
    static const int threads[] = {1, 2, 5};
    rng r = {.seed = 11};
    for (int i = 0; i < 4 * 8; i++) {
        const int *s = shapes[i / 8];
        problem p = {
            .m = s[0], .n = s[1], .k = s[2], .op_a = (gemm_op)(i & 1), .op_b = (gemm_op)(i >> 1 & 1)};
        init_problem(&p, &r);
        size_t bytes = extent(p.m, p.n, p.ldc) * sizeof(float);
        for (int t = 0; t < 3; t++) {
            pool *workers = pool_create(threads[t]);
            assert_non_null(workers);
            gemm(workers, i >> 2 & 1 ? GEMM_BF16 : GEMM_F32, shape_of(&p), a_of(&p), b_of(&p), 0, c_of(&p));
            pool_free(&workers);
            if (t == 0)
                memcpy(p.start, p.c, bytes);
            else
                assert_memory_equal(p.start, p.c, bytes);
        }
        release_problem(&p);
    }
}

/* With B in order beforehand, on any number of threads: the same bits. */
static void same_bits_in_order(void **state)
{
    (void)state;
    static const int shapes[][3] = {{128, 256, 300}, {7, 130, 129}, {400, 65, 20}, {13, 700, 5}};
    const kernels *own = kernels_best();
    rng r = {.seed = 12};
    for (int i = 0; i < 4 * 8; i++) {
        const int *s = shapes[i / 8];
        problem p = {
            .m = s[0], .n = s[1], .k = s[2], .op_a = (gemm_op)(i & 1), .op_b = (gemm_op)(i >> 1 & 1)};
        p.beta = i >> 2 & 1;
        init_problem(&p, &r);
        float *ordered = malloc(gemm_ordered_count(own, p.n, p.k) * sizeof *ordered);
        assert_non_null(ordered);
        gemm_order(NULL, own, p.n, p.k, b_of(&p), ordered);
        size_t bytes = extent(p.m, p.n, p.ldc) * sizeof(float);
        float *want = malloc(bytes);
        assert_non_null(want);
        gemm_own(own, shape_of(&p), a_of(&p), b_of(&p), p.beta, c_of(&p));
        memcpy(want, p.c, bytes);
        for (int threads = 1; threads < 4; threads += 2) {
            pool *workers = pool_create(threads);
            assert_non_null(workers);
            memcpy(p.c, p.start, bytes);
            gemm_own_ordered(workers, own, shape_of(&p), a_of(&p), ordered, p.beta, c_of(&p));
            pool_free(&workers);
            assert_memory_equal(want, p.c, bytes);
        }
        free(ordered);
        free(want);
        release_problem(&p);
    }
}

/* As this program was called: under valgrind /proc/self/exe is valgrind. */
static const char *program;

/* `settings`: with those that a program makes for OpenBLAS; else as a library finds it. */
static void run_again(const char *cpu, bool openblas, bool settings)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("CAPTION_CPU", cpu, 1);
        if (!openblas) setenv("CAPTION_NO_OPENBLAS", "1", 1);
        for (const gemm_setting *s = gemm_settings(); s->name; s++)
            if (settings)
                setenv(s->name, s->value, 0);
            else
                unsetenv(s->name);
        execl(program, program, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Kernels and library are chosen once per process: hence further processes. "amx" masks nothing. */
static void all_again_on_lesser_cpus(void **state)
{
    (void)state;
    if (getenv("CAPTION_CPU")) {
        if (getenv("CAPTION_NO_OPENBLAS")) assert_memory_equal(gemm_library(), "own kernels, ", 13);
        return;
    }
    run_again("amx", true, true);
    run_again("amx", true, false);
    run_again("avx2", true, false);
    run_again("avx2", false, false);
    run_again("generic", true, false);
    run_again("generic", false, false);
}

int main(int argc, char **argv)
{
    (void)argc;
    program = argv[0];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_products),
        cmocka_unit_test(bf16_products),
        cmocka_unit_test(bf16_tables),
        cmocka_unit_test(nothing_to_sum),
        cmocka_unit_test(same_bits_for_any_threads),
        cmocka_unit_test(same_bits_in_order),
        cmocka_unit_test(all_again_on_lesser_cpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
