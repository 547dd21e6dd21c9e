/* PNG through libpng. As in jpeg.c, the library's errors leave by longjmp, so all state lives in the job. */
#include "src/image/colours.h"

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
    const uint8_t *cicp; /* [4] of the file; NULL: it has none */
    bool exif;           /* it has an eXIf chunk */
    bool no_memory;      /* an allocation of the library failed: it may have gone on without a chunk */
    img_transform *transform;
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
 * an eXIf chunk of a file of 100 bytes). Every chunk must be there in full; on the way finds the orientation,
 * and what the library knows nothing of. */
static err_code check_chunks(job *j)
{
    enum { SIGNATURE = 8, FRAME = 12 };
    const img_source *src = j->src;
    bool pixels = false;
    for (size_t at = SIGNATURE; src->length - at >= FRAME;) {
        const uint8_t *chunk = src->bytes + at;
        size_t length = read_u32(chunk);
        if (length > src->length - at - FRAME) break;
        if (!memcmp(chunk + 4, "IEND", 4)) return ERR_OK;
        if (!memcmp(chunk + 4, "IDAT", 4)) pixels = true;
        if (!memcmp(chunk + 4, "cICP", 4) && length == 4 && !pixels) j->cicp = chunk + 8;
        if (!memcmp(chunk + 4, "eXIf", 4)) {
            j->exif = true;
            j->info->orientation = img_exif_orientation(chunk + 8, length);
        }
        at += FRAME + length;
    }
    return img_damaged(src, "the PNG data ends too early; the file is truncated", NULL, j->e);
}

/* -- EXIF in texts, as programs wrote it before there was a chunk for it ------------------------------- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "\nexif\n      36\n4578...": a name, the number of bytes, then these in hexadecimal, in lines. Returns how
 * many were written to bytes[room]. */
static size_t decode_profile(const char *text, size_t length, uint8_t *bytes, size_t room)
{
    const char *end = text + length;
    for (int line = 0; line < 3; line++) { /* an empty one, the name, the number */
        const char *feed = memchr(text, '\n', (end - text));
        if (!feed) return 0;
        text = feed + 1;
    }
    size_t n = 0;
    int high = -1;
    for (; text < end && n < room; text++) {
        int digit = hex_digit(*text);
        if (digit < 0) continue;
        if (high >= 0) bytes[n++] = (uint8_t)(high << 4 | digit);
        high = high < 0 ? digit : -1;
    }
    return n;
}

static void find_orientation(job *j)
{
    enum { ENOUGH = 4096 }; /* the orientation stands in the first directory */
    uint8_t exif[ENOUGH];
    png_textp text;
    int texts = 0;
    if (j->exif) return;
    png_get_text(j->png, j->png_info, &text, &texts);
    for (int i = 0; i < texts && j->info->orientation == 1; i++) {
        if (strcmp(text[i].key, "Raw profile type exif") && strcmp(text[i].key, "Raw profile type APP1"))
            continue;
        size_t length = decode_profile(text[i].text, text[i].text_length, exif, ENOUGH);
        j->info->orientation = img_exif_orientation(exif, length);
    }
}

/* -- Colours ------------------------------------------------------------------------------------------ */

/* The exponent counts only where nothing better is there; without primaries they are sRGB's. */
static bool find_gamma(job *j, img_rgb_space *space)
{
    double exponent, xy[4][2];
    if (!png_get_gAMA(j->png, j->png_info, &exponent) || !(exponent > 0)) return false;
    bool known = png_get_cHRM(j->png, j->png_info, &xy[0][0], &xy[0][1], &xy[1][0], &xy[1][1], &xy[2][0],
                              &xy[2][1], &xy[3][0], &xy[3][1]);
    return img_space_of_gamma(known ? xy : NULL, 1 / exponent, space);
}

/* The first of these that the file has, as the third edition of PNG ranks them (table 8): cICP, iCCP, sRGB,
 * gAMA with cHRM. */
static void start_transform(job *j, img_layout layout)
{
    png_charp name;
    png_bytep icc;
    png_uint_32 length;
    int method;
    img_rgb_space space;
    if (j->cicp) {
        if (img_space_of_cicp(j->cicp, &space))
            j->rc = img_transform_space(j->src, &space, layout, &j->transform, j->info, j->e);
    } else if (png_get_iCCP(j->png, j->png_info, &name, &method, &icc, &length)) {
        j->rc = img_transform_icc(j->src, icc, length, layout, &j->transform, j->info, j->e);
    } else if (!png_get_valid(j->png, j->png_info, PNG_INFO_sRGB) && find_gamma(j, &space)) {
        j->rc = img_transform_space(j->src, &space, layout, &j->transform, j->info, j->e);
    }
    if (j->rc) png_error(j->png, "memory");
}

/* In place. Samples of 16 bits are kept until here when there is something to do: in a picture of linear
 * light 8 bits would leave three shades of the dark. They are rounded as the library does. */
