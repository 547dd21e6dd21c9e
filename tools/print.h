/* Text from outside (paths, words of a model) on its way to people and programs. */
#ifndef TOOLS_PRINT_H
#define TOOLS_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "src/base/text.h"
#include "src/io/json_build.h"

/* Prints on one line whatever the text holds, as text_show_next does, and \\ for a backslash: what is printed
 * leads back to the text. */
void print_escaped(FILE *out, const char *s);
void print_escaped_to(text *out, const char *s);

/* The same without the doubled backslashes: for sentences in which text from outside occurs. */
void print_shown(FILE *out, const char *s);

/* Says "caption: TEXT" on stderr, in printf form, with all that it holds from outside shown escaped. */
void ui_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says what is wrong with a photo that was read all the same; of many only the first UI_WARNED, and at the end
 * how many they were. */
enum { UI_WARNED = 3 };
void ui_warn(const char *path, const char *warning, int *warned);
void ui_warn_end(int warned, int photos);

/* A JSON string; bytes that are not UTF-8 become U+FFFD. NULL when memory is out. */
json_t *json_clean_string(const char *s);

/* Member `key` of an object: a path. One that is not UTF-8 gets KEY_bytes beside it, its bytes as hexadecimal
 * digits, since `key` alone does not lead back to the file. */
void json_put_path(io_json_build *b, json_t *object, const char *key, const char *path);

/* Prints what was built on one line, as print_json_line does; or puts it into a text, without an end. */
bool print_json_built(FILE *out, io_json_build *b);
bool print_json_built_to(text *out, io_json_build *b);

/* [{"word": ..., "probability": ...}, ...]; NULL when memory is out. */
json_t *json_words(const char *const *word, const float *probability, int words);

/* Prints the tree on one line and releases it. False: out of memory (o may be NULL then). */
bool print_json_line(FILE *out, json_t *o);

#endif
