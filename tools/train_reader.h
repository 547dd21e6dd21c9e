/* caption train --classify and --masked: their command line and their run. */
#ifndef TOOLS_TRAIN_READER_H
#define TOOLS_TRAIN_READER_H

#include <stdbool.h>

/* Whether the command line names lines with classes, or a text whose words are to be masked. */
bool train_reader_is_meant(int argc, char **argv);

/* Does what it says; the exit code. */
int train_reader(int argc, char **argv);

#endif
