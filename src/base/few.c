#include "src/base/few.h"

#include <stdio.h>
#include <string.h>

/* Of a path the end says more than the beginning; a character is not cut in two. */
static void keep_end(char to[FEW_NAME], const char *name)
{
    size_t size = strlen(name);
    if (size < FEW_NAME) {
        memcpy(to, name, size + 1);
        return;
    }
    const char *end = name + size - (FEW_NAME - 4);
    while (((unsigned char)*end & 0xC0) == 0x80) end++;
    snprintf(to, FEW_NAME, "...%s", end);
}

void few_add(few *f, const char *name)
{
    if (f->count < FEW_NAMES) keep_end(f->name[f->count], name);
    f->count++;
}

const char *few_text(const few *f, char out[FEW_TEXT])
{
    int kept = f->count < FEW_NAMES ? f->count : FEW_NAMES;
    size_t used = 0;
    out[0] = 0;
    for (int i = 0; i < kept; i++) {
        const char *comma = !i ? "" : i + 1 == f->count ? " and " : ", ";
        used += (size_t)snprintf(out + used, FEW_TEXT - used, "%s'%s'", comma, f->name[i]);
    }
    if (f->count > kept) snprintf(out + used, FEW_TEXT - used, " and %d more", f->count - kept);
    return out;
}
