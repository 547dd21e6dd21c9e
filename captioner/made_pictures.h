/* Pictures that show nothing, made by rule: a model that is sure of what it sees in them is wrong. Calibrating
 * (calibrate.h) sets them beside photos.
 *
 *     uint8_t rgb[3 * 128 * 128];
 *     for (int i = 0; i < CAP_MADE_PICTURES; i++) cap_made_picture(i, 128, rgb);
 */
#ifndef CAPTIONER_MADE_PICTURES_H
#define CAPTIONER_MADE_PICTURES_H

#include <stdint.h>

enum { CAP_MADE_KINDS = 8, CAP_MADE_PICTURES = 8 * CAP_MADE_KINDS };

/* Number 0..CAP_MADE_PICTURES-1: one colour, a gradient, noise, blurred noise, stripes, discs, lines and
 * marks on paper, each eight times with other colours and sizes; rgb[side][side][3].
 * The same number gives the same picture. */
void cap_made_picture(int number, int side, uint8_t *rgb);

#endif
