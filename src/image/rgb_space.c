/* Colours by primaries and a curve: gAMA with cHRM, and the code points of cICP. */
#include "src/image/colours.h"

#include <math.h>
#include <string.h>

static const double srgb_xy[4][2] = {{0.3127, 0.3290}, {0.64, 0.33}, {0.30, 0.60}, {0.15, 0.06}};

static bool has_srgb_primaries(const double xy[4][2])
{
    for (int i = 0; i < 8; i++)
        if (fabs(xy[i / 2][i % 2] - srgb_xy[i / 2][i % 2]) > 0.003) return false;
    return true;
}

static void set_curve(img_rgb_space *s, double (*light)(double stored, double parameter), double parameter)
{
    for (int i = 0; i < IMG_CURVE; i++) {
        double v = light((double)i / (IMG_CURVE - 1), parameter);
        s->curve[i] = (uint16_t)lrint(65535 * fmin(fmax(v, 0), 1));
    }
}

static double power(double stored, double exponent)
{
    return pow(stored, exponent);
}

bool img_space_of_gamma(const double xy[4][2], double exponent, img_rgb_space *out)
{
    if (!xy) xy = srgb_xy;
    /* Programs write 2.2 when they mean sRGB's curve, and 5 % is what libpng calls no difference, too. */
    if (fabs(exponent / 2.2 - 1) < 0.05 && has_srgb_primaries(xy)) return false;
    if (!(exponent >= 0.2 && exponent <= 20)) return false;
    memcpy(out->xy, xy, sizeof out->xy);
    set_curve(out, power, exponent);
    return true;
}

/* -- Code points of ITU-T H.273 ------------------------------------------------------------------------ */

typedef struct primaries {
    int code;
    double xy[4][2];
} primaries;

/* Table 2 of H.273. */
static const primaries known_primaries[] = {
    {1, {{0.3127, 0.3290}, {0.640, 0.330}, {0.300, 0.600}, {0.150, 0.060}}},  /* BT.709, sRGB */
    {4, {{0.310, 0.316}, {0.67, 0.33}, {0.21, 0.71}, {0.14, 0.08}}},          /* BT.470 M */
    {5, {{0.3127, 0.3290}, {0.64, 0.33}, {0.29, 0.60}, {0.15, 0.06}}},        /* BT.601, 625 lines */
    {6, {{0.3127, 0.3290}, {0.630, 0.340}, {0.310, 0.595}, {0.155, 0.070}}},  /* BT.601, 525 lines */
    {7, {{0.3127, 0.3290}, {0.630, 0.340}, {0.310, 0.595}, {0.155, 0.070}}},  /* SMPTE 240 */
    {9, {{0.3127, 0.3290}, {0.708, 0.292}, {0.170, 0.797}, {0.131, 0.046}}},  /* BT.2020 */
    {11, {{0.314, 0.351}, {0.680, 0.320}, {0.265, 0.690}, {0.150, 0.060}}},   /* DCI-P3 */
    {12, {{0.3127, 0.3290}, {0.680, 0.320}, {0.265, 0.690}, {0.150, 0.060}}}, /* Display P3 */
    {22, {{0.3127, 0.3290}, {0.630, 0.340}, {0.295, 0.605}, {0.155, 0.077}}}, /* EBU 3213 */
};

/* Light beyond the white of a page (203 cd/m2, BT.2408) is bent into what an sRGB screen has, up to 1,000
 * cd/m2, by the curve that Chromium draws HDR pictures with on such screens. */
static double bend(double nits)
{
    double x = nits / 203, peak = 1000.0 / 203;
    return x * (1 + x / (peak * peak)) / (1 + x);
}

static double pq_nits(double v) /* SMPTE ST 2084 */
{
    double p = pow(v, 32 / 2523.0), q = fmax(p - 0.8359375, 0);
    return 10000 * pow(q / (18.8515625 - 18.6875 * p), 16384 / 2610.0);
}

static double
hlg_nits(double v) /* BT.2100, for a screen of 1,000 cd/m2; its exponent 1.2 for each colour alone */
{
    double scene = v <= 0.5 ? v * v / 3 : (exp((v - 0.55991073) / 0.17883277) + 0.28466892) / 12;
    return 1000 * pow(scene, 1.2);
}

/* Table 3 of H.273; negative: not a curve we know. */
static double code_light(double v, int transfer)
{
    switch (transfer) {
    case 1: /* BT.709 and the same in BT.601 and BT.2020 */
    case 6:
    case 14:
    case 15:
        return v < 0.081 ? v / 4.5 : pow((v + 0.099) / 1.099, 1 / 0.45);
    case 4:
        return pow(v, 2.2);
    case 5:
        return pow(v, 2.8);
    case 8:
        return v;
    case 13:
        return img_srgb_light(v);
    case 16:
        return bend(pq_nits(v));
    case 18:
        return bend(hlg_nits(v));
    default:
        return -1;
    }
}

static double full_range(double stored, double transfer)
{
    return code_light(stored, (int)transfer);
}

static double video_range(double stored, double transfer) /* black at 16 and white at 235 of 255 */
{
    return code_light(fmin(fmax((255 * stored - 16) / 219, 0), 1), (int)transfer);
}

bool img_space_of_cicp(const uint8_t cicp[4], img_rgb_space *out)
{
    const primaries *p = NULL;
    for (size_t i = 0; i < sizeof known_primaries / sizeof known_primaries[0]; i++)
        if (known_primaries[i].code == cicp[0]) p = &known_primaries[i];
    bool is_rgb = cicp[2] == 0 && cicp[3] <= 1;
    if (!p || !is_rgb || code_light(0.5, cicp[1]) < 0) return false;
    if (cicp[0] == 1 && cicp[1] == 13 && cicp[3]) return false;
    memcpy(out->xy, p->xy, sizeof out->xy);
    set_curve(out, cicp[3] ? full_range : video_range, cicp[1]);
    return true;
}
