/* Pages: whatever names and captions hold, a page has its data whole and nothing that a browser would obey; files are
 * written whole or not at all. What a browser makes of a page is tested by page.py. */
#include "captioner/show/page.h"
#include "tests/leaks.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "captioner/show/heat.h"
#include "src/base/base64.h"
#include "src/io/file.h"
#include "tests/folder.h"
#include "tests/picture.h"

static const cap_page_options options = {.program = "caption 1 <&\"'>", .model = "a </script> model"};

/* ---- a description made by hand: two words, four regions, an object and a word ---- */

static const char *words[] = {"</script><script>alert(1)</script>", "the"};
static float probability[] = {0.25f, 0.5f}, trust[] = {0.5f, 0.75f};
static float look[] = {0.1f, 0.2f, 0, 0.1f, 0.3f, 0, NAN, -1};
static float named[] = {0.3f, 0.1f, 0.1f, 0.2f};
static cap_named_concept concepts[] = {{"<b>dog</b>", "objects", 0.9f, true, {10, 20, 50, 60}},
                                       {"cat", "words", 0.4f, false, {0, 0, 0, 0}}};

static cap_alternative said(void)
{
    return (cap_alternative){.sentence = "<!-- <script> \xE2\x80\xA8 \xFF \"",
                             .words = 2,
                             .word = words,
                             .probability = probability,
                             .trust = trust,
                             .log_probability = -2.5,
                             .attention = look,
                             .concept_attention = named};
}

static cap_description description(cap_alternative *a, img *photo)
{
    *a = said();
    return (cap_description){.best = *a,
                             .alternatives = 1,
                             .alternative = a,
                             .confidence = 0.5,
                             .concepts = 2,
                             .concept = concepts,
                             .keywords = 1,
                             .keyword = words,
                             .blank = "black",
                             .grid_h = 2,
                             .grid_w = 2,
                             .width = 100,
                             .height = 200,
                             .view = {0, 50, 100, 150},
                             .photo = {photo->width, photo->height, photo->rgb}};
}

static err_code write_page(const char *file, const char *path, error *err)
{
    cap_alternative a;
    img photo = picture_plain(100, 200, 90);
    cap_description d = description(&a, &photo);
    cap_page *page;
    err_code code = cap_page_open(file, &options, &page, err);
    if (!code) code = cap_page_add(page, path, &d, err);
    if (!code) code = cap_page_add_failed(page, "b.jpg", "</script>", err);
    if (!code) code = cap_page_close(&page, err);
    img_release(&photo);
    return code;
}

/* ---- reading a page as a browser does ---- */

static int count(const char *s, const char *what)
{
    int n = 0;
    for (; (s = strstr(s, what)); s += strlen(what)) n++;
    return n;
}

/* The content of script element `number` whose attributes are these; *at goes behind it. NULL: there is none. */
static char *next_script(const char **at, const char *attributes)
{
    char open[120];
    snprintf(open, sizeof open, "<script %s>", attributes);
    const char *begin = strstr(*at, open), *end = begin ? strstr(begin, "</script>") : NULL;
    if (!end) return NULL;
    begin += strlen(open);
    *at = end;
    return strndup(begin, (size_t)(end - begin));
}

static json_t *next_json(const char **at, const char *attributes)
{
    char *s = next_script(at, attributes);
    assert_non_null(s);
    json_t *o = json_loads(s, 0, NULL);
    free(s);
    assert_non_null(o);
    return o;
}

static double number_at(const json_t *list, size_t i)
{
    return json_number_value(json_array_get(list, i));
}

static const char *string_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

#define ITEM "type=\"application/json\" class=\"item\""

static char *read_page(const char *file)
{
    uint8_t *bytes;
    size_t size;
    error err;
    assert_int_equal(io_read_file(file, 1 << 24, &bytes, &size, &err), ERR_OK);
    return (char *)bytes;
}

