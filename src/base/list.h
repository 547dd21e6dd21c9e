/* List: an array that grows. Its room doubles, so that n items added one by one cost time for n.
 *
 *     int32_t *id = NULL;                          any type, any place
 *     int64_t count = 0, capacity = 0;
 *     if (!LIST_ROOM(id, count, 1, capacity)) return err_no_memory(err, "for numbers");
 *     id[count++] = 7;                             the room behind the first `count` items is undefined
 *     free(id);
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for `more` items behind the first `count` of `array`, whose address may change; `capacity` is an
 * int64_t. A count of 32 bits stays below 2^31. False when memory is out: the array is as it was. */
#define LIST_ROOM(array, count, more, capacity)                                                              \
    list_make_room(&(array), sizeof *(array), count, more, sizeof(count) < 8 ? INT32_MAX : INT64_MAX,        \
                   &(capacity))

/* LIST_ROOM as a function: `array` points to the pointer, items have `size` bytes, `most` is the largest
 * count. */
bool list_make_room(void *array, size_t size, int64_t count, int64_t more, int64_t most, int64_t *capacity);

#endif
