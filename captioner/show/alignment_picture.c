/* The sheet of an alignment map: labels, cells, probabilities, the scale. */
#include "captioner/show/alignment.h"
#include "src/image/draw.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const img_colour ink = {24, 24, 27}, pale = {128, 128, 136}, paper = {255, 255, 255};
static const uint64_t max_pixels = 250000000;

enum { LARGEST_CELL = 30, SMALLEST_CELL = 14, PAGE = 2400, LABEL_ROOM = 10 };

typedef struct sheet {
    const cap_map *m;
    int cell, cell_w; /* height and width of a cell with the line behind it */
    int text_size, gap, margin;
    bool upright;   /* source labels read upwards */
    int head, side; /* room for source labels above and target labels beside the cells */
    int number;     /* room for probabilities */
    int left, top;  /* of the first cell */
    int scale_top;
    float most; /* the brightest weight */
} sheet;

/* From dark to bright by even steps of lightness, so that twice the weight looks twice as bright also in
 * grey. */
static img_colour colour_of(double weight)
{
    static const double stop[][3] = {
        {27, 24, 48}, {84, 27, 104}, {180, 54, 90}, {245, 134, 54}, {253, 246, 190}};
    enum { STEPS = sizeof stop / sizeof *stop - 1 };
    double at = fmin(fmax(weight, 0), 1) * STEPS, part;
    int i = at < STEPS ? (int)at : STEPS - 1;
    part = at - i;
    uint8_t c[3];
    for (int k = 0; k < 3; k++) c[k] = (uint8_t)lrint(stop[i][k] + part * (stop[i + 1][k] - stop[i][k]));
    return (img_colour){c[0], c[1], c[2]};
}

static img_text_style style_of(const sheet *s, bool strong)
{
    return (img_text_style){.size = strong                       ? s->text_size
                                    : s->text_size * 13 / 16 > 9 ? s->text_size * 13 / 16
                                                                 : 9,
                            .colour = strong ? ink : pale};
}

/* -- Labels ------------------------------------------------------------------------------------------ */

/* Copies the label, cut with an ellipsis when it is wider than `room` pixels; *width is what it takes. */
static err_code cut_label(const char *label, int room, const img_text_style *style, text *out, int *width,
                          int *height, error *e)
{
    const char *end = label + strlen(label);
    err_code rc = img_text_size(label, 0, style, width, height, e);
    text_clear(out);
    text_append(out, label);
    while (!rc && *width > room && end > label) {
        /* Proportionally at first, then letter by letter. */
        size_t kept = (end - label), guess = kept * room / *width;
        const char *cut = label + (guess + 4 < kept ? guess + 4 : kept - 1);
        while (cut > label && ((unsigned char)*cut & 0xC0) == 0x80) cut--;
        end = cut;
        text_clear(out);
        text_append_bytes(out, label, (end - label));
        text_append(out, "\xE2\x80\xA6");
        rc = img_text_size(text_string(out), 0, style, width, height, e);
    }
    return rc || !out->failed ? rc : err_no_memory(e, "for the labels of a map");
}

/* Paints text of known size; a few pixels of slack, as painting may round the other way and would wrap. */
static err_code paint_text(img *dst, int x, int y, int width, const char *label, const img_text_style *style,
                           error *e)
{
    return img_text(dst, x, y, width + 4, label, style, e);
}

/* Paints the text turned by a quarter, reading upwards, its beginning at y (the lowest pixel row). */
static err_code paint_upright(img *dst, int x, int y, int width, int height, const char *label,
                              const img_text_style *style, error *e)
{
    img flat;
    err_code rc = img_create(&flat, width + 4, height, e);
    if (rc) return rc;
    img_fill_rect(&flat, 0, 0, flat.width, flat.height, paper);
    rc = paint_text(&flat, 0, 0, width, label, style, e);
    for (int i = 0; i < flat.width && !rc; i++) {
        for (int j = 0; j < height; j++) {
            const uint8_t *p = flat.rgb + 3 * ((size_t)j * flat.width + i);
            img_fill_rect(dst, x + j, y - i, 1, 1, (img_colour){p[0], p[1], p[2]});
        }
    }
    img_release(&flat);
    return rc;
}

