/* Photos of an epoch, decoded ahead: a resumed one goes on where it stood. */
#include "captioner/train/train_loader.h"

/* The rest of the schedule, counted from its first photo. */
static err_code skip_batches(ds_schedule *s, int32_t done, arena *lists, error *err)
{
    int32_t left = s->batches - done, first = s->start[done];
    int32_t *start = arena_array(lists, (size_t)left + 1, sizeof *start);
    if (!start) return err_no_memory(err, "for an epoch's schedule");
    for (int32_t i = 0; i <= left; i++) start[i] = s->start[done + i] - first;
    *s = (ds_schedule){left, start, s->image + first};
    return ERR_OK;
}

err_code cap_run_start_loader(const cap_run *r, ds_loader *loader, ds_schedule *order, arena *lists,
                              error *err)
{
    err_code code = skip_batches(order, (int32_t)r->at.batch, lists, err);
    return code ? code : ds_loader_start(loader, order, (uint32_t)r->at.epoch, err);
}
