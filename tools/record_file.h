/* Captions as records in one file, whose name says how they are written: .csv, .tsv or .jsonl. A run goes on
 * where an earlier one ended, or was killed: photos that have a record there get no second one, and a torn
 * last record is cut off and made anew.
 *
 *     record_file f = {.path = "captions.csv"};
 *     if (record_file_open(&f, EXISTING_KEEP, &err)) ...
 *     if (!record_file_has(&f, "a.jpg", &has)) ...
 *     if (record_file_add(&f, &record, &err)) ...
 *     if (record_file_close(&f, &err)) ...
 *
 *     path,caption,confidence,unsure              .csv: RFC 4180, with a line feed at the end of a record
 *     path   caption   confidence   unsure        .tsv: tabs; \t \n \r \\ within a field
 *     {"path":"a.jpg","caption":...}              .jsonl: what --json prints */
#ifndef TOOLS_RECORD_FILE_H
#define TOOLS_RECORD_FILE_H

#include "src/base/text.h"
#include "tools/existing.h"
#include "tools/line_log.h"
#include "tools/path_set.h"

typedef struct record_format record_format;

typedef struct record_file {
    const char *path;            /* NULL: none is wanted */
    const record_format *format; /* set by record_file_open */
    line_log log;
    path_set there; /* photos that have a record */
    int found;      /* records that were there */
    bool torn;      /* the last one was cut off */
} record_file;

typedef struct record {
    const char *photo;   /* its path as it was named */
    const char *caption; /* "": the model is unsure and says nothing */
    double confidence;   /* 0..1 */
    bool unsure;
    const char *json; /* of .jsonl: the line without its end */
} record;

/* What is wrong with the name of such a file; NULL: all is well. */
const char *record_file_problem(const char *path);
bool record_file_is_json(const char *path);

/* A file that is there is gone on with, where its first record is like ours; with a policy that allows it,
 * it begins anew. Errors: ARGUMENT, MISSING, IO, LIMIT, MEMORY; then it is not open. */
err_code record_file_open(record_file *f, existing_policy policy, error *err);

/* Has the photo a record? False: out of memory. */
bool record_file_has(const record_file *f, const char *photo, bool *has);

err_code record_file_add(record_file *f, const record *r, error *err);
err_code record_file_close(record_file *f, error *err); /* one that is not open is fine */

#endif
