/* The contact sheet: panels in a grid on white, each with its caption beneath. */
#include "captioner/show/overlay.h"
#include "captioner/show/overlay_heat.h"
#include "datasets/function_words.h"
#include "src/image/draw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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
    int *shown, panels;         /* shown[panels]: the words that have one */
    img panel;                  /* the photo at panel size, with nothing on it */
    int cell;                   /* width of a column: that of a panel, and enough for words */
    int columns, rows;          /* of panels */
    int margin;                 /* around the sheet */
    int gap, row_gap;           /* between columns, between rows */
    int text_size, text_gap;    /* letters; between a panel and its caption */
    int label;                  /* height of a word with its probability, at most */
    int scale;                  /* height of the scale with its numbers; 0: there is none */
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
    l->beside = l->word_w + l->space + l->number_w <= s->cell;
    if (!rc && !l->beside) rc = img_text_size(word_of(s, i), s->cell, &word, &l->word_w, &l->word_h, e);
    return rc;
}

static err_code paint_label(const sheet *s, int i, int x, int y, img *out, error *e)
{
    label l;
    img_text_style word = style_of(s, true), number = style_of(s, false);
    err_code rc = measure_label(s, i, &l, e);
    int width = s->cell;
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

/* -- Scale ------------------------------------------------------------------------------------------- */

static const float *weights_of(const sheet *s, int word)
{
    return s->alpha ? s->alpha + (size_t)word * (size_t)(s->grid_h * s->grid_w) : NULL;
}

static const cap_overlay_box *box_of(const sheet *s, int word)
{
    return s->settings.boxes ? &s->settings.boxes[word] : NULL;
}

static void largest_text(const sheet *s, int word, char text[16])
{
    const float *weight = weights_of(s, word);
    double most = weight ? (double)cap_overlay_most(weight, s->grid_h * s->grid_w) : 0;
    snprintf(text, 16, most < 0.0995 ? "%.1f %%" : "%.0f %%", 100 * most);
}

static err_code measure_scale(sheet *s, error *e)
{
    img_text_style number = style_of(s, false);
    int width;
    return s->alpha && s->words ? img_text_size("0 %", 0, &number, &width, &s->scale, e) : ERR_OK;
}

/* 0, the colours, and the largest weight of the word. */
static err_code paint_scale(const sheet *s, int word, int x, int y, img *out, error *e)
{
    enum { SLACK = 4 };
    char most[16];
    int zero_w, most_w, height, space = s->text_size / 3;
    img_text_style number = style_of(s, false);
    largest_text(s, word, most);
    err_code rc = img_text_size("0", 0, &number, &zero_w, &height, e);
    if (!rc) rc = img_text_size(most, 0, &number, &most_w, &height, e);
    if (rc) return rc;
    int left = x + zero_w + space, right = x + s->cell - most_w - space - 2, thick = s->text_size / 2;
    for (int at = left; at < right; at++)
        img_fill_rect(out, at, y + (height - thick) / 2, 1, thick,
                      cap_overlay_scale(&s->settings, (float)(at - left) / (float)(right - left)));
    rc = img_text(out, x, y, zero_w + SLACK, "0", &number, e);
    return rc ? rc : img_text(out, right + space, y, most_w + SLACK, most, &number, e);
}

/* -- Layout ------------------------------------------------------------------------------------------ */

static err_code measure_captions(sheet *s, error *e)
{
    img_text_style strong = style_of(s, true);
    int width;
    err_code rc = ERR_OK;
    if (s->sentence) rc = img_text_size(s->sentence, s->cell, &strong, &width, &s->first_caption, e);
    for (int i = 0; i < s->panels && !rc; i++) {
        label l;
        rc = measure_label(s, s->shown[i], &l, e);
        int height = l.beside ? l.word_h : l.word_h + l.number_h;
        if (!rc && height > s->label) s->label = height;
    }
    s->caption = s->label + s->scale;
    if (s->caption > s->first_caption) s->first_caption = s->caption;
    return rc;
}

/* Distance from a sheet 1.5 times as wide as high, and the share of places left empty in its last row. */
static double badness(const sheet *s, int panels, int columns)
{
    int rows = (panels + columns - 1) / columns;
    double width = (double)columns * (s->cell + s->gap);
    double height = (double)rows * (s->panel.height + s->text_gap + s->caption + s->row_gap);
    return fabs(log(width / height / 1.5)) + (double)(rows * columns - panels) / panels;
}

static void choose_columns(sheet *s)
{
    int panels = s->panels + 1, columns = s->settings.columns;
    for (int c = 1; c <= panels && !s->settings.columns; c++)
        if (!columns || badness(s, panels, c) < badness(s, panels, columns)) columns = c;
    s->columns = columns < panels ? columns : panels;
    s->rows = (panels + s->columns - 1) / s->columns;
}

static err_code choose_words(sheet *s, error *e)
{
    s->shown = calloc((size_t)s->words + 1, sizeof *s->shown);
    if (!s->shown) return err_no_memory(e, "for an overlay");
    for (int i = 0; i < s->words; i++)
        if (!s->settings.content || !ds_is_function_word(word_of(s, i))) s->shown[s->panels++] = i;
    return ERR_OK;
}

/* A column of high photos is no wider than the words beneath them need. */
static int cell_width(const sheet *s)
{
    int words = 9 * s->text_size, wide = s->settings.panel_width;
    return s->panel.width >= words ? s->panel.width : words < wide ? words : wide;
}

/* As fits the area of a panel: a sixteenth of the width of one of 4 to 3. */
static int letter_size(const img *panel)
{
    int size = (int)lrint(sqrt((double)panel->width * panel->height * 4 / 3) / 16);
    return size > 10 ? size : 10;
}

static err_code lay_out(sheet *s, error *e)
{
    int width = s->settings.panel_width;
    s->margin = width / 10;
    s->gap = width / 16;
    s->row_gap = width / 11;
    s->text_gap = width / 40 + 2;
    err_code rc = choose_words(s, e);
    if (!rc) rc = cap_overlay_photo(s->photo, width, &s->panel, e);
    s->text_size = letter_size(&s->panel);
    s->cell = cell_width(s);
    if (!rc) rc = measure_scale(s, e);
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
    int64_t pitch = s->cell + s->gap;
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

/* What one word looked at, on a copy of the photo. */
static err_code paint_look(const sheet *s, int word, img *out, error *e)
{
    err_code rc = img_create(out, s->panel.width, s->panel.height, e);
    if (rc) return rc;
    img_blit(out, 0, 0, &s->panel);
    return cap_overlay_look(s->photo, s->view, s->grid_h, s->grid_w, weights_of(s, word), box_of(s, word),
                            &s->settings, out, e);
}

/* Panel 0 is the photo with the sentence, panel i + 1 the i-th of the words shown. */
static err_code paint_panel(const sheet *s, int index, img *out, error *e)
{
    int x = s->margin + index % s->columns * (s->cell + s->gap), y = row_top(s, index / s->columns);
    int centred = x + (s->cell - s->panel.width) / 2, below = y + s->panel.height + s->text_gap;
    if (!index) {
        img_text_style strong = style_of(s, true);
        img_blit(out, centred, y, &s->panel);
        return s->sentence ? img_text(out, x, below, s->cell, s->sentence, &strong, e) : ERR_OK;
    }
    img look = {0};
    int word = s->shown[index - 1];
    err_code rc = paint_look(s, word, &look, e);
    if (!rc) img_blit(out, centred, y, &look);
    img_release(&look);
    bool scaled = s->scale && cap_overlay_is_covered(&s->settings, box_of(s, word));
    if (!rc) rc = paint_label(s, word, x, below, out, e);
    if (!rc && scaled) rc = paint_scale(s, word, x, below + s->label, out, e);
    return rc;
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
    err_code rc = cap_overlay_settings(photo, options, &s.settings, e);
    if (!rc) rc = cap_overlay_check(photo, view, grid_h, grid_w, e);
    if (!rc) rc = lay_out(&s, e);
    if (!rc) rc = make_paper(&s, out, e);
    for (int i = 0; i <= s.panels && !rc; i++) rc = paint_panel(&s, i, out, e);
    img_release(&s.panel);
    free(s.shown);
    if (rc) img_release(out);
    return rc;
}
