#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "tools/options.h"

enum { WIDTH = 80, HELP_COLUMN = 26 };

/* Terminal columns of the next `bytes` of UTF-8: continuation bytes take none. */
static int columns(const char *s, size_t bytes)
{
    int n = 0;
    for (size_t i = 0; i < bytes; i++) n += ((unsigned char)s[i] & 0xC0) != 0x80;
    return n;
}

void opt_print_wrapped(FILE *out, const char *text, int column, int indent)
{
    bool fresh = true; /* nothing on this line yet */
    while (*text) {
        if (*text == '\n') {
            fputc('\n', out);
            text++, column = 0, fresh = true;
            continue;
        }
        if (*text == ' ') {
            text++;
            continue;
        }
        size_t bytes = strcspn(text, " \n");
        int width = columns(text, bytes);
        if (!fresh && column + 1 + width > WIDTH) {
            fputc('\n', out);
            column = 0, fresh = true;
        }
        if (fresh && column < indent) column += fprintf(out, "%*s", indent - column, "");
        if (!fresh) column += fprintf(out, " ");
        fprintf(out, "%.*s", (int)bytes, text);
        column += width, fresh = false, text += bytes;
    }
    fputc('\n', out);
}

/* ", default 3": what the value holds now; empty for flags and strings that are not set. */
static void describe_default(const opt *o, char *text, size_t size)
{
    text[0] = '\0';
    if (!o->value) return;
    const char *word = NULL;
    switch (o->kind) {
    case OPT_INT:
        snprintf(text, size, " (default %d)", *(int *)o->value);
        break;
    case OPT_DOUBLE:
        snprintf(text, size, " (default %.6g)", *(double *)o->value);
        break;
    case OPT_SIZE: {
        uint64_t n = *(uint64_t *)o->value;
        bool millions = n && n % 1000000 == 0;
        snprintf(text, size, " (default %" PRIu64 "%s)", millions ? n / 1000000 : n, millions ? "M" : "");
        break;
    }
    case OPT_STRING:
    case OPT_INPUT:
    case OPT_OUTPUT:
    case OPT_CHOICE:
        memcpy(&word, o->value, sizeof word);
        if (word) snprintf(text, size, " (default %s)", word);
        break;
    default:
        break;
    }
}

static void print_row(const opt *o, FILE *out)
{
    char text[1024], standard[128];
    int column =
        o->letter ? fprintf(out, "  -%c, --%s", o->letter, o->name) : fprintf(out, "      --%s", o->name);
    if (o->metavar) {
        if (column + 1 + (int)strlen(o->metavar) > WIDTH) column = fprintf(out, "\n         ") - 1;
        column += fprintf(out, " %s", o->metavar);
    }
    describe_default(o, standard, sizeof standard);
    snprintf(text, sizeof text, "%s%s", o->help ? o->help : "", standard);
    if (column + 2 > HELP_COLUMN) {
        fputc('\n', out);
        column = 0;
    }
    opt_print_wrapped(out, text, column, HELP_COLUMN);
}

static void print_rows(const opt *o, FILE *out)
{
    if (o->kind != OPT_END && o->kind != OPT_GROUP) fputs("\nOptions:\n", out);
    for (; o->kind != OPT_END; o++) {
        if (o->kind == OPT_GROUP)
            fprintf(out, "\n%s:\n", o->name);
        else
            print_row(o, out);
    }
}

static void print_synopsis(const opt_command *c, FILE *out)
{
    fprintf(out, "caption%s%s [options]%s%s", *c->verb ? " " : "", c->verb, c->operands ? " " : "",
            c->operands ? c->operands : "");
}

void opt_print_help(const opt_command *c, FILE *out)
{
    fputs("Usage: ", out);
    print_synopsis(c, out);
    fputs("\n\n", out);
    opt_print_wrapped(out, c->about, 0, 0);
    print_rows(c->options, out);
    fputs("\nOther:\n", out);
    for (const opt *o = opt_common; o->kind != OPT_END; o++)
        if (o->help) print_row(o, out);
    if (c->examples)
        fprintf(out, "\nExamples:\n%s%s", c->examples, strchr(c->examples, '\0')[-1] == '\n' ? "" : "\n");
}

/* ---- the man page ---- */

/* Text for roff: backslashes, dashes and leading dots or quotes keep their meaning. */
static void print_roff(const char *text, FILE *out)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\'')) fputs("\\&", out);
        line_start = *text == '\n';
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
    }
}

static void print_man_row(const opt *o, FILE *out)
{
    char standard[128];
    fputs(".TP\n", out);
    if (o->letter) fprintf(out, "\\fB\\-%c\\fR, ", o->letter);
    fputs("\\fB\\-\\-", out);
    print_roff(o->name, out);
    fputs("\\fR", out);
    if (o->metavar) {
        fputs(" \\fI", out);
        print_roff(o->metavar, out);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    print_roff(o->help ? o->help : "", out);
    describe_default(o, standard, sizeof standard);
    print_roff(standard, out);
    fputc('\n', out);
}

/* Paragraphs are split by newlines in `about`; roff wants .PP between them. */
static void print_paragraphs(const char *text, FILE *out)
{
    while (*text) {
        char line[2048];
        size_t n = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)n, text);
        if (n) fputs(".PP\n", out);
        print_roff(line, out);
        if (n) fputc('\n', out);
        text += n + (text[n] == '\n');
    }
}

void opt_print_man(const opt_command *c, FILE *out)
{
    fputs(".SS \"", out);
    print_synopsis(c, out);
    fputs("\"\n", out);
    print_paragraphs(c->about, out);
    for (const opt *o = c->options; o->kind != OPT_END; o++) {
        if (o->kind == OPT_GROUP)
            fprintf(out, ".PP\n\\fI%s\\fR\n", o->name);
        else
            print_man_row(o, out);
    }
    if (!c->examples) return;
    fputs(".PP\nExamples:\n.PP\n.nf\n", out);
    print_roff(c->examples, out);
    fputs("\n.fi\n", out);
}
