/* Descriptions in another language: what a captioner says goes through a translator, and its words keep where they
 * look, since each looks at words that looked at the photo.
 *
 *     cap_chained source[8];
 *     if (cap_chain(translator, false, descriptions, 8, source, errors, &err)) ...
 *     source[0].said.sentence          "a dog runs"; descriptions[0].best.sentence is "ein hund rennt" now
 *
 * Word t of a translation looks at word c of the sentence by A[t][c], the translator's attention, and that at region
 * l by B[c][l], the captioner's: so t looks at l by the sum over c of A[t][c] B[c][l], of which each row is made to
 * sum to 1 first, as the end of the sentence, too, is looked at. Trust goes the same way. */
#ifndef CAPTIONER_CHAIN_H
#define CAPTIONER_CHAIN_H

#include "captioner/caption.h"
#include "src/base/error.h"

/* What was said before; it lives as long as the description. */
typedef struct cap_chained {
    cap_alternative said;
    float
        *alignment; /* [best.words][said.words], each row's sum is 1; NULL: the translator does not attend */
} cap_chained;

/* Translates all sentences of `count` descriptions in place, except of those with an error already, and those of
 * concepts alone. alt_text: as alternative text (show/alt_text.h). A description whose sentence cannot be translated
 * gets its reason in errors[i] and is empty then. Errors: those of cap_translate. */
err_code cap_chain(cap_session *translator, bool alt_text, cap_description *d, int count, cap_chained *source,
                   error *errors, error *err);

/* How far word t looks at word c: the translator's attention [targets][sources], whose last column is the end of the
 * sentence, from its source words to words of a sentence that may be split otherwise (in pieces, or characters):
 * these share what lies between the same letters. weight[targets][words] gets rows with the sum 1. */
void cap_chain_weights(const float *attention, int targets, int sources, const char *const *source, int words,
                       const char *const *word, float *weight);

#endif
