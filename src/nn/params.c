#include "src/nn/params.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/arena.h"
#include "src/base/list.h"
#include "src/base/rng.h"

nn_init nn_init_constant(double value)
{
    return (nn_init){NN_INIT_CONSTANT, value};
}

nn_init nn_init_uniform(double bound)
{
    return (nn_init){NN_INIT_UNIFORM, bound};
}

nn_init nn_init_normal(double deviation)
{
    return (nn_init){NN_INIT_NORMAL, deviation};
}

nn_init nn_init_fan(int fan_in)
{
    return nn_init_uniform(sqrt(3.0 / fan_in));
}

nn_init nn_init_relu(int fan_in)
{
    return nn_init_normal(sqrt(2.0 / fan_in));
}

static uint64_t stream_of(const char *name)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 1099511628211u;
    return h;
}

static const nn_param *find_param(const nn_params *p, const char *name, uint64_t stream)
{
    for (int i = 0; i < p->count; i++)
        if (p->list[i]->stream == stream && !strcmp(p->list[i]->name, name)) return p->list[i];
    return NULL;
}

nn_var *nn_params_add(nn_params *p, const char *name, int rank, const int *dim, nn_init init, int flags)
{
    static nn_var nowhere; /* never read: finish fails first */
    nn_param *n = LIST_ROOM(p->list, p->count, 1, p->capacity) ? calloc(1, sizeof *n) : NULL;
    if (!n) {
        p->failed = true;
        return &nowhere;
    }
    snprintf(n->name, sizeof n->name, "%s", name);
    n->stream = stream_of(n->name);
    if (find_param(p, n->name, n->stream)) p->twin = n;
    n->var.rank = rank;
    for (int i = 0; i < NN_MAX_RANK; i++) n->var.dim[i] = i < rank ? dim[i] : 1;
    n->offset = p->size;
    n->flags = flags;
    n->rate = 1;
    n->init = init;
    p->size += (nn_count(&n->var) + 15) / 16 * 16; /* every member starts on a cache line */
    p->list[p->count++] = n;
    return &n->var;
}

static void draw_param(nn_param *n, uint64_t seed)
{
    rng r = {.seed = seed, .stream = n->stream};
    for (size_t i = 0, count = nn_count(&n->var); i < count; i++) {
        double x = n->init.value;
        if (n->init.kind == NN_INIT_UNIFORM) x *= 2 * rng_uniform(&r) - 1;
        if (n->init.kind == NN_INIT_NORMAL) x *= rng_normal(&r);
        n->var.data[i] = (real)x;
    }
}

/* Zeroed where training will read it; what is only used costs no memory until it is written. */
static real *new_block(size_t size, bool zeroed)
{
    size_t bytes = (size * sizeof(real) + 63) / 64 * 64;
    return zeroed ? arena_lasting(bytes) : aligned_alloc(64, bytes ? bytes : 64);
}

static err_code take_blocks(nn_params *p, bool with_gradients, error *err)
{
    if (p->twin) return err_set(err, ERR_ARGUMENT, "two parameters are named '%s'", p->twin->name);
    if (!p->failed) p->data = new_block(p->size, with_gradients);
    if (p->data && with_gradients) p->grad = new_block(p->size, true);
    if (!p->data || (with_gradients && !p->grad)) return err_no_memory(err, "for %zu parameters", p->size);
    for (int i = 0; i < p->count; i++) {
        nn_param *n = p->list[i];
        n->var.data = p->data + n->offset;
        n->var.wants_grad = with_gradients && !(n->flags & NN_BUFFER);
        n->var.grad = n->var.wants_grad ? p->grad + n->offset : NULL;
    }
    return ERR_OK;
}

err_code nn_params_finish(nn_params *p, uint64_t seed, error *err)
{
    err_code code = take_blocks(p, true, err);
    for (int i = 0; !code && i < p->count; i++) draw_param(p->list[i], seed);
    return code;
}

