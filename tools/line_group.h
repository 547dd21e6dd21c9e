/* Lines that are worked on together, for the verbs of texts: as many as are waiting, up to LINE_GROUP.
 *
 *     line_group g = {.reader = {.fd = STDIN_FILENO, .name = "standard input"}, .done = "translated"};
 *     while (!(code = line_group_read(&g, &err)) && g.lines) {
 *         ...g.line[0..g.lines-1]...
 *         line_group_clear(&g);
 *     }
 *     line_group_release(&g);
 */
#ifndef TOOLS_LINE_GROUP_H
#define TOOLS_LINE_GROUP_H

#include "tools/lines.h"

enum { LINE_GROUP = 256 };

/* A line on its way: its text, or why it has none. */
typedef struct pending_line {
    char *text;
    int64_t number;
    error reason;
} pending_line;

typedef struct line_group {
    line_reader reader;
    const char *done; /* what is done with lines, for messages: "translated" */
    pending_line line[LINE_GROUP];
    int lines;
} line_group;

/* Reads up to a group of lines; stops early when the writer makes a pause, so that a dialogue goes on. */
err_code line_group_read(line_group *g, error *err);
void line_group_clear(line_group *g);
void line_group_release(line_group *g);

#endif
