/* Ops on NHWC maps without weights: rearranging, scaling, pooling. */
#ifndef CNN_MAPS_H
#define CNN_MAPS_H

#include "cnn/conv2d.h"

/* Channels side by side: [N,H,W,sum of C]. Borrows the list no longer than the call; count is at most 4. */
nn_var *cnn_concat(nn_tape *t, nn_var *const *x, int count);

/* Pixels one after the other: [N,R,1,C] with R the sum of H W; the maps may differ in size. */
nn_var *cnn_stack(nn_tape *t, nn_var *const *x, int count);

/* Each pixel becomes 2x2 equal ones: [N,2H,2W,C]. */
nn_var *cnn_upsample(nn_tape *t, nn_var *x);

/* 2x2 pixels become one, channels of the top left one first, then bottom left, top right, bottom right:
 * [N,H/2,W/2,4C]; H and W are even. YOLOX calls it focus. */
nn_var *cnn_space_to_depth(nn_tape *t, nn_var *x);

/* y[n,h,w,c] = x[n,h,w,c] f[n,c], f [N,1,1,C]. */
nn_var *cnn_scale(nn_tape *t, nn_var *x, nn_var *f);

/* Maximum over windows; pixels outside the map never win. Of what is not recorded first along the rows, then
 * along the columns, so that a window of 13x13 costs 26 comparisons. */
nn_var *cnn_max_pool(nn_tape *t, nn_var *x, cnn_window win);

/* Mean over windows without padding. */
nn_var *cnn_avg_pool(nn_tape *t, nn_var *x, int kernel);

/* Mean over the whole map: [N,H,W,C] -> [N,C]. */
nn_var *cnn_global_mean(nn_tape *t, nn_var *x);

#endif
