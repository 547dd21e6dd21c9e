#include "src/io/safetensors.h"

#include "src/base/text.h"
#include "src/io/file.h"
#include "src/io/json_memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 16384, ALIGN = 64 };

/* A tensor as it will lie in the file: an entry, or the scales of an entry stored as I8. */
typedef struct part {
    const io_tensor_entry *entry;
    bool scale;
    io_dtype dtype;
    int rank;
    int64_t length; /* values */
} part;

typedef struct saver {
    const char *path;
    part *parts;
    size_t count;
    json_t *header;
    io_writer *writer;
    float *values; /* [CHUNK] scratch */
} saver;

static err_code no_memory(const saver *s, error *err)
{
    return err_no_memory(err, "while writing '%.300s'", s->path);
}

static err_code refuse(const saver *s, const char *name, const char *what, error *err)
{
    return err_set(err, ERR_ARGUMENT, "cannot write '%.300s': tensor '%.80s' %s", s->path, name, what);
}

static bool is_quantised(const io_tensor_entry *e)
{
    return e->dtype == IO_I8 && e->values;
}

static err_code check_entry(const saver *s, const io_tensor_entry *e, error *err)
{
    int64_t length = io_shape_length(e->rank, e->shape);
    if (strcmp(e->name, "__metadata__") == 0 || !text_utf8_valid(e->name, strlen(e->name), NULL))
        return refuse(s, e->name, "has a name that cannot be stored", err);
    if (length < 0) return refuse(s, e->name, "has a rank or shape out of range", err);
    if ((e->values && e->raw) || (length && !e->values && !e->raw))
        return refuse(s, e->name, "needs either values or raw bytes", err);
    if (e->values && e->dtype != IO_F32 && e->dtype != IO_F16 && e->dtype != IO_BF16 && e->dtype != IO_I8)
        return refuse(s, e->name, "has values of a type that must be given as raw bytes", err);
    if (is_quantised(e) && e->rank == 0)
        return refuse(s, e->name, "is a single value, which I8 cannot scale", err);
    return ERR_OK;
}

static err_code list_parts(saver *s, const io_tensor_entry *entries, size_t count, error *err)
{
    s->parts = calloc(2 * count + 1, sizeof *s->parts);
    if (!s->parts) return no_memory(s, err);
    for (size_t i = 0; i < count; i++) {
        const io_tensor_entry *e = &entries[i];
        err_code code = check_entry(s, e, err);
        if (code) return code;
        s->parts[s->count++] = (part){e, false, e->dtype, e->rank, io_shape_length(e->rank, e->shape)};
        if (is_quantised(e)) s->parts[s->count++] = (part){e, true, IO_F32, 1, e->shape[0]};
    }
    return ERR_OK;
}

/* ---- header ---- */

static err_code add_metadata(saver *s, const io_metadata *metadata, size_t count, error *err)
{
    json_t *object = json_object();
    if (!object || json_object_set_new(s->header, "__metadata__", object)) return no_memory(s, err);
    for (size_t i = 0; i < count; i++) {
        const char *key = metadata[i].key, *value = metadata[i].value;
        if (!text_utf8_valid(key, strlen(key), NULL) || !text_utf8_valid(value, strlen(value), NULL))
            return err_set(err, ERR_ARGUMENT, "cannot write '%.300s': metadata number %zu is not UTF-8",
                           s->path, i + 1);
        if (json_object_set_new(object, key, json_string(value))) return no_memory(s, err);
    }
    return ERR_OK;
}

static err_code add_part(saver *s, const part *p, size_t *offset, error *err)
{
    text name = {0};
    text_printf(&name, p->scale ? "%s.scale" : "%s", p->entry->name);
    size_t begin = *offset;
    *offset += p->length * io_dtype_size(p->dtype);
    json_t *shape = json_array();
    bool ok = shape && !name.failed;
    for (int i = 0; ok && i < p->rank; i++)
        ok = !json_array_append_new(shape, json_integer(p->entry->shape[i]));
    json_t *info = ok ? json_pack("{s:s, s:O, s:[I,I]}", "dtype", io_dtype_name(p->dtype), "shape", shape,
                                  "data_offsets", (json_int_t)begin, (json_int_t)*offset)
                      : NULL;
    json_decref(shape);
    err_code code = ERR_OK;
    if (info && json_object_get(s->header, text_string(&name))) {
        json_decref(info);
        code = refuse(s, text_string(&name), "is given twice", err);
    } else if (!info || json_object_set_new(s->header, text_string(&name), info)) {
        code = no_memory(s, err);
    }
    text_release(&name);
    return code;
}

/* Wider elements first, otherwise as given; in this order every tensor is aligned to its type. */
static err_code add_parts(saver *s, error *err)
{
    static const size_t sizes[] = {8, 4, 2, 1};
    size_t offset = 0, sorted = 0;
    part *order = calloc(s->count + 1, sizeof *order);
    if (!order) return no_memory(s, err);
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++)
        for (size_t i = 0; i < s->count; i++)
            if (io_dtype_size(s->parts[i].dtype) == sizes[k]) order[sorted++] = s->parts[i];
    free(s->parts);
    s->parts = order;
    err_code code = ERR_OK;
    for (size_t i = 0; i < s->count && !code; i++) code = add_part(s, &s->parts[i], &offset, err);
    return code;
}

