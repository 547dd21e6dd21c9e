/* The arena: memory in order, given back in any of its ways, refused where it must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/arena.h"
#include "src/base/rng.h"

enum { ALIGN = 64, PIECES = 400 };

static bool aligned(const void *p)
{
    return (uintptr_t)p % ALIGN == 0;
}

/* Pieces of every size, up to beyond a block, do not share a byte. */
static void pieces_stay_apart(void **state)
{
    (void)state;
    arena a = {0};
    rng r = {.seed = 5};
    unsigned char *piece[PIECES];
    size_t size[PIECES];
    for (int i = 0; i < PIECES; i++) {
        size[i] = rng_below(&r, i % 40 ? 3000 : 3000000);
        piece[i] = arena_alloc(&a, size[i]);
        assert_non_null(piece[i]);
        assert_true(aligned(piece[i]));
        memset(piece[i], i & 255, size[i]);
    }
    for (int i = 0; i < PIECES; i++)
        for (size_t j = 0; j < size[i]; j++) assert_int_equal(piece[i][j], i & 255);
    arena_release(&a);
    assert_null(a.blocks);
}

static void rewound(void **state)
{
    (void)state;
    arena a = {0};
    char *kept = arena_strdup(&a, "kept");
    assert_null(arena_strdup(&a, NULL));
    arena_mark mark = arena_save(&a);
    size_t used = a.used;
    char *first = arena_alloc(&a, 100);
    assert_non_null(arena_alloc(&a, 5 << 20));
    assert_true(a.used > used + (5 << 20));
    arena_rewind(&a, mark);
    assert_int_equal(a.used, used);
    assert_ptr_equal(arena_alloc(&a, 100), first);
    assert_string_equal(kept, "kept");
    arena_release(&a);
}

/* After a reset a round of the same size takes no new block. */
static void reset_joins(void **state)
{
    (void)state;
    arena a = {0};
    for (int i = 0; i < 10; i++) assert_non_null(arena_alloc(&a, 100000));
    arena_reset(&a);
    assert_int_equal(a.used, 0);
    arena_block *only = a.blocks;
    for (int i = 0; i < 10; i++) assert_non_null(arena_alloc(&a, 100000));
    assert_ptr_equal(a.blocks, only);
    assert_true(a.peak >= 1000000);
    arena_release(&a);
}

static void refused(void **state)
{
    (void)state;
    arena a = {.limit = 1000};
    assert_null(arena_alloc(&a, SIZE_MAX - 10));
    assert_null(arena_array(&a, SIZE_MAX / 2, 16));
    assert_non_null(arena_alloc(&a, 900));
    assert_null(arena_alloc(&a, 200));
    arena_release(&a);
    arena_reset(&a);
    a.fail_in = 2;
    assert_non_null(arena_alloc(&a, 10));
    assert_null(arena_alloc(&a, 10));
    assert_non_null(arena_alloc(&a, 10));
    arena_release(&a);
}

static void zeroed(void **state)
{
    (void)state;
    arena a = {0};
    void *dirty = arena_alloc(&a, 3000);
    memset(dirty, 255, 3000);
    arena_reset(&a);
    unsigned char *clean = arena_array(&a, 300, 10);
    assert_ptr_equal(clean, dirty);
    for (int i = 0; i < 3000; i++) assert_int_equal(clean[i], 0);
    arena_release(&a);
    const size_t sizes[] = {0, 1, 5000, 3 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned char *p = arena_lasting(sizes[i]);
        assert_non_null(p);
        assert_true(aligned(p));
        for (size_t j = 0; j < sizes[i]; j++) assert_int_equal(p[j], 0);
        free(p);
    }
    assert_null(arena_lasting(SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_stay_apart), cmocka_unit_test(rewound), cmocka_unit_test(reset_joins),
        cmocka_unit_test(refused),           cmocka_unit_test(zeroed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
