/* Finding the ranges with which a captioner's networks run in 8 bits, on photos.
 *
 *     cap_ranges found;
 *     if (cap_ranges_find(session, sets, count, &found, &err)) ...      the model is open in f32
 *
 * A range reaches as far as its channel does in any of the photos, of each set at most 256 from all over it:
 * what is beyond is cut, which costs more than the precision that rare numbers take. */
#ifndef CAPTIONER_RANGES_FIND_H
#define CAPTIONER_RANGES_FIND_H

#include "captioner/calibrate.h"
#include "captioner/net/ranges.h"

/* *out is the caller's to release; without networks it is empty. Errors: MISSING (photos), ARGUMENT (no photo
 * can be read), MEMORY; then it is empty. */
err_code cap_ranges_find(cap_session *s, const cap_calibration_set *set, int sets, cap_ranges *out,
                         error *err);

#endif
