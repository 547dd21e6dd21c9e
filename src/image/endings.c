/* What the end of a name says of a picture, for lists of folders; reading goes by content. */
#include <string.h>
#include <strings.h>

#include "src/image/image.h"

static const struct {
    const char *format;
    const char *endings; /* in small letters, each between blanks */
    bool read;
} kinds[] = {
    {"JPEG", " jpg jpeg jpe jfif ", true},
    {"PNG", " png ", true},
    {"WebP", " webp ", true}, /* or said to be lacking, file by file */
    {"BMP", " bmp dib ", true},
    {"GIF", " gif ", HAVE_GIF},
    {"TIFF", " tif tiff ", HAVE_TIFF},
    {"HEIC", " heic heif hif ", HAVE_HEIF},
    {"AVIF", " avif avifs ", HAVE_HEIF},
    {"raw",
     " dng cr2 cr3 crw nef nrw arw sr2 srf raf orf rw2 rwl pef srw x3f 3fr fff iiq erf mrw kdc dcr mef mos "
     "raw ",
     HAVE_RAW},
};

const char *img_format_of_name(const char *name, bool *read)
{
    const char *slash = strrchr(name, '/'), *from = slash ? slash + 1 : name, *dot = strrchr(from, '.');
    *read = false;
    if (!dot || dot == from || *from == '.') return NULL;
    size_t size = strlen(++dot);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && size; i++)
        for (const char *at = kinds[i].endings; (at = strchr(at, ' ')) && at[1]; at++)
            if (!strncasecmp(at + 1, dot, size) && at[size + 1] == ' ') {
                *read = kinds[i].read;
                return kinds[i].format;
            }
    return NULL;
}
