/* WordPiece: the bytes are a vocabulary first, as JSON of ours or of the package tokenizers or as a file with
 * a piece a line, then, behind a zero byte, a line to read with it; and a line to learn pieces from. */
#include <stdlib.h>
#include <string.h>

#include "datasets/wordpiece.h"
#include "src/base/text.h"
#include "src/io/json.h"
#include "tests/fuzz/fuzz.h"

static void read_line(const ds_wordpiece *w, const char *line)
{
    arena memory = {0};
    int32_t *ids, count;
    if (ds_wordpiece_encode(w, line, &memory, &ids, &count, NULL) || count < 2) abort();
    if (ids[0] != ds_wordpiece_special(w, DS_WP_CLS) || ids[count - 1] != ds_wordpiece_special(w, DS_WP_SEP))
        abort();
    for (int32_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= ds_wordpiece_size(w)) abort();
    arena_release(&memory);
}

/* A vocabulary that was taken reads the line, and its JSON is taken, too. */
static void use(ds_wordpiece *w, const char *line)
{
    ds_wordpiece *again = NULL;
    json_t *object = ds_wordpiece_to_json(w);
    if (!object || ds_wordpiece_from_json(object, &again, NULL)) abort();
    read_line(w, line);
    read_line(again, line);
    json_decref(object);
    ds_wordpiece_free(&again);
    ds_wordpiece_free(&w);
}

static void take(err_code code, const error *err, ds_wordpiece *w, const char *line)
{
    if (code) {
        fuzz_must_say(err);
        if (w) abort();
        return;
    }
    fuzz_taken++;
    use(w, line);
}

static void learn(const char *line)
{
    const char *const lines[] = {line, line};
    ds_wordpiece *w = NULL;
    error err = {0};
    if (!text_utf8_valid(line, strlen(line), NULL))
        return; /* pieces are learned from lines that were checked */
    if (!ds_wordpiece_learn(lines, 2, 200, true, &w, &err))
        use(w, line);
    else
        fuzz_must_say(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    ds_wordpiece *w = NULL;
    error err = {0};
    json_t *object;
    char *input = fuzz_text(bytes, size);
    size_t head = strlen(input);
    const char *line = head < size ? input + head + 1 : input, *path = fuzz_file(0, input, head);
    if (!io_json_parse(input, head, "fuzz", &object, NULL)) {
        err_code code = ds_wordpiece_from_json(object, &w, &err);
        take(code, &err, w, line);
        json_decref(object);
    }
    w = NULL;
    err = (error){0};
    err_code code = ds_wordpiece_read(path, false, &w, &err);
    take(code, &err, w, line);
    w = NULL;
    err = (error){0};
    code = ds_wordpiece_read_tokenizer(path, &w, &err);
    take(code, &err, w, line);
    learn(line);
    free(input);
    return 0;
}
