/* Photos read ahead: decoded and cut to what the nets look at on any thread, while a session is busy with others.
 *
 *     cap_ahead a;
 *     cap_ahead_read(model, &request, "a.jpg", &a);                          in any thread; what failed is in a
 *     if (cap_describe_ahead(session, &request, &a, 1, &d, &reason, &err)) ...    as cap_describe_files does
 *     cap_ahead_release(&a);
 *
 * One takes less than a megabyte, whatever the size of its photo, unless the request keeps photos. */
#ifndef CAPTIONER_AHEAD_H
#define CAPTIONER_AHEAD_H

#include "captioner/photos.h"

/* One that holds a path alone is read when it is described. */
typedef struct cap_ahead {
    const char *path;            /* borrowed */
    cap_description description; /* sizes, warning, view, photo: as far as reading tells */
    error reason;                /* why it could not be read; code 0: it could */
    uint8_t *pixels, *square;    /* see cap_photos */
    cnn_letter *letter;
    arena memory;
} cap_ahead;

void cap_ahead_read(const cap_model *m, const cap_request *request, const char *path, cap_ahead *out);
void cap_ahead_release(cap_ahead *a);

/* list[count] are as files in cap_describe_files; what they hold is taken over, they are to be released all the
 * same. The request is the one that they were read for. */
cap_code cap_describe_ahead(cap_session *s, const cap_request *request, cap_ahead *list, int count,
                            cap_description *out, cap_error *errors, cap_error *err);

#endif
