/* Verbs: what `caption VERB ...` can do. Adding one is a row of VERB_LIST and a file tools/NAME.c with
 *
 *     int verb_name(int argc, char **argv)            argv[0] is the verb, or the program for the default one
 *     {
 *         ...defaults, option table, opt_command...
 *         int verdict;
 *         if (!verb_begin(&command, &argc, argv, &verdict)) return verdict;
 *         ...argv[1..argc-1] are the operands...
 *         if (cap_open(path, &model, &err)) return verb_fail(&err);
 *         return VERB_DONE;
 *     }
 *
 * stdout is the result, stderr is the talk, the exit code is the verdict. Whether stdout could take
 * everything is checked by main, after the verb. */
#ifndef TOOLS_VERBS_H
#define TOOLS_VERBS_H

#include <stdbool.h>

#include "src/base/error.h"
#include "tools/options.h"

enum { VERB_DONE = 0, VERB_FAILED = 1, VERB_USAGE = 2 }; /* exit codes */

typedef struct verb {
    const char *name;
    const char *summary; /* one line for `caption --help`: lower case, no full stop */
    int (*run)(int argc, char **argv);
} verb;

/* Name and summary, in the order of `caption --help`, like
 *     X(describe, "say in a sentence what photos show")
 * A row declares int verb_describe(int argc, char **argv). */
#define VERB_LIST(X)                                                                                         \
    X(describe, "say in a sentence what photos show; the verb when none is given")                           \
    X(concepts, "name what is in photos: objects with boxes, and other words; models with namers")           \
    X(info, "show what a model is: sizes, vocabulary, training, scores, licence")                            \
    X(train, "train on photos with captions, on pairs of texts, on texts, or on lines with labels")          \
    X(translate, "translate lines of text with a model trained on pairs of texts")                           \
    X(complete, "go on from the beginning of a text with a language model")                                  \
    X(classify, "tell the class of each line, with a model trained on lines with labels")                    \
    X(pretrain, "teach an encoder to see, on photos with labels or with a teacher")                          \
    X(eval, "score captions against references: BLEU, ROUGE-L, CIDEr")                                       \
    X(calibrate, "fit how far a model may be trusted, so that it knows when it is unsure")                   \
    X(score, "say how likely a model finds a given sentence about a photo")                                  \
    X(bench, "measure speed on this machine, beside its rate of matrix products")

#define X(name, summary) int verb_##name(int argc, char **argv);
VERB_LIST(X)
#undef X

extern const verb verbs[]; /* VERB_LIST, up to the zeroed row */

const verb *verb_find(const char *name); /* NULL = no such verb */

/* Parses the command line of a verb. False: there is nothing left to do (help, version or man page shown, or
 * the usage error said on stderr) and *verdict is the exit code. */
bool verb_begin(const opt_command *command, int *argc, char **argv, int *verdict);

/* Says "caption: PROBLEM (see 'caption VERB --help')" on stderr and returns VERB_USAGE. */
int verb_misuse(const opt_command *command, const char *problem);

/* Says "caption: TEXT" on stderr and returns VERB_FAILED. */
int verb_fail(const error *err);

/* The list of verbs under the heading "Verbs:", as `caption --help` shows it. */
void verb_print_list(FILE *out);

/* Name, version, libraries, CPU features in use. */
void verb_print_version(FILE *out);

#endif
