#include "src/train/checkpoint.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/arena.h"

_Static_assert(sizeof(real) == sizeof(float), "files hold single precision: not for the double build");

static const char steps_name[] = "optim.steps", moment1_prefix[] = "optim.m.", moment2_prefix[] = "optim.v.",
                  average_prefix[] = "optim.a.";

#define LARGEST_F16 65504.0f
#define MOST_STEPS ((int64_t)1 << 53)

static bool begins(const char *s, const char *prefix)
{
    return !prefix || !strncmp(s, prefix, strlen(prefix));
}

/* Room for "optim.m." and a parameter's name. */
typedef struct moment_name {
    char text[sizeof(((nn_param *)0)->name) + sizeof moment1_prefix];
} moment_name;

static void name_moment(moment_name *out, const char *prefix, const nn_param *n)
{
    snprintf(out->text, sizeof out->text, "%s%s", prefix, n->name);
}

static void shape_of(const nn_param *n, int64_t shape[NN_MAX_RANK])
{
    for (int i = 0; i < NN_MAX_RANK; i++) shape[i] = n->var.dim[i];
}

/* ---- writing ---- */

typedef struct listing {
    arena memory;
    io_tensor_entry *entry;
    size_t count;
} listing;

static void list_values(listing *l, const char *name, const int64_t *shape, const nn_param *n,
                        const real *values, io_dtype dtype)
{
    l->entry[l->count++] = (io_tensor_entry){
        .name = name, .dtype = dtype, .rank = n->var.rank, .shape = shape, .values = values};
}

static bool list_moments(listing *l, const nn_param *n, const int64_t *shape, const optim *o)
{
    moment_name *name = arena_array(&l->memory, 2, sizeof *name);
    if (!name) return false;
    name_moment(&name[0], moment1_prefix, n);
    name_moment(&name[1], moment2_prefix, n);
    list_values(l, name[0].text, shape, n, o->moment1 + n->offset, IO_F32);
    if (o->moment2) list_values(l, name[1].text, shape, n, o->moment2 + n->offset, IO_F32);
    return true;
}

static bool list_average(listing *l, const nn_param *n, const int64_t *shape, const optim *o)
{
    moment_name *name = arena_array(&l->memory, 1, sizeof *name);
    if (!name) return false;
    name_moment(name, average_prefix, n);
    list_values(l, name->text, shape, n, o->average + n->offset, IO_F32);
    return true;
}

static bool list_all(listing *l, const nn_params *params, const char *prefix, const optim *o, io_dtype dtype)
{
    l->entry = arena_array(&l->memory, 4 * (size_t)params->count + 1, sizeof *l->entry);
    if (!l->entry) return false;
    for (int i = 0; i < params->count; i++) {
        const nn_param *n = params->list[i];
        if (!begins(n->name, prefix)) continue;
        int64_t *shape = arena_array(&l->memory, NN_MAX_RANK, sizeof *shape);
        if (!shape) return false;
        shape_of(n, shape);
        list_values(l, n->name, shape, n, n->var.data, n->var.rank > 1 ? dtype : IO_F32);
        if (o && !(n->flags & NN_BUFFER) && !list_moments(l, n, shape, o)) return false;
        if (o && o->average && !list_average(l, n, shape, o)) return false;
    }
    if (o) l->entry[l->count++] = (io_tensor_entry){.name = steps_name, .dtype = IO_I64, .raw = &o->steps};
    return true;
}

err_code ckpt_save(const char *path, const nn_params *params, const char *prefix, const optim *o,
                   const io_metadata *metadata, size_t metadata_count, io_dtype dtype, error *err)
{
    listing l = {0};
    err_code code = ERR_OK;
    if (!list_all(&l, params, prefix, o, dtype)) code = err_no_memory(err, "while writing '%s'", path);
    if (!code) code = io_tensors_save(path, l.entry, l.count, metadata, metadata_count, err);
    arena_release(&l.memory);
    return code;
}

/* ---- checking ---- */

enum {
    BELOW_TOO, /* a number may be below 0 */
    POSITIVE,  /* it may not */
};

