#include "tools/precision.h"

#include <string.h>

cap_precision precision_find(const char *name)
{
    int i = 0;
    while (i < CAP_PRECISIONS - 1 && strcmp(name, cap_precision_names[i]) != 0) i++;
    return (cap_precision)i;
}
