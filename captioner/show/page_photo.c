/* What a photo becomes on a page: its data, and its pixels. */
#include <math.h>
#include <stdlib.h>

#include "captioner/show/overlay.h"
#include "captioner/show/page_parts.h"
#include "datasets/function_words.h"
#include "src/base/base64.h"
#include "src/image/image.h"
#include "src/io/json_build.h"

enum { QUALITY = 76 }; /* of the JPEG */

/* ---- the data ---- */

static void put_box(io_json_build *b, json_t *o, const char *key, const cap_view *box,
                    const cap_description *d)
{
    const float part[4] = {(float)(box->x0 / d->width), (float)(box->y0 / d->height),
                           (float)(box->x1 / d->width), (float)(box->y1 / d->height)};
    io_json_put_floats(b, o, key, part, 4);
}

static void put_pair(io_json_build *b, const char *key, int first, int second)
{
    json_t *list = io_json_put_array(b, b->root, key);
    io_json_put_int(b, list, NULL, first);
    io_json_put_int(b, list, NULL, second);
}

static void put_word(io_json_build *b, json_t *list, const cap_description *d, const cap_alternative *a,
                     int i)
{
    size_t regions = (size_t)d->grid_h * (size_t)d->grid_w, concepts = (size_t)d->concepts, at = (size_t)i;
    json_t *o = io_json_put_object(b, list, NULL);
    io_json_put_string(b, o, "w", a->word[i]);
    io_json_put_number(b, o, "p", (double)a->probability[i]);
    if (a->trust) io_json_put_number(b, o, "t", (double)a->trust[i]);
    if (ds_is_function_word(a->word[i])) io_json_put_bool(b, o, "small", true);
    cap_page_put_weights(b, o, "look", a->attention ? a->attention + at * regions : NULL, regions);
    cap_page_put_weights(b, o, "named", a->concept_attention ? a->concept_attention + at * concepts : NULL,
                         concepts);
    int object = cap_overlay_object(d, a, i);
    if (object >= 0) io_json_put_int(b, o, "object", object);
}

static void put_said(io_json_build *b, const cap_description *d)
{
    json_t *list = io_json_put_array(b, b->root, "said");
    for (int i = 0; i < d->alternatives; i++) {
        const cap_alternative *a = &d->alternative[i];
        json_t *o = io_json_put_object(b, list, NULL);
        io_json_put_string(b, o, "text", a->sentence);
        io_json_put_number(b, o, "likely", a->log_probability);
        json_t *words = io_json_put_array(b, o, "words");
        for (int w = 0; w < a->words; w++) put_word(b, words, d, a, w);
    }
}

static void put_concepts(io_json_build *b, const cap_description *d)
{
    json_t *list = io_json_put_array(b, b->root, "concepts");
    for (int i = 0; i < d->concepts; i++) {
        const cap_named_concept *c = &d->concept[i];
        json_t *o = io_json_put_object(b, list, NULL);
        io_json_put_string(b, o, "name", c->name);
        io_json_put_number(b, o, "sure", (double)c->confidence);
        if (c->boxed) put_box(b, o, "box", &c->box, d);
    }
}

static err_code put_data(text *t, const char *path, const cap_description *d, const img *shown, error *err)
{
    io_json_build b = io_json_build_object();
    cap_page_put_path(&b, path);
    put_pair(&b, "side", d->width, d->height);
    put_pair(&b, "shown", shown->width, shown->height);
    put_pair(&b, "grid", d->grid_h, d->grid_w);
    put_box(&b, b.root, "view", &d->view, d);
    io_json_put_number(&b, b.root, "confidence", d->confidence);
    if (d->unsure) io_json_put_bool(&b, b.root, "unsure", true);
    if (d->blank) io_json_put_string(&b, b.root, "blank", d->blank);
    if (d->keywords) io_json_put_strings(&b, b.root, "keywords", d->keyword, (size_t)d->keywords);
    if (d->warning) io_json_put_string(&b, b.root, "warning", d->warning);
    put_concepts(&b, d);
    put_said(&b, d);
    return cap_page_put_json(t, io_json_take(&b), err);
}

/* ---- the pixels ---- */

static err_code shrink(const cap_description *d, int side, img *out, error *err)
{
    const img photo = {d->photo.width, d->photo.height, d->photo.rgb};
    if (!photo.rgb) return err_set(err, ERR_ARGUMENT, "a page needs photos, and a description has none");
    double scale = fmin(1, side / (double)(photo.width > photo.height ? photo.width : photo.height));
    int width = (int)fmax(1, lrint(photo.width * scale)), height = (int)fmax(1, lrint(photo.height * scale));
    return img_resize(&photo, img_whole(&photo), width, height, IMG_BILINEAR, out, err);
}

static err_code put_pixels(text *t, const img *shown, error *err)
{
    uint8_t *jpeg = NULL;
    size_t size = 0;
    err_code code = img_encode_jpeg(shown, QUALITY, &jpeg, &size, err);
    if (!code) text_append_base64(t, jpeg, size);
    free(jpeg);
    return !code && t->failed ? err_no_memory(err, "for a page") : code;
}

err_code cap_page_put_photo(text *t, const char *path, const cap_description *d, int side, error *err)
{
    img shown = {0};
    err_code code = shrink(d, side, &shown, err);
    cap_page_begin_item(t);
    if (!code) code = put_data(t, path, d, &shown, err);
    text_append(t, "</script><script type=\"text/plain\">");
    if (!code) code = put_pixels(t, &shown, err);
    text_append(t, "</script>\n");
    img_release(&shown);
    return code;
}
