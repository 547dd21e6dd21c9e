/* The namers there are, in the order of cap_namer_kind. */
#include "captioner/net/namer_parts.h"

const cap_namer_row *const cap_namer_rows[CAP_NAMERS] = {
    [CAP_NAMER_OBJECTS] = &cap_namer_objects, [CAP_NAMER_WORDS] = &cap_namer_words};
