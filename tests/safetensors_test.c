/* Safetensors: files are read as written, by us and by others, and every lie in a header is noticed. */
#include "src/io/file.h"
#include "src/io/safetensors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>
#include <unistd.h>

static char path[64];

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/caption_st_test_%ld.safetensors", (long)getpid());
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

/* ---- malformed files ---- */

typedef struct lie {
    const char *header;
    size_t data;
    const char *text; /* what the error says after "cannot read 'x': "; NULL: not a lie */
} lie;

#define F32(shape, from, to) "{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"
#define RANK9 "[1,1,1,1,1,1,1,1,1]"

static const lie lies[] = {
    {"{}", 0, NULL},
    {"{\"a\":" F32("[2]", "0", "8") "}", 8, NULL},
    {"{\"a\":" F32("[]", "0", "4") ",\"b\":" F32("[0,7]", "4", "4") "}   ", 4, NULL},
    {"{\"b\":" F32("[1]", "4", "8") ",\"z\":" F32("[0]", "4", "4") ",\"a\":" F32("[1]", "0", "4") "}", 8,
     NULL},
    {"{\"__metadata__\":{\"k\":\"v\"}}", 0, NULL},
    {"", 0, "not a safetensors file: it has no header"},
    {" {}", 0, "not a safetensors file"},
    {"[]", 0, "not a safetensors file"},
    {"{", 0, "header, line 1, column 1: string or '}' expected near end of file"},
    {"{} x", 0, "header, line 1, column 4: end of file expected near 'x'"},
    {"{\"a\":1,\"a\":2}", 0, "header, line 1, column 10: duplicate object key near '\"a\"'"},
    {"{\"\xff\":1}", 0, "header, line 1, column 2: unable to decode byte 0xff near '\"'"},
    {"{\"__metadata__\":3}", 0, "'__metadata__' is not an object"},
    {"{\"__metadata__\":{\"k\":3}}", 0, "'__metadata__' has a value that is not a string"},
    {"{\"a\\n\":{}}", 0, "a tensor's name has a control character"},
    {"{\"a\":[]}", 0, "tensor 'a': its description is not an object"},
    {"{\"a\":{}}", 0, "tensor 'a': 'dtype' is not a string"},
    {"{\"a\":{\"dtype\":7}}", 0, "tensor 'a': 'dtype' is not a string"},
    {"{\"a\":{\"dtype\":\"F8_E4M3\"}}", 0, "tensor 'a': type 'F8_E4M3' is not known"},
    {"{\"a\":{\"dtype\":\"F32\"}}", 0, "tensor 'a': 'shape' is not an array"},
    {"{\"a\":" F32("{}", "0", "4") "}", 4, "tensor 'a': 'shape' is not an array"},
    {"{\"a\":" F32("[-1]", "0", "4") "}", 4, "tensor 'a': 'shape' has an axis that is not a count"},
    {"{\"a\":" F32("[1.0]", "0", "4") "}", 4, "tensor 'a': 'shape' has an axis that is not a count"},
    {"{\"a\":" F32(RANK9, "0", "4") "}", 4, "tensor 'a': 9 axes, at most 8 are known"},
    {"{\"a\":" F32("[4294967296,4294967296]", "0", "0") "}", 0, "tensor 'a': 'shape' is too large"},
    {"{\"a\":" F32("[4294967296,0,4294967296]", "0", "0") "}", 0, "tensor 'a': 'shape' is too large"},
    {"{\"a\":" F32("[1152921504606846976]", "0", "0") "}", 0,
     "tensor 'a': 'data_offsets' do not fit its type and shape"},
    {"{\"a\":" F32("[99999999999999999999]", "0", "0") "}", 0,
     "header, line 1, column 49: too big integer near '99999999999999999999'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "tensor 'a': 'data_offsets' are not two integers"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4,
     "tensor 'a': 'data_offsets' are not two integers"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 8,
     "tensor 'a': 'data_offsets' are not two integers"},
    {"{\"a\":" F32("[1]", "0", "\"4\"") "}", 4, "tensor 'a': 'data_offsets' are not two integers"},
    {"{\"a\":" F32("[1]", "-4", "0") "}", 4, "tensor 'a': 'data_offsets' lie outside the file"},
    {"{\"a\":" F32("[1]", "4", "0") "}", 4, "tensor 'a': 'data_offsets' lie outside the file"},
    {"{\"a\":" F32("[1]", "0", "4") "}", 3, "tensor 'a': 'data_offsets' lie outside the file"},
    {"{\"a\":" F32("[1]", "9223372036854775803", "9223372036854775807") "}", 4,
     "tensor 'a': 'data_offsets' lie outside the file"},
    {"{\"a\":" F32("[2]", "0", "4") "}", 4, "tensor 'a': 'data_offsets' do not fit its type and shape"},
    {"{\"a\":" F32("[1]", "0", "8") "}", 8, "tensor 'a': 'data_offsets' do not fit its type and shape"},
    {"{\"a\":" F32("[1]", "4", "8") "}", 8, "tensor 'a': a gap in the data before it"},
    {"{\"a\":" F32("[1]", "0", "4") ",\"b\":" F32("[1]", "8", "12") "}", 12,
     "tensor 'b': a gap in the data before it"},
    {"{\"a\":" F32("[2]", "0", "8") ",\"b\":" F32("[1]", "4", "8") "}", 8,
     "tensor 'b': its data overlap those of another tensor"},
    {"{\"a\":" F32("[2]", "0", "8") ",\"b\":" F32("[0]", "4", "4") "}", 8,
     "tensor 'b': its data overlap those of another tensor"},
    {"{\"a\":" F32("[1]", "0", "4") "}", 7, "3 bytes after the last tensor"},
    {"{}", 1, "1 bytes after the last tensor"},
};

