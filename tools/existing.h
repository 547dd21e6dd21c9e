/* What becomes of files, rows and fields that are there already where a caption is to go.
 *
 *     const char *existing = EXISTING_DEFAULT;
 *     EXISTING_OPTION(existing)                              a row of the option table
 *     existing_policy policy = existing_parse(existing);
 *     if (there && !existing_allows(policy, ours)) ... it stays as it is
 *
 * Ours is what carries this program's mark and has not been changed since: a caption that somebody corrected
 * is theirs. How a mark looks is up to whoever writes the file. */
#ifndef TOOLS_EXISTING_H
#define TOOLS_EXISTING_H

#include <stdbool.h>

typedef enum {
    EXISTING_KEEP,         /* nothing that is there is touched */
    EXISTING_REPLACE_OURS, /* what this program wrote, and nobody changed, is written anew */
    EXISTING_REPLACE       /* whatever it is */
} existing_policy;

#define EXISTING_DEFAULT "keep"

/* clang-format off */
#define EXISTING_OPTION(word)                                                                                \
    {"existing", .kind = OPT_CHOICE, .metavar = "keep|replace-ours|replace", .value = &(word),               \
     .help = "what becomes of captions that are there already: they stay; those that caption wrote and "     \
             "nobody changed are replaced; all are"}
/* clang-format on */

/* `word` is one of those of the option. */
existing_policy existing_parse(const char *word);

/* May what is there be replaced? */
bool existing_allows(existing_policy policy, bool ours);

#endif
