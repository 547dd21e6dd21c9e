/* The options of how captions are worded, for verbs that describe photos: they are settings of a request.
 *
 *     const opt options[] = {..., WORDING_OPTIONS(q.decoding.request), {0}};
 */
#ifndef TOOLS_WORDING_H
#define TOOLS_WORDING_H

#include "captioner/caption.h"
#include "tools/options.h"

/* clang-format off */
#define WORDING_OPTIONS(request)                                                                             \
    {"Wording", .kind = OPT_GROUP},                                                                          \
    {"alt-text", .kind = OPT_FLAG, .value = &(request).alt_text,                                             \
     .help = "sentences as alternative text for web pages: a capital, a full stop, at most 125 characters, " \
             "and no \"a photo of\""},                                                                       \
    {"neutral", .kind = OPT_FLAG, .value = &(request).neutral,                                               \
     .help = "person, people and child in place of man, women and girl, their in place of his and her (in "  \
             "English sentences, and in keywords)"},                                                         \
    {"keywords", .kind = OPT_INT, .metavar = "N", .value = &(request).keywords, .min = 0,                    \
     .max = CAP_MAX_KEYWORDS,                                                                                \
     .help = "at most N keywords behind each sentence, of what was named in the photo and of what the "      \
             "sentence says; with --json a list"}
/* clang-format on */

#endif
