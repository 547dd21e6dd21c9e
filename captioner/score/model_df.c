#include "captioner/score/model_df.h"

#include <stdlib.h>
#include <string.h>

#include "src/io/json.h"

err_code cap_model_set_df(cap_model *m, const cap_df *df, error *err)
{
    json_t *o = cap_df_to_json(df);
    char *json = o ? io_json_text(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (!json) return err_no_memory(err, "for document frequencies");
    size_t bytes = strlen(json);
    if (bytes > CAP_MODEL_DF_MAX) {
        free(json);
        return err_set(err, ERR_LIMIT,
                       "document frequencies of %zu bytes are over the limit of %d for a model", bytes,
                       CAP_MODEL_DF_MAX);
    }
    free(m->df);
    m->df = json;
    return ERR_OK;
}

static err_code parse_df(const char *json, const char *name, cap_df **df, error *err)
{
    json_t *o = NULL;
    error reason = {0};
    err_code code = io_json_parse(json, strlen(json), name, &o, err);
    if (!code && (code = cap_df_from_json(df, o, &reason)))
        err_set(err, code, "'%.200s': %s", name, reason.text);
    json_decref(o);
    return code;
}

err_code cap_model_get_df(const cap_model *m, cap_df **df, error *err)
{
    *df = NULL;
    return m->df ? parse_df(m->df, "document frequencies of the model", df, err) : ERR_OK;
}

err_code cap_model_read_df(const char *path, cap_df **df, error *err)
{
    error local = {0};
    error *e = err ? err : &local;
    char *json = NULL;
    *df = NULL;
    io_tensors *t = io_tensors_open(path, e);
    if (!t) return e->code;
    err_code code = cap_model_stored_df(t, &json, e);
    if (!code && !json) code = err_set(e, ERR_MISSING, "'%.200s' carries no document frequencies", path);
    if (!code) code = parse_df(json, path, df, e);
    free(json);
    io_tensors_close(&t);
    return code;
}
