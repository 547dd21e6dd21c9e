#include "tools/existing.h"

#include <string.h>

existing_policy existing_parse(const char *word)
{
    if (!strcmp(word, "replace")) return EXISTING_REPLACE;
    return strcmp(word, "replace-ours") ? EXISTING_KEEP : EXISTING_REPLACE_OURS;
}

bool existing_allows(existing_policy policy, bool ours)
{
    return policy == EXISTING_REPLACE || (policy == EXISTING_REPLACE_OURS && ours);
}
