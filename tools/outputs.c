#include "tools/outputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets/folders.h"
#include "src/base/hash.h"
#include "tools/marked.h"

/* A file that is there is its device and inode; one that is not, those of its folder and its name in it. */
typedef struct identity {
    uint64_t device, inode;
    const char *name; /* "" for a file that is there */
} identity;

struct outputs_file {
    identity is;
    const char *role;
    bool written;
};

static const char for_names[] = "for the names of files";

/* ---- what file a path means ---- */

static identity of_missing(const char *path, char *folder)
{
    struct stat st;
    char *slash = strrchr(folder, '/');
    const char *name = slash ? path + (slash - folder) + 1 : path;
    if (slash) slash[slash == folder] = 0;
    if (stat(slash ? folder : ".", &st)) return (identity){.name = path};
    return (identity){st.st_dev, st.st_ino, name};
}

/* False: a device, a pipe or the like, which is not compared. The name is in `path` still. */
static bool identify(const char *path, bool written, identity *out, bool *failed)
{
    struct stat st;
    bool standard = !strcmp(path, "-");
    if (standard ? fstat(written ? STDOUT_FILENO : STDIN_FILENO, &st) : stat(path, &st)) {
        char *folder = standard ? NULL : strdup(path);
        *failed = !standard && !folder;
        if (folder) *out = of_missing(path, folder);
        free(folder);
        return folder;
    }
    *out = (identity){st.st_dev, st.st_ino, ""};
    return S_ISREG(st.st_mode) || (!standard && S_ISDIR(st.st_mode));
}

/* ---- the table ---- */

static bool is_same(const identity *a, const identity *b)
{
    return a->device == b->device && a->inode == b->inode && !strcmp(a->name, b->name);
}

/* The slot of the file, or the free one where it belongs. */
static outputs_file **find(const outputs *o, const identity *id)
{
    const uint64_t number[2] = {id->device, id->inode};
    hash128 h = hash_bytes(id->name, strlen(id->name), hash_bytes(number, sizeof number, 0).lo);
    size_t at = h.lo & (o->slots - 1);
    while (o->slot[at] && !is_same(&o->slot[at]->is, id)) at = (at + 1) & (o->slots - 1);
    return &o->slot[at];
}

static bool make_room(outputs *o)
{
    if (o->count < o->slots / 2) return true;
    outputs larger = {.slots = o->slots ? 2 * o->slots : 64};
    larger.slot = calloc(larger.slots, sizeof *larger.slot);
    if (!larger.slot) return false;
    for (size_t i = 0; i < o->slots; i++)
        if (o->slot[i]) *find(&larger, &o->slot[i]->is) = o->slot[i];
    free(o->slot);
    o->slot = larger.slot;
    o->slots = larger.slots;
    return true;
}

static err_code refuse(const char *path, const outputs_file *new, const outputs_file *old, error *err)
{
    const outputs_file *out = new->written ? new : old, *other = new->written ? old : new;
    if (other->written)
        return err_set(err, ERR_ARGUMENT, "cannot write %s to '%.200s': %s goes there too; name another file",
                       out->role, path, other->role);
    return err_set(err, ERR_ARGUMENT, "cannot write %s to '%.200s': this run reads it%s%s; name another file",
                   out->role, path, other->role ? " as " : "", other->role ? other->role : "");
}

static err_code add(outputs *o, outputs_file file, const char *path, error *err)
{
    bool failed = false;
    if (!identify(path, file.written, &file.is, &failed))
        return failed ? err_no_memory(err, for_names) : ERR_OK;
    if (!file.written && *file.is.name) return ERR_OK; /* not there: reading will say so */
    if (!make_room(o)) return err_no_memory(err, for_names);
    outputs_file **at = find(o, &file.is);
    if (*at) return file.written || (*at)->written ? refuse(path, &file, *at, err) : ERR_OK;
    file.is.name = arena_strdup(&o->memory, file.is.name);
    outputs_file *kept = arena_alloc(&o->memory, sizeof *kept);
    if (!file.is.name || !kept) return err_no_memory(err, for_names);
    *kept = file;
    *at = kept;
    o->count++;
    return ERR_OK;
}

