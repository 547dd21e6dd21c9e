/* Texts as words: the tokeniser of the scores, and that of the models, whose words come back as themselves.
 */
#include <stdlib.h>
#include <string.h>

#include "captioner/score/ptb.h"
#include "datasets/tokenise.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    arena memory = {0};
    text sentence = {0};
    ds_tokens words, again;
    cap_tokens tokens;
    char *input = fuzz_text(bytes, size);
    if (ds_tokenise(input, &memory, &words, NULL)) abort();
    ds_detokenise(words.word, words.count, &sentence);
    if (ds_tokenise(text_string(&sentence), &memory, &again, NULL)) abort();
    for (int32_t i = 0; i < words.count; i++)
        if (!words.word[i][0] || !text_utf8_valid(words.word[i], strlen(words.word[i]), NULL)) abort();
    if (cap_ptb_tokens(input, &memory, &tokens, NULL) || cap_ptb_split(input, &memory, &tokens, NULL))
        abort();
    fuzz_taken += words.count > 0;
    text_release(&sentence);
    arena_release(&memory);
    free(input);
    return 0;
}