/* Whether n floats at any address are at most `most`, without their signs or (POSITIVE) with none. The
 * largest is found in whole numbers, which compilers do in lanes: of two floats without signs the larger one
 * has the larger bits, infinity and NAN have larger ones than all others, and a sign has the largest. */
static bool all_within(const void *floats, size_t n, float most, int sign)
{
    uint32_t bound, top = 0, seen = sign == POSITIVE ? 0xffffffff : 0x7fffffff;
    memcpy(&bound, &most, sizeof bound);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, (const uint8_t *)floats + i * sizeof bits, sizeof bits);
        bits &= seen;
        top = bits > top ? bits : top;
    }
    return top <= bound;
}

bool ckpt_fits(const nn_params *params, const char *prefix, io_dtype dtype)
{
    for (int i = 0; i < params->count; i++) {
        const nn_param *n = params->list[i];
        float most = dtype == IO_F16 && n->var.rank > 1 ? LARGEST_F16 : FLT_MAX;
        if (begins(n->name, prefix) && !all_within(n->var.data, nn_count(&n->var), most, BELOW_TOO))
            return false;
    }
    return true;
}

/* ---- reading ---- */

static err_code check_tensor(const io_tensors *file, const char *name, const nn_param *n, int sign,
                             error *err)
{
    const io_tensor *t = io_tensors_find(file, name);
    if (!t)
        return err_set(err, ERR_MISMATCH, "'%s': tensor '%s' is missing; is it a file of another model?",
                       io_tensors_name(file), name);
    bool same = t->rank == n->var.rank;
    for (int i = 0; same && i < t->rank; i++) same = t->shape[i] == n->var.dim[i];
    if (!same)
        return err_set(err, ERR_MISMATCH, "'%s': tensor '%s' has another shape than the model needs",
                       io_tensors_name(file), name);
    if (t->dtype != IO_F32 || all_within(t->data, nn_count(&n->var), FLT_MAX, sign)) return ERR_OK;
    return err_set(err, ERR_FORMAT,
                   "'%s': tensor '%s' holds what no training leaves there; the file is damaged",
                   io_tensors_name(file), name);
}

static err_code check_moments(const io_tensors *file, const nn_param *n, const optim *o, error *err)
{
    moment_name name;
    name_moment(&name, moment1_prefix, n);
    err_code code = check_tensor(file, name.text, n, BELOW_TOO, err);
    name_moment(&name, moment2_prefix, n);
    if (!code && o->moment2) code = check_tensor(file, name.text, n, POSITIVE, err);
    if (!code && !o->moment2 && io_tensors_find(file, name.text))
        code = err_set(err, ERR_MISMATCH, "'%s' was written with another optimiser", io_tensors_name(file));
    return code;
}

/* It begins with the first step. */
static err_code check_average(const io_tensors *file, const nn_param *n, const optim *o, error *err)
{
    moment_name name;
    name_moment(&name, average_prefix, n);
    if (o->average) return check_tensor(file, name.text, n, BELOW_TOO, err);
    if (!io_tensors_find(file, name.text)) return ERR_OK;
    return err_set(err, ERR_MISMATCH, "'%s' was written by a run that averages its weights",
                   io_tensors_name(file));
}

static err_code check_steps(const io_tensors *file, const optim *o, error *err)
{
    const io_tensor *t = io_tensors_find(file, steps_name);
    int64_t steps = 0;
    if (!o) return ERR_OK;
    if (t && t->dtype == IO_I64 && t->rank == 0) {
        memcpy(&steps, t->data, sizeof steps);
        if (steps >= 0 && steps < MOST_STEPS) return ERR_OK;
        return err_set(err, ERR_FORMAT, "'%s': %lld steps are not possible; the file is damaged",
                       io_tensors_name(file), (long long)steps);
    }
    return err_set(err, ERR_MISMATCH, "'%s' holds no state of an optimiser; training cannot go on from it",
                   io_tensors_name(file));
}

