#include "datasets/loader.h"

#include <stdlib.h>
#include <string.h>

typedef struct list {
    int32_t *image;
    size_t count, capacity;
} list;

static int append(list *l, const ds_batch *b)
{
    size_t more = (size_t)b->images;
    if (l->count + more > l->capacity) {
        size_t capacity = 2 * (l->count + more);
        int32_t *image = capacity > INT32_MAX ? NULL : realloc(l->image, capacity * sizeof *image);
        if (!image) return -1;
        l->image = image;
        l->capacity = capacity;
    }
    memcpy(l->image + l->count, b->image, more * sizeof *b->image);
    l->count += more;
    return 0;
}

static err_code collect(const ds_plan *plan, int32_t *start, list *l, error *err)
{
    arena scratch = {0};
    err_code code = ERR_OK;
    for (int32_t i = 0; i < ds_plan_batches(plan) && !code; i++) {
        ds_batch b;
        arena_reset(&scratch);
        code = ds_plan_batch(plan, i, &scratch, &b, err);
        if (!code && append(l, &b))
            code = err_set(err, ERR_MEMORY, "out of memory for the schedule of the photos");
        start[i + 1] = (int32_t)l->count;
    }
    arena_release(&scratch);
    return code;
}

err_code ds_schedule_of_plan(const ds_plan *plan, arena *memory, ds_schedule *out, error *err)
{
    list l = {0};
    int32_t *start = arena_array(memory, (size_t)ds_plan_batches(plan) + 1, sizeof *start), *image = NULL;
    if (!start) return err_set(err, ERR_MEMORY, "out of memory for the schedule of the photos");
    err_code code = collect(plan, start, &l, err);
    if (!code) image = arena_array(memory, l.count, sizeof *image);
    if (!code && !image) code = err_set(err, ERR_MEMORY, "out of memory for the schedule of the photos");
    if (!code && l.count) memcpy(image, l.image, l.count * sizeof *image);
    free(l.image);
    if (!code) *out = (ds_schedule){.batches = ds_plan_batches(plan), .start = start, .image = image};
    return code;
}
