/* caption bench: how fast this machine captions and trains, beside how fast it multiplies matrices. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "captioner/net/builtin.h"
#include "datasets/coco.h"
#include "src/image/image.h"
#include "src/io/file.h"
#include "tools/bench.h"
#include "tools/progress.h"
#include "tools/verbs.h"

/* Odd, so that the median is a round. */
enum { ROUNDS = 7 };

typedef struct bench_request {
    const char *only, *photo;
    int threads;
    double seconds; /* for each row, over all rounds */
    bool json, quiet;
} bench_request;

typedef struct bench {
    const bench_request *q;
    bench_env env;
    bench_case c[BENCH_ROWS_MAX];
    bool chosen[BENCH_ROWS_MAX]; /* goes into the report */
    bool timed[BENCH_ROWS_MAX];  /* chosen, or needed for the ratios */
    double figure[BENCH_ROWS_MAX][ROUNDS];
    double seconds[BENCH_ROWS_MAX][ROUNDS]; /* of one run */
    int drawn;                              /* the drawn photo's descriptor; -1: the photo is a file */
    char path[64];                          /* by which it is opened */
    uint8_t *bytes;
} bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the photo ---- */

enum { WIDTH = 640, HEIGHT = 480, QUALITY = 90 };

/* Waves of several lengths: a photo's share of detail, so that the JPEG is as long as a photo's, some 100 kB.
 */
static uint8_t shade(int x, int y, int channel)
{
    double u = x / 40.0 + channel, v = y / 30.0 - channel;
    double wave =
        sin(u + 2 * sin(v / 3)) + cos(v + u / 5) + 0.5 * sin(5 * u) * sin(7 * v) + 0.3 * sin(37 * u + 41 * v);
    return (uint8_t)(128 + 45 * wave);
}

static err_code draw_photo(uint8_t **bytes, size_t *size, error *err)
{
    img im = {0};
    err_code code = img_create(&im, WIDTH, HEIGHT, err);
    for (int i = 0; !code && i < WIDTH * HEIGHT * 3; i++)
        im.rgb[i] = shade(i / 3 % WIDTH, i / 3 / WIDTH, i % 3);
    if (!code) code = img_encode_jpeg(&im, QUALITY, bytes, size, err);
    img_release(&im);
    return code;
}

/* A photo that is no file of its own, drawn or from a pipe, is a file in memory, which other processes reach
 * by our /proc: an interrupted run leaves nothing behind. */
static err_code keep_photo(bench *b, error *err)
{
    int fd = b->drawn = memfd_create("photo.jpg", MFD_CLOEXEC);
    snprintf(b->path, sizeof b->path, "/proc/%ld/fd/%d", (long)getpid(), fd);
    b->env.photo = b->path;
    if (fd >= 0 && write(fd, b->env.bytes, b->env.size) == (ssize_t)b->env.size) return ERR_OK;
    return err_set(err, ERR_IO, "cannot keep a photo in memory; name a file with --photo");
}

/* A photo that cannot be read is refused before anything is timed. */
static err_code check_photo(const bench *b, error *err)
{
    img decoded;
    err_code code = img_read_memory(b->bytes, b->env.size, b->q->photo, NULL, &decoded, NULL, err);
    img_release(&decoded);
    return code;
}

static err_code open_photo(bench *b, error *err)
{
    const size_t most = 1 << 30;
    b->env.photo = b->q->photo;
    err_code code = b->q->photo ? io_read_file(b->q->photo, most, &b->bytes, &b->env.size, err)
                                : draw_photo(&b->bytes, &b->env.size, err);
    b->env.bytes = b->bytes;
    if (!code && b->q->photo) code = check_photo(b, err);
    return code || (b->q->photo && ds_is_file(b->q->photo)) ? code : keep_photo(b, err);
}

/* ---- which rows ---- */

static bool have_model(const bench *b)
{
    size_t size;
    return b->env.model || cap_builtin_model(&size);
}

static bool is_wanted(const bench *b, const bench_row *row)
{
    if (b->q->only && strcmp(b->q->only, row->name) != 0) return false;
    bool twice = row->kind == BENCH_FLOPS || row->kind == BENCH_PEAK || row->kind == BENCH_SPEEDUP;
    return b->env.threads > 1 || !twice || !row->all_threads; /* else the same row twice */
}

/* The row of bench_rows that is the measure of this one. */
static int base_of(const bench *b, int row)
{
    return bench_rows[row].all_threads && b->env.threads > 1;
}

/* The row of the most that a product in bf16 is measured by; -1: none. */
static int peak_of(const bench *b, int row)
{
    const bench_row *product = &bench_rows[row];
    if (product->kind != BENCH_FLOPS || product->precision != GEMM_BF16) return -1;
    for (int i = 0; i < bench_row_count; i++)
        if (b->timed[i] && bench_rows[i].kind == BENCH_PEAK &&
            bench_rows[i].all_threads == product->all_threads)
            return i;
    return -1;
}

