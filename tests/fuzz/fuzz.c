#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SLOTS = 2 };

long fuzz_taken;

void fuzz_must_say(const error *e)
{
    if (e->code == ERR_OK || !e->text[0]) abort();
}

char *fuzz_text(const uint8_t *bytes, size_t size)
{
    char *text = malloc(size + 1);
    if (!text) abort();
    if (size) memcpy(text, bytes, size);
    text[size] = 0;
    return text;
}

static void write_all(int fd, const char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(fd, bytes + done, size - done, (off_t)done);
        if (n <= 0) abort();
        done += n;
    }
}

const char *fuzz_file(int slot, const void *bytes, size_t size)
{
    static int fd[SLOTS] = {-1, -1};
    static char name[SLOTS][40];
    if (fd[slot] < 0) {
        fd[slot] = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(name[slot], sizeof name[slot], "/proc/self/fd/%d", fd[slot]);
    }
    if (fd[slot] < 0 || ftruncate(fd[slot], 0)) abort();
    write_all(fd[slot], bytes, size);
    return name[slot];
}