/* Exactly sized, so that the sanitiser sees a read beyond the end. */
static uint8_t *build(uint64_t claimed, const char *header, size_t data, size_t *size)
{
    size_t n = strlen(header);
    *size = 8 + n + data;
    uint8_t *bytes = calloc(1, *size);
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(claimed >> 8 * i);
    memcpy(bytes + 8, header, n);
    return bytes;
}

static void expect(const uint8_t *bytes, size_t size, const char *text)
{
    error err = {0};
    io_tensors *t = io_tensors_open_memory(bytes, size, "x", &err);
    if (!text) {
        if (!t) fail_msg("refused: %s", err.text);
        io_tensors_close(&t);
        return;
    }
    char expected[256];
    snprintf(expected, sizeof expected, "cannot read 'x': %s", text);
    assert_null(t);
    assert_string_equal(err.text, expected);
    assert_true(err.code == ERR_FORMAT || err.code == ERR_UNSUPPORTED || err.code == ERR_LIMIT);
}

static void test_lies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        size_t size;
        uint8_t *bytes = build(strlen(lies[i].header), lies[i].header, lies[i].data, &size);
        expect(bytes, size, lies[i].text);
        free(bytes);
    }
}

static void test_lengths(void **state)
{
    (void)state;
    size_t size;
    uint8_t *bytes = build(3, "{}", 0, &size);
    expect(bytes, size, "the file ends inside the header");
    for (size_t i = 0; i < 8; i++) {
        uint8_t *cut = malloc(i ? i : 1);
        memcpy(cut, bytes, i);
        expect(cut, i, "too short for a safetensors file");
        free(cut);
    }
    free(bytes);
    bytes = build(100000001, "{}", 0, &size);
    expect(bytes, size, "header of 100000001 bytes, at most 100000000 are allowed");
    free(bytes);
    bytes = build(UINT64_MAX, "{}", 0, &size);
    expect(bytes, size, "header of 18446744073709551615 bytes, at most 100000000 are allowed");
    free(bytes);
    error err = {0};
    assert_null(io_tensors_open("/no/such.safetensors", &err));
    assert_int_equal(err.code, ERR_MISSING);
    assert_null(io_tensors_open("/tmp", &err));
    assert_string_equal(err.text, "cannot read '/tmp': Is a directory");
}

/* ---- conversions ---- */

