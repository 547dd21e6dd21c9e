/* Sentences that leave open whether somebody is a man or a woman: a photo does not tell it, and whoever
 * describes one aloud may not want to guess.
 *
 *     text out = {0};
 *     cap_neutral("a man and a woman riding their bikes", &out);      two people riding their bikes
 *     cap_neutral("a young boy with his dog", &out);                  a young child with their dog
 *     cap_neutral("two female tennis players", &out);                 two tennis players
 *     if (out.failed) ...
 *     text_release(&out);
 *
 * English, as captions have it: lower case, words parted by blanks. Articles, plurals, pronouns and the verbs
 * behind them follow; persons who become alike are counted together ("two men and a woman": "three people").
 * Animals keep what is said of them ("a male lion"), and so do things ("a snowman"). A sentence without any
 * such word stays as it is. */
#ifndef CAPTIONER_NEUTRAL_H
#define CAPTIONER_NEUTRAL_H

#include "src/base/text.h"

/* Appends the sentence in neutral words. */
void cap_neutral(const char *sentence, text *out);

#endif
