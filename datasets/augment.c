#include "datasets/augment.h"

#include <math.h>
#include <string.h>

enum { CROP_ATTEMPTS = 10 };

ds_augment ds_augment_defaults(void)
{
    return (ds_augment){.mirror = true, .area_min = 0.6, .area_max = 1, .aspect = 4.0 / 3, .jitter = 0.3};
}

err_code ds_augment_check(const ds_augment *a, error *err)
{
    if (!(a->area_min > 0 && a->area_min <= a->area_max && a->area_max <= 1))
        return err_set(err, ERR_ARGUMENT, "the crop area %g..%g is not inside 0..1", a->area_min,
                       a->area_max);
    if (!(a->aspect >= 1 && a->aspect <= 100))
        return err_set(err, ERR_ARGUMENT, "the crop aspect %g is not in 1..100", a->aspect);
    if (!(a->jitter >= 0 && a->jitter <= 1))
        return err_set(err, ERR_ARGUMENT, "the colour jitter %g is not in 0..1", a->jitter);
    return ERR_OK;
}

ds_view ds_view_plain(const img *photo, ds_fit fit)
{
    ds_view v = {.box = img_whole(photo), .brightness = 1, .contrast = 1, .saturation = 1};
    if (fit == DS_CENTRE_CROP) {
        int side = photo->width < photo->height ? photo->width : photo->height;
        v.box.x0 = (photo->width - side) / 2;
        v.box.y0 = (photo->height - side) / 2;
        v.box.x1 = v.box.x0 + side;
        v.box.y1 = v.box.y0 + side;
    }
    return v;
}

static double between(rng *r, double low, double high)
{
    return low + (high - low) * rng_uniform(r);
}

/* A random part of the photo: area uniform, aspect uniform in its logarithm. Aspects are measured on the
 * square when the photo is stretched, else on the photo. A part that does not fit is drawn again; after some
 * attempts the plain view stays. */
static void draw_crop(const img *photo, ds_fit fit, const ds_augment *a, rng *r, img_box *box)
{
    double width = fit == DS_STRETCH ? 1 : photo->width, height = fit == DS_STRETCH ? 1 : photo->height;
    double x_scale = photo->width / width, y_scale = photo->height / height;
    for (int i = 0; i < CROP_ATTEMPTS; i++) {
        double area = width * height * between(r, a->area_min, a->area_max);
        double ratio = exp(between(r, -log(a->aspect), log(a->aspect)));
        double w = sqrt(area * ratio), h = sqrt(area / ratio);
        double x = rng_uniform(r), y = rng_uniform(r);
        if (w > width || h > height) continue;
        box->x0 = x * (width - w) * x_scale;
        box->y0 = y * (height - h) * y_scale;
        box->x1 = fmin(box->x0 + w * x_scale, photo->width);
        box->y1 = fmin(box->y0 + h * y_scale, photo->height);
        return;
    }
}

ds_view ds_view_draw(const img *photo, ds_fit fit, const ds_augment *a, bool may_mirror, rng *r)
{
    ds_view v = ds_view_plain(photo, fit);
    double coin = rng_uniform(r); /* drawn always, so that what is allowed does not shift the other draws */
    v.mirror = a->mirror && may_mirror && coin < 0.5;
    v.brightness = (float)between(r, 1 - a->jitter, 1 + a->jitter);
    v.contrast = (float)between(r, 1 - a->jitter, 1 + a->jitter);
    v.saturation = (float)between(r, 1 - a->jitter, 1 + a->jitter);
    if (a->area_min < 1) draw_crop(photo, fit, a, r, &v.box);
    return v;
}

static void mirror(uint8_t *pixels, int size)
{
    for (int y = 0; y < size; y++) {
        uint8_t *left = pixels + (size_t)y * size * 3, *right = left + (size_t)(size - 1) * 3, keep[3];
        for (; left < right; left += 3, right -= 3) {
            memcpy(keep, left, 3);
            memcpy(left, right, 3);
            memcpy(right, keep, 3);
        }
    }
}

/* Luma of ITU-R BT.601. */
static float grey_of(const float rgb[3])
{
    return 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
}

static uint8_t to_byte(float x)
{
    return x <= 0 ? 0 : x >= 255 ? 255 : (uint8_t)(x + 0.5f);
}

/* Brightness scales; contrast blends with the mean grey; saturation blends with the pixel's own grey. */
static void change_light(uint8_t *pixels, size_t count, const ds_view *v)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += 0.299 * pixels[3 * i] + 0.587 * pixels[3 * i + 1] + 0.114 * pixels[3 * i + 2];
    float mean = v->brightness * (float)(sum / (double)count), scale = v->brightness * v->contrast;
    float shift = (1 - v->contrast) * mean;
    for (uint8_t *p = pixels; p < pixels + 3 * count; p += 3) {
        float rgb[3];
        for (int c = 0; c < 3; c++) rgb[c] = scale * (float)p[c] + shift;
        float grey = (1 - v->saturation) * grey_of(rgb);
        for (int c = 0; c < 3; c++) p[c] = to_byte(v->saturation * rgb[c] + grey);
    }
}

err_code ds_view_apply(const img *photo, const ds_view *v, int size, uint8_t *out, error *err)
{
    img resized = {0};
    err_code code = img_resize(photo, v->box, size, size, IMG_BILINEAR, &resized, err);
    if (code) return code;
    size_t pixels = (size_t)size * size;
    memcpy(out, resized.rgb, pixels * 3);
    img_release(&resized);
    if (v->mirror) mirror(out, size);
    if (v->brightness != 1 || v->contrast != 1 || v->saturation != 1) change_light(out, pixels, v);
    return ERR_OK;
}
