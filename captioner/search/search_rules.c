#include "captioner/search/search_rules.h"

#include <math.h>

#include "datasets/vocab.h"

static bool contains(const int32_t *list, int n, int32_t word)
{
    for (int i = 0; i < n; i++)
        if (list[i] == word) return true;
    return false;
}

/* ---- the lists ---- */

static err_code check_list(const int32_t *list, int n, int vocabulary, const char *what, error *err)
{
    for (int i = 0; i < n; i++)
        if (list[i] < DS_SPECIALS || list[i] >= vocabulary)
            return err_set(err, ERR_ARGUMENT, "word number %d %s is none of the vocabulary", (int)list[i],
                           what);
    return ERR_OK;
}

err_code cap_rules_check(const cap_search_options *o, int vocabulary, error *err)
{
    for (int i = 0; i < o->begins; i++)
        if (o->begin[i] < DS_UNK || o->begin[i] >= vocabulary)
            return err_set(err, ERR_ARGUMENT, "word number %d to begin with is none of the vocabulary",
                           (int)o->begin[i]);
    err_code code = check_list(o->must, o->musts, vocabulary, "that must appear", err);
    if (!code) code = check_list(o->avoid, o->avoids, vocabulary, "to avoid", err);
    if (!code) code = check_list(o->dangling, o->danglings, vocabulary, "not to end with", err);
    if (!code) code = check_list(o->again, o->agains, vocabulary, "that may be said again", err);
    if (code) return code;
    for (int i = 0; i < o->musts; i++) {
        if (contains(o->must, i, o->must[i]))
            return err_set(err, ERR_ARGUMENT, "word number %d must appear twice over", (int)o->must[i]);
        if (contains(o->avoid, o->avoids, o->must[i]))
            return err_set(err, ERR_ARGUMENT, "word number %d must appear and must not", (int)o->must[i]);
    }
    int avoided = 0;
    for (int i = 0; i < o->avoids; i++) avoided += !contains(o->avoid, i, o->avoid[i]);
    if (avoided >= vocabulary - DS_SPECIALS)
        return err_set(err, ERR_ARGUMENT, "there is no word to say that is not to be avoided");
    return ERR_OK;
}

uint32_t cap_rules_meet(const cap_search_options *o, uint32_t met, int32_t word)
{
    for (int i = 0; i < o->musts; i++)
        if (o->must[i] == word) return met | 1u << i;
    return met;
}

/* ---- room for what is missing ---- */

static bool dangles(const cap_search_options *o, cap_rule_level level, int32_t word)
{
    return level < CAP_MAY_DANGLE && contains(o->dangling, o->danglings, word);
}

/* The fewest words that make a sentence complete: those of `must` that are missing, and one more when all of
 * them dangle, or when none is missing and the last word said does. */
static int words_needed(const cap_search_options *o, cap_rule_level level, uint32_t met, bool last_dangles)
{
    int missing = 0, firm = 0;
    for (int i = 0; i < o->musts; i++) {
        if (met >> i & 1) continue;
        missing++;
        firm += !dangles(o, level, o->must[i]);
    }
    if (firm) return missing;
    bool any = o->danglings && level < CAP_MAY_DANGLE;
    return missing + (any && (missing || last_dangles));
}

/* Only words of `must` that are missing may follow, and of these only such as leave room for the rest. */
static void ban_all_but_missing(const cap_search_options *o, int vocabulary, const cap_prefix *p, int room,
                                real *x)
{
    real kept[CAP_MAX_MUST];
    for (int i = 0; i < o->musts; i++) kept[i] = x[o->must[i]];
    for (int w = 0; w < vocabulary; w++) x[w] = -(real)INFINITY;
    for (int i = 0; i < o->musts; i++) {
        bool is_last = dangles(o, p->level, o->must[i]);
        if (!(p->met >> i & 1) && words_needed(o, p->level, p->met | 1u << i, is_last) <= room)
            x[o->must[i]] = kept[i];
    }
}

/* Dangling words may not follow, but for those of `must` that are missing: each of these takes its own room.
 */
static void ban_dangling(const cap_search_options *o, const cap_prefix *p, real *x)
{
    for (int i = 0; i < o->danglings; i++) {
        bool wanted = cap_rules_meet(o, p->met, o->dangling[i]) != p->met;
        if (!wanted) x[o->dangling[i]] = -(real)INFINITY;
    }
}

static void leave_room(const cap_search_options *o, int vocabulary, const cap_prefix *p, real *x)
{
    int room = o->max_words - (p->words - p->given) - 1; /* behind the next word */
    if (words_needed(o, p->level, p->met, false) > room)
        ban_all_but_missing(o, vocabulary, p, room, x);
    else if (words_needed(o, p->level, p->met, true) > room)
        ban_dangling(o, p, x);
}

/* ---- repeats ---- */

/* A word that would complete an n-gram said before. */
static void ban_repeats(int n, const cap_prefix *p, real *x)
{
    const int32_t *tail = p->word + p->words - (n - 1);
    for (int i = 0; i + n <= p->words; i++) {
        int same = 0;
        while (same < n - 1 && p->word[i + same] == tail[same]) same++;
        if (same == n - 1) x[p->word[i + n - 1]] = -(real)INFINITY;
    }
}

/* The words said so far, but those that may be said again. One of `must` that is missing was never said. */
static void ban_said_words(const cap_search_options *o, const cap_prefix *p, real *x)
{
    for (int i = 0; i < p->words; i++)
        if (!contains(o->again, o->agains, p->word[i])) x[p->word[i]] = -(real)INFINITY;
}

static bool may_end(const cap_search_options *o, const cap_prefix *p)
{
    bool all_met = p->met + 1 == 1u << o->musts;
    int said = p->words - p->given;
    return said >= o->min_words && said && all_met && !dangles(o, p->level, p->word[p->words - 1]);
}

void cap_rules_ban(const cap_search_options *o, int vocabulary, const cap_prefix *p, real *x)
{
    x[DS_PAD] = x[DS_START] = x[DS_UNK] = -(real)INFINITY;
    for (int i = 0; i < o->avoids; i++) x[o->avoid[i]] = -(real)INFINITY;
    if (o->no_repeat && p->level < CAP_MAY_REPEAT && p->words >= o->no_repeat)
        ban_repeats(o->no_repeat, p, x);
    if (o->agains && !o->repeat_words && p->level < CAP_MAY_SAY_AGAIN) ban_said_words(o, p, x);
    real end = x[DS_END];
    leave_room(o, vocabulary, p, x);
    x[DS_END] = may_end(o, p) ? end : -(real)INFINITY;
}
