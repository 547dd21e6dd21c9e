#include "datasets/loader.h"

#include "src/base/list.h"

#include <stdlib.h>
#include <string.h>

typedef struct list {
    int32_t *image;
    int32_t count;
    int64_t capacity;
} list;

static bool append_photos(list *l, const ds_batch *b)
{
    if (!LIST_ROOM(l->image, l->count, b->images, l->capacity)) return false;
    memcpy(l->image + l->count, b->image, b->images * sizeof *b->image);
    l->count += b->images;
    return true;
}

static err_code collect_photos(const ds_plan *plan, int32_t *start, list *l, error *err)
{
    arena scratch = {0};
    err_code code = ERR_OK;
    for (int32_t i = 0; i < ds_plan_batches(plan) && !code; i++) {
        ds_batch b;
        arena_reset(&scratch);
        code = ds_plan_batch(plan, i, &scratch, &b, err);
        if (!code && !append_photos(l, &b)) code = err_no_memory(err, "for the schedule of the photos");
        start[i + 1] = l->count;
    }
    arena_release(&scratch);
    return code;
}

err_code ds_schedule_of_plan(const ds_plan *plan, arena *memory, ds_schedule *out, error *err)
{
    list l = {0};
    int32_t *start = arena_array(memory, (size_t)ds_plan_batches(plan) + 1, sizeof *start), *image = NULL;
    if (!start) return err_no_memory(err, "for the schedule of the photos");
    err_code code = collect_photos(plan, start, &l, err);
    if (!code) image = arena_array(memory, l.count, sizeof *image);
    if (!code && !image) code = err_no_memory(err, "for the schedule of the photos");
    if (!code && l.count) memcpy(image, l.image, l.count * sizeof *image);
    free(l.image);
    if (!code) *out = (ds_schedule){.batches = ds_plan_batches(plan), .start = start, .image = image};
    return code;
}
