/* What a folder holds besides photos that can be read, so that it is not passed over in silence.
 *
 *     passed_over p = {0};
 *     int kind = passed_over_kind("IMG_1.HEIC");
 *     if (kind >= 0) p.count[kind]++;
 *     passed_over_tell(&p, &line);         "2 passed over: 1 HEIC, 1 pipe; 316 photos lie deeper, see -r" */
#ifndef TOOLS_PASSED_OVER_H
#define TOOLS_PASSED_OVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "src/base/text.h"

enum { PASSED_OVER_KINDS = 18 };

typedef struct passed_over {
    int count[PASSED_OVER_KINDS];
    int deeper;    /* photos in folders of the folders */
    bool at_least; /* not all of them were counted */
} passed_over;

/* Pictures that the program does not read, or not always, by the end of the name; -1: it is none of them. */
int passed_over_kind(const char *name);

/* What has the name of a photo and is no file: a pipe, a socket, a device. -1: it is a file. */
int passed_over_mode(mode_t mode);

/* A raw file that lies beside the camera's own picture. */
int passed_over_raw(void);

/* A link to a folder, which is not followed. */
int passed_over_link(void);

/* Appends the line; nothing when nothing was passed over. */
void passed_over_tell(const passed_over *p, text *out);

#endif
