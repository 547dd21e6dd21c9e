#include "src/base/list.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 32 };

bool list_make_room(void *array, size_t size, int64_t count, int64_t more, int64_t most, int64_t *capacity)
{
    if (more >= 0 && count <= *capacity - more) return true;
    if (most > INT64_MAX / (int64_t)size) most = INT64_MAX / (int64_t)size;
    if (more < 0 || more > most || count > most - more) return false;
    int64_t larger = *capacity > most / 2 ? most : 2 * *capacity;
    if (larger < count + more) larger = count + more;
    if (larger < FIRST_BYTES / (int64_t)size) larger = FIRST_BYTES / (int64_t)size;
    void *old, *moved;
    memcpy(&old, array, sizeof old); /* whatever the type of the pointer there */
    moved = realloc(old, larger * size);
    if (!moved) return false;
    memcpy(array, &moved, sizeof moved);
    *capacity = larger;
    return true;
}
