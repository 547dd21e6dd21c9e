#include "tools/sinks.h"

#include <string.h>

#include "tools/print.h"

/* ---- captions beside their photos ---- */

static bool sidecar_is_on(const describe_request *q)
{
    return q->sidecar.kind && !q->metadata.beside;
}

static err_code plan_sidecar(describe_request *q, outputs *files, const char *photo, bool *wants, error *err)
{
    return sidecar_plan(&q->sidecar, files, q->policy, photo, wants, err);
}

static const char *model_name(const describe_request *q)
{
    const char *slash = q->use.path ? strrchr(q->use.path, '/') : NULL;
    return !q->use.path ? "built-in" : slash ? slash + 1 : q->use.path;
}

static bool compose_sidecar(const describe_request *q, const cap_description *d, const char *photo,
                            text *content)
{
    bool good;
    if (sidecar_is_json(&q->sidecar)) {
        io_json_build b = describe_build(q, d, photo, NULL);
        sidecar_put_mark(&b, model_name(q));
        good = print_json_built_to(content, &b);
    } else {
        good = describe_say(q, &d->best, content);
    }
    text_append(content, "\n");
    return good && !content->failed;
}

/* Where the model has nothing to say, those who read texts find none; JSON says that it is unsure. */
static err_code put_sidecar(describe_request *q, const cap_description *d, const char *photo, error *err)
{
    text content = {0};
    if (describe_is_hushed(q, d) && !sidecar_is_json(&q->sidecar)) return ERR_OK;
    err_code code = compose_sidecar(q, d, photo, &content)
                        ? sidecar_write(&q->sidecar, q->policy, photo, text_string(&content), err)
                        : err_no_memory(err, "for the sidecar of '%.200s'", photo);
    text_release(&content);
    return code;
}

static const sink sidecars = {"sidecar", "sidecars", sidecar_is_on, NULL, plan_sidecar, put_sidecar, NULL};

/* ---- captions in their photos, and in XMP files beside them ---- */

static bool metadata_is_on(const describe_request *q)
{
    return q->metadata.in_file || q->metadata.beside;
}

static err_code plan_metadata(describe_request *q, outputs *files, const char *photo, bool *wants, error *err)
{
    q->metadata.keywords = q->decoding.request.keywords;
    return metadata_plan(&q->metadata, files, q->policy, photo, wants, err);
}

/* Where the model has nothing to say, what it has named is all that is written. */
static err_code put_metadata(describe_request *q, const cap_description *d, const char *photo, error *err)
{
    text said = {0};
    bool silent = describe_is_hushed(q, d), good = describe_say(q, &d->best, &said);
    const metadata_words words = {.sentence = silent ? NULL : text_string(&said),
                                  .keyword = d->keyword,
                                  .keywords = d->keywords,
                                  .lang = q->chained.lang,
                                  .model = model_name(q),
                                  .confidence = d->confidence};
    err_code code = good ? metadata_write(&q->metadata, q->policy, photo, &words, err)
                         : err_no_memory(err, "for the metadata of '%.200s'", photo);
    text_release(&said);
    return code;
}

static const sink metadata_rows = {
    "metadata", "photos' metadata", metadata_is_on, NULL, plan_metadata, put_metadata, NULL};

/* ---- one file for all ---- */

static bool records_is_on(const describe_request *q)
{
    return q->records.path;
}

static err_code open_records(describe_request *q, error *err)
{
    err_code code = record_file_open(&q->records, q->policy, err);
    if (!code && q->records.torn) ui_say("'%s' ended in a torn record, which was cut off", q->records.path);
    return code;
}

/* Each photo of standard input is another one. */
static err_code plan_record(describe_request *q, outputs *files, const char *photo, bool *wants, error *err)
{
    (void)files; /* the command line names the file */
    bool has = false;
    bool good = !strcmp(photo, "-") || record_file_has(&q->records, photo, &has);
    *wants = !has;
    return good ? ERR_OK : err_no_memory(err, "for the photos of '%.200s'", q->records.path);
}

static err_code put_record(describe_request *q, const cap_description *d, const char *photo, error *err)
{
    text caption = {0}, line = {0};
    bool good = true, json = record_file_is_json(q->records.path);
    if (json) {
        io_json_build b = describe_build(q, d, photo, NULL);
        good = print_json_built_to(&line, &b);
    } else if (!describe_is_hushed(q, d)) {
        good = describe_say(q, &d->best, &caption);
    }
    const record r = {.photo = photo,
                      .caption = text_string(&caption),
                      .confidence = d->confidence,
                      .unsure = d->unsure,
                      .json = text_string(&line)};
    err_code code = good ? record_file_add(&q->records, &r, err)
                         : err_no_memory(err, "for the record of '%.200s'", photo);
    text_release(&caption);
    text_release(&line);
    return code;
}

static err_code close_records(describe_request *q, error *err)
{
    return record_file_close(&q->records, err);
}

static const sink records = {"record",    "records",  records_is_on, open_records,
                             plan_record, put_record, close_records};

/* ---- all of them ---- */

const sink *const sinks[SINKS] = {&sidecars, &metadata_rows, &records};

sink_set sinks_on(const describe_request *q)
{
    sink_set on = 0;
    for (int i = 0; i < SINKS; i++) on |= (sink_set)sinks[i]->is_on(q) << i;
    return on;
}

err_code sinks_open(describe_request *q, error *err)
{
    err_code code = ERR_OK;
    sink_set on = sinks_on(q);
    for (int i = 0; i < SINKS && !code; i++)
        if (on >> i & 1 && sinks[i]->open) code = sinks[i]->open(q, err);
    return code;
}

err_code sinks_plan(describe_request *q, outputs *files, const char *photo, sink_set *wants,
                    sinks_refused *refused, void *ctx, error *err)
{
    sink_set on = sinks_on(q);
    *wants = 0;
    for (int i = 0; i < SINKS; i++) {
        if (!(on >> i & 1)) continue;
        error reason = {0};
        bool wanted = false;
        err_code code = sinks[i]->plan(q, files, photo, &wanted, &reason);
        if (code == ERR_MEMORY) return err_set(err, code, "%s", reason.text);
        if (code)
            refused(ctx, i, &reason);
        else
            *wants |= (sink_set)wanted << i;
    }
    return ERR_OK;
}

err_code sinks_put(describe_request *q, const cap_description *d, const char *photo, sink_set wants,
                   sinks_refused *refused, void *ctx, bool *all, error *err)
{
    *all = true;
    for (int i = 0; i < SINKS; i++) {
        if (!(wants >> i & 1)) continue;
        error reason = {0};
        err_code code = sinks[i]->put(q, d, photo, &reason);
        if (code == ERR_MEMORY) return err_set(err, code, "%s", reason.text);
        if (code) refused(ctx, i, &reason);
        *all &= !code;
    }
    return ERR_OK;
}

err_code sinks_close(describe_request *q, error *err)
{
    err_code code = ERR_OK;
    sink_set on = sinks_on(q);
    for (int i = 0; i < SINKS; i++) {
        error reason = {0};
        if (!(on >> i & 1) || !sinks[i]->close) continue;
        err_code now = sinks[i]->close(q, &reason);
        if (now && !code) code = err_set(err, now, "%s", reason.text);
    }
    return code;
}
