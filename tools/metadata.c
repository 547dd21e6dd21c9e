#include "tools/metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "captioner/show/alt_text.h"
#include "src/base/text.h"
#include "src/io/file.h"
#include "src/meta/meta.h"

static const size_t most = 1 << 30; /* bytes of a photo, as elsewhere */

static err_code no_memory(const char *photo, error *err)
{
    return err_no_memory(err, "for the metadata of '%.200s'", photo);
}

static bool make_path(const char *photo, text *path)
{
    text_printf(path, "%s.xmp", photo);
    return !path->failed;
}

/* ---- planning ---- */

/* The beginning of a file, where its metadata are in most cases: reading all of every photo twice would take as long
 * as describing them. */
static err_code look_at_front(const char *path, const meta_words *words, meta_policy policy, meta_done *done,
                              error *err)
{
    enum { FRONT = 256 << 10 };
    uint8_t *bytes = malloc(FRONT);
    int fd = bytes ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    ssize_t n = fd >= 0 ? read(fd, bytes, FRONT) : -1;
    err_code code = ERR_IO;
    if (n > 0) code = meta_look(bytes, (size_t)n, path, false, words, policy, done, err);
    if (fd >= 0) close(fd);
    free(bytes);
    return code;
}

static err_code look_at(const char *path, bool beside, const meta_words *words, meta_policy policy,
                        bool *wanted, error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    meta_done done = {0};
    err_code code = beside ? ERR_IO : look_at_front(path, words, policy, &done, err);
    if (code) {
        code = io_read_file(path, most, &bytes, &size, err);
        if (code == ERR_MISSING && beside) code = ERR_OK;
        if (!code) code = meta_look(bytes, size, path, beside, words, policy, &done, err);
    }
    free(bytes);
    *wanted = *wanted || done.changed;
    if (code != ERR_UNSUPPORTED || beside || !meta_is_possible()) return code;
    const error why = *err;
    return err_set(err, code, "%.400s; --sidecar xmp writes beside it", why.text);
}

/* Whatever the words are: is there a place for them? */
static err_code plan_place(const metadata *m, bool beside, existing_policy policy, const char *path,
                           bool *wanted, error *err)
{
    static const char *const any[] = {"?"};
    const meta_words words = {.description = any[0],
                              .alt_text = any[0],
                              .keyword = any,
                              .keywords = m->keywords > 0,
                              .mark = {.version = "", .model = ""}};
    return look_at(path, beside, &words, (meta_policy)policy, wanted, err);
}

err_code metadata_plan(const metadata *m, outputs *files, existing_policy policy, const char *photo,
                       bool *wanted, error *err)
{
    text path = {0};
    *wanted = false;
    if (!strcmp(photo, "-"))
        return err_set(err, ERR_ARGUMENT, "cannot write metadata of standard input: it is no file");
    err_code code = make_path(photo, &path) ? ERR_OK : no_memory(photo, err);
    if (!code && m->beside) code = outputs_writes(files, "a sidecar", text_string(&path), err);
    if (!code && m->beside) code = plan_place(m, true, policy, text_string(&path), wanted, err);
    if (!code && m->in_file) code = plan_place(m, false, policy, photo, wanted, err);
    text_release(&path);
    return code;
}

/* ---- writing ---- */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Puts the new content in the place of the old one, unless somebody was faster. */
static err_code replace(const char *path, const struct stat *before, const text *content, bool keep_times,
                        error *err)
{
    struct stat now = {0};
    if (before ? stat(path, &now) || !is_same_file(before, &now) : !stat(path, &now))
        return err_set(err, ERR_IO, "'%.300s' has changed meanwhile: it is left alone", path);
    err_code code = io_write_file(path, content->data, content->length, err);
    const struct timespec times[2] = {now.st_atim, now.st_mtim};
    if (!code && before && keep_times && utimensat(AT_FDCWD, path, times, 0))
        code = err_set(err, ERR_IO, "cannot keep the time of '%.300s': %s", path, strerror(errno));
    return code;
}

static err_code write_place(const metadata *m, bool beside, existing_policy policy, const char *path,
                            const meta_words *words, error *err)
{
    struct stat before;
    uint8_t *bytes = NULL;
    size_t size = 0;
    text out = {0};
    meta_done done = {0};
    bool fresh = beside && stat(path, &before) && errno == ENOENT;
    err_code code = ERR_OK;
    if (!beside && stat(path, &before))
        code = err_set(err, ERR_IO, "cannot read '%.300s': %s", path, strerror(errno));
    if (!code && !fresh) code = io_read_file(path, most, &bytes, &size, err);
    if (!code)
        code = (beside ? meta_write_sidecar : meta_write)(bytes, size, path, words, (meta_policy)policy, &out,
                                                          &done, err);
    if (!code && done.changed) code = replace(path, fresh ? NULL : &before, &out, m->keep_times, err);
    free(bytes);
    text_release(&out);
    return code;
}

err_code metadata_write(const metadata *m, existing_policy policy, const char *photo,
                        const metadata_words *words, error *err)
{
    text path = {0}, alt = {0};
    if (words->sentence) cap_alt_text(words->sentence, CAP_ALT_TEXT, &alt);
    const meta_words w = {.description = words->sentence,
                          .alt_text = words->sentence ? text_string(&alt) : NULL,
                          .keyword = words->keyword,
                          .keywords = words->keywords,
                          .lang = words->lang,
                          .mark = {CAPTION_VERSION, words->model, words->confidence}};
    err_code code = make_path(photo, &path) && !alt.failed ? ERR_OK : no_memory(photo, err);
    if (!code && m->beside) code = write_place(m, true, policy, text_string(&path), &w, err);
    if (!code && m->in_file) code = write_place(m, false, policy, photo, &w, err);
    text_release(&path);
    text_release(&alt);
    return code;
}
