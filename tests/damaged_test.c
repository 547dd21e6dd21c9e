/* Models damaged in every way: each is refused with a sentence that names the file, none is used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/io/file.h"
#include "tests/folder.h"
#include "tests/random_model.h"
#include "tests/random_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "damaged.safetensors"

/* A file taken apart. `header` is without metadata, `caption` is what those hold. */
typedef struct pieces {
    json_t *header, *caption;
    uint8_t *data;
    size_t size;
} pieces;

static pieces whole; /* the good file that damages are made of */
static int damages;

static pieces take_apart(const char *path)
{
    uint8_t *bytes;
    size_t size, length = 0;
    pieces p;
    assert_int_equal(io_read_file(path, 1 << 28, &bytes, &size, NULL), ERR_OK);
    for (int i = 0; i < 8; i++) length |= (size_t)bytes[i] << 8 * i;
    p.header = json_loadb((const char *)bytes + 8, length, 0, NULL);
    assert_non_null(p.header);
    json_t *metadata = json_object_get(p.header, "__metadata__");
    p.caption = json_loads(json_string_value(json_object_get(metadata, "caption")), 0, NULL);
    assert_non_null(p.caption);
    json_object_del(p.header, "__metadata__");
    p.size = size - 8 - length;
    p.data = malloc(p.size);
    assert_non_null(p.data);
    memcpy(p.data, bytes + 8 + length, p.size);
    free(bytes);
    return p;
}

static pieces copy(void)
{
    pieces p = {json_deep_copy(whole.header), json_deep_copy(whole.caption), malloc(whole.size), whole.size};
    assert_non_null(p.data);
    memcpy(p.data, whole.data, p.size);
    return p;
}

static void drop(pieces *p)
{
    json_decref(p->header);
    json_decref(p->caption);
    free(p->data);
}

/* The file's bytes; `caption` in place of the description unless it is NULL. */
static uint8_t *put_together(const pieces *p, const char *caption, size_t *size)
{
    char *described = caption ? strdup(caption) : json_dumps(p->caption, JSON_COMPACT);
    json_object_set_new(p->header, "__metadata__",
                        json_pack("{s:o}", "caption", json_string_nocheck(described)));
    char *header = json_dumps(p->header, JSON_COMPACT);
    size_t length = strlen(header);
    uint8_t *bytes = malloc(8 + length + p->size);
    assert_non_null(bytes);
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(length >> 8 * i);
    memcpy(bytes + 8, header, length);
    memcpy(bytes + 8 + length, p->data, p->size);
    *size = 8 + length + p->size;
    json_object_del(p->header, "__metadata__");
    free(header);
    free(described);
    return bytes;
}

static void expect_refused(const uint8_t *bytes, size_t size, const char *damage)
{
    const cap_packing packing = cap_packing_of(CAP_BF16);
    for (int way = 0; way < 2; way++) {
        cap_model *m = NULL;
        error err = {0};
        err_code code = cap_model_open_memory_packed(bytes, size, NAME, way ? &packing : NULL, &m, &err);
        if (!code) fail_msg("accepted: %s", damage);
        if (!strstr(err.text, NAME) || strchr(err.text, '\n') || code == ERR_MEMORY || m)
            fail_msg("%s: '%s'", damage, err.text);
    }
    damages++;
}

static void refuse(pieces *p, const char *what, const char *where)
{
    char damage[200];
    size_t size;
    uint8_t *bytes = put_together(p, NULL, &size);
    snprintf(damage, sizeof damage, "%s: %s", where, what);
    expect_refused(bytes, size, damage);
    free(bytes);
    drop(p);
}

/* ---- the description ---- */

static json_t *inside(const pieces *p, const char *object)
{
    return object ? json_object_get(p->caption, object) : p->caption;
}

