/* For tasks whose batches are photos: see datasets/loader.h. */
#ifndef CAPTIONER_TRAIN_LOADER_H
#define CAPTIONER_TRAIN_LOADER_H

#include "captioner/train/task.h"
#include "datasets/loader.h"

/* Starts the present epoch's photos, of whose order the batches that are done are left out; `order` and
 * `lists` live until the epoch ends. */
err_code cap_run_start_loader(const cap_run *r, ds_loader *loader, ds_schedule *order, arena *lists,
                              error *err);

#endif
