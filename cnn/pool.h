/* Pooling on NHWC maps. */
#ifndef CNN_POOL_H
#define CNN_POOL_H

#include "cnn/conv2d.h"

/* Maximum over windows; pixels outside the map never win. Of what is not recorded first along the rows, then
 * along the columns, so that a window of 13x13 costs 26 comparisons. */
nn_var *cnn_max_pool(nn_tape *t, nn_var *x, cnn_window win);

/* Mean over windows without padding. */
nn_var *cnn_avg_pool(nn_tape *t, nn_var *x, int kernel);

/* Mean over the whole map: [N,H,W,C] -> [N,C]. */
nn_var *cnn_global_mean(nn_tape *t, nn_var *x);

#endif
