/* Checkpoints: a set of parameters, and what training needs to go on, in one safetensors file.
 *
 *     char *state = "{\"epoch\": 3}";
 *     io_metadata text[] = {{"training", state}};
 *     if (ckpt_save("run.ckpt", &params, NULL, &optim, text, 1, IO_F32, &err)) ...
 *
 *     char *state;                                                       freed by the caller
 *     if (ckpt_load("run.ckpt", &params, NULL, &optim, "training", &state, &err)) ...
 *
 * Tensors: every parameter under its own name, running statistics included; with an optimiser also
 * "optim.m.NAME" and (AdamW) "optim.v.NAME" for every parameter that is learned, frozen or not, always F32,
 * "optim.a.NAME" for every parameter where an average is kept, and "optim.steps", one I64. Saved as F32 and loaded again, every number has the same bits.
 *
 * `prefix` picks the parameters whose names begin with it, "encoder." for instance; NULL or "" is all of
 * them. The optimiser may be NULL in both directions. */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include "src/io/safetensors.h"
#include "src/train/optim.h"

/* Writes the file atomically: a failure, or an end in the middle, leaves the old one as it was. dtype (F32,
 * F16, BF16 or I8) is that of the parameters of rank 2 and more; vectors are small and touchy and stay F32.
 */
err_code ckpt_save(const char *path, const nn_params *params, const char *prefix, const optim *o,
                   const io_metadata *metadata, size_t metadata_count, io_dtype dtype, error *err);

/* Every number of the parameters is finite and, as `dtype`, stays so: what ckpt_save would write as F16 must
 * not be beyond 65,504. */
bool ckpt_fits(const nn_params *params, const char *prefix, io_dtype dtype);

/* Reads what ckpt_save wrote, in any of its types. Everything is checked before the first number is written,
 * so a failure leaves parameters and optimiser as they were.
 *
 * With `key`, *value becomes a copy of that metadata text, which must be there; the caller frees it. NULL =
 * not wanted; on failure it is NULL. With a prefix, tensors of other names are passed over; without one,
 * every tensor but the optimiser's must have its parameter.
 *
 * Errors: ERR_MISMATCH (a tensor missing, of another shape, or without a parameter; moments missing or of
 * another optimiser; an average that is missing or that nobody keeps), ERR_FORMAT (F32 numbers that are not finite, second moments below 0), ERR_MISSING (no
 * file, or no such metadata), those of opening a safetensors file. */
err_code ckpt_load(const char *path, nn_params *params, const char *prefix, optim *o, const char *key,
                   char **value, error *err);

/* ckpt_load from a file that is open already, which may lie in memory. */
err_code ckpt_read(const io_tensors *file, nn_params *params, const char *prefix, optim *o, error *err);

#endif
