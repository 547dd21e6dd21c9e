/* Pictures that this program made, and know it: a mark among the notes of the PNG says so. What carries none
 * is somebody else's, and never replaced where the program chose the name.
 *
 *     Software     caption 0.1.0
 *     Role         overlay 4ac80c2b7e5a1f06       what it is, and of which file: marked_key of the photo
 *     Title        holiday/a.jpg                  the photo as it was named
 *     Description  a dog runs                     the sentence
 */
#ifndef TOOLS_MARKED_H
#define TOOLS_MARKED_H

#include "src/image/image.h"

enum { MARKED_ROLE = 64, MARKED_KEY = 17 };

typedef struct marked_mark {
    const char *role;                /* one word: "overlay"; MARKED_KEY more letters may follow */
    const char *title, *description; /* any bytes */
} marked_mark;

/* To a file, whole or not at all, or for the path "-" to standard output. */
err_code marked_write(const char *path, const img *picture, const marked_mark *mark, error *err);

/* Is the file there, a picture of ours? Its role then. Only regular files are opened. */
bool marked_read(const char *path, char role[MARKED_ROLE]);

/* ERR_OK when `path` may be written where the program chose that name: nothing is there, or a picture of ours
 * whose role begins with `word`; with `force`, any regular file. ARGUMENT otherwise; the sentence names
 * --force where that helps. */
err_code marked_may_replace(const char *path, const char *word, bool force, error *err);

/* 16 hexadecimal digits that tell files apart by where they lie. */
void marked_key(const char *path, char key[MARKED_KEY]);

#endif
