/* Maps of attention as the verbs of texts show them: a picture a line, or shades in the terminal.
 *
 *     sheet_place place = {.path = "OUT.png", .number = 2, .role = "alignment", .sentence = s};
 *     if (sheet_write(&place, &map, &err)) ...               OUT-2.png
 *     if (sheet_print(&map, terminal_columns(), &err)) ... */
#ifndef TOOLS_SHEETS_H
#define TOOLS_SHEETS_H

#include <stdbool.h>
#include <stdint.h>

#include "captioner/show/alignment.h"

/* Where a picture goes, and what its mark (marked.h) says. The user named that of the first line, the program
 * names the others OUT-2.png and so on: there it replaces only those of its own role, unless `force`. */
typedef struct sheet_place {
    const char *path;
    int64_t number; /* of the line, from 1 */
    const char *role, *sentence;
    bool force;
} sheet_place;

err_code sheet_write(const sheet_place *place, const cap_map *map, error *err);

/* To standard output, with labels as a terminal may show them, as wide as `columns` (0: any width). */
err_code sheet_print(const cap_map *map, int columns, error *err);

int terminal_columns(void); /* of standard output; 0: it is no terminal */

#endif
