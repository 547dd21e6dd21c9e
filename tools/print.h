/* Text from outside (paths, words of a model) on its way to people and programs. */
#ifndef TOOLS_PRINT_H
#define TOOLS_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Prints on one line whatever the text holds: \t \n \r \\ and \xHH for other control characters. */
void print_escaped(FILE *out, const char *s);

/* A JSON string; bytes that are not UTF-8 become U+FFFD. NULL when memory is out. */
json_t *json_clean_string(const char *s);

/* [{"word": ..., "probability": ...}, ...]; NULL when memory is out. */
json_t *json_words(const char *const *word, const float *probability, int words);

/* Prints the tree on one line and releases it. False: out of memory (o may be NULL then). */
bool print_json_line(FILE *out, json_t *o);

#endif
