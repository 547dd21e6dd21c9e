/* For files that are a row of cap_namer_rows. */
#ifndef CAPTIONER_NAMER_PARTS_H
#define CAPTIONER_NAMER_PARTS_H

#include "captioner/net/namer.h"

extern const cap_namer_row cap_namer_objects, cap_namer_words;

/* The fields of a cap_naming, which every table begins with; `struct_name` has it as its member `naming`. */
#define CAP_NAMING_FIELDS(struct_name)                                                                       \
    {.name = "least",                                                                                        \
     .kind = IO_FIELD_NUMBER,                                                                                \
     .offset = offsetof(struct_name, naming.least),                                                          \
     .least = 0,                                                                                             \
     .most = 1},                                                                                             \
    {                                                                                                        \
        .name = "most", .kind = IO_FIELD_INT, .offset = offsetof(struct_name, naming.most), .least = 1,      \
        .most = CAP_MOST_NAMED                                                                               \
    }

#endif