/* Values that a field of each type can never have. */
static const char *const never[][8] = {
    [JSON_STRING] = {"null", "7", "true", "\"\"", "\"no such\"", "{}", "[]", NULL},
    [JSON_INTEGER] = {"null", "-1", "0", "1.5", "9000000000000000000", "\"7\"", "true", NULL},
    [JSON_REAL] = {"null", "-1", "1e300", "\"0.5\"", "true", "[]", NULL},
    [JSON_TRUE] = {"null", "0", "1", "0.5", "\"true\"", "[]", NULL},
    [JSON_OBJECT] = {"null", "7", "\"x\"", "[]", "true", "{}", NULL},
    [JSON_ARRAY] = {"null", "7", "\"x\"", "{}", "true", "[]", NULL},
};

static bool may_be_zero(const char *key)
{
    return !strcmp(key, "projection") || !strcmp(key, "glance") || !strcmp(key, "styles");
}

static void damage_field(const char *object, const char *key, const json_t *value)
{
    json_type type = json_is_boolean(value) ? JSON_TRUE : json_typeof(value);
    if (!strcmp(key, "record")) return; /* no part of the computation */
    for (int i = 0; never[type][i]; i++) {
        pieces p = copy();
        bool zero = !strcmp(never[type][i], "0") && object && may_be_zero(key);
        if (!zero)
            json_object_set_new(inside(&p, object), key, json_loads(never[type][i], JSON_DECODE_ANY, NULL));
        if (zero)
            drop(&p);
        else
            refuse(&p, never[type][i], key);
    }
    if (object && !strcmp(key, "kind")) return; /* earlier files have none for encoder and decoder */
    if (!strcmp(key, "softmax")) return; /* the one that came last: a file without it is an older one */
    pieces p = copy();
    json_object_del(inside(&p, object), key);
    refuse(&p, "missing", key);
}

static void damage_fields(const char *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(inside(&whole, object), key, value) damage_field(object, key, value);
}

static void damage_words(const char *object)
{
    static const char *const wrong[] = {"null", "7", "\"\"", "\"a\", \"a\"", "{}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        pieces p = copy();
        char list[40];
        snprintf(list, sizeof list, "[%s]", wrong[i]);
        json_t *words = json_object_get(inside(&p, object), "vocabulary"), *bad = json_loads(list, 0, NULL);
        for (size_t k = 0; k < json_array_size(bad); k++)
            json_array_set(words, json_array_size(words) - 1 - k, json_array_get(bad, k));
        json_decref(bad);
        refuse(&p, wrong[i], "vocabulary");
    }
    pieces p = copy();
    json_array_remove(json_object_get(inside(&p, object), "vocabulary"), 5);
    refuse(&p, "a word less", "vocabulary");
    p = copy();
    json_array_append_new(json_object_get(inside(&p, object), "vocabulary"), json_string("one more"));
    refuse(&p, "a word more", "vocabulary");
}

static void damage_three(const char *key)
{
    static const char *const wrong[] = {
        "[]", "[0.5,0.5]", "[0.5,0.5,0.5,0.5]", "[0.5,0.5,\"x\"]", "[0.5,null,0.5]", "[1e300,0.5,0.5]"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        pieces p = copy();
        json_object_set_new(inside(&p, "preprocess"), key, json_loads(wrong[i], 0, NULL));
        refuse(&p, wrong[i], key);
    }
}

static void damage_merges(const char *object)
{
    static const char *const wrong[] = {"", " ", "a", "a ", " a", "a b c", "no such"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        pieces p = copy();
        json_array_set_new(json_object_get(inside(&p, object), "merges"), 0, json_string(wrong[i]));
        refuse(&p, wrong[i], "merges");
    }
    pieces p = copy();
    json_array_set_new(json_object_get(inside(&p, object), "merges"), 0, json_integer(3));
    refuse(&p, "3", "merges");
}

