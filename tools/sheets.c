#include "tools/sheets.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "src/base/arena.h"
#include "tools/marked.h"

/* OUT.png for the first line, OUT-2.png for the second: name[size]. */
static err_code name_sheet(const char *path, int64_t number, char *name, size_t size, error *err)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    if (!dot || dot == path || (slash && dot <= slash + 1)) dot = path + strlen(path);
    int n = number == 1
                ? snprintf(name, size, "%s", path)
                : snprintf(name, size, "%.*s-%lld%s", (int)(dot - path), path, (long long)number, dot);
    if (n >= 0 && (size_t)n < size) return ERR_OK;
    return err_set(err, ERR_LIMIT, "the name '%.100s...' is too long", path);
}

err_code sheet_write(const sheet_place *p, const cap_map *map, error *err)
{
    char name[4096], title[32];
    img sheet = {0};
    snprintf(title, sizeof title, "line %lld", (long long)p->number);
    const marked_mark mark = {p->role, title, p->sentence};
    err_code code = name_sheet(p->path, p->number, name, sizeof name, err);
    if (!code && p->number > 1) code = marked_may_replace(name, mark.role, p->force, err);
    if (!code) code = cap_map_paint(map, &sheet, err);
    if (!code) code = marked_write(name, &sheet, &mark, err);
    img_release(&sheet);
    return code;
}

/* Labels as a terminal may show them; NULL: out of memory. */
static const char **shown_labels(const char *const *label, int count, arena *mem)
{
    const char **out = arena_array(mem, count, sizeof *out);
    text t = {0};
    for (int i = 0; out && i < count; i++) {
        text_clear(&t);
        text_append_shown(&t, label[i]);
        out[i] = t.failed ? NULL : arena_strdup(mem, text_string(&t));
        if (!out[i]) out = NULL;
    }
    text_release(&t);
    return out;
}

err_code sheet_print(const cap_map *map, int columns, error *err)
{
    arena mem = {0};
    text shades = {0};
    cap_map shown = *map;
    shown.source = shown_labels(map->source, map->sources, &mem);
    shown.target = shown_labels(map->target, map->targets, &mem);
    bool good = shown.source && shown.target;
    if (good) cap_map_print(&shown, columns, &shades);
    good = good && !shades.failed;
    if (good) puts(text_string(&shades));
    text_release(&shades);
    arena_release(&mem);
    return good ? ERR_OK : err_no_memory(err, "for an alignment map");
}

int terminal_columns(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size)) return 0;
    return size.ws_col;
}
