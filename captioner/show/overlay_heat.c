/* One panel of an overlay: weights of regions -> a smooth field over the photo -> a veil, or heat. */
#include "captioner/show/overlay_heat.h"

#include "captioner/show/heat.h"

#include <math.h>
#include <stdlib.h>

static const double high_panel = 1.5; /* height of a panel at most, in widths */
static const int max_grid = 1024;
static const float least_peak = 3; /* in even weights: below it nothing counts as a peak */

cap_view cap_view_whole(const img *photo)
{
    return (cap_view){0, 0, photo->width, photo->height};
}

cap_view cap_view_centre(const img *photo)
{
    double w = photo->width, h = photo->height, side = fmin(w, h);
    return (cap_view){(w - side) / 2, (h - side) / 2, (w + side) / 2, (h + side) / 2};
}

const char *const cap_overlay_style_names[CAP_OVERLAY_STYLES] = {"veil", "heat", "boxes"};

/* A wide photo gets a wider panel, so that it has about as many pixels as others. */
static int fitting_width(const img *photo)
{
    enum { USUAL = 320 };
    double shape = photo->height > 0 ? (double)photo->width / photo->height : 1, usual = 4.0 / 3;
    return (int)lrint(USUAL * fmin(fmax(sqrt(shape / usual), 1), 2));
}

err_code cap_overlay_settings(const img *photo, const cap_overlay_options *options,
                              cap_overlay_options *settings, error *e)
{
    *settings = options ? *options : (cap_overlay_options){0};
    if (!settings->panel_width) settings->panel_width = fitting_width(photo);
    if (settings->opacity == 0) settings->opacity = 0.85f;
    if (settings->panel_width < 64 || settings->panel_width > 4096)
        return err_set(e, ERR_ARGUMENT, "an overlay panel of %d pixels is not in 64..4096",
                       settings->panel_width);
    if ((unsigned)settings->style >= CAP_OVERLAY_STYLES)
        return err_set(e, ERR_ARGUMENT, "there is no overlay style %d", (int)settings->style);
    if (settings->columns < 0)
        return err_set(e, ERR_ARGUMENT, "an overlay cannot have %d columns", settings->columns);
    if (!(settings->opacity > 0 && settings->opacity <= 1))
        return err_set(e, ERR_ARGUMENT, "an overlay's opacity of %g is not in 0..1",
                       (double)settings->opacity);
    return ERR_OK;
}

err_code cap_overlay_check(const img *photo, cap_view view, int grid_h, int grid_w, error *e)
{
    if (!photo->rgb) return err_set(e, ERR_ARGUMENT, "an overlay needs a photo");
    bool none = !grid_h && !grid_w;
    if ((!none && (grid_h < 1 || grid_w < 1)) || grid_h > max_grid || grid_w > max_grid)
        return err_set(e, ERR_ARGUMENT, "a grid of %d x %d regions cannot be painted", grid_h, grid_w);
    bool inside = view.x0 >= 0 && view.y0 >= 0 && view.x1 <= photo->width && view.y1 <= photo->height;
    if (!inside || !(view.x0 < view.x1) || !(view.y0 < view.y1))
        return err_set(e, ERR_ARGUMENT, "the view %g,%g to %g,%g is not inside the photo of %d x %d pixels",
                       view.x0, view.y0, view.x1, view.y1, photo->width, photo->height);
    return ERR_OK;
}

err_code cap_overlay_photo(const img *photo, int panel_width, img *out, error *e)
{
    double scale = fmin((double)panel_width / photo->width, high_panel * panel_width / photo->height);
    int width = (int)fmax(1, lrint(photo->width * scale));
    int height = (int)fmax(1, lrint(photo->height * scale));
    return img_resize(photo, img_whole(photo), width, height, IMG_BILINEAR, out, e);
}

/* -- The field --------------------------------------------------------------------------------------- */

/* How much each region of a line counts at one pixel: four neighbours, the ends repeated. */
typedef struct blend {
    int region[4];
    float weight[4];
    bool seen; /* false outside of the view */
} blend;

