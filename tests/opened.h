/* A model with one session, and what is asked of it:
 *
 *     opened o = open_path(model, cap_request_defaults(CAP_PHOTOS), 1);
 *     cap_describe_file(o.session, &o.request, photo, &d, NULL)
 *     close_all(&o); */
#ifndef TESTS_OPENED_H
#define TESTS_OPENED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "captioner/caption.h"
#include "src/base/error.h"

typedef struct opened {
    cap_model *model;
    cap_session *session;
    cap_request request;
} opened;

static inline opened open_path(const char *path, cap_request r, int threads)
{
    opened o = {.request = r};
    error err = {0};
    if (cap_open(path, NULL, &o.model, &err) || cap_session_open(o.model, threads, &o.session, &err))
        fail_msg("%s", err.text);
    o.request.attention = true;
    return o;
}

static inline void close_all(opened *o)
{
    cap_session_close(&o->session);
    cap_close(&o->model);
    assert_null(o->session);
    assert_null(o->model);
}

#endif
