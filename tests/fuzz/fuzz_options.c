/* Command lines: words that end in a line feed, for a table with an option of every kind. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tools/options.h"

enum { WORDS = 64, LISTED = 3 };

typedef struct values {
    bool flag, quiet;
    int number;
    double rate;
    const char *name, *shape, *words[LISTED + 1];
    uint64_t size;
} values;

static void check(const values *v, int operands)
{
    int listed = 0;
    while (v->words[listed]) listed++;
    if (operands < 1 || operands > 4 || listed > LISTED) abort();
    if (v->number < 1 || v->number > 100 || !isfinite(v->rate) || v->size > 1 << 20) abort();
    if (strcmp(v->shape, "round") != 0 && strcmp(v->shape, "square") != 0) abort();
}

static void parse(int argc, char **argv)
{
    values v = {.number = 3, .rate = 0.5, .shape = "round"};
    const opt options[] = {
        {"Kinds", .kind = OPT_GROUP},
        {"flag", 'f', OPT_FLAG, NULL, &v.flag, .help = "a flag"},
        {"quiet", 'q', OPT_FLAG, NULL, &v.quiet, .help = "another"},
        {"number", 'n', OPT_INT, "N", &v.number, 1, 100, "a number"},
        {"rate", 'r', OPT_DOUBLE, "R", &v.rate, .help = "a fraction"},
        {"name", .kind = OPT_STRING, .metavar = "NAME", .value = &v.name, .help = "a text"},
        {"shape", 's', OPT_CHOICE, "round|square", &v.shape, .help = "a choice"},
        {"word", 'w', OPT_LIST, "WORD", v.words, 0, LISTED, "a list"},
        {"size", .kind = OPT_SIZE, .metavar = "BYTES", .value = &v.size, .max = 1 << 20, .help = "a size"},
        {0},
    };
    const opt_command command = {.verb = "fuzz",
                                 .operands = "FILE...",
                                 .operands_min = 1,
                                 .operands_max = 4,
                                 .about = "Nothing.",
                                 .options = options};
    error e = {0};
    opt_wish wish = OPT_RUN;
    opt_given(&command, argc, argv, "name");
    if (opt_parse(&command, &argc, argv, &wish, &e)) {
        fuzz_must_say(&e);
    } else if (wish == OPT_RUN) {
        check(&v, argc - 1);
        fuzz_taken++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static char program[] = "caption";
    char *copy = fuzz_text(bytes, size), *argv[WORDS + 1] = {program}, *end;
    int argc = 1;
    for (char *at = copy; argc < WORDS && (end = strchr(at, '\n')); at = end + 1) {
        *end = 0;
        argv[argc++] = at;
    }
    argv[argc] = NULL;
    parse(argc, argv);
    free(copy);
    return 0;
}
