#include "tools/overlay_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/text.h"
#include "tools/marked.h"

static const char word[] = "overlay ";
enum { ROLE = sizeof word - 1 + MARKED_KEY };

static void role_of(const char *photo_path, char role[ROLE])
{
    memcpy(role, word, sizeof word - 1);
    marked_key(photo_path, role + sizeof word - 1);
}

/* A box for each word that looked at one. NULL: memory is out. */
static cap_overlay_box *boxes_of_words(const cap_description *d)
{
    cap_overlay_box *boxes = calloc((size_t)d->best.words + 1, sizeof *boxes);
    for (int w = 0; boxes && w < d->best.words; w++) {
        int c = cap_overlay_object(d, &d->best, w);
        if (c >= 0) boxes[w] = (cap_overlay_box){d->concept[c].box, d->concept[c].name};
    }
    return boxes;
}

overlay_look overlay_look_defaults(void)
{
    return (overlay_look){.style = cap_overlay_style_names[CAP_OVERLAY_HEAT], .words = "auto"};
}

const char *overlay_look_problem(const overlay_look *look, bool wanted)
{
    const overlay_look plain = overlay_look_defaults();
    if (look->width && look->width < 64) return "--overlay-width is 64 at least, or 0 for what fits";
    bool set =
        strcmp(look->style, plain.style) || strcmp(look->words, plain.words) || look->width || look->columns;
    return set && !wanted ? "there is no overlay for --overlay-style, -words, -width or -columns" : NULL;
}

static cap_overlay_style style_of(const overlay_look *look)
{
    int style = 0;
    while (style + 1 < CAP_OVERLAY_STYLES && strcmp(look->style, cap_overlay_style_names[style])) style++;
    return (cap_overlay_style)style;
}

err_code overlay_look_options(const overlay_look *look, const cap_description *d, bool in_terminal,
                              cap_overlay_options *options, cap_overlay_box **boxes, error *err)
{
    *boxes = boxes_of_words(d);
    *options = (cap_overlay_options){.panel_width = look->width,
                                     .columns = look->columns,
                                     .style = style_of(look),
                                     .content = !strcmp(look->words, "content") ||
                                                (in_terminal && !strcmp(look->words, "auto")),
                                     .boxes = *boxes};
    return *boxes ? ERR_OK : err_no_memory(err, "for the boxes of an overlay");
}

err_code overlay_sheet(const cap_overlay_options *options, const cap_description *d, img *out, error *err)
{
    const img photo = {d->photo.width, d->photo.height, d->photo.rgb};
    return cap_overlay_sheet(&photo, d->view, d->grid_h, d->grid_w, d->best.words, d->best.word,
                             d->best.probability, d->attention, d->best.sentence, options, out, err);
}

err_code overlay_words(const overlay_look *look, const cap_description *d, img *out, error *err)
{
    cap_overlay_options options;
    cap_overlay_box *boxes;
    err_code code = overlay_look_options(look, d, false, &options, &boxes, err);
    if (!code) code = overlay_sheet(&options, d, out, err);
    free(boxes);
    return code;
}

err_code overlay_concepts(const overlay_look *look, const cap_description *d, img *out, error *err)
{
    enum { WIDTH = 960, LABEL = 80 };
    const img photo = {d->photo.width, d->photo.height, d->photo.rgb};
    size_t count = (size_t)d->concepts;
    cap_overlay_box *boxes = calloc(count + 1, sizeof *boxes);
    char(*label)[LABEL] = calloc(count + 1, sizeof *label);
    err_code code = boxes && label ? ERR_OK : err_no_memory(err, "for the boxes of an overlay");
    for (size_t i = 0; i < count && !code; i++) {
        const cap_named_concept *c = &d->concept[i];
        snprintf(label[i], LABEL, "%.60s %.2f", c->name, (double)c->confidence);
        if (c->boxed) boxes[i] = (cap_overlay_box){c->box, label[i]};
    }
    if (!code)
        code = cap_overlay_boxes(&photo, boxes, (int)count, look->width ? look->width : WIDTH, out, err);
    free(boxes);
    free(label);
    return code;
}

err_code overlay_write(overlay_painter *paint, const overlay_look *look, const cap_description *d,
                       const char *photo_path, const char *path, error *err)
{
    img sheet = {0};
    char role[ROLE];
    role_of(photo_path, role);
    const marked_mark mark = {role, strcmp(photo_path, "-") ? photo_path : "standard input",
                              d->best.sentence ? d->best.sentence : ""};
    err_code code = paint(look, d, &sheet, err);
    if (!code) code = marked_write(path, &sheet, &mark, err);
    img_release(&sheet);
    return code;
}

const char *overlay_output_problem(const char *path, bool json)
{
    if (!path || strcmp(path, "-") != 0) return NULL;
    if (json) return "--json and --overlay - both want standard output";
    return isatty(STDOUT_FILENO) ? "--overlay - is for a file or a pipe, not for a terminal" : NULL;
}

bool overlay_is_ours(const char *path)
{
    char role[MARKED_ROLE];
    return marked_read(path, role) && !strncmp(role, word, sizeof word - 1);
}

/* ---- names in a folder ---- */

