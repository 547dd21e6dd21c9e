#include "captioner/net/builtin.h"

#ifdef CAPTION_BUILTIN_FILE

/* The assembler copies the file into the read-only section: no generated source, no copy at run time. */
__asm__(
    ".pushsection .rodata\n"
    ".balign 64\n"
    "cap_builtin_begin:\n"
    ".incbin \"" CAPTION_BUILTIN_FILE
    "\"\n"
    "cap_builtin_end:\n"
    ".byte 0\n"
    ".popsection\n");

extern const unsigned char cap_builtin_begin[], cap_builtin_end[];

const void *cap_builtin_model(size_t *size)
{
    *size = cap_builtin_end - cap_builtin_begin;
    return cap_builtin_begin;
}

#else

const void *cap_builtin_model(size_t *size)
{
    *size = 0;
    return NULL;
}

#endif
