#include "captioner/show/alignment.h"

#include <string.h>

int cap_map_best(const cap_map *m, int target)
{
    const float *row = m->weight + (size_t)target * m->sources;
    int best = 0;
    for (int i = 1; i < m->sources; i++)
        if (row[i] > row[best]) best = i;
    return best;
}

void cap_map_pairs(const cap_map *m, text *out)
{
    const char *blank = "";
    for (int j = 0; j < m->targets; j++) {
        int i = cap_map_best(m, j);
        if (m->source_is_end && m->source_is_end[i]) continue;
        text_printf(out, "%s%d-%d", blank, i, j);
        blank = " ";
    }
}

/* ---- in the terminal ---- */

enum { CELL = 2, LABEL_MOST = 24 }; /* columns of a cell, of a label */

static const char *shade_of(float weight)
{
    static const char *const shades[] = {" .", "\xE2\x96\x91\xE2\x96\x91", "\xE2\x96\x92\xE2\x96\x92",
                                         "\xE2\x96\x93\xE2\x96\x93", "\xE2\x96\x88\xE2\x96\x88"};
    return shades[weight < 0.05f ? 0 : weight < 0.25f ? 1 : weight < 0.5f ? 2 : weight < 0.75f ? 3 : 4];
}

static void pad(text *out, int columns)
{
    for (int i = 0; i < columns; i++) text_append(out, " ");
}

/* The bytes of the first letter of s with the marks that stand on it, and its columns. */
static size_t letter_size(const char *s, int *columns)
{
    const char *end = s + strlen(s), *next = s;
    size_t size = 0;
    *columns = 0;
    while (next < end) {
        const char *from = next;
        text_utf8_next(&next, end);
        int width = (int)text_width(from, (next - from));
        if (size && width) break;
        size = next - s;
        *columns += width;
    }
    return size;
}

/* Letters of a label, and where letter `index` begins. */
static int letters(const char *label, int index, const char **at)
{
    int count = 0, columns;
    for (const char *s = label; *s; s += letter_size(s, &columns), count++)
        if (count == index && at) *at = s;
    return count;
}

/* Line `line` of `height` of the labels spelled downwards, their ends just above the cells. */
static void print_heads(const cap_map *m, int from, int to, int line, int height, text *out)
{
    for (int i = from; i < to; i++) {
        const char *at = NULL;
        int count = letters(m->source[i], -1, NULL), columns = 0;
        if (count > height) count = height;
        int index = line - (height - count);
        if (index >= 0) letters(m->source[i], index, &at);
        size_t size = at ? letter_size(at, &columns) : 0;
        if (columns < CELL) pad(out, 1);
        if (columns <= CELL) text_append_bytes(out, at, size);
        pad(out, columns < CELL ? CELL - 1 - columns : columns > CELL ? CELL : 0);
    }
    text_append(out, "\n");
}

/* The label cut to `room` columns, right-aligned in `width`. */
static void print_label(const char *label, int width, text *out)
{
    int columns = (int)text_width(label, strlen(label)), used = 0, step;
    size_t size = 0;
    if (columns <= width) {
        pad(out, width - columns);
        text_append(out, label);
        return;
    }
    while (label[size]) {
        size_t more = letter_size(label + size, &step);
        if (used + step > width - 1) break;
        used += step;
        size += more;
    }
    pad(out, width - 1 - used);
    text_append_bytes(out, label, size);
    text_append(out, "\xE2\x80\xA6");
}

static int widest_label(const cap_map *m)
{
    int widest = 0;
    for (int j = 0; j < m->targets; j++) {
        int columns = (int)text_width(m->target[j], strlen(m->target[j]));
        if (columns > widest) widest = columns;
    }
    return widest < LABEL_MOST ? widest : LABEL_MOST;
}

static void print_block(const cap_map *m, int from, int to, int side, text *out)
{
    int height = 1;
    for (int i = from; i < to; i++) {
        int count = letters(m->source[i], -1, NULL);
        if (count > height) height = count < LABEL_MOST ? count : LABEL_MOST;
    }
    for (int line = 0; line < height; line++) {
        pad(out, side + 1);
        print_heads(m, from, to, line, height, out);
    }
    for (int j = 0; j < m->targets; j++) {
        print_label(m->target[j], side, out);
        text_append(out, " ");
        const float *row = m->weight + (size_t)j * m->sources;
        for (int i = from; i < to; i++) text_append(out, shade_of(row[i]));
        text_append(out, "\n");
    }
}

void cap_map_print(const cap_map *m, int columns, text *out)
{
    int side = widest_label(m), fit = m->sources;
    if (columns) fit = (columns - side - 1) / CELL;
    if (fit < 1) fit = 1;
    for (int from = 0; from < m->sources; from += fit) {
        if (from) text_append(out, "\n");
        print_block(m, from, from + fit < m->sources ? from + fit : m->sources, side, out);
    }
}
