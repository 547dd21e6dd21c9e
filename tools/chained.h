/* The options of captions in another language: a translator behind the captioner.
 *
 *     chained c = chained_defaults();
 *     const opt options[] = {..., CHAINED_OPTIONS(c), {0}};
 *     if (chained_open(&c, wants_attention, &err)) ...
 *     if (chained_put(&c, descriptions, n, errors, &err)) ...
 *     chained_show(&c, i);                 what chained_print_json tells belongs to description i now
 *     chained_close(&c); */
#ifndef TOOLS_CHAINED_H
#define TOOLS_CHAINED_H

#include "captioner/chain.h"
#include "src/io/json_build.h"
#include "tools/model_use.h"

enum { CHAINED_GROUP = 8 }; /* descriptions at once, at most */

typedef struct chained {
    model_use use;    /* path NULL: nothing is translated */
    const char *lang; /* what the language is called; NULL: nobody has said it */
    bool alt_text;    /* sentences become alternative text behind the translator, not before it */
    cap_chained source[CHAINED_GROUP];
    const cap_chained *shown;
} chained;

chained chained_defaults(void);

/* NULL: all is well. */
const char *chained_problem(const chained *c);

/* Also where nothing is to be translated. MISMATCH: words are to say where they look, and the translator's look
 * nowhere. */
err_code chained_open(chained *c, bool looks, error *err);
void chained_close(chained *c);

/* See cap_chain; nothing where nothing is to be translated. */
err_code chained_put(chained *c, cap_description *d, int n, error *errors, error *err);
void chained_show(chained *c, int i);

/* Members of the shown description's object: lang, source (the sentence that was translated, and its words) and
 * alignment [words][words of the source]. */
void chained_put_json(const chained *c, const cap_description *d, io_json_build *b);

/* clang-format off */
#define CHAINED_OPTIONS(c)                                                                                   \
    {"translator", .kind = OPT_INPUT, .metavar = "FILE", .value = &(c).use.path,                             \
     .help = "translate sentences with this model, which caption train --pairs makes; words keep where "     \
             "they look: each looks at words that looked at the photo"},                                     \
    {"lang", .kind = OPT_STRING, .metavar = "CODE", .value = &(c).lang,                                      \
     .help = "the language into which --translator translates, like de: JSON and metadata say it"}
/* clang-format on */

#endif
