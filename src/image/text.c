/* Text on pictures: laid out into a mask of coverage by pango or the built-in font, then blended. */
#include "src/image/text.h"

#include <stdlib.h>
#include <string.h>

#if HAVE_PANGO

#include <dlfcn.h>
#include <pango/pangocairo.h>
#include <pthread.h>

/* Pango brings some thirty libraries along, whose loading takes longer than looking at a small photo: they
 * are loaded by the first text, not with the program. */
#define EACH_CALL(X)                                                                                         \
    X(cairo_create)                                                                                          \
    X(cairo_destroy)                                                                                         \
    X(cairo_image_surface_create)                                                                            \
    X(cairo_image_surface_get_data)                                                                          \
    X(cairo_image_surface_get_stride)                                                                        \
    X(cairo_set_source_rgba)                                                                                 \
    X(cairo_status)                                                                                          \
    X(cairo_surface_destroy)                                                                                 \
    X(cairo_surface_flush)                                                                                   \
    X(g_free)                                                                                                \
    X(g_object_unref)                                                                                        \
    X(g_utf8_make_valid)                                                                                     \
    X(pango_cairo_create_layout)                                                                             \
    X(pango_cairo_show_layout)                                                                               \
    X(pango_cairo_update_layout)                                                                             \
    X(pango_font_description_free)                                                                           \
    X(pango_font_description_from_string)                                                                    \
    X(pango_font_description_set_absolute_size)                                                              \
    X(pango_font_description_set_weight)                                                                     \
    X(pango_layout_get_pixel_size)                                                                           \
    X(pango_layout_set_alignment)                                                                            \
    X(pango_layout_set_font_description)                                                                     \
    X(pango_layout_set_text)                                                                                 \
    X(pango_layout_set_width)                                                                                \
    X(pango_layout_set_wrap)

static struct {
    bool loaded;
#define X(name) __typeof__(name) *name;
    EACH_CALL(X)
#undef X
} lib;

