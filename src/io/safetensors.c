#include "src/io/safetensors.h"

#include "src/base/text.h"
#include "src/io/file.h"
#include "src/io/json_memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

struct io_tensors {
    char *name;
    io_map map;          /* what close unmaps; nothing for memory */
    bool mapped;         /* the system can read the bytes again */
    const uint8_t *data; /* behind the header */
    size_t data_size;
    json_t *header;   /* owns the tensors' names */
    json_t *metadata; /* inside header, or NULL */
    io_tensor *items; /* [count], sorted by name */
    size_t count;
};

int64_t io_shape_length(int rank, const int64_t *shape)
{
    int64_t n = 1;
    bool empty = false;
    if (rank < 0 || rank > IO_TENSOR_RANK) return -1;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0) return -1;
        empty = empty || shape[i] == 0;
        /* Also behind a zero the product must stay in range: other code may multiply in another order. */
        if (shape[i] > 0 && n > ((int64_t)1 << 60) / shape[i]) return -1;
        if (shape[i] > 0) n *= shape[i];
    }
    return empty ? 0 : n;
}

/* ---- opening: everything in the header may be a lie ---- */

static err_code bad(const io_tensors *t, error *err, const char *what)
{
    return err_set(err, ERR_FORMAT, "cannot read '%.300s': %s", t->name, what);
}

static err_code bad_tensor(const io_tensors *t, error *err, const char *name, const char *what)
{
    return err_set(err, ERR_FORMAT, "cannot read '%.300s': tensor '%.80s': %s", t->name, name, what);
}

/* What people give in place of a safetensors file, by its first bytes. */
static const struct kind_row {
    const char *start;
    size_t length, at;
    const char *what;
} kinds[] = {
    {"version https://git-lfs", 23, 0,
     "a git-lfs pointer, not the file it stands for; 'git lfs pull' fetches that"},
    {"GGUF", 4, 0, "a GGUF file, not a safetensors file"},
    {"PK\3\4", 4, 0, "a zip archive (as PyTorch's .pt and .pth are), not a safetensors file"},
    {"\x89HDF\r\n", 6, 0, "an HDF5 file (as Keras's .h5 are), not a safetensors file"},
    {"\x93NUMPY", 6, 0, "a NumPy array, not a safetensors file"},
    {"TFL3", 4, 4, "a TensorFlow Lite file, not a safetensors file"},
    {"\x1f\x8b", 2, 0, "a gzip archive, not a safetensors file"},
    {"\xFF\xD8\xFF", 3, 0, "a JPEG photo, not a safetensors file"},
    {"\x89PNG\r\n", 6, 0, "a PNG photo, not a safetensors file"},
    {"WEBP", 4, 8, "a WebP photo, not a safetensors file"},
};

/* A protobuf that begins with its version, then the name of what made it. */
static bool is_onnx(const uint8_t *b, size_t n)
{
    return n > 4 && b[0] == 0x08 && b[1] > 0 && b[1] < 32 && b[2] == 0x12 && b[3] > 0 && b[3] < 64 &&
           b[4] >= ' ' && b[4] < 0x7F;
}

static bool is_page(const uint8_t *b, size_t n)
{
    size_t i = 0;
    while (i < n && memchr(" \t\r\n", b[i], 4)) i++;
    return (n - i > 14 && !strncasecmp((const char *)b + i, "<!doctype html", 14)) ||
           (n - i > 5 && !strncasecmp((const char *)b + i, "<html", 5));
}

/* NULL: nothing that is known */
static const char *other_kind(const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (n >= kinds[i].at + kinds[i].length && !memcmp(b + kinds[i].at, kinds[i].start, kinds[i].length))
            return kinds[i].what;
    if (n > 2 && b[0] == 0x80 && b[1] >= 2 && b[1] <= 5) return "a Python pickle, not a safetensors file";
    if (is_page(b, n)) return "an HTML page, not a safetensors file: the download gave a page instead";
    if (is_onnx(b, n)) return "an ONNX file, not a safetensors file";
    return NULL;
}