static err_code no_memory(error *err)
{
    return err_no_memory(err, "for the names of overlays");
}

/* "holiday/a.jpg" -> "a.jpg", standard input -> "stdin". Of a name that would be too long for a file with
 * what is added to it here, and while it is written (255 bytes), the beginning. */
static int name_of(const char *path, const char **name, bool *cut)
{
    enum { LONGEST = 220 };
    const char *slash = strrchr(path, '/');
    *name = !strcmp(path, "-") ? "stdin" : slash ? slash + 1 : path;
    size_t n = strlen(*name);
    *cut = n > LONGEST;
    if (*cut)
        for (n = LONGEST; n && ((*name)[n] & 0xC0) == 0x80;) n--;
    return (int)n;
}

/* DIR/NAME.png, or DIR/NAME-HASH.png for photos of one name, and where the name had to be cut. */
static char *make_path(overlay_files *f, const char *photo, const char *role, bool second)
{
    const char *name;
    bool cut;
    int n = name_of(photo, &name, &cut);
    size_t folder = strlen(f->folder);
    const char *slash = folder && f->folder[folder - 1] == '/' ? "" : "/";
    text path = {0};
    text_printf(&path, "%s%s%.*s", f->folder, slash, n, name);
    if (second || cut) text_printf(&path, "-%.8s", role + sizeof word - 1);
    text_append(&path, ".png");
    char *kept = path.failed ? NULL : arena_strdup(&f->memory, text_string(&path));
    text_release(&path);
    return kept;
}

/* Is the name free for this photo, as far as files go that are there? MISMATCH: it is another photo's. */
static err_code check_there(const overlay_files *f, const char *path, const char *role, error *err)
{
    char there[MARKED_ROLE];
    err_code code = marked_may_replace(path, word, f->force, err);
    if (code || !marked_read(path, there) || strncmp(there, word, sizeof word - 1) || !strcmp(there, role))
        return code;
    return err_set(err, ERR_MISMATCH, "cannot write '%.200s': it is the overlay of another photo", path);
}

/* ARGUMENT, MISMATCH: the photo gets no overlay under this name; MISMATCH: try another. */
static err_code take(const overlay_files *f, outputs *files, const char *path, const char *role, error *err)
{
    struct stat st;
    err_code code = check_there(f, path, role, err);
    bool there = !lstat(path, &st);
    if (!code) code = outputs_writes(files, "an overlay", path, err);
    return code == ERR_ARGUMENT && !there ? ERR_MISMATCH : code; /* an earlier photo of this run took it */
}

static err_code choose(overlay_files *f, outputs *files, const char *photo, const char *role,
                       const char **out, error *err)
{
    err_code code = ERR_MISMATCH;
    for (int second = 0; second < 2 && code == ERR_MISMATCH; second++) {
        char *path = make_path(f, photo, role, second);
        code = path ? take(f, files, path, role, err) : no_memory(err);
        *out = code ? NULL : path;
    }
    return code;
}

typedef struct turn {
    int photo;
    char role[ROLE];
} turn;

static int by_role(const void *a, const void *b)
{
    const turn *x = a, *y = b;
    int order = strcmp(x->role, y->role);
    return order ? order : x->photo - y->photo;
}

/* same[i]: the first photo that is the same file as photo i. */
static bool find_same(overlay_files *f, const char *const *photo, int count, turn *turns, int *same)
{
    if (!turns || !same) return false;
    for (int i = 0; i < count; i++) {
        turns[i].photo = i;
        role_of(photo[i], turns[i].role);
    }
    qsort(turns, count, sizeof *turns, by_role);
    for (int i = 0; i < count; i++) {
        bool again = i && !strcmp(turns[i].role, turns[i - 1].role);
        same[turns[i].photo] = again ? same[turns[i - 1].photo] : turns[i].photo;
    }
    f->path = arena_array(&f->memory, count, sizeof *f->path);
    return f->path;
}

err_code overlay_files_plan(overlay_files *f, outputs *files, const char *const *photo, int count,
                            overlay_refused *refused, void *ctx, error *err)
{
    turn *turns = calloc((size_t)count + 1, sizeof *turns);
    int *same = calloc((size_t)count + 1, sizeof *same);
    err_code code = find_same(f, photo, count, turns, same) ? ERR_OK : no_memory(err);
    for (int i = 0; i < count && code != ERR_MEMORY; i++) {
        char role[ROLE];
        if (same[i] < i) {
            f->path[i] = f->path[same[i]];
            continue;
        }
        role_of(photo[i], role);
        error reason = {0};
        code = choose(f, files, photo[i], role, &f->path[i], &reason);
        if (code == ERR_MEMORY)
            no_memory(err);
        else if (code)
            refused(ctx, &reason);
    }
    free(turns);
    free(same);
    return code == ERR_MEMORY ? code : ERR_OK;
}

err_code overlay_files_write(const overlay_files *f, int i, const cap_description *d, const char *photo_path,
                             error *err)
{
    err_code code = marked_may_replace(f->path[i], word, f->force, err);
    return code ? code : overlay_write(f->paint, &f->look, d, photo_path, f->path[i], err);
}

void overlay_files_release(overlay_files *f)
{
    arena_release(&f->memory);
    f->path = NULL;
}
