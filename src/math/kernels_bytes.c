/* Maps of bytes in plain C: the twins of what CPUs have instructions for, and the order of weights. */
#include <math.h>
#include <string.h>

#include "src/base/bounds.h"
#include "src/math/kernels_tables.h"

enum { PANEL = 16, QUAD = 4 };

/* ---- the order of depthwise weights ---- */

static size_t in_order(int kernel, int channel, int row, int column)
{
    int groups = ceil_div(kernel, QUAD);
    size_t vector = (size_t)(channel / PANEL * kernel + column) * groups + row / QUAD;
    return (vector * PANEL + channel % PANEL) * QUAD + row % QUAD;
}

size_t byte_depthwise_numbers(int kernel, int channels)
{
    return (size_t)round_up(channels, PANEL) * kernel * ceil_div(kernel, QUAD) * QUAD;
}

void byte_depthwise_order(int kernel, int channels, const int8_t *w, int8_t *to)
{
    memset(to, 0, byte_depthwise_numbers(kernel, channels));
    for (int row = 0; row < kernel; row++)
        for (int column = 0; column < kernel; column++)
            for (int c = 0; c < channels; c++) to[in_order(kernel, c, row, column)] = *w++;
}

#if !REAL_IS_DOUBLE
/* ---- what follows sums ---- */

static uint8_t to_byte(float v, int least, int most)
{
    if (!(v > (float)least)) return (uint8_t)least; /* what is no number, too */
    return v < (float)most ? (uint8_t)lrintf(v) : (uint8_t)most;
}

static float finished(const kernels_byte_finish *f, int j, int32_t sum, size_t place)
{
    float v = fmaf((float)sum, f->factor[j], f->shift[j]);
    return f->plus ? fmaf((float)f->plus[place], f->plus_factor[j], v) : v;
}

static uint8_t finished_byte(const kernels_byte_finish *f, int j, int32_t sum, size_t place)
{
    float v = finished(f, j, sum, place);
    if (f->silu) v = fmaf(v / (1 + expf(-v)), f->silu[j], f->zero);
    return to_byte(v, f->least, f->most);
}

/* ---- kernels ---- */

static int32_t dot(int k, const uint8_t *x, const int8_t *panel, int column)
{
    int32_t sum = 0;
    for (int l = 0; l < k; l++) sum += x[l] * panel[(size_t)(l / QUAD * PANEL + column) * QUAD + l % QUAD];
    return sum;
}

static void product(const kernels_byte_product *p)
{
    size_t panel = (size_t)round_up(p->k, QUAD) * PANEL;
    for (int r = 0; r < p->rows; r++) {
        for (int j = 0; j < p->n; j++) {
            size_t place = r * p->ldy + j;
            int32_t sum =
                p->finish.start[j] + dot(p->k, p->x + r * p->ldx, p->w + j / PANEL * panel, j % PANEL);
            if (p->reals) {
                float v = finished(&p->finish, j, sum, place);
                p->reals[place] = v < p->low ? p->low : v > p->high ? p->high : v;
            } else {
                p->y[place] = finished_byte(&p->finish, j, sum, place);
            }
        }
    }
}

static int32_t window(const kernels_byte_depthwise *d, const uint8_t *const *x, int pixel, int channel)
{
    int32_t sum = d->finish.start[channel];
    for (int row = 0; row < d->kernel; row++)
        for (int column = 0; column < d->kernel; column++) {
            int at = pixel * d->step - d->left + column;
            int byte = at < 0 || at >= d->width ? d->beside : x[row][(size_t)at * d->channels + channel];
            sum += byte * d->weights[in_order(d->kernel, channel, row, column)];
        }
    return sum;
}

static void depthwise(const kernels_byte_depthwise *d, const uint8_t *const *x, uint8_t *y)
{
    for (int p = 0; p < d->count; p++, y += d->channels)
        for (int c = 0; c < d->channels; c++) y[c] = finished_byte(&d->finish, c, window(d, x, p, c), 0);
}

static void narrow(const float *x, size_t n, float factor, float shift, uint8_t *y)
{
    for (size_t i = 0; i < n; i++) y[i] = to_byte(fmaf(x[i], factor, shift), 0, UINT8_MAX);
}

static void mix(const kernels_byte_mix *m, const uint8_t *a, const uint8_t *b, size_t pixels, uint8_t *y)
{
    for (; pixels > 0; pixels--)
        for (int j = 0; j < m->channels; j++) {
            float v = fmaf((float)*a++, m->of_a[j], m->shift[j]);
            *y++ = to_byte(fmaf((float)*b++, m->of_b[j], v), 0, UINT8_MAX);
        }
}

void kernels_fill_bytes(kernels *k)
{
    k->int8.product = product;
    k->int8.depthwise = depthwise;
    k->int8.narrow = narrow;
    k->int8.mix = mix;
}
#else
void kernels_fill_bytes(kernels *k)
{
    (void)k;
}
#endif
