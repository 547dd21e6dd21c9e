/* What stands behind caption.h: a thread's memory and workers, and the one path from encoder states to
 * sentences. Photos (describe.c) and lines (translate.c) differ in how they become states, and in what is
 * said of a state.
 *
 *     cap_wishes w;
 *     if (cap_wishes_read(s->model, request, CAP_PHOTOS, &w, err)) ...
 *     nn_tape tape = cap_session_begin(s);
 *     ... encoded states on the tape ...
 *     if (cap_session_search(s, &tape, &encoded, &w.search, &results, best, &states, err)) ...
 *     if (cap_found_fill(s->model, best, n_best, states, states, memory, &found)) ...
 *     if (cap_session_weigh(s, &encoded, 0, best, w.min_confidence, NULL, &description, err)) ...    photos */
#ifndef CAPTIONER_SESSION_H
#define CAPTIONER_SESSION_H

#include "captioner/caption.h"
#include "captioner/net/model.h"
#include "captioner/search/search.h"
#include "captioner/search/search_words.h"
#include "src/base/arena.h"
#include "src/base/pool.h"

/* What calibrating wants to know of a photo beside its description (captioner/calibrate.h). */
typedef struct cap_noted {
    cap_signs signs;        /* those that do not depend on what is to be fitted */
    float *mean, *variance; /* [D] of the regions, see cap_confidence_pool; room is the caller's */
} cap_noted;

struct cap_session {
    const cap_model *model; /* shared with other threads: nothing in it is written */
    pool *threads;
    arena step;       /* of the tape */
    workspace space;  /* of the encoder */
    cap_noted *noted; /* one for each photo of a call that describes; NULL: nobody is calibrating */
};

/* A request whose words are numbers. It points into itself: it is not to be copied. */
typedef struct cap_wishes {
    cap_search_options search;
    cap_word_lists words;
    uint64_t max_pixels;
    bool keep_photo;
    bool neutral, alt_text;
    int keywords; /* at most */
    bool only_concepts;
    int32_t style;         /* of the decoder, from 1; 0: not told */
    double min_confidence; /* 0: the model's own threshold */
} cap_wishes;

/* `request` NULL: the defaults of what is read. Errors: MISMATCH (the model reads something else), those of
 * cap_request_check(). */
err_code cap_wishes_read(const cap_model *m, const cap_request *request, cap_reads reads, cap_wishes *out,
                         error *err);
int cap_wishes_count(const cap_wishes *w); /* sentences wanted, 1 or more */

cap_reads cap_model_reads(const cap_model *m);
cap_kind cap_kind_of(cap_reads reads); /* of anything but CAP_ANYTHING */

/* An empty tape in the session's memory, which what was there before loses. */
nn_tape cap_session_begin(cap_session *s);

/* The memory of encoder states. FORMAT: numbers among them are none. */
err_code cap_session_remember(cap_session *s, nn_tape *t, const cap_encoded *encoded, cap_memory *memory,
                              error *err);

/* The same, and the search: best[memories][n_best], see cap_search; *states is what their attention has a
 * word. */
err_code cap_session_search(cap_session *s, nn_tape *t, const cap_encoded *encoded,
                            const cap_search_options *o, arena *results, cap_hypothesis *best, int *states,
                            error *err);

/* What descriptions and translations have in common. */
typedef struct cap_found {
    cap_alternative
        best; /* attention [words][kept]; NULL: none was asked for, or the model does not attend */
    int alternatives;
    cap_alternative *alternative;
} cap_found;

/* list[n_best], the first one the best; of the `states` that its attention has a word, the first `kept` are
 * kept. False: out of memory. */
bool cap_found_fill(const cap_model *m, const cap_hypothesis *list, int n_best, int states, int kept,
                    arena *memory, cap_found *out);

/* Of the `states` that h's attention has a word, `kept` from `first` on: [words][kept] in *out; NULL: it has
 * none. False: out of memory. */
bool cap_found_attention(const cap_hypothesis *h, int states, int first, int kept, arena *memory,
                         float **out);

/* Sets how sure the model is of a description, which is filled, of photo number `photo` of those seen; `noted`
 * (NULL: nobody asks) gets what calibrating needs. MEMORY. */
err_code cap_session_weigh(const cap_session *s, const cap_encoded *seen, int photo,
                           const cap_hypothesis *said, double min_confidence, cap_noted *noted,
                           cap_description *d, error *err);

/* Puts the sentences of a description, which is weighed, into the words that were asked for, and finds its
 * keywords. MEMORY. */
err_code cap_session_word(const cap_wishes *w, cap_description *d, error *err);

/* The memory that a result carries with it; NULL: out of memory. Released with what it holds. */
arena *cap_result_memory(void **memory);
void cap_result_release(void **memory);

#endif
