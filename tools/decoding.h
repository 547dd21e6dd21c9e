/* The options of a search for words, for every verb that decodes.
 *
 *     decoding d = decoding_defaults(CAP_PHOTOS);
 *     const opt options[] = {..., DECODING_OPTIONS(d), {0}};
 *     ...parse...
 *     if (decoding_apply(&d, &err)) ...usage error...        then d.request is complete
 *
 * SEARCH_OPTIONS(d) are the same without --n-best, for verbs that want one sentence; CAPTION_RULES(d) and
 * STYLE_OPTION(d.request) come behind them where the sentences are captions. */
#ifndef TOOLS_DECODING_H
#define TOOLS_DECODING_H

#include "captioner/caption.h"
#include "src/base/error.h"
#include "tools/options.h"

typedef struct decoding {
    cap_request request;
    int n_best; /* as given: 0 = the best sentence alone */
    const char *strategy, *length;
    const char *must[CAP_MAX_MUST + 1], *avoid[CAP_MAX_AVOID + 1]; /* up to NULL */
} decoding;

decoding decoding_defaults(cap_reads reads);

/* Carries names, words and n_best over into d->request, which points into *d then. ARGUMENT: options that do
 * not go together. */
err_code decoding_apply(decoding *d, error *err);

/* clang-format off */
#define SEARCH_OPTIONS(d)                                                                                    \
    {"Decoding", .kind = OPT_GROUP},                                                                         \
    {"decode", .kind = OPT_CHOICE, .metavar = "beam|greedy|diverse|sample", .value = &(d).strategy,          \
     .help = "how words are chosen: likeliest sentences, likeliest word each time, beams in groups that "    \
             "avoid each other's words, or by drawing"},                                                     \
    {"beam", 'b', OPT_INT, "K", &(d).request.beam, 1, CAP_MAX_BEAM,                                          \
     "sentences kept while searching, at least as many as are printed"},                                     \
    {"length", .kind = OPT_CHOICE, .metavar = "none|average|gnmt", .value = &(d).length,                     \
     .help = "score = log-probability, over the number of words, or over ((5 + words) / 6)^alpha"},          \
    {"alpha", .kind = OPT_DOUBLE, .metavar = "X", .value = &(d).request.length_alpha, .min = 0, .max = 10,   \
     .help = "of --length gnmt"},                                                                            \
    {"coverage", .kind = OPT_DOUBLE, .metavar = "X", .value = &(d).request.coverage, .min = 0, .max = 10,    \
     .help = "favour sentences that look everywhere; 0: off"},                                               \
    {"groups", .kind = OPT_INT, .metavar = "G", .value = &(d).request.groups, .min = 1, .max = CAP_MAX_BEAM, \
     .help = "of --decode diverse; the beam is split into them"},                                            \
    {"diversity", .kind = OPT_DOUBLE, .metavar = "X", .value = &(d).request.diversity, .min = 0, .max = 100, \
     .help = "of --decode diverse: what another group's word costs, in log-probability"},                    \
    {"temperature", .kind = OPT_DOUBLE, .metavar = "T", .value = &(d).request.temperature, .min = 0.001,     \
     .max = 100, .help = "of --decode sample: below 1 likelier words, above 1 rarer ones"},                  \
    {"top-k", .kind = OPT_INT, .metavar = "K", .value = &(d).request.top_k, .min = 0, .max = 1e9,            \
     .help = "of --decode sample: draw from the K likeliest words; 0: from all"},                            \
    {"top-p", .kind = OPT_DOUBLE, .metavar = "P", .value = &(d).request.top_p, .min = 1e-9, .max = 1,        \
     .help = "of --decode sample: draw from the likeliest words that make up this probability"},             \
    {"seed", .kind = OPT_SIZE, .metavar = "N", .value = &(d).request.seed, .min = 0, .max = 1e18,            \
     .help = "of --decode sample"},                                                                          \
    {"min-words", .kind = OPT_INT, .metavar = "N", .value = &(d).request.min_words, .min = 1,                \
     .max = CAP_MAX_WORDS, .help = "no shorter sentences"},                                                  \
    {"max-words", .kind = OPT_INT, .metavar = "N", .value = &(d).request.max_words, .min = 1,                \
     .max = CAP_MAX_WORDS, .help = "the best complete sentence of at most N words"},                         \
    {"no-repeat", .kind = OPT_INT, .metavar = "N", .value = &(d).request.no_repeat, .min = 0, .max = 20,     \
     .help = "no N words in a row occur twice; 0: they may"},                                                \
    {"must", .kind = OPT_LIST, .metavar = "WORD", .value = (d).must, .max = CAP_MAX_MUST,                    \
     .help = "the sentence contains this word; may be given several times"},                                 \
    {"avoid", .kind = OPT_LIST, .metavar = "WORD", .value = (d).avoid, .max = CAP_MAX_AVOID,                 \
     .help = "the sentence does not contain this word; may be given several times"}
#define STYLE_OPTION(request)                                                                                \
    {"style", .kind = OPT_STRING, .metavar = "NAME", .value = &(request).style,                              \
     .help = "speak as the captions of that name that the model was trained on (caption info lists them); "  \
             "auto, and the default: it is told nothing"}
#define DECODING_OPTIONS(d)                                                                                  \
    SEARCH_OPTIONS(d),                                                                                       \
    {"n-best", 'n', OPT_INT, "N", &(d).n_best, 0, CAP_MAX_BEAM,                                              \
     "print N sentences each: photo or line, rank, score, sentence; 0: the best one alone"}
#define CAPTION_RULES(d)                                                                                     \
    {"repeat-words", .kind = OPT_FLAG, .value = &(d).request.repeat_words,                                   \
     .help = "a sentence may say any word again, not only articles, prepositions and the like"}
/* clang-format on */

#endif
