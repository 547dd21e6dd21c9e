/* The model inside the program: captioner/builtin.safetensors as it was at build time. */
#ifndef CAPTIONER_BUILTIN_H
#define CAPTIONER_BUILTIN_H

#include <stddef.h>

/* The file's bytes, read-only and 64-byte aligned; NULL and 0 when the build had no such file. */
const void *cap_builtin_model(size_t *size);

#endif
