#include "captioner/score/ptb.h"

#include <stdint.h>
#include <string.h>

#include "captioner/score/ptb_chars.h"

/* How it works: the caption becomes an array of code points with a blank before it and a 0 behind it. At each
 * place the rules below are asked in their order for the length of a token that begins there; the first that
 * answers wins. A rule may look back one character (s[-1]) and forward to the 0. */
typedef const uint32_t *place;

enum { ADDRESS_REACH = 512 }; /* addresses are looked for this far, so that no caption costs quadratic time */

static bool is_word(uint32_t c)
{
    return cap_char_is_letter(c) || cap_char_is_digit(c);
}

static bool one_of(uint32_t c, const char *set)
{
    return c && c < 0x80 && strchr(set, (int)c);
}

static size_t length_of_run(place s, bool (*is)(uint32_t))
{
    size_t n = 0;
    while (is(s[n])) n++;
    return n;
}

/* Do the characters at s read `text` (ASCII, lower case), whatever their case? */
static bool reads(place s, const char *text)
{
    for (; *text; text++, s++)
        if (cap_char_lower(*s) != (unsigned char)*text) return false;
    return true;
}

/* Does a whole word at s read `text`? Nothing of the word may follow. Returns its length or 0. */
static size_t reads_word(place s, const char *text)
{
    size_t n = strlen(text);
    return reads(s, text) && !is_word(s[n]) && !(s[n] == '-' && is_word(s[n + 1])) ? n : 0;
}

static size_t reads_any(place s, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = reads_word(s, words[i]);
        if (n) return n;
    }
    return 0;
}

#define READS_ANY(s, words) reads_any(s, words, sizeof words / sizeof words[0])

/* ---- rules: each returns the length of its token at s, or 0 ----------------------------------------------
 */

static bool is_address_char(uint32_t c)
{
    return c && !cap_char_is_blank(c) && !one_of(c, "<>\"(){}[]|\\^`");
}

static size_t address_end(place s, size_t n)
{
    while (n < ADDRESS_REACH && is_address_char(s[n])) n++;
    while (n && one_of(s[n - 1], ".,!?;:'-")) n--;
    return n;
}

static bool is_host_char(uint32_t c)
{
    return is_word(c) || c == '-' || c == '.';
}

/* flickr.com, bbc.co.uk/news: a host that ends in a well-known domain; returns the host's length */
static size_t host_length(place s)
{
    static const char *const domains[] = {"com", "net", "org", "edu", "gov", "mil", "info", "biz", "co.uk"};
    if (!is_word(s[0])) return 0;
    size_t n = 0;
    while (n < ADDRESS_REACH && is_host_char(s[n])) {
        size_t domain = n && s[n] == '.' && s[n - 1] != '.' ? READS_ANY(s + n + 1, domains) : 0;
        if (domain && !(s[n + 1 + domain] == '.' && is_word(s[n + 2 + domain]))) return n + 1 + domain;
        n++;
    }
    return 0;
}

static size_t match_web_address(place s)
{
    static const char *const schemes[] = {"http://", "https://", "ftp://", "www."};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t n = strlen(schemes[i]);
        if (reads(s, schemes[i]) && is_word(s[n])) return address_end(s, n);
    }
    size_t host = host_length(s);
    return host && s[host] == '/' ? address_end(s, host) : host;
}

static size_t match_mail_address(place s)
{
    size_t n = 0, dot = 0;
    if (!is_word(s[0])) return 0;
    while (n < ADDRESS_REACH && (is_host_char(s[n]) || one_of(s[n], "_%+"))) n++;
    if (s[n] != '@' || !is_word(s[n + 1])) return 0;
    for (n++; n < ADDRESS_REACH && is_host_char(s[n]); n++)
        if (s[n] == '.' && is_word(s[n + 1])) dot = n;
    return dot ? dot + 1 + length_of_run(s + dot + 1, is_word) : 0;
}

static bool is_capital(uint32_t c)
{
    return c >= 'A' && c <= 'Z';
}

/* AT&T, R&B, A+E: capitals only; "cats&dogs" is three tokens */
static size_t match_firm(place s)
{
    size_t n = length_of_run(s, is_capital), whole = 0;
    while (n && one_of(s[n], "&+") && is_capital(s[n + 1])) {
        n += 1 + length_of_run(s + n + 1, is_capital);
        whole = n;
    }
    return whole && !is_word(s[whole]) ? whole : 0;
}

