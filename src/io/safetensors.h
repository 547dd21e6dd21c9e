/* Safetensors: tensors by name in one file (https://github.com/huggingface/safetensors): 8 bytes
 * little-endian length of the header, the header in JSON, the data.
 *
 *     io_tensors *t = io_tensors_open("model.safetensors", &err);
 *     if (!t) return err.code;
 *     float w[3 * 5];
 *     if (io_tensors_read_f32(t, "decoder.w", 2, (int64_t[]){3, 5}, w, &err)) ...
 *     io_tensors_close(&t);
 *
 * An open file has been checked completely: lengths, types, shapes and offsets fit together and lie inside
 * the file. The values themselves are looked at when they are read. Not changed after opening, so any number
 * of threads may read. */
#ifndef IO_SAFETENSORS_H
#define IO_SAFETENSORS_H

#include "src/base/error.h"
#include "src/io/dtype.h"

#include <stddef.h>
#include <stdint.h>

enum {
    IO_TENSOR_RANK = 8,                /* axes at most */
    IO_TENSORS_HEADER = 100 * 1000000, /* bytes of header at most, as in the format's own reader */
};

/* Larger magnitudes are no weights: products and sums of them would soon be infinite. */
#define IO_TENSORS_MOST 1e18F

typedef struct io_tensors io_tensors;

/* Owned by the io_tensors it came from. `data` points into the file and may be unaligned. */
typedef struct io_tensor {
    const char *name;
    io_dtype dtype;
    int rank;                      /* 0..8; 0 is one value */
    int64_t shape[IO_TENSOR_RANK]; /* [rank], each 0 or more; beyond rank 0 */
    const void *data;
    size_t bytes; /* io_dtype_size(dtype) * product of shape */
} io_tensor;

/* NULL on failure: ERR_FORMAT (malformed), ERR_UNSUPPORTED (an element type or rank not known here),
 * ERR_LIMIT, and those of reading a file. The file is memory-mapped. */
io_tensors *io_tensors_open(const char *path, error *err);

/* Opens a file that lies in memory. The bytes are used in place and must outlive the result. `name` stands
 * for the path in errors, which are those of io_tensors_open. */
io_tensors *io_tensors_open_memory(const void *bytes, size_t size, const char *name, error *err);

/* The bytes of io_tensors_open_memory are those of a file that the system has mapped, the program's own. */
void io_tensors_mark_mapped(io_tensors *t);

/* Of a mapped file: the memory of a tensor that has been read is given back; what is read again comes from the
 * file again. Bytes in memory stay as they are. */
void io_tensors_forget(const io_tensors *t, const io_tensor *x);
void io_tensors_close(io_tensors **t); /* NULL and pointer to NULL are fine */

size_t io_tensors_count(const io_tensors *t);
const io_tensor *io_tensors_at(const io_tensors *t, size_t index);       /* in order of names (bytes) */
const io_tensor *io_tensors_find(const io_tensors *t, const char *name); /* NULL if there is none */
const char *io_tensors_metadata(const io_tensors *t, const char *key);   /* NULL if there is none */
const char *io_tensors_name(const io_tensors *t);                        /* path or name given to open */

int64_t io_tensor_length(const io_tensor *t);          /* number of values */
void io_tensor_to_f32(const io_tensor *t, float *out); /* out: [io_tensor_length], see io_to_f32 */

/* Reads the tensor as float after checking that it has the shape the model needs:
 *     'model.safetensors': tensor 'decoder.w' is [3,4], the model needs [3,5]      (ERR_MISMATCH)
 * and that its values are numbers, none of them beyond IO_TENSORS_MOST:
 *     'model.safetensors': tensor 'decoder.w' holds a value that is not a number      (ERR_FORMAT)
 * Types are F32, F64, F16, BF16, or I8: then "NAME" needs an F32 tensor "NAME.scale" [shape[0]], one factor
 * per row of the first axis.
 * out: [product of shape], contents undefined on failure. */
err_code io_tensors_read_f32(const io_tensors *t, const char *name, int rank, const int64_t *shape,
                             float *out, error *err);

/* ---- writing ---- */

/* One tensor to store. Exactly one of `values` and `raw` is given; neither is fine when there are no values.
 */
typedef struct io_tensor_entry {
    const char *name;     /* UTF-8, not "__metadata__" */
    io_dtype dtype;       /* type in the file */
    int rank;             /* 0..8 */
    const int64_t *shape; /* [rank] */
    const float
        *values;     /* converted to dtype: F32, F16, BF16, or I8 with "NAME.scale" added (max |row| / 127) */
    const void *raw; /* stored as it is, any dtype */
} io_tensor_entry;

typedef struct io_metadata {
    const char *key, *value; /* UTF-8 */
} io_metadata;

/* Writes the file atomically; the same input gives the same bytes. The data starts at a multiple of 64 bytes,
 * and wider types come first, so that every tensor is aligned to its type. I8 from values that are not
 * finite: ERR_ARGUMENT. Extra memory: the header and one block of 64 KiB. */
err_code io_tensors_save(const char *path, const io_tensor_entry *entries, size_t count,
                         const io_metadata *metadata, size_t metadata_count, error *err);

/* rank and shape -> number of values, or -1 for a rank or axis out of range or a product over 2^60. */
int64_t io_shape_length(int rank, const int64_t *shape);

#endif
