/* What reads texts: the bytes are a codec's JSON first, then, behind a zero byte, a line for it, which must
 * come back through numbers; and lines to learn all three levels from. */
#include <stdlib.h>
#include <string.h>

#include "datasets/codec.h"
#include "src/io/json.h"
#include "tests/fuzz/fuzz.h"

/* The line through the codec and back; with `exact`, and nothing unknown, it must be the same. */
static void there_and_back(const ds_codec *c, const char *line, int exact)
{
    arena memory = {0};
    text back = {0};
    int32_t *ids, count;
    if (ds_codec_encode(c, line, &memory, &ids, &count, NULL)) abort();
    for (int32_t i = 0; i < count; i++) {
        if (ids[i] < DS_UNK || ids[i] >= ds_vocab_size(ds_codec_vocab(c))) abort();
        if (ids[i] == DS_UNK) exact = 0;
        ds_codec_label(c, ids[i], &back);
    }
    text_clear(&back);
    ds_codec_decode(c, ids, count, &back);
    if (exact && strcmp(text_string(&back), line)) abort();
    text_release(&back);
    arena_release(&memory);
}

static void learn_and_use(const char *line)
{
    static const ds_codec_settings settings[] = {{.level = DS_WORD}, {.level = DS_CHAR}, {DS_BPE, 50, 2}};
    size_t length = strlen(line);
    int plain = !strstr(line, "\xE2\x96\x81");        /* the mark of a blank comes back as a blank */
    if (!text_utf8_valid(line, length, NULL)) return; /* codecs learn from lines that were checked */
    for (int i = 0; i < DS_LEVELS; i++) {
        ds_codec *c = NULL, *again = NULL;
        if (ds_codec_learn(&settings[i], &line, 1, &c, NULL)) abort();
        there_and_back(c, line, plain && i != DS_WORD);
        json_t *object = ds_codec_to_json(c);
        if (!object || ds_codec_from_json(object, &again, NULL)) abort();
        there_and_back(again, line, plain && i != DS_WORD);
        json_decref(object);
        ds_codec_free(&again);
        ds_codec_free(&c);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    error err = {0};
    json_t *object;
    ds_codec *c = NULL;
    char *input = fuzz_text(bytes, size);
    size_t head = strlen(input);
    if (!io_json_parse(input, head, "fuzz", &object, &err)) {
        if (ds_codec_from_json(object, &c, &err) && (c || !err.text[0])) abort();
        fuzz_taken += c != NULL;
        if (c) there_and_back(c, head < size ? input + head + 1 : input, 0);
        ds_codec_free(&c);
        json_decref(object);
    }
    learn_and_use(input);
    free(input);
    return 0;
}
