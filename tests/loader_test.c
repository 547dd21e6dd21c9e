#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datasets/folders.h"
#include "datasets/loader.h"
#include "datasets/tar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PHOTOS = 12, SIZE = 8, BATCHES = 5 };

static const int32_t starts[BATCHES + 1] = {0, 4, 7, 8, 12, 14};
static const int32_t order[] = {3, 1, 4, 2, 5, 9, 6, 0, 8, 7, 11, 10, 3, 0};
static const ds_schedule schedule = {BATCHES, starts, order};

typedef struct photos {
    ds_item item[PHOTOS];
    uint8_t *bytes[PHOTOS];
} photos;

/* Photo i: 20 + i by 16 pixels, red rises to the right, green downwards, blue is 20 i. */
static void make_photos(photos *p)
{
    for (int i = 0; i < PHOTOS; i++) {
        img im = {0};
        size_t size;
        assert_int_equal(img_create(&im, 20 + i, 16, NULL), ERR_OK);
        for (int y = 0; y < 16; y++)
            for (int x = 0; x < 20 + i; x++) {
                uint8_t *rgb = im.rgb + 3 * (y * im.width + x);
                rgb[0] = (uint8_t)(8 * x);
                rgb[1] = (uint8_t)(16 * y);
                rgb[2] = (uint8_t)(20 * i);
            }
        assert_int_equal(img_encode_png(&im, &p->bytes[i], &size, NULL), ERR_OK);
        p->item[i] = (ds_item){.name = "photo", .bytes = p->bytes[i], .size = size, .label = -1};
        img_release(&im);
    }
}

static void release_photos(photos *p)
{
    for (int i = 0; i < PHOTOS; i++) free(p->bytes[i]);
}

static ds_loader_settings settings_of(const photos *p, int threads)
{
    ds_loader_settings s = ds_loader_defaults();
    s.item = p->item;
    s.items = PHOTOS;
    s.size = SIZE;
    s.max_images = 4;
    s.threads = threads;
    s.depth = 2;
    s.store_side = 14;
    s.seed = 9;
    return s;
}

static uint64_t fold(uint64_t h, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) h = (h ^ bytes[i]) * 1099511628211u;
    return h;
}

/* All pixels of an epoch folded into one number. */
static uint64_t epoch_of(ds_loader *l, uint32_t epoch)
{
    ds_images b;
    uint64_t h = 1;
    int32_t batch = 0;
    assert_int_equal(ds_loader_start(l, &schedule, epoch, NULL), ERR_OK);
    while (ds_loader_next(l, &b, NULL) == ERR_OK && b.images) {
        assert_int_equal(b.batch, batch);
        assert_int_equal(b.images, starts[batch + 1] - starts[batch]);
        assert_ptr_equal(b.image, order + starts[batch]);
        h = fold(h, b.pixels, (size_t)b.images * SIZE * SIZE * 3);
        batch++;
    }
    assert_int_equal(batch, BATCHES);
    return h;
}

static void threads_and_cache_change_nothing(void **state)
{
    (void)state;
    photos p;
    make_photos(&p);
    ds_augment augment = ds_augment_defaults();
    uint64_t first = 0, second = 0;
    for (int threads = 0; threads < 4; threads++) {
        for (size_t cache = 0; cache <= 1 << 20; cache = cache ? cache * 256 : 4096) {
            ds_loader_settings s = settings_of(&p, threads);
            ds_loader *l = NULL;
            s.augment = &augment;
            s.cache_bytes = cache;
            assert_int_equal(ds_loader_create(&s, &l, NULL), ERR_OK);
            uint64_t one = epoch_of(l, 0), two = epoch_of(l, 1);
            assert_true(one == epoch_of(l, 0));
            if (!first) first = one, second = two;
            assert_true(one == first && two == second && one != two);
            assert_true(ds_loader_cached_bytes(l) <= cache);
            if (cache == 1 << 20) assert_true(ds_loader_cached_bytes(l) > PHOTOS * 14 * 14 * 3);
            ds_loader_free(&l);
        }
    }
    release_photos(&p);
}

static void plain_views_show_the_photo(void **state)
{
    (void)state;
    photos p;
    make_photos(&p);
    ds_loader_settings s = settings_of(&p, 1);
    ds_loader *l = NULL;
    ds_images b;
    assert_int_equal(ds_loader_create(&s, &l, NULL), ERR_OK);
    assert_int_equal(ds_loader_start(l, &schedule, 0, NULL), ERR_OK);
    assert_int_equal(ds_loader_next(l, &b, NULL), ERR_OK);
    for (int i = 0; i < b.images; i++) {
        const uint8_t *first = b.pixels + (size_t)i * SIZE * SIZE * 3, *last = first + (SIZE * SIZE - 1) * 3;
        assert_true(first[0] < 40 && last[0] > 100 && first[1] < 40 && last[1] > 200);
        assert_int_equal(first[2], 20 * order[i]);
    }
    ds_loader_free(&l);
    release_photos(&p);
}

