/* What a model names in photos, through the public header: beside a sentence, which looks at it, and alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "tests/folder.h"
#include "tests/model_file.h"
#include "tests/opened.h"

static const char photo[] = TEST_SOURCE_DIR "/photos/coffee.jpg";
static const char other[] = TEST_SOURCE_DIR "/photos/chelsea.jpg";

static char namers[64]; /* a model that has them */

static opened open_namers(int threads)
{
    return open_path(namers, cap_request_defaults(CAP_PHOTOS), threads);
}

static cap_description describe(const opened *o, const char *path)
{
    cap_description d;
    error err = {0};
    if (cap_describe_file(o->session, &o->request, path, &d, &err)) fail_msg("%s", err.text);
    return d;
}

/* Objects with boxes inside the photo, then words; each by falling confidence. */
static void expect_sense(const cap_description *d)
{
    int boxes = 0;
    assert_in_range(d->concepts, 2, 9);
    for (int i = 0; i < d->concepts; i++) {
        const cap_named_concept *c = &d->concept[i];
        bool object = !strcmp(c->namer, "objects"), again = i && !strcmp(c[-1].namer, c->namer);
        assert_true(object ? !strcmp(c->name, "dog") || !strcmp(c->name, "cat")
                           : !strcmp(c->name, "snow") || !strcmp(c->name, "man"));
        assert_true(object || !strcmp(c->namer, "words"));
        assert_true(!i || again || !object);
        assert_true(c->confidence > 0 && c->confidence <= 1 && (!again || c->confidence <= c[-1].confidence));
        assert_int_equal(c->boxed, object);
        assert_true(c->box.x0 >= 0 && c->box.y0 >= 0 && c->box.x1 <= d->width && c->box.y1 <= d->height);
        boxes += c->boxed;
    }
    assert_true(boxes > 0);
}

static void expect_same_concepts(const cap_description *a, const cap_description *b)
{
    assert_int_equal(a->concepts, b->concepts);
    for (int i = 0; i < a->concepts; i++) {
        assert_string_equal(a->concept[i].name, b->concept[i].name);
        assert_true(fabsf(a->concept[i].confidence - b->concept[i].confidence) < 1e-5f);
        assert_true(fabs(a->concept[i].box.x1 - b->concept[i].box.x1) < 1e-2);
    }
}

static void words_look_at_concepts(void **state)
{
    (void)state;
    opened o = open_namers(2);
    cap_description d = describe(&o, photo);
    expect_sense(&d);
    assert_non_null(d.attention);
    assert_non_null(d.concept_attention);
    double all = 0;
    for (int w = 0; w < d.best.words; w++) {
        double regions = 0, concepts = 0;
        for (int i = 0; i < 36; i++) regions += (double)d.attention[w * 36 + i];
        for (int i = 0; i < d.concepts; i++) concepts += (double)d.concept_attention[w * d.concepts + i];
        assert_true(regions > 0 && concepts > 0 && regions + concepts < 1);
        all += concepts;
    }
    assert_true(all / d.best.words > 0.05);
    cap_description_release(&d);
    o.request.attention = false;
    d = describe(&o, photo);
    assert_null(d.concept_attention);
    assert_true(d.concepts > 0);
    close_all(&o);
    expect_sense(&d); /* outlives the model */
    cap_description_release(&d);
}

static void many_photos_are_named_as_one_by_one(void **state)
{
    (void)state;
    opened o = open_namers(2);
    const char *paths[] = {photo, "/nowhere/a.jpg", other, TEST_SOURCE_DIR "/images/exif_6.jpg", photo};
    cap_description many[5];
    error errors[5], err = {0};
    if (cap_describe_files(o.session, &o.request, paths, 5, many, errors, &err)) fail_msg("%s", err.text);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(!errors[i].code, i != 1);
        if (i == 1) continue;
        cap_description one = describe(&o, paths[i]);
        expect_same_concepts(&many[i], &one);
        assert_string_equal(many[i].best.sentence, one.best.sentence);
        cap_description_release(&one);
    }
    for (int i = 0; i < 5; i++) cap_description_release(&many[i]);
    close_all(&o);
}

static void concepts_alone(void **state)
{
    (void)state;
    opened o = open_namers(1);
    cap_description with = describe(&o, photo);
    o.request.only_concepts = true;
    o.request.keep_photo = true;
    cap_description alone = describe(&o, photo), pixels;
    expect_same_concepts(&alone, &with);
    assert_true(!alone.alternatives && !alone.best.words && !alone.best.sentence && !alone.attention);
    assert_true(alone.width == with.width && alone.photo.rgb);
    assert_int_equal(
        cap_describe_pixels(o.session, &o.request, alone.photo.rgb, alone.width, alone.height, &pixels, NULL),
        ERR_OK);
    expect_sense(&pixels);
    cap_description_release(&pixels);
    cap_description_release(&alone);
    cap_description_release(&with);
    close_all(&o);
}

