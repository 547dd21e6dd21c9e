#include "captioner/net/names.h"

#include <stdlib.h>
#include <string.h>

bool cap_names_copy(cap_names *out, const char *const *list, int count)
{
    size_t table = count * sizeof(char *), letters = 0;
    for (int i = 0; i < count; i++) letters += strlen(list[i]) + 1;
    *out = (cap_names){.list = malloc(table + letters + 1), .count = count};
    if (!out->list) out->count = 0;
    char *next = out->list ? (char *)out->list + table : NULL;
    for (int i = 0; i < out->count; i++) {
        size_t size = strlen(list[i]) + 1;
        out->list[i] = memcpy(next, list[i], size);
        next += size;
    }
    return out->list;
}

void cap_names_release(cap_names *n)
{
    free(n->list);
    *n = (cap_names){0};
}

int cap_names_find(const cap_names *n, const char *name)
{
    for (int i = 0; i < n->count; i++)
        if (!strcmp(n->list[i], name)) return i;
    return -1;
}

void cap_names_put(const cap_names *n, io_json_build *b, json_t *parent, const char *key)
{
    io_json_put_strings(b, parent, key, (const char *const *)n->list, n->count);
}

static int by_letters(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The first name that is there twice, or NULL. Orders `list`. */
static const char *find_twin(const char **list, size_t count)
{
    qsort(list, count, sizeof *list, by_letters);
    for (size_t i = 1; i < count; i++)
        if (!strcmp(list[i - 1], list[i])) return list[i];
    return NULL;
}

static err_code read_list(const json_t *array, const char *where, const char **list, cap_names *out,
                          error *err)
{
    size_t count = json_array_size(array);
    for (size_t i = 0; i < count; i++) {
        list[i] = json_string_value(json_array_get(array, i));
        if (!list[i] || !*list[i]) return err_set(err, ERR_FORMAT, "%s: item %zu is no name", where, i + 1);
    }
    if (!cap_names_copy(out, list, (int)count)) return err_no_memory(err, "for %zu names", count);
    const char *twin = find_twin(list, count);
    return twin ? err_set(err, ERR_FORMAT, "%s: '%.40s' is there twice", where, twin) : ERR_OK;
}

err_code cap_names_read(const json_t *array, const char *where, int most, cap_names *out, error *err)
{
    size_t count = json_array_size(array);
    *out = (cap_names){0};
    if (!json_is_array(array) || count < 1 || count > (size_t)most)
        return err_set(err, ERR_FORMAT, "%s is no list of 1 to %d names", where, most);
    const char **list = malloc(count * sizeof *list);
    if (!list) return err_no_memory(err, "for %zu names", count);
    err_code code = read_list(array, where, list, out, err);
    if (code) cap_names_release(out);
    free(list);
    return code;
}
