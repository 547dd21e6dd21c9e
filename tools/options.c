#include "tools/options.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const opt opt_common[] = {
    {.name = "help", .letter = 'h', .kind = OPT_FLAG, .help = "show this text"},
    {.name = "version", .kind = OPT_FLAG, .help = "show the versions of the program and its libraries"},
    {.name = "man", .kind = OPT_FLAG},
    {0},
};

/* Appends the help to look at to the problem that `err` describes. */
static err_code usage_error(const opt_command *c, error *err)
{
    if (!err) return ERR_ARGUMENT;
    error problem = *err;
    return err_set(err, ERR_ARGUMENT, "%.440s (see 'caption%s%s --help')", problem.text, *c->verb ? " " : "",
                   c->verb);
}

#define USAGE_ERROR(c, err, ...) (err_set(err, ERR_ARGUMENT, __VA_ARGS__), usage_error(c, err))

/* ---- names and suggestions ---- */

int opt_distance(const char *a, const char *b)
{
    enum { LONGEST = 63 };
    size_t m = strlen(a), n = strlen(b);
    if (m > LONGEST || n > LONGEST)
        return m > n ? (m < INT_MAX ? (int)m : INT_MAX) : (n < INT_MAX ? (int)n : INT_MAX);
    int rows[3][LONGEST + 1]; /* the last three rows of the table of distances between prefixes */
    for (size_t j = 0; j <= n; j++) rows[0][j] = (int)j;
    for (size_t i = 1; i <= m; i++) {
        int *now = rows[i % 3];
        const int *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= n; j++) {
            int best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best) best = above[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && above2[j - 2] + 1 < best)
                best = above2[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[m % 3][n];
}

/* As opt_distance, but a word that was not typed to its end is as good as right. */
static int closeness(const char *word, const char *candidate)
{
    size_t length = strlen(word);
    return length >= 3 && !strncmp(word, candidate, length) ? 0 : opt_distance(word, candidate);
}

bool opt_is_near(const char *word, const char *candidate)
{
    size_t length = strlen(word);
    return closeness(word, candidate) <= (length <= 4 ? 1 : length <= 8 ? 2 : 3);
}

static const opt *nearest_in(const opt *o, const char *word, const opt *best)
{
    for (; o->kind != OPT_END; o++)
        if (o->help && opt_is_near(word, o->name) &&
            (!best || closeness(word, o->name) < closeness(word, best->name)))
            best = o;
    return best;
}

/* `dashes` and name are what was typed. */
static err_code unknown_name(const opt_command *c, const char *dashes, const char *name, error *err)
{
    opt_hint hint;
    bool known = opt_find_hint(c, name, &hint);
    if (known && hint.option)
        return USAGE_ERROR(c, err, "unknown option '%s%.80s'; did you mean '--%.*s'?", dashes, name,
                           hint.length, hint.option);
    if (known) return USAGE_ERROR(c, err, "unknown option '%s%.80s'; %s", dashes, name, hint.remark);
    const opt *near = nearest_in(opt_common, name, nearest_in(c->options, name, NULL));
    if (near)
        return USAGE_ERROR(c, err, "unknown option '%s%.80s'; did you mean '--%s'?", dashes, name,
                           near->name);
    return USAGE_ERROR(c, err, "unknown option '%s%.80s'", dashes, name);
}

static const opt *find_name(const opt *o, const char *name, size_t length)
{
    for (; o->kind != OPT_END; o++)
        if (o->kind != OPT_GROUP && strlen(o->name) == length && !memcmp(o->name, name, length)) return o;
    return NULL;
}

/* NULL also for the letter of no option. */
static const opt *find_letter(const opt *o, char letter)
{
    for (; o->kind != OPT_END; o++)
        if (o->kind != OPT_GROUP && o->letter == letter) return o;
    return NULL;
}

/* ---- values: each reader takes the whole text or refuses it ---- */

static bool read_int(const char *text, int *value)
{
    char *end;
    if (!*text || strspn(text, "0123456789+-") != strlen(text)) return false;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || *end || end == text || number < INT_MIN || number > INT_MAX) return false;
    *value = (int)number;
    return true;
}

static bool read_double(const char *text, double *value)
{
    char *end;
    if (!*text || strspn(text, "0123456789+-.eE") != strlen(text)) return false;
    *value = strtod(text, &end);
    return !*end && end != text && isfinite(*value);
}

static bool read_size(const char *text, uint64_t *value)
{
    static const char units[] = "kMGT";
    char *end;
    if (*text < '0' || *text > '9') return false;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno) return false;
    const char *unit = *end == 'K' ? units : *end ? strchr(units, *end) : NULL;
    if (unit) {
        bool binary = end[1] == 'i';
        for (long steps = unit - units + 1; steps > 0; steps--)
            if (__builtin_mul_overflow(number, binary ? 1024ULL : 1000ULL, &number)) return false;
        end += binary ? 2 : 1;
    }
    *value = number;
    return !*end;
}

