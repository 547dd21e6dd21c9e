#include "tools/overlay_files.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return !stat(a, &x) && !stat(b, &y) && S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

err_code overlay_write(const cap_description *d, const char *photo_path, const char *path, error *err)
{
    if (is_same_file(path, photo_path))
        return err_set(err, ERR_ARGUMENT, "cannot write the overlay to '%.200s': it would replace the photo",
                       path);
    img sheet = {0};
    err_code code = cap_overlay_sheet(&d->photo, d->view, d->grid_h, d->grid_w, d->best.words, d->best.word,
                                      d->best.probability, d->attention, d->best.sentence, NULL, &sheet, err);
    if (!code) code = img_write_png(path, &sheet, err);
    img_release(&sheet);
    return code;
}

/* Where `name` is or belongs among the used names; negative (-1 - place) when it is not there. */
static int find(const overlay_files *f, const char *name)
{
    int low = 0, high = f->count;
    while (low < high) {
        int middle = low + (high - low) / 2, order = strcmp(f->used[middle], name);
        if (!order) return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1 - low;
}

static bool remember(overlay_files *f, const char *name, int place)
{
    if (f->count == f->capacity) {
        int capacity = f->capacity ? 2 * f->capacity : 64;
        char **larger =
            f->capacity > INT_MAX / 2 ? NULL : realloc(f->used, (size_t)capacity * sizeof *larger);
        if (!larger) return false;
        f->used = larger;
        f->capacity = capacity;
    }
    char *copy = strdup(name);
    if (!copy) return false;
    memmove(f->used + place + 1, f->used + place, (size_t)(f->count - place) * sizeof *f->used);
    f->used[place] = copy;
    f->count++;
    return true;
}

/* "holiday/a.jpg" -> "a", standard input -> "stdin". */
static int stem_of(const char *path, const char **stem)
{
    if (!strcmp(path, "-")) path = "stdin";
    const char *slash = strrchr(path, '/');
    *stem = slash ? slash + 1 : path;
    const char *dot = strrchr(*stem, '.');
    return dot && dot > *stem ? (int)(dot - *stem) : (int)strlen(*stem);
}

err_code overlay_files_write(overlay_files *f, const cap_description *d, const char *photo_path, error *err)
{
    char path[PATH_MAX];
    const char *stem, *name;
    int length = stem_of(photo_path, &stem), place = 0;
    for (int turn = 1; place >= 0; turn++) {
        char again[16] = "";
        if (turn > 1) snprintf(again, sizeof again, "-%d", turn);
        int n = snprintf(path, sizeof path, "%s/%.*s%s.png", f->folder, length, stem, again);
        if (n < 0 || (size_t)n >= sizeof path)
            return err_set(err, ERR_ARGUMENT, "cannot write to '%.200s': the path is too long", f->folder);
        name = path + strlen(f->folder) + 1;
        place = find(f, name);
    }
    if (!remember(f, name, -1 - place))
        return err_set(err, ERR_MEMORY, "out of memory for the names of overlays");
    return overlay_write(d, photo_path, path, err);
}

void overlay_files_release(overlay_files *f)
{
    for (int i = 0; i < f->count; i++) free(f->used[i]);
    free(f->used);
    f->used = NULL;
    f->count = f->capacity = 0;
}