/* from n on: -and-white */
static size_t join_hyphens(place s, size_t n)
{
    while (s[n] == '-' && is_word(s[n + 1])) n += 1 + length_of_run(s + n + 1, is_word);
    return n;
}

/* u.s. a.m. e.g u.s.-made: single letters with dots between; the last dot belongs to it */
static size_t match_acronym(place s)
{
    size_t n = 1, whole = 0;
    if (!cap_char_is_letter(s[0])) return 0;
    while (s[n] == '.' && cap_char_is_letter(s[n + 1]) && !is_word(s[n + 2])) whole = n += 2;
    if (!whole) return 0;
    if (s[whole] == '.') whole++;
    return join_hyphens(s, whole);
}

/* 1,000 3.14 10:30 .5 -5 1,000-foot; plain digits are words (2nd, 1950s) */
static size_t match_number(place s)
{
    bool sign = one_of(s[0], "+-") && cap_char_is_blank(s[-1]);
    size_t first = sign, n = first + length_of_run(s + first, cap_char_is_digit), digits = n;
    while (one_of(s[n], ".:,") && cap_char_is_digit(s[n + 1]))
        n += 1 + length_of_run(s + n + 1, cap_char_is_digit);
    if (n == digits && !(sign && digits > first)) return 0;
    return join_hyphens(s, n);
}

/* The first part of words that are two tokens; the rest is then read as a word of its own. */
static size_t match_first_part(place s)
{
    static const struct {
        const char *word;
        size_t first;
    } parts[] = {{"cannot", 3}, {"gonna", 3}, {"gotta", 3}, {"wanna", 3}, {"lemme", 3},
                 {"gimme", 3},  {"y'all", 2}, {"'tis", 2},  {"'twas", 2}};
    if (is_word(s[-1])) return 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (reads_word(s, parts[i].word)) return parts[i].first;
    return 0;
}

static size_t match_clitic(place s)
{
    static const char *const clitics[] = {"'s", "'re", "'ve", "'ll", "'d", "'m", "n't"};
    return READS_ANY(s, clitics);
}

/* Entries with a capital are abbreviations only with a capital: "ill." is a word, "Ill." a state. */
static bool is_abbreviation(place s, size_t n)
{
    static const char *const known[] = {
        "st",   "ste",   "mr",     "mrs",   "ms",   "dr",   "drs",  "etc",  "ave",  "rd",   "blvd",
        "jr",   "sr",    "vs",     "bros",  "esq",  "inc",  "corp", "ltd",  "dept", "prof", "sgt",
        "capt", "lt",    "messrs", "Gov",   "Gen",  "Col",  "Sen",  "Rep",  "Rev",  "Maj",  "Adm",
        "Cpl",  "Pvt",   "Hon",    "Pres",  "Co",   "Univ", "Jan",  "Feb",  "Mar",  "Apr",  "Jun",
        "Jul",  "Aug",   "Sep",    "Sept",  "Oct",  "Nov",  "Dec",  "Mon",  "Tue",  "Tues", "Wed",
        "Thu",  "Thurs", "Fri",    "Calif", "Mass", "Conn", "Fla",  "Colo", "Ariz", "Mich", "Minn",
        "Tenn", "Tex",   "Ill",    "Wash",  "Ore",  "Va",   "Pa",   "Ga",   "Wis",  "Okla"};
    if (n == 1) return cap_char_is_letter(s[0]);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i]) != n) continue;
        bool first = (unsigned char)known[i][0] == s[0] || cap_char_lower(s[0]) == (unsigned char)known[i][0];
        if (first && reads(s + 1, known[i] + 1)) return true;
    }
    return false;
}

/* "ready to bat., he waits": no sentence ends before a comma, so any word with a dot there counts as
 * shortened */
static bool goes_on(place s, size_t n)
{
    return cap_char_is_letter(s[0]) && one_of(s[n], ",;:");
}

