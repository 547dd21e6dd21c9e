#include "src/meta/meta.h"

#include <string.h>

#include "src/meta/format.h"
#include "src/meta/iim.h"
#include "src/meta/tiff.h"
#include "src/meta/xmp.h"

bool meta_is_possible(void)
{
    return xmp_is_possible();
}

err_code meta_damaged(const meta_file *f, const char *problem, error *err)
{
    return err_set(err, ERR_FORMAT, "cannot read the metadata of '%.200s': %s", f->name, problem);
}

static const char program[] = "caption";

/* All that a file says, and what it shall say. */
typedef struct job {
    const meta_file *file;
    const meta_words *words;
    meta_policy policy;
    meta_blocks blocks;
    xmp_words xmp; /* as found, then as wanted */
    xmp_cuts cuts;
    iim_words iim;
    const char *exif, *note; /* descriptions in EXIF and in a PNG's text; NULL: none */
    arena memory;
    meta_done done;
} job;

static err_code no_memory(const job *j, error *err)
{
    return err_no_memory(err, "for the metadata of '%.200s'", j->file->name);
}

/* ---- what is there ---- */

/* What cameras write without being asked. */
static bool is_of_camera(const char *s)
{
    static const char *const habits[] = {"OLYMPUS DIGITAL CAMERA",
                                         "SONY DSC",
                                         "Minolta DSC",
                                         "KONICA MINOLTA DIGITAL CAMERA",
                                         "MINOLTA DIGITAL CAMERA",
                                         "KODAK Digital Still Camera",
                                         "SAMSUNG DIGITAL CAMERA",
                                         "Exif_JPEG_PICTURE",
                                         "DIGITAL CAMERA",
                                         "Digital StillCamera",
                                         "MEDION DIGITAL CAMERA",
                                         "default",
                                         "DCFC0001.JPG",
                                         NULL};
    size_t n = strlen(s);
    while (n && s[n - 1] == ' ') n--;
    for (int i = 0; habits[i]; i++)
        if (strlen(habits[i]) == n && !memcmp(habits[i], s, n)) return true;
    return false;
}

static bool is_empty(const char *s)
{
    return !s || !s[strspn(s, " \t\r\n")];
}

/* A copy of what stands in a block; NULL for nothing worth keeping. */
static err_code keep_text(job *j, const char *s, size_t n, const char **out, error *err)
{
    *out = arena_strndup(&j->memory, s, n);
    if (!*out) return no_memory(j, err);
    if (is_empty(*out) || is_of_camera(*out)) *out = NULL;
    return ERR_OK;
}

static err_code read_xmp(job *j, error *err)
{
    const meta_block *b = &j->blocks.of[META_XMP];
    if (!b->size) return ERR_OK;
    return xmp_read((const char *)b->bytes, b->size, j->file->name, &j->memory, &j->xmp, &j->cuts, err);
}

static err_code read_blocks(job *j, error *err)
{
    const meta_block *exif = &j->blocks.of[META_EXIF], *irb = &j->blocks.of[META_RESOURCES],
                     *note = &j->blocks.of[META_NOTE];
    const char *at;
    size_t n;
    err_code code = read_xmp(j, err);
    if (code) return code;
    if (!iim_read(irb->bytes, irb->size, &j->memory, &j->iim))
        return meta_damaged(j->file, "its IPTC is damaged", err);
    if (exif->size && tiff_description(exif->bytes, exif->size, &at, &n))
        code = keep_text(j, at, n, &j->exif, err);
    if (!code && note->size) code = keep_text(j, (const char *)note->bytes, note->size, &j->note, err);
    return code;
}

/* ---- what shall be there ---- */

static bool is_same(const char *a, const char *b)
{
    return a && b && !strcmp(a, b);
}

/* May a text take the place of those that are there? `ours` is what we wrote once; NULL: nothing. */
static bool may_write(const job *j, const char *const *there, int count, const char *ours)
{
    if (j->policy == META_REPLACE) return true;
    for (int i = 0; i < count; i++)
        if (!is_empty(there[i]) && (j->policy == META_KEEP || !is_same(there[i], ours))) return false;
    return true;
}

/* IIM cuts what is long, and is as good as the whole then. */
static const char *caption_of(const job *j)
{
    const char *s = j->iim.caption, *ours = j->xmp.mark.description;
    size_t n = s ? strlen(s) : 0;
    return n + 4 > IIM_CAPTION && ours && !strncmp(s, ours, n) ? ours : s;
}

static void decide_texts(job *j)
{
    xmp_mark *m = &j->xmp.mark;
    const char *const described[] = {j->xmp.description, caption_of(j), j->exif, j->note};
    const char *const alts[] = {j->xmp.alt_text};
    const char *new = j->words->description, *alt = j->words->alt_text;
    j->done.description = !is_empty(new) && may_write(j, described, 4, m->description);
    if (j->done.description) j->xmp.description = m->description = new;
    j->done.alt_text = !is_empty(alt) && may_write(j, alts, 1, m->alt_text);
    if (j->done.alt_text) j->xmp.alt_text = m->alt_text = alt;
}