static void sentences_of_others_look_at_them_too(void **state)
{
    (void)state;
    opened o = open_namers(1);
    cap_description said = describe(&o, photo);
    cap_judged j;
    error err = {0};
    if (cap_judge_file(o.session, &o.request, photo, said.best.sentence, &j, &err)) fail_msg("%s", err.text);
    expect_same_concepts(&j.description, &said);
    assert_true(fabs(j.description.best.log_probability - said.best.log_probability) < 1e-3);
    size_t weights = (size_t)said.best.words * (size_t)said.concepts;
    for (size_t i = 0; i < weights; i++)
        assert_true(fabsf(j.description.concept_attention[i] - said.concept_attention[i]) < 1e-4f);
    cap_judged_release(&j);
    cap_description_release(&said);
    close_all(&o);
}

/* ---- what is asked for ---- */

static void expect_refused(const opened *o, err_code code, const char *why)
{
    cap_description d;
    error err = {0};
    assert_int_equal(cap_request_check(o->model, &o->request, &err), code);
    assert_string_equal(err.text, why);
    assert_int_equal(cap_describe_file(o->session, &o->request, photo, &d, &err), code);
    assert_string_equal(err.text, why);
}

static void styles_are_told(void **state)
{
    (void)state;
    opened o = open_namers(1);
    cap_description plain = describe(&o, photo);
    o.request.style = "auto";
    cap_description told_none = describe(&o, photo);
    assert_true(plain.best.log_probability == told_none.best.log_probability);
    o.request.style = "fancy";
    cap_description fancy = describe(&o, photo);
    assert_true(fabs(plain.best.log_probability - fancy.best.log_probability) > 1e-4);
    o.request.style = "plane";
    expect_refused(&o, ERR_ARGUMENT, "there is no style 'plane': the model has 'plain' and 'fancy'");
    assert_string_equal(cap_get_style(o.model, 1), "fancy");
    assert_null(cap_get_style(o.model, 2));
    assert_null(cap_get_style(o.model, -1));
    cap_description_release(&plain);
    cap_description_release(&told_none);
    cap_description_release(&fancy);
    close_all(&o);
}

static void models_without_namers_say_so(void **state)
{
    (void)state;
    opened o = open_path(model, cap_request_defaults(CAP_PHOTOS), 1);
    cap_description d = describe(&o, photo);
    assert_true(!d.concepts && !d.concept_attention && d.attention);
    cap_description_release(&d);
    o.request.style = "fancy";
    expect_refused(&o, ERR_ARGUMENT, "there is no style 'fancy': the model has none");
    o.request.style = NULL;
    o.request.only_concepts = true;
    expect_refused(&o, ERR_MISMATCH, "this model names nothing in photos: it has no namers");
    close_all(&o);
}

static void the_model_tells_what_it_names(void **state)
{
    (void)state;
    opened with = open_namers(1), without = open_path(model, cap_request_defaults(CAP_PHOTOS), 1);
    cap_info info;
    cap_get_info(with.model, &info);
    assert_true(info.objects == 80 && info.named_words == 3 && info.styles == 2);
    assert_in_range(info.namer_parameters, 800000, 1000000);
    cap_get_info(without.model, &info);
    assert_true(!info.objects && !info.named_words && !info.styles && !info.namer_parameters);
    close_all(&with);
    close_all(&without);
}

static int make(void **state)
{
    if (model_file_make(state) || folder_make(state)) return 1;
    snprintf(namers, sizeof namers, "%s", in("namers"));
    return random_model_write(namers, NN_MATCH_SIGMOID, true, NULL);
}

static int remove_all(void **state)
{
    unlink(namers);
    return model_file_remove(state) | folder_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_look_at_concepts),
        cmocka_unit_test(many_photos_are_named_as_one_by_one),
        cmocka_unit_test(concepts_alone),
        cmocka_unit_test(sentences_of_others_look_at_them_too),
        cmocka_unit_test(styles_are_told),
        cmocka_unit_test(models_without_namers_say_so),
        cmocka_unit_test(the_model_tells_what_it_names),
    };
    return cmocka_run_group_tests(tests, make, remove_all);
}
