/* The contact sheet: panels in a grid on white, each with its caption beneath. */
#include "captioner/show/overlay.h"
#include "captioner/show/overlay_heat.h"
#include "src/image/draw.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const img_colour ink = {24, 24, 27}, pale = {128, 128, 136}, paper = {255, 255, 255};
static const uint64_t max_pixels = 250000000;

typedef struct sheet {
    const img *photo;
    cap_view view;
    int grid_h, grid_w, words;
    const char *const *word;
    const float *probability, *alpha;
    const char *sentence;
    cap_overlay_options settings;
    img panel;                  /* the photo at panel size, without a veil */
    int columns, rows;          /* of panels */
    int margin;                 /* around the sheet */
    int gap, row_gap;           /* between columns, between rows */
    int text_size, text_gap;    /* letters; between a panel and its caption */
    int first_caption, caption; /* heights: of the row that has the sentence, of the others */
} sheet;

/* -- Captions ---------------------------------------------------------------------------------------- */

static const char *word_of(const sheet *s, int i)
{
    return s->word && s->word[i] ? s->word[i] : "";
}

static img_text_style style_of(const sheet *s, bool strong)
{
    return (img_text_style){.size = strong ? s->text_size : s->text_size * 7 / 8,
                            .colour = strong ? ink : pale,
                            .align = IMG_CENTRE,
                            .bold = strong};
}

static void probability_text(const sheet *s, int i, char text[16])
{
    text[0] = 0;
    if (s->probability && isfinite(s->probability[i]))
        snprintf(text, 16, "%.2f", fmin(fmax((double)s->probability[i], 0), 1));
}

/* The word and its probability on one line if they fit, else under each other. */
typedef struct label {
    char number[16];
    int word_w, word_h, number_w, number_h, space;
    bool beside;
} label;

static err_code measure_label(const sheet *s, int i, label *l, error *e)
{
    img_text_style word = style_of(s, true), number = style_of(s, false);
    probability_text(s, i, l->number);
    l->space = s->text_size / 2;
    err_code rc = img_text_size(word_of(s, i), 0, &word, &l->word_w, &l->word_h, e);
    if (!rc) rc = img_text_size(l->number, 0, &number, &l->number_w, &l->number_h, e);
    l->beside = l->word_w + l->space + l->number_w <= s->settings.panel_width;
    if (!rc && !l->beside)
        rc = img_text_size(word_of(s, i), s->settings.panel_width, &word, &l->word_w, &l->word_h, e);
    return rc;
}

static err_code paint_label(const sheet *s, int i, int x, int y, img *out, error *e)
{
    label l;
    img_text_style word = style_of(s, true), number = style_of(s, false);
    err_code rc = measure_label(s, i, &l, e);
    int width = s->settings.panel_width;
    if (rc) return rc;
    if (!l.beside) {
        rc = img_text(out, x, y, width, word_of(s, i), &word, e);
        return rc ? rc : img_text(out, x, y + l.word_h, width, l.number, &number, e);
    }
    /* Columns of a few pixels more than measured: painting may round the other way and would wrap. */
    int slack = 4, left = x + (width - l.word_w - (l.number[0] ? l.space + l.number_w : 0)) / 2;
    int base = (l.word_h - l.number_h) * 3 / 4; /* about a common base line */
    word.align = number.align = IMG_LEFT;
    rc = img_text(out, left, y, l.word_w + slack, word_of(s, i), &word, e);
    if (rc || !l.number[0]) return rc;
    return img_text(out, left + l.word_w + l.space, y + base, l.number_w + slack, l.number, &number, e);
}

/* -- Layout ------------------------------------------------------------------------------------------ */

static err_code measure_captions(sheet *s, error *e)
{
    img_text_style strong = style_of(s, true);
    int width;
    err_code rc = ERR_OK;
    if (s->sentence)
        rc = img_text_size(s->sentence, s->settings.panel_width, &strong, &width, &s->first_caption, e);
    for (int i = 0; i < s->words && !rc; i++) {
        label l;
        rc = measure_label(s, i, &l, e);
        int height = l.beside ? l.word_h : l.word_h + l.number_h;
        if (!rc && height > s->caption) s->caption = height;
    }
    if (s->caption > s->first_caption) s->first_caption = s->caption;
    return rc;
}

/* Distance from a sheet 1.5 times as wide as high, and the share of places left empty in its last row. */
static double badness(const sheet *s, int panels, int columns)
{
    int rows = (panels + columns - 1) / columns;
    double width = (double)columns * (s->settings.panel_width + s->gap);
    double height = (double)rows * (s->panel.height + s->text_gap + s->caption + s->row_gap);
    return fabs(log(width / height / 1.5)) + (double)(rows * columns - panels) / panels;
}