/* Each half against its definition, in double precision. */
static void test_every_half(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        uint16_t half = (uint16_t)h, back;
        float x;
        int exponent = h >> 10 & 31, fraction = h & 1023;
        double value = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
        if (exponent == 31) value = fraction ? NAN : INFINITY;
        io_f16_to_f32(&half, &x, 1);
        if (isnan(value))
            assert_true(isnan(x));
        else
            assert_true(x == (float)(h & 0x8000 ? -value : value) && !signbit(x) == !(h & 0x8000));
        io_f32_to_f16(&x, &back, 1);
        assert_int_equal(back, isnan(value) ? (half | 0x200) : half);
    }
}

/* Rounding: between neighbouring halves the middle goes to the even one, either side to the nearer. */
static void test_half_rounding(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7C00; h++) {
        uint16_t low = (uint16_t)h, high = (uint16_t)(h + 1), got[3];
        float a, b;
        io_f16_to_f32(&low, &a, 1);
        io_f16_to_f32(&high, &b, 1);
        if (high == 0x7C00) b = 65536; /* where the next half would be */
        float middle = (a + b) / 2, x[3] = {nextafterf(middle, 0), middle, nextafterf(middle, INFINITY)};
        io_f32_to_f16(x, got, 3);
        assert_int_equal(got[0], low);
        assert_int_equal(got[1], h % 2 ? high : low);
        assert_int_equal(got[2], high);
    }
    float far[] = {1e9f, -INFINITY, 1e-30f, -1e-30f};
    uint16_t got[4], expected[] = {0x7C00, 0xFC00, 0, 0x8000};
    io_f32_to_f16(far, got, 4);
    assert_memory_equal(got, expected, sizeof got);
}

static void test_bfloat(void **state)
{
    (void)state;
    const float x[] = {1, -2.5f, 1.00390625f, 1.01171875f, 3.4e38f, INFINITY, NAN, 1e-40f};
    const uint16_t expected[] = {0x3F80, 0xC020, 0x3F80, 0x3F82, 0x7F80, 0x7F80, 0x7FC0, 0x0001};
    uint16_t got[8];
    io_f32_to_bf16(x, got, 8);
    assert_memory_equal(got, expected, sizeof got);
    float back[3];
    io_bf16_to_f32(expected, back, 3);
    assert_true(back[0] == 1 && back[1] == -2.5f && back[2] == 1);
}

/* ---- reading and writing ---- */

#define I64(...) ((const int64_t[]){__VA_ARGS__})

static const float numbers[] = {0, 1, -2, 0.1f, 65504, -3.5f, 127, 63.5f, -0.25f, 0, 0, 0};
static const int64_t big_numbers[] = {1, -2, 1ll << 40};

static const io_tensor_entry entries[] = {
    {.name = "bytes", .dtype = IO_U8, .rank = 1, .shape = I64(3), .raw = "\x01\x80\xff"},
    {.name = "half", .dtype = IO_F16, .rank = 2, .shape = I64(3, 4), .values = numbers},
    {.name = "full", .dtype = IO_F32, .rank = 3, .shape = I64(2, 3, 2), .values = numbers},
    {.name = "brain", .dtype = IO_BF16, .rank = 1, .shape = I64(12), .values = numbers},
    {.name = "small", .dtype = IO_I8, .rank = 2, .shape = I64(4, 3), .values = numbers},
    {.name = "long", .dtype = IO_I64, .rank = 1, .shape = I64(3), .raw = big_numbers},
    {.name = "none", .dtype = IO_F32, .rank = 2, .shape = I64(0, 5)},
    {.name = "one", .dtype = IO_F32, .rank = 0, .values = numbers + 3},
};
static const io_metadata metadata[] = {{"format", "pt"}, {"config", "{\"word\": \"caf\xc3\xa9\"}"}};

enum { ENTRIES = sizeof entries / sizeof entries[0] };

static void save(void)
{
    error err = {0};
    if (io_tensors_save(path, entries, ENTRIES, metadata, 2, &err)) fail_msg("%s", err.text);
}

