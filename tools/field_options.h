/* Options made from a table of fields (src/io/fields.h): --name with '-' for '_', ranges and help of the
 * table. */
#ifndef TOOLS_FIELD_OPTIONS_H
#define TOOLS_FIELD_OPTIONS_H

#include "src/io/fields.h"
#include "tools/options.h"

enum { FIELD_OPTIONS_MOST = 32 };

/* What the options point to; lives as long as they do. */
typedef struct field_options {
    const io_field *fields, *but;
    void *settings;
    char name[FIELD_OPTIONS_MOST][32];
    char choices[FIELD_OPTIONS_MOST][120];  /* "sigmoid|additive|..." */
    const char *chosen[FIELD_OPTIONS_MOST]; /* words; become values by field_options_apply */
    const char *first[FIELD_OPTIONS_MOST];  /* the words before parsing */
} field_options;

/* Appends a row of `table` for every field with a help text whose name is not in `but` (NULL: none is), of which
 * there are FIELD_OPTIONS_MOST at most. The defaults are what *settings holds now. Returns how many. */
int field_options_fill(field_options *f, const io_field *fields, const io_field *but, void *settings,
                       opt *table);

/* After parsing: words to values. What was not given is left alone: it may have changed since. */
void field_options_apply(const field_options *f);

#endif
