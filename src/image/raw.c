/* Raw files of cameras: the picture that the camera made for its own display, found by LibRaw. */
#include <string.h>

#include "src/image/format.h"

#define START(bytes) 0, bytes, sizeof(bytes) - 1

/* Formats that say what they are. */
static const struct {
    size_t offset;
    const char *mark;
    size_t length;
} marks[] = {
    {START("II*\0\x10\0\0\0CR")}, /* Canon, until 2018, */
    {4, "ftypcrx ", 8},           /* and since */
    {START("IIU\0")},             /* Panasonic, Leica */
    {START("IIR")},               /* Olympus */
    {START("MMOR")},
    {START("FUJIFILMCCD-RAW")},
    {START("FOVb")}, /* Sigma */
};

/* Most others are TIFF inside; only the name tells. */
static bool has_raw_name(const char *name)
{
    bool read;
    const char *format = img_format_of_name(name, &read);
    return format && !strcmp(format, "raw");
}

static bool is_tiff(const uint8_t *bytes, size_t length)
{
    return length >= 4 && (!memcmp(bytes, "II*\0", 4) || !memcmp(bytes, "MM\0*", 4));
}

bool img_is_raw(const uint8_t *bytes, size_t length, const char *name)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (length >= marks[i].offset + marks[i].length &&
            !memcmp(bytes + marks[i].offset, marks[i].mark, marks[i].length))
            return true;
    return is_tiff(bytes, length) && has_raw_name(name);
}

#if HAVE_RAW

#include <libraw/libraw.h>

#include "src/image/library.h"

#define EACH_CALL(X)                                                                                         \
    X(libraw_init)                                                                                           \
    X(libraw_close)                                                                                          \
    X(libraw_set_dataerror_handler)                                                                          \
    X(libraw_open_buffer)                                                                                    \
    X(libraw_unpack_thumb)                                                                                   \
    X(libraw_strerror)

IMG_LIBRARY(RAW_SONAME, EACH_CALL)

/* How LibRaw says which way is up. */
static int orientation_of(int flip)
{
    return flip == 3 ? 3 : flip == 5 ? 8 : flip == 6 ? 6 : 1;
}

/* A preview of plain pixels. */
static err_code copy_preview(const img_source *src, const libraw_thumbnail_t *t,
                             const img_read_options *options, img *out, error *e)
{
    size_t size = 3 * (size_t)t->twidth * t->theight;
    if (!size || t->tcolors != 3 || t->tlength < size)
        return err_set(e, ERR_UNSUPPORTED, "cannot read '%s': a raw file with a preview of an unknown kind",
                       src->name);
    err_code code = img_check_size(src, options, t->twidth, t->theight, e);
    if (!code) code = img_create(out, t->twidth, t->theight, e);
    if (!code) memcpy(out->rgb, t->thumb, size);
    return code;
}

/* The library copies what there is of a preview, and does not say when that is less than all. Its first bytes it
 * may have mended. */
static bool is_whole(const img_source *src, const libraw_thumbnail_t *t)
{
    enum { MENDED = 16 };
    return t->tlength > MENDED && memmem(src->bytes, src->length, t->thumb + MENDED, t->tlength - MENDED);
}

static err_code read_preview(const img_source *src, const libraw_data_t *raw, const img_read_options *options,
                             img *out, img_info *info, error *e)
{
    const libraw_thumbnail_t *t = &raw->thumbnail;
    const img_source preview = {(const uint8_t *)t->thumb, t->tlength, src->name};
    bool jpeg = t->tformat == LIBRAW_THUMBNAIL_JPEG;
    if (!is_whole(src, t))
        return img_damaged(src, "the preview in the raw data ends too early; the file is truncated", NULL, e);
    err_code code =
        jpeg ? img_jpeg_read(&preview, options, out, info, e) : copy_preview(src, t, options, out, e);
    if (code) return code;
    if (!jpeg) {
        info->width = out->width;
        info->height = out->height;
    }
    if (info->orientation == 1) info->orientation = orientation_of(raw->sizes.flip);
    return ERR_OK;
}

err_code img_raw_read(const img_source *src, const img_read_options *options, img *out, img_info *info,
                      error *e)
{
    if (!have_library()) return img_not_loaded(src, RAW_SONAME, e);
    libraw_data_t *raw = lib.libraw_init(0);
    if (!raw) return err_no_memory(e, "while reading '%s'", src->name);
    lib.libraw_set_dataerror_handler(raw, NULL, NULL); /* it would speak on standard error */
    /* The library takes bytes that are not const, and only reads them. */
    int problem = lib.libraw_open_buffer(raw, (void *)(uintptr_t)src->bytes, src->length);
    err_code code = ERR_OK;
    if (problem) {
        code = img_damaged(src, "damaged or unknown raw data", lib.libraw_strerror(problem), e);
    } else if ((problem = lib.libraw_unpack_thumb(raw))) {
        code = err_set(e, ERR_UNSUPPORTED, "cannot read '%s': a raw file without a preview (%s)", src->name,
                       lib.libraw_strerror(problem));
    }
    if (!code) code = read_preview(src, raw, options, out, info, e);
    lib.libraw_close(raw);
    return code;
}

#else

err_code img_raw_read(const img_source *src, const img_read_options *options, img *out, img_info *info,
                      error *e)
{
    (void)options;
    (void)out;
    (void)info;
    return img_not_built(src, "raw", "LibRaw", e);
}

#endif
