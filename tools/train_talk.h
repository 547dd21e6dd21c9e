/* What a training says on stderr, whatever is trained: sentences, a bar, a line an epoch; and how it hears that
 * it shall stop. */
#ifndef TOOLS_TRAIN_TALK_H
#define TOOLS_TRAIN_TALK_H

#include "captioner/train/trainer.h"
#include "tools/progress.h"

typedef struct train_talk {
    ui_progress bar;
    char label[64];
    bool drawing, quiet;
} train_talk;

/* For the one training of the program: signals become a wish to stop from here on. */
cap_train_events train_talk_begin(train_talk *t, bool quiet);
void train_talk_end(train_talk *t);

#endif
