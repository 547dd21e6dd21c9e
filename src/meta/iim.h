/* IPTC-IIM in Photoshop's image resources, as APP13 segments of JPEG files have them. Layout: IPTC-NAA
 * "Information Interchange Model" 4.2, chapters 1 and 3; Adobe "Photoshop File Formats Specification", image
 * resources. A resource is "8BIM", number, name, length, bytes; number 0x0404 is IIM, 0x0425 its checksum. A data
 * set of IIM is 0x1C, record, number, length, bytes.
 *
 *     iim_words words = {0};
 *     if (!iim_read(resources, n, &memory, &words)) ... damaged ...
 *     words.caption = "A dog runs.";
 *     if (!iim_write(resources, n, &words, &out)) ...
 */
#ifndef META_IIM_H
#define META_IIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/arena.h"
#include "src/base/text.h"

enum { IIM_CAPTION = 2000, IIM_KEYWORD = 64 }; /* bytes at most, by the standard: longer ones are cut */

typedef struct iim_words {
    const char *caption;  /* UTF-8; NULL: none, and none is written */
    const char **keyword; /* [keywords] */
    int keywords;         /* -1 for writing: they stay as they are */
} iim_words;

/* What n bytes of resources (0: there are none) say. Text is UTF-8 where IIM says so (1:90), or by its looks, else
 * taken for Latin-1. Strings live in `memory`. False: damaged, or out of memory (`memory` failed). */
bool iim_read(const uint8_t *resources, size_t n, arena *memory, iim_words *out);

/* Appends the resources with these words in them. Everything else stays. False: damaged. The checksum is brought up
 * to date where it was right or absent. */
bool iim_write(const uint8_t *resources, size_t n, const iim_words *words, text *out);

#endif
