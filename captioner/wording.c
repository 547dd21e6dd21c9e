/* A description in the words that were asked for, and its keywords. */
#include "captioner/session.h"

#include "captioner/show/alt_text.h"
#include "captioner/show/keywords.h"
#include "captioner/show/neutral.h"

static err_code word_sentence(const cap_wishes *w, arena *memory, const char **sentence, error *err)
{
    text neutral = {0}, alt = {0};
    if (w->neutral)
        cap_neutral(*sentence, &neutral);
    else
        text_append(&neutral, *sentence);
    if (w->alt_text) cap_alt_text(text_string(&neutral), CAP_ALT_TEXT, &alt);
    bool good = !neutral.failed && !alt.failed;
    if (good) *sentence = arena_strdup(memory, text_string(w->alt_text ? &alt : &neutral));
    text_release(&neutral);
    text_release(&alt);
    return good && *sentence ? ERR_OK : err_no_memory(err, "for a sentence");
}

err_code cap_session_word(const cap_wishes *w, cap_description *d, error *err)
{
    arena *memory = cap_result_memory(&d->memory);
    if (!memory) return err_no_memory(err, "for a sentence");
    err_code code = ERR_OK;
    if (w->keywords) code = cap_keywords(d, w->keywords, w->neutral, memory, &d->keyword, &d->keywords, err);
    if (!w->neutral && !w->alt_text) return code;
    for (int i = 0; i < d->alternatives && !code; i++)
        code = word_sentence(w, memory, &d->alternative[i].sentence, err);
    if (!code && d->alternatives) d->best.sentence = d->alternative->sentence;
    return code;
}
