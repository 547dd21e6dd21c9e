#include "captioner/train/named.h"

#include <stdlib.h>

enum { SEEN = 512 }; /* words of a photo that are looked at: never so many are sure */

int cap_named_most(const cap_namer *namers)
{
    int most = 0;
    for (int i = 0; i < CAP_NAMERS; i++)
        if (namers[i].config.row) most += cap_naming_of(&namers[i].config)->most;
    return most;
}

/* Of equally sure ones the first in the list of names. */
static int surest_first(const void *left, const void *right)
{
    const cap_sighting *a = left, *b = right;
    if (a->confidence != b->confidence) return a->confidence < b->confidence ? 1 : -1;
    return a->name - b->name;
}

static int choose_objects(const cap_namer *n, const cap_named *named, int photo, cap_concept *list)
{
    int64_t first = named->first[photo], count = named->first[photo + 1] - first;
    return cap_namer_choose(n, named->found + first, (int)count, list);
}

static int choose_words(const cap_namer *n, const cap_named *named, int photo, cap_concept *list)
{
    const float *score = cap_named_scores(named, photo);
    double least = cap_naming_of(&n->config)->least;
    cap_sighting seen[SEEN];
    int count = 0;
    for (int i = 0; i < named->words && count < SEEN; i++)
        if ((double)score[i] >= least) seen[count++] = (cap_sighting){.name = i, .confidence = score[i]};
    if (count) qsort(seen, count, sizeof *seen, surest_first);
    return cap_namer_choose(n, seen, count, list);
}

int cap_named_choose(const cap_namer *namers, const cap_named *n, int photo, cap_concept *list)
{
    int count = n->first ? choose_objects(&namers[CAP_NAMER_OBJECTS], n, photo, list) : 0;
    if (!n->words) return count;
    return count + choose_words(&namers[CAP_NAMER_WORDS], n, photo, list + count);
}
