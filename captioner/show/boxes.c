#include "captioner/show/boxes.h"

#include <math.h>
#include <string.h>

#include "captioner/show/overlay_heat.h"
#include "src/image/draw.h"

/* Told apart by eyes that mix up red and green, too (Okabe and Ito, "Color universal design", 2008). */
static const img_colour colours[] = {{0, 114, 178},   {213, 94, 0}, {0, 158, 115},
                                     {204, 121, 167}, {146, 98, 0}, {86, 86, 86}};
static const img_colour white = {255, 255, 255};

/* A box in pixels of a panel: x0 <= x < x1, y0 <= y < y1, at least one pixel, all inside. */
typedef struct frame {
    int x0, y0, x1, y1;
} frame;

static int inside(double at, int most)
{
    return (int)lrint(fmin(fmax(at, 0), most)); /* no number: 0 */
}

static frame frame_of(const img *photo, const cap_view *box, const img *panel)
{
    double across = (double)panel->width / photo->width, down = (double)panel->height / photo->height;
    frame f = {inside(box->x0 * across, panel->width - 1), inside(box->y0 * down, panel->height - 1),
               inside(box->x1 * across, panel->width), inside(box->y1 * down, panel->height)};
    if (f.x1 <= f.x0) f.x1 = f.x0 + 1;
    if (f.y1 <= f.y0) f.y1 = f.y0 + 1;
    return f;
}

static void draw_lines(img *panel, frame f, int thick, img_colour c)
{
    int w = f.x1 - f.x0, h = f.y1 - f.y0, across = w < thick ? w : thick, down = h < thick ? h : thick;
    img_fill_rect(panel, f.x0, f.y0, w, down, c);
    img_fill_rect(panel, f.x0, f.y1 - down, w, down, c);
    img_fill_rect(panel, f.x0, f.y0, across, h, c);
    img_fill_rect(panel, f.x1 - across, f.y0, across, h, c);
}

/* With a light line around it, without which it would not show on dark photos. */
static void draw_frame(img *panel, frame f, img_colour c)
{
    bool tiny = panel->width < 64;
    int least = tiny ? 1 : 2, thick = panel->width / 160 > least ? panel->width / 160 : least;
    if (!tiny) draw_lines(panel, (frame){f.x0 - 1, f.y0 - 1, f.x1 + 1, f.y1 + 1}, 1, white);
    draw_lines(panel, f, thick, c);
}

/* Above the box where there is room, else inside it; moved to the left where it would leave the panel. */
static err_code draw_label(img *panel, frame f, const char *label, img_colour c, error *e)
{
    enum { PAD = 3, SLACK = 4 }; /* painting may round the other way than measuring, and would wrap */
    int size = panel->width / 28 > 10 ? panel->width / 28 : 10, w, h;
    img_text_style style = {.size = size < 400 ? size : 400, .colour = white, .bold = true};
    err_code rc = img_text_size(label, 0, &style, &w, &h, e);
    if (rc) return rc;
    int width = w + 2 * PAD + SLACK, y = f.y0 >= h ? f.y0 - h : f.y0;
    int x = f.x0 + width > panel->width ? panel->width - width : f.x0;
    if (x < 0) x = 0;
    img_fill_rect(panel, x, y, width, h, c);
    return img_text(panel, x + PAD, y, w + SLACK, label, &style, e);
}

err_code cap_overlay_paint_box(const img *photo, const cap_overlay_box *box, int number, img *panel, error *e)
{
    img_colour c = colours[(size_t)number % (sizeof colours / sizeof *colours)];
    frame f = frame_of(photo, &box->box, panel);
    draw_frame(panel, f, c);
    if (!*box->label) return ERR_OK;
    return draw_label(panel, f, box->label, c, e);
}

void cap_overlay_open_box(const img *photo, const cap_overlay_box *box, const img *from, img *panel)
{
    frame f = frame_of(photo, &box->box, panel);
    size_t line = 3 * (size_t)panel->width, at = 3 * (size_t)f.x0, bytes = 3 * (size_t)(f.x1 - f.x0);
    for (size_t y = (size_t)f.y0; y < (size_t)f.y1; y++)
        memcpy(panel->rgb + y * line + at, from->rgb + y * line + at, bytes);
}

int cap_overlay_object(const cap_description *d, const cap_alternative *said, int word)
{
    size_t regions = (size_t)d->grid_h * (size_t)d->grid_w;
    if (!said->concept_attention) return -1;
    const float *of_regions = said->attention ? said->attention + (size_t)word * regions : NULL;
    const float *of_concepts = said->concept_attention + (size_t)word * (size_t)d->concepts;
    float most = 0;
    int best = -1;
    for (size_t i = 0; of_regions && i < regions; i++) most = of_regions[i] > most ? of_regions[i] : most;
    for (int i = 0; i < d->concepts; i++) {
        if (!d->concept[i].boxed || !(of_concepts[i] > most)) continue;
        most = of_concepts[i];
        best = i;
    }
    return best;
}

err_code cap_overlay_boxes(const img *photo, const cap_overlay_box *boxes, int count, int width, img *out,
                           error *e)
{
    *out = (img){0};
    cap_overlay_options settings;
    err_code rc = cap_overlay_settings(photo, &(cap_overlay_options){.panel_width = width}, &settings, e);
    if (!rc) rc = cap_overlay_check(photo, cap_view_whole(photo), 1, 1, e);
    if (!rc) rc = cap_overlay_photo(photo, width, out, e);
    for (int i = count - 1; i >= 0 && !rc; i--)
        if (boxes[i].label) rc = cap_overlay_paint_box(photo, &boxes[i], i, out, e);
    if (rc) img_release(out);
    return rc;
}
