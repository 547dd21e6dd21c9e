#include "captioner/show/neutral.h"

#include <string.h>

#include "src/base/arena.h"

/* A sentence on its way: its words, each with what follows it without a blank. */
typedef struct token {
    const char *word; /* NULL: dropped */
    const char *tail; /* "'s", ",", or "" */
    bool person;      /* the word has been put there in place of another */
} token;

typedef struct line {
    token *token; /* [count] */
    int count;
    arena memory;
    bool failed;
} line;

static const char *copy(line *l, const char *s, size_t n)
{
    const char *kept = arena_strndup(&l->memory, s, n);
    if (!kept) l->failed = true;
    return kept ? kept : "";
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           (c & 0x80);
}

static bool split(line *l, const char *s)
{
    l->token = arena_array(&l->memory, strlen(s) / 2 + 1, sizeof *l->token);
    if (!l->token) return false;
    while (*(s += strspn(s, " "))) {
        size_t all = strcspn(s, " "), n = 0;
        while (n < all && is_letter(s[n])) n++;
        l->token[l->count++] = (token){copy(l, s, n), copy(l, s + n, all - n), false};
        s += all;
    }
    return !l->failed;
}

static void join(const line *l, text *out)
{
    const char *blank = "";
    for (int i = 0; i < l->count; i++) {
        if (!l->token[i].word) continue;
        text_append(out, blank);
        text_append(out, l->token[i].word);
        text_append(out, l->token[i].tail);
        blank = " ";
    }
}

static bool is_in(const char *word, const char *const *list)
{
    while (word && *list && strcmp(word, *list) != 0) list++;
    return word && *list;
}

/* The word of the sentence behind place i, or before it; NULL: there is none, or a comma stands between. */
static const token *behind(const line *l, int i)
{
    if (*l->token[i].tail && strcmp(l->token[i].tail, "'s") != 0) return NULL;
    while (++i < l->count)
        if (l->token[i].word) return &l->token[i];
    return NULL;
}

static token *before(const line *l, int i)
{
    while (--i >= 0)
        if (l->token[i].word) return &l->token[i];
    return NULL;
}

/* ---- the words ---- */

typedef struct pair {
    const char *from, *to;
} pair;

static const pair persons[] = {
    {"man", "person"},
    {"woman", "person"},
    {"men", "people"},
    {"women", "people"},
    {"mans", "person's"},
    {"womans", "person's"},
    {"mens", "people's"},
    {"womens", "people's"},
    {"guy", "person"},
    {"guys", "people"},
    {"dude", "person"},
    {"dudes", "people"},
    {"lady", "person"},
    {"ladies", "people"},
    {"gentleman", "person"},
    {"gentlemen", "people"},
    {"gal", "person"},
    {"gals", "people"},
    {"male", "person"},
    {"males", "people"},
    {"female", "person"},
    {"females", "people"},
    {"boy", "child"},
    {"boys", "children"},
    {"girl", "child"},
    {"girls", "children"},
    {"lad", "child"},
    {"lads", "children"},
    {"schoolboy", "schoolchild"},
    {"schoolboys", "schoolchildren"},
    {"son", "child"},
    {"sons", "children"},
    {"schoolgirl", "schoolchild"},
    {"daughter", "child"},
    {"daughters", "children"},
    {"schoolgirls", "schoolchildren"},
    {"mother", "parent"},
    {"mothers", "parents"},
    {"father", "parent"},
    {"fathers", "parents"},
    {"mom", "parent"},
    {"moms", "parents"},
    {"mommy", "parent"},
    {"mum", "parent"},
    {"dad", "parent"},
    {"dads", "parents"},
    {"daddy", "parent"},
    {"brother", "sibling"},
    {"brothers", "siblings"},
    {"sister", "sibling"},
    {"sisters", "siblings"},
    {"husband", "spouse"},
    {"wife", "spouse"},
    {"grandfather", "grandparent"},
    {"grandpa", "grandparent"},
    {"grandma", "grandparent"},
    {"grandmother", "grandparent"},
    {"boyfriend", "partner"},
    {"girlfriend", "partner"},
    {"waitress", "waiter"},
    {"waitresses", "waiters"},
    {"actress", "actor"},
    {"actresses", "actors"},
    {"policeman", "officer"},
    {"policemen", "officers"},
    {"policewoman", "officer"},
    {"fireman", "firefighter"},
    {"firemen", "firefighters"},
    {"businessman", "businessperson"},
    {"workman", "worker"},
    {"workmen", "workers"},
    {"businessmen", "businesspeople"},
    {"fisherman", "fisher"},
    {"fishermen", "fishers"},
    {"businesswoman", "businessperson"},
    {"cowgirl", "rider"},
    {"cowgirls", "riders"},
    {"salesman", "salesperson"},
    {"mailman", "mail carrier"},
    {"cameraman", "camera operator"},
};

