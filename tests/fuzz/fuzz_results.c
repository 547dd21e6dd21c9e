/* Files of results: as `caption eval --results-out` goes on with, and as `caption eval --results` scores. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tools/eval_results.h"
#include "tools/verbs.h"

static const char refs[] =
    "{\"images\": [{\"id\": 1, \"file_name\": \"a.jpg\"}, {\"id\": 2, \"file_name\": \"b.jpg\"}],"
    " \"annotations\": [{\"image_id\": 1, \"caption\": \"a dog runs\"},"
    " {\"image_id\": 2, \"caption\": \"a cat sleeps on a bed\"}]}";

static void continue_with(const char *path)
{
    static ds_captions data;
    error e = {0};
    arena memory = {0};
    if (!data.images && ds_captions_parse(refs, sizeof refs - 1, "refs", NULL, &data, NULL)) abort();
    eval_said said[2] = {0};
    eval_results r = {
        .path = path, .captions = "refs", .data = &data, .said = said, .made_by = "0123456789abcdef"};
    if (eval_results_read(&r, &memory, &e))
        fuzz_must_say(&e);
    else
        fuzz_taken++;
    arena_release(&memory);
}

/* Prints what it finds: run with -close_fd_mask=3, as tools/check --fuzz does. */
static void score(const char *path)
{
    const char *words[] = {"eval", "--refs", fuzz_file(1, refs, sizeof refs - 1), "--results", path, NULL};
    int verdict = verb_eval(5, (char **)(uintptr_t)words);
    if (verdict != VERB_DONE && verdict != VERB_FAILED) abort();
    if (verdict == VERB_DONE) fuzz_taken++;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *path = fuzz_file(0, bytes, size);
    continue_with(path);
    score(path);
    return 0;
}