/* "NAME.scale" belongs to NAME when that is stored in 8 bits. */
static bool is_scale(const io_tensors *file, const nn_params *params, const char *name)
{
    char base[sizeof(((nn_param *)0)->name)];
    size_t length = strlen(name);
    if (length < 6 || length - 6 >= sizeof base || strcmp(name + length - 6, ".scale") != 0) return false;
    memcpy(base, name, length - 6);
    base[length - 6] = '\0';
    const io_tensor *t = io_tensors_find(file, base);
    return t && t->dtype == IO_I8 && nn_params_find(params, base);
}

static err_code check_extra(const io_tensors *file, const nn_params *params, const char *prefix, error *err)
{
    for (size_t i = 0; i < io_tensors_count(file); i++) {
        const char *name = io_tensors_at(file, i)->name;
        if (!begins(name, prefix) || begins(name, "optim.") || nn_params_find(params, name)) continue;
        if (!is_scale(file, params, name))
            return err_set(err, ERR_MISMATCH, "'%s': the model has no use for tensor '%s'",
                           io_tensors_name(file), name);
    }
    return ERR_OK;
}

static err_code check_all(const io_tensors *file, const nn_params *params, const char *prefix, const optim *o,
                          error *err)
{
    err_code code = check_steps(file, o, err);
    for (int i = 0; !code && i < params->count; i++) {
        const nn_param *n = params->list[i];
        if (!begins(n->name, prefix)) continue;
        code = check_tensor(file, n->name, n, BELOW_TOO, err);
        if (!code && o && !(n->flags & NN_BUFFER)) code = check_moments(file, n, o, err);
        if (!code && o) code = check_average(file, n, o, err);
    }
    return code ? code : check_extra(file, params, prefix, err);
}

static err_code read_into(const io_tensors *file, const char *name, const nn_param *n, real *out, error *err)
{
    int64_t shape[NN_MAX_RANK];
    shape_of(n, shape);
    return io_tensors_read_f32(file, name, n->var.rank, shape, out, err);
}

static err_code read_moments(const io_tensors *file, const nn_param *n, optim *o, error *err)
{
    moment_name name;
    name_moment(&name, moment1_prefix, n);
    err_code code = read_into(file, name.text, n, o->moment1 + n->offset, err);
    name_moment(&name, moment2_prefix, n);
    if (!code && o->moment2) code = read_into(file, name.text, n, o->moment2 + n->offset, err);
    return code;
}

static err_code read_average(const io_tensors *file, const nn_param *n, optim *o, error *err)
{
    moment_name name;
    if (!o->average) return ERR_OK;
    name_moment(&name, average_prefix, n);
    return read_into(file, name.text, n, o->average + n->offset, err);
}

err_code ckpt_read(const io_tensors *file, nn_params *params, const char *prefix, optim *o, error *err)
{
    err_code code = check_all(file, params, prefix, o, err);
    for (int i = 0; !code && i < params->count; i++) {
        nn_param *n = params->list[i];
        if (!begins(n->name, prefix)) continue;
        code = read_into(file, n->name, n, n->var.data, err);
        if (!code && o && !(n->flags & NN_BUFFER)) code = read_moments(file, n, o, err);
        if (!code && o) code = read_average(file, n, o, err);
    }
    if (!code && o) memcpy(&o->steps, io_tensors_find(file, steps_name)->data, sizeof o->steps);
    return code;
}

static err_code copy_metadata(const io_tensors *file, const char *key, char **value, error *err)
{
    const char *text = io_tensors_metadata(file, key);
    if (!text)
        return err_set(err, ERR_MISSING, "'%s' has no metadata '%s'; is it a checkpoint of this kind?",
                       io_tensors_name(file), key);
    *value = strdup(text);
    return *value ? ERR_OK : err_no_memory(err, "while reading '%s'", io_tensors_name(file));
}

err_code ckpt_load(const char *path, nn_params *params, const char *prefix, optim *o, const char *key,
                   char **value, error *err)
{
    if (value) *value = NULL;
    error local = {0};
    io_tensors *file = io_tensors_open(path, &local);
    if (!file) return err_set(err, local.code, "%s", local.text);
    err_code code = key && value ? copy_metadata(file, key, value, err) : ERR_OK;
    if (!code) code = ckpt_read(file, params, prefix, o, err);
    if (code && value) {
        free(*value);
        *value = NULL;
    }
    io_tensors_close(&file);
    return code;
}