/* Of these one word gives two persons the same name. */
static const pair plurals[] = {
    {"person", "people"},    {"child", "children"},
    {"parent", "parents"},   {"sibling", "siblings"},
    {"spouse", "spouses"},   {"grandparent", "grandparents"},
    {"partner", "partners"}, {"businessperson", "businesspeople"},
};

static const char *look_up(const pair *list, size_t count, const char *word)
{
    for (size_t i = 0; word && i < count; i++)
        if (!strcmp(list[i].from, word)) return list[i].to;
    return NULL;
}

#define LOOK_UP(list, word) look_up(list, sizeof(list) / sizeof *(list), word)

/* What somebody is or does, so that "female", "woman" or "girl" before it can go. */
static const char *const doers[] = {
    "player",     "players",    "skier",       "skiers",       "skateboarder", "skateboarders",
    "surfer",     "surfers",    "snowboarder", "snowboarders", "athlete",      "athletes",
    "rider",      "riders",     "runner",      "runners",      "swimmer",      "swimmers",
    "officer",    "officers",   "police",      "tennis",       "baseball",     "basketball",
    "volleyball", "football",   "softball",    "soccer",       "hockey",       "rugby",
    "golf",       "golfer",     "golfers",     "lacrosse",     "frisbee",      "student",
    "students",   "child",      "children",    "toddler",      "toddlers",     "adult",
    "adults",     "teenager",   "teenagers",   "teen",         "model",        "models",
    "scout",      "scouts",     "singer",      "singers",      "dancer",       "dancers",
    "gymnast",    "gymnasts",   "cyclist",     "cyclists",     "biker",        "bikers",
    "climber",    "climbers",   "boxer",       "boxers",       "wrestler",     "wrestlers",
    "performer",  "performers", "musician",    "musicians",    "cheerleader",  "cheerleaders",
    "jockey",     "skater",     "skaters",     "bicyclist",    "gymnastics",   "motorcyclist",
    "friend",     "friends",    "worker",      "workers",      "chef",         "soldier",
    "soldiers",   "figure",     "figures",     "hiker",        "hikers",       "infant",
    "passenger",  "pitcher",    "catcher",     "batter",       "umpire",       "bather",
    "bathers",    "person",     "persons",     "people",       "team",         "teams",
    "teacher",    "doctor",     NULL};

/* Of these it is said in earnest. */
static const char *const animals[] = {
    "lion",    "lions",   "elephant", "elephants", "deer",       "duck",   "ducks",   "bird",     "birds",
    "peacock", "giraffe", "giraffes", "zebra",     "zebras",     "dog",    "dogs",    "cat",      "cats",
    "horse",   "horses",  "bear",     "bears",     "moose",      "sheep",  "goat",    "goats",    "ram",
    "cow",     "cows",    "bull",     "bulls",     "swan",       "swans",  "tiger",   "antelope", "gazelle",
    "buffalo", "monkey",  "gorilla",  "mannequin", "mannequins", "statue", "statues", "doll",     NULL};

/* Behind a noun there may stand one of these, behind an adjective hardly. */
static const char *const joints[] = {
    "a",       "an",      "the",      "and",     "or",      "as",      "at",     "by",      "for",
    "from",    "in",      "into",     "is",      "are",     "was",     "were",   "has",     "have",
    "of",      "off",     "on",       "onto",    "out",     "over",    "to",     "under",   "up",
    "down",    "with",    "while",    "who",     "that",    "near",    "next",   "behind",  "beside",
    "through", "around",  "across",   "along",   "against", "between", "inside", "outside", "without",
    "wearing", "holding", "standing", "sitting", "wears",   "holds",   "stands", "sits",    "rides",
    "walks",   "jumps",   "runs",     "plays",   "looks",   "does",    "poses",  "dressed", "seated",
    "about",   "after",   "above",    "atop",    "before",  "during",  "when",   "where",   NULL};

static bool ends_in(const char *word, const char *end)
{
    size_t n = strlen(word), m = strlen(end);
    return n > m && !strcmp(word + n - m, end);
}

/* ---- what stands before and behind ---- */

