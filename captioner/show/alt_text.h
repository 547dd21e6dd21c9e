/* A caption as alternative text for a picture: what a screen reader says in its place, and search engines read.
 *
 *     text out = {0};
 *     cap_alt_text("a black and white photo of a dog", CAP_ALT_TEXT, &out);      A dog.
 *     if (out.failed) ...
 *     text_release(&out);
 *
 * It begins with a capital and ends with a full stop; names that captions have in lower case get theirs, too
 * ("TV", "Christmas"). It does not say that it is a picture, as whoever reads it aloud says so already. What is
 * longer than `most` characters is cut before a preposition or a conjunction, so that what is left is whole.
 * Sources: W3C, "Web Content Accessibility Guidelines 2.2", 1.1.1, technique G95, and "Images Tutorial"; 125 is
 * where some screen readers cut. Sentences in other languages than English get capital, full stop and length. */
#ifndef CAPTIONER_ALT_TEXT_H
#define CAPTIONER_ALT_TEXT_H

#include "src/base/text.h"

enum { CAP_ALT_TEXT = 125 };

/* Appends the sentence as alternative text of at most `most` characters (code points), 16 or more. Nothing
 * becomes of a sentence without a word. */
void cap_alt_text(const char *sentence, int most, text *out);

#endif