err_code outputs_reads(outputs *o, const char *role, const char *path, error *err)
{
    return add(o, (outputs_file){.role = role}, path, err);
}

/* The folder among those read that has the file in it, at whatever depth. `path` is cut shorter. */
static const outputs_file *find_folder(const outputs *o, char *path)
{
    struct stat st;
    for (char *slash; o->slots && (slash = strrchr(path, '/')) && slash > path;) {
        *slash = 0;
        if (stat(path, &st)) return NULL;
        const outputs_file *folder = *find(o, &(identity){st.st_dev, st.st_ino, ""});
        if (folder && !folder->written) return folder;
    }
    return NULL;
}

/* A photo in a folder of photos is read, though nobody named it; a picture of ours that lies there is not. */
static err_code check_folders(const outputs *o, const outputs_file *new, const char *path, error *err)
{
    char role[MARKED_ROLE];
    if (!strcmp(path, "-") || !ds_is_photo_name(path) || access(path, F_OK) || marked_read(path, role))
        return ERR_OK;
    char *real = realpath(path, NULL);
    if (!real && errno == ENOMEM) return err_no_memory(err, for_names);
    const outputs_file *folder = real ? find_folder(o, real) : NULL;
    free(real);
    return folder ? refuse(path, new, folder, err) : ERR_OK;
}

err_code outputs_writes(outputs *o, const char *role, const char *path, error *err)
{
    const outputs_file new = {.role = role, .written = true};
    err_code code = check_folders(o, &new, path, err);
    if (code) return code;
    return add(o, (outputs_file){.role = role, .written = true}, path, err);
}

void outputs_release(outputs *o)
{
    free(o->slot);
    arena_release(&o->memory);
    *o = (outputs){0};
}

/* ---- a command line ---- */

/* "PATH:PREFIX", of a list, names PATH. */
static err_code add_listed(outputs *o, const char *role, const char *text, error *err)
{
    const char *colon = strrchr(text, ':');
    err_code code = outputs_reads(o, role, text, err);
    if (code || !colon) return code;
    const char *path = arena_strndup(&o->memory, text, (colon - text));
    return path ? outputs_reads(o, role, path, err) : err_no_memory(err, for_names);
}

static err_code add_option(outputs *o, const opt *row, error *err)
{
    const char *const *value = row->value;
    bool list = row->kind == OPT_INPUTS, written = row->kind == OPT_OUTPUT;
    if ((!list && !written && row->kind != OPT_INPUT) || !*value || !strcmp(*value, "-")) return ERR_OK;
    char *role = arena_alloc(&o->memory, strlen(row->name) + 3);
    if (!role) return err_no_memory(err, for_names);
    memcpy(role, "--", 2);
    memcpy(role + 2, row->name, strlen(row->name) + 1);
    if (written) return outputs_writes(o, role, *value, err);
    if (!list) return outputs_reads(o, role, *value, err);
    err_code code = ERR_OK;
    while (!code && *value) code = add_listed(o, role, *value++, err);
    return code;
}

err_code outputs_add_options(outputs *o, const opt_command *command, char **operand, int operands, error *err)
{
    error ignored;
    err_code code = outputs_writes(o, "standard output", "-", err);
    outputs_reads(o, "standard input", "-", &ignored); /* a shell may have opened one file for both */
    for (int i = 0; i < operands && !code; i++)
        if (strcmp(operand[i], "-") != 0) code = outputs_reads(o, NULL, operand[i], err);
    for (const opt *row = command->options; row->kind && !code; row++)
        if (row->kind != OPT_OUTPUT) code = add_option(o, row, err);
    for (const opt *row = command->options; row->kind && !code; row++)
        if (row->kind == OPT_OUTPUT) code = add_option(o, row, err);
    return code;
}
