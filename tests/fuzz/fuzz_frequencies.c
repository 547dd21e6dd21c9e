/* Document frequencies: what is taken is written as it was read. */
#include <stdlib.h>
#include <string.h>

#include "captioner/score/df.h"
#include "src/io/json.h"
#include "tests/fuzz/fuzz.h"

static char *written(const cap_df *df)
{
    json_t *o = cap_df_to_json(df);
    char *json = o ? io_json_text(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (!json) abort();
    return json;
}

static void there_and_back(const cap_df *df)
{
    cap_df *again = NULL;
    json_t *o = NULL;
    char *first = written(df), *second;
    if (io_json_parse(first, strlen(first), "fuzz", &o, NULL) || cap_df_from_json(&again, o, NULL)) abort();
    second = written(again);
    if (strcmp(first, second) != 0) abort();
    free(first);
    free(second);
    cap_df_free(&again);
    json_decref(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    json_t *o = NULL;
    cap_df *df = NULL;
    error e = {0};
    if (io_json_parse((const char *)bytes, size, "fuzz", &o, &e) || cap_df_from_json(&df, o, &e)) {
        fuzz_must_say(&e);
    } else {
        fuzz_taken++;
        there_and_back(df);
    }
    cap_df_free(&df);
    json_decref(o);
    return 0;
}
