/* Pictures that follow each other in a stream, JPEG or PNG, as cameras and films give them: where one ends and the
 * next begins. What lies between them, the headers of an HTTP stream for one, is skipped; so is a picture whose
 * structure is damaged.
 *
 *     frames f = {.fd = STDIN_FILENO, .name = "standard input"};
 *     while (!frames_next(&f, &bytes, &size, &err) && bytes) ... free(bytes);
 *     frames_release(&f);
 *
 *     ffmpeg -f v4l2 -i /dev/video0 -c:v mjpeg -f mjpeg - | ...
 *     curl http://camera/stream | ... */
#ifndef TOOLS_FRAMES_H
#define TOOLS_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"

enum { FRAMES_LARGEST = 64 << 20 }; /* bytes of a picture; a larger one is skipped */

typedef struct frames {
    int fd;
    const char *name; /* for messages */

    uint8_t *data; /* [length] of [capacity]: from the beginning of a picture on, once one was found */
    size_t length;
    int64_t capacity;
    size_t at; /* how far the picture was looked through; 0: none has begun */
    bool png, in_scan, ended;
} frames;

/* *bytes is malloc-owned, and NULL at the end of the stream. Waits for the rest of a picture as long as it takes;
 * one that the end of the stream cuts short is handed out as it is. IO, MEMORY. */
err_code frames_next(frames *f, uint8_t **bytes, size_t *size, error *err);
void frames_release(frames *f);

#endif
