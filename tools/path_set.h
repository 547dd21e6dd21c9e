/* A set of file names (or of other keys), each kept as 128 bits of its hash: 16 to 64 bytes a name.
 *
 *     path_set s = {0};
 *     if (!path_set_add(&s, key, length)) ...out of memory...
 *     if (path_set_has(&s, key, length)) ...
 *     path_set_release(&s); */
#ifndef TOOLS_PATH_SET_H
#define TOOLS_PATH_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/hash.h"

typedef struct path_set {
    hash128 *slot; /* [slots], a power of two or 0, at most half of them in use; zeros are free */
    size_t slots, count;
} path_set;

bool path_set_add(path_set *s, const char *key, size_t length); /* false: out of memory */
bool path_set_has(const path_set *s, const char *key, size_t length);
void path_set_release(path_set *s);

#endif