static err_code widest(const sheet *s, const char *const *label, int count, int *width, error *e)
{
    img_text_style style = style_of(s, true);
    err_code rc = ERR_OK;
    *width = 0;
    for (int i = 0; i < count && !rc; i++) {
        int w, h;
        rc = img_text_size(label[i], 0, &style, &w, &h, e);
        if (!rc && w > *width) *width = w;
    }
    return rc;
}

/* -- Layout ------------------------------------------------------------------------------------------ */

static int label_room(const sheet *s)
{
    return LABEL_ROOM * s->cell;
}

static err_code measure_sheet(sheet *s, error *e)
{
    const cap_map *m = s->m;
    img_text_style small = style_of(s, false);
    int head, side, line, unused;
    err_code rc = widest(s, m->source, m->sources, &head, e);
    if (!rc) rc = widest(s, m->target, m->targets, &side, e);
    if (!rc) rc = img_text_size("0.00", 0, &small, &s->number, &line, e);
    if (rc) return rc;
    s->upright = head + s->gap > 2 * s->cell;
    s->cell_w = s->upright || head + s->gap < s->cell ? s->cell : head + s->gap;
    img_text_style strong = style_of(s, true);
    rc = img_text_size("Mg", 0, &strong, &unused, &line, e);
    s->head = s->upright ? (head < label_room(s) ? head : label_room(s)) : line;
    s->side = side < label_room(s) ? side : label_room(s);
    if (!m->probability) s->number = 0;
    return rc;
}

static err_code lay_out(sheet *s, error *e)
{
    const cap_map *m = s->m;
    int longer = m->targets > m->sources ? m->targets : m->sources;
    s->cell = PAGE / longer;
    if (s->cell > LARGEST_CELL) s->cell = LARGEST_CELL;
    if (s->cell < SMALLEST_CELL) s->cell = SMALLEST_CELL;
    s->text_size = s->cell * 3 / 5;
    s->gap = s->cell / 3;
    s->margin = LARGEST_CELL;
    err_code rc = measure_sheet(s, e);
    s->left = s->margin + s->side + s->gap;
    s->top = s->margin + s->head + s->gap;
    s->scale_top = s->top + m->targets * s->cell + 3 * s->gap;
    for (size_t i = 0; i < (size_t)m->targets * m->sources; i++) s->most = fmaxf(s->most, m->weight[i]);
    if (!(s->most > 0)) s->most = 1;
    return rc;
}

static int scale_width(const sheet *s)
{
    return 5 * s->cell;
}

static err_code make_paper(const sheet *s, img *out, error *e)
{
    int64_t cells = (int64_t)s->m->sources * s->cell_w, scale = scale_width(s) + 3 * (int64_t)s->cell;
    int64_t width =
        s->left + (cells > scale ? cells : scale) + s->margin + (s->number ? s->number + s->gap : 0);
    int64_t height = s->scale_top + s->cell / 2 + s->margin;
    if (width > IMG_MAX_SIDE || height > IMG_MAX_SIDE || (uint64_t)(width * height) > max_pixels)
        return err_set(e, ERR_LIMIT, "a map of %d by %d words is over the limit of 250 million pixels",
                       s->m->targets, s->m->sources);
    err_code rc = img_create(out, (int)width, (int)height, e);
    if (!rc) img_fill_rect(out, 0, 0, (int)width, (int)height, paper);
    return rc;
}

/* -- Painting ---------------------------------------------------------------------------------------- */

static err_code paint_source(const sheet *s, int i, text *label, img *out, error *e)
{
    img_text_style style = style_of(s, true);
    int width, height, x = s->left + i * s->cell_w, room = s->upright ? s->head : s->cell_w;
    err_code rc = cut_label(s->m->source[i], room, &style, label, &width, &height, e);
    if (rc || !width) return rc;
    if (s->upright)
        return paint_upright(out, x + (s->cell_w - height) / 2, s->top - s->gap, width, height,
                             text_string(label), &style, e);
    return paint_text(out, x + (s->cell_w - 1 - width) / 2, s->top - s->gap - (height + s->head) / 2, width,
                      text_string(label), &style, e);
}

