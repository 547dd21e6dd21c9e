/* Lines of text on their way in and out: as numbers of a codec, and as labels that a reader sees. What
 * translating, completing and measuring share. */
#ifndef CAPTIONER_LINES_H
#define CAPTIONER_LINES_H

#include "datasets/codec.h"
#include "src/base/arena.h"
#include "src/base/error.h"

typedef struct cap_line {
    const char *plain; /* without the blanks around it, as trainers see their lines */
    int32_t *word;     /* [words] numbers; a line of blanks has none */
    int32_t words;
} cap_line;

/* Reads a line that has `most` words at most. What is wrong with the line is *reason's (FORMAT: not UTF-8;
 * LIMIT), and out has no words then; returned is what fails otherwise. All of it lives in `memory`. */
err_code cap_line_read(const ds_codec *codec, const char *line, int most, arena *memory, cap_line *out,
                       error *reason, error *err);

/* "words", "characters" or "pieces". */
const char *cap_line_unit(const ds_codec *codec);

/* The labels of words, each as ds_codec_label writes it. NULL: out of memory. */
const char **cap_line_labels(const ds_codec *codec, const int32_t *word, int words, arena *memory);

#endif
