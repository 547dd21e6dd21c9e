/* JPEG through libjpeg-turbo. The library reports errors by a callback that must not return, hence longjmp:
 * the function that calls setjmp holds nothing but a pointer, everything else lives in the job. */
#include "src/image/colours.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
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
    JOCTET *icc;
    img_transform *transform;
    bool decoding; /* the header has been read */
    bool no_end;   /* the data ended without its end marker */
    unsigned seen; /* the components that scans have been for, a bit each */
    error *e;
    err_code rc;
} job;

static void fail_job(job *j, err_code rc)
{
    j->rc = rc;
    longjmp(j->stop, 1);
}

static void fail_truncated(job *j)
{
    fail_job(j, img_damaged(j->src, "the JPEG data ends too early; the file is truncated", NULL, j->e));
}

static void on_error(j_common_ptr common)
{
    job *j = common->client_data;
    char detail[JMSG_LENGTH_MAX];
    if (common->err->msg_code == JERR_OUT_OF_MEMORY)
        fail_job(j, err_no_memory(j->e, "while reading '%s'", j->src->name));
    if (j->no_end) fail_truncated(j);
    common->err->format_message(common, detail);
    fail_job(j, img_damaged(j->src, "damaged JPEG data", detail, j->e));
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
    case JWRN_BOGUS_ICC: /* pieces of a profile are lacking */
        return;
    case JWRN_JPEG_EOF: /* the library goes on as if the end marker stood there */
        j->no_end = true;
        if (!j->decoding || j->jpeg.arith_code) fail_truncated(j); /* that decoder notices no lack of bits */
        break;
    case JWRN_HIT_MARKER:
        fail_truncated(j);
        break;
    default:
        on_error(common);
    }
}

static void on_progress(j_common_ptr common)
{
    job *j = common->client_data;
    const struct jpeg_decompress_struct *jpeg = &j->jpeg;
    if (jpeg->input_scan_number > MAX_SCANS)
        fail_job(j, err_set(j->e, ERR_LIMIT, "cannot read '%s': a progressive JPEG of more than %d scans",
                            j->src->name, MAX_SCANS));
    for (int i = 0; i < jpeg->comps_in_scan; i++) j->seen |= 1U << jpeg->cur_comp_info[i]->component_index;
}

/* Whether all scans of the picture were there: those of every component, and, progressive, of every bit. What
 * lacks within a scan has been an error before. */
static bool is_complete(job *j)
{
    struct jpeg_decompress_struct *jpeg = &j->jpeg;
    bool complete = !jpeg_has_multiple_scans(jpeg) || j->seen == (1U << jpeg->num_components) - 1;
    for (int i = 0; jpeg->coef_bits && i < jpeg->num_components; i++)
        for (int k = 0; k < DCTSIZE2; k++) complete = complete && !jpeg->coef_bits[i][k];
    return complete;
}

static int read_orientation(const struct jpeg_decompress_struct *jpeg)
{
    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m; m = m->next)
        if (m->data_length >= 6 && !memcmp(m->data, "Exif\0", 5))
            return img_exif_orientation(m->data, m->data_length);
    return 1;
}

/* The largest of 1, 2, 4, 8 that leaves both sides at least `least` pixels (the library rounds up). */
static bool stays(unsigned side, unsigned factor, int least)
{
    return least <= 0 || (side + factor - 1) / factor >= (unsigned)least;
}

static unsigned choose_reduction(unsigned width, unsigned height, const img_read_options *o)
{
    unsigned shorter = width < height ? width : height, longer = width < height ? height : width;
    unsigned factor = o->reduce_to > 0 ? 8 : 1;
    while (factor > 1 && !(stays(shorter, factor, o->reduce_to) && stays(longer, factor, o->longer_to)))
        factor /= 2;
    return factor;
}

/* The profile, put together from its segments, if the file has one. */
static void start_transform(job *j)
{
    struct jpeg_decompress_struct *jpeg = &j->jpeg;
    unsigned length;
    if (!jpeg_read_icc_profile(jpeg, &j->icc, &length)) return;
    bool inks = jpeg->out_color_space == JCS_CMYK;
    img_space space = inks ? IMG_CMYK : jpeg->jpeg_color_space == JCS_GRAYSCALE ? IMG_GREY : IMG_RGB;
    size_t pixels = (size_t)jpeg->output_width * jpeg->output_height;
    img_layout layout = {space, inks ? 4 : 3, 8, pixels};
    err_code rc = img_transform_icc(j->src, j->icc, length, layout, &j->transform, j->info, j->e);
    if (rc) fail_job(j, rc);
}

/* [pixels][4] CMYK to RGB, for want of a profile: light left by the ink of its own colour and by the black.
 * What is stored is the light (255 = no ink): Adobe's programs do, and files without their marker are taken
 * alike by browsers, Pillow and ImageMagick. */
static void cmyk_to_rgb(const uint8_t *cmyk, uint8_t *rgb, unsigned pixels)
{
    for (; pixels--; cmyk += 4, rgb += 3)
        for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)((cmyk[c] * cmyk[3] + 127) / 255);
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
        if (j->transform)
            img_transform_run(j->transform, cmyk ? inks[0] : row, row, jpeg->output_width);
        else if (cmyk)
            cmyk_to_rgb(inks[0], row, jpeg->output_width);
    }
}

static void decode_rows(job *j)
{
    struct jpeg_decompress_struct *jpeg = &j->jpeg;
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xFFFF); /* EXIF */
    jpeg_save_markers(jpeg, JPEG_APP0 + 2, 0xFFFF); /* profile */
    jpeg_mem_src(jpeg, j->src->bytes, j->src->length);
    jpeg_read_header(jpeg, TRUE);
    err_code rc = img_check_size(j->src, j->options, jpeg->image_width, jpeg->image_height, j->e);
    if (rc) fail_job(j, rc);
    j->info->width = (int)jpeg->image_width;
    j->info->height = (int)jpeg->image_height;
    j->info->orientation = read_orientation(jpeg);
    bool inks = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    jpeg->out_color_space = inks ? JCS_CMYK : JCS_RGB;
    jpeg->scale_num = 1;
    jpeg->scale_denom = choose_reduction(jpeg->image_width, jpeg->image_height, j->options);
    j->decoding = true;
    jpeg_start_decompress(jpeg);
    rc = img_create(j->out, (int)jpeg->output_width, (int)jpeg->output_height, j->e);
    if (rc) fail_job(j, rc);
    start_transform(j);
    read_rows(j);
    bool complete = is_complete(j);
    jpeg_finish_decompress(jpeg); /* reads on to the end marker */
    if (!j->no_end) return;
    if (!complete) fail_truncated(j);
    j->info->warning = "it ends without an end marker; the photo itself is complete";
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
        decode_rows(&j);
    }
    jpeg_destroy_decompress(&j.jpeg);
    img_transform_free(&j.transform);
    free(j.icc);
    return j.rc;
}