static void check_words(const json_t *photo)
{
    json_t *sentence = json_array_get(json_object_get(photo, "said"), 0),
           *list = json_object_get(sentence, "words");
    assert_string_equal(string_of(sentence, "text"), "<!-- <script> \xE2\x80\xA8 \xEF\xBF\xBD \"");
    assert_int_equal(json_array_size(list), 2);
    json_t *first = json_array_get(list, 0), *second = json_array_get(list, 1);
    assert_string_equal(string_of(first, "w"), words[0]);
    assert_null(json_object_get(first, "small"));
    assert_true(json_is_true(json_object_get(second, "small")));
    assert_int_equal(json_integer_value(json_object_get(first, "object")), 0);
    assert_null(json_object_get(second, "object")); /* it looked at a region more */
    const double first_look[] = {1000, 2000, 0, 1000}, second_look[] = {3000, 0, 0, 0};
    for (size_t i = 0; i < 4; i++) {
        assert_float_equal(number_at(json_object_get(first, "look"), i), first_look[i], 0);
        assert_float_equal(number_at(json_object_get(second, "look"), i), second_look[i], 0);
    }
}

static void what_names_hold_does_not_end_the_data(void **state)
{
    (void)state;
    error err = {0};
    assert_int_equal(write_page(in("p.html"), "x/<!--<script>\n\xFF.jpg", &err), ERR_OK);
    char *page = read_page(in("p.html"));
    assert_null(strstr(page, "{{"));
    assert_null(strstr(page, "<!--"));
    assert_null(strstr(page, "alert(1)</script>"));
    assert_int_equal(count(page, "<script"), count(page, "</script>"));
    assert_int_equal(count(page, "<script"), 5); /* about, photo, pixels, the one that failed, the program */
    const char *at = page;
    json_t *about = next_json(&at, "type=\"application/json\" id=\"about\"");
    assert_string_equal(string_of(about, "program"), options.program);
    assert_string_equal(string_of(about, "model"), options.model);
    assert_int_equal(json_array_size(json_object_get(about, "ramp")), CAP_HEAT_STEPS);
    json_t *photo = next_json(&at, ITEM), *failed = next_json(&at, ITEM);
    assert_string_equal(string_of(photo, "path"), "x/<!--<script>\\n\xEF\xBF\xBD.jpg");
    assert_float_equal(number_at(json_object_get(photo, "view"), 1), 0.25, 1e-6);
    assert_float_equal(number_at(json_object_get(photo, "shown"), 1), 200, 0);
    assert_string_equal(string_of(photo, "blank"), "black");
    assert_string_equal(json_string_value(json_array_get(json_object_get(photo, "keywords"), 0)), words[0]);
    check_words(photo);
    assert_string_equal(string_of(failed, "error"), "</script>");
    json_decref(about);
    json_decref(photo);
    json_decref(failed);
    free(page);
}

static void lines_keep_their_weights(void **state)
{
    (void)state;
    static const char *const source[] = {"</script>", "b", "\xC2\xB6"}, *const target[] = {"x", "\xFF"};
    static const float weight[] = {0.5f, 0.25f, 0.25f, 0, 1, 0}, sure[] = {0.5f, 1};
    static const unsigned char end[] = {0, 0, 1};
    const cap_map map = {2, 3, target, source, weight, sure, end};
    const cap_page_options of_lines = {.program = "caption 1", .model = "m", .lines = true};
    cap_page *page;
    error err = {0};
    assert_int_equal(cap_page_open(in("l.html"), &of_lines, &page, &err), ERR_OK);
    assert_int_equal(cap_page_add_line(page, 7, "x \xFF", &map, &err), ERR_OK);
    assert_int_equal(cap_page_close(&page, &err), ERR_OK);
    char *bytes = read_page(in("l.html"));
    const char *at = bytes;
    assert_int_equal(count(bytes, "<script"), count(bytes, "</script>"));
    assert_null(strstr(bytes, "{{"));
    json_t *line = next_json(&at, ITEM), *rows = json_object_get(line, "weights");
    assert_int_equal(json_integer_value(json_object_get(line, "number")), 7);
    assert_string_equal(json_string_value(json_array_get(json_object_get(line, "source"), 0)), source[0]);
    assert_float_equal(number_at(json_object_get(line, "end"), 0), 2, 0);
    assert_int_equal(json_array_size(rows), 2);
    for (size_t i = 0; i < 6; i++)
        assert_float_equal(number_at(json_array_get(rows, i / 3), i % 3), 10000 * (double)weight[i], 0);
    assert_string_equal(string_of(json_array_get(json_object_get(line, "target"), 1), "w"), "\xEF\xBF\xBD");
    json_decref(line);
    free(bytes);
}