static void test_round_trip(void **state)
{
    (void)state;
    error err = {0};
    save();
    io_tensors *t = io_tensors_open(path, &err);
    assert_non_null(t);
    assert_string_equal(io_tensors_name(t), path);
    assert_int_equal(io_tensors_count(t), ENTRIES + 1);
    assert_string_equal(io_tensors_at(t, 0)->name, "brain");
    assert_null(io_tensors_at(t, ENTRIES + 1));
    assert_string_equal(io_tensors_metadata(t, "config"), metadata[1].value);
    assert_null(io_tensors_metadata(t, "absent"));
    float x[12];
    assert_int_equal(io_tensors_read_f32(t, "full", 3, I64(2, 3, 2), x, &err), ERR_OK);
    assert_memory_equal(x, numbers, sizeof x);
    assert_int_equal(io_tensors_read_f32(t, "one", 0, NULL, x, &err), ERR_OK);
    assert_true(x[0] == 0.1f);
    assert_int_equal(io_tensors_read_f32(t, "none", 2, I64(0, 5), x, &err), ERR_OK);
    assert_int_equal(io_tensors_read_f32(t, "half", 2, I64(3, 4), x, &err), ERR_OK);
    for (int i = 0; i < 12; i++) assert_true(fabsf(x[i] - numbers[i]) <= fabsf(numbers[i]) / 2048);
    assert_int_equal(io_tensors_read_f32(t, "small", 2, I64(4, 3), x, &err), ERR_OK);
    const float row_most[] = {2, 65504, 127, 0};
    for (int i = 0; i < 12; i++) assert_true(fabsf(x[i] - numbers[i]) <= row_most[i / 3] / 127 * 0.5001f);
    io_tensor_to_f32(io_tensors_find(t, "bytes"), x);
    assert_true(x[0] == 1 && x[1] == 128 && x[2] == 255);
    io_tensor_to_f32(io_tensors_find(t, "long"), x);
    assert_true(x[0] == 1 && x[1] == -2 && x[2] == 0x1p40f);
    for (size_t i = 0; i < io_tensors_count(t); i++) { /* in a map, which starts at a page */
        const io_tensor *e = io_tensors_at(t, i);
        assert_int_equal((uintptr_t)e->data % io_dtype_size(e->dtype), 0);
    }
    assert_int_equal((uintptr_t)io_tensors_find(t, "long")->data % 64,
                     0); /* the widest, so the start of data */
    io_tensors_close(&t);
    assert_null(t);
    io_tensors_close(&t);
}

static void test_what_the_model_needs(void **state)
{
    (void)state;
    error err = {0};
    float x[12], scale = 1;
    const io_tensor_entry e[] = {
        {.name = "w", .dtype = IO_F32, .rank = 2, .shape = I64(3, 4), .values = numbers},
        {.name = "q", .dtype = IO_I8, .rank = 1, .shape = I64(2), .raw = "\x01\x02"},
        {.name = "r", .dtype = IO_I8, .rank = 1, .shape = I64(2), .raw = "\x01\x02"},
        {.name = "r.scale", .dtype = IO_F32, .rank = 1, .shape = I64(1), .values = &scale},
    };
    assert_int_equal(io_tensors_save(path, e, 4, NULL, 0, &err), ERR_OK);
    uint8_t *bytes;
    size_t size;
    assert_int_equal(io_read_file(path, 1 << 20, &bytes, &size, &err), ERR_OK);
    io_tensors *t = io_tensors_open_memory(bytes, size, "m", &err);
    assert_int_equal(io_tensors_read_f32(t, "w", 2, I64(3, 5), x, &err), ERR_MISMATCH);
    assert_string_equal(err.text, "'m': tensor 'w' is [3,4], the model needs [3,5]");
    assert_int_equal(io_tensors_read_f32(t, "w", 1, I64(12), x, &err), ERR_MISMATCH);
    assert_string_equal(err.text, "'m': tensor 'w' is [3,4], the model needs [12]");
    assert_int_equal(io_tensors_read_f32(t, "v", 0, NULL, x, &err), ERR_MISMATCH);
    assert_string_equal(err.text, "'m': tensor 'v' is missing, the model needs []");
    assert_int_equal(io_tensors_read_f32(t, "q", 1, I64(2), x, &err), ERR_MISMATCH);
    assert_string_equal(err.text, "'m': tensor 'q.scale' is missing, the model needs [2]");
    assert_int_equal(io_tensors_read_f32(t, "r", 1, I64(2), x, &err), ERR_MISMATCH);
    assert_string_equal(err.text, "'m': tensor 'r.scale' is [1], the model needs [2]");
    io_tensors_close(&t);
    free(bytes);
}

