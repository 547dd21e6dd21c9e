/* The document frequencies that a trained model carries, so that CIDEr means something for a single photo.
 * They lie in the model's file as a tensor "df", the bytes (U8) of the JSON of captioner/score/df.h: opening
 * a model copies them and nobody parses them until they are asked for. */
#ifndef CAPTIONER_MODEL_DF_H
#define CAPTIONER_MODEL_DF_H

#include "captioner/net/model.h"
#include "captioner/score/df.h"

enum { CAP_MODEL_DF_MAX = 2000000 }; /* bytes: a model is not to grow for a table that only scores need */

/* Replaces the model's table. ERR_LIMIT: it would take more than CAP_MODEL_DF_MAX, the old one is kept. */
err_code cap_model_set_df(cap_model *m, const cap_df *df, error *err);

/* *df is NULL when the model carries none, else to be freed by the caller. */
err_code cap_model_get_df(const cap_model *m, cap_df **df, error *err);

/* The table in a model's file, without opening the model; ERR_MISSING when it carries none. */
err_code cap_model_read_df(const char *path, cap_df **df, error *err);

#endif
