/* Writing pictures: what is written reads back, and a failure leaves nothing behind. Also the JPEG kinds that
 * only libjpeg itself can make: rare samplings and a file of too many scans. */
#include "src/image/image.h"
#include "tests/picture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jpeglib.h>

#include <cmocka.h>

static img make_scene(int width, int height)
{
    img im;
    error e;
    assert_int_equal(img_create(&im, width, height, &e), ERR_OK);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            uint8_t *p = im.rgb + 3 * (y * width + x);
            p[0] = (uint8_t)(255 * x / width);
            p[1] = (uint8_t)(255 * y / height);
            p[2] = (uint8_t)(255 - p[0] / 2 - p[1] / 2);
        }
    }
    return im;
}

static int count_files(const char *folder)
{
    int count = -2; /* "." and ".." */
    DIR *d = opendir(folder);
    assert_non_null(d);
    while (readdir(d)) count++;
    closedir(d);
    return count;
}

static void check_same(const char *path, const img *im, double tolerance)
{
    img back;
    error e = {0};
    int largest;
    if (img_read_file(path, NULL, &back, NULL, &e)) fail_msg("%s", e.text);
    assert_int_equal(back.width, im->width);
    assert_true(picture_difference(&back, im, &largest) <= tolerance);
    img_release(&back);
}

static void test_round_trip(void **state)
{
    (void)state;
    char folder[] = "/tmp/write_test_XXXXXX", path[64], link_path[64];
    struct stat st;
    error e = {0};
    img im = make_scene(61, 45);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.png", folder);
    snprintf(link_path, sizeof link_path, "%s/link.png", folder);
    umask(027);
    assert_int_equal(img_write_png(path, &im, &e), ERR_OK);
    check_same(path, &im, 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(symlink("a.png", link_path), 0);
    assert_int_equal(img_write_jpeg(link_path, &im, 95, &e), ERR_OK); /* replaces what the link points to */
    check_same(path, &im, 2);
    assert_int_equal(lstat(link_path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(count_files(folder), 2);
    unlink(link_path);
    unlink(path);
    rmdir(folder);
    img_release(&im);
}

static void test_failures_leave_nothing(void **state)
{
    (void)state;
    char folder[] = "/tmp/write_test_XXXXXX", path[64];
    error e = {0};
    img im = make_scene(200, 200), empty = {0};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/no/a.png", folder);
    assert_int_equal(img_write_png(path, &im, &e), ERR_MISSING);
    assert_non_null(strstr(e.text, path));
    assert_int_equal(img_write_png(folder, &im, &e), ERR_IO);
    snprintf(path, sizeof path, "%s/a.png", folder);
    assert_int_equal(img_write_png(path, &empty, &e), ERR_ARGUMENT);
    assert_int_equal(img_write_jpeg(path, &im, 0, &e), ERR_ARGUMENT);
    assert_int_equal(img_write_png("/dev/full", &im, &e), ERR_IO);
    assert_int_equal(count_files(folder), 0);
    rmdir(folder);
    img_release(&im);
}

static void test_special_files(void **state)
{
    (void)state;
    error e = {0};
    struct stat st;
    img im = make_scene(20, 20);
    assert_int_equal(img_write_png("/dev/null", &im, &e), ERR_OK);
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode)); /* still the device, not a file in its place */
    img_release(&im);
}

/* -- Notes of a PNG ---------------------------------------------------------------------------------- */

static void test_notes(void **state)
{
    (void)state;
    const img_note notes[] = {
        {"Software", "caption 1"}, {"Title", "caf\xc3\xa9.jpg"}, {"Description", "a dog"}, {0}};
    uint8_t *bytes;
    size_t length;
    char text[16], small[4];
    error e = {0};
    img im = make_scene(20, 20), back;
    assert_int_equal(img_encode_png_noted(&im, notes, &bytes, &length, &e), ERR_OK);
    for (const img_note *n = notes; n->key; n++) {
        assert_true(img_find_note(bytes, length, n->key, text, sizeof text));
        assert_string_equal(text, n->text);
    }
    assert_true(img_find_note(bytes, length, "Software", small, sizeof small));
    assert_string_equal(small, "cap");
    assert_false(img_find_note(bytes, length, "Soft", text, sizeof text));
    assert_false(img_find_note(bytes + 1, length - 1, "Software", text, sizeof text));
    for (size_t cut = 0; cut < 200; cut++) { /* a beginning of the file, of any length */
        uint8_t *copy = malloc(cut + 1);
        assert_non_null(copy);
        memcpy(copy, bytes, cut);
        assert_true(!img_find_note(copy, cut, "Description", text, sizeof text) || cut > 100);
        free(copy);
    }
    assert_int_equal(img_read_memory(bytes, length, "a", NULL, &back, NULL, &e), ERR_OK);
    img_release(&back);
    free(bytes);
    assert_int_equal(img_encode_png(&im, &bytes, &length, &e), ERR_OK);
    assert_false(img_find_note(bytes, length, "Software", text, sizeof text));
    free(bytes);
    img_release(&im);
}

/* -- JPEG by libjpeg --------------------------------------------------------------------------------- */

typedef struct jpeg_kind {
    int h, v; /* sampling factors of the brightness */
    bool progressive;
    bool apart; /* a scan for each component */
} jpeg_kind;

static unsigned long make_jpeg(const img *im, jpeg_kind kind, unsigned char **bytes)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned long length = 0;
    *bytes = NULL;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, bytes, &length);
    jpeg.image_width = (JDIMENSION)im->width;
    jpeg.image_height = (JDIMENSION)im->height;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 95, TRUE);
    jpeg.comp_info[0].h_samp_factor = kind.h;
    jpeg.comp_info[0].v_samp_factor = kind.v;
    if (kind.progressive) jpeg_simple_progression(&jpeg);
    static const jpeg_scan_info scans[] = {
        {1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
    if (kind.apart) jpeg.scan_info = scans;
    if (kind.apart) jpeg.num_scans = 3;
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW row = im->rgb + (size_t)jpeg.next_scanline * jpeg.image_width * 3;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return length;
}

static void test_rare_samplings(void **state)
{
    (void)state;
    static const jpeg_kind kinds[] = {{1, 2, false, false}, {4, 1, false, false}, {1, 4, false, false},
                                      {2, 2, false, false}, {4, 2, false, false}, {2, 2, true, false},
                                      {2, 2, false, true}};
    img im = make_scene(67, 53); /* smooth: coarse colour loses little */
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        img back;
        error e = {0};
        unsigned char *bytes;
        int largest;
        unsigned long length = make_jpeg(&im, kinds[i], &bytes);
        if (img_read_memory(bytes, length, "a.jpg", NULL, &back, NULL, &e)) fail_msg("%s", e.text);
        double mean = picture_difference(&back, &im, &largest);
        if (mean > 4) fail_msg("sampling %d x %d: %.2f levels apart", kinds[i].h, kinds[i].v, mean);
        img_release(&back);
        free(bytes);
    }
    img_release(&im);
}

