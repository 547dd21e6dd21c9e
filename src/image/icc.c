/* As much of an ICC profile as it takes to know whether there is anything to do: the kind of picture it is
 * for, and whether it says sRGB, as most do. Layout: ICC.1:2010, sections 7.2 (header), 7.3 (table of tags)
 * and 10 (types). Every offset comes from the file, so every read is checked against the profile's length. */
#include "src/image/colours.h"

#include <math.h>
#include <string.h>

enum { HEADER = 128, SPACE_AT = 16, MAGIC_AT = 36 };

typedef struct tag {
    const uint8_t *bytes;
    size_t length;
} tag;

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t read_u16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static double read_s15f16(const uint8_t *p)
{
    return (int32_t)read_u32(p) / 65536.0;
}

/* The tag of that name, at least as long as the head of a type (four letters, four zeros) and `least` bytes.
 */
static bool find_tag(const uint8_t *icc, size_t length, const char *name, size_t least, tag *out)
{
    if (length < HEADER + 4) return false;
    size_t count = read_u32(icc + HEADER), room = (length - HEADER - 4) / 12;
    for (size_t i = 0; i < count && i < room; i++) {
        const uint8_t *entry = icc + HEADER + 4 + 12 * i;
        if (memcmp(entry, name, 4)) continue;
        size_t at = read_u32(entry + 4), bytes = read_u32(entry + 8);
        if (at > length || bytes > length - at || bytes < 8 + least) return false;
        *out = (tag){icc + at, bytes};
        return true;
    }
    return false;
}

bool img_icc_fits(const uint8_t *icc, size_t length, img_space space)
{
    if (length < HEADER + 4 || memcmp(icc + MAGIC_AT, "acsp", 4)) return false;
    const uint8_t *of = icc + SPACE_AT;
    if (space == IMG_CMYK) return !memcmp(of, "CMYK", 4);
    return !memcmp(of, "RGB ", 4) || (space == IMG_GREY && !memcmp(of, "GRAY", 4));
}

double img_srgb_light(double stored)
{
    return stored <= 0.04045 ? stored / 12.92 : pow((stored + 0.055) / 1.055, 2.4);
}

/* -- Curves ------------------------------------------------------------------------------------------- */

/* curveType: no entries (light as stored), one (an exponent), or a table. */
static bool table_light(const tag *t, double x, double *light)
{
    const uint8_t *entry = t->bytes + 12;
    size_t count = read_u32(t->bytes + 8);
    if (count > (t->length - 12) / 2) return false;
    if (count < 2) {
        *light = count ? pow(x, read_u16(entry) / 256.0) : x;
        return true;
    }
    double at = x * (double)(count - 1);
    size_t i = (size_t)at < count - 1 ? (size_t)at : count - 2;
    double below = read_u16(entry + 2 * i), above = read_u16(entry + 2 * i + 2);
    *light = (below + (above - below) * (at - (double)i)) / 65535;
    return true;
}

/* parametricCurveType: an exponent (0), or an exponent above d and a line below (3), as sRGB's is written. */
static bool formula_light(const tag *t, double x, double *light)
{
    unsigned kind = read_u16(t->bytes + 8);
    size_t count = kind ? 5 : 1;
    if ((kind != 0 && kind != 3) || t->length < 12 + 4 * count) return false;
    double p[5] = {0}; /* g a b c d */
    for (size_t i = 0; i < count; i++) p[i] = read_s15f16(t->bytes + 12 + 4 * i);
    *light = !kind ? pow(x, p[0]) : x >= p[4] ? pow(p[1] * x + p[2], p[0]) : p[3] * x;
    return true;
}

static bool is_srgb_curve(const uint8_t *icc, size_t length, const char *name)
{
    const double tolerance = 0.001; /* half a level is 0.0016 of light at a quarter of white, more above */
    tag t;
    if (!find_tag(icc, length, name, 4, &t)) return false;
    bool table = !memcmp(t.bytes, "curv", 4);
    if (!table && memcmp(t.bytes, "para", 4)) return false;
    for (int i = 1; i < 16; i++) {
        double x = i / 16.0, light;
        if (!(table ? table_light : formula_light)(&t, x, &light)) return false;
        if (!(fabs(light - img_srgb_light(x)) < tolerance)) return false;
    }
    return true;
}

/* -- sRGB --------------------------------------------------------------------------------------------- */

static bool is_colour(const uint8_t *icc, size_t length, const char *name, const double expected[3])
{
    const double tolerance = 0.002; /* profiles differ by this much in how they round, and in their D50 */
    tag t;
    if (!find_tag(icc, length, name, 12, &t) || memcmp(t.bytes, "XYZ ", 4)) return false;
    for (int i = 0; i < 3; i++)
        if (fabs(read_s15f16(t.bytes + 8 + 4 * i) - expected[i]) > tolerance) return false;
    return true;
}

bool img_icc_is_srgb(const uint8_t *icc, size_t length)
{
    static const struct {
        const char *colour, *curve;
        double xyz[3]; /* adapted to D50 */
    } srgb[] = {
        {"rXYZ", "rTRC", {0.4361, 0.2225, 0.0139}},
        {"gXYZ", "gTRC", {0.3851, 0.7169, 0.0971}},
        {"bXYZ", "bTRC", {0.1431, 0.0606, 0.7141}},
    };
    tag lut;
    if (find_tag(icc, length, "A2B0", 0, &lut)) return false; /* would count before matrix and curves */
    if (img_icc_fits(icc, length, IMG_GREY) && !img_icc_fits(icc, length, IMG_RGB))
        return is_srgb_curve(icc, length, "kTRC");
    if (!img_icc_fits(icc, length, IMG_RGB)) return false;
    for (int i = 0; i < 3; i++)
        if (!is_colour(icc, length, srgb[i].colour, srgb[i].xyz) ||
            !is_srgb_curve(icc, length, srgb[i].curve))
            return false;
    return true;
}