err_code nn_params_finish_for_use(nn_params *p, error *err)
{
    return take_blocks(p, false, err);
}

static bool begins(const char *s, const char *prefix)
{
    return !strncmp(s, prefix, strlen(prefix));
}

bool nn_param_packs(const nn_param *n)
{
    return n->var.rank == 2 || n->var.rank == 4;
}

static err_code pack(nn_param *n, packed_type linear, packed_type conv, const real *values,
                     const real *factor, error *err)
{
    nn_var *v = &n->var;
    bool table = n->flags & NN_TABLE;
    int wide = table ? v->dim[0] : nn_last(v), deep = table ? v->dim[1] : nn_rows(v);
    packed_type type = v->rank == 2                                   ? linear
                       : n->flags & NN_PRECISE && conv == PACKED_BF16 ? PACKED_F32
                                                                      : conv;
    packed_free(&v->packed);
    v->packed = packed_create(type, deep, wide, (mat){values, nn_last(v), table ? GEMM_T : GEMM_N}, factor);
    if (v->packed) return ERR_OK;
    return err_no_memory(err, "for the packed weights of '%s'", n->name);
}

err_code nn_param_pack(nn_param *n, packed_type linear, packed_type conv, const real *values,
                       const real *factor, error *err)
{
    err_code code = pack(n, linear, conv, values, factor, err);
    if (!code && !(n->flags & NN_TABLE)) n->var.data = NULL;
    return code;
}

err_code nn_params_pack(nn_params *p, const char *prefix, packed_type linear, packed_type conv, error *err)
{
    err_code code = ERR_OK;
    for (int i = 0; !code && i < p->count; i++) {
        nn_param *n = p->list[i];
        if (nn_param_packs(n) && begins(n->name, prefix))
            code = pack(n, linear, conv, n->var.data, NULL, err);
    }
    return code;
}

void nn_params_release(nn_params *p)
{
    for (int i = 0; i < p->count; i++) {
        packed_free(&p->list[i]->var.packed);
        free(p->list[i]);
    }
    free(p->list);
    free(p->data);
    free(p->grad);
    *p = (nn_params){0};
}

nn_param *nn_params_find(const nn_params *p, const char *name)
{
    for (int i = 0; i < p->count; i++)
        if (!strcmp(p->list[i]->name, name)) return p->list[i];
    return NULL;
}

size_t nn_params_learned(const nn_params *p)
{
    size_t n = 0;
    for (int i = 0; i < p->count; i++)
        if (!(p->list[i]->flags & NN_BUFFER)) n += nn_count(&p->list[i]->var);
    return n;
}

int nn_params_set_trainable(nn_params *p, const char *prefix, bool trainable)
{
    int changed = 0;
    for (int i = 0; i < p->count; i++) {
        nn_param *n = p->list[i];
        if (n->flags & NN_BUFFER || !begins(n->name, prefix)) continue;
        n->var.wants_grad = trainable;
        n->var.grad = trainable ? p->grad + n->offset : NULL;
        changed++;
    }
    return changed;
}

void nn_params_set_rate(nn_params *p, const char *prefix, double rate)
{
    for (int i = 0; i < p->count; i++)
        if (begins(p->list[i]->name, prefix)) p->list[i]->rate = rate;
}

enum { ZERO_CHUNK = 1 << 16 };

static void zero_chunk(void *ctx, int index, int worker)
{
    (void)worker;
    const nn_params *p = ctx;
    size_t begin = (size_t)index * ZERO_CHUNK, left = p->size - begin;
    memset(p->grad + begin, 0, (left < ZERO_CHUNK ? left : ZERO_CHUNK) * sizeof *p->grad);
}

void nn_params_zero_grad(nn_params *p, pool *threads)
{
    pool_run(threads, (int)((p->size + ZERO_CHUNK - 1) / ZERO_CHUNK), zero_chunk, p);
}