static void finish_colours(job *j, size_t width, size_t height, img_layout layout)
{
    if (!j->transform) return;
    size_t samples = width * layout.samples;
    for (size_t y = 0; y < height; y++) {
        img_transform_run(j->transform, j->rows[y], j->rows[y], width);
        if (layout.bits == 8) continue;
        uint8_t *to = j->out->rgb + y * samples;
        for (size_t i = 0; i < samples; i++) {
            uint16_t deep;
            memcpy(&deep, j->rows[y] + 2 * i, 2);
            to[i] = (uint8_t)((deep * 255U + 32895) >> 16);
        }
    }
}

/* -- Decoding ---------------------------------------------------------------------------------------- */

static void out_of_memory(job *j)
{
    j->rc = err_no_memory(j->e, "while reading '%s'", j->src->name);
}

static png_voidp on_allocate(png_structp png, png_alloc_size_t size)
{
    job *j = png_get_mem_ptr(png);
    void *memory = malloc(size);
    if (!memory) j->no_memory = true;
    return memory;
}

static void on_free(png_structp png, png_voidp memory)
{
    (void)png;
    free(memory);
}

static void on_error(png_structp png, png_const_charp detail)
{
    job *j = png_get_error_ptr(png);
    if (!j->rc && j->no_memory) out_of_memory(j);
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

/* Asks the library for RGB, or RGBA where anything is transparent, of 8 bits unless 16 are transformed. */
static img_layout choose_transforms(job *j, size_t pixels)
{
    png_structp png = j->png;
    int colour = png_get_color_type(png, j->png_info);
    bool grey = !(colour & PNG_COLOR_MASK_COLOR), deep = png_get_bit_depth(png, j->png_info) == 16;
    bool alpha = (colour & PNG_COLOR_MASK_ALPHA) || png_get_valid(png, j->png_info, PNG_INFO_tRNS);
    img_layout layout = {grey ? IMG_GREY : IMG_RGB, alpha ? 4 : 3, deep ? 16 : 8, pixels};
    start_transform(j, layout);
    png_set_expand(png); /* palettes to RGB, 1, 2, 4 bits to 8, tRNS to alpha */
    if (deep && j->transform && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) png_set_swap(png);
    if (!j->transform) {
        png_set_scale_16(png);
        layout.bits = 8;
    }
    if (grey) png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, j->png_info);
    return layout;
}

/* Memory for the pixels (4 samples each while there is alpha) and for the row pointers an interlaced file
 * needs. */
static void take_memory(job *j, size_t width, size_t height, size_t bytes_per_pixel)
{
    if (png_get_rowbytes(j->png, j->png_info) != width * bytes_per_pixel)
        png_error(j->png, "unexpected row size");
    j->out->rgb = malloc(width * height * bytes_per_pixel);
    j->rows = malloc(height * sizeof *j->rows);
    if (!j->out->rgb || !j->rows) {
        out_of_memory(j);
        png_error(j->png, "memory");
    }
    for (size_t y = 0; y < height; y++) j->rows[y] = j->out->rgb + y * width * bytes_per_pixel;
    j->out->width = (int)width;
    j->out->height = (int)height;
}

/* Gives back what was only there for alpha and for 16 bits. */
static void shrink(img *im, img_layout layout)
{
    size_t pixels = (size_t)im->width * im->height;
    if (layout.samples == 4) img_over_white(im->rgb, pixels);
    uint8_t *packed = realloc(im->rgb, pixels * 3);
    if (packed) im->rgb = packed;
}

static void decode_rows(job *j)
{
    png_set_read_fn(j->png, j, on_read);
    png_read_info(j->png, j->png_info);
    png_uint_32 width = png_get_image_width(j->png, j->png_info);
    png_uint_32 height = png_get_image_height(j->png, j->png_info);
    j->rc = img_check_size(j->src, j->options, width, height, j->e);
    if (j->rc) png_error(j->png, "size");
    j->info->width = (int)width;
    j->info->height = (int)height;
    img_layout layout = choose_transforms(j, (size_t)width * height);
    size_t each = layout.samples * layout.bits / 8;
    take_memory(j, width, height, each);
    png_read_image(j->png, j->rows);
    png_read_end(j->png, j->png_info);
    find_orientation(j);
    if (j->no_memory) png_error(j->png, "memory");
    finish_colours(j, width, height, layout);
    if (each != 3) shrink(j->out, layout);
}

static void guarded_decode(job *j)
{
    if (!setjmp(png_jmpbuf(j->png))) decode_rows(j);
}

err_code img_png_read(const img_source *src, const img_read_options *options, img *out, img_info *info,
                      error *e)
{
    job j = {.src = src, .options = options, .out = out, .info = info, .e = e};
    err_code rc = check_chunks(&j);
    if (rc) return rc;
    j.png =
        png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &j, on_error, on_warning, &j, on_allocate, on_free);
    j.png_info = j.png ? png_create_info_struct(j.png) : NULL;
    if (j.png_info)
        guarded_decode(&j);
    else
        j.rc = err_no_memory(e, "while reading '%s'", src->name);
    png_destroy_read_struct(&j.png, &j.png_info, NULL);
    img_transform_free(&j.transform);
    free(j.rows);
    return j.rc;
}
