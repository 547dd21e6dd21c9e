/* The terminal that standard output is: how wide, in what colours, and what pictures it shows.
 *
 *     terminal t = terminal_find();
 *     if (!t.there) ...it is a file, a pipe or a terminal without colours...
 *     switch (t.graphics) ...
 *
 * What pictures it shows is asked of the terminal itself, which answers within milliseconds or never: after
 * TERMINAL_PATIENCE it is taken to show none. It is not asked in the background, nor while a signal could leave
 * it without its settings. */
#ifndef TOOLS_TERMINAL_H
#define TOOLS_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#include "captioner/show/terminal.h"

enum { TERMINAL_PATIENCE = 400 /* ms */, TERMINAL_COLUMNS = 80 };

typedef enum terminal_graphics { TERMINAL_BLOCKS, TERMINAL_SIXEL, TERMINAL_KITTY } terminal_graphics;

typedef struct terminal {
    bool there;          /* standard output is a terminal with colours */
    int columns;         /* of it, or what COLUMNS says, or TERMINAL_COLUMNS */
    int width;           /* pixels; 0: it does not say */
    cap_colours colours; /* as COLORTERM and TERM say */
} terminal;

terminal terminal_find(void);

/* What the terminal behind /dev/tty says that it shows. */
terminal_graphics terminal_ask(void);

/* What an answer says: to the question whether it knows kitty's pictures, and to what it is (DA1). *complete:
 * nothing more is to come. */
terminal_graphics terminal_read_answer(const char *answer, size_t size, bool *complete);

#endif
