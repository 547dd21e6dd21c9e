#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datasets/batch.h"
#include "src/base/rng.h"

#include <stdlib.h>
#include <string.h>

enum { IMAGES = 97 };

typedef struct made {
    int32_t *image, *words;
    int64_t *first;
    ds_encoded data;
} made;

/* 97 photos with 1 to 7 captions of 0 to 12 words; word t of caption c is 4 + (c + t) % 50. */
static made make_data(void)
{
    made m = {.image = calloc(IMAGES * 7, sizeof(int32_t)),
              .words = calloc(IMAGES * 7 * 12, sizeof(int32_t)),
              .first = calloc(IMAGES * 7 + 1, sizeof(int64_t))};
    rng r = {.seed = 3};
    int32_t captions = 0;
    for (int32_t i = 0; i < IMAGES; i++) {
        for (uint32_t left = 1 + rng_below(&r, 7); left > 0; left--, captions++) {
            int64_t n = rng_below(&r, 13), at = m.first[captions];
            m.image[captions] = i;
            for (int64_t t = 0; t < n; t++) m.words[at + t] = (int32_t)(4 + (captions + t) % 50);
            m.first[captions + 1] = at + n;
        }
    }
    m.data = (ds_encoded){
        .captions = captions, .images = IMAGES, .image = m.image, .first = m.first, .words = m.words};
    return m;
}

static void release_data(made *m)
{
    free(m->image);
    free(m->words);
    free(m->first);
}

static void check_rows(const ds_encoded *data, const ds_plan_settings *s, const ds_batch *b)
{
    for (int32_t i = 0; i < b->rows; i++) {
        int32_t caption = b->caption[i], *token = b->tokens + i * (b->max_len + 1);
        int64_t n = data->first[caption + 1] - data->first[caption];
        if (s->max_words && n > s->max_words) n = s->max_words;
        assert_int_equal(b->length[i], n + 1);
        if (i) assert_true(b->length[i] <= b->length[i - 1]);
        assert_true(b->row_image[i] >= 0 && b->row_image[i] < b->images);
        assert_int_equal(b->image[b->row_image[i]], data->image[caption]);
        assert_int_equal(token[0], DS_START);
        for (int64_t t = 0; t < n; t++) assert_int_equal(token[1 + t], 4 + (caption + t) % 50);
        assert_int_equal(token[n + 1], DS_END);
        for (int64_t t = n + 2; t <= b->max_len; t++) assert_int_equal(token[t], DS_PAD);
    }
    assert_int_equal(b->max_len, b->length[0]);
    for (int32_t i = 0; i < b->images; i++)
        for (int32_t j = 0; j < i; j++) assert_int_not_equal(b->image[i], b->image[j]);
}

/* Every caption once, every batch well formed; returns the number of batches. */
static int32_t check_plan(const ds_encoded *data, ds_plan_settings s)
{
    arena memory = {0};
    ds_plan *plan = NULL;
    char *seen = calloc((size_t)data->captions + 1, 1);
    int32_t total = 0;
    assert_int_equal(ds_plan_create(data, &s, &plan, NULL), ERR_OK);
    for (int32_t i = 0; i < ds_plan_batches(plan); i++) {
        ds_batch b;
        arena_reset(&memory);
        assert_int_equal(ds_plan_batch(plan, i, &memory, &b, NULL), ERR_OK);
        assert_true(b.rows >= 1 && b.rows <= s.batch);
        if (s.per_image) assert_true(b.images <= s.batch / s.per_image);
        check_rows(data, &s, &b);
        for (int32_t r = 0; r < b.rows; r++) assert_int_equal(seen[b.caption[r]]++, 0);
        total += b.rows;
    }
    assert_int_equal(total, data->captions);
    int32_t batches = ds_plan_batches(plan);
    ds_plan_free(&plan);
    free(seen);
    arena_release(&memory);
    return batches;
}

static void every_caption_once(void **state)
{
    (void)state;
    made m = make_data();
    for (int32_t k = 0; k <= 5; k++)
        for (int32_t batch = k ? k : 1; batch < 40; batch += 7)
            check_plan(&m.data,
                       (ds_plan_settings){.batch = batch, .per_image = k, .max_words = 9, .seed = 5});
    int32_t batches = check_plan(&m.data, (ds_plan_settings){.batch = 16, .seed = 5});
    assert_int_equal(batches, (m.data.captions + 15) / 16);
    assert_int_equal(check_plan(&m.data, (ds_plan_settings){.batch = 1000, .seed = 5}), 1);
    release_data(&m);
}