static void count_bad(void *ctx, const ds_item *item, const char *problem)
{
    assert_non_null(strstr(problem, item->name));
    ++*(int *)ctx;
}

static void bad_photos_become_grey(void **state)
{
    (void)state;
    photos p;
    make_photos(&p);
    p.item[4].size = 20;
    p.item[4].name = "broken";
    ds_loader_settings s = settings_of(&p, 2);
    ds_loader *l = NULL;
    ds_images b;
    error err = {0};
    int reported = 0;
    s.report = count_bad;
    s.ctx = &reported;
    s.max_bad_share = 0.1;
    assert_int_equal(ds_loader_create(&s, &l, NULL), ERR_OK);
    assert_int_equal(ds_loader_start(l, &schedule, 0, NULL), ERR_OK);
    assert_int_equal(ds_loader_next(l, &b, NULL), ERR_OK);
    for (int j = 0; j < SIZE * SIZE * 3; j++) assert_int_equal(b.pixels[2 * SIZE * SIZE * 3 + j], 128);
    epoch_of(l, 1);
    assert_int_equal(reported, 1);
    assert_int_equal(ds_loader_bad(l), 1);
    ds_loader_free(&l);
    s.max_bad_share = 0.01;
    assert_int_equal(ds_loader_create(&s, &l, NULL), ERR_OK);
    assert_int_equal(ds_loader_start(l, &schedule, 0, NULL), ERR_OK);
    assert_int_equal(ds_loader_next(l, &b, &err), ERR_FORMAT);
    assert_non_null(strstr(err.text, "1 of 12 photos cannot be read"));
    ds_loader_free(&l);
    release_photos(&p);
}

static void it_stops_at_any_moment(void **state)
{
    (void)state;
    photos p;
    make_photos(&p);
    for (int taken = 0; taken <= BATCHES; taken++) {
        ds_loader_settings s = settings_of(&p, 2);
        ds_loader *l = NULL;
        ds_images b;
        assert_int_equal(ds_loader_create(&s, &l, NULL), ERR_OK);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(ds_loader_start(l, &schedule, 0, NULL), ERR_OK);
            for (int i = 0; i < taken; i++) assert_int_equal(ds_loader_next(l, &b, NULL), ERR_OK);
        }
        ds_loader_free(&l);
        assert_null(l);
    }
    release_photos(&p);
}

static void views_stay_inside(void **state)
{
    (void)state;
    img photo = {.width = 37, .height = 90};
    ds_augment a = ds_augment_defaults();
    int mirrored = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        rng r = {.seed = 1, .stream = i};
        ds_view v = ds_view_draw(&photo, i & 1 ? DS_STRETCH : DS_CENTRE_CROP, &a, true, &r);
        assert_true(v.box.x0 >= 0 && v.box.y0 >= 0 && v.box.x1 <= 37 && v.box.y1 <= 90);
        assert_true(v.box.x1 > v.box.x0 && v.box.y1 > v.box.y0);
        if (i & 1) assert_true((v.box.x1 - v.box.x0) * (v.box.y1 - v.box.y0) >= 0.59 * 37 * 90);
        assert_true(v.contrast >= 0.7f && v.contrast <= 1.3f);
        mirrored += v.mirror;
        r.index = 0;
        assert_false(ds_view_draw(&photo, DS_STRETCH, &a, false, &r).mirror);
    }
    assert_true(mirrored > 900 && mirrored < 1100);
}

static void views_change_pixels(void **state)
{
    (void)state;
    uint8_t in[2 * 2 * 3] = {10, 20, 30, 100, 100, 100, 200, 0, 0, 50, 60, 70}, out[12];
    img photo = {.width = 2, .height = 2, .rgb = in};
    ds_view v = ds_view_plain(&photo, DS_STRETCH);
    v.mirror = true;
    assert_int_equal(ds_view_apply(&photo, &v, 2, out, NULL), ERR_OK);
    assert_memory_equal(out, in + 3, 3);
    assert_memory_equal(out + 3, in, 3);
    assert_memory_equal(out + 6, in + 9, 3);
    v.mirror = false;
    v.brightness = 1.3f;
    assert_int_equal(ds_view_apply(&photo, &v, 2, out, NULL), ERR_OK);
    assert_true(out[0] == 13 && out[3] == 130 && out[6] == 255 && out[11] == 91);
    v.brightness = 1;
    v.saturation = 0;
    assert_int_equal(ds_view_apply(&photo, &v, 2, out, NULL), ERR_OK);
    assert_true(out[0] == out[1] && out[1] == out[2] && out[3] == 100 && out[6] == 60); /* 0.299 * 200 */
    v.saturation = 1;
    v.contrast = 0; /* all is the mean of the greys 18.15, 100, 59.8, 58.15 */
    assert_int_equal(ds_view_apply(&photo, &v, 2, out, NULL), ERR_OK);
    for (int i = 0; i < 12; i++) assert_int_equal(out[i], 59);
}