static err_code write_header(saver *s, error *err)
{
    char *header = io_json_write(s->header, JSON_COMPACT);
    if (!header) return no_memory(s, err);
    size_t length = strlen(header), padded = (8 + length + ALIGN - 1) / ALIGN * ALIGN - 8;
    uint8_t size[8], spaces[ALIGN];
    for (int i = 0; i < 8; i++) size[i] = (uint8_t)((uint64_t)padded >> 8 * i);
    memset(spaces, ' ', sizeof spaces);
    err_code code = ERR_OK;
    if (padded > IO_TENSORS_HEADER)
        code = err_set(err, ERR_LIMIT, "cannot write '%.300s': header of %zu bytes, at most %d are allowed",
                       s->path, padded, (int)IO_TENSORS_HEADER);
    if (!code) code = io_writer_write(s->writer, size, sizeof size, err);
    if (!code) code = io_writer_write(s->writer, header, length, err);
    if (!code) code = io_writer_write(s->writer, spaces, padded - length, err);
    free(header);
    return code;
}

/* ---- data ---- */

/* The factor of one row: its largest magnitude becomes 127; a row of zeros has factor 0. False when a value
 * is not finite. */
static bool row_scale(const float *row, int64_t n, float *scale)
{
    float most = 0;
    bool finite = true;
    for (int64_t i = 0; i < n; i++) {
        finite = finite && isfinite(row[i]);
        if (fabsf(row[i]) > most) most = fabsf(row[i]);
    }
    *scale = most / 127.0f;
    return finite;
}

static void quantise(const float *x, int8_t *out, int64_t n, float scale)
{
    for (int64_t i = 0; i < n; i++) {
        float q = scale > 0 ? rintf(x[i] / scale) : 0;
        out[i] = (int8_t)(q > 127 ? 127 : q < -127 ? -127 : q); /* subnormal scales round coarsely */
    }
}

static err_code write_scales(saver *s, const part *p, error *err)
{
    int64_t rows = p->length, row = rows ? io_shape_length(p->entry->rank, p->entry->shape) / rows : 0;
    err_code code = ERR_OK;
    for (int64_t i = 0; i < rows && !code; i++) {
        float scale;
        if (!row_scale(p->entry->values + i * row, row, &scale))
            return refuse(s, p->entry->name, "has a value that is not finite, which I8 cannot hold", err);
        code = io_writer_write(s->writer, &scale, sizeof scale, err);
    }
    return code;
}

static err_code write_quantised(saver *s, const part *p, error *err)
{
    int64_t rows = p->entry->shape[0], row = p->length ? p->length / rows : 0;
    err_code code = ERR_OK;
    for (int64_t i = 0; row && i < rows && !code; i++) {
        const float *x = p->entry->values + i * row;
        float scale;
        row_scale(x, row, &scale);
        for (int64_t k = 0; k < row && !code; k += CHUNK) {
            int64_t n = row - k < CHUNK ? row - k : CHUNK;
            quantise(x + k, (int8_t *)s->values, n, scale);
            code = io_writer_write(s->writer, s->values, n, err);
        }
    }
    return code;
}

static err_code write_halves(saver *s, const part *p, error *err)
{
    err_code code = ERR_OK;
    for (int64_t i = 0; i < p->length && !code; i += CHUNK) {
        size_t n = p->length - i < CHUNK ? (p->length - i) : CHUNK;
        (p->dtype == IO_F16 ? io_f32_to_f16 : io_f32_to_bf16)(p->entry->values + i, (uint16_t *)s->values, n);
        code = io_writer_write(s->writer, s->values, 2 * n, err);
    }
    return code;
}

static err_code write_part(saver *s, const part *p, error *err)
{
    const io_tensor_entry *e = p->entry;
    if (p->scale) return write_scales(s, p, err);
    if (is_quantised(e)) return write_quantised(s, p, err);
    if (e->values && e->dtype != IO_F32) return write_halves(s, p, err);
    const void *bytes = e->values ? (const void *)e->values : e->raw;
    return io_writer_write(s->writer, bytes, p->length * io_dtype_size(p->dtype), err);
}

static err_code write_all(saver *s, error *err)
{
    s->values = malloc(CHUNK * sizeof *s->values);
    if (!s->values) return no_memory(s, err);
    error local;
    if (!err) err = &local;
    s->writer = io_writer_open(s->path, err);
    if (!s->writer) return err->code;
    err_code code = write_header(s, err);
    for (size_t i = 0; i < s->count && !code; i++) code = write_part(s, &s->parts[i], err);
    return code ? code : io_writer_close(&s->writer, err);
}

err_code io_tensors_save(const char *path, const io_tensor_entry *entries, size_t count,
                         const io_metadata *metadata, size_t metadata_count, error *err)
{
    saver s = {.path = path, .header = json_object()};
    err_code code = s.header ? list_parts(&s, entries, count, err) : no_memory(&s, err);
    if (!code && metadata_count) code = add_metadata(&s, metadata, metadata_count, err);
    if (!code) code = add_parts(&s, err);
    if (!code) code = write_all(&s, err);
    io_writer_abort(&s.writer);
    json_decref(s.header);
    free(s.values);
    free(s.parts);
    return code;
}
