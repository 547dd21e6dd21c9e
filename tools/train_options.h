/* The command line of `caption train`: one table for photos and for texts, whose defaults differ. */
#ifndef TOOLS_TRAIN_OPTIONS_H
#define TOOLS_TRAIN_OPTIONS_H

#include "captioner/train/train.h"
#include "src/base/text.h"

typedef struct train_request {
    cap_train_settings settings; /* its strings are argv's and `command` */
    text command;                /* the command line, for the record */
    bool quiet;
} train_request;

/* False: there is nothing to train and *verdict is the exit code. To be released either way. */
bool train_options_read(int argc, char **argv, train_request *out, int *verdict);
void train_options_release(train_request *r);

#endif