/* The cubic B-spline: smooth, never negative, its shifts sum to 1, so an even field stays even. */
static double spline(double x)
{
    x = fabs(x);
    if (x < 1) return (4 - 6 * x * x + 3 * x * x * x) / 6;
    return x < 2 ? (2 - x) * (2 - x) * (2 - x) / 6 : 0;
}

/* For each of `pixels` pixels of a line whose view from..to is divided into `regions`. */
static void fill_blends(blend *b, int pixels, double from, double to, int regions)
{
    for (int i = 0; i < pixels; i++) {
        double at = (i + 0.5 - from) / (to - from) * regions - 0.5; /* region r has its centre at r */
        int first = (int)floor(at) - 1;
        b[i].seen = at >= -0.5 && at <= regions - 0.5;
        for (int k = 0; k < 4; k++) {
            int r = first + k;
            b[i].region[k] = r < 0 ? 0 : r > regions - 1 ? regions - 1 : r;
            b[i].weight[k] = (float)spline(at - r);
        }
    }
}

/* A weight as it counts: held to 0..1, no numbers are 0. */
static float held(float weight)
{
    return weight > 0 ? fminf(weight, 1) : 0;
}

/* What an even weight would be: words that look at named things, too, leave regions less than 1. */
static float even_weight(const float *alpha, int regions)
{
    float sum = 0;
    for (int i = 0; i < regions; i++) sum += held(alpha[i]);
    return sum / (float)regions;
}

float cap_overlay_most(const float *alpha, int regions)
{
    float most = least_peak * even_weight(alpha, regions);
    for (int i = 0; i < regions; i++) most = fmaxf(most, held(alpha[i]));
    return fminf(most, 1);
}

/* field [height][width]: the weight in multiples of an even one; returns the largest. */
static float fill_field(float *field, int width, int height, const blend *across, const blend *down,
                        const float *alpha, int grid_h, int grid_w)
{
    float even = even_weight(alpha, grid_h * grid_w), largest = 0;
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            float sum = 0;
            for (int j = 0; j < 16 && across[x].seen && down[y].seen; j++) {
                float a = held(alpha[down[y].region[j / 4] * grid_w + across[x].region[j % 4]]);
                sum += a * down[y].weight[j / 4] * across[x].weight[j % 4];
            }
            field[(size_t)y * width + x] = even > 0 ? sum / even : 0;
            largest = fmaxf(largest, field[(size_t)y * width + x]);
        }
    }
    return largest;
}

/* -- The veil ---------------------------------------------------------------------------------------- */

/* How open the veil is, 0..1: 0 where nothing was looked at, 1 at the panel's peak. Even attention (weight
 * and peak 1) is half open. A peak below least_peak does not count as one, or the noise of a nearly even
 * panel would fill the whole range; above it an even weight opens the less the higher the peak, or a single
 * bright region would stand on a wide half-open plateau. */
static float openness(float weight, float peak)
{
    if (peak < least_peak) peak = least_peak;
    float even = 0.5f * sqrtf(least_peak / peak);
    if (weight <= 1) return even * weight;
    return even + (1 - even) * powf((weight - 1) / (peak - 1), 0.8f);
}

/* Under the closed veil the photo is a dark grey shadow of itself; where the veil is quite open, a little
 * light is added, without which nothing would show on a night photo. */
static void veil_pixel(uint8_t *p, float open, float opacity)
{
    const float slate[3] = {38, 40, 46}, shadow = 0.22f, light = 0.16f;
    float grey = 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2];
    float glow = open > 0.5f ? light * (2 * open - 1) : 0, closed = opacity * (1 - open);
    for (int c = 0; c < 3; c++) {
        float lit = p[c] + glow * (255 - p[c]);
        p[c] = (uint8_t)(lit + closed * (slate[c] + shadow * grey - lit) + 0.5f);
    }
}

