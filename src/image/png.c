/* PNG through libpng. As in jpeg.c, the library's errors leave by longjmp, so all state lives in the job. */
#include "src/image/format.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

typedef struct job {
    png_structp png;
    png_infop png_info;
    const img_source *src;
    size_t at; /* bytes read so far */
    const img_read_options *options;
    img *out;
    img_info *info;
    uint8_t **rows;
    error *e;
    err_code rc;
} job;

/* -- Chunks: length, four letters, that many bytes, a checksum ---------------------------------------- */

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Walks the chunks before the library does: it would take as much memory as a chunk claims to need (2 GiB for
 * an eXIf chunk of a file of 100 bytes). Every chunk must be there in full; on the way finds the orientation.
 */
static err_code check_chunks(const img_source *src, img_info *info, error *e)
{
    enum { SIGNATURE = 8, FRAME = 12 };
    for (size_t at = SIGNATURE; src->length - at >= FRAME;) {
        const uint8_t *chunk = src->bytes + at;
        size_t length = read_u32(chunk);
        if (length > src->length - at - FRAME) break;
        if (!memcmp(chunk + 4, "eXIf", 4)) info->orientation = img_exif_orientation(chunk + 8, length);
        if (!memcmp(chunk + 4, "IEND", 4)) return ERR_OK;
        at += FRAME + length;
    }
    return img_damaged(src, "the PNG data ends too early; the file is truncated", NULL, e);
}

/* -- Decoding ---------------------------------------------------------------------------------------- */

static void on_error(png_structp png, png_const_charp detail)
{
    job *j = png_get_error_ptr(png);
    if (!j->rc) j->rc = img_damaged(j->src, "damaged PNG data", detail, j->e);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png; /* warnings concern optional chunks that are not used here */
    (void)text;
}

static void on_read(png_structp png, png_bytep to, size_t length)
{
    job *j = png_get_io_ptr(png);
    if (length > j->src->length - j->at) {
        j->rc = img_damaged(j->src, "the PNG data ends too early; the file is truncated", NULL, j->e);
        png_error(png, "truncated");
    }
    memcpy(to, j->src->bytes + j->at, length);
    j->at += length;
}

/* Asks the library for 8-bit RGB, or RGBA where anything is transparent; whether it is. */
static bool choose_transforms(job *j)
{
    png_structp png = j->png;
    int colour = png_get_color_type(png, j->png_info);
    bool alpha = (colour & PNG_COLOR_MASK_ALPHA) || png_get_valid(png, j->png_info, PNG_INFO_tRNS);
    png_set_expand(png); /* palettes to RGB, 1, 2, 4 bits to 8, tRNS to alpha */
    png_set_scale_16(png);
    if (!(colour & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, j->png_info);
    return alpha;
}

/* Memory for the pixels (4 bytes each while there is alpha) and for the row pointers an interlaced file
 * needs. */
static void take_memory(job *j, size_t width, size_t height, size_t bytes_per_pixel)
{
    if (png_get_rowbytes(j->png, j->png_info) != width * bytes_per_pixel)
        png_error(j->png, "unexpected row size");
    j->out->rgb = malloc(width * height * bytes_per_pixel);
    j->rows = malloc(height * sizeof *j->rows);
    if (!j->out->rgb || !j->rows) {
        j->rc = err_set(j->e, ERR_MEMORY, "cannot read '%s': out of memory", j->src->name);
        png_error(j->png, "memory");
    }
    for (size_t y = 0; y < height; y++) j->rows[y] = j->out->rgb + y * width * bytes_per_pixel;
    j->out->width = (int)width;
    j->out->height = (int)height;
}

static void drop_alpha(img *im)
{
    size_t pixels = (size_t)im->width * (size_t)im->height;
    img_over_white(im->rgb, pixels);
    uint8_t *packed = realloc(im->rgb, pixels * 3);
    if (packed) im->rgb = packed;
}

static void decode(job *j)
{
    png_set_read_fn(j->png, j, on_read);
    png_read_info(j->png, j->png_info);
    png_uint_32 width = png_get_image_width(j->png, j->png_info);
    png_uint_32 height = png_get_image_height(j->png, j->png_info);
    j->rc = img_check_size(j->src, j->options, width, height, j->e);
    if (j->rc) png_error(j->png, "size");
    j->info->width = (int)width;
    j->info->height = (int)height;
    bool alpha = choose_transforms(j);
    take_memory(j, width, height, alpha ? 4 : 3);
    png_read_image(j->png, j->rows);
    png_read_end(j->png, j->png_info);
    if (alpha) drop_alpha(j->out);
}

static void guarded_decode(job *j)
{
    if (!setjmp(png_jmpbuf(j->png))) decode(j);
}

err_code img_png_read(const img_source *src, const img_read_options *options, img *out, img_info *info,
                      error *e)
{
    err_code rc = check_chunks(src, info, e);
    if (rc) return rc;
    job j = {.src = src, .options = options, .out = out, .info = info, .e = e};
    j.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &j, on_error, on_warning);
    j.png_info = j.png ? png_create_info_struct(j.png) : NULL;
    if (j.png_info)
        guarded_decode(&j);
    else
        j.rc = err_set(e, ERR_MEMORY, "cannot read '%s': out of memory", src->name);
    png_destroy_read_struct(&j.png, &j.png_info, NULL);
    free(j.rows);
    return j.rc;
}
