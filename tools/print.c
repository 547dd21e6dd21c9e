#include "tools/print.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/text.h"
#include "src/io/json.h"

void print_escaped(FILE *out, const char *s)
{
    for (const char *end = s + strlen(s); s < end;) {
        char shown[TEXT_SHOWN];
        if (*s == '\\') fputc('\\', out);
        int n = text_show_next(&s, end, shown);
        fwrite(shown, 1, n, out);
    }
}

void print_escaped_to(text *out, const char *s)
{
    for (const char *end = s + strlen(s); s < end;) {
        char shown[TEXT_SHOWN];
        if (*s == '\\') text_append(out, "\\");
        int n = text_show_next(&s, end, shown);
        text_append_bytes(out, shown, (size_t)n);
    }
}

void print_shown(FILE *out, const char *s)
{
    for (const char *end = s + strlen(s); s < end;) {
        char shown[TEXT_SHOWN];
        int n = text_show_next(&s, end, shown);
        fwrite(shown, 1, n, out);
    }
}

void ui_say(const char *format, ...)
{
    char line[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fputs("caption: ", stderr);
    print_shown(stderr, line);
    fputc('\n', stderr);
}

void ui_warn(const char *path, const char *warning, int *warned)
{
    if ((*warned)++ < UI_WARNED)
        ui_say("warning: '%s': %s", strcmp(path, "-") != 0 ? path : "standard input", warning);
}

void ui_warn_end(int warned, int photos)
{
    if (warned > UI_WARNED) ui_say("warning: %d of %d photos have such faults", warned, photos);
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

void json_put_path(io_json_build *b, json_t *object, const char *key, const char *path)
{
    text name = {0}, digits = {0};
    io_json_put_string(b, object, key, path);
    if (text_utf8_valid(path, strlen(path), NULL)) return;
    text_printf(&name, "%s_bytes", key);
    for (const char *s = path; *s; s++) text_printf(&digits, "%02x", (unsigned)(unsigned char)*s);
    bool good = !name.failed && !digits.failed;
    io_json_put(b, object, text_string(&name), good ? json_string(text_string(&digits)) : NULL);
    text_release(&name);
    text_release(&digits);
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

/* JSON is printed for programs, but terminals see it as well: what they would obey is written as \uHHHH,
 * which programs read as the same. */
static void append_json_text(text *out, const char *s)
{
    for (const char *end = s + strlen(s); s < end;) {
        const char *start = s;
        int32_t point = text_utf8_next(&s, end);
        if (point == 0x7F || (point > 0x7F && text_is_commanding((uint32_t)point)))
            text_printf(out, "\\u%04x", (unsigned)point);
        else
            text_append_bytes(out, start, (size_t)(s - start));
    }
}

/* Releases the tree. False: out of memory. */
static bool append_json(text *out, json_t *o)
{
    char *line = o ? io_json_text(o, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(o);
    if (line) append_json_text(out, line);
    free(line);
    return line && !out->failed;
}

bool print_json_line(FILE *out, json_t *o)
{
    text line = {0};
    bool good = append_json(&line, o);
    if (good) fwrite(text_string(&line), 1, line.length, out);
    if (good) fputc('\n', out);
    text_release(&line);
    return good;
}

bool print_json_built(FILE *out, io_json_build *b)
{
    return print_json_line(out, io_json_take(b));
}

bool print_json_built_to(text *out, io_json_build *b)
{
    return append_json(out, io_json_take(b));
}
