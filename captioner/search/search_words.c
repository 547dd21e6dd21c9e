#include "captioner/search/search_words.h"

#include "datasets/function_words.h"
#include "datasets/tokenise.h"

static const char *const dangling[] = {
    "a",     "an",    "the",    "of",   "with",  "in",    "on",   "and",     "to",   "at",      "by",
    "for",   "from",  "or",     "is",   "are",   "was",   "were", "be",      "as",   "that",    "which",
    "while", "his",   "her",    "its",  "their", "into",  "onto", "near",    "next", "between", "through",
    "over",  "under", "behind", "very", "this",  "these", "some", "several", "but",  "'s",      NULL};

/* A growing list of distinct numbers. */
typedef struct number_list {
    int32_t *number;
    int count, most;
    const char *what; /* for messages */
} number_list;

static bool has(const int32_t *list, int n, int32_t word)
{
    for (int i = 0; i < n; i++)
        if (list[i] == word) return true;
    return false;
}

static err_code append_number(number_list *l, int32_t word, error *err)
{
    if (has(l->number, l->count, word)) return ERR_OK;
    if (l->count == l->most)
        return err_set(err, ERR_ARGUMENT, "too many words %s: at most %d", l->what, l->most);
    l->number[l->count++] = word;
    return ERR_OK;
}

/* How typed words become numbers: a caption's words, or the symbols of a text's codec. */
typedef struct dictionary {
    const ds_vocab *vocab; /* of captions; else NULL */
    const ds_codec *codec;
} dictionary;

/* The number of a word as someone typed it; *pieces is how many the model makes of it. */
static err_code read_word(const dictionary *d, const char *typed, arena *mem, int32_t *word, int *pieces,
                          error *err)
{
    ds_tokens tokens;
    int32_t *ids = NULL;
    err_code code = d->vocab ? ds_tokenise(typed, mem, &tokens, err)
                             : ds_codec_encode(d->codec, typed, mem, &ids, pieces, err);
    if (code) return code;
    if (d->vocab) *pieces = tokens.count;
    if (*pieces != 1) return ERR_OK;
    *word = d->vocab ? ds_vocab_id(d->vocab, tokens.word[0]) : ids[0];
    return ERR_OK;
}

static err_code read_typed(const dictionary *d, const char *const *typed, bool needed, number_list *l,
                           error *err)
{
    arena mem = {0};
    err_code code = ERR_OK;
    for (; !code && typed && *typed; typed++) {
        int32_t word = DS_UNK;
        int pieces;
        code = read_word(d, *typed, &mem, &word, &pieces, err);
        if (code) break;
        bool refused = pieces != 1 && (needed || d->vocab || !pieces);
        if (refused)
            code = err_set(err, ERR_ARGUMENT, "'%.80s' is %s; name one word at a time", *typed,
                           pieces ? "several words to the model" : "no word");
        else if (word == DS_UNK && needed)
            code = err_set(err, ERR_ARGUMENT, "the model does not know the word '%.80s', so it cannot say it",
                           *typed);
        else if (word != DS_UNK)
            code = append_number(l, word, err);
    }
    arena_release(&mem);
    return code;
}

static err_code add_known(const ds_vocab *vocab, const char *word, number_list *l, error *err)
{
    int32_t number = ds_vocab_id(vocab, word);
    return number < DS_SPECIALS ? ERR_OK : append_number(l, number, err);
}

/* The array `key` of the record; where there is none, what `usual` gives, up to NULL. */
static err_code read_known(const ds_vocab *vocab, const json_t *record, const char *key,
                           const char *const *(*usual)(const ds_vocab *vocab), number_list *l, error *err)
{
    const json_t *own = json_object_get(record, key), *word;
    err_code code = ERR_OK;
    const char *const *otherwise = own ? NULL : usual(vocab);
    for (; !own && !code && *otherwise; otherwise++) code = add_known(vocab, *otherwise, l, err);
    if (own && !json_is_array(own))
        return err_set(err, ERR_FORMAT, "'%s' in the model's record is no array of words", key);
    for (size_t i = 0; !code && (word = json_array_get(own, i)); i++) {
        if (!json_is_string(word))
            return err_set(err, ERR_FORMAT, "'%s' in the model's record holds what is no word", key);
        code = add_known(vocab, json_string_value(word), l, err);
    }
    return code;
}

static const char *const *dangling_words(const ds_vocab *vocab)
{
    (void)vocab;
    return dangling;
}

/* In another language English words are nobody's function words. */
static const char *const *harmless_words(const ds_vocab *vocab)
{
    static const char *const none[] = {NULL};
    return ds_vocab_is_english(vocab) ? ds_function_words : none;
}

static err_code read_rules(const dictionary *d, const char *const *must, const char *const *avoid,
                           cap_word_lists *lists, cap_search_options *o, error *err)
{
    number_list wanted = {lists->must, 0, CAP_MAX_MUST, "that must appear"};
    number_list unwanted = {lists->avoid, 0, CAP_MAX_AVOID, "to avoid"};
    err_code code = read_typed(d, must, true, &wanted, err);
    if (!code) code = read_typed(d, avoid, false, &unwanted, err);
    if (code) return code;
    const ds_vocab *vocab = d->vocab ? d->vocab : ds_codec_vocab(d->codec);
    for (int i = 0; i < wanted.count; i++)
        if (has(unwanted.number, unwanted.count, wanted.number[i]))
            return err_set(err, ERR_ARGUMENT, "the word '%.80s' cannot both appear and be avoided",
                           ds_vocab_word(vocab, wanted.number[i]));
    o->must = lists->must;
    o->musts = wanted.count;
    o->avoid = lists->avoid;
    o->avoids = unwanted.count;
    return ERR_OK;
}

err_code cap_search_words(const ds_vocab *vocab, const json_t *record, const char *const *must,
                          const char *const *avoid, cap_word_lists *lists, cap_search_options *o, error *err)
{
    number_list last = {lists->dangling, 0, CAP_MAX_DANGLING, "not to end with"};
    number_list again = {lists->again, 0, CAP_MAX_AGAIN, "that may be said again"};
    err_code code = read_rules(&(dictionary){.vocab = vocab}, must, avoid, lists, o, err);
    if (!code) code = read_known(vocab, record, "dangling", dangling_words, &last, err);
    if (!code) code = read_known(vocab, record, "again", harmless_words, &again, err);
    if (code) return code;
    o->dangling = lists->dangling;
    o->danglings = last.count;
    o->again = lists->again;
    o->agains = again.count;
    return ERR_OK;
}

err_code cap_search_symbols(const ds_codec *codec, const char *const *must, const char *const *avoid,
                            cap_word_lists *lists, cap_search_options *o, error *err)
{
    o->dangling = o->again = NULL;
    o->danglings = o->agains = 0;
    return read_rules(&(dictionary){.codec = codec}, must, avoid, lists, o, err);
}

static void record_list(const ds_vocab *vocab, const char *key, const char *const *words, io_json_build *b,
                        json_t *record)
{
    if (json_object_get(record, key)) return;
    json_t *list = io_json_put_array(b, record, key);
    for (; *words; words++)
        if (ds_vocab_id(vocab, *words) >= DS_SPECIALS) io_json_put_string(b, list, NULL, *words);
}

void cap_search_record_words(const ds_vocab *vocab, io_json_build *b, json_t *record)
{
    record_list(vocab, "dangling", dangling, b, record);
    record_list(vocab, "again", harmless_words(vocab), b, record);
}