static err_code parse_header(io_tensors *t, const uint8_t *bytes, size_t size, error *err)
{
    uint64_t length = 0;
    json_error_t fault;
    bool no_memory;
    const char *other = size < 9 || bytes[8] != '{' ? other_kind(bytes, size) : NULL;
    if (other) return bad(t, err, other);
    if (size < 8) return bad(t, err, "too short for a safetensors file");
    for (int i = 0; i < 8; i++) length |= (uint64_t)bytes[i] << 8 * i;
    if (size > 8 && bytes[8] != '{') return bad(t, err, "not a safetensors file");
    if (length > IO_TENSORS_HEADER)
        return err_set(err, ERR_LIMIT, "cannot read '%.300s': header of %llu bytes, at most %d are allowed",
                       t->name, (unsigned long long)length, (int)IO_TENSORS_HEADER);
    if (length > size - 8) return bad(t, err, "the file ends inside the header");
    if (!length || bytes[8] != '{') return bad(t, err, "not a safetensors file: it has no header");
    t->header = io_json_read((const char *)bytes + 8, length, JSON_REJECT_DUPLICATES, &fault, &no_memory);
    if (no_memory) return err_no_memory(err, "while reading '%.300s'", t->name);
    if (!t->header)
        return err_set(err, ERR_FORMAT, "cannot read '%.300s': header, line %d, column %d: %s", t->name,
                       fault.line, fault.column, fault.text);
    t->data = bytes + 8 + length;
    t->data_size = size - 8 - length;
    return ERR_OK;
}

static err_code check_metadata(io_tensors *t, error *err)
{
    const char *key;
    json_t *value;
    t->metadata = json_object_get(t->header, "__metadata__");
    if (!t->metadata) return ERR_OK;
    if (!json_is_object(t->metadata)) return bad(t, err, "'__metadata__' is not an object");
    json_object_foreach(t->metadata, key, value)
    {
        if (!json_is_string(value)) return bad(t, err, "'__metadata__' has a value that is not a string");
    }
    return ERR_OK;
}

static err_code parse_dtype(const io_tensors *t, const json_t *info, io_tensor *x, error *err)
{
    const char *name = json_string_value(json_object_get(info, "dtype"));
    if (!name) return bad_tensor(t, err, x->name, "'dtype' is not a string");
    int dtype = io_dtype_find(name);
    if (dtype < 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "cannot read '%.300s': tensor '%.80s': type '%.20s' is not known", t->name, x->name,
                       name);
    x->dtype = (io_dtype)dtype;
    return ERR_OK;
}

static err_code parse_shape(const io_tensors *t, const json_t *info, io_tensor *x, error *err)
{
    json_t *shape = json_object_get(info, "shape"), *axis;
    size_t i;
    if (!json_is_array(shape)) return bad_tensor(t, err, x->name, "'shape' is not an array");
    if (json_array_size(shape) > IO_TENSOR_RANK)
        return err_set(err, ERR_UNSUPPORTED,
                       "cannot read '%.300s': tensor '%.80s': %zu axes, at most %d are known", t->name,
                       x->name, json_array_size(shape), (int)IO_TENSOR_RANK);
    json_array_foreach(shape, i, axis)
    {
        if (!json_is_integer(axis) || json_integer_value(axis) < 0)
            return bad_tensor(t, err, x->name, "'shape' has an axis that is not a count");
        x->shape[i] = json_integer_value(axis);
    }
    x->rank = (int)json_array_size(shape);
    if (io_shape_length(x->rank, x->shape) < 0) return bad_tensor(t, err, x->name, "'shape' is too large");
    return ERR_OK;
}

static err_code parse_offsets(const io_tensors *t, const json_t *info, io_tensor *x, error *err)
{
    json_t *pair = json_object_get(info, "data_offsets");
    json_t *first = json_array_get(pair, 0), *last = json_array_get(pair, 1);
    if (json_array_size(pair) != 2 || !json_is_integer(first) || !json_is_integer(last))
        return bad_tensor(t, err, x->name, "'data_offsets' are not two integers");
    int64_t begin = json_integer_value(first), end = json_integer_value(last);
    if (begin < 0 || end < begin || (uint64_t)end > t->data_size)
        return bad_tensor(t, err, x->name, "'data_offsets' lie outside the file");
    /* At most 2^60 values of 8 bytes: the product fits. */
    uint64_t need = (uint64_t)io_tensor_length(x) * io_dtype_size(x->dtype);
    if ((uint64_t)(end - begin) != need)
        return bad_tensor(t, err, x->name, "'data_offsets' do not fit its type and shape");
    x->data = t->data + begin;
    x->bytes = need;
    return ERR_OK;
}