static void plans_become_schedules(void **state)
{
    (void)state;
    static const int32_t image[] = {0, 0, 1, 2, 2, 2}, words[] = {4, 5, 6, 7, 8, 9};
    static const int64_t first[] = {0, 1, 2, 3, 4, 5, 6};
    ds_encoded data = {.captions = 6, .images = 3, .image = image, .first = first, .words = words};
    ds_plan *plan = NULL;
    ds_schedule s;
    ds_batch b;
    arena memory = {0};
    assert_int_equal(ds_plan_create(&data, &(ds_plan_settings){.batch = 3, .per_image = 2}, &plan, NULL),
                     ERR_OK);
    assert_int_equal(ds_schedule_of_plan(plan, &memory, &s, NULL), ERR_OK);
    assert_int_equal(s.batches, ds_plan_batches(plan));
    for (int32_t i = 0; i < s.batches; i++) {
        assert_int_equal(ds_plan_batch(plan, i, &memory, &b, NULL), ERR_OK);
        assert_int_equal(s.start[i + 1] - s.start[i], b.images);
        assert_memory_equal(s.image + s.start[i], b.image, b.images * sizeof *b.image);
    }
    ds_plan_free(&plan);
    arena_release(&memory);
}

static void archives_are_listed(void **state)
{
    (void)state;
    ds_folders f;
    error err = {0};
    if (ds_folders_open(TEST_SHARED_DIR "/data/pretrain/imagenette_128.tar", "imagenette/val", &f, &err)) {
        print_message("skipped: %s\n", err.text);
        skip();
    }
    assert_int_equal(f.items, 500);
    assert_int_equal(f.classes, 10);
    assert_string_equal(f.class_name[0], "n01440764");
    img photo = {0};
    assert_int_equal(ds_item_read(&f.item[499], NULL, &photo, NULL), ERR_OK);
    assert_true(photo.width == 128 || photo.height == 128);
    assert_int_equal(f.item[499].label, 9);
    img_release(&photo);
    ds_folders_close(&f);
    assert_int_equal(
        ds_folders_open(TEST_SHARED_DIR "/data/pretrain/imagenette_128.tar", "nothing", &f, &err),
        ERR_MISSING);
}

static void damaged_archives_are_refused(void **state)
{
    (void)state;
    uint8_t *bytes;
    size_t size;
    if (io_read_file(TEST_SHARED_DIR "/data/pretrain/imagenette_128.tar", 1 << 30, &bytes, &size, NULL))
        skip();
    ds_tar_entry e;
    bool more = true;
    ds_tar whole = {.bytes = bytes, .size = size, .name = "t"};
    assert_int_equal(ds_tar_next(&whole, &e, &more, NULL), ERR_OK);
    for (size_t cut = 1; cut < 512 + e.size; cut += 97) {
        ds_tar t = {.bytes = bytes, .size = cut, .name = "t"};
        assert_int_equal(ds_tar_next(&t, &e, &more, NULL), ERR_FORMAT);
    }
    bytes[3] ^= 1;
    whole.at = 0;
    assert_int_equal(ds_tar_next(&whole, &e, &more, NULL), ERR_FORMAT);
    free(bytes);
}

static void folders_are_listed(void **state)
{
    (void)state;
    static const char *const names[] = {"b/2.jpg", "b/1.PNG", "a/x.webp", "a/notes.txt", "c"};
    char dir[] = "/tmp/ds_folders_XXXXXX", path[64];
    ds_folders f;
    assert_non_null(mkdtemp(dir));
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%c", dir, "ab"[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    assert_int_equal(ds_folders_open(dir, NULL, &f, NULL), ERR_MISSING);
    for (int i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        assert_int_equal(io_write_file(path, "x", 1, NULL), ERR_OK);
    }
    assert_int_equal(ds_folders_open(dir, NULL, &f, NULL), ERR_OK);
    assert_int_equal(f.items, 3);
    assert_int_equal(f.classes, 2);
    assert_non_null(strstr(f.item[0].name, "/a/x.webp"));
    assert_non_null(strstr(f.item[1].name, "/b/1.PNG"));
    assert_int_equal(f.item[2].label, 1);
    ds_folders_close(&f);
    for (int i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%c", dir, "ab"[i]);
        rmdir(path);
    }
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_cache_change_nothing),
        cmocka_unit_test(plain_views_show_the_photo),
        cmocka_unit_test(bad_photos_become_grey),
        cmocka_unit_test(it_stops_at_any_moment),
        cmocka_unit_test(views_stay_inside),
        cmocka_unit_test(views_change_pixels),
        cmocka_unit_test(plans_become_schedules),
        cmocka_unit_test(archives_are_listed),
        cmocka_unit_test(damaged_archives_are_refused),
        cmocka_unit_test(folders_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
