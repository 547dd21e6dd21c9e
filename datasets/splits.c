#include "datasets/splits.h"

#include "src/base/text.h"

#include <stdio.h>
#include <string.h>

static int find_split(const ds_splits *s, const char *name, size_t size)
{
    for (int i = 0; i < s->count; i++)
        if (strlen(s->list[i].name) == size && !memcmp(s->list[i].name, name, size)) return i;
    return -1;
}

int ds_splits_place(ds_splits *s, const char *name)
{
    size_t size = strlen(name);
    int at = find_split(s, name, size);
    if (at >= 0) return at;
    if (!size || size >= DS_SPLIT_BYTES || s->count == DS_MAX_SPLITS) return -1;
    memcpy(s->list[s->count].name, name, size + 1);
    return s->count++;
}

bool ds_splits_names(const char *wanted, const char *name)
{
    size_t size = strlen(name);
    for (const char *part = wanted;; part++) {
        size_t length = strcspn(part, ",");
        if (length == size && !memcmp(part, name, size)) return true;
        part += length;
        if (!*part) return false;
    }
}

/* The names of those that are taken, or are not: 'a', 'b' and 'c'. Returns how many. */
static int append_names(const ds_splits *s, bool taken, bool with_photos, text *out)
{
    int count = 0, done = 0;
    for (int i = 0; i < s->count; i++) count += s->list[i].taken == taken;
    for (int i = 0; i < s->count; i++) {
        if (s->list[i].taken != taken) continue;
        text_printf(out, "%s'%s'", !done ? "" : done + 1 == count ? " and " : ", ", s->list[i].name);
        if (with_photos)
            text_printf(out, " (%d photo%s)", (int)s->list[i].images, s->list[i].images == 1 ? "" : "s");
        done++;
    }
    return count;
}

static err_code not_there(const ds_splits *s, const char *wanted, size_t size, const char *file, error *err)
{
    text names = {0};
    append_names(s, false, false, &names);
    err_code code =
        err_set(err, ERR_ARGUMENT, "'%.150s' has no split '%.*s'; it has %.250s", file,
                (int)(size < DS_SPLIT_BYTES ? size : DS_SPLIT_BYTES), wanted, text_string(&names));
    text_release(&names);
    return code;
}

static void take_all(ds_splits *s)
{
    for (int i = 0; i < s->count; i++) s->list[i].taken = true;
}

err_code ds_splits_choose(ds_splits *s, const char *wanted, bool by_default, const char *file, error *err)
{
    if (!wanted || (!s->count && by_default)) {
        take_all(s);
        return ERR_OK;
    }
    if (!s->count)
        return err_set(
            err, ERR_ARGUMENT,
            "'%.150s' is not divided into splits, so '%.100s' cannot be taken from it; only Karpathy's form "
            "names them",
            file, wanted);
    int32_t taken[DS_MAX_SPLITS] = {0}, found = 0;
    for (const char *part = wanted;; part++) {
        size_t size = strcspn(part, ",");
        int at = find_split(s, part, size);
        if (at < 0 && !by_default) return not_there(s, part, size, file, err);
        if (at >= 0) taken[at] = ++found;
        part += size;
        if (!*part) break;
    }
    if (!found) return not_there(s, wanted, strcspn(wanted, ","), file, err);
    for (int i = 0; i < s->count; i++) s->list[i].taken = taken[i];
    return ERR_OK;
}

void ds_splits_tell(const ds_splits *s, text *out)
{
    text left = {0};
    append_names(s, true, true, out);
    int alone = append_names(s, false, false, &left);
    if (alone) text_printf(out, "; %s %s left alone", text_string(&left), alone == 1 ? "is" : "are");
    text_release(&left);
}
