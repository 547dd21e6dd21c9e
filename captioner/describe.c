/* Photos: how they become encoder states, and what is said of their regions. */
#include "captioner/ahead.h"

#include <stdlib.h>
#include <string.h>

#include "captioner/search/force.h"
#include "datasets/tokenise.h"

void cap_description_release(cap_description *d)
{
    free(d->photo.rgb);
    cap_result_release(&d->memory);
    *d = (cap_description){0};
}

/* ---- what was named ---- */

static const char *name_of(const ds_vocab *v, const cap_concept *c, arena *memory)
{
    const char *first = ds_vocab_word(v, c->first), *last = ds_vocab_word(v, c->last);
    text name = {0};
    text_append(&name, first);
    if (c->first != c->last) text_printf(&name, " %s", last);
    const char *kept = name.failed ? NULL : arena_strdup(memory, text_string(&name));
    text_release(&name);
    return kept;
}

static cap_named_concept show_concept(const ds_vocab *v, const cap_concept *c, const cap_description *d,
                                      arena *memory)
{
    double w = d->width, h = d->height;
    return (cap_named_concept){
        .name = name_of(v, c, memory),
        .namer = cap_namer_rows[c->namer]->name,
        .confidence = c->confidence,
        .boxed = c->box[2] > c->box[0] && c->box[3] > c->box[1],
        .box = {(double)c->box[0] * w, (double)c->box[1] * h, (double)c->box[2] * w, (double)c->box[3] * h}};
}

/* The concepts of photo `at` of those that were read. */
static err_code fill_concepts(const cap_model *m, const cap_concepts *named, int at, cap_description *d,
                              error *err)
{
    arena *memory = cap_result_memory(&d->memory);
    const cap_concept *list = named->list + (size_t)at * (size_t)named->most;
    d->concepts = named->count[at];
    d->concept = memory ? arena_array(memory, (size_t)d->concepts, sizeof *d->concept) : NULL;
    bool good = d->concept;
    for (int i = 0; good && i < d->concepts; i++) {
        d->concept[i] = show_concept(m->vocab, &list[i], d, memory);
        good = d->concept[i].name;
    }
    return good ? ERR_OK : err_no_memory(err, "for what is named in a photo");
}

/* ---- describing ---- */

/* What the nets make of the photos that were read. */
typedef struct sight {
    cap_encoded seen;
    cap_concepts named; /* of no memories: nobody named */
    int states;         /* that words may look at */
} sight;

/* list[n_best] of photo `at` of those that were read; the first one is the description. */
static err_code fill(const cap_model *m, const sight *s, int at, const cap_hypothesis *list, int n_best,
                     cap_description *d, error *err)
{
    cap_found found = {0};
    const cap_encoder *e = &m->encoder;
    int regions = e->grid_h * e->grid_w;
    arena *memory = cap_result_memory(&d->memory);
    if (!memory || !cap_found_fill(m, list, n_best, s->states, regions, memory, &found))
        return err_no_memory(err, "for a description");
    d->best = found.best;
    d->alternatives = found.alternatives;
    d->alternative = found.alternative;
    d->attention = found.best.attention;
    d->grid_h = e->grid_h;
    d->grid_w = e->grid_w;
    d->confidence = d->best.confidence;
    if (!s->named.memories) return ERR_OK;
    err_code code = fill_concepts(m, &s->named, at, d, err);
    if (code) return code;
    for (int i = 0; i < d->alternatives; i++) {
        float **named = &d->alternative[i].concept_attention;
        if (!cap_found_attention(&list[i], s->states, regions + 1, d->concepts, memory, named))
            return err_no_memory(err, "for a description");
    }
    d->best.concept_attention = d->concept_attention = d->alternative->concept_attention;
    return ERR_OK;
}

static err_code name_photos(const cap_photos *g, nn_tape *tape, sight *s, error *err)
{
    const cap_look look = {.photos = g->read,
                           .regions = s->seen.states,
                           .squares = g->square ? g->squares : NULL,
                           .letters = g->letters};
    if (tape->failed) return err_no_memory(err, "for the net");
    err_code code = cap_namers_name(tape, g->s->model->namers, &look, &s->named, err);
    s->seen.concepts = &s->named;
    return code;
}

/* All of them speak in the style that was asked for. */
static err_code tell_style(const cap_photos *g, nn_tape *tape, cap_encoded *seen, error *err)
{
    if (!g->wishes->style) return ERR_OK;
    int32_t *style = nn_alloc(tape, (size_t)g->read * sizeof *style);
    if (!style) return err_no_memory(err, "for the net");
    for (int i = 0; i < g->read; i++) style[i] = g->wishes->style;
    seen->style = style;
    return ERR_OK;
}