/* What the metadata say must be JSON, and UTF-8. */
static void damage_text(void)
{
    static const char *const wrong[] = {
        "", "null", "[1, 2]", "{", "{\"kind\": \"captioner\", ", "{} {}", "{\"kind\": \"\\ud800\"}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        size_t size;
        pieces p = copy();
        uint8_t *bytes = put_together(&p, wrong[i], &size);
        expect_refused(bytes, size, wrong[i]);
        free(bytes);
        drop(&p);
    }
    size_t size;
    uint8_t *bytes = put_together(&whole, NULL, &size), *word = memmem(bytes, size, "runs", 4);
    assert_non_null(word);
    word[1] = 0xFF;
    expect_refused(bytes, size, "a word that is not UTF-8");
    free(bytes);
}

/* ---- the tensors ---- */

static json_t *tensor(const pieces *p, const char *name)
{
    json_t *o = json_object_get(p->header, name);
    assert_non_null(o);
    return o;
}

static size_t offset(const json_t *tensor, size_t end)
{
    return json_integer_value(json_array_get(json_object_get(tensor, "data_offsets"), end));
}

static void damage_value(const char *name, const char *what, bool last, uint16_t half, uint32_t single)
{
    pieces p = copy();
    const json_t *o = tensor(&p, name);
    bool is_half = !strcmp(json_string_value(json_object_get(o, "dtype")), "F16");
    size_t bytes = is_half ? sizeof half : sizeof single;
    size_t at = last ? offset(o, 1) - bytes : offset(o, 0);
    memcpy(p.data + at, is_half ? (const void *)&half : (const void *)&single, bytes);
    refuse(&p, what, name);
}

static void damage_tensor(const char *name)
{
    bool is_half = !strcmp(json_string_value(json_object_get(tensor(&whole, name), "dtype")), "F16");
    pieces p = copy();
    /* What follows moves up, so that only the tensor is missing. */
    size_t begin = offset(tensor(&p, name), 0), end = offset(tensor(&p, name), 1);
    const char *other;
    json_t *o;
    json_object_del(p.header, name);
    json_object_foreach(p.header, other, o)
    {
        if (offset(o, 0) < end) continue;
        json_object_set_new(o, "data_offsets",
                            json_pack("[I,I]", (json_int_t)(offset(o, 0) - (end - begin)),
                                      (json_int_t)(offset(o, 1) - (end - begin))));
    }
    memmove(p.data + begin, p.data + end, p.size - end);
    p.size -= end - begin;
    refuse(&p, "missing", name);

    p = copy();
    json_array_append_new(json_object_get(tensor(&p, name), "shape"), json_integer(1));
    refuse(&p, "an axis more", name);
    p = copy();
    json_object_set_new(tensor(&p, name), "dtype", json_string(is_half ? "I16" : "I32"));
    refuse(&p, "integers", name);
    p = copy();
    json_object_set_new(tensor(&p, name), "dtype", json_string(is_half ? "F32" : "F16"));
    refuse(&p, "another width", name);
    damage_value(name, "NaN", false, 0x7E00, 0x7FC00000);
    damage_value(name, "a NaN that signals, at the end", true, 0xFC01, 0xFF800001);
    damage_value(name, "infinity", true, 0x7C00, 0x7F800000);
    damage_value(name, "-infinity", false, 0xFC00, 0xFF800000);
    if (!is_half) damage_value(name, "3e38", true, 0, 0x7F61B1E6);
}

static void damage_tensors(void)
{
    const char *name;
    json_t *o;
    json_object_foreach(whole.header, name, o) damage_tensor(name);
}

