/* JPEG through libjpeg-turbo. The library reports errors by a callback that must not return, hence longjmp:
 * the function that calls setjmp holds nothing but a pointer, everything else lives in the job. */
#include "src/image/format.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

/* A hostile progressive file repeats cheap scans over a huge picture; real encoders write about ten. */
enum { MAX_SCANS = 100 };

typedef struct job {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf stop;
    const img_source *src;
    const img_read_options *options;
    img *out;
    img_info *info;
    error *e;
    err_code rc;
} job;

static void fail(job *j, err_code rc)
{
    j->rc = rc;
    longjmp(j->stop, 1);
}

static void on_error(j_common_ptr common)
{
    job *j = common->client_data;
    char detail[JMSG_LENGTH_MAX];
    if (common->err->msg_code == JERR_OUT_OF_MEMORY)
        fail(j, err_set(j->e, ERR_MEMORY, "cannot read '%s': out of memory", j->src->name));
    common->err->format_message(common, detail);
    fail(j, img_damaged(j->src, "damaged JPEG data", detail, j->e));
}

/* The library would carry on after a warning with grey or garbled blocks. Some warnings concern nothing
 * visible and are common in good photos; every other one is an error here. */
static void on_message(j_common_ptr common, int level)
{
    job *j = common->client_data;
    if (level >= 0) return; /* trace */
    switch (common->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA: /* stray bytes between segments */
    case JWRN_TOO_MUCH_DATA:
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_BOGUS_PROGRESSION:
        return;
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
        fail(j, img_damaged(j->src, "the JPEG data ends too early; the file is truncated", NULL, j->e));
        break;
    default:
        on_error(common);
    }
}

static void on_progress(j_common_ptr common)
{
    job *j = common->client_data;
    if (j->jpeg.input_scan_number > MAX_SCANS)
        fail(j, err_set(j->e, ERR_LIMIT, "cannot read '%s': a progressive JPEG of more than %d scans",
                        j->src->name, MAX_SCANS));
}

static int read_orientation(const struct jpeg_decompress_struct *jpeg)
{
    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m; m = m->next)
        if (m->data_length >= 6 && !memcmp(m->data, "Exif\0", 5))
            return img_exif_orientation(m->data, m->data_length);
    return 1;
}

/* The largest of 1, 2, 4, 8 that leaves both sides at least `least` pixels (the library rounds up). */
static unsigned choose_reduction(unsigned width, unsigned height, int least)
{
    if (least <= 0) return 1;
    unsigned side = width < height ? width : height;
    unsigned factor = 8;
    while (factor > 1 && (side + factor - 1) / factor < (unsigned)least) factor /= 2;
    return factor;
}

/* [pixels][4] CMYK to RGB: light left by the ink of its own colour and by the black. Adobe's programs store
 * the light (255 = no ink), everybody else the ink. */
static void cmyk_to_rgb(const uint8_t *cmyk, uint8_t *rgb, unsigned pixels, bool adobe)
{
    unsigned flip = adobe ? 0 : 255;
    for (; pixels--; cmyk += 4, rgb += 3)
        for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)(((cmyk[c] ^ flip) * (cmyk[3] ^ flip) + 127) / 255);
}

static void read_rows(job *j)
{
    struct jpeg_decompress_struct *jpeg = &j->jpeg;
    bool cmyk = jpeg->out_color_space == JCS_CMYK;
    JSAMPARRAY inks = NULL; /* one row, in the library's own pool */
    if (cmyk) inks = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, 4 * jpeg->output_width, 1);
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *row = j->out->rgb + (size_t)3 * jpeg->output_width * jpeg->output_scanline;
        jpeg_read_scanlines(jpeg, cmyk ? inks : &row, 1);
        if (cmyk) cmyk_to_rgb(inks[0], row, jpeg->output_width, jpeg->saw_Adobe_marker);
    }
}

static void decode(job *j)
{
    struct jpeg_decompress_struct *jpeg = &j->jpeg;
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xFFFF);
    jpeg_mem_src(jpeg, j->src->bytes, j->src->length);
    jpeg_read_header(jpeg, TRUE);
    err_code rc = img_check_size(j->src, j->options, jpeg->image_width, jpeg->image_height, j->e);
    if (rc) fail(j, rc);
    j->info->width = (int)jpeg->image_width;
    j->info->height = (int)jpeg->image_height;
    j->info->orientation = read_orientation(jpeg);
    bool inks = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    jpeg->out_color_space = inks ? JCS_CMYK : JCS_RGB;
    jpeg->scale_num = 1;
    jpeg->scale_denom = choose_reduction(jpeg->image_width, jpeg->image_height, j->options->reduce_to);
    jpeg_start_decompress(jpeg);
    rc = img_create(j->out, (int)jpeg->output_width, (int)jpeg->output_height, j->e);
    if (rc) fail(j, rc);
    read_rows(j);
    jpeg_finish_decompress(jpeg); /* reads on to the end marker: a file without it is truncated */
}

err_code img_jpeg_read(const img_source *src, const img_read_options *options, img *out, img_info *info,
                       error *e)
{
    job j = {.src = src, .options = options, .out = out, .info = info, .e = e};
    j.jpeg.err = jpeg_std_error(&j.errors);
    j.jpeg.client_data = &j;
    j.errors.error_exit = on_error;
    j.errors.emit_message = on_message;
    j.progress.progress_monitor = on_progress;
    if (!setjmp(j.stop)) {
        jpeg_create_decompress(&j.jpeg); /* keeps err and client_data, clears the rest */
        j.jpeg.progress = &j.progress;
        decode(&j);
    }
    jpeg_destroy_decompress(&j.jpeg);
    return j.rc;
}