/* Vowels as they are spoken, as far as the words of captions go. */
static bool sounds_open(const char *word)
{
    static const char *const closed[] = {"one", "uni", "use", "eu", "u-", NULL};
    if (!strncmp(word, "hour", 4) || !strncmp(word, "honest", 6)) return true;
    for (int i = 0; closed[i]; i++)
        if (!strncmp(word, closed[i], strlen(closed[i]))) return false;
    return *word && strchr("aeiou", *word);
}

/* "a" or "an" before place i, by the word that is there now. */
static void mend_article(line *l, int i, const char *word)
{
    token *t = before(l, i);
    if (!t || !word || *t->tail || (strcmp(t->word, "a") != 0 && strcmp(t->word, "an") != 0)) return;
    t->word = sounds_open(word) ? "an" : "a";
}

/* "walks" -> "walk", "watches" -> "watch", "carries" -> "carry"; a verb that does not end so stays. */
static const char *plural_verb(line *l, const char *verb)
{
    static const pair own[] = {
        {"is", "are"}, {"was", "were"}, {"has", "have"}, {"does", "do"}, {"goes", "go"}};
    const char *known = LOOK_UP(own, verb);
    size_t n = strlen(verb);
    if (known) return known;
    if (n < 4 || !ends_in(verb, "s") || ends_in(verb, "ss")) return verb;
    if (ends_in(verb, "ies")) {
        text t = {0};
        text_printf(&t, "%.*sy", (int)(n - 3), verb);
        const char *kept = t.failed ? copy(l, verb, n) : copy(l, text_string(&t), t.length);
        l->failed = l->failed || t.failed;
        text_release(&t);
        return kept;
    }
    bool hissing =
        ends_in(verb, "ches") || ends_in(verb, "shes") || ends_in(verb, "sses") || ends_in(verb, "xes");
    return copy(l, verb, n - (hissing ? 2 : 1));
}

/* ---- word by word ---- */

static void replace_pronoun(line *l, int i)
{
    static const char *const counted[] = {"own", "other", "one", "two", "three", "four", "first", NULL};
    static const pair plain[] = {{"his", "their"},
                                 {"him", "them"},
                                 {"hers", "theirs"},
                                 {"himself", "themselves"},
                                 {"herself", "themselves"}};
    token *t = &l->token[i];
    const token *next = behind(l, i);
    const char *other = LOOK_UP(plain, t->word);
    if (other) t->word = other;
    if (!strcmp(t->word, "her"))
        t->word = next && (is_in(next->word, counted) || !is_in(next->word, joints)) ? "their" : "them";
    if (strcmp(t->word, "he") != 0 && strcmp(t->word, "she") != 0) return;
    t->word = "they";
    if (!strcmp(t->tail, "'s")) t->tail = "'re";
    if (next && !*t->tail) l->token[next - l->token].word = plural_verb(l, next->word);
}

/* "female" before "player": it goes, and the article follows. */
static void drop(line *l, int i)
{
    token *t = &l->token[i];
    const token *next = behind(l, i);
    mend_article(l, i, next ? next->word : NULL);
    t->word = NULL;
}

static bool is_adjective(const char *word)
{
    return !strcmp(word, "male") || !strcmp(word, "female");
}

static bool is_young(const char *word)
{
    return !strcmp(word, "teenage") || !strcmp(word, "teen");
}

/* "men's" before these names a kind, not an owner. */
static const char *const kinds[] = {"room",   "rooms",  "restroom",   "bathroom",   "toilet",
                                    "tennis", "soccer", "basketball", "volleyball", "team",
                                    "match",  "game",   "race",       NULL};

static void replace_person(line *l, int i)
{
    static const char *const of_clothes[] = {"hat", "hats", "boots", "outfit", NULL};
    token *t = &l->token[i];
    const token *next = behind(l, i);
    const char *follows = next ? next->word : NULL, *other = LOOK_UP(persons, t->word);
    bool owner = !strcmp(t->tail, "'s"), adjective = is_adjective(t->word);
    if (!other || is_in(follows, of_clothes)) return;
    if (adjective && is_in(follows, animals)) return;
    if (owner ? is_in(follows, kinds) : is_in(follows, doers)) {
        drop(l, i);
        return;
    }
    bool noun = !follows || is_in(follows, joints) || ends_in(follows, "ing") || ends_in(follows, "ed");
    if (adjective && !owner && !noun) {
        drop(l, i);
        return;
    }
    token *young = before(l, i);
    if (young && is_young(young->word))
        other = !strcmp(other, "child") ? "person" : !strcmp(other, "children") ? "people" : other;
    if (!strncmp(other, "officer", 7) && (!young || strcmp(young->word, "police") != 0))
        other = ends_in(other, "s") ? "police officers" : "police officer";
    t->word = other;
    t->person = true;
    mend_article(l, i, other);
}