static bool has(const xmp_list *l, const char *word)
{
    for (int i = 0; i < l->count; i++)
        if (!strcmp(l->item[i], word)) return true;
    return false;
}

/* Lists that grow do so in the arena of a file: the old room stays behind. */
static bool add(job *j, xmp_list *l, const char *word)
{
    if (has(l, word)) return true;
    if (l->count == l->capacity) {
        int64_t room = 2 * (int64_t)l->count + 8;
        const char **larger = arena_array(&j->memory, (size_t)room, sizeof *larger);
        if (!larger) return false;
        if (l->count) memcpy(larger, l->item, (size_t)l->count * sizeof *larger);
        l->item = larger;
        l->capacity = room;
    }
    l->item[l->count++] = word;
    return true;
}

/* A keyword of IIM that had to be cut is the one of XMP. */
static bool is_cut(const job *j, const char *word)
{
    size_t n = strlen(word);
    for (int i = 0; n + 4 > IIM_KEYWORD && i < j->xmp.keyword.count; i++)
        if (!strncmp(j->xmp.keyword.item[i], word, n)) return true;
    return false;
}

/* Those of others that stay, then ours. */
static err_code decide_keywords(job *j, error *err)
{
    const xmp_list ours = j->xmp.mark.keyword, found = j->xmp.keyword;
    xmp_list all = {0}, new = {0};
    bool good = true;
    if (!j->words->keywords || (j->policy == META_KEEP && ours.count)) return ERR_OK;
    for (int i = 0; good && i < found.count + j->iim.keywords && j->policy != META_REPLACE; i++) {
        const char *word = i < found.count ? found.item[i] : j->iim.keyword[i - found.count];
        bool twice = i >= found.count && is_cut(j, word);
        if (!twice && !has(&ours, word)) good = add(j, &all, word);
    }
    for (int i = 0; good && i < j->words->keywords; i++)
        if (!has(&all, j->words->keyword[i])) good = add(j, &new, j->words->keyword[i]);
    for (int i = 0; good && i < new.count; i++) good = add(j, &all, new.item[i]);
    if (!good) return no_memory(j, err);
    j->done.keywords = new.count || ours.count;
    if (!j->done.keywords) return ERR_OK;
    j->xmp.keyword = all;
    j->xmp.mark.keyword = new;
    return ERR_OK;
}

static err_code decide(job *j, error *err)
{
    decide_texts(j);
    err_code code = decide_keywords(j, err);
    j->done.changed = j->done.description || j->done.alt_text || j->done.keywords;
    if (code || !j->done.changed) return code;
    j->xmp.lang = j->words->lang;
    const meta_mark *m = &j->words->mark;
    xmp_mark *mark = &j->xmp.mark;
    if (mark->program && !j->done.description && !j->done.alt_text) return ERR_OK;
    text t = {0};
    text_printf(&t, "%.4f", m->confidence);
    mark->program = program;
    mark->version = m->version;
    mark->model = m->model;
    mark->confidence = t.failed ? NULL : arena_strdup(&j->memory, text_string(&t));
    text_release(&t);
    return mark->confidence ? ERR_OK : no_memory(j, err);
}

/* ---- the blocks, as they shall be ---- */

static err_code set_block(job *j, meta_kind kind, const text *t, error *err)
{
    char *kept = t->failed ? NULL : arena_strndup(&j->memory, text_string(t), t->length);
    if (!kept) return no_memory(j, err);
    j->blocks.of[kind] = (meta_block){(const uint8_t *)kept, t->length};
    j->blocks.changed[kind] = true;
    return ERR_OK;
}

static void write_packet(const job *j, xmp_wrapping wrapping, text *out)
{
    const meta_block *b = &j->blocks.of[META_XMP];
    unsigned kinds = (j->done.description ? XMP_DESCRIPTION : 0) | (j->done.alt_text ? XMP_ALT_TEXT : 0) |
                     (j->done.keywords ? XMP_KEYWORDS : 0);
    xmp_write((const char *)b->bytes, b->size, &j->cuts, kinds, &j->xmp, wrapping, out);
}

static err_code no_room(const job *j, const char *what, error *err)
{
    return err_set(err, ERR_LIMIT, "the %s of '%.200s' has no room for more: it is left alone", what,
                   j->file->name);
}

static err_code make_xmp(job *j, size_t most, error *err)
{
    text t = {0}, tight = {0};
    write_packet(j, XMP_EMBEDDED, &t);
    bool pads = t.length > most;
    if (pads) xmp_without_padding(text_string(&t), t.length, &tight);
    err_code code = pads && tight.length > most ? no_room(j, "XMP", err)
                                                : set_block(j, META_XMP, pads ? &tight : &t, err);
    text_release(&t);
    text_release(&tight);
    return code;
}