static err_code paint_target(const sheet *s, int j, text *label, img *out, error *e)
{
    img_text_style style = style_of(s, true), small = style_of(s, false);
    int width, height, y = s->top + j * s->cell;
    err_code rc = cut_label(s->m->target[j], s->side, &style, label, &width, &height, e);
    if (!rc && width)
        rc = paint_text(out, s->left - s->gap - width, y + (s->cell - 1 - height) / 2, width,
                        text_string(label), &style, e);
    if (rc || !s->m->probability || !isfinite(s->m->probability[j])) return rc;
    char number[16];
    snprintf(number, sizeof number, "%.2f", fmin(fmax((double)s->m->probability[j], 0), 1));
    rc = img_text_size(number, 0, &small, &width, &height, e);
    if (rc) return rc;
    return paint_text(out, s->left + s->m->sources * s->cell_w + s->gap, y + (s->cell - 1 - height) / 2,
                      width, number, &small, e);
}

static void paint_cells(const sheet *s, img *out)
{
    const cap_map *m = s->m;
    const img_colour lines = {54, 50, 78};
    img_fill_rect(out, s->left - 1, s->top - 1, m->sources * s->cell_w + 1, m->targets * s->cell + 1, lines);
    for (int j = 0; j < m->targets; j++) {
        for (int i = 0; i < m->sources; i++) {
            float weight = m->weight[(size_t)j * m->sources + i];
            img_fill_rect(out, s->left + i * s->cell_w, s->top + j * s->cell, s->cell_w - 1, s->cell - 1,
                          colour_of((double)weight / (double)s->most));
        }
    }
}

/* "0 [dark .. bright] 0.93" */
static err_code paint_scale(const sheet *s, img *out, error *e)
{
    img_text_style small = style_of(s, false);
    char most[16];
    int width, height, x = s->left, bar = scale_width(s), thick = s->cell / 2;
    snprintf(most, sizeof most, "%.2f", (double)s->most);
    err_code rc = img_text_size("0", 0, &small, &width, &height, e);
    if (rc) return rc;
    int text_top = s->scale_top + (thick - height) / 2;
    rc = paint_text(out, x, text_top, width, "0", &small, e);
    x += width + s->gap / 2 + 1;
    for (int i = 0; i < bar; i++)
        img_fill_rect(out, x + i, s->scale_top, 1, thick, colour_of((double)i / (bar - 1)));
    if (!rc) rc = img_text_size(most, 0, &small, &width, &height, e);
    return rc ? rc : paint_text(out, x + bar + s->gap / 2 + 1, text_top, width, most, &small, e);
}

static err_code paint(const sheet *s, img *out, error *e)
{
    text label = {0};
    err_code rc = ERR_OK;
    paint_cells(s, out);
    for (int i = 0; i < s->m->sources && !rc; i++) rc = paint_source(s, i, &label, out, e);
    for (int j = 0; j < s->m->targets && !rc; j++) rc = paint_target(s, j, &label, out, e);
    text_release(&label);
    return rc ? rc : paint_scale(s, out, e);
}

err_code cap_map_paint(const cap_map *m, img *out, error *e)
{
    sheet s = {.m = m};
    *out = (img){0};
    if (m->targets < 1 || m->sources < 1 || m->targets > CAP_MAP_MOST || m->sources > CAP_MAP_MOST)
        return err_set(e, ERR_ARGUMENT, "a map of %d by %d words is not in 1..%d", m->targets, m->sources,
                       CAP_MAP_MOST);
    err_code rc = lay_out(&s, e);
    if (!rc) rc = make_paper(&s, out, e);
    if (!rc) rc = paint(&s, out, e);
    if (rc) img_release(out);
    return rc;
}
