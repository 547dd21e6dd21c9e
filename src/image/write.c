/* Encoded pictures to files, whole or not at all. */
#include "src/image/image.h"

#include <stdlib.h>

#include "src/io/file.h"

err_code img_write_png(const char *path, const img *im, error *e)
{
    uint8_t *bytes;
    size_t length;
    err_code rc = img_encode_png(im, &bytes, &length, e);
    if (!rc) rc = io_write_file(path, bytes, length, e);
    free(bytes);
    return rc;
}

err_code img_write_jpeg(const char *path, const img *im, int quality, error *e)
{
    uint8_t *bytes;
    size_t length;
    err_code rc = img_encode_jpeg(im, quality, &bytes, &length, e);
    if (!rc) rc = io_write_file(path, bytes, length, e);
    free(bytes);
    return rc;
}
