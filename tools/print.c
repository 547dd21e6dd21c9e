#include "tools/print.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/text.h"

void print_escaped(FILE *out, const char *s)
{
    static const char letters[] = "\t\n\r\\", codes[] = "tnr\\";
    for (; *s; s++) {
        const char *known = strchr(letters, *s);
        unsigned char byte = (unsigned char)*s;
        if (known)
            fprintf(out, "\\%c", codes[known - letters]);
        else if (byte < 0x20 || byte == 0x7f)
            fprintf(out, "\\x%02x", byte);
        else
            fputc(byte, out);
    }
}

json_t *json_clean_string(const char *s)
{
    size_t length = strlen(s);
    if (text_utf8_valid(s, length, NULL)) return json_stringn(s, length);
    text clean = {0};
    for (const char *end = s + length; s < end;) {
        int32_t point = text_utf8_next(&s, end);
        text_append_point(&clean, point < 0 ? 0xFFFD : (uint32_t)point);
    }
    json_t *o = clean.failed ? NULL : json_string(text_string(&clean));
    text_release(&clean);
    return o;
}

json_t *json_words(const char *const *word, const float *probability, int words)
{
    json_t *list = json_array();
    bool good = list;
    for (int i = 0; good && i < words; i++)
        good = !json_array_append_new(list, json_pack("{s:o, s:f}", "word", json_clean_string(word[i]),
                                                      "probability", (double)probability[i]));
    if (good) return list;
    json_decref(list);
    return NULL;
}

bool print_json_line(FILE *out, json_t *o)
{
    char *line = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(o);
    if (!line) return false;
    fprintf(out, "%s\n", line);
    free(line);
    return true;
}
