/* Objects with boxes (datasets/instances.h), and whether words look into them (captioner/score/grounding.h). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "captioner/score/grounding.h"

static const char two_photos[] =
    "{\"info\": {}, \"annotations\": ["
    "{\"image_id\": 9, \"category_id\": 3, \"bbox\": [100, 0, 100, 50], \"segmentation\": [[1, 2]]},"
    "{\"image_id\": 4, \"category_id\": 3, \"bbox\": [-5, 10, 10, 1e9]},"
    "{\"image_id\": 9, \"category_id\": 7, \"bbox\": [0, 0, 50, 100]},"
    "{\"image_id\": 9, \"category_id\": 3, \"bbox\": [150, 25, 50, 50]},"
    "{\"image_id\": 9, \"category_id\": 8, \"bbox\": [0, 0, 1, 1]},"
    "{\"image_id\": 5, \"category_id\": 3, \"bbox\": [0, 0, 1, 1]}],"
    "\"categories\": [{\"id\": 7, \"name\": \"traffic light\"}, {\"id\": 3, \"name\": \"dog\"}],"
    "\"images\": [{\"id\": 9, \"width\": 200, \"height\": 100}, {\"id\": 4, \"width\": 50, \"height\": 20}]}";

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-6)) fail_msg("got %.9g, wanted %.9g", got, want);
}

static void open_two(ds_instances *o)
{
    error err = {0};
    if (ds_instances_parse(two_photos, sizeof two_photos - 1, "two", o, &err)) fail_msg("%s", err.text);
}

static void check_box(const ds_object *o, const float *want)
{
    for (int i = 0; i < 4; i++) near((double)o->box[i], (double)want[i]);
}

/* The three arrays may come in any order; boxes become shares and stay inside the photo. */
static void boxes_are_read(void **state)
{
    (void)state;
    ds_instances o;
    open_two(&o);
    assert_int_equal(o.images, 2);
    assert_int_equal(o.categories, 2);
    assert_int_equal(o.objects, 4);
    assert_int_equal(o.unknown, 2);
    const ds_boxed_image *four = ds_instances_find(&o, 4), *nine = ds_instances_find(&o, 9);
    assert_null(ds_instances_find(&o, 5));
    assert_int_equal(four->count, 1);
    assert_int_equal(nine->count, 3);
    check_box(&o.object[four->first], (float[]){0, 0.5f, 0.1f, 1});
    check_box(&o.object[nine->first], (float[]){0.5f, 0, 1, 0.5f});
    check_box(&o.object[nine->first + 2], (float[]){0.75f, 0.25f, 1, 0.75f});
    assert_string_equal(o.category[o.object[nine->first].category].name, "dog");
    assert_string_equal(o.category[o.object[nine->first + 1].category].name, "traffic light");
    ds_instances_release(&o);
}

static void must_refuse(const char *text, const char *why)
{
    ds_instances o;
    error err = {0};
    assert_int_equal(ds_instances_parse(text, strlen(text), "f", &o, &err), ERR_FORMAT);
    if (!strstr(err.text, why)) fail_msg("'%s' does not say '%s'", err.text, why);
    assert_null(o.image);
}

static void wrong_files_are_refused(void **state)
{
    (void)state;
    must_refuse("[]", "'{' expected");
    must_refuse("{\"images\": [], \"categories\": []}", "'annotations' is missing");
    must_refuse("{\"images\": [], \"images\": []}", "two keys 'images'");
    must_refuse("{\"images\": {}}", "images: not an array");
    must_refuse("{\"images\": [4]}", "images[0]: not an object");
    must_refuse("{\"images\": [{\"id\": 1, \"width\": 0, \"height\": 1}]}", "'width' is no number of pixels");
    must_refuse("{\"images\": [{\"id\": 1, \"width\": 1}]}", "'height' is missing");
    must_refuse("{\"categories\": [{\"id\": 1}]}", "'name' is missing");
    must_refuse("{\"annotations\": [{\"image_id\": 1, \"category_id\": 1}]}", "'bbox' is missing");
    must_refuse("{\"annotations\": [{\"image_id\": 1, \"category_id\": 1, \"bbox\": [0, 0, 1]}]}",
                "no list of four");
    must_refuse("{\"annotations\": [{\"image_id\": 1, \"category_id\": 1, \"bbox\": [0, 0, 1e300, 1]}]}",
                "no list of four");
    must_refuse("{\"annotations\": [{\"image_id\": 1, \"category_id\": 1, \"bbox\": [0, 0, 1, -1]}]}",
                "negative side");
    must_refuse(
        "{\"annotations\": [], \"categories\": [{\"id\": 2, \"name\": \"a\"}, {\"id\": 2, \"name\": \"b\"}],"
        "\"images\": []}",
        "two categories have the id 2");
    must_refuse(
        "{\"annotations\": [], \"categories\": [],"
        "\"images\": [{\"id\": 2, \"width\": 1, \"height\": 1}, {\"id\": 2, \"width\": 1, \"height\": 1}]}",
        "two images have the id 2");
}