static void photos_keep_their_shape(void **state)
{
    (void)state;
    static const int size[][4] = {
        {3000, 1000, 120, 40}, {1000, 3000, 40, 120}, {3000, 1, 120, 1}, {60, 50, 60, 50}};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        error err = {0};
        cap_alternative a;
        img photo = picture_plain(size[i][0], size[i][1], 90);
        cap_description d = description(&a, &photo);
        cap_page *page;
        cap_page_options small = {.program = "caption 1", .model = "m", .side = 120};
        assert_int_equal(cap_page_open(in("s.html"), &small, &page, &err), ERR_OK);
        assert_int_equal(cap_page_add(page, "a.jpg", &d, &err), ERR_OK);
        assert_int_equal(cap_page_close(&page, &err), ERR_OK);
        assert_null(page);
        char *bytes = read_page(in("s.html"));
        const char *at = bytes;
        json_t *data = next_json(&at, ITEM), *shown = json_object_get(data, "shown");
        assert_int_equal((int)number_at(shown, 0), size[i][2]);
        assert_int_equal((int)number_at(shown, 1), size[i][3]);
        json_decref(data);
        free(bytes);
        img_release(&photo);
    }
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    error err = {0};
    cap_page *page;
    cap_alternative a;
    img none = {0};
    cap_description d = description(&a, &none);
    cap_page_options wrong = {.program = "caption 1", .model = "m", .side = 63};
    assert_int_equal(cap_page_open(in("w.html"), &wrong, &page, &err), ERR_ARGUMENT);
    assert_null(page);
    assert_int_equal(cap_page_open(in("none/w.html"), &options, &page, &err), ERR_MISSING);
    assert_null(page);
    assert_int_equal(cap_page_open(in("w.html"), &options, &page, &err), ERR_OK);
    assert_int_equal(cap_page_add(page, "a.jpg", &d, &err), ERR_ARGUMENT);
    cap_page_abort(&page);
    assert_null(page);
    cap_page_abort(&page);
    assert_int_equal(access(in("w.html"), F_OK), -1);
}

static void a_page_knows_its_maker(void **state)
{
    (void)state;
    error err = {0};
    assert_int_equal(write_page(in("m.html"), "a.jpg", &err), ERR_OK);
    char *page = read_page(in("m.html"));
    assert_true(cap_page_is_ours(page, 1000, "caption"));
    assert_false(cap_page_is_ours(page, 40, "caption"));
    assert_false(cap_page_is_ours(page, 1000, "capti"));
    assert_false(cap_page_is_ours("", 0, "caption"));
    free(page);
}

/* The vectors of RFC 4648, section 10, and a length that crosses the lines of the encoder. */
static void base64_is_that_of_the_standard(void **state)
{
    (void)state;
    static const char *const vector[] = {
        "",     "",     "f",        "Zg==",  "fo",       "Zm8=",   "foo",
        "Zm9v", "foob", "Zm9vYg==", "fooba", "Zm9vYmE=", "foobar", "Zm9vYmFy"};
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i += 2) {
        text t = {0};
        text_append_base64(&t, (const uint8_t *)vector[i], strlen(vector[i]));
        assert_string_equal(text_string(&t), vector[i + 1]);
        text_release(&t);
    }
    uint8_t zeros[1000] = {0};
    text t = {0};
    text_append_base64(&t, zeros, sizeof zeros);
    assert_int_equal(t.length, 1336);
    assert_int_equal(strspn(text_string(&t), "A"), 1334);
    text_release(&t);
}

/* The warmer, the lighter: what makes a scale readable without colours. */
static void heat_rises_in_lightness(void **state)
{
    (void)state;
    float before = -1;
    for (int i = 0; i <= 100; i++) {
        cap_heat h = cap_heat_at((float)i / 100);
        float light = 0.2126f * h.colour.r + 0.7152f * h.colour.g + 0.0722f * h.colour.b;
        assert_true(light > before);
        assert_true(h.cover > 0.5f && h.cover < 0.7f);
        before = light;
    }
    assert_int_equal(cap_heat_at(-1).colour.b, 4);
    assert_int_equal(cap_heat_at(NAN).colour.b, 4);
    assert_int_equal(cap_heat_at(2).colour.r, 252);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_names_hold_does_not_end_the_data),
        cmocka_unit_test(photos_keep_their_shape),
        cmocka_unit_test(lines_keep_their_weights),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(a_page_knows_its_maker),
        cmocka_unit_test(base64_is_that_of_the_standard),
        cmocka_unit_test(heat_rises_in_lightness),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
