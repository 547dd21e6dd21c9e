/* The files of a training run, whatever it trains: the result OUT, the state it goes on from, the log, and
 * the lock that keeps a second run away from them. Nothing that an earlier run left is lost unless it was
 * asked for:
 *
 *     cap_train_files f = {0};
 *     if (cap_train_files_open(&f, "m.safetensors", CAP_BEGIN, &err)) ...    before any work
 *     ... read data, read f.state when going on ...
 *     if (cap_train_files_settle(&f, epochs_done, steps_done, &err)) ...               before the first step
 *     if (cap_train_files_of_another(&f)) ... save a state ...                         before OUT or the log
 *     ... a state is saved: cap_train_files_own(&f, &err) ...
 *     cap_train_files_close(&f);
 *
 * For the trainer (train*.c) alone. */
#ifndef CAPTIONER_TRAIN_FILES_H
#define CAPTIONER_TRAIN_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/error.h"

enum { CAP_LONGEST_OUT = 4000, CAP_LONGEST_BESIDE = CAP_LONGEST_OUT + 40 };

typedef enum {
    CAP_BEGIN,      /* refused when OUT, its state or its log is there */
    CAP_BEGIN_OVER, /* what is there stays until this run has a state of its own, which it saves before
                       anything else: a run that fails early takes nothing away */
    CAP_GO_ON       /* needs the state */
} cap_beginning;

typedef struct cap_train_files {
    const char *out;                                         /* borrowed */
    char state[CAP_LONGEST_BESIDE], log[CAP_LONGEST_BESIDE]; /* OUT.state; OUT.log.jsonl */
    char lock[CAP_LONGEST_BESIDE];                           /* beside what OUT leads to */
    cap_beginning beginning;
    int fd; /* of the lock; counts when locked */
    bool locked;
} cap_train_files;

/* Which of the three two switches ask for; both together: ERR_ARGUMENT. */
err_code cap_beginning_of(bool resume, bool force, cap_beginning *out, error *err);

/* Names the files, checks that each can be written, and takes the lock, which ends with the process if nobody
 * gives it back. Nothing is changed yet. Errors: ERR_ARGUMENT (there is something at OUT, or nothing to go on
 * from), ERR_LIMIT (a name too long), ERR_IO (another run holds the lock) and those of writing. */
err_code cap_train_files_open(cap_train_files *f, const char *out, cap_beginning beginning, error *err);

/* Makes the files agree with a state of so many finished epochs and steps: one that goes on takes lines of
 * later epochs or steps, which a killed run left, out of the log. */
err_code cap_train_files_settle(const cap_train_files *f, int64_t epochs, int64_t steps, error *err);

/* Are there, maybe, the files of an earlier run, which this one begins over? It must not write to OUT or the
 * log then, but save a state first: at any moment a state lies there, of the old run or of this one, and the
 * log goes with it. */
bool cap_train_files_of_another(const cap_train_files *f);

/* For after a state was saved: the log of the earlier run goes. */
err_code cap_train_files_own(cap_train_files *f, error *err);

/* Gives the lock back. Closing a zeroed one is fine. */
void cap_train_files_close(cap_train_files *f);

/* Where a run stopped making sense. */
typedef struct cap_divergence {
    const char *what;            /* that is no number any more: "the loss" */
    int64_t epoch, epochs, step; /* counted from 1; in which it was seen */
    double rate, clip;           /* the settings; clip 0: none */
    int64_t kept;                /* the epoch OUT is of, counted from 1; 0: no model was written */
} cap_divergence;

/* The sentence that says so, and what to change; ERR_LIMIT. */
err_code cap_train_diverged(const cap_train_files *f, const cap_divergence *d, error *err);

#endif
