#include "cnn/preprocess.h"

#include <string.h>

enum { GREY = 114 };

void cnn_preprocess_default(cnn_preprocess *pre)
{
    *pre = (cnn_preprocess){
        .size = 224, .fit = CNN_STRETCH, .mean = {0.485F, 0.456F, 0.406F}, .std = {0.229F, 0.224F, 0.225F}};
}

void cnn_view(const cnn_preprocess *pre, int width, int height, double box[4])
{
    int side = width < height ? width : height;
    double across = pre->fit == CNN_CROP ? side : width, down = pre->fit == CNN_CROP ? side : height;
    box[0] = (width - across) / 2;
    box[1] = (height - down) / 2;
    box[2] = box[0] + across;
    box[3] = box[1] + down;
}

err_code cnn_preprocess_photo(const cnn_preprocess *pre, const img *photo, uint8_t *rgb, error *err)
{
    if (pre->size < 1 || pre->size > CNN_MAX_SIDE)
        return err_set(err, ERR_ARGUMENT, "input size %d of the net is outside 1..%d", pre->size,
                       (int)CNN_MAX_SIDE);
    double box[4];
    cnn_view(pre, photo->width, photo->height, box);
    img square = {0};
    err_code code = img_resize(photo, (img_box){box[0], box[1], box[2], box[3]}, pre->size, pre->size,
                               IMG_BILINEAR, &square, err);
    if (!code) memcpy(rgb, square.rgb, (size_t)pre->size * pre->size * 3);
    img_release(&square);
    return code;
}

static int scaled(int side, double scale, int size)
{
    int n = (int)(side * scale);
    return n < 1 ? 1 : n < size ? n : size;
}

err_code cnn_letterbox(const img *photo, int size, uint8_t *rgb, cnn_letter *letter, error *err)
{
    if (size < 1 || size > CNN_MAX_SIDE)
        return err_set(err, ERR_ARGUMENT, "input size %d of the net is outside 1..%d", size,
                       (int)CNN_MAX_SIDE);
    int longer = photo->width > photo->height ? photo->width : photo->height;
    double scale = longer > 0 ? (double)size / longer : 1;
    img small = {0};
    err_code code = img_resize(photo, img_whole(photo), scaled(photo->width, scale, size),
                               scaled(photo->height, scale, size), IMG_BILINEAR, &small, err);
    if (code) return code;
    size_t line = (size_t)size * 3, own = (size_t)small.width * 3;
    memset(rgb, GREY, size * line);
    for (size_t y = 0; y < (size_t)small.height; y++) memcpy(rgb + y * line, small.rgb + y * own, own);
    img_release(&small);
    *letter = (cnn_letter){size, photo->width, photo->height, scale};
    return ERR_OK;
}

void cnn_normalise(const cnn_preprocess *pre, const uint8_t *rgb, size_t pixels, real *out)
{
    real table[256][3]; /* a byte has few values: divide once for each */
    for (int v = 0; v < 256; v++)
        for (int c = 0; c < 3; c++)
            table[v][c] = (real)((v / 255.0 - (double)pre->mean[c]) / (double)pre->std[c]);
    for (size_t i = 0; i < pixels; i++, rgb += 3, out += 3)
        for (int c = 0; c < 3; c++) out[c] = table[rgb[c]][c];
}
