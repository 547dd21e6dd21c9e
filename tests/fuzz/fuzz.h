/* What the fuzz targets share. A target is a file fuzz_NAME.c with LLVMFuzzerTestOneInput, which hands any
 * bytes to one of the program's readers and aborts when an answer breaks a promise; sanitizers see the rest.
 * Its seeds lie in seeds/NAME (see CMakeLists.txt here).
 *
 *     cmake --preset fuzz && cmake --build --preset fuzz          with libFuzzer, which needs clang
 *     build/fuzz/tests/fuzz/fuzz_tar build/corpus_tar tests/fuzz/seeds/tar
 *     tools/check --fuzz 60                                       all of them, 60 seconds each
 *
 * In every other build feed.c takes libFuzzer's place, and ctest runs each target over its seeds once. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* A target counts the inputs that its reader took. Seeds whose name begins with "good" must be among them:
 * those that a change of a format has made useless are noticed by feed.c. */
extern long fuzz_taken;

/* Every refusal must have a code and a sentence. */
void fuzz_must_say(const error *e);

/* A copy with a NUL behind it, for free(); `*text` may hold further ones. */
char *fuzz_text(const uint8_t *bytes, size_t size);

/* The name of a regular file that holds the bytes until the next call with the same slot, 0 or 1. */
const char *fuzz_file(int slot, const void *bytes, size_t size);

#endif
