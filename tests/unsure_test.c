/* The model in the program knows when it does not know: pictures that show nothing (tests/pictures.h) leave it
 * unsure, photos do not. Skipped where the model was never calibrated, or there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "captioner/caption.h"
#include "tests/leaks.h"
#include "tests/pictures.h"

/* A picture that is sure of itself now and then is a matter of the threshold, not of a broken program. */
enum { MUST_BE_UNSURE = 27 };

static cap_model *open_calibrated(void)
{
    cap_model *m;
    cap_info info;
    if (cap_open(NULL, NULL, &m, NULL)) return NULL;
    cap_get_info(m, &info);
    if (!info.calibrated) cap_close(&m);
    return m;
}

static void made_pictures_are_unsure(void **state)
{
    (void)state;
    cap_session *s;
    cap_error err = {0};
    int unsure = 0;
    cap_model *m = open_calibrated();
    if (!m) {
        print_message("skipped: the program has no calibrated model inside\n");
        skip();
    }
    assert_int_equal(cap_session_open(m, 1, &s, &err), CAP_OK);
    for (int i = 0; i < PICTURES; i++) {
        cap_description d;
        img p = draw_picture(i);
        assert_non_null(p.rgb);
        if (cap_describe_pixels(s, NULL, p.rgb, p.width, p.height, &d, &err)) fail_msg("%s", err.text);
        unsure += d.unsure;
        if (!d.unsure) print_message("picture %d: %.3f '%s'\n", i, d.confidence, d.best.sentence);
        cap_description_release(&d);
        img_release(&p);
    }
    cap_session_close(&s);
    cap_close(&m);
    assert_true(unsure >= MUST_BE_UNSURE);
}

/* All thirty are different pictures, and the same ones each time. */
static void pictures_differ_and_repeat(void **state)
{
    (void)state;
    uint64_t sum[PICTURES];
    for (int i = 0; i < PICTURES; i++) {
        img a = draw_picture(i), b = draw_picture(i);
        size_t size = (size_t)3 * PICTURE_SIDE * PICTURE_SIDE;
        assert_memory_equal(a.rgb, b.rgb, size);
        sum[i] = 0;
        for (size_t k = 0; k < size; k++) sum[i] = sum[i] * 31 + a.rgb[k];
        for (int j = 0; j < i; j++) assert_true(sum[i] != sum[j]);
        img_release(&a);
        img_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_pictures_are_unsure),
        cmocka_unit_test(pictures_differ_and_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