/* Any captions, also one twice, make a batch as a plan's do. */
static void given_captions_are_a_batch(void **state)
{
    (void)state;
    static const int32_t wanted[] = {40, 3, 40, 77, 12};
    made m = make_data();
    arena memory = {0};
    ds_batch b;
    assert_int_equal(ds_batch_of(&m.data, wanted, 5, 6, &memory, &b, NULL), ERR_OK);
    assert_int_equal(b.rows, 5);
    check_rows(&m.data, &(ds_plan_settings){.max_words = 6}, &b);
    int times = 0;
    for (int32_t i = 0; i < b.rows; i++) times += b.caption[i] == 40;
    assert_int_equal(times, 2);
    arena_release(&memory);
    release_data(&m);
}

/* Rows and their order, folded into one number. */
static uint64_t fingerprint(const ds_encoded *data, ds_plan_settings s)
{
    arena memory = {0};
    ds_plan *plan = NULL;
    uint64_t h = 1;
    assert_int_equal(ds_plan_create(data, &s, &plan, NULL), ERR_OK);
    for (int32_t i = ds_plan_batches(plan) - 1; i >= 0; i--) {
        ds_batch b;
        assert_int_equal(ds_plan_batch(plan, i, &memory, &b, NULL), ERR_OK);
        for (int32_t r = 0; r < b.rows; r++) h = h * 1000003u + (uint64_t)b.caption[r];
    }
    ds_plan_free(&plan);
    arena_release(&memory);
    return h;
}

static void same_seed_same_plan(void **state)
{
    (void)state;
    made m = make_data();
    for (int32_t k = 0; k <= 3; k += 3) {
        ds_plan_settings s = {.batch = 12, .per_image = k, .seed = 7, .epoch = 2}, seed = s, epoch = s;
        seed.seed = 8;
        epoch.epoch = 3;
        uint64_t h = fingerprint(&m.data, s);
        assert_true(h == fingerprint(&m.data, s));
        assert_true(h != fingerprint(&m.data, seed));
        assert_true(h != fingerprint(&m.data, epoch));
    }
    release_data(&m);
}

/* Buckets by length leave far less padding than rows in random order would. */
static void lengths_are_bucketed(void **state)
{
    (void)state;
    made m = make_data();
    arena memory = {0};
    ds_plan *plan = NULL;
    ds_plan_settings s = {.batch = 16, .seed = 1};
    int64_t cells = 0, used = 0;
    assert_int_equal(ds_plan_create(&m.data, &s, &plan, NULL), ERR_OK);
    for (int32_t i = 0; i < ds_plan_batches(plan); i++) {
        ds_batch b;
        assert_int_equal(ds_plan_batch(plan, i, &memory, &b, NULL), ERR_OK);
        cells += (int64_t)b.rows * b.max_len;
        for (int32_t r = 0; r < b.rows; r++) used += b.length[r];
    }
    assert_true((double)used / (double)cells > 0.9);
    ds_plan_free(&plan);
    arena_release(&memory);
    release_data(&m);
}

static void wrong_settings_are_refused(void **state)
{
    (void)state;
    made m = make_data();
    ds_plan *plan = NULL;
    ds_batch b;
    arena memory = {0};
    assert_int_equal(ds_plan_create(&m.data, &(ds_plan_settings){.batch = 0}, &plan, NULL), ERR_ARGUMENT);
    assert_int_equal(ds_plan_create(&m.data, &(ds_plan_settings){.batch = 1 << 17}, &plan, NULL),
                     ERR_ARGUMENT);
    assert_int_equal(ds_plan_create(&m.data, &(ds_plan_settings){.batch = 4, .per_image = 5}, &plan, NULL),
                     ERR_ARGUMENT);
    assert_null(plan);
    ds_encoded empty = {.first = m.first};
    assert_int_equal(ds_plan_create(&empty, &(ds_plan_settings){.batch = 4}, &plan, NULL), ERR_OK);
    assert_int_equal(ds_plan_batches(plan), 0);
    assert_int_equal(ds_plan_batch(plan, 0, &memory, &b, NULL), ERR_ARGUMENT);
    ds_plan_free(&plan);
    release_data(&m);
}

static void memory_failures_are_reported(void **state)
{
    (void)state;
    made m = make_data();
    ds_plan *plan = NULL;
    ds_batch b;
    assert_int_equal(ds_plan_create(&m.data, &(ds_plan_settings){.batch = 8}, &plan, NULL), ERR_OK);
    for (long fail_in = 1; fail_in <= 6; fail_in++) {
        arena memory = {.fail_in = fail_in};
        assert_int_equal(ds_plan_batch(plan, 0, &memory, &b, NULL), ERR_MEMORY);
        arena_release(&memory);
    }
    ds_plan_free(&plan);
    release_data(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_caption_once),         cmocka_unit_test(given_captions_are_a_batch),
        cmocka_unit_test(same_seed_same_plan),        cmocka_unit_test(lengths_are_bucketed),
        cmocka_unit_test(wrong_settings_are_refused), cmocka_unit_test(memory_failures_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
