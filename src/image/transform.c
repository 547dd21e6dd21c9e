/* Colours to sRGB, through lcms2; a build without it leaves the numbers as they are and says so.
 *
 * Intent: perceptual, which is what browsers and lcms take where a profile has tables for it (those of phones
 * and cameras have a matrix, to which all intents are the same), with black point compensation: the darkest
 * ink of a printer is meant to be black on a screen. */
#include "src/image/colours.h"

#include <stdlib.h>
#include <string.h>

static const char not_applied[] =
    "its colour profile is damaged or for another kind of picture, and not applied";

#if HAVE_LCMS2

#include <lcms2.h>
#include <lcms2_plugin.h>

/* Real profiles have up to a few megabytes; what a damaged one asks for is no reason to run out of memory. */
static const size_t max_profile = 16 << 20;
static const size_t max_piece = 64 << 20;

/* Where memory is short the library goes on with null pointers in some places and crashes. So it gets what it
 * needs from one piece that is taken before; the pages that it does not come to cost nothing. */
static const size_t pool_size = 8 << 20;
enum { HEAD = 16 }; /* before each block: its size */

struct img_transform {
    cmsContext context;
    cmsHTRANSFORM run;
    uint8_t *pool;
    size_t size, used;
    bool no_memory; /* beyond the pool an allocation failed: the library may have gone on with less */
};

/* A context takes memory before the library can say whose it is; set while one is created or ended. */
static _Thread_local img_transform *beginning;

/* -- The library's memory ----------------------------------------------------------------------------- */

static img_transform *owner(cmsContext context)
{
    return beginning ? beginning : cmsGetContextUserData(context);
}

static bool in_pool(const img_transform *t, const void *memory)
{
    return (uintptr_t)memory - (uintptr_t)t->pool < t->size;
}

static size_t size_of(const void *memory)
{
    size_t size;
    memcpy(&size, (const uint8_t *)memory - HEAD, sizeof size);
    return size;
}

static void *take_block(cmsContext context, cmsUInt32Number wanted)
{
    img_transform *t = owner(context);
    size_t size = ((size_t)wanted + HEAD - 1) / HEAD * HEAD;
    if (size > max_piece) return NULL;
    bool fits = size + HEAD <= t->size - t->used;
    uint8_t *block = fits ? t->pool + t->used : malloc(size + HEAD);
    if (fits) t->used += size + HEAD;
    if (!block) t->no_memory = true;
    if (!block) return NULL;
    memcpy(block, &size, sizeof size);
    return block + HEAD;
}

/* Of the pool only the last block is given back before the end. */
static void give_back(cmsContext context, void *memory)
{
    if (!memory) return;
    img_transform *t = owner(context);
    uint8_t *block = (uint8_t *)memory - HEAD;
    if (!in_pool(t, memory))
        free(block);
    else if ((uint8_t *)memory + size_of(memory) == t->pool + t->used)
        t->used = block - t->pool;
}

static void *take_again(cmsContext context, void *memory, cmsUInt32Number wanted)
{
    if (memory && size_of(memory) >= wanted) return memory;
    void *more = take_block(context, wanted);
    if (more && memory) memcpy(more, memory, size_of(memory));
    if (more) give_back(context, memory);
    return more;
}

static cmsPluginMemHandler memory_functions(void)
{
    return (cmsPluginMemHandler){
        .base = {.Magic = cmsPluginMagicNumber, .ExpectedVersion = 2000, .Type = cmsPluginMemHandlerSig},
        .MallocPtr = take_block,
        .FreePtr = give_back,
        .ReallocPtr = take_again};
}

/* -- Making transforms -------------------------------------------------------------------------------- */

static err_code no_memory(const img_source *src, error *e)
{
    return err_no_memory(e, "while reading '%s'", src->name);
}

static img_transform *begin_transform(size_t length)
{
    img_transform *t = calloc(1, sizeof *t);
    cmsPluginMemHandler memory = memory_functions();
    if (!t) return NULL;
    t->size = pool_size + 4 * length;
    t->pool = malloc(t->size);
    if (t->pool) {
        beginning = t;
        t->context = cmsCreateContext(&memory, t);
        beginning = NULL;
    }
    if (t->context) return t;
    free(t->pool);
    free(t);
    return NULL;
}

void img_transform_free(img_transform **tp)
{
    img_transform *t = tp ? *tp : NULL;
    if (!t) return;
    beginning = t; /* a context that ends does not know its owner any more */
    if (t->run) cmsDeleteTransform(t->run);
    cmsDeleteContext(t->context);
    beginning = NULL;
    free(t->pool);
    free(t);
    *tp = NULL;
}

/* The samples that do not count are skipped: two that repeat the grey one, alpha. */
static cmsUInt32Number input_format(cmsHPROFILE profile, img_layout layout)
{
    cmsUInt32Number bytes = (cmsUInt32Number)layout.bits / 8, samples = (cmsUInt32Number)layout.samples;
    if (layout.space == IMG_CMYK) return TYPE_CMYK_8_REV;
    if (cmsGetColorSpace(profile) == cmsSigGrayData)
        return COLORSPACE_SH(PT_GRAY) | CHANNELS_SH(1) | EXTRA_SH(samples - 1) | BYTES_SH(bytes);
    return COLORSPACE_SH(PT_RGB) | CHANNELS_SH(3) | EXTRA_SH(samples - 3) | BYTES_SH(bytes);
}

