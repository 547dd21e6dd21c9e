#include "captioner/show/alt_text.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "datasets/function_words.h"

/* A stretch of the sentence. */
typedef struct stretch {
    const char *at;
    size_t length;
} stretch;

static bool is_word(stretch s, const char *word)
{
    return strlen(word) == s.length && !strncmp(s.at, word, s.length);
}

static bool is_in(stretch s, const char *const *list)
{
    while (*list && !is_word(s, *list)) list++;
    return *list;
}

/* Moves past the next word; empty at the end. */
static stretch next_word(const char **at)
{
    *at += strspn(*at, " ");
    stretch word = {*at, strcspn(*at, " ")};
    *at += word.length;
    return word;
}

/* ---- what says that it is a picture ---- */

static const char *const pictures[] = {"photo",    "photograph", "picture", "image",    "pic", "shot",
                                       "snapshot", "photos",     "images",  "pictures", NULL};

/* What may stand before "photo": "a black and white photo of", "this is a close up picture of". */
static const char *const kinds[] = {"a",        "an",        "the",     "this",  "is",      "here",
                                    "there",    "black",     "and",     "white", "close",   "up",
                                    "close-up", "closeup",   "blurry",  "old",   "vintage", "color",
                                    "colored",  "colour",    "aerial",  "sepia", "grainy",  "dark",
                                    "nice",     "beautiful", "some",    "two",   "three",   "black-and-white",
                                    "blurred",  "artistic",  "cropped", NULL};

/* Behind "a photo of"; the sentence itself where it begins otherwise, or says no more. */
static const char *behind_picture(const char *sentence)
{
    const char *at = sentence;
    bool said = false;
    for (stretch w = next_word(&at); w.length; w = next_word(&at)) {
        if (said && is_word(w, "of")) return at[strspn(at, " ")] ? at + strspn(at, " ") : sentence;
        if (said || (!is_in(w, kinds) && !is_in(w, pictures))) break;
        said = is_in(w, pictures);
    }
    return sentence;
}

/* ---- length ---- */

static size_t characters(const char *s, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += (s[i] & 0xC0) != 0x80;
    return count;
}

/* Before these a sentence may end. */
static const char *const joints[] = {
    "and",   "with", "while", "as",    "in",     "on",     "at",      "by",      "near", "behind",  "beside",
    "under", "next", "that",  "which", "who",    "where",  "when",    "from",    "for",  "through", "around",
    "over",  "into", "to",    "above", "across", "inside", "outside", "between", "but",  "or",      NULL};

/* Bytes of the sentence without the function words at its end. */
static size_t without_dangling(const char *s, size_t n)
{
    for (;;) {
        while (n && (s[n - 1] == ' ' || s[n - 1] == ',')) n--;
        size_t start = n;
        while (start && s[start - 1] != ' ') start--;
        if (!start || !is_in((stretch){s + start, n - start}, ds_function_words)) return n;
        n = start;
    }
}

/* The same without a clause at its end that has hardly begun: "..., while their companion". */
static size_t without_stump(const char *s, size_t n)
{
    static const char *const openings[] = {"while", "as", "that", "which", "who", "where", "when", NULL};
    enum { STUMP = 3, LEFT = 3 }; /* words */
    const char *at = s;
    size_t end = 0, start = 0;
    int words = 0, before = 0, behind = STUMP + 1;
    for (stretch w = next_word(&at); w.length && (size_t)(at - s) <= n; w = next_word(&at)) {
        behind++;
        if (is_in(w, openings)) {
            start = end;
            before = words;
            behind = 0;
        }
        words++;
        end = (size_t)(at - s);
    }
    return behind <= STUMP && before >= LEFT ? start : n;
}

/* Bytes of the longest beginning of at most `most` characters that is whole. */
static size_t whole_beginning(const char *s, size_t most)
{
    const char *at = s;
    size_t all = strlen(s), fits = 0, joint = 0;
    if (characters(s, all) <= most) return all;
    for (stretch w = next_word(&at); w.length; w = next_word(&at)) {
        if (fits && is_in(w, joints)) joint = fits;
        size_t end = (size_t)(at - s);
        if (characters(s, end) > most) break;
        fits = end;
    }
    if (!fits) { /* one long word */
        while (characters(s, fits + 1) <= most) fits++;
        return fits;
    }
    size_t n = without_dangling(s, without_stump(s, joint ? joint : fits));
    return n ? n : fits;
}

/* ---- capitals ---- */

/* Words that are names and nothing else: no "turkey", no "apple". */
static const char *const names[] = {
    "TV",      "BMX",     "Christmas", "Santa",      "Halloween", "Wii",     "Nintendo", "American",
    "Asian",   "African", "Chinese",   "Japanese",   "Indian",    "Italian", "French",   "German",
    "Mexican", "English", "British",   "European",   "Canadian",  "Olympic", "London",   "Paris",
    "DVD",     "BBQ",     "USA",       "Lego",       "Starbucks", "iPhone",  "iPod",     "Spiderman",
    "Batman",  "Ferris",  "Eiffel",    "California", "Florida",   "ATM",     "ATV",      "SUV",
    "PC",      "CD",      "BMW",       "Hollywood",  "Labrador",  "I",       NULL};

static const char *capital_name(stretch w)
{
    for (int i = 0; names[i]; i++)
        if (strlen(names[i]) == w.length && !strncasecmp(names[i], w.at, w.length)) return names[i];
    return NULL;
}

/* The letter whose lower case is `point`. */
static uint32_t capital(uint32_t point)
{
    static const uint32_t apart[] = {32, 1, 80};
    for (size_t i = 0; i < sizeof apart / sizeof *apart; i++)
        if (point > apart[i] && text_lower_point(point - apart[i]) == point) return point - apart[i];
    return point;
}

static void append_capital(stretch w, text *out)
{
    const char *s = w.at, *end = w.at + w.length;
    int32_t point = text_utf8_next(&s, end);
    if (point < 0)
        s = w.at;
    else
        text_append_point(out, capital((uint32_t)point));
    text_append_bytes(out, s, (size_t)(end - s));
}

void cap_alt_text(const char *sentence, int most, text *out)
{
    const char *at = behind_picture(sentence + strspn(sentence, " "));
    size_t n = whole_beginning(at, (size_t)most - 1), start = out->length;
    const char *end = at + n;
    while (at < end) {
        stretch w = next_word(&at);
        if (w.at + w.length > end) w.length = (size_t)(end - w.at);
        if (!w.length) break;
        const char *name = capital_name(w);
        if (out->length > start) text_append(out, " ");
        if (name)
            text_append(out, name);
        else if (out->length == start)
            append_capital(w, out);
        else
            text_append_bytes(out, w.at, w.length);
    }
    if (out->length > start && !strchr(".!?", out->data[out->length - 1])) text_append(out, ".");
}
