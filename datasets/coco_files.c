/* The photos that captions are of, as files in a folder. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "datasets/coco.h"
#include "datasets/tokenise.h"
#include "src/base/text.h"

err_code ds_image_path(const char *dir, const char *file_name, char *out, size_t size, error *err)
{
    size_t length = strlen(dir);
    const char *slash = length && dir[length - 1] != '/' ? "/" : "";
    int n = snprintf(out, size, "%s%s%s", dir, slash, file_name);
    if (n >= 0 && (size_t)n < size) return ERR_OK;
    return err_set(err, ERR_LIMIT, "the path of '%.200s' in '%.200s' is too long", file_name, dir);
}

bool ds_is_file(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISREG(st.st_mode);
}

/* Takes the images marked by count == -1 - captions out, with their captions. */
static void drop_marked(ds_captions *c)
{
    int32_t images = 0, captions = 0;
    for (int32_t i = 0; i < c->images; i++) {
        ds_image image = c->image[i];
        if (image.count < 0) {
            if (image.count == -1) c->without--;
            continue;
        }
        memmove(&c->caption[captions], &c->caption[image.first], image.count * sizeof *c->caption);
        for (int32_t j = 0; j < image.count; j++) c->caption[captions + j].image = images;
        image.first = captions;
        captions += image.count;
        c->image[images++] = image;
    }
    c->images = images;
    c->captions = captions;
}

static void unmark(ds_captions *c)
{
    for (int32_t i = 0; i < c->images; i++)
        if (c->image[i].count < 0) c->image[i].count = -1 - c->image[i].count;
}

/* Marks the images without a file, and notes the first of them. */
static err_code mark_missing(ds_captions *c, const char *dir, ds_missing *m, error *err)
{
    char path[PATH_MAX];
    *m = (ds_missing){.of = c->images};
    for (int32_t i = 0; i < c->images; i++) {
        err_code code = ds_image_path(dir, c->image[i].file_name, path, sizeof path, err);
        if (code) return code;
        if (ds_is_file(path)) continue;
        c->image[i].count = -1 - c->image[i].count;
        ds_missing_note(m, c->image[i].file_name);
    }
    return ERR_OK;
}

err_code ds_captions_check_files(ds_captions *c, const char *dir, double max_missing_share,
                                 ds_missing *missing, error *err)
{
    ds_missing m;
    err_code code = mark_missing(c, dir, &m, err);
    if (missing) *missing = m;
    if (!code && m.count > max_missing_share * c->images) {
        text what = {0};
        ds_missing_tell(&m, dir, &what);
        code = err_set(err, ERR_MISSING, "%s", text_string(&what));
        text_release(&what);
    }
    if (code)
        unmark(c);
    else
        drop_marked(c);
    return code;
}

static bool has_word(const char *caption, arena *scratch, err_code *code, error *err)
{
    ds_tokens t = {0};
    arena_reset(scratch);
    *code = ds_tokenise(caption, scratch, &t, err);
    return t.count > 0;
}

err_code ds_captions_drop_wordless(ds_captions *c, int32_t *count, error *err)
{
    arena scratch = {0};
    err_code code = ERR_OK;
    int32_t kept = 0;
    bool *worded = calloc((size_t)c->captions + 1, sizeof *worded);
    if (!worded) return err_no_memory(err, "for captions");
    for (int32_t i = 0; !code && i < c->captions; i++)
        worded[i] = has_word(c->caption[i].text, &scratch, &code, err);
    arena_release(&scratch);
    for (int32_t i = 0; !code && i < c->images; i++) {
        ds_image *image = &c->image[i];
        int32_t first = kept;
        for (int32_t j = image->first; j < image->first + image->count; j++)
            if (worded[j]) c->caption[kept++] = c->caption[j];
        if (image->count && kept == first) c->without++;
        image->first = first;
        image->count = kept - first;
    }
    free(worded);
    if (code) return code;
    *count = c->captions - kept;
    c->captions = kept;
    return ERR_OK;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

err_code ds_captions_same_names(const ds_captions *c, int32_t *count, error *err)
{
    const char **name = calloc((size_t)c->images + 1, sizeof *name);
    *count = 0;
    if (!name) return err_no_memory(err, "for the names of photos");
    for (int32_t i = 0; i < c->images; i++) name[i] = c->image[i].file_name;
    qsort(name, c->images, sizeof *name, by_name);
    for (int32_t i = 1; i < c->images; i++) *count += !strcmp(name[i - 1], name[i]);
    free(name);
    return ERR_OK;
}

void ds_missing_note(ds_missing *m, const char *file_name)
{
    if (m->count < DS_MISSING_NAMED)
        snprintf(m->name[m->count], sizeof *m->name, "%.*s", (int)sizeof *m->name - 1, file_name);
    m->count++;
}

void ds_missing_tell(const ds_missing *m, const char *dir, text *out)
{
    int named = m->count < DS_MISSING_NAMED ? (int)m->count : DS_MISSING_NAMED;
    text_printf(out, "%d of %d photos %s missing in '%.150s': ", (int)m->count, (int)m->of,
                m->count == 1 ? "is" : "are", dir);
    for (int i = 0; i < named; i++) {
        bool last = i + 1 == named && named == m->count;
        text_printf(out, "%s'%s'", !i ? "" : last ? " and " : ", ", m->name[i]);
    }
    if (m->count > named) text_printf(out, " and %d more", (int)m->count - named);
}
