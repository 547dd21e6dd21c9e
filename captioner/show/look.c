#include "captioner/show/look.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/show/overlay_heat.h"
#include "datasets/function_words.h"

enum {
    GAP = 2,
    SMALL = 26,  /* columns of a small picture, about ... */
    NARROW = 18, /* ... and of one of a high photo */
    LARGE = 64,  /* columns of the photo, at most ... */
    LINES = 24   /* ... and its lines */
};

typedef struct look {
    const cap_description *d;
    img photo; /* borrowed */
    cap_overlay_options settings;
    int columns; /* of the terminal */
    int across;  /* small pictures side by side */
    int cell;    /* columns of each */
    cap_colours colours;
    text *out;
} look;

static bool is_shown(const look *l, int word)
{
    return !l->settings.content || !ds_is_function_word(l->d->best.word[word]);
}

static double shape_of(const look *l)
{
    return (double)l->photo.width / l->photo.height;
}

static void lay_out(look *l)
{
    int small = shape_of(l) < 0.75 ? NARROW : SMALL;
    int shown = 0, fit = (l->columns + GAP) / (small + GAP);
    for (int i = 0; i < l->d->best.words; i++) shown += is_shown(l, i);
    if (l->settings.columns) fit = l->settings.columns;
    if (fit > shown) fit = shown;
    l->across = fit > 1 ? fit : 1;
    l->cell = (l->columns - (l->across - 1) * GAP) / l->across;
    if (l->cell > small + small / 2) l->cell = small + small / 2;
    if (l->cell < 1) l->cell = 1;
}

/* ---- pictures ---- */

static err_code put_photo(const look *l, error *err)
{
    img small;
    /* As cap_overlay_photo has it: no higher than 1.5 times this width. */
    double most = fmax(2 * LINES * shape_of(l), 2 * LINES / 1.5);
    int width = (int)fmin(fmin(most, LARGE), l->columns);
    err_code code = cap_overlay_photo(&l->photo, width, &small, err);
    if (code) return code;
    cap_blocks_put(l->out, &small, 1, small.width, 0, l->colours);
    img_release(&small);
    return ERR_OK;
}

static err_code paint_word(const look *l, int word, img *out, error *err)
{
    const cap_description *d = l->d;
    const float *alpha = d->attention ? d->attention + (size_t)word * (size_t)(d->grid_h * d->grid_w) : NULL;
    cap_overlay_box box = {0};
    if (l->settings.boxes && l->settings.boxes[word].label)
        box = (cap_overlay_box){l->settings.boxes[word].box, ""}; /* letters would not be readable */
    err_code code = cap_overlay_photo(&l->photo, l->cell, out, err);
    if (!code)
        code =
            cap_overlay_look(&l->photo, d->view, d->grid_h, d->grid_w, alpha, &box, &l->settings, out, err);
    return code;
}

/* ---- words beneath them ---- */

/* The text in the middle of a cell, cut where it is too long; the cell before it is `owed` blanks short. Returns
 * the blanks that are owed behind it. */
static int put_middle(text *out, const char *s, int cell, int owed)
{
    const char *end = s, *all = s + strlen(s);
    size_t width = 0;
    while (end < all) {
        const char *next = end;
        text_utf8_next(&next, all);
        size_t more = text_width(end, (size_t)(next - end));
        if (width + more > (size_t)cell) break;
        width += more;
        end = next;
    }
    int left = (cell - (int)width) / 2;
    if (end > s) {
        text_printf(out, "%*s", owed + left, "");
        text_append_bytes(out, s, (size_t)(end - s));
        return cell - left - (int)width;
    }
    return owed + cell;
}

static void name_word(const look *l, int word, text *name)
{
    const cap_alternative *best = &l->d->best;
    const char *object = l->settings.boxes ? l->settings.boxes[word].label : NULL;
    text_clear(name);
    text_append_shown(name, best->word[word]);
    text_printf(name, " %.2f", (double)best->probability[word]);
    if (!object) return;
    text_append(name, " \xE2\x86\x92 "); /* an arrow */
    text_append_shown(name, object);
}

static void put_names(const look *l, const int *word, int count)
{
    text name = {0};
    int owed = 0;
    for (int i = 0; i < count; i++, owed += GAP) {
        name_word(l, word[i], &name);
        owed = put_middle(l->out, text_string(&name), l->cell, owed);
    }
    if (name.failed) l->out->failed = true;
    text_release(&name);
    text_append(l->out, "\n");
}

static err_code put_row(const look *l, const int *word, int count, error *err)
{
    img *picture = calloc((size_t)count, sizeof *picture);
    err_code code = picture ? ERR_OK : err_no_memory(err, "for a picture in the terminal");
    for (int i = 0; i < count && !code; i++) code = paint_word(l, word[i], &picture[i], err);
    if (!code) {
        text_append(l->out, "\n");
        cap_blocks_put(l->out, picture, count, l->cell, GAP, l->colours);
        put_names(l, word, count);
    }
    for (int i = 0; picture && i < count; i++) img_release(&picture[i]);
    free(picture);
    return code;
}

static err_code put_words(const look *l, error *err)
{
    int *row = calloc((size_t)l->across, sizeof *row), count = 0;
    err_code code = row ? ERR_OK : err_no_memory(err, "for a picture in the terminal");
    for (int i = 0; i < l->d->best.words && !code; i++) {
        if (is_shown(l, i)) row[count++] = i;
        if (count < l->across) continue;
        code = put_row(l, row, count, err);
        count = 0;
    }
    if (count && !code) code = put_row(l, row, count, err);
    free(row);
    return code;
}

static void put_scale(const look *l)
{
    static const char none[] = "not looked at ", most[] = " looked at most";
    int room = l->columns - (int)(sizeof none - 1 + sizeof most - 1), steps = room < 24 ? room : 24;
    if (steps < 4 || !l->d->attention) return;
    text_append(l->out, "\n");
    text_append(l->out, none);
    for (int i = 0; i < steps; i++)
        cap_swatch_put(l->out, cap_overlay_scale(&l->settings, (float)i / (float)(steps - 1)), 1, l->colours);
    text_append(l->out, most);
    text_append(l->out, "\n");
}

err_code cap_look_put(const cap_description *d, const cap_overlay_options *options, int columns,
                      cap_colours colours, text *out, error *err)
{
    look l = {.d = d,
              .photo = {d->photo.width, d->photo.height, d->photo.rgb},
              .columns = columns,
              .colours = colours,
              .out = out};
    if (columns < CAP_LOOK_LEAST)
        return err_set(err, ERR_ARGUMENT, "a terminal of %d columns is too narrow for pictures", columns);
    err_code code = cap_overlay_settings(&l.photo, options, &l.settings, err);
    if (!code) code = cap_overlay_check(&l.photo, d->view, d->grid_h, d->grid_w, err);
    if (code) return code;
    lay_out(&l);
    code = put_photo(&l, err);
    if (!code) code = put_words(&l, err);
    if (!code) put_scale(&l);
    return !code && out->failed ? err_no_memory(err, "for a picture in the terminal") : code;
}