/* Cut behind any of its scans but the last a file is not complete, even if each that is there is. */
static void test_missing_scans(void **state)
{
    (void)state;
    static const jpeg_kind kinds[] = {{2, 2, true, false}, {2, 2, false, true}};
    img im = make_scene(67, 53);
    for (int i = 0; i < 2; i++) {
        unsigned char *bytes;
        unsigned long length = make_jpeg(&im, kinds[i], &bytes);
        int scans = 0;
        for (unsigned long at = 2; at + 1 < length; at++) {
            bool marker = bytes[at] == 0xFF && (bytes[at + 1] == 0xDA || bytes[at + 1] == 0xD9);
            if (!marker || (bytes[at + 1] == 0xDA && !scans++)) continue;
            img back;
            img_info info;
            error e = {0};
            err_code rc = img_read_memory(bytes, at, "a.jpg", NULL, &back, &info, &e);
            bool last = bytes[at + 1] == 0xD9;
            if (last != !rc)
                fail_msg("kind %d cut at %lu of %lu, behind scan %d: %s", i, at, length, scans, e.text);
            if (last) assert_non_null(info.warning);
            if (rc) assert_non_null(strstr(e.text, "truncated"));
            img_release(&back);
        }
        assert_true(scans >= 3);
        free(bytes);
    }
    img_release(&im);
}

/* The first scan of a progressive file again and again: each costs the decoder a walk over the whole picture
 * and the sender a few bytes. */
static void test_progressive_bomb(void **state)
{
    (void)state;
    enum { REPEATS = 200 };
    img im = make_scene(64, 64), back;
    error e = {0};
    unsigned char *bytes;
    size_t length = make_jpeg(&im, (jpeg_kind){2, 2, true, false}, &bytes), scan = 0, end;
    while (bytes[scan] != 0xFF || bytes[scan + 1] != 0xDA) scan++;
    for (end = scan + 2; bytes[end] != 0xFF || bytes[end + 1] == 0;) end++;
    size_t part = end - scan;
    unsigned char *bomb = malloc(length + REPEATS * part), *to = bomb;
    memcpy(to, bytes, end);
    to += end;
    for (int k = 0; k < REPEATS; k++, to += part) memcpy(to, bytes + scan, part);
    memcpy(to, bytes + end, length - end);
    err_code rc = img_read_memory(bomb, length + REPEATS * part, "bomb.jpg", NULL, &back, NULL, &e);
    if (rc != ERR_LIMIT || !strstr(e.text, "scans")) fail_msg("%d %s", rc, e.text);
    free(bomb);
    free(bytes);
    img_release(&im);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_failures_leave_nothing),
        cmocka_unit_test(test_special_files),
        cmocka_unit_test(test_rare_samplings),
        cmocka_unit_test(test_progressive_bomb),
        cmocka_unit_test(test_missing_scans),
        cmocka_unit_test(test_notes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
