/* Photos in the terminal, with what each word looked at: the option --look of `caption`.
 *
 *     look show = {.as = "auto"};
 *     const opt options[] = {LOOK_OPTIONS(show), {0}};
 *     ...parse...
 *     if (look_begin(&show, &overlay_look, &err)) ...       asks the terminal, once
 *     if (look_put(&show, &description, &err)) ...          behind its sentence */
#ifndef TOOLS_LOOK_H
#define TOOLS_LOOK_H

#include "tools/overlay_files.h"
#include "tools/terminal.h"

typedef struct look {
    bool on;
    const char *as; /* "auto", "blocks", "sixel" or "kitty" */
    terminal terminal;
    terminal_graphics graphics;
    overlay_look looks;
} look;

/* clang-format off */
#define LOOK_OPTIONS(l)                                                                                      \
    {"look", 'L', OPT_FLAG, .value = &(l).on,                                                                \
     .help = "show photos in the terminal, with what each word looked at; words that mean little are left "  \
             "out unless --overlay-words all says otherwise"},                                               \
    {"look-as", .kind = OPT_CHOICE, .metavar = "auto|blocks|sixel|kitty", .value = &(l).as,                  \
     .help = "with --look: what pictures are made of; auto asks the terminal. Others than auto are also for " \
             "files and pipes"}
/* clang-format on */

/* What is wrong with the options; NULL: all is well. */
const char *look_problem(const look *l, bool json);

/* `looks` is how overlays look. ARGUMENT: standard output is no terminal that shows pictures, and nobody said
 * what else to write. */
err_code look_begin(look *l, const overlay_look *looks, error *err);

/* To standard output. The description kept its photo. */
err_code look_put(const look *l, const cap_description *d, error *err);

#endif
