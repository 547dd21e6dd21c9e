/* Benchmarks of the program, shared by the files of `caption bench` (bench*.c) alone.
 *
 * A benchmark is a row of bench_rows: open makes what it works on, run does one piece of work, close frees.
 * The verb times the runs: all rows in turn, round after round, so that what else the machine does falls on
 * all of them alike, and takes the medians. A new benchmark is a row and its functions. */
#ifndef TOOLS_BENCH_H
#define TOOLS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "captioner/net/model.h"
#include "src/base/error.h"
#include "src/base/pool.h"
#include "src/math/gemm.h"
#include "src/math/real.h"

/* What the rows work with; borrowed by all. */
typedef struct bench_env {
    const char *model; /* NULL: the one inside the program */
    const char *photo; /* path of a photo that can be read */
    const void *bytes; /* [size] what the photo file holds */
    size_t size;
    int threads; /* of the rows for all threads, at least 1 */
    pool *pool;  /* that many */
} bench_env;

typedef enum {
    BENCH_RATE,  /* things per second */
    BENCH_TIME,  /* milliseconds per run */
    BENCH_FLOPS, /* billions of floating point operations per second */
    BENCH_PEAK, /* such operations per second, the most the CPU does; not measured where bf16 is not faster */
    BENCH_MEMORY,  /* MiB, measured once, in open */
    BENCH_GROWTH,  /* the time of a run as a multiple of that of the row before */
    BENCH_SPEEDUP, /* how many times as fast as the row before; left out with one thread */
} bench_kind;

typedef struct bench_row bench_row;

/* A row at work. */
typedef struct bench_case {
    const bench_row *row;
    const bench_env *env;
    void *state;
    double things; /* of BENCH_RATE: done in one run */
    double flops;  /* of one run; 0: not counted */
    double memory; /* of BENCH_MEMORY: MiB */
} bench_case;

struct bench_row {
    const char *name;    /* what --only asks for; rows may share one */
    const char *what;    /* in the table */
    const char *unit;    /* of the figure */
    const char *subject; /* for open: which backbone, or matching function; NULL: none */
    const char *note;    /* NULL: none */
    bench_kind kind;
    bool all_threads; /* else one */
    bool needs_model;
    gemm_precision precision;
    int amount; /* for open: of words, regions, photos, pixels of a side; 0: it does not ask, or the usual */
    err_code (*open)(bench_case *c, error *err); /* after a failure close is called all the same */
    err_code (*run)(bench_case *c, error *err);
    void (*close)(bench_case *c); /* state may be NULL */
};

/* Amount of a row of convolutions: which of them. */
enum { BENCH_NARROWING, BENCH_WIDENING, BENCH_DEEP_NARROWING, BENCH_THREE_BY_THREE };

/* Amount of a row of texts: the net learns; else it predicts or translates. */
enum { BENCH_LEARNING = 1 };

/* Amount of a training row: captions, words, vocabulary and decoder as other programs are measured with. */
enum { BENCH_PEERS = 1 };

/* The first is sgemm on one thread and the second on all: what the others are compared with. */
enum { BENCH_ROWS_MAX = 80 };
extern const bench_row bench_rows[];
extern const int bench_row_count;

/* ---- for all rows ---- */

pool *bench_pool(const bench_case *c);  /* NULL: the row is one of a single thread */
void bench_draw(real *x, size_t count); /* the same numbers every time, in [-0.5, 0.5); NULL is fine */
err_code bench_no_memory(const bench_case *c, error *err);
packed_type bench_packed_type(const char *name); /* "f32", "bf16" or "int8" */

/* ---- functions of the rows ---- */

err_code bench_gemm_open(bench_case *c, error *err);
err_code bench_gemm_run(bench_case *c, error *err);
err_code bench_packed_open(bench_case *c, error *err);
err_code bench_packed_run(bench_case *c, error *err);
err_code bench_pointwise_open(bench_case *c, error *err);
err_code bench_pointwise_run(bench_case *c, error *err);
err_code bench_conv_open(bench_case *c, error *err);
err_code bench_conv_run(bench_case *c, error *err);
err_code bench_peak_open(bench_case *c, error *err);
err_code bench_peak_run(bench_case *c, error *err);
void bench_gemm_close(bench_case *c); /* of all of these */

