/* The random model as a file that lives as long as a group of tests:
 *
 *     return cmocka_run_group_tests(tests, model_file_make, model_file_remove);       the tests open `model`
 */
#ifndef TESTS_MODEL_FILE_H
#define TESTS_MODEL_FILE_H

#include <stdlib.h>
#include <unistd.h>

#include "tests/random_model.h"

static char model[] = "/tmp/caption_model_XXXXXX";

static inline int model_file_make(void **state)
{
    (void)state;
    int fd = mkstemp(model);
    if (fd < 0) return 1;
    close(fd);
    return random_model_save(model, NN_MATCH_SIGMOID, NULL);
}

static inline int model_file_remove(void **state)
{
    (void)state;
    return unlink(model);
}

#endif