/* and/or, 24/7, 12/25/2010: two slashes at most */
static size_t join_slashes(place s, size_t n)
{
    for (int i = 0; i < 2 && s[n] == '/' && is_word(s[n + 1]); i++)
        n = join_hyphens(s, n + 1 + length_of_run(s + n + 1, is_word));
    return n;
}

/* Does the apostrophe behind the n characters at s belong inside the word (o'clock, d'oeuvre, ma'am, c'mon)?
 */
static bool apostrophe_inside(place s, size_t n)
{
    static const char *const whole[] = {"c'mon", "s'mores", "s'more", "nor'easter", "li'l", "ev'ry",
                                        "nat'l", "cont'd",  "e'er",   "ne'er",      "o'er"};
    if (s[n] != '\'' || !cap_char_is_letter(s[n + 1]) || match_clitic(s + n)) return false;
    if (READS_ANY(s, whole)) return true;
    uint32_t before = cap_char_lower(s[n - 1]), after = cap_char_lower(s[n + 1]);
    return (n == 1 && one_of(before, "dol")) || (one_of(before, "aeiouy") && one_of(after, "aeiou"));
}

static size_t match_word(place s)
{
    size_t n = length_of_run(s, is_word);
    if (!n) return 0;
    if (s[n] == '.' && (is_abbreviation(s, n) || goes_on(s, n + 1))) return n + 1;
    if (apostrophe_inside(s, n)) n += 1 + length_of_run(s + n + 1, is_word);
    n = join_slashes(s, join_hyphens(s, n));
    return n > 1 && match_clitic(s + n - 1) ? n - 1 : n; /* do|n't: the n is not the verb's */
}

static size_t match_apostrophe_word(place s)
{
    static const char *const words[] = {"'n'",  "'n",   "'em",  "'til", "'till", "'cause", "'20s",
                                        "'30s", "'40s", "'50s", "'60s", "'70s",  "'80s",   "'90s"};
    return READS_ANY(s, words);
}

static size_t match_ellipsis(place s)
{
    size_t n = 0;
    while (s[n] == '.') n++;
    return n >= 3 ? n : 0;
}

static size_t match_dashes(place s)
{
    size_t n = 0;
    while (s[n] == '-') n++;
    return n >= 2 ? n : 0;
}

/* ?? !! ?! are one token each and, unlike a single ? or !, are kept */
static size_t match_shout(place s)
{
    size_t n = 0;
    while (one_of(s[n], "?!")) n++;
    return n;
}

static size_t match_opening_quote(place s)
{
    if (s[0] == '`' && s[1] == '`') return 2;
    return s[0] == '"' && (cap_char_is_blank(s[-1]) || one_of(s[-1], "([{"));
}

static size_t match_closing_quote(place s)
{
    if (s[0] == '\'' && s[1] == '\'') return 2;
    return s[0] == '"';
}

/* The order matters: what keeps more together comes first. */
static const struct rule {
    size_t (*match)(place);
    const char *as; /* NULL: the text itself, in lower case */
} rules[] = {
    {match_web_address, NULL},     {match_mail_address, NULL},  {match_firm, NULL},   {match_acronym, NULL},
    {match_number, NULL},          {match_first_part, NULL},    {match_clitic, NULL}, {match_word, NULL},
    {match_apostrophe_word, NULL}, {match_ellipsis, "..."},     {match_dashes, "--"}, {match_shout, NULL},
    {match_opening_quote, "``"},   {match_closing_quote, "''"},
};

/* ---- single characters ------------------------------------------------------------------------------------
 */

/* What a character that no rule takes becomes; NULL: nothing (emoji, foreign punctuation). */
static const char *symbol_name(uint32_t c)
{
    static const struct {
        uint32_t c;
        const char *as;
    } symbols[] = {
        {'(', "-lrb-"},  {')', "-rrb-"},  {'[', "-lsb-"},  {']', "-rsb-"},  {'{', "-lcb-"},  {'}', "-rcb-"},
        {0xA2, "cents"}, {0xA3, "#"},     {0xAB, "``"},    {0xBB, "''"},    {0xBC, "1/4"},   {0xBD, "1/2"},
        {0xBE, "3/4"},   {0x2013, "--"},  {0x2014, "--"},  {0x2015, "--"},  {0x2018, "`"},   {0x201A, "`"},
        {0x201B, "`"},   {0x201C, "``"},  {0x201D, "''"},  {0x201E, "``"},  {0x2026, "..."}, {0x2039, "`"},
        {0x203A, "'"},   {0x20AC, "$"},   {0x2153, "1/3"}, {0x2154, "2/3"}, {0x215B, "1/8"}, {0x215C, "3/8"},
        {0x215D, "5/8"}, {0x215E, "7/8"},
    };
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++)
        if (symbols[i].c == c) return symbols[i].as;
    return NULL;
}