static err_code parse_tensor(const io_tensors *t, const char *name, const json_t *info, io_tensor *x,
                             error *err)
{
    *x = (io_tensor){.name = name};
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            return bad(t, err, "a tensor's name has a control character");
    if (!json_is_object(info)) return bad_tensor(t, err, name, "its description is not an object");
    err_code code = parse_dtype(t, info, x, err);
    if (!code) code = parse_shape(t, info, x, err);
    if (!code) code = parse_offsets(t, info, x, err);
    return code;
}

static int by_data(const void *a, const void *b)
{
    const io_tensor *x = a, *y = b;
    const uint8_t *px = x->data, *py = y->data;
    if (px != py) return px < py ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes; /* empty ones first, before what follows them */
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const io_tensor *)a)->name, ((const io_tensor *)b)->name);
}

/* Tensors must follow each other without a gap and to the end: then no byte is read twice or hidden. */
static err_code check_layout(io_tensors *t, error *err)
{
    const uint8_t *at = t->data, *end = t->data + t->data_size;
    if (t->count) qsort(t->items, t->count, sizeof *t->items, by_data);
    for (size_t i = 0; i < t->count; i++) {
        const io_tensor *x = &t->items[i];
        const uint8_t *begin = x->data;
        if (begin < at) return bad_tensor(t, err, x->name, "its data overlap those of another tensor");
        if (begin > at) return bad_tensor(t, err, x->name, "a gap in the data before it");
        at = begin + x->bytes;
    }
    if (at != end)
        return err_set(err, ERR_FORMAT, "cannot read '%.300s': %zu bytes after the last tensor", t->name,
                       (end - at));
    if (t->count) qsort(t->items, t->count, sizeof *t->items, by_name);
    return ERR_OK;
}

static err_code parse_all(io_tensors *t, const uint8_t *bytes, size_t size, error *err)
{
    const char *name;
    json_t *info;
    err_code code = parse_header(t, bytes, size, err);
    if (!code) code = check_metadata(t, err);
    if (code) return code;
    t->items = calloc(json_object_size(t->header) + 1, sizeof *t->items);
    if (!t->items) return err_no_memory(err, "while reading '%.300s'", t->name);
    json_object_foreach(t->header, name, info)
    {
        if (info == t->metadata) continue;
        code = parse_tensor(t, name, info, &t->items[t->count++], err);
        if (code) return code;
    }
    return check_layout(t, err);
}

static io_tensors *new_tensors(const char *name, error *err)
{
    io_tensors *t = calloc(1, sizeof *t);
    if (t) t->name = strdup(name);
    if (t && t->name) return t;
    err_no_memory(err, "while reading '%.300s'", name);
    io_tensors_close(&t);
    return NULL;
}

io_tensors *io_tensors_open_memory(const void *bytes, size_t size, const char *name, error *err)
{
    io_tensors *t = new_tensors(name, err);
    if (t && parse_all(t, bytes, size, err)) io_tensors_close(&t);
    return t;
}

io_tensors *io_tensors_open(const char *path, error *err)
{
    io_tensors *t = new_tensors(path, err);
    if (t && (io_map_open(&t->map, path, err) || parse_all(t, t->map.data, t->map.size, err)))
        io_tensors_close(&t);
    if (t) t->mapped = true;
    return t;
}

void io_tensors_mark_mapped(io_tensors *t)
{
    t->mapped = true;
}

void io_tensors_forget(const io_tensors *t, const io_tensor *x)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)x->data + page - 1) / page * page,
              end = ((uintptr_t)x->data + x->bytes) / page * page;
    if (t->mapped && begin < end) madvise((void *)begin, end - begin, MADV_DONTNEED); /* advice may fail */
}

void io_tensors_close(io_tensors **t)
{
    if (!t || !*t) return;
    json_decref((*t)->header);
    free((*t)->items);
    io_map_close(&(*t)->map);
    free((*t)->name);
    free(*t);
    *t = NULL;
}

/* ---- looking at it ---- */

size_t io_tensors_count(const io_tensors *t)
{
    return t->count;
}

const io_tensor *io_tensors_at(const io_tensors *t, size_t index)
{
    return index < t->count ? &t->items[index] : NULL;
}

const io_tensor *io_tensors_find(const io_tensors *t, const char *name)
{
    io_tensor key = {.name = name};
    return t->count ? bsearch(&key, t->items, t->count, sizeof key, by_name) : NULL;
}

const char *io_tensors_metadata(const io_tensors *t, const char *key)
{
    return json_string_value(json_object_get(t->metadata, key));
}

