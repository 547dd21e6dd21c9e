/* Feeds a fuzz target files, and all files in folders, once each: what libFuzzer does with `-runs=0
 * FOLDER...`, for builds without it. Words that begin with '-' are libFuzzer's and passed over. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/io/file.h"
#include "tests/fuzz/fuzz.h"

enum { LARGEST = 64 << 20 };

static int files, useless;

static void feed_file(const char *path)
{
    const char *slash = strrchr(path, '/');
    uint8_t *bytes;
    size_t size;
    error err = {0};
    if (io_read_file(path, LARGEST, &bytes, &size, &err)) {
        fprintf(stderr, "feed: %s\n", err.text);
        exit(2);
    }
    uint8_t *exact =
        malloc(size ? size : 1); /* without the NUL that io_read_file adds, so that nobody relies on it */
    if (!exact) exit(2);
    memcpy(exact, bytes, size);
    free(bytes);
    long before = fuzz_taken;
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    files++;
    if (strncmp(slash ? slash + 1 : path, "good", 4) != 0 || fuzz_taken > before) return;
    fprintf(stderr, "feed: '%s' is no longer a file that its reader takes: make it anew\n", path);
    useless++;
}

static void feed(const char *path)
{
    struct dirent **entry;
    int n = scandir(path, &entry, NULL, alphasort);
    if (n < 0) {
        feed_file(path);
        return;
    }
    for (int i = 0; i < n; i++) {
        char below[4096];
        snprintf(below, sizeof below, "%s/%s", path, entry[i]->d_name);
        if (entry[i]->d_name[0] != '.') feed(below);
        free(entry[i]);
    }
    free(entry);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (argv[i][0] != '-') feed(argv[i]);
    printf("%d files\n", files);
    return files == 0 || useless;
}
