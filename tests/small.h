/* Less work for tests that run under slow tools: tools/check --all sets CAPTION_TEST_SMALL for valgrind. A
 * test does the same things fewer times; what only shows after long learning is left to the ordinary run. */
#ifndef TESTS_SMALL_H
#define TESTS_SMALL_H

#include <stdlib.h>

/* `small` where CAPTION_TEST_SMALL is set, else `full`. */
static inline int test_size(int full, int small)
{
    return getenv("CAPTION_TEST_SMALL") ? small : full;
}

#endif