/* Beneath heat the photo has lost most of its colours, which would be taken for heat. */
static void heat_pixel(uint8_t *p, float open, float opacity)
{
    const float keep = 0.35f, full = 0.85f; /* the opacity at which the colours cover as they say */
    float grey = 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2];
    cap_heat h = cap_heat_at(open);
    const uint8_t colour[3] = {h.colour.r, h.colour.g, h.colour.b};
    float cover = fminf(h.cover * opacity / full, 1);
    for (int c = 0; c < 3; c++) {
        float paled = grey + keep * (p[c] - grey);
        p[c] = (uint8_t)(paled + cover * (colour[c] - paled) + 0.5f);
    }
}

static void cover_pixel(const cap_overlay_options *settings, uint8_t *p, float open)
{
    if (settings->style == CAP_OVERLAY_VEIL)
        veil_pixel(p, open, settings->opacity);
    else
        heat_pixel(p, open, settings->opacity);
}

img_colour cap_overlay_scale(const cap_overlay_options *settings, float open)
{
    uint8_t light[3] = {225, 225, 225};
    if (settings->style != CAP_OVERLAY_VEIL) return cap_heat_at(open).colour;
    veil_pixel(light, open, settings->opacity);
    return (img_colour){light[0], light[1], light[2]};
}

err_code cap_overlay_cover(const img *photo, cap_view view, int grid_h, int grid_w, const float *alpha,
                           const cap_overlay_options *settings, img *panel, error *e)
{
    size_t width = panel->width, height = panel->height;
    for (size_t i = 0; !alpha && i < width * height; i++) cover_pixel(settings, panel->rgb + 3 * i, 0);
    if (!alpha) return ERR_OK;
    double sx = (double)panel->width / photo->width, sy = (double)panel->height / photo->height;
    float *field = malloc(width * height * sizeof *field);
    blend *across = malloc(width * sizeof *across), *down = malloc(height * sizeof *down);
    bool ok = field && across && down;
    if (ok) {
        fill_blends(across, panel->width, view.x0 * sx, view.x1 * sx, grid_w);
        fill_blends(down, panel->height, view.y0 * sy, view.y1 * sy, grid_h);
        float peak = fill_field(field, panel->width, panel->height, across, down, alpha, grid_h, grid_w);
        for (size_t i = 0; i < width * height; i++)
            cover_pixel(settings, panel->rgb + 3 * i, openness(field[i], peak));
    }
    free(field);
    free(across);
    free(down);
    return ok ? ERR_OK : err_no_memory(e, "while painting an overlay");
}

bool cap_overlay_is_covered(const cap_overlay_options *settings, const cap_overlay_box *box)
{
    return settings->style != CAP_OVERLAY_BOXES || !box || !box->label;
}

err_code cap_overlay_look(const img *photo, cap_view view, int grid_h, int grid_w, const float *alpha,
                          const cap_overlay_box *box, const cap_overlay_options *settings, img *panel,
                          error *e)
{
    img plain;
    bool covered = cap_overlay_is_covered(settings, box);
    err_code rc = img_create(&plain, panel->width, panel->height, e);
    if (rc) return rc;
    img_blit(&plain, 0, 0, panel);
    if (covered) rc = cap_overlay_cover(photo, view, grid_h, grid_w, alpha, settings, panel, e);
    if (!rc && box && box->label) {
        if (settings->style == CAP_OVERLAY_VEIL) cap_overlay_open_box(photo, box, &plain, panel);
        rc = cap_overlay_paint_box(photo, box, 0, panel, e);
    }
    img_release(&plain);
    return rc;
}

err_code cap_overlay_heat(const img *photo, cap_view view, int grid_h, int grid_w, const float *alpha,
                          const cap_overlay_options *options, img *out, error *e)
{
    cap_overlay_options settings;
    *out = (img){0};
    err_code rc = cap_overlay_settings(photo, options, &settings, e);
    if (!rc) rc = cap_overlay_check(photo, view, grid_h, grid_w, e);
    if (!rc) rc = cap_overlay_photo(photo, settings.panel_width, out, e);
    if (!rc) rc = cap_overlay_cover(photo, view, grid_h, grid_w, alpha, &settings, out, e);
    if (rc) img_release(out);
    return rc;
}