static void test_unaligned(void **state)
{
    (void)state;
    const float value = 0.1f;
    for (size_t shift = 0; shift < 8; shift++) {
        size_t size;
        uint8_t *bytes = build(2 + 55, "{ \"a\":" F32("[1]", "0", "4") "}", 4, &size),
                *moved = malloc(size + 8);
        uint64_t length = size - 12;
        memcpy(bytes, &length, 8);
        memcpy(bytes + size - 4, &value, 4);
        memcpy(moved + shift, bytes, size);
        error err = {0};
        io_tensors *t = io_tensors_open_memory(moved + shift, size, "m", &err);
        float x = 0;
        assert_int_equal(io_tensors_read_f32(t, "a", 1, I64(1), &x, &err), ERR_OK);
        assert_true(x == value);
        io_tensors_close(&t);
        free(moved);
        free(bytes);
    }
}

static void test_same_bytes(void **state)
{
    (void)state;
    uint8_t *a, *b;
    size_t na, nb;
    save();
    assert_int_equal(io_read_file(path, 1 << 20, &a, &na, NULL), ERR_OK);
    save();
    assert_int_equal(io_read_file(path, 1 << 20, &b, &nb, NULL), ERR_OK);
    assert_int_equal(na, nb);
    assert_memory_equal(a, b, na);
    free(a);
    free(b);
}

/* Kilobytes in memory of the mapping in which `at` lies; -1: the system does not say. */
static int resident(const void *at)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)at + page - 1) / page * page;
    char line[200];
    unsigned long from, to, kilobytes = 0;
    bool inside = false;
    FILE *f = fopen("/proc/self/smaps", "r");
    if (!f) return -1;
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) inside = from <= begin && begin < to;
        if (inside && sscanf(line, "Rss: %lu kB", &kilobytes) == 1) break;
    }
    fclose(f);
    return (int)kilobytes;
}

/* Of a file the memory is given back and the numbers come again; bytes of the caller's are left alone. */
static void test_forgetting(void **state)
{
    (void)state;
    enum { COUNT = 1 << 18 };
    error err = {0};
    float *values = malloc(COUNT * sizeof *values), *x = malloc(COUNT * sizeof *x);
    assert_true(values && x);
    for (int i = 0; i < COUNT; i++) values[i] = (float)(i % 97);
    const io_tensor_entry e = {
        .name = "w", .dtype = IO_F32, .rank = 1, .shape = I64(COUNT), .values = values};
    assert_int_equal(io_tensors_save(path, &e, 1, NULL, 0, &err), ERR_OK);
    uint8_t *bytes;
    size_t size;
    assert_int_equal(io_read_file(path, 1 << 22, &bytes, &size, &err), ERR_OK);
    io_tensors *of_file = io_tensors_open(path, &err),
               *of_memory = io_tensors_open_memory(bytes, size, "m", &err);
    const io_tensor *w = io_tensors_find(of_file, "w"), *same = io_tensors_find(of_memory, "w");
    assert_true(w && same);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(io_tensors_read_f32(of_file, "w", 1, I64(COUNT), x, &err), ERR_OK);
        assert_memory_equal(x, values, COUNT * sizeof *x);
        int before = resident(w->data);
        io_tensors_forget(of_file, w);
        io_tensors_forget(of_memory, same);
        if (before > 0) assert_true(resident(w->data) < before - 900);
        assert_memory_equal(same->data, values, COUNT * sizeof *x);
    }
    io_tensors_close(&of_file);
    io_tensors_close(&of_memory);
    free(bytes);
    free(values);
    free(x);
}

static void refused(const io_tensor_entry *e, size_t count, const char *text)
{
    error err = {0};
    assert_int_equal(io_tensors_save(path, e, count, NULL, 0, &err), ERR_ARGUMENT);
    assert_non_null(strstr(err.text, text));
    assert_int_equal(access(path, F_OK), -1);
}

