/* The one fact a captioner needs from EXIF: which way is up. The tag: EXIF 2.32, table 4. */
#include "src/image/format.h"
#include "src/meta/tiff.h"

int img_exif_orientation(const uint8_t *exif, size_t length)
{
    enum { ORIENTATION = 0x0112, TYPE_SHORT = 3 };
    tiff t;
    tiff_entry e;
    uint32_t directory;
    unsigned value;
    if (!exif || !tiff_open(&t, exif, length, &directory)) return 1;
    if (!tiff_find(&t, directory, ORIENTATION, &e) || e.type != TYPE_SHORT) return 1;
    return tiff_u16(&t, e.at + 8, &value) && value >= 1 && value <= 8 ? (int)value : 1;
}
