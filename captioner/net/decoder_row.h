/* What a decoder must be able to do: for files that are a row, and for those that ask one. To add a decoder,
 * write such a file and name its row in decoder_rows.c. */
#ifndef CAPTIONER_DECODER_ROW_H
#define CAPTIONER_DECODER_ROW_H

#include "captioner/net/decoder.h"
#include "src/io/safetensors.h"

/* The words of a batch laid out by time: step after step, each with the rows still active (rows are sorted by
 * falling length). */
typedef struct cap_timeline {
    int rows, steps, total;     /* total: words of all rows */
    int *active, *first;        /* [steps] rows at a step; where its words begin */
    int32_t *previous, *target; /* [total] */
    const int32_t *memory_of;   /* [rows] which memory a row looks at */
    int32_t *memory;            /* [total] the same for every word */
} cap_timeline;

/* All steps at once: the words of step s are those from first[s] on. */
typedef struct cap_unrolled {
    nn_var *outlook[CAP_MAX_OUTLOOK]; /* [total, ...] */
    nn_var **alpha;                   /* [steps], [active, L] each; alpha[0] NULL without attention */
} cap_unrolled;

struct cap_decoder_row {
    const char *name;       /* "lstm", as in files and on the command line */
    const char *about;      /* one line */
    const io_field *fields; /* of its settings, `settings_bytes` of them, CAP_SETTINGS_BYTES at most */
    size_t settings_bytes, net_bytes;

    void (*defaults)(void *settings, bool texts);

    /* What the ranges of the fields do not say; may fill in what follows. NULL: nothing. */
    err_code (*check)(cap_decoder_config *c, error *err);
    bool (*attends)(const void *settings);

    /* d->config is set and checked, d->net is zeroed. */
    void (*declare)(cap_decoder *d, const char *prefix, nn_params *params);

    /* m holds what came from the encoder; sets m->net. NULL: nothing is computed ahead. */
    void (*remember)(nn_tape *t, const cap_decoder *d, cap_memory *m);

    /* As the functions of decoder.h; what is not set stays zero. */
    void (*start)(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of, int n,
                  cap_decoder_state *out);
    void (*step)(nn_tape *t, const cap_decoder *d, const cap_memory *m, const int32_t *memory_of,
                 const cap_decoder_state *previous, const int32_t *word, cap_step *out);
    nn_var *(*logits)(nn_tape *t, const cap_decoder *d, nn_var *const *outlook);

    /* The words are known: out->alpha has room for all steps. NULL: one step after the other. */
    void (*all_steps)(nn_tape *t, const cap_decoder *d, const cap_memory *m, const cap_timeline *l,
                      cap_unrolled *out);

    /* ---- of rows that learn by counting, and have tables beside the parameters; else NULL ---- */

    /* Reads the tables from the model's file; an error of it. */
    err_code (*load)(cap_decoder *d, const io_tensors *file, error *err);

    /* The tables as tensors, `most` at most; they live as long as d. Returns how many. */
    int (*tables)(const cap_decoder *d, io_tensor_entry *out);
    void (*release)(cap_decoder *d); /* beside d->net itself */

    /* log_p[words] = ln p of each word given those before it, the first one behind <start>; no tape is
     * needed. */
    void (*judge)(const cap_decoder *d, const int32_t *word, int words, double *log_p);
};

enum { CAP_MOST_TABLES = 32 };

/* The words of a batch laid out by time, and what follows them by teacher forcing: logits [total, V]. NULL
 * after a failure. */
nn_var *cap_decoder_batch_logits(nn_tape *t, const cap_decoder *d, const cap_memory *m, const ds_batch *batch,
                                 cap_timeline *l);

extern const cap_decoder_row *const cap_decoder_rows[]; /* up to a NULL; the first is the default */

const cap_decoder_row *cap_decoder_find(const char *name); /* NULL: there is none */

/* x[memory_of[n], ...] for n rows; memory_of NULL: x. */
nn_var *cap_for_rows(nn_tape *t, nn_var *x, const int32_t *memory_of, int n);

/* The stream of the draws that choose between true and own words before word `word` (0-based) of step `step`:
 * each its own, up to step 2^48 and 65,536 words. */
static inline uint64_t cap_sampling_stream(uint64_t step, int word)
{
    return (uint64_t)(word >> 8) << 56 | step << 8 | (uint64_t)(word & 255);
}

#endif