/* Every cut of a good file is refused, none reads beyond its end. */
static void cut_files_are_refused(void **state)
{
    (void)state;
    ds_instances o;
    for (size_t size = 0; size < sizeof two_photos - 1; size++) {
        char *cut = malloc(size ? size : 1); /* the sanitizer watches its end */
        memcpy(cut, two_photos, size);
        assert_int_equal(ds_instances_parse(cut, size, "cut", &o, NULL), ERR_FORMAT);
        free(cut);
    }
}

/* In photo 9 both dogs cover 1/4 + 1/8 - 1/16 of it, and the middle is a corner of the first; the light covers
 * 1/4. */
static void words_point_at_things(void **state)
{
    (void)state;
    static const char *const word[] = {"a", "puppy", "and", "traffic", "light", "traffic", "dogs", "cat"};
    static const cap_point at[] = {{0, 0},       {0.9f, 0.6f}, {0, 0},       {0.9f, 0.9f},
                                   {0.1f, 0.9f}, {0.1f, 0.1f}, {0.4f, 0.4f}, {0.9f, 0.1f}};
    json_t *known = json_pack("[s,s,s,s,s,s,s,s,s,s,s,s]", "<pad>", "<start>", "<end>", "<unk>", "a", "and",
                              "cat", "dogs", "hot", "light", "puppy", "traffic");
    ds_vocab *vocab;
    ds_instances o;
    arena mem = {0};
    cap_grounding g;
    assert_int_equal(ds_vocab_from_json(known, &vocab, NULL), ERR_OK);
    open_two(&o);
    assert_int_equal(cap_grounding_start(&g, &o, vocab, &mem, NULL), ERR_OK);
    near(cap_grounding_inside(&g), 0);
    assert_int_equal(cap_grounding_add(&g, word, at, 8, 9, NULL), ERR_OK);
    assert_int_equal(g.words, 3); /* puppy, traffic light, dogs; half a name is none, and there is no cat */
    assert_int_equal(g.inside, 2);
    assert_int_equal(g.centre, 2);
    near(g.area, 2 * 0.3125 + 0.25);
    near(cap_grounding_inside(&g), 2 / 3.0);
    near(cap_grounding_chance(&g), 0.875 / 3);
    near(cap_grounding_centre(&g), 2 / 3.0);
    assert_int_equal(cap_grounding_add(&g, word, at, 8, 5, NULL), ERR_OK); /* of no photo in the file */
    assert_int_equal(cap_grounding_add(&g, word + 3, at + 3, 1, 9, NULL), ERR_OK); /* it ends within a name */
    assert_int_equal(g.words, 3);
    ds_instances_release(&o);
    ds_vocab_free(&vocab);
    json_decref(known);
    arena_release(&mem);
}

/* The net saw the middle of a wide photo: a grid of 2 x 3 over pixels 100 to 300 of 400. */
static void points_lie_in_the_view(void **state)
{
    (void)state;
    float alpha[] = {0, 0, 0.3f, 0, 0, 0, 0.1f, 0.1f, 0.1f, 0.1f, 0.4f, 0.2f};
    cap_description d = {.best = {.words = 2},
                         .grid_h = 2,
                         .grid_w = 3,
                         .attention = alpha,
                         .width = 400,
                         .height = 200,
                         .view = {100, 0, 300, 200}};
    cap_point at[2];
    assert_true(cap_points_of(&d, at));
    near((double)at[0].x, (100 + 200 * 5 / 6.0) / 400);
    near((double)at[0].y, 0.25);
    near((double)at[1].x, 0.5);
    near((double)at[1].y, 0.75);
    float of_concepts[] = {0.5f, 0.2f, 0.1f, 0.45f}; /* the first has no box */
    cap_named_concept named[] = {{.name = "red"}, {.name = "dog", .boxed = true, .box = {200, 50, 400, 100}}};
    d.concept = named;
    d.concepts = 2;
    d.concept_attention = of_concepts;
    assert_true(cap_points_of(&d, at));
    near((double)at[0].x, (100 + 200 * 5 / 6.0) / 400);
    near((double)at[1].x, 0.75);
    near((double)at[1].y, 0.375);
    of_concepts[1] = 0.3f; /* no more than the region */
    assert_true(cap_points_of(&d, at));
    near((double)at[0].x, (100 + 200 * 5 / 6.0) / 400);
    d.attention = NULL; /* a model without regions */
    d.grid_h = d.grid_w = 0;
    of_concepts[1] = 0;
    assert_true(cap_points_of(&d, at));
    assert_true(at[0].x < 0 && at[0].y < 0);
    near((double)at[1].x, 0.75);
    near((double)at[1].y, 0.375);
    d.concept_attention = NULL;
    assert_false(cap_points_of(&d, at));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes_are_read),         cmocka_unit_test(wrong_files_are_refused),
        cmocka_unit_test(cut_files_are_refused),  cmocka_unit_test(words_point_at_things),
        cmocka_unit_test(points_lie_in_the_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
