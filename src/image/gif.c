/* GIF through giflib: the first picture of what may be many. */
#include "src/image/format.h"

#if HAVE_GIF

#include <gif_lib.h>
#include <stdlib.h>

#include "src/image/library.h"

#define EACH_CALL(X)                                                                                         \
    X(DGifOpen)                                                                                              \
    X(DGifCloseFile)                                                                                         \
    X(DGifGetRecordType)                                                                                     \
    X(DGifGetImageDesc)                                                                                      \
    X(DGifGetLine)                                                                                           \
    X(DGifGetExtension)                                                                                      \
    X(DGifGetExtensionNext)                                                                                  \
    X(DGifExtensionToGCB)                                                                                    \
    X(GifErrorString)

IMG_LIBRARY(GIF_SONAME, EACH_CALL)

/* What the library reads from. */
typedef struct input {
    const img_source *src;
    size_t at;
} input;

static int read_input(GifFileType *gif, GifByteType *to, int wanted)
{
    input *in = gif->UserData;
    size_t left = in->src->length - in->at, n = (size_t)wanted < left ? (size_t)wanted : left;
    memcpy(to, in->src->bytes + in->at, n);
    in->at += n;
    return (int)n;
}

static err_code damaged(const img_source *src, const GifFileType *gif, error *e)
{
    return img_damaged(src, "damaged GIF data", gif->Error ? lib.GifErrorString(gif->Error) : NULL, e);
}

/* Extensions before the picture; one of them may name a colour that is not painted. */
static bool read_extension(GifFileType *gif, int *transparent)
{
    int code;
    GifByteType *block;
    GraphicsControlBlock control;
    if (lib.DGifGetExtension(gif, &code, &block) != GIF_OK) return false;
    if (block && code == GRAPHICS_EXT_FUNC_CODE &&
        lib.DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
        *transparent = control.TransparentColor;
    while (block)
        if (lib.DGifGetExtensionNext(gif, &block) != GIF_OK) return false;
    return true;
}

static err_code find_picture(GifFileType *gif, const img_source *src, int *transparent, error *e)
{
    for (;;) {
        GifRecordType type;
        if (lib.DGifGetRecordType(gif, &type) != GIF_OK) return damaged(src, gif, e);
        if (type == IMAGE_DESC_RECORD_TYPE)
            return lib.DGifGetImageDesc(gif) == GIF_OK ? ERR_OK : damaged(src, gif, e);
        if (type == TERMINATE_RECORD_TYPE) return img_damaged(src, "a GIF without a picture", NULL, e);
        if (type == EXTENSION_RECORD_TYPE && !read_extension(gif, transparent)) return damaged(src, gif, e);
    }
}

/* One line of the picture to its place; what lies outside of the canvas is cut off. */
static void paint_line(const GifFileType *gif, const ColorMapObject *map, const GifPixelType *line, int y,
                       int transparent, img *out)
{
    int top = gif->Image.Top + y;
    if (top >= out->height) return;
    for (int x = 0; x < gif->Image.Width && gif->Image.Left + x < out->width; x++) {
        uint8_t *to = out->rgb + ((size_t)top * (size_t)out->width + (size_t)(gif->Image.Left + x)) * 3;
        if (line[x] == transparent || line[x] >= map->ColorCount) continue;
        GifColorType c = map->Colors[line[x]];
        const uint8_t rgb[3] = {c.Red, c.Green, c.Blue};
        memcpy(to, rgb, 3);
    }
}

/* The i-th line in the file is line y of the picture. */
static int line_of(const GifFileType *gif, int i)
{
    static const int first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    if (!gif->Image.Interlace) return i;
    for (int pass = 0; pass < 4; pass++) {
        int lines = (gif->Image.Height - first[pass] + step[pass] - 1) / step[pass];
        if (lines < 0) lines = 0;
        if (i < lines) return first[pass] + i * step[pass];
        i -= lines;
    }
    return 0;
}

static err_code read_lines(GifFileType *gif, const img_source *src, int transparent, img *out, error *e)
{
    const ColorMapObject *map = gif->Image.ColorMap ? gif->Image.ColorMap : gif->SColorMap;
    if (!map) return img_damaged(src, "a GIF without colours", NULL, e);
    GifPixelType *line = malloc((size_t)gif->Image.Width + 1);
    err_code code = line ? ERR_OK : err_no_memory(e, "while reading '%s'", src->name);
    for (int i = 0; i < gif->Image.Height && !code; i++) {
        if (lib.DGifGetLine(gif, line, gif->Image.Width) != GIF_OK)
            code = damaged(src, gif, e);
        else
            paint_line(gif, map, line, line_of(gif, i), transparent, out);
    }
    free(line);
    return code;
}

static err_code read_picture(GifFileType *gif, const img_source *src, const img_read_options *options,
                             img *out, img_info *info, error *e)
{
    int transparent = NO_TRANSPARENT_COLOR;
    err_code code = find_picture(gif, src, &transparent, e);
    if (code) return code;
    int width = gif->SWidth ? gif->SWidth : gif->Image.Width,
        height = gif->SHeight ? gif->SHeight : gif->Image.Height;
    if (width < 1 || height < 1) return img_damaged(src, "a GIF of impossible size", NULL, e);
    code = img_check_size(src, options, (uint64_t)width, (uint64_t)height, e);
    if (!code) code = img_create(out, width, height, e);
    if (code) return code;
    memset(out->rgb, 255, (size_t)width * (size_t)height * 3);
    info->width = width;
    info->height = height;
    return read_lines(gif, src, transparent, out, e);
}

err_code img_gif_read(const img_source *src, const img_read_options *options, img *out, img_info *info,
                      error *e)
{
    if (!have_library()) return img_not_loaded(src, GIF_SONAME, e);
    input in = {.src = src};
    int problem = 0;
    GifFileType *gif = lib.DGifOpen(&in, read_input, &problem);
    if (!gif) return img_damaged(src, "damaged GIF data", lib.GifErrorString(problem), e);
    err_code code = read_picture(gif, src, options, out, info, e);
    lib.DGifCloseFile(gif, NULL);
    return code;
}

#else

err_code img_gif_read(const img_source *src, const img_read_options *options, img *out, img_info *info,
                      error *e)
{
    (void)options;
    (void)out;
    (void)info;
    return img_not_built(src, "GIF", "giflib", e);
}

#endif