static bool is_choice(const char *list, const char *word)
{
    size_t length = strlen(word);
    while (length) {
        size_t n = strcspn(list, "|");
        if (n == length && !memcmp(list, word, n)) return true;
        if (!list[n]) break;
        list += n + 1;
    }
    return false;
}

static err_code bad_value(const opt_command *c, const opt *o, const char *text, error *err)
{
    const char *what = o->kind == OPT_INT    ? "a whole number"
                       : o->kind == OPT_SIZE ? "a whole number (k, M, G may follow)"
                                             : "a number";
    opt_hint other;
    if (o->kind == OPT_CHOICE && opt_find_other(c, o->name, &other))
        return USAGE_ERROR(c, err, "option '--%s' takes one of %s, not '%.80s'; did you mean '--%.*s'?",
                           o->name, o->metavar, text, other.length, other.option);
    if (o->kind == OPT_CHOICE)
        return USAGE_ERROR(c, err, "option '--%s' takes one of %s, not '%.80s'", o->name, o->metavar, text);
    if (o->min == o->max)
        return USAGE_ERROR(c, err, "option '--%s' takes %s, not '%.80s'", o->name, what, text);
    if (isinf(o->max))
        return USAGE_ERROR(c, err, "option '--%s' takes %s of at least %.15g, not '%.80s'", o->name, what,
                           o->min, text);
    return USAGE_ERROR(c, err, "option '--%s' takes %s from %.15g to %.15g, not '%.80s'", o->name, what,
                       o->min, o->max, text);
}

static bool in_range(const opt *o, double number)
{
    return o->min == o->max || (number >= o->min && number <= o->max);
}

/* Puts `text` behind the ones the list has. How many were given is known while storing only, so this is the
 * one error that can leave values set. */
static err_code append_to_list(const opt_command *c, const opt *o, const char *text, error *err)
{
    const char **list = o->value;
    int n = 0;
    while (list[n]) n++;
    if (n >= (int)o->max) return USAGE_ERROR(c, err, "option '--%s' was given over %d times", o->name, n);
    list[n] = text;
    list[n + 1] = NULL;
    return ERR_OK;
}

/* Checks `text` and, when `store`, puts it into the option's value. */
static err_code take_value(const opt_command *c, const opt *o, const char *text, bool store, error *err)
{
    union {
        int i;
        double d;
        uint64_t u;
        const char *s;
    } v = {0};
    bool good = false;
    size_t size = 0;
    switch (o->kind) {
    case OPT_INT:
        good = read_int(text, &v.i) && in_range(o, v.i), size = sizeof v.i;
        break;
    case OPT_DOUBLE:
        good = read_double(text, &v.d) && in_range(o, v.d), size = sizeof v.d;
        break;
    case OPT_SIZE:
        good = read_size(text, &v.u) && in_range(o, (double)v.u), size = sizeof v.u;
        break;
    case OPT_CHOICE:
        good = is_choice(o->metavar, text), v.s = text, size = sizeof v.s;
        break;
    case OPT_LIST:
    case OPT_INPUTS:
    case OPT_STRING:
    case OPT_INPUT:
    case OPT_OUTPUT:
        if (!*text)
            return USAGE_ERROR(c, err, "option '--%s' needs a value (%s), not ''", o->name, o->metavar);
        good = true, v.s = text, size = sizeof v.s;
        break;
    default:
        break;
    }
    if (!good) return bad_value(c, o, text, err);
    if (store && (o->kind == OPT_LIST || o->kind == OPT_INPUTS)) return append_to_list(c, o, text, err);
    if (store) memcpy(o->value, &v, size);
    return ERR_OK;
}

/* ---- the walk over argv ---- */

typedef struct walk {
    const opt_command *c;
    int argc;
    char **argv;
    int at;             /* the argument being read */
    bool store;         /* second walk: put values and move operands to the front */
    int operands;       /* so far */
    opt_wish wish;      /* what a first walk came across */
    const char *sought; /* name of an option; NULL: none */
    bool found;         /* it was there */
} walk;

static void look_for(walk *w, const opt *o)
{
    if (w->sought && !strcmp(o->name, w->sought)) w->found = true;
}

static err_code apply(walk *w, const opt *o, const char *text, error *err)
{
    look_for(w, o);
    if (!text && ++w->at < w->argc) text = w->argv[w->at];
    if (!text) return USAGE_ERROR(w->c, err, "option '--%s' needs a value (%s)", o->name, o->metavar);
    return take_value(w->c, o, text, w->store, err);
}

static void set_flag(walk *w, const opt *o)
{
    look_for(w, o);
    if (w->store && o->value) *(bool *)o->value = true;
}