static cmsUInt32Number output_format(img_layout layout)
{
    if (layout.space == IMG_CMYK) return TYPE_RGB_8;
    return COLORSPACE_SH(PT_RGB) | CHANNELS_SH(3) | EXTRA_SH((cmsUInt32Number)layout.samples - 3) |
           BYTES_SH((cmsUInt32Number)layout.bits / 8);
}

/* For profiles with tables the library first works out a table of its own, 33 x 33 x 33 or 17 x 17 x 17 x 17
 * mixtures (20 ms), unless there are fewer pixels than that. */
static cmsUInt32Number choose_flags(cmsHPROFILE profile, img_layout layout)
{
    const size_t few = 33 * 33 * 33;
    bool direct = layout.pixels < few && !cmsIsMatrixShaper(profile);
    return cmsFLAGS_BLACKPOINTCOMPENSATION | (direct ? cmsFLAGS_NOOPTIMIZE : 0);
}

/* Finishes *t with the profile of the picture, which it closes; gives t up when that is not possible. */
static err_code finish_transform(const img_source *src, cmsHPROFILE profile, img_layout layout,
                                 img_transform **t, img_info *info, error *e)
{
    cmsHPROFILE srgb = profile ? cmsCreate_sRGBProfileTHR((*t)->context) : NULL;
    if (srgb)
        (*t)->run =
            cmsCreateTransformTHR((*t)->context, profile, input_format(profile, layout), srgb,
                                  output_format(layout), INTENT_PERCEPTUAL, choose_flags(profile, layout));
    if (profile) cmsCloseProfile(profile);
    if (srgb) cmsCloseProfile(srgb);
    bool short_of_memory = (*t)->no_memory;
    if ((*t)->run && !short_of_memory) return ERR_OK;
    img_transform_free(t);
    if (short_of_memory) return no_memory(src, e);
    info->warning = not_applied;
    return ERR_OK;
}

err_code img_transform_icc(const img_source *src, const uint8_t *icc, size_t length, img_layout layout,
                           img_transform **out, img_info *info, error *e)
{
    *out = NULL;
    if (!img_icc_fits(icc, length, layout.space) || length > max_profile) {
        info->warning = not_applied;
        return ERR_OK;
    }
    if (img_icc_is_srgb(icc, length)) return ERR_OK;
    if (!(*out = begin_transform(length))) return no_memory(src, e);
    cmsHPROFILE profile = cmsOpenProfileFromMemTHR((*out)->context, icc, (cmsUInt32Number)length);
    return finish_transform(src, profile, layout, out, info, e);
}

static cmsHPROFILE space_profile(cmsContext context, const img_rgb_space *s)
{
    cmsCIExyY white = {s->xy[0][0], s->xy[0][1], 1};
    cmsCIExyYTRIPLE primaries = {
        {s->xy[1][0], s->xy[1][1], 1}, {s->xy[2][0], s->xy[2][1], 1}, {s->xy[3][0], s->xy[3][1], 1}};
    cmsToneCurve *curve = cmsBuildTabulatedToneCurve16(context, IMG_CURVE, s->curve);
    cmsToneCurve *curves[3] = {curve, curve, curve};
    cmsHPROFILE profile = curve ? cmsCreateRGBProfileTHR(context, &white, &primaries, curves) : NULL;
    if (curve) cmsFreeToneCurve(curve);
    return profile;
}

err_code img_transform_space(const img_source *src, const img_rgb_space *space, img_layout layout,
                             img_transform **out, img_info *info, error *e)
{
    if (!(*out = begin_transform(0))) return no_memory(src, e);
    return finish_transform(src, space_profile((*out)->context, space), layout, out, info, e);
}

void img_transform_run(const img_transform *t, const void *from, void *to, size_t pixels)
{
    if (t) cmsDoTransform(t->run, from, to, (cmsUInt32Number)pixels);
}

#else

static const char without[] = "its colours are shown as if they were sRGB: this build is without lcms2";

err_code img_transform_icc(const img_source *src, const uint8_t *icc, size_t length, img_layout layout,
                           img_transform **out, img_info *info, error *e)
{
    (void)src;
    (void)e;
    *out = NULL;
    if (!img_icc_fits(icc, length, layout.space))
        info->warning = not_applied;
    else if (!img_icc_is_srgb(icc, length))
        info->warning = without;
    return ERR_OK;
}

err_code img_transform_space(const img_source *src, const img_rgb_space *space, img_layout layout,
                             img_transform **out, img_info *info, error *e)
{
    (void)src;
    (void)space;
    (void)layout;
    (void)e;
    *out = NULL;
    info->warning = without;
    return ERR_OK;
}

void img_transform_run(const img_transform *t, const void *from, void *to, size_t pixels)
{
    (void)t;
    (void)from;
    (void)to;
    (void)pixels;
}

void img_transform_free(img_transform **t)
{
    (void)t;
}

#endif

err_code img_apply_profile(const img_source *src, const uint8_t *icc, size_t length, uint8_t *pixels,
                           int width, int height, int samples, img_info *info, error *e)
{
    size_t row = (size_t)width * (size_t)samples;
    const img_layout layout = {IMG_RGB, samples, 8, (size_t)width * (size_t)height};
    img_transform *t = NULL;
    err_code code = img_transform_icc(src, icc, length, layout, &t, info, e);
    for (int y = 0; t && y < height; y++, pixels += row) img_transform_run(t, pixels, pixels, (size_t)width);
    img_transform_free(&t);
    return code;
}