static void damage_offsets(void)
{
    static const json_int_t wrong[][2] = {{0, 0}, {-8, 8}, {1, 0}, {0, 1LL << 40}, {1LL << 62, 1LL << 62}};
    const char *name = json_object_iter_key(json_object_iter(whole.header));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        pieces p = copy();
        json_object_set_new(tensor(&p, name), "data_offsets", json_pack("[I,I]", wrong[i][0], wrong[i][1]));
        refuse(&p, "offsets", name);
    }
    /* Two tensors in one place: of the same size, so that nothing else is wrong. */
    const char *other;
    json_t *o;
    json_object_foreach(whole.header, other, o)
    {
        pieces p = copy();
        json_t *at = json_object_get(tensor(&p, name), "data_offsets");
        if (strcmp(name, other) &&
            offset(o, 1) - offset(o, 0) == offset(tensor(&p, name), 1) - offset(tensor(&p, name), 0)) {
            json_object_set(tensor(&p, other), "data_offsets", at);
            refuse(&p, "shares its place", other);
            return;
        }
        drop(&p);
    }
}

/* ---- the file ---- */

static void damage_file(void)
{
    size_t size;
    uint8_t *bytes = put_together(&whole, NULL, &size);
    for (size_t n = 0; n < size; n += 1 + size / 40) {
        uint8_t *part = malloc(n ? n : 1); /* its own block, so that a read beyond the end is seen */
        assert_non_null(part);
        memcpy(part, bytes, n);
        expect_refused(part, n, "cut off");
        free(part);
    }
    static const int bits[] = {0, 1, 4, 12, 26, 31, 40, 63};
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        bytes[bits[i] / 8] ^= (uint8_t)(1 << bits[i] % 8);
        expect_refused(bytes, size, "another length of the header");
        bytes[bits[i] / 8] ^= (uint8_t)(1 << bits[i] % 8);
    }
    uint8_t *longer = calloc(1, size + 3);
    assert_non_null(longer);
    memcpy(longer, bytes, size);
    expect_refused(longer, size + 3, "bytes behind the end");
    free(longer);
    free(bytes);
}

static void start(const char *file)
{
    whole = take_apart(in(file));
    damages = 0;
    size_t size;
    cap_model *m;
    error err = {0};
    uint8_t *bytes = put_together(&whole, NULL, &size); /* apart and together again it is still good */
    if (cap_model_open_memory(bytes, size, NAME, &m, &err)) fail_msg("%s", err.text);
    cap_model_close(&m);
    free(bytes);
}

static void captioners_are_refused(void **state)
{
    (void)state;
    start("image");
    damage_fields(NULL);
    damage_fields("preprocess");
    damage_fields("decoder");
    damage_three("mean");
    damage_three("std");
    damage_words(NULL);
    damage_text();
    damage_tensors();
    damage_offsets();
    damage_file();
    assert_true(damages > 186);
    drop(&whole);
}

static void translators_are_refused(void **state)
{
    (void)state;
    static const char *const objects[] = {NULL, "encoder", "decoder", "source", "target"};
    start("text");
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) damage_fields(objects[i]);
    damage_words("source");
    damage_words("target");
    damage_tensors();
    damage_offsets();
    damage_file();
    assert_true(damages > 186);
    drop(&whole);
}

static void codecs_are_refused(void **state)
{
    (void)state;
    start("bpe");
    damage_fields("source");
    damage_fields("target");
    damage_merges("source");
    damage_merges("target");
    drop(&whole);
}

static int make_files(void **state)
{
    const ds_codec_settings pieces_level = {.level = DS_BPE, .size = 8, .min_count = 1};
    cap_model *m = NULL;
    if (folder_make(state)) return -1;
    err_code code = random_model_save(in("image"), NN_MATCH_SIGMOID, NULL);
    if (!code) code = random_text_save(in("text"), NN_MATCH_SIGMOID, NULL);
    if (!code) code = random_text_model(&pieces_level, NN_MATCH_SIGMOID, &m, NULL);
    if (!code) code = cap_model_save(m, in("bpe"), IO_F32, NULL);
    cap_model_close(&m);
    return code;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captioners_are_refused),
        cmocka_unit_test(translators_are_refused),
        cmocka_unit_test(codecs_are_refused),
    };
    return cmocka_run_group_tests(tests, make_files, folder_remove);
}
