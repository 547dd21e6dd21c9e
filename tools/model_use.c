#include "tools/model_use.h"

model_use model_use_defaults(void)
{
    return (model_use){.precision = PRECISION_DEFAULT};
}

err_code model_use_open(model_use *u, cap_reads reads, const cap_request *request, error *err)
{
    const cap_open_options options = {.precision = precision_find(u->precision), .reads = reads};
    err_code code = cap_open(u->path, &options, &u->model, err);
    if (!code) code = cap_request_check(u->model, request, err);
    return code ? code : cap_session_open(u->model, u->threads, &u->session, err);
}

void model_use_close(model_use *u)
{
    cap_session_close(&u->session);
    cap_close(&u->model);
}
