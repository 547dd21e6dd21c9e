/* A folder for the files of a test program, gone at its end:
 *
 *     return cmocka_run_group_tests(tests, folder_make, folder_remove);      the tests write to in("name")
 */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[32];

static inline int folder_make(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/caption_test_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static inline void remove_tree(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        char below[600];
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        snprintf(below, sizeof below, "%.340s/%.255s", path, e->d_name);
        if (unlink(below)) remove_tree(below);
    }
    if (d) closedir(d);
    rmdir(path);
}

static inline int folder_remove(void **state)
{
    (void)state;
    remove_tree(folder);
    return access(folder, F_OK) ? 0 : -1;
}

/* path: "FOLDER/name" in one of a few buffers that take turns. */
static inline const char *in(const char *name)
{
    static char path[8][200];
    static int turn;
    char *p = path[turn++ % 8];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

#endif