static bool stays_itself(uint32_t c)
{
    return (c > ' ' && c < 0x7F) || (c > 0xA0 && c < 0x100);
}

/* ---- the walk ---------------------------------------------------------------------------------------------
 */

typedef struct writer {
    cap_tokens *out;
    char *text;
    bool keep_punctuation;
} writer;

/* The list of the COCO evaluation, compared after lower-casing: it names brackets in capitals, so they stay.
 */
static bool is_punctuation(const char *token)
{
    static const char *const removed[] = {"''", "'", "``", "`",  ".",   "?", "!",
                                          ",",  ":", "-",  "--", "...", ";"};
    for (size_t i = 0; i < sizeof removed / sizeof removed[0]; i++)
        if (!strcmp(token, removed[i])) return true;
    return false;
}

static void put_word(writer *w, place s, size_t n, const char *as)
{
    char *end = w->text;
    for (; as && *as; as++) *end++ = *as;
    if (end == w->text)
        for (size_t i = 0; i < n; i++) end = cap_char_write(end, cap_char_lower(s[i]));
    *end = 0;
    if (!w->keep_punctuation && is_punctuation(w->text)) return;
    w->out->token[w->out->count++] = w->text;
    w->text = end + 1;
}

static size_t put_symbol(writer *w, place s)
{
    const char *as = symbol_name(s[0]);
    if (as || stays_itself(s[0])) put_word(w, s, 1, as);
    return 1;
}

static size_t put_next(writer *w, place s)
{
    if (cap_char_is_blank(s[0])) return 1;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        size_t n = rules[i].match(s);
        if (!n) continue;
        put_word(w, s, n, rules[i].as);
        return n;
    }
    return put_symbol(w, s);
}

/* Variants that play the same part in a word as the ASCII character; other variants are named by symbol_name.
 */
static uint32_t plain(uint32_t c)
{
    if (c == 0x2019 || c == 0x02BC) return '\'';
    if (c == 0x2010 || c == 0x2011 || c == 0x2212) return '-';
    return c;
}

static size_t read_characters(const char *caption, uint32_t *to)
{
    size_t n = 0;
    for (uint32_t c; *caption;) {
        caption += cap_char_read(caption, &c);
        if (!cap_char_is_invisible(c)) to[n++] = plain(c);
    }
    to[n] = 0;
    return n;
}

static err_code tokenise(const char *caption, arena *a, bool keep_punctuation, cap_tokens *out, error *err)
{
    *out = (cap_tokens){0};
    size_t bytes = strnlen(caption, CAP_PTB_MAX_BYTES + 1);
    if (bytes > CAP_PTB_MAX_BYTES)
        return err_set(err, ERR_LIMIT, "a caption of more than %d bytes: no sentence is that long",
                       CAP_PTB_MAX_BYTES);
    /* at most one token a character, and at most 8 bytes a character: the longest name is "-lrb-" and its NUL
     */
    uint32_t *text = arena_array(a, bytes + 2, sizeof *text);
    writer w = {.out = out, .keep_punctuation = keep_punctuation};
    if (text) text[0] = ' ';
    size_t n = text ? read_characters(caption, text + 1) : 0;
    out->token = arena_array(a, n + 1, sizeof *out->token);
    w.text = arena_alloc(a, 8 * (n + 1));
    if (!text || !out->token || !w.text) return err_no_memory(err, "for the words of a caption");
    for (size_t at = 1; at <= n;) at += put_next(&w, text + at);
    return ERR_OK;
}

err_code cap_ptb_tokens(const char *caption, arena *a, cap_tokens *out, error *err)
{
    return tokenise(caption, a, false, out, err);
}

err_code cap_ptb_split(const char *caption, arena *a, cap_tokens *out, error *err)
{
    return tokenise(caption, a, true, out, err);
}
