/* Options: one table drives parsing, --help and the man page of a verb.
 *
 *     int beam = 3;
 *     const char *model = NULL;
 *     const opt options[] = {
 *         {"Model", .kind = OPT_GROUP},
 *         {"model", 'm', OPT_STRING, "FILE", &model, .help = "the model; the built-in one if absent"},
 *         {"beam", 'b', OPT_INT, "K", &beam, 1, 100, "sentences kept while searching"},
 *         {0},
 *     };
 *     const opt_command command = {.verb = "score", .operands = "PHOTO...", .operands_min = 1,
 *                                  .operands_max = OPT_ANY, .about = "What it does.", .options = options};
 *     opt_wish wish;
 *     if (opt_parse(&command, &argc, argv, &wish, &err)) ...usage error, exit code 2...
 *
 * Accepted: --name value, --name=value, -n value, -nvalue, flags joined as in -qj; "--" ends the options and
 * "-" alone is an operand. Options and operands mix freely; the last of two equal options wins, but for
 * OPT_LIST.
 * --help, --version and --man belong to every command and need no row.
 * Defaults are what the values hold before parsing; --help shows them. Nothing here prints to stderr or
 * exits. */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "src/base/error.h"

typedef enum {
    OPT_END,    /* the zeroed last row */
    OPT_GROUP,  /* a heading; `name` is its text */
    OPT_FLAG,   /* bool: set to true */
    OPT_INT,    /* int */
    OPT_DOUBLE, /* double, finite */
    OPT_STRING, /* const char *: points into argv; NULL = not given */
    OPT_CHOICE, /* const char *: one of the words in `metavar`, "small|large" */
    OPT_LIST,   /* const char *[max + 1]: may be given up to `max` times, NULL after the last one */
    OPT_INPUT,  /* OPT_STRING that names a file or folder which is read, */
    OPT_INPUTS, /* OPT_LIST of such names, */
    OPT_OUTPUT, /* OPT_STRING that names a file which is written: outputs.h compares them */
    OPT_SIZE,   /* uint64_t: 250M, 4Gi, 7; k M G T are powers of 1000, Ki Mi Gi Ti of 1024 */
} opt_kind;

typedef struct opt {
    const char *name; /* long name without the dashes */
    char letter;      /* one-letter form; 0 = none */
    opt_kind kind;
    const char *metavar; /* what the value is called in --help; flags: NULL */
    void *value;         /* where it goes: bool *, int *, double *, const char **, uint64_t * */
    double min, max;     /* both included; both 0 = any value; INFINITY = open */
    const char *help;    /* lower case, no full stop; the default is appended */
} opt;

enum { OPT_ANY = -1 };

typedef struct opt_command {
    const char *verb;     /* "train"; "" = the program itself */
    const char *operands; /* "PHOTO..."; NULL = none */
    int operands_min;
    int operands_max;     /* OPT_ANY = no limit */
    const char *about;    /* what it does: paragraphs split by newlines */
    const opt *options;   /* up to the zeroed row */
    const char *examples; /* lines shown as they are; NULL = none */
} opt_command;

/* The rows of every command, in the order of opt_wish; those without help text are not shown. */
extern const opt opt_common[];

typedef enum { OPT_RUN, OPT_HELP, OPT_VERSION, OPT_MAN } opt_wish;

/* Parses argv[1..argc-1] into the values. On success argv[1..*argc-1] are the operands in their order. A
 * wish other than OPT_RUN, and any error, leaves all values as they were. Errors: ERR_ARGUMENT, one sentence
 * that ends in the help to look at. */
err_code opt_parse(const opt_command *command, int *argc, char **argv, opt_wish *wish, error *err);

/* Is the option of this name in the arguments, as opt_parse would read them? Arguments that it would refuse,
 * and those behind a --help, are not looked at. For commands whose defaults follow from an option. */
bool opt_given(const opt_command *command, int argc, char **argv, const char *name);

/* The help of a command, at most 80 columns wide. */
void opt_print_help(const opt_command *command, FILE *out);

/* Its section of the man page, roff with the man macros. */
void opt_print_man(const opt_command *command, FILE *out);

/* `text` word-wrapped to 80 columns between `indent` and the margin; the cursor is at column `column` now.
 * Newlines in the text end a line. Ends with a newline. */
void opt_print_wrapped(FILE *out, const char *text, int column, int indent);

/* What helps someone who typed an option that the command has not, because it is called so in another
 * program, or was written with underscores or capitals. */
typedef struct opt_hint {
    const char *option; /* [length] ours, perhaps with a value, as "decode greedy"; NULL: see the remark */
    int length;
    const char *remark;
} opt_hint;

/* For a value that does not fit option `name`: another option that other programs call so. */
bool opt_find_other(const opt_command *command, const char *name, opt_hint *out);
bool opt_find_hint(const opt_command *command, const char *name, opt_hint *out); /* false: nothing helps */

/* How many letters must be inserted, deleted, replaced or swapped with their neighbour to get from a to b
 * (optimal string alignment distance); words over 63 bytes are as far apart as they are long. */
int opt_distance(const char *a, const char *b);

/* Is `candidate` close enough to be what someone who typed `word` meant? */
bool opt_is_near(const char *word, const char *candidate);

#endif
