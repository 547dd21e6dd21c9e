/* A training that starts from a model: its sizes, its words and those that the data add, its weights.
 *
 *     cap_train_settings s = cap_train_defaults();
 *     s.init = "model.safetensors";
 *     if (cap_train_take_sizes(&s, &err)) ...                    then what is wanted otherwise
 *
 * For the tasks (train_*.c, pretrain.c) alone, but for cap_train_take_sizes, which train.h declares. */
#ifndef CAPTIONER_TRAIN_INIT_H
#define CAPTIONER_TRAIN_INIT_H

#include "captioner/train/train.h"

/* The model of this name ("builtin": the one inside the program), as stored. ERR_MISMATCH: it is of another
 * kind. */
err_code cap_init_open(const char *init, cap_kind kind, cap_model **out, error *err);

/* The same as a file of tensors, which may hold an encoder alone; and the architecture of its encoder, to be
 * freed. */
err_code cap_init_tensors(const char *init, io_tensors **out, error *err);
err_code cap_init_architecture(const io_tensors *t, char **out, error *err);

/* Whether the settings ask for what the model is; ERR_ARGUMENT names the first that does not. */
err_code cap_init_check(const cap_train_settings *s, const cap_model *from, error *err);

/* The words of `old` under their numbers, then those of `found` that it has not, most frequent first. */
err_code cap_init_vocab(const ds_vocab *old, const ds_vocab *found, ds_vocab **out, error *err);

/* The same for a level of texts; `found` is taken over, and is the
 * result where there is no old one. What bpe writes stays as it is: its pieces follow from its merges. */
err_code cap_init_codec(const ds_codec *old, ds_codec *found, ds_codec **out, error *err);

/* Weights of `from` into those of `to`, which has been made with as many words or more: rows and columns of
 * new words keep what was drawn. Its licence stays in the record, too. */
err_code cap_init_weights(const cap_model *from, cap_model *to, error *err);

#endif
