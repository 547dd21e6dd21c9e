#include "captioner/show/keywords.h"

#include <string.h>

#include "captioner/show/neutral.h"
#include "datasets/function_words.h"

typedef struct candidate {
    const char *word;
    double said, named; /* how likely, 0: not at all */
} candidate;

typedef struct candidates {
    candidate *list; /* room for all that could come */
    int count;
    bool neutral, failed;
    arena *memory;
} candidates;

/* True of almost any photo, or of none alone. */
static const char *const dull[] = {
    "standing",   "sitting",    "holding",  "wearing",    "looking",   "laying",  "lying",   "having",
    "using",      "taking",     "going",    "coming",     "getting",   "making",  "doing",   "posing",
    "showing",    "covered",    "filled",   "dressed",    "stands",    "sits",    "holds",   "wears",
    "looks",      "walks",      "runs",     "jumps",      "plays",     "rides",   "lays",    "lies",
    "goes",       "gets",       "takes",    "makes",      "large",     "small",   "big",     "little",
    "young",      "old",        "older",    "long",       "tall",      "short",   "top",     "front",
    "side",       "middle",     "back",     "group",      "couple",    "bunch",   "pair",    "piece",
    "lot",        "lots",       "kind",     "type",       "set",       "area",    "view",    "picture",
    "photo",      "photograph", "image",    "background", "different", "various", "full",    "close",
    "stand",      "sit",        "hold",     "look",       "ride",      "walk",    "play",    "playing",
    "riding",     "walking",    "appears",  "seen",       "shown",     "left",    "right",   "way",
    "thing",      "things",     "camera's", "parked",     "placed",    "made",    "open",    "topped",
    "surrounded", "carrying",   "nice",     "person's",   "someone's", "sort",    "part",    "edge",
    "corner",     "end",        "line",     "row",        "air",       "empty",   "hanging", "pulling",
    "trying",     "ready",      "like",     NULL};

static bool is_in(const char *word, const char *const *list)
{
    while (*list && strcmp(word, *list) != 0) list++;
    return *list;
}

/* "dogs" and "dog", "buses" and "bus", "people" and "person". */
static bool is_alike(const char *a, const char *b)
{
    static const char *const irregular[][2] = {
        {"person", "people"}, {"man", "men"}, {"woman", "women"}, {"child", "children"}, {"knife", "knives"}};
    size_t n = strlen(a), m = strlen(b);
    if (n > m) return is_alike(b, a);
    if (!strncmp(a, b, n) && (!b[n] || !strcmp(b + n, "s") || !strcmp(b + n, "es"))) return true;
    for (size_t i = 0; i < sizeof irregular / sizeof *irregular; i++)
        if ((!strcmp(a, irregular[i][0]) && !strcmp(b, irregular[i][1])) ||
            (!strcmp(b, irregular[i][0]) && !strcmp(a, irregular[i][1])))
            return true;
    return false;
}

static const char *in_neutral_words(candidates *c, const char *word)
{
    text t = {0};
    cap_neutral(word, &t);
    const char *kept = t.failed ? NULL : arena_strdup(c->memory, text_string(&t));
    text_release(&t);
    c->failed = c->failed || !kept;
    return kept ? kept : word;
}

static double worth(const candidate *c)
{
    return 1 - (1 - c->said) * (1 - c->named);
}

static void add(candidates *c, const char *word, double said, double named)
{
    if (strlen(word) < 2 || is_in(word, ds_function_words) || is_in(word, dull)) return;
    if (c->neutral) word = in_neutral_words(c, word);
    if (!*word) return;
    candidate new = {word, said, named};
    for (int i = 0; i < c->count; i++) {
        candidate *old = &c->list[i];
        if (!is_alike(old->word, word)) continue;
        if (worth(&new) > worth(old)) old->word = word;
        if (said > old->said) old->said = said;
        if (named > old->named) old->named = named;
        return;
    }
    c->list[c->count++] = new;
}

/* Is the word one of several that make up the name of an object? "light" is, beside "traffic light". */
static bool is_part(const cap_description *d, const char *word)
{
    size_t n = strlen(word);
    for (int i = 0; i < d->concepts; i++) {
        const char *name = d->concept[i].name, *blank = strchr(name, ' ');
        if (!blank) continue;
        if (((size_t)(blank - name) == n && !strncmp(name, word, n)) || !strcmp(blank + 1, word)) return true;
    }
    return false;
}

static void add_all(candidates *c, const cap_description *d)
{
    const cap_alternative *said = &d->best;
    for (int i = 0; i < d->concepts; i++) add(c, d->concept[i].name, 0, (double)d->concept[i].confidence);
    for (int i = 0; i < said->words && !d->unsure; i++) {
        const float *likely = said->trust ? said->trust : said->probability;
        if (!is_part(d, said->word[i])) add(c, said->word[i], (double)likely[i], 0);
    }
}

/* The best of those that are left; NULL: none is good enough. */
static const char *take_best(candidates *c)
{
    candidate *best = NULL;
    for (int i = 0; i < c->count; i++)
        if (c->list[i].word && (!best || worth(&c->list[i]) > worth(best))) best = &c->list[i];
    if (!best || worth(best) < CAP_KEYWORD_LEAST) return NULL;
    const char *word = best->word;
    best->word = NULL;
    return word;
}

err_code cap_keywords(const cap_description *d, int most, bool neutral, arena *memory, const char ***word,
                      int *count, error *err)
{
    *count = 0;
    candidates c = {.neutral = neutral, .memory = memory};
    c.list = arena_array(memory, (size_t)d->concepts + (size_t)d->best.words + 1, sizeof *c.list);
    *word = arena_array(memory, (size_t)most, sizeof **word);
    if (c.list && *word) add_all(&c, d);
    if (!c.list || !*word || c.failed) return err_no_memory(err, "for keywords");
    for (const char *best; *count < most && (best = take_best(&c));) {
        (*word)[*count] = arena_strdup(memory, best);
        if (!(*word)[*count]) return err_no_memory(err, "for keywords");
        (*count)++;
    }
    return ERR_OK;
}