static err_code look(const cap_photos *g, nn_tape *tape, sight *s, error *err)
{
    const cap_model *m = g->s->model;
    err_code code = ERR_OK;
    *tape = cap_session_begin(g->s);
    *s = (sight){.seen = {.memories = g->read}};
    if (!g->wishes->only_concepts || cap_namers_need_regions(m->namers))
        s->seen.states = cap_model_encode(tape, m, g->pixels, g->read);
    if (g->names) code = name_photos(g, tape, s, err);
    return code ? code : tell_style(g, tape, &s->seen, err);
}

static bool words_matter(const cap_wishes *w)
{
    return w->neutral || w->alt_text || w->keywords;
}

static err_code describe_read(const cap_photos *g, arena *results, error *err)
{
    nn_tape tape;
    sight s;
    size_t n_best = (size_t)cap_wishes_count(g->wishes);
    cap_hypothesis *best = arena_array(results, (size_t)g->read * n_best, sizeof *best);
    if (!best) return err_no_memory(err, "for a description");
    err_code code = look(g, &tape, &s, err);
    if (!code)
        code = cap_session_search(g->s, &tape, &s.seen, &g->wishes->search, results, best, &s.states, err);
    for (int i = 0; !code && i < g->read; i++) {
        const cap_hypothesis *said = &best[(size_t)i * n_best];
        cap_description *d = &g->out[g->index[i]];
        cap_noted *noted = g->s->noted ? &g->s->noted[g->index[i]] : NULL;
        code = fill(g->s->model, &s, i, said, (int)n_best, d, err);
        if (!code) code = cap_session_weigh(g->s, &s.seen, i, said, g->wishes->min_confidence, noted, d, err);
        if (!code && words_matter(g->wishes)) code = cap_session_word(g->wishes, d, err);
    }
    return code;
}

static err_code name_read(const cap_photos *g, error *err)
{
    nn_tape tape;
    sight s;
    err_code code = look(g, &tape, &s, err);
    for (int i = 0; !code && i < g->read; i++)
        code = fill_concepts(g->s->model, &s.named, i, &g->out[g->index[i]], err);
    return code;
}

static err_code run(cap_photos *g, arena *mem, error *err)
{
    err_code code = cap_photos_read(g, mem, err);
    if (code || !g->read) return code;
    return g->wishes->only_concepts ? name_read(g, err) : describe_read(g, mem, err);
}

static err_code describe(cap_session *s, const cap_request *request, const cap_source *from, int count,
                         cap_description *out, error *errors, error *err)
{
    arena mem = {0};
    cap_wishes wishes;
    for (int i = 0; i < count; i++) {
        out[i] = (cap_description){0};
        errors[i] = (error){0};
    }
    if (count < 1) return ERR_OK;
    cap_photos g = {.s = s, .wishes = &wishes, .from = from, .count = count, .out = out, .errors = errors};
    err_code code = cap_wishes_read(s->model, request, CAP_PHOTOS, &wishes, err);
    if (!code) code = run(&g, &mem, err);
    for (int i = 0; code && i < count; i++) cap_description_release(&out[i]);
    arena_release(&mem);
    return code;
}

static err_code describe_one(cap_session *s, const cap_request *request, const cap_source *from,
                             cap_description *out, error *err)
{
    error reason;
    err_code code = describe(s, request, from, 1, out, &reason, err);
    if (code || !reason.code) return code;
    if (err) *err = reason;
    return reason.code;
}

cap_code cap_describe_file(cap_session *s, const cap_request *request, const char *path, cap_description *out,
                           cap_error *err)
{
    return describe_one(s, request, &(cap_source){.path = path}, out, err);
}

cap_code cap_describe_memory(cap_session *s, const cap_request *request, const void *bytes, size_t size,
                             const char *name, cap_description *out, cap_error *err)
{
    return describe_one(s, request, &(cap_source){.bytes = bytes, .size = size, .name = name}, out, err);
}

cap_code cap_describe_pixels(cap_session *s, const cap_request *request, const uint8_t *rgb, int width,
                             int height, cap_description *out, cap_error *err)
{
    cap_source from = {.pixels = {width, height, (uint8_t *)rgb}}; /* only read */
    if (!rgb) {
        *out = (cap_description){0};
        return err_set(err, ERR_ARGUMENT, "no pixels to describe");
    }
    return describe_one(s, request, &from, out, err);
}

cap_code cap_describe_files(cap_session *s, const cap_request *request, const char *const *paths, int count,
                            cap_description *out, cap_error *errors, cap_error *err)
{
    arena mem = {0};
    cap_source *from = arena_array(&mem, (size_t)(count > 0 ? count : 0), sizeof *from);
    if (!from) return err_no_memory(err, "for %d photos", count);
    for (int i = 0; i < count; i++) from[i].path = paths[i];
    err_code code = describe(s, request, from, count, out, errors, err);
    arena_release(&mem);
    return code;
}

