#include "tools/page_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/text.h"
#include "src/io/file.h"

static const char program[] = "caption";

bool page_file_is_named(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (!strcasecmp(dot, ".html") || !strcasecmp(dot, ".htm"));
}

/* Is nothing there, or a page of ours? */
static bool is_free(const char *path)
{
    struct stat st;
    char start[1024];
    if (stat(path, &st)) return true; /* writing will say what is wrong */
    int fd = S_ISREG(st.st_mode) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = fd >= 0 ? read(fd, start, sizeof start) : 0;
    if (fd >= 0) close(fd);
    return n > 0 && cap_page_is_ours(start, (size_t)n, program);
}

static err_code name_file(page_file *p, error *err)
{
    text path = {0};
    size_t length = strlen(p->path);
    text_append(&path, p->path);
    if (!page_file_is_named(p->path))
        text_append(&path, length && p->path[length - 1] == '/' ? "index.html" : "/index.html");
    p->file = text_take(&path);
    return p->file ? ERR_OK : err_no_memory(err, "for the name of a page");
}

err_code page_file_plan(page_file *p, outputs *files, bool force, error *err)
{
    if (!p->path) return ERR_OK;
    bool chosen = !page_file_is_named(p->path);
    if (!strcmp(p->path, "-")) return err_set(err, ERR_ARGUMENT, "--page takes a folder or a file .html");
    err_code code = name_file(p, err);
    if (!code) code = outputs_writes(files, "--page", p->file, err);
    if (code || !chosen || force || is_free(p->file)) return code;
    return err_set(err, ERR_ARGUMENT,
                   "cannot write '%.200s': the file there was not made by caption; --force replaces it",
                   p->file);
}

err_code page_file_begin(page_file *p, const char *model_path, error *err)
{
    if (!p->path) return ERR_OK;
    const char *slash = model_path ? strrchr(model_path, '/') : NULL;
    const char *model = slash ? slash + 1 : model_path; /* where it lies is nobody's business */
    const cap_page_options options = {.program = "caption " CAPTION_VERSION,
                                      .model = model ? model : "the model inside the program",
                                      .lines = p->lines,
                                      .side = p->side};
    err_code code = page_file_is_named(p->path) ? ERR_OK : io_make_dirs(p->path, err);
    return code ? code : cap_page_open(p->file ? p->file : p->path, &options, &p->page, err);
}

void page_file_add(page_file *p, const char *photo, const cap_description *d)
{
    if (p->page && cap_page_add(p->page, photo, d, &p->failed)) cap_page_abort(&p->page);
}

void page_file_add_line(page_file *p, int64_t number, const char *sentence, const cap_map *map)
{
    if (p->page && cap_page_add_line(p->page, number, sentence, map, &p->failed)) cap_page_abort(&p->page);
}

void page_file_add_failed(page_file *p, const char *photo, const error *reason)
{
    if (p->page && cap_page_add_failed(p->page, photo, reason->text, &p->failed)) cap_page_abort(&p->page);
}

err_code page_file_end(page_file *p, error *err)
{
    if (p->page) return cap_page_close(&p->page, err);
    if (p->failed.code && err) *err = p->failed;
    return p->failed.code;
}

void page_file_release(page_file *p)
{
    cap_page_abort(&p->page);
    free(p->file);
    p->file = NULL;
}
