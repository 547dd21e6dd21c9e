/* Models, of photos and of texts. The bytes are a whole file; or, when they begin with '{', the header of one
 * in JSON, and what follows a zero byte is repeated as its data. So a seed is small though the weights of a
 * photo's encoder are not. A translator that opens must translate, a language model complete and measure. */
#include <stdlib.h>
#include <string.h>

#include "captioner/caption.h"
#include "captioner/net/model.h"
#include "src/io/json.h"
#include "tests/fuzz/fuzz.h"

enum { LARGEST = 16 << 20 };

static void complete(const char *path)
{
    static const char *const beginnings[] = {"", "a dog \xC3\xA9 9"};
    cap_request r = cap_request_defaults(CAP_BEGINNINGS);
    cap_model *m = NULL;
    cap_session *session = NULL;
    cap_completion out;
    cap_measured sums = {0};
    error e = {0};
    r.beam = 2;
    r.max_words = 4;
    if (cap_open(path, NULL, &m, &e) || cap_session_open(m, 1, &session, &e)) fuzz_must_say(&e);
    for (int i = 0; session && i < 4; i++) {
        if (cap_complete(session, &r, beginnings[i % 2], i / 2, &out, &e)) fuzz_must_say(&e);
        cap_completion_release(&out);
    }
    if (session && cap_measure(session, beginnings, 2, &sums, &e)) fuzz_must_say(&e);
    cap_session_close(&session);
    cap_close(&m);
}

static void translate(const char *path)
{
    static const char *const lines[] = {"two dogs", "\xC3\xA9t\xC3\xA9 9!"};
    cap_request r = cap_request_defaults(CAP_LINES);
    cap_model *m = NULL;
    cap_session *session = NULL;
    cap_translation out[2];
    error reason[2], e = {0};
    r.beam = 2;
    r.max_words = 8;
    if (cap_open(path, NULL, &m, &e) || cap_session_open(m, 1, &session, &e)) {
        fuzz_must_say(&e);
        cap_close(&m);
        return;
    }
    if (cap_translate(session, &r, lines, 2, out, reason, &e)) {
        fuzz_must_say(&e);
    } else {
        for (int i = 0; i < 2; i++) cap_translation_release(&out[i]);
    }
    cap_session_close(&session);
    cap_close(&m);
}

static void open_model(const uint8_t *bytes, size_t size)
{
    cap_model *m = NULL;
    error e = {0};
    if (cap_model_open_memory(bytes, size, "fuzz", &m, &e)) {
        fuzz_must_say(&e);
        if (m) abort();
        return;
    }
    cap_kind kind = m->kind;
    cap_model_close(&m);
    fuzz_taken++;
    if (kind == CAP_TEXT) translate(fuzz_file(0, bytes, size));
    if (kind == CAP_NOTHING) complete(fuzz_file(0, bytes, size));
}

/* Bytes of data that a header asks for; 0 when it is none. */
static size_t data_size(const char *header, size_t length)
{
    json_t *root = NULL, *tensor;
    const char *name;
    json_int_t most = 0;
    if (io_json_parse(header, length, "fuzz", &root, NULL)) return 0;
    json_object_foreach(root, name, tensor)
    {
        json_int_t end = json_integer_value(json_array_get(json_object_get(tensor, "data_offsets"), 1));
        if (end > most) most = end;
    }
    json_decref(root);
    return most > LARGEST ? 0 : most;
}

static void from_header(const uint8_t *bytes, size_t size)
{
    const uint8_t *zero = memchr(bytes, 0, size);
    size_t head = zero ? (size_t)(zero - bytes) : size, period = size - head,
           data = data_size((const char *)bytes, head);
    uint64_t length = head;
    uint8_t *file = calloc(1, sizeof length + head + data);
    if (!file) return;
    memcpy(file, &length, sizeof length);
    memcpy(file + sizeof length, bytes, head);
    for (size_t i = 0; period > 1 && i < data; i++)
        file[sizeof length + head + i] = zero[1 + i % (period - 1)];
    open_model(file, sizeof length + head + data);
    free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size && bytes[0] == '{')
        from_header(bytes, size);
    else
        open_model(bytes, size);
    return 0;
}