static void test_what_is_not_saved(void **state)
{
    (void)state;
    const float odd[] = {1, INFINITY};
    io_tensor_entry e[2] = {{.name = "a", .rank = 1, .shape = I64(2), .values = odd}};
    unlink(path);
    e[1] = e[0];
    refused(e, 2, "tensor 'a' is given twice");
    e[0].dtype = IO_I8;
    refused(e, 1, "tensor 'a' has a value that is not finite");
    e[1].name = "a.scale";
    refused(e, 2, "tensor 'a.scale' is given twice");
    e[0].rank = 0;
    refused(e, 1, "a single value");
    e[0] = (io_tensor_entry){.name = "a", .dtype = IO_I64, .rank = 1, .shape = I64(2), .values = odd};
    refused(e, 1, "must be given as raw bytes");
    e[0].values = NULL;
    refused(e, 1, "needs either values or raw bytes");
    e[0].rank = 9;
    refused(e, 1, "has a rank or shape out of range");
    e[0].name = "\xff";
    refused(e, 1, "has a name that cannot be stored");
    e[0].name = "__metadata__";
    refused(e, 1, "has a name that cannot be stored");
    error err = {0};
    assert_int_equal(io_tensors_save(path, NULL, 0, &(io_metadata){"k", "\xff"}, 1, &err), ERR_ARGUMENT);
    assert_int_equal(io_tensors_save("/no/such/x", NULL, 0, NULL, 0, &err), ERR_MISSING);
    assert_int_equal(io_tensors_save("/dev/full", entries, ENTRIES, NULL, 0, &err), ERR_IO);
    assert_string_equal(err.text, "cannot write '/dev/full': No space left on device");
}

/* The same file taken apart by a few lines of Python with struct, json and numpy. */
static void test_python_reads_it(void **state)
{
    (void)state;
    static const char *const pythons[] = {"python3", "/usr/bin/python3"}; /* either may lack numpy */
    char command[256];
    save();
    for (int i = 0; i < 2; i++) {
        snprintf(command, sizeof command, "%s -c 'import numpy' 2>/dev/null", pythons[i]);
        if (system(command)) continue;
        snprintf(command, sizeof command, "%s '%s/recipes/read_safetensors.py' '%s'", pythons[i],
                 TEST_SOURCE_DIR, path);
        assert_int_equal(system(command), 0);
        return;
    }
    print_message("skipped: no python3 with numpy\n");
    skip();
}

static void test_mobilenet(void **state)
{
    (void)state;
    error err = {0};
    io_tensors *t = io_tensors_open(TEST_SHARED_DIR "/data/weights/mobilenet_v2.safetensors", &err);
    if (!t && err.code == ERR_MISSING) {
        print_message("skipped: %s\n", err.text);
        skip();
    }
    if (!t) fail_msg("%s", err.text);
    float w[32 * 3 * 3 * 3];
    double sum = 0;
    int64_t values = 0;
    for (size_t i = 0; i < io_tensors_count(t); i++) values += io_tensor_length(io_tensors_at(t, i));
    /* Facts found with numpy. */
    assert_int_equal(io_tensors_count(t), 260);
    assert_int_equal(values, 2257984);
    assert_string_equal(io_tensors_metadata(t, "architecture"), "mobilenet_v2");
    assert_int_equal(io_tensors_read_f32(t, "features.0.0.weight", 4, I64(32, 3, 3, 3), w, &err), ERR_OK);
    for (int i = 0; i < 864; i++) sum += (double)w[i];
    assert_true(fabs(sum - -0.9755849971725183) < 1e-12);
    assert_true(fabsf(w[863] - 0.016993703f) < 1e-9f);
    io_tensors_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_every_half),
        cmocka_unit_test(test_half_rounding),
        cmocka_unit_test(test_bfloat),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_what_the_model_needs),
        cmocka_unit_test(test_unaligned),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_forgetting),
        cmocka_unit_test(test_what_is_not_saved),
        cmocka_unit_test(test_python_reads_it),
        cmocka_unit_test(test_mobilenet),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
