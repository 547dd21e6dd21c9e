#include "tools/look.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/show/look.h"

static const char automatic[] = "auto";

const char *look_problem(const look *l, bool json)
{
    if (!l->on) return strcmp(l->as, automatic) ? "--look-as needs --look" : NULL;
    return json ? "--json and --look both want standard output" : NULL;
}

err_code look_begin(look *l, const overlay_look *looks, error *err)
{
    l->terminal = terminal_find();
    l->looks = *looks;
    l->graphics = TERMINAL_BLOCKS;
    if (!strcmp(l->as, "sixel")) l->graphics = TERMINAL_SIXEL;
    if (!strcmp(l->as, "kitty")) l->graphics = TERMINAL_KITTY;
    if (strcmp(l->as, automatic) != 0) return ERR_OK;
    if (!l->terminal.there)
        return err_set(err, ERR_ARGUMENT,
                       "--look is for terminals with colours, and standard output is none; --look-as blocks "
                       "writes all the same, --page makes a page");
    l->graphics = terminal_ask();
    return ERR_OK;
}

/* Panels of the usual size with what is beside them: high ones are narrow, wide ones wider. */
static int columns_that_fit(const cap_description *d, int pixels)
{
    double shape = (double)d->width / d->height;
    double panel = shape < 2.0 / 3 ? fmax(180, 480 * shape) : 320 * fmin(fmax(sqrt(shape * 3 / 4), 1), 2);
    return (int)fmax(1, (pixels - panel / 7) / (panel * 17 / 16));
}

/* The sheet of an overlay, no wider than the terminal. */
static err_code put_sheet(const look *l, const cap_overlay_options *options, const cap_description *d,
                          text *t, error *err)
{
    enum { COLUMN = 8 }; /* pixels of a terminal's column, where it does not say */
    int most = l->terminal.width ? l->terminal.width : COLUMN * l->terminal.columns;
    cap_overlay_options o = *options;
    img sheet = {0}, fit = {0};
    if (!o.columns) o.columns = columns_that_fit(d, most);
    err_code code = overlay_sheet(&o, d, &sheet, err);
    if (!code && sheet.width > most) {
        int height = (int)((int64_t)sheet.height * most / sheet.width);
        code = img_resize(&sheet, img_whole(&sheet), most, height > 1 ? height : 1, IMG_BILINEAR, &fit, err);
    }
    const img *shown = fit.rgb ? &fit : &sheet;
    if (!code)
        code = l->graphics == TERMINAL_KITTY ? cap_kitty_put(t, shown, err) : cap_sixel_put(t, shown, err);
    img_release(&sheet);
    img_release(&fit);
    return code;
}

err_code look_put(const look *l, const cap_description *d, error *err)
{
    text t = {0};
    cap_overlay_options o;
    cap_overlay_box *boxes;
    err_code code = overlay_look_options(&l->looks, d, true, &o, &boxes, err);
    if (!code && l->graphics != TERMINAL_BLOCKS)
        code = put_sheet(l, &o, d, &t, err);
    else if (!code)
        code = cap_look_put(d, &o, l->terminal.columns, l->terminal.colours, &t, err);
    if (!code) fputs(text_string(&t), stdout); /* whether it took all is checked by main */
    text_release(&t);
    free(boxes);
    return code;
}