static err_code read_long(walk *w, const char *name, error *err)
{
    size_t length = strcspn(name, "=");
    const char *text = name[length] ? name + length + 1 : NULL;
    const opt *own = find_name(w->c->options, name, length), *shared = find_name(opt_common, name, length);
    const opt *o = own ? own : shared;
    if (!o) {
        char cut[81];
        snprintf(cut, sizeof cut, "%.*s", length < 80 ? (int)length : 80, name);
        return unknown_name(w->c, "--", cut, err);
    }
    if (o->kind != OPT_FLAG) return apply(w, o, text, err);
    if (text) return USAGE_ERROR(w->c, err, "option '--%s' takes no value, but got '%.80s'", o->name, text);
    if (!own) w->wish = (opt_wish)(OPT_HELP + (shared - opt_common));
    set_flag(w, o);
    return ERR_OK;
}

static err_code read_letters(walk *w, const char *letters, error *err)
{
    for (; *letters; letters++) {
        const opt *o = find_letter(w->c->options, *letters);
        if (!o && *letters == opt_common[0].letter) {
            w->wish = OPT_HELP;
            return ERR_OK;
        }
        if (!o) return USAGE_ERROR(w->c, err, "unknown option '-%.80s'", letters);
        if (o->kind != OPT_FLAG) return apply(w, o, letters[1] ? letters + 1 : NULL, err);
        set_flag(w, o);
    }
    return ERR_OK;
}

/* "-beam 5", "-lr 0.1": long names with one dash, as many programs have them. What could be read as letters
 * but is the name of an option is not taken for letters: "-model" is no model "odel". */
static err_code check_single_dash(const walk *w, const char *word, err_code code, error *err)
{
    char name[81];
    opt_hint hint;
    size_t length = strcspn(word + 1, "=");
    if (length < 2) return code;
    snprintf(name, sizeof name, "%.*s", length < 80 ? (int)length : 80, word + 1);
    bool ours = find_name(w->c->options, name, strlen(name));
    if (!ours && !(code && (opt_find_hint(w->c, name, &hint) || find_name(opt_common, name, strlen(name)))))
        return code;
    return unknown_name(w->c, "-", name, err);
}

/* The word may be the name of a file, as `*.jpg` gives them: then it is no option, even where it could be
 * read as one ("-dusk.jpg" as -d with a value). */
static err_code check_file_name(const walk *w, const char *word, err_code code, error *err)
{
    if (!word[2] || access(word, F_OK)) return code;
    return USAGE_ERROR(w->c, err, "the file '%.200s' looks like options; write it as './%.200s'", word, word);
}

static err_code walk_arguments(walk *w, error *err)
{
    bool options_ended = false;
    for (w->at = 1; w->at < w->argc && w->wish == OPT_RUN; w->at++) {
        char *word = w->argv[w->at];
        err_code code = ERR_OK;
        if (options_ended || word[0] != '-' || !word[1]) {
            w->operands++;
            if (w->store) w->argv[w->operands] = word;
        } else if (!strcmp(word, "--")) {
            options_ended = true;
        } else {
            code = word[1] == '-' ? read_long(w, word + 2, err) : read_letters(w, word + 1, err);
            if (word[1] != '-') code = check_single_dash(w, word, code, err);
            code = check_file_name(w, word, code, err);
        }
        if (code) return code;
    }
    return ERR_OK;
}

static err_code check_operands(const walk *w, error *err)
{
    const opt_command *c = w->c;
    int most = c->operands ? c->operands_max : 0;
    if (w->operands < c->operands_min)
        return USAGE_ERROR(c, err, "'%s' is missing from the command line", c->operands);
    if (most == OPT_ANY || w->operands <= most) return ERR_OK;
    if (!most) return USAGE_ERROR(c, err, "'caption%s%s' takes options only", *c->verb ? " " : "", c->verb);
    return USAGE_ERROR(c, err, "too many operands, expected '%s'", c->operands);
}

err_code opt_parse(const opt_command *command, int *argc, char **argv, opt_wish *wish, error *err)
{
    /* The first walk only looks, so that --help shows the defaults and an error leaves nothing half set. */
    walk look = {.c = command, .argc = *argc, .argv = argv};
    err_code code = walk_arguments(&look, err);
    *wish = look.wish;
    if (!code && look.wish == OPT_RUN) code = check_operands(&look, err);
    if (code || look.wish != OPT_RUN) return code;
    walk put = {.c = command, .argc = *argc, .argv = argv, .store = true};
    code = walk_arguments(&put, err);
    *argc = put.operands + 1;
    return code;
}

bool opt_given(const opt_command *command, int argc, char **argv, const char *name)
{
    walk look = {.c = command, .argc = argc, .argv = argv, .sought = name};
    error refusal = {0}; /* is said when the command line is parsed */
    walk_arguments(&look, &refusal);
    return look.found;
}
