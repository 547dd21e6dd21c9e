#include "tools/line_group.h"

#include <stdlib.h>
#include <string.h>

static err_code keep_line(line_group *g, const read_line *line, error *err)
{
    pending_line *p = &g->line[g->lines];
    *p = (pending_line){.number = line->number, .text = strdup(line->has_zero ? "" : line->text)};
    if (!p->text) return err_no_memory(err, "while reading lines");
    g->lines++;
    if (line->too_long)
        err_set(&p->reason, ERR_LIMIT, "too long to be %s: over %d bytes", g->done, LINE_MOST);
    else if (line->has_zero)
        err_set(&p->reason, ERR_FORMAT, "a zero byte is no text");
    return ERR_OK;
}

err_code line_group_read(line_group *g, error *err)
{
    err_code code = ERR_OK;
    read_line line;
    while (!code && g->lines < LINE_GROUP) {
        if (g->lines && lines_must_wait(&g->reader)) break;
        code = lines_next(&g->reader, &line, err);
        if (code || !line.text) break;
        code = keep_line(g, &line, err);
    }
    return code;
}

void line_group_clear(line_group *g)
{
    for (int i = 0; i < g->lines; i++) free(g->line[i].text);
    g->lines = 0;
}

void line_group_release(line_group *g)
{
    line_group_clear(g);
    lines_release(&g->reader);
}
