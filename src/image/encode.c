/* Pictures to PNG and JPEG in memory. Errors of the libraries leave by longjmp; see jpeg.c. */
#include "src/base/list.h"
#include "src/image/image.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

/* -- PNG --------------------------------------------------------------------------------------------- */

typedef struct png_job {
    png_structp png;
    png_infop info;
    const img *im;
    const img_note *notes;
    uint8_t *bytes;
    size_t length;
    int64_t room;
    error *e;
    err_code rc;
} png_job;

static void on_png_error(png_structp png, png_const_charp detail)
{
    png_job *j = png_get_error_ptr(png);
    if (!j->rc) j->rc = err_set(j->e, ERR_IO, "cannot encode a picture as PNG: %s", detail);
    png_longjmp(png, 1);
}

static void on_png_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void on_png_write(png_structp png, png_bytep from, size_t length)
{
    png_job *j = png_get_io_ptr(png);
    if (!LIST_ROOM(j->bytes, j->length, length, j->room)) {
        j->rc = err_no_memory(j->e, "while encoding a picture as PNG");
        png_error(png, "memory");
    }
    memcpy(j->bytes + j->length, from, length);
    j->length += length;
}

static void on_png_flush(png_structp png)
{
    (void)png;
}

static bool is_ascii(const char *s)
{
    while (*s > 0) s++;
    return !*s;
}

/* In tEXt chunks, which more programs show, where ASCII will do, else in iTXt chunks, which are UTF-8. */
static void add_notes(png_job *j)
{
    for (const img_note *n = j->notes; n && n->key; n++) {
        bool plain = is_ascii(n->text);
        png_text t = {.key = (png_charp)(uintptr_t)n->key, .text = (png_charp)(uintptr_t)n->text};
        t.compression = plain ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
        size_t length = strlen(n->text);
        if (plain)
            t.text_length = length;
        else
            t.itxt_length = length;
        png_set_text(j->png, j->info, &t, 1);
    }
}

static void write_png_rows(png_job *j)
{
    enum { QUICK = 4 }; /* zlib level: a third of the time of the default, files a few per cent larger */
    if (setjmp(png_jmpbuf(j->png))) return;
    png_set_write_fn(j->png, j, on_png_write, on_png_flush);
    png_set_compression_level(j->png, QUICK);
    png_set_IHDR(j->png, j->info, (png_uint_32)j->im->width, (png_uint_32)j->im->height, 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    add_notes(j);
    png_write_info(j->png, j->info);
    for (int y = 0; y < j->im->height; y++) png_write_row(j->png, j->im->rgb + (size_t)y * j->im->width * 3);
    png_write_end(j->png, NULL);
}

err_code img_encode_png_noted(const img *im, const img_note *notes, uint8_t **bytes, size_t *length, error *e)
{
    *bytes = NULL;
    *length = 0;
    if (!im->rgb) return err_set(e, ERR_ARGUMENT, "cannot encode an empty picture");
    png_job j = {.im = im, .notes = notes, .e = e};
    j.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &j, on_png_error, on_png_warning);
    j.info = j.png ? png_create_info_struct(j.png) : NULL;
    if (j.info)
        write_png_rows(&j);
    else
        j.rc = err_no_memory(e, "while encoding a picture as PNG");
    png_destroy_write_struct(&j.png, &j.info);
    if (j.rc) {
        free(j.bytes);
        return j.rc;
    }
    *bytes = j.bytes;
    *length = j.length;
    return ERR_OK;
}

err_code img_encode_png(const img *im, uint8_t **bytes, size_t *length, error *e)
{
    return img_encode_png_noted(im, NULL, bytes, length, e);
}

/* -- JPEG -------------------------------------------------------------------------------------------- */

typedef struct jpeg_job {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf stop;
    const img *im;
    int quality;
    unsigned char *bytes; /* as the library wants them: it grows and moves this */
    unsigned long length;
    error *e;
    err_code rc;
} jpeg_job;

static void on_jpeg_error(j_common_ptr common)
{
    jpeg_job *j = common->client_data;
    char detail[JMSG_LENGTH_MAX];
    common->err->format_message(common, detail);
    j->rc = err_set(j->e, ERR_IO, "cannot encode a picture as JPEG: %s", detail);
    longjmp(j->stop, 1);
}

static void on_jpeg_message(j_common_ptr common, int level)
{
    (void)common;
    (void)level;
}

static void write_jpeg_rows(jpeg_job *j)
{
    struct jpeg_compress_struct *jpeg = &j->jpeg;
    if (setjmp(j->stop)) return;
    jpeg_create_compress(jpeg);
    jpeg_mem_dest(jpeg, &j->bytes, &j->length);
    jpeg->image_width = (JDIMENSION)j->im->width;
    jpeg->image_height = (JDIMENSION)j->im->height;
    jpeg->input_components = 3;
    jpeg->in_color_space = JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, j->quality, TRUE);
    jpeg_start_compress(jpeg, TRUE);
    while (jpeg->next_scanline < jpeg->image_height) {
        JSAMPROW row = j->im->rgb + (size_t)jpeg->next_scanline * jpeg->image_width * 3;
        jpeg_write_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_compress(jpeg);
}

err_code img_encode_jpeg(const img *im, int quality, uint8_t **bytes, size_t *length, error *e)
{
    *bytes = NULL;
    *length = 0;
    if (!im->rgb) return err_set(e, ERR_ARGUMENT, "cannot encode an empty picture");
    if (quality < 1 || quality > 100)
        return err_set(e, ERR_ARGUMENT, "JPEG quality %d is not in 1..100", quality);
    jpeg_job j = {.im = im, .quality = quality, .e = e};
    j.jpeg.err = jpeg_std_error(&j.errors);
    j.jpeg.client_data = &j;
    j.errors.error_exit = on_jpeg_error;
    j.errors.emit_message = on_jpeg_message;
    write_jpeg_rows(&j);
    jpeg_destroy_compress(&j.jpeg);
    if (j.rc) {
        free(j.bytes);
        return j.rc;
    }
    *bytes = j.bytes;
    *length = j.length;
    return ERR_OK;
}
