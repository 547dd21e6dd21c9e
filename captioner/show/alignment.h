/* Alignment maps: which words of the source each word of the target looked at, as a picture, as shades in a
 * terminal and as pairs.
 *
 *     cap_map map = {.targets = n, .sources = m, .target = words, .source = source, .weight = attention};
 *     img sheet;
 *     if (cap_map_paint(&map, &sheet, &err)) ...          img_write_png("map.png", &sheet, &err)
 *     text shades = {0};
 *     cap_map_print(&map, 80, &shades);
 *     text pairs = {0};
 *     cap_map_pairs(&map, &pairs);                        "0-0 1-2 2-1"
 *
 * The source runs across the top, the target down the side, bright is attended. */
#ifndef CAPTIONER_ALIGNMENT_H
#define CAPTIONER_ALIGNMENT_H

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/image/image.h"

enum { CAP_MAP_MOST = 10000 }; /* words on a side at most */

typedef struct cap_map {
    int targets, sources;      /* 1..CAP_MAP_MOST */
    const char *const *target; /* [targets] UTF-8, any script */
    const char *const *source; /* [sources] */
    const float *weight;       /* [targets][sources], >= 0; each row sums to 1 */
    const float *probability;  /* [targets] 0..1, shown beside the rows; NULL: not shown */
    const unsigned char
        *source_is_end; /* [sources] 1: not a word of the source but its end; NULL: all are words */
} cap_map;

/* A sheet with labels, one cell a pair of words, the target words' probabilities, and a scale that says which
 * weight is how bright (the largest of the map is the brightest). Source labels that would make the cells
 * more than twice as wide as high stand upright, reading upwards; labels too long for a fifth of a page are
 * cut with an ellipsis. Errors: ARGUMENT (sizes out of range), LIMIT (a sheet over 250 million pixels),
 * MEMORY. */
err_code cap_map_paint(const cap_map *m, img *out, error *e);

/* Appends lines of at most `columns` terminal columns (0 = as wide as it gets); what does not fit follows in
 * further blocks. A cell is two columns, its shade the weight itself: below 0.05 '.', then U+2591 up to 0.25,
 * U+2592 up to 0.5, U+2593 up to 0.75, U+2588. Source labels of one letter stand above their column, longer
 * ones are spelled downwards. */
void cap_map_print(const cap_map *m, int columns, text *out);

/* Appends "i-j" for each target word j, counted from 0 like i: the source word i it looked at most (the first
 * of equals); none for a target word that looked at the end of the source most. Separated by blanks, in the
 * form that alignment tools read and write (Pharaoh's). */
void cap_map_pairs(const cap_map *m, text *out);

/* The source word that target word `target` looked at most. */
int cap_map_best(const cap_map *m, int target);

#endif