cap_code cap_describe_ahead(cap_session *s, const cap_request *request, cap_ahead *list, int count,
                            cap_description *out, cap_error *errors, cap_error *err)
{
    arena mem = {0};
    cap_source *from = arena_array(&mem, (size_t)(count > 0 ? count : 0), sizeof *from);
    if (!from) return err_no_memory(err, "for %d photos", count);
    for (int i = 0; i < count; i++) {
        bool read = list[i].pixels || list[i].reason.code;
        from[i] = read ? (cap_source){.ahead = &list[i]} : (cap_source){.path = list[i].path};
    }
    err_code code = describe(s, request, from, count, out, errors, err);
    arena_release(&mem);
    return code;
}

/* ---- sentences of others ---- */

static err_code read_sentence(const cap_model *m, const char *sentence, arena *mem, ds_tokens *tokens,
                              int32_t **word, error *err)
{
    err_code code = ds_tokenise(sentence, mem, tokens, err);
    if (code) return code;
    if (!tokens->count) return err_set(err, ERR_ARGUMENT, "there is no word in '%.100s'", sentence);
    if (tokens->count > CAP_MAX_WORDS)
        return err_set(err, ERR_LIMIT, "a sentence of %d words cannot be scored: %d are the most",
                       (int)tokens->count, CAP_MAX_WORDS);
    *word = arena_array(mem, (size_t)tokens->count, sizeof **word);
    if (!*word) return err_no_memory(err, "for a sentence");
    for (int i = 0; i < tokens->count; i++) (*word)[i] = ds_vocab_id(m->vocab, tokens->word[i]);
    return ERR_OK;
}

static err_code fill_judged(const cap_model *m, const sight *s, const ds_tokens *tokens, const cap_forced *f,
                            cap_judged *out, error *err)
{
    cap_description *d = &out->description;
    size_t n = (size_t)tokens->count;
    err_code code = fill(m, s, 0, &f->as, 1, d, err);
    if (code) return code;
    arena *memory = d->memory;
    out->given = arena_array(memory, n, sizeof *out->given);
    out->log_probability = arena_array(memory, n + 1, sizeof *out->log_probability);
    out->rank = arena_array(memory, n + 1, sizeof *out->rank);
    bool good = out->given && out->log_probability && out->rank;
    for (size_t i = 0; good && i < n; i++) {
        out->unknown += f->as.word[i] == DS_UNK;
        out->given[i] = arena_strdup(memory, tokens->word[i]);
        good = out->given[i];
    }
    if (!good) return err_no_memory(err, "for a sentence");
    memcpy(out->log_probability, f->log_probability, (n + 1) * sizeof *out->log_probability);
    memcpy(out->rank, f->rank, (n + 1) * sizeof *out->rank);
    return ERR_OK;
}

static err_code read_one(cap_photos *g, arena *mem, error *err)
{
    error reason = {0};
    g->errors = &reason;
    err_code code = cap_photos_read(g, mem, err);
    g->errors = NULL;
    if (code || !reason.code) return code;
    if (err) *err = reason;
    return reason.code;
}

static err_code judge_photo(cap_photos *g, const char *sentence, arena *mem, cap_judged *out, error *err)
{
    ds_tokens tokens;
    int32_t *word;
    nn_tape tape;
    sight s;
    cap_memory memory = {0};
    cap_forced forced;
    const cap_model *m = g->s->model;
    err_code code = read_sentence(m, sentence, mem, &tokens, &word, err);
    if (!code) code = read_one(g, mem, err);
    if (!code) code = look(g, &tape, &s, err);
    if (!code) code = cap_session_remember(g->s, &tape, &s.seen, &memory, err);
    if (!code) code = cap_force(&tape, &m->decoder, &memory, word, tokens.count, mem, &forced, err);
    s.states = memory.states;
    return code ? code : fill_judged(m, &s, &tokens, &forced, out, err);
}

static err_code judge(cap_session *s, const cap_request *request, const cap_source *from,
                      const char *sentence, cap_judged *out, error *err)
{
    arena mem = {0};
    cap_wishes wishes;
    *out = (cap_judged){0};
    cap_photos g = {.s = s, .wishes = &wishes, .from = from, .count = 1, .out = &out->description};
    err_code code = cap_wishes_read(s->model, request, CAP_PHOTOS, &wishes, err);
    wishes.only_concepts = false;
    if (!code) code = judge_photo(&g, sentence, &mem, out, err);
    arena_release(&mem);
    if (code) cap_judged_release(out);
    return code;
}

cap_code cap_judge_file(cap_session *s, const cap_request *request, const char *path, const char *sentence,
                        cap_judged *out, cap_error *err)
{
    return judge(s, request, &(cap_source){.path = path}, sentence, out, err);
}

cap_code cap_judge_memory(cap_session *s, const cap_request *request, const void *bytes, size_t size,
                          const char *name, const char *sentence, cap_judged *out, cap_error *err)
{
    return judge(s, request, &(cap_source){.bytes = bytes, .size = size, .name = name}, sentence, out, err);
}

void cap_judged_release(cap_judged *j)
{
    cap_description_release(&j->description);
    *j = (cap_judged){0};
}