static void choose_columns(sheet *s)
{
    int panels = s->words + 1, columns = s->settings.columns;
    for (int c = 1; c <= panels && !s->settings.columns; c++)
        if (!columns || badness(s, panels, c) < badness(s, panels, columns)) columns = c;
    s->columns = columns < panels ? columns : panels;
    s->rows = (panels + s->columns - 1) / s->columns;
}

static err_code lay_out(sheet *s, error *e)
{
    int width = s->settings.panel_width;
    s->margin = width / 10;
    s->gap = width / 16;
    s->row_gap = width / 11;
    s->text_gap = width / 40 + 2;
    s->text_size = width / 16 > 10 ? width / 16 : 10;
    err_code rc = cap_overlay_photo(s->photo, width, &s->panel, e);
    if (!rc) rc = measure_captions(s, e);
    if (!rc) choose_columns(s);
    return rc;
}

static int row_top(const sheet *s, int row)
{
    int pitch = s->panel.height + s->text_gap + s->caption + s->row_gap;
    return s->margin + row * pitch + (row ? s->first_caption - s->caption : 0);
}

static err_code make_paper(const sheet *s, img *out, error *e)
{
    int64_t pitch = s->settings.panel_width + s->gap;
    int64_t width = 2 * s->margin - s->gap + s->columns * pitch;
    int64_t height = (int64_t)s->rows * (s->panel.height + s->text_gap + s->caption + s->row_gap) +
                     s->first_caption - s->caption + 2 * s->margin - s->row_gap;
    if (width > IMG_MAX_SIDE || height > IMG_MAX_SIDE || (uint64_t)(width * height) > max_pixels)
        return err_set(e, ERR_LIMIT,
                       "an overlay of %d words at %d pixels a panel is over the limit of 250 "
                       "million pixels; make the panels smaller",
                       s->words, s->settings.panel_width);
    err_code rc = img_create(out, (int)width, (int)height, e);
    if (!rc) img_fill_rect(out, 0, 0, (int)width, (int)height, paper);
    return rc;
}

/* -- Painting ---------------------------------------------------------------------------------------- */

/* Panel 0 is the photo with the sentence, panel i + 1 word i. */
static err_code paint_panel(const sheet *s, int index, img *out, error *e)
{
    int width = s->settings.panel_width;
    int x = s->margin + index % s->columns * (width + s->gap), y = row_top(s, index / s->columns);
    int centred = x + (width - s->panel.width) / 2, below = y + s->panel.height + s->text_gap;
    img_blit(out, centred, y, &s->panel);
    if (!index) {
        img_text_style strong = style_of(s, true);
        return s->sentence ? img_text(out, x, below, width, s->sentence, &strong, e) : ERR_OK;
    }
    img veiled;
    const float *row = s->alpha ? s->alpha + (size_t)(index - 1) * (s->grid_h * s->grid_w) : NULL;
    err_code rc = img_create(&veiled, s->panel.width, s->panel.height, e);
    if (rc) return rc;
    img_blit(&veiled, 0, 0, &s->panel);
    rc = cap_overlay_veil(s->photo, s->view, s->grid_h, s->grid_w, row, s->settings.opacity, &veiled, e);
    const cap_overlay_box *box = s->settings.boxes ? &s->settings.boxes[index - 1] : NULL;
    if (!rc && box && box->label) {
        cap_overlay_open_box(s->photo, box, &s->panel, &veiled);
        rc = cap_overlay_paint_box(s->photo, box, 0, &veiled, e);
    }
    if (!rc) img_blit(out, centred, y, &veiled);
    img_release(&veiled);
    return rc ? rc : paint_label(s, index - 1, x, below, out, e);
}

err_code cap_overlay_sheet(const img *photo, cap_view view, int grid_h, int grid_w, int words,
                           const char *const *word, const float *probability, const float *alpha,
                           const char *sentence, const cap_overlay_options *options, img *out, error *e)
{
    enum { MAX_WORDS = 10000 };
    sheet s = {.photo = photo,
               .view = view,
               .grid_h = grid_h,
               .grid_w = grid_w,
               .words = words,
               .word = word,
               .probability = probability,
               .alpha = alpha,
               .sentence = sentence};
    *out = (img){0};
    if (words < 0 || words > MAX_WORDS)
        return err_set(e, ERR_ARGUMENT, "an overlay of %d words is not in 0..%d", words, MAX_WORDS);
    err_code rc = cap_overlay_settings(options, &s.settings, e);
    if (!rc) rc = cap_overlay_check(photo, view, grid_h, grid_w, e);
    if (!rc) rc = lay_out(&s, e);
    if (!rc) rc = make_paper(&s, out, e);
    for (int i = 0; i <= words && !rc; i++) rc = paint_panel(&s, i, out, e);
    img_release(&s.panel);
    if (rc) img_release(out);
    return rc;
}