static bool is_able(const bench *b, const bench_row *row)
{
    if (row->kind == BENCH_PEAK) return gemm_rounds(GEMM_BF16);
    return have_model(b) || !row->needs_model;
}

static err_code choose_rows(bench *b, error *err)
{
    int chosen = 0, able = 0;
    for (int i = 0; i < bench_row_count; i++) {
        b->chosen[i] = is_wanted(b, &bench_rows[i]);
        b->timed[i] = b->chosen[i] && is_able(b, &bench_rows[i]);
        chosen += b->chosen[i];
        able += b->timed[i];
    }
    if (chosen && !able)
        return err_set(err, ERR_MISSING,
                       "'%s' needs a model, and none is built into this program: name a model file",
                       b->q->only);
    for (int i = 0; i < bench_row_count; i++)
        if (b->timed[i]) b->timed[base_of(b, i)] = true;
    return ERR_OK;
}

/* ---- measuring ---- */

/* Memory comes first: Linux counts what this program holds as that of the one it starts. */
static err_code open_rows(bench *b, error *err)
{
    err_code code = ERR_OK;
    for (int memory = 1; memory >= 0; memory--)
        for (int i = 0; !code && i < bench_row_count; i++) {
            const bench_row *row = &bench_rows[i];
            if (!b->timed[i] || (row->kind == BENCH_MEMORY) != memory) continue;
            b->c[i] = (bench_case){.row = row, .env = &b->env};
            code = row->open(&b->c[i], err);
        }
    return code;
}

static double figure(const bench *b, int row, int round)
{
    const bench_case *c = &b->c[row];
    double seconds = b->seconds[row][round];
    switch (c->row->kind) {
    case BENCH_RATE:
        return c->things / seconds;
    case BENCH_TIME:
        return 1e3 * seconds;
    case BENCH_FLOPS:
    case BENCH_PEAK:
        return 1e-9 * c->flops / seconds;
    case BENCH_GROWTH:
        return seconds / b->seconds[row - 1][round];
    case BENCH_SPEEDUP:
        return b->seconds[row - 1][round] / seconds;
    case BENCH_MEMORY:
        break;
    }
    return c->memory;
}

/* Runs a row for a while, at least once. */
static err_code time_row(bench *b, int row, int round, error *err)
{
    bench_case *c = &b->c[row];
    double start = now(), seconds = 0;
    int runs = 0;
    err_code code = ERR_OK;
    do {
        if (c->row->kind != BENCH_MEMORY) code = c->row->run(c, err);
        runs++;
        seconds = now() - start;
    } while (!code && c->row->kind != BENCH_MEMORY && seconds < b->q->seconds / ROUNDS);
    b->seconds[row][round] = seconds / runs;
    b->figure[row][round] = figure(b, row, round);
    return code;
}

/* Round -1 is there to warm up; what it finds is overwritten by round 0. */
static err_code time_rounds(bench *b, error *err)
{
    err_code code = ERR_OK;
    long done = 0;
    ui_progress bar = {.label = "bench", .unit = "runs", .quiet = b->q->quiet || !isatty(STDERR_FILENO)};
    for (int i = 0; i < bench_row_count; i++) bar.total += b->timed[i] * (ROUNDS + 1);
    ui_progress_start(&bar);
    for (int round = -1; !code && round < ROUNDS; round++)
        for (int i = 0; !code && i < bench_row_count; i++) {
            if (!b->timed[i]) continue;
            code = time_row(b, i, round < 0 ? 0 : round, err);
            ui_progress_update(&bar, ++done, bench_rows[i].what);
        }
    ui_progress_finish(&bar);
    return code;
}

/* ---- results ---- */