err_code bench_encoder_open(bench_case *c, error *err);
err_code bench_encoder_run(bench_case *c, error *err);
void bench_encoder_close(bench_case *c);

err_code bench_decoder_open(bench_case *c, error *err); /* the encoder is frozen, its features are kept */
err_code bench_train_open(bench_case *c, error *err);   /* the encoder trains along */
err_code bench_train_run(bench_case *c, error *err);
void bench_train_close(bench_case *c);

err_code bench_text_open(bench_case *c, error *err);
err_code bench_text_run(bench_case *c, error *err);
void bench_text_close(bench_case *c);

/* A model of random weights, what the trainer's defaults make, for photos of the encoder's own size.
 * `embedding` 0: the default. */
err_code bench_make_model(const char *encoder, int vocabulary, int embedding, cap_model **out, error *err);

/* The subject is the precision: "f32", "bf16" or "int8". */
err_code bench_greedy_open(bench_case *c, error *err);
err_code bench_beam_open(bench_case *c, error *err);
err_code bench_whole_open(bench_case *c, error *err);
err_code bench_some_words_open(bench_case *c, error *err); /* greedy; row->amount of them */
err_code bench_some_regions_open(bench_case *c, error *err);
err_code bench_some_photos_open(bench_case *c, error *err);
err_code bench_words_run(bench_case *c, error *err);
void bench_words_close(bench_case *c);

err_code bench_cold_open(bench_case *c, error *err);
err_code bench_cold_run(bench_case *c, error *err);
void bench_cold_close(bench_case *c);

err_code bench_warm_open(bench_case *c, error *err);
err_code bench_warm_run(bench_case *c, error *err);
err_code bench_many_run(bench_case *c, error *err);
void bench_warm_close(bench_case *c);

err_code bench_ngram_open(bench_case *c, error *err);
err_code bench_counting_run(bench_case *c, error *err);
err_code bench_ngram_run(bench_case *c, error *err); /* queries */
void bench_ngram_close(bench_case *c);

err_code bench_language_open(bench_case *c, error *err);
err_code bench_language_run(bench_case *c, error *err);
void bench_language_close(bench_case *c);

err_code bench_lines_open(bench_case *c, error *err);
err_code bench_lines_run(bench_case *c, error *err);
void bench_lines_close(bench_case *c);

err_code bench_pairs_open(bench_case *c, error *err);
err_code bench_learning_pairs_run(bench_case *c, error *err);
err_code bench_translating_run(bench_case *c, error *err);
void bench_pairs_close(bench_case *c);

err_code bench_score_open(bench_case *c, error *err);
err_code bench_score_run(bench_case *c, error *err);
void bench_score_close(bench_case *c);

/* ---- results ---- */

typedef struct bench_result {
    const bench_row *row;
    bool measured;            /* false: nothing below is set */
    double figure, low, high; /* median, least and most of the rounds, in the row's unit */
    double ratio;             /* to sgemm in f32 on as many threads, median of the rounds; 0: has none.
                                 FLOPS, PEAK: share of its rate; RATE: things per TFLOP of it; TIME: GFLOP it
                                 does in that time; GROWTH, SPEEDUP: none */
    double peak;              /* FLOPS in bf16: share of the most the CPU multiplies, as many threads, median
                                 of the rounds; else 0 */
    double gflops;            /* BENCH_TIME with counted operations: their rate; else 0 */
} bench_result;

typedef struct bench_report {
    const bench_env *env;
    const bench_result *result;
    int results, rounds;
    const char *photo; /* what photo it was, in words */
} bench_report;

void bench_print_table(const bench_report *r);
err_code bench_print_json(const bench_report *r, error *err);

#endif
