/* Translating: lines of text in, lines of text out, and where each word looked.
 *
 *     cap_translator *t;
 *     if (cap_translator_open("ende.safetensors", NULL, &t, &err)) ...
 *     cap_translation out[2];
 *     error reason[2];
 *     if (cap_translate(t, (const char *[]){"Two dogs run.", "A man sleeps."}, 2, out, reason, &err)) ...
 *     if (!reason[0].code) puts(out[0].best.sentence);
 *     for (int i = 0; i < 2; i++) cap_translation_release(&out[i]);
 *     cap_translator_close(&t);
 *
 * Nothing is global and nothing prints. One translator serves one thread at a time (it has worker threads of
 * its own); translations are the caller's and outlive it. */
#ifndef CAPTIONER_TRANSLATE_H
#define CAPTIONER_TRANSLATE_H

#include "captioner/alternative.h"
#include "captioner/net/precision.h"
#include "captioner/search/search.h"
#include "src/base/arena.h"

enum { CAP_MAX_SOURCE = 4096 }; /* words (characters, pieces) of a line at most */

typedef struct cap_translator cap_translator;

typedef struct cap_translator_settings {
    int threads; /* 0 = one per CPU; default 0 */
    cap_precision
        precision; /* of the decoder, which runs once a word; the encoder is as stored. Default CAP_BF16 */
    cap_search_options search; /* how words are chosen; must and avoid are set by opening */
    const char *const *must;   /* words that every line contains, then NULL; or NULL; read by opening */
    const char *const *avoid;  /* words that none does, likewise */
} cap_translator_settings;

/* The search of texts: no rule against repetitions, and max_words 1000. No translation is longer than twice
 * its source and ten words in any case, the source rounded up to a multiple of eight. */
cap_search_options cap_translate_defaults(void);
cap_translator_settings cap_translator_settings_default(void);

/* `settings` may be NULL. Errors: MISSING, IO, FORMAT (no model, or damaged), MISMATCH (a model that
 * describes images), ARGUMENT (a setting out of range, a word that must appear and that the model does not
 * know), MEMORY; then *out is NULL. */
err_code cap_translator_open(const char *path, const cap_translator_settings *settings, cap_translator **out,
                             error *err);
void cap_translator_close(cap_translator **t);        /* NULL and pointer to NULL are fine */
bool cap_translator_attends(const cap_translator *t); /* false: it has no attention to show */

typedef struct cap_translation {
    cap_alternative best;      /* its words are words, characters or pieces, as the model has them; a line of
                                  blanks has none and the sentence "" */
    const char **label;        /* [best.words] as a reader should see them, see ds_codec_label */
    int sources;               /* words of the source, the last one <end>; 0 for a line of blanks */
    const char **source;       /* [sources] as in the vocabulary */
    const char **source_label; /* [sources] */
    float *attention;          /* [best.words][sources], each word's sum is 1; NULL when not asked for
                                  (search.attention) or the model does not attend */
    int alternatives;          /* 1 to search.n_best */
    cap_alternative *alternative; /* [alternatives] by falling score; the first is `best` */
    arena memory;                 /* holds the arrays above */
} cap_translation;

/* Zeroed and released translations are fine. */
void cap_translation_release(cap_translation *t);

/* Translates `count` lines together, which is faster than one by one; what stands beside a line changes its
 * result to rounding only. Blanks around a line do not count. A line that cannot be translated leaves out[i]
 * empty and its reason in errors[i] (FORMAT: not UTF-8; LIMIT: over CAP_MAX_SOURCE words); the others are
 * translated all the same. Returns what failed for all of them, then every out[i] is empty. */
err_code cap_translate(cap_translator *t, const char *const *lines, int count, cap_translation *out,
                       error *errors, error *err);

#endif