static void load_pango(void)
{
    void *handle = dlopen("libpangocairo-1.0.so.0", RTLD_LAZY | RTLD_LOCAL), *call;
    if (!handle) return;
#define X(name)                                                                                              \
    if (!(call = dlsym(handle, #name))) return;                                                              \
    memcpy(&lib.name, &call, sizeof call);
    EACH_CALL(X)
#undef X
    lib.loaded = true;
}

static PangoLayout *make_layout(const char *text, int wrap, const img_text_style *style, cairo_t *cairo)
{
    PangoLayout *layout = lib.pango_cairo_create_layout(cairo);
    PangoFontDescription *font = lib.pango_font_description_from_string("sans");
    char *valid = lib.g_utf8_make_valid(text, -1); /* pango would complain on stderr */
    lib.pango_font_description_set_absolute_size(font, style->size * PANGO_SCALE);
    lib.pango_font_description_set_weight(font, style->bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    lib.pango_layout_set_font_description(layout, font);
    lib.pango_layout_set_text(layout, valid, -1);
    lib.pango_layout_set_alignment(layout,
                                   style->align == IMG_CENTRE ? PANGO_ALIGN_CENTER : PANGO_ALIGN_LEFT);
    if (wrap > 0) {
        lib.pango_layout_set_width(layout, wrap * PANGO_SCALE);
        lib.pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    }
    lib.g_free(valid);
    lib.pango_font_description_free(font);
    return layout;
}

static bool copy_cover(cairo_surface_t *surface, img_mask *mask)
{
    size_t width = mask->width, height = mask->height;
    size_t stride = lib.cairo_image_surface_get_stride(surface);
    lib.cairo_surface_flush(surface);
    const uint8_t *from = lib.cairo_image_surface_get_data(surface);
    mask->cover = from ? malloc(width * height) : NULL;
    if (!mask->cover) return false;
    for (size_t y = 0; y < height; y++) memcpy(mask->cover + y * width, from + y * stride, width);
    return true;
}

static bool paint_layout(PangoLayout *layout, img_mask *mask)
{
    cairo_surface_t *surface = lib.cairo_image_surface_create(CAIRO_FORMAT_A8, mask->width, mask->height);
    cairo_t *cairo = lib.cairo_create(surface);
    lib.pango_cairo_update_layout(cairo, layout);
    lib.cairo_set_source_rgba(cairo, 0, 0, 0, 1);
    lib.pango_cairo_show_layout(cairo, layout);
    bool ok = lib.cairo_status(cairo) == CAIRO_STATUS_SUCCESS && copy_cover(surface, mask);
    lib.cairo_destroy(cairo);
    lib.cairo_surface_destroy(surface);
    return ok;
}

static err_code pango_text_layout(const char *text, int wrap, const img_text_style *style, bool paint,
                                  img_mask *mask, error *e)
{
    cairo_surface_t *surface = lib.cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1);
    cairo_t *cairo = lib.cairo_create(surface);
    PangoLayout *layout = make_layout(text, wrap, style, cairo);
    int width, height;
    lib.pango_layout_get_pixel_size(layout, &width, &height);
    *mask = (img_mask){.width = paint && wrap ? wrap : width, .height = height};
    bool ok = !paint || !mask->width || !mask->height || paint_layout(layout, mask);
    lib.g_object_unref(layout);
    lib.cairo_destroy(cairo);
    lib.cairo_surface_destroy(surface);
    return ok ? ERR_OK : err_no_memory(e, "while painting a text");
}

/* The built-in font steps in where the libraries of the build are not there at run time. */
static err_code layout_text(const char *text, int wrap, const img_text_style *style, bool paint,
                            img_mask *mask, error *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_pango);
    return (lib.loaded ? pango_text_layout : img_font_layout)(text, wrap, style, paint, mask, e);
}

#else

static img_layout *const layout_text = img_font_layout;

#endif

static err_code check_style(int width, const img_text_style *style, error *e)
{
    if (style->size < 4 || style->size > 400)
        return err_set(e, ERR_ARGUMENT, "a text size of %d pixels is not in 4..400", style->size);
    if (width < 0 || width > 30000)
        return err_set(e, ERR_ARGUMENT, "a text column of %d pixels is not in 1..30000", width);
    return ERR_OK;
}

static uint8_t mix(uint8_t below, uint8_t above, unsigned cover)
{
    return (uint8_t)((below * (255 - cover) + above * cover + 127) / 255);
}

static void blend(img *dst, int64_t x, int64_t y, const img_mask *mask, img_colour colour)
{
    for (int row = 0; row < mask->height; row++) {
        if (y + row < 0 || y + row >= dst->height) continue;
        const uint8_t *cover = mask->cover + (size_t)row * mask->width;
        uint8_t *line = dst->rgb + (size_t)(y + row) * dst->width * 3;
        for (int i = 0; i < mask->width; i++) {
            if (!cover[i] || x + i < 0 || x + i >= dst->width) continue;
            uint8_t *p = line + 3 * (size_t)(x + i);
            p[0] = mix(p[0], colour.r, cover[i]);
            p[1] = mix(p[1], colour.g, cover[i]);
            p[2] = mix(p[2], colour.b, cover[i]);
        }
    }
}

err_code img_text(img *dst, int x, int y, int width, const char *text, const img_text_style *style, error *e)
{
    img_mask mask = {0};
    err_code rc = check_style(width, style, e);
    if (!rc && width < 1) rc = err_set(e, ERR_ARGUMENT, "a text column needs at least 1 pixel");
    if (!rc) rc = layout_text(text, width, style, true, &mask, e);
    if (!rc && mask.cover) blend(dst, x, y, &mask, style->colour);
    free(mask.cover);
    return rc;
}

err_code img_text_size(const char *text, int wrap, const img_text_style *style, int *width, int *height,
                       error *e)
{
    img_mask mask = {0};
    err_code rc = check_style(wrap, style, e);
    if (!rc) rc = layout_text(text, wrap, style, false, &mask, e);
    *width = mask.width;
    *height = mask.height;
    return rc;
}
