/* Lines as `caption translate` reads them: all of them come, none is over its bound, and the input ends. A byte
 * order mark is no line; one of UTF-16 is refused. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/text.h"
#include "tests/fuzz/fuzz.h"
#include "tools/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    error e = {0};
    read_line line;
    line_reader r = {.fd = open(fuzz_file(0, bytes, size), O_RDONLY | O_CLOEXEC), .name = "fuzz"};
    int mark = text_byte_order_mark((const char *)bytes, size);
    int64_t lines = 0, ends = size > (size_t)(mark > 0 ? mark : 0) && bytes[size - 1] != '\n';
    for (size_t i = 0; i < size; i++) ends += bytes[i] == '\n';
    if (r.fd < 0) abort();
    while (!lines_next(&r, &line, &e) && line.text) {
        lines++;
        if (line.number != lines || strlen(line.text) > LINE_MOST) abort();
    }
    if (mark < 0 ? !e.code || lines : e.code || lines != ends) abort();
    fuzz_taken += lines > 0;
    lines_release(&r);
    close(r.fd);
    return 0;
}
