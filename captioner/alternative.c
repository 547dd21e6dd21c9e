#include "captioner/alternative.h"

#include <math.h>

#include "captioner/net/model.h"

static double confidence_of(const cap_hypothesis *h)
{
    return exp(h->log_probability / (h->words + h->ended));
}

bool cap_alternative_fill(const cap_model *m, const cap_hypothesis *h, arena *memory, cap_alternative *a)
{
    size_t words = (size_t)h->words;
    const ds_vocab *vocab = cap_model_vocab(m);
    text sentence = {0};
    cap_model_sentence(m, h->word, h->words, &sentence);
    *a = (cap_alternative){.sentence = sentence.failed ? NULL : arena_strdup(memory, text_string(&sentence)),
                           .words = h->words,
                           .word = arena_array(memory, words, sizeof *a->word),
                           .probability = arena_array(memory, words, sizeof *a->probability),
                           .log_probability = h->log_probability,
                           .score = h->score,
                           .confidence = confidence_of(h),
                           .ended = h->ended};
    text_release(&sentence);
    bool good = a->sentence && a->word && a->probability;
    for (size_t i = 0; good && i < words; i++) {
        a->probability[i] = h->probability[i];
        a->word[i] = arena_strdup(memory, ds_vocab_word(vocab, h->word[i]));
        good = a->word[i];
    }
    return good;
}
