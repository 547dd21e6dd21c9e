/* What `caption info` shows of all kinds of models. */
#ifndef TOOLS_INFO_H
#define TOOLS_INFO_H

#include <jansson.h>
#include <stdbool.h>

#include "captioner/net/decoder_row.h"
#include "captioner/net/model.h"

/* A name and, in a column of its own, what is said of it; wrapped to 80 columns. Both may come from a file:
 * what a terminal would obey is escaped. False: memory ran out, here or in a text; nothing was printed. */
bool info_line(const char *name, const char *value);
bool info_text_line(const char *name, text *value); /* releases the text */

/* One line for each member of a model's record. */
bool info_record(const json_t *record);

/* The verb's verdict; says so when memory ran out. */
int info_verdict(bool good);

/* The line on a decoder of so many learned numbers: its row and settings. */
bool info_decoder(const cap_decoder_config *c, size_t parameters);

/* `caption info` of a translator or a language model. The verb's verdict. */
int info_text(const cap_model *m, const char *path, bool json, bool words);

/* Whether the file holds a reader (captioner/net/bert.h); `caption info` of it. */
bool info_is_reader(const char *path);
int info_reader(const char *path, bool json, bool words);

#endif