static int compare_figures(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What a row achieved in a round, relative to what sgemm did in the same round. */
static double ratio(const bench *b, int row, int round)
{
    double base = b->figure[base_of(b, row)][round], mine = b->figure[row][round];
    switch (bench_rows[row].kind) {
    case BENCH_RATE:
        return mine / (1e-3 * base);
    case BENCH_TIME:
        return b->seconds[row][round] * base;
    case BENCH_FLOPS:
    case BENCH_PEAK:
        return mine / base;
    case BENCH_GROWTH:
    case BENCH_SPEEDUP:
    case BENCH_MEMORY:
        break;
    }
    return 0;
}

static bench_result result_of(const bench *b, int row)
{
    bench_result r = {.row = &bench_rows[row], .measured = b->timed[row]};
    double figures[ROUNDS], ratios[ROUNDS], shares[ROUNDS];
    int peak = peak_of(b, row);
    if (!r.measured) return r;
    for (int i = 0; i < ROUNDS; i++) {
        figures[i] = b->figure[row][i];
        ratios[i] = ratio(b, row, i);
        shares[i] = peak < 0 ? 0 : b->figure[row][i] / b->figure[peak][i];
    }
    qsort(figures, ROUNDS, sizeof *figures, compare_figures);
    qsort(ratios, ROUNDS, sizeof *ratios, compare_figures);
    qsort(shares, ROUNDS, sizeof *shares, compare_figures);
    r.low = figures[0];
    r.high = figures[ROUNDS - 1];
    r.figure = figures[ROUNDS / 2];
    r.ratio = ratios[ROUNDS / 2];
    r.peak = shares[ROUNDS / 2];
    if (r.row->kind == BENCH_TIME) r.gflops = 1e-6 * b->c[row].flops / r.figure;
    if (r.row->kind == BENCH_MEMORY) r.measured = r.figure > 0;
    return r;
}

static err_code report_results(const bench *b, error *err)
{
    bench_result results[BENCH_ROWS_MAX];
    bench_report r = {.env = &b->env, .result = results, .rounds = ROUNDS};
    r.photo = b->q->photo ? b->q->photo : "drawn, 640 x 480, JPEG";
    for (int i = 0; i < bench_row_count; i++)
        if (b->chosen[i]) results[r.results++] = result_of(b, i);
    if (b->q->json) return bench_print_json(&r, err);
    bench_print_table(&r);
    return ERR_OK;
}

/* ---- the verb ---- */

static err_code run_rows(bench *b, error *err)
{
    err_code code = choose_rows(b, err);
    if (code || (code = open_photo(b, err)) || (code = open_rows(b, err))) return code;
    code = time_rounds(b, err);
    return code ? code : report_results(b, err);
}

static int measure_all(const bench_request *q, const char *model)
{
    error err = {0};
    bench b = {.q = q, .drawn = -1, .env = {.model = model, .pool = pool_create(q->threads)}};
    b.env.threads = pool_threads(b.env.pool);
    err_code code =
        b.env.pool ? run_rows(&b, &err) : err_set(&err, ERR_MEMORY, "cannot start %d threads", q->threads);
    for (int i = 0; i < bench_row_count; i++)
        if (b.c[i].row) b.c[i].row->close(&b.c[i]);
    if (b.drawn >= 0) close(b.drawn);
    pool_free(&b.env.pool);
    free(b.bytes);
    return code ? verb_fail(&err) : VERB_DONE;
}

int verb_bench(int argc, char **argv)
{
    bench_request q = {.seconds = 1};
    const opt options[] = {
        {"only", 0, OPT_CHOICE,
         "sgemm|cold|warm|encoder|words|many|decoder|train|dates|ngram|language|pairs|lines|score|scale",
         &q.only, .help = "these rows only"},
        {"photo", 0, OPT_INPUT, "FILE", &q.photo, .help = "the photo to describe; a drawn one if absent"},
        {"threads", 't', OPT_INT, "N", &q.threads, 0, 1024,
         "of the rows that are not for one thread; 0: one per CPU"},
        {"seconds", 0, OPT_DOUBLE, "S", &q.seconds, 0, 3600,
         "time for each row, in seven rounds; a round is one run at least"},
        {"json", 'j', OPT_FLAG, .value = &q.json, .help = "one JSON object"},
        {"quiet", 'q', OPT_FLAG, .value = &q.quiet, .help = "no progress on standard error"},
        {0},
    };
    const opt_command command = {
        .verb = "bench",
        .operands = "[MODEL]",
        .operands_max = 1,
        .about =
            "Measures speed on this machine: matrix products and convolutions, those in bf16 beside the "
            "most that the CPU multiplies (sgemm), a photo described by a new process "
            "(cold) and by an open model (warm), encoders, the words of a decoder with a vocabulary of "
            "10,000 (words), describing many photos at once (many), training of the decoder on kept "
            "features, training of all, of text-to-text networks (dates), scoring of captions, and how time "
            "grows with words, regions, photos and threads (scale). Each figure is a median of seven rounds "
            "over all rows, and stands beside its "
            "ratio to the sgemm rate of the same rounds on as many threads, so that machines can be "
            "compared. It takes about two minutes; other work on the machine spoils it.\n"
            "Without MODEL: the model inside the program. Encoders and training use random weights, which "
            "changes no speed.",
        .options = options,
        .examples =
            "  caption bench\n"
            "  caption bench --only cold --photo photo.jpg model.safetensors\n"
            "  caption bench --json | jq '.results[] | {what, figure, unit}'\n"};
    int verdict;
    if (!verb_begin(&command, &argc, argv, &verdict)) return verdict;
    return measure_all(&q, argc > 1 ? argv[1] : NULL);
}