const char *io_tensors_name(const io_tensors *t)
{
    return t->name;
}

int64_t io_tensor_length(const io_tensor *t)
{
    return io_shape_length(t->rank, t->shape);
}

void io_tensor_to_f32(const io_tensor *t, float *out)
{
    io_to_f32(t->dtype, t->data, out, io_tensor_length(t));
}

/* ---- reading what a model needs ---- */

static void append_shape(text *s, int rank, const int64_t *shape)
{
    text_append(s, "[");
    for (int i = 0; i < rank; i++) text_printf(s, i ? ",%lld" : "%lld", (long long)shape[i]);
    text_append(s, "]");
}

static err_code mismatch(const io_tensors *t, const char *name, const io_tensor *x, int rank,
                         const int64_t *shape, error *err)
{
    text is = {0}, needs = {0};
    if (x)
        append_shape(&is, x->rank, x->shape);
    else
        text_append(&is, "missing");
    append_shape(&needs, rank, shape);
    err_set(err, ERR_MISMATCH, "'%.200s': tensor '%.80s' is %s, the model needs %s", t->name, name,
            text_string(&is), text_string(&needs));
    text_release(&is);
    text_release(&needs);
    return ERR_MISMATCH;
}

static bool has_shape(const io_tensor *x, int rank, const int64_t *shape)
{
    bool same = x && x->rank == rank;
    for (int i = 0; same && i < rank; i++) same = x->shape[i] == shape[i];
    return same;
}

/* Before they are used: one value that is not a number makes a whole photo's numbers none. */
static err_code check_values(const io_tensors *t, const io_tensor *x, error *err)
{
    if (x->dtype != IO_F32 && x->dtype != IO_F64 && x->dtype != IO_F16 && x->dtype != IO_BF16 &&
        x->dtype != IO_I8)
        return err_set(err, ERR_FORMAT,
                       "'%.200s': tensor '%.80s' is of type %s, weights are F32, F16, BF16 or I8", t->name,
                       x->name, io_dtype_name(x->dtype));
    float most = io_largest(x->dtype, x->data, io_tensor_length(x));
    if (most <= IO_TENSORS_MOST) return ERR_OK;
    if (isfinite(most))
        return err_set(err, ERR_FORMAT,
                       "'%.200s': tensor '%.80s' holds a value of %g, too large for a weight", t->name,
                       x->name, (double)most);
    return err_set(err, ERR_FORMAT, "'%.200s': tensor '%.80s' holds a value that is %s", t->name, x->name,
                   isnan(most) ? "not a number" : "infinite");
}

static err_code apply_scale(const io_tensors *t, const io_tensor *x, float *out, error *err)
{
    text name = {0};
    if (x->rank == 0)
        return err_set(err, ERR_FORMAT, "'%.200s': tensor '%.80s' is I8 without rows to scale", t->name,
                       x->name);
    text_printf(&name, "%s.scale", x->name);
    const io_tensor *scale = name.failed ? NULL : io_tensors_find(t, text_string(&name));
    err_code code = ERR_OK;
    if (!has_shape(scale, 1, x->shape))
        code = mismatch(t, text_string(&name), scale, 1, x->shape, err);
    else if (scale->dtype != IO_F32)
        code = err_set(err, ERR_FORMAT, "'%.200s': tensor '%.80s' is %s, F32 is needed", t->name, scale->name,
                       io_dtype_name(scale->dtype));
    text_release(&name);
    if (!code) code = check_values(t, scale, err);
    if (code) return code;
    int64_t rows = x->shape[0], length = io_tensor_length(x), row = length ? length / rows : 0;
    for (int64_t i = 0; row && i < rows; i++) {
        float factor;
        memcpy(&factor, (const uint8_t *)scale->data + i * sizeof factor, sizeof factor);
        for (int64_t k = 0; k < row; k++) out[i * row + k] *= factor;
    }
    return ERR_OK;
}

err_code io_tensors_read_f32(const io_tensors *t, const char *name, int rank, const int64_t *shape,
                             float *out, error *err)
{
    const io_tensor *x = io_tensors_find(t, name);
    if (!has_shape(x, rank, shape)) return mismatch(t, name, x, rank, shape, err);
    err_code code = check_values(t, x, err);
    if (code) return code;
    io_tensor_to_f32(x, out);
    return x->dtype == IO_I8 ? apply_scale(t, x, out, err) : ERR_OK;
}