/* ---- persons who have become alike ---- */

static const char *const numbers[] = {"",    "a",     "two",   "three", "four", "five",
                                      "six", "seven", "eight", "nine",  "ten",  NULL};

/* [number] [adjectives] person: from `first` to `last`, both included. */
typedef struct group {
    int first, adjectives, last; /* where the adjectives begin */
    int count;                   /* how many; 0: not said, several */
    const char *many;            /* the noun's plural */
} group;

static int number_of(const char *word)
{
    for (int i = 1; numbers[i]; i++)
        if (!strcmp(word, numbers[i])) return i;
    return !strcmp(word, "an") || !strcmp(word, "one") || !strcmp(word, "another") ? 1 : 0;
}

static const char *plural_of(const char *word, bool *single)
{
    const char *many = LOOK_UP(plurals, word);
    *single = many;
    for (size_t i = 0; !many && i < sizeof plurals / sizeof *plurals; i++)
        if (!strcmp(plurals[i].to, word)) many = plurals[i].to;
    return many;
}

/* The group whose first word is at or behind place i. */
static bool read_group(const line *l, int i, group *g)
{
    enum { ADJECTIVES = 2 };
    int words = 0;
    while (i < l->count && !l->token[i].word) i++;
    if (i >= l->count) return false;
    *g = (group){.first = i, .adjectives = i, .count = number_of(l->token[i].word)};
    if (g->count) g->adjectives = ++i;
    for (; i < l->count; i++) {
        bool single;
        const token *t = &l->token[i];
        if (!t->word) continue;
        g->many = plural_of(t->word, &single);
        g->last = i;
        if (g->many && single && !g->count) g->count = 1;
        if (g->many) return single == (g->count == 1);
        if (words++ == ADJECTIVES || *t->tail || is_in(t->word, joints)) return false;
    }
    return false;
}

static bool same_adjectives(const line *l, const group *a, const group *b)
{
    int i = a->adjectives, j = b->adjectives;
    if (b->first == b->last) return true; /* "a little boy and girl": both are little */
    for (;; i++, j++) {
        while (i < a->last && !l->token[i].word) i++;
        while (j < b->last && !l->token[j].word) j++;
        if (i == a->last || j == b->last) return i == a->last && j == b->last;
        if (strcmp(l->token[i].word, l->token[j].word) != 0) return false;
    }
}

/* In place of "a", or of nothing, before the adjectives. */
static void put_number(line *l, const group *g, const char *number)
{
    token *first = &l->token[g->first];
    text t = {0};
    text_append(&t, number);
    if (g->first == g->adjectives && g->first < g->last) text_printf(&t, " %s", first->word);
    l->failed = l->failed || t.failed;
    first->word = copy(l, text_string(&t), t.length);
    text_release(&t);
}

/* "a person and a person" -> "two people". False: nothing of the kind begins at place i. */
static bool merge_at(line *l, int i)
{
    group a, b;
    if (!read_group(l, i, &a) || a.first != i || *l->token[a.last].tail) return false;
    const token *next = behind(l, a.last);
    if (!next || (strcmp(next->word, "and") != 0 && !next->person) || *next->tail) return false;
    int second = (int)(next - l->token) + !next->person; /* captions that lost their commas have no "and" */
    if (!read_group(l, second, &b) || a.many != b.many || !same_adjectives(l, &a, &b)) return false;
    int sum = a.count + b.count;
    if (!(l->token[a.last].person || l->token[b.last].person) || !a.count != !b.count || sum > 10)
        return false;
    if (!strcmp(l->token[b.last].tail, "'s")) return false;
    for (int k = a.last; k < b.last; k++) l->token[k].word = NULL;
    l->token[b.last].word = a.many;
    if (sum) put_number(l, &a, numbers[sum]);
    return true;
}

void cap_neutral(const char *sentence, text *out)
{
    line l = {0};
    bool good = split(&l, sentence);
    for (int i = 0; good && i < l.count; i++) {
        replace_pronoun(&l, i);
        replace_person(&l, i);
    }
    for (int i = 0; good && i < l.count;)
        if (!l.token[i].word || !merge_at(&l, i)) i++;
    if (good) join(&l, out);
    if (!good || l.failed) out->failed = true;
    arena_release(&l.memory);
}