/* A block without room for it, which says nothing else, is left as it is; and so is a damaged one. */
static err_code make_exif(job *j, size_t most, error *err)
{
    const meta_block *b = &j->blocks.of[META_EXIF];
    text t = {0};
    err_code code = ERR_OK;
    if (!j->done.description || is_same(j->exif, j->words->description)) return ERR_OK;
    if (!b->bytes && j->blocks.exif_elsewhere) return ERR_OK;
    bool good = tiff_describe(b->bytes, b->size, j->words->description, &t);
    if (good && t.length <= most)
        code = set_block(j, META_EXIF, &t, err);
    else if (good && j->exif)
        code = no_room(j, "EXIF", err);
    text_release(&t);
    return code;
}

static err_code make_resources(job *j, error *err)
{
    const meta_block *b = &j->blocks.of[META_RESOURCES];
    const iim_words words = {.caption = j->done.description ? j->words->description : NULL,
                             .keyword = j->xmp.keyword.item,
                             .keywords = j->done.keywords ? j->xmp.keyword.count : -1};
    text t = {0};
    err_code code = ERR_OK;
    if (!words.caption && words.keywords < 0) return ERR_OK;
    if (!iim_write(b->bytes, b->size, &words, &t))
        code = meta_damaged(j->file, "its IPTC is damaged", err);
    else
        code = set_block(j, META_RESOURCES, &t, err);
    text_release(&t);
    return code;
}

static err_code write_file(job *j, const meta_format *format, text *out, error *err)
{
    err_code code = format->read(j->file, &j->memory, &j->blocks, err);
    if (!code) code = read_blocks(j, err);
    if (!code) code = decide(j, err);
    if (code || !j->done.changed) return code;
    code = make_xmp(j, format->most, err);
    if (!code) code = make_exif(j, format->most, err);
    if (!code && format->has_resources) code = make_resources(j, err);
    if (j->done.description && j->note) {
        j->blocks.of[META_NOTE] = (meta_block){0};
        j->blocks.changed[META_NOTE] = true;
    }
    return code ? code : format->write(j->file, &j->blocks, out, err);
}

static err_code write_sidecar(job *j, text *out, error *err)
{
    const meta_file *f = j->file;
    j->blocks.of[META_XMP] = (meta_block){f->bytes, f->size};
    err_code code = read_xmp(j, err);
    if (!code) code = decide(j, err);
    if (code || !j->done.changed) return code;
    write_packet(j, XMP_ALONE, out);
    return ERR_OK;
}

/* What says the same as before is not written again. */
static err_code finish(job *j, size_t start, text *out, meta_done *done, err_code code, error *err)
{
    const meta_file *f = j->file;
    if (!code && out->failed) code = no_memory(j, err);
    size_t n = out->length - start;
    if (!code && j->done.changed && n == f->size && !memcmp(out->data + start, f->bytes, n))
        j->done = (meta_done){0};
    if (!code) *done = j->done;
    arena_release(&j->memory);
    return code;
}

static err_code begin(const meta_file *f, bool sidecar, const meta_format **format, error *err)
{
    static const meta_format *const formats[] = {&meta_jpeg, &meta_png, &meta_webp};
    *format = NULL;
    if (!meta_is_possible())
        return err_set(err, ERR_UNSUPPORTED, "cannot write metadata: this build has no expat");
    for (size_t i = 0; i < sizeof formats / sizeof *formats && !*format; i++)
        if (formats[i]->matches(f)) *format = formats[i];
    if (sidecar || *format) return ERR_OK;
    return err_set(err, ERR_UNSUPPORTED, "cannot write metadata into '%.200s': not a JPEG, PNG or WebP file",
                   f->name);
}

err_code meta_write(const uint8_t *bytes, size_t size, const char *name, const meta_words *words,
                    meta_policy policy, text *out, meta_done *done, error *err)
{
    const meta_file file = {bytes, size, name};
    const meta_format *format;
    job j = {.file = &file, .words = words, .policy = policy};
    size_t start = out->length;
    *done = (meta_done){0};
    err_code code = begin(&file, false, &format, err);
    return code ? code : finish(&j, start, out, done, write_file(&j, format, out, err), err);
}

err_code meta_write_sidecar(const uint8_t *bytes, size_t size, const char *name, const meta_words *words,
                            meta_policy policy, text *out, meta_done *done, error *err)
{
    const meta_file file = {bytes, size, name};
    const meta_format *format;
    job j = {.file = &file, .words = words, .policy = policy};
    size_t start = out->length;
    *done = (meta_done){0};
    err_code code = begin(&file, true, &format, err);
    return code ? code : finish(&j, start, out, done, write_sidecar(&j, out, err), err);
}

err_code meta_look(const uint8_t *bytes, size_t size, const char *name, bool sidecar, const meta_words *words,
                   meta_policy policy, meta_done *done, error *err)
{
    const meta_file file = {bytes, size, name};
    const meta_format *format;
    job j = {.file = &file, .words = words, .policy = policy};
    *done = (meta_done){0};
    err_code code = begin(&file, sidecar, &format, err);
    if (code) return code;
    if (sidecar)
        j.blocks.of[META_XMP] = (meta_block){bytes, size};
    else
        code = format->read(&file, &j.memory, &j.blocks, err);
    if (!code) code = read_blocks(&j, err);
    if (!code) code = decide(&j, err);
    if (!code) *done = j.done;
    arena_release(&j.memory);
    return code;
}
