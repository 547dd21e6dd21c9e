#include "captioner/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/search/search_state.h"
#include "src/nn/finite.h"

cap_code cap_session_open(const cap_model *model, int threads, cap_session **out, cap_error *err)
{
    *out = NULL;
    if (threads < 0) return err_set(err, ERR_ARGUMENT, "%d threads are not possible", threads);
    cap_session *s = calloc(1, sizeof *s);
    if (s) s->threads = pool_create(threads);
    if (!s || !s->threads) {
        free(s);
        return err_no_memory(err, "or threads");
    }
    s->model = model;
    *out = s;
    return ERR_OK;
}

void cap_session_close(cap_session **sp)
{
    cap_session *s = sp ? *sp : NULL;
    if (!s) return;
    pool_free(&s->threads);
    arena_release(&s->step);
    workspace_release(&s->space);
    free(s);
    *sp = NULL;
}

/* ---- requests ---- */

cap_request cap_request_defaults(cap_reads reads)
{
    cap_search_options o = cap_search_defaults();
    bool lines = reads == CAP_LINES, photos = reads == CAP_PHOTOS;
    return (cap_request){.strategy = o.strategy,
                         .beam = o.beam,
                         .n_best = o.n_best,
                         .groups = o.groups,
                         .diversity = o.diversity,
                         .temperature = o.temperature,
                         .top_k = o.top_k,
                         .top_p = o.top_p,
                         .seed = o.seed,
                         .min_words = o.min_words,
                         .max_words = lines ? CAP_MAX_WORDS : o.max_words,
                         .length = o.length,
                         .length_alpha = o.length_alpha,
                         .coverage = o.coverage,
                         .no_repeat = photos ? o.no_repeat : 0,
                         .repeat_words = !photos};
}

/* The number of a style by its name: 0 is "not told". */
static err_code find_style(const cap_model *m, const char *name, int32_t *style, error *err)
{
    *style = 0;
    if (!name || !strcmp(name, "auto")) return ERR_OK;
    *style = cap_names_find(&m->styles, name) + 1;
    if (*style) return ERR_OK;
    if (!m->styles.count)
        return err_set(err, ERR_ARGUMENT, "there is no style '%.60s': the model has none", name);
    text known = {0};
    for (int i = 0; i < m->styles.count; i++)
        text_printf(&known, "%s'%s'", !i ? "" : i + 1 < m->styles.count ? ", " : " and ", m->styles.list[i]);
    err_code code = known.failed
                        ? err_no_memory(err, "for the names of styles")
                        : err_set(err, ERR_ARGUMENT, "there is no style '%.60s': the model has %.300s", name,
                                  text_string(&known));
    text_release(&known);
    return code;
}

static err_code check_concepts(const cap_model *m, const cap_request *r, error *err)
{
    if (!r->only_concepts || cap_namers_exist(m->namers)) return ERR_OK;
    return err_set(err, ERR_MISMATCH, "this model names nothing in photos: it has no namers");
}

static cap_search_options options_of(const cap_request *r)
{
    return (cap_search_options){.strategy = r->strategy,
                                .beam = r->beam,
                                .n_best = r->n_best,
                                .groups = r->groups,
                                .diversity = r->diversity,
                                .temperature = r->temperature,
                                .top_k = r->top_k,
                                .top_p = r->top_p,
                                .seed = r->seed,
                                .min_words = r->min_words,
                                .max_words = r->max_words,
                                .length = r->length,
                                .length_alpha = r->length_alpha,
                                .coverage = r->coverage,
                                .no_repeat = r->no_repeat,
                                .repeat_words = r->repeat_words,
                                .attention = r->attention};
}

cap_reads cap_model_reads(const cap_model *m)
{
    static const cap_reads reads[CAP_KINDS] = {
        [CAP_IMAGE] = CAP_PHOTOS, [CAP_TEXT] = CAP_LINES, [CAP_NOTHING] = CAP_BEGINNINGS};
    return reads[m->kind];
}

cap_kind cap_kind_of(cap_reads reads)
{
    static const cap_kind kinds[] = {
        [CAP_PHOTOS] = CAP_IMAGE, [CAP_LINES] = CAP_TEXT, [CAP_BEGINNINGS] = CAP_NOTHING};
    return kinds[reads];
}

static err_code check_confidence(const cap_model *m, const cap_request *r, error *err)
{
    if (!(r->min_confidence >= 0 && r->min_confidence <= 1))
        return err_set(err, ERR_ARGUMENT, "a confidence of %g is not possible: it is 0 to 1",
                       r->min_confidence);
    if (r->min_confidence > 0 && !m->confidence.fitted)
        return err_set(err, ERR_ARGUMENT,
                       "the model was never calibrated, so nothing can be said of its confidence; 'caption "
                       "calibrate' does it");
    return ERR_OK;
}

/* The options are checked before their words are looked up, and against them. */
err_code cap_wishes_read(const cap_model *m, const cap_request *request, cap_reads reads, cap_wishes *out,
                         error *err)
{
    err_code code = cap_model_need(m, cap_kind_of(reads), NULL, err);
    if (code) return code;
    const cap_request plain = cap_request_defaults(reads), *r = request ? request : &plain;
    cap_search_options *o = &out->search;
    *o = options_of(r);
    out->max_pixels = r->max_pixels;
    out->keep_photo = r->keep_photo;
    out->only_concepts = r->only_concepts;
    out->min_confidence = r->min_confidence;
    out->neutral = r->neutral;
    out->alt_text = r->alt_text;
    out->keywords = r->keywords;
    code = check_confidence(m, r, err);
    if (!code && (r->keywords < 0 || r->keywords > CAP_MAX_KEYWORDS))
        code = err_set(err, ERR_ARGUMENT, "%d keywords are not possible: 0 to %d are", r->keywords,
                       CAP_MAX_KEYWORDS);
    if (code) return code;
    code = cap_search_check(o, err);
    if (!code) code = find_style(m, r->style, &out->style, err);
    if (!code) code = check_concepts(m, r, err);
    if (!code)
        code = reads == CAP_PHOTOS
                   ? cap_search_words(m->vocab, m->record, r->must, r->avoid, &out->words, o, err)
                   : cap_search_symbols(m->target, r->must, r->avoid, &out->words, o, err);
    return code ? code : cap_search_check(o, err);
}

int cap_wishes_count(const cap_wishes *w)
{
    return w->search.n_best ? w->search.n_best : 1;
}

cap_code cap_request_check(const cap_model *model, const cap_request *request, cap_error *err)
{
    cap_wishes w;
    const cap_search_options alone = options_of(request);
    if (!model) return cap_search_check(&alone, err);
    return cap_wishes_read(model, request, cap_model_reads(model), &w, err);
}

/* ---- from states to words ---- */

nn_tape cap_session_begin(cap_session *s)
{
    nn_tape tape = {.mem = &s->step, .threads = s->threads, .space = &s->space};
    nn_begin(&tape);
    return tape;
}

err_code cap_session_remember(cap_session *s, nn_tape *t, const cap_encoded *encoded, cap_memory *memory,
                              error *err)
{
    if (!t->failed) *memory = cap_decoder_remember(t, &s->model->decoder, encoded);
    if (t->failed || (!encoded->states && cap_model_has_states(s->model)))
        return err_no_memory(err, "for the net");
    bool good = !encoded->states || nn_is_finite(encoded->states); /* later steps may hide it */
    return good ? ERR_OK : cap_no_numbers(err);
}

err_code cap_session_search(cap_session *s, nn_tape *t, const cap_encoded *encoded,
                            const cap_search_options *o, arena *results, cap_hypothesis *best, int *states,
                            error *err)
{
    cap_memory memory = {0};
    err_code code = cap_session_remember(s, t, encoded, &memory, err);
    *states = memory.states;
    return code ? code : cap_search(t, &s->model->decoder, &memory, o, results, best, err);
}

/* ---- from words to results ---- */

static double confidence_of(const cap_hypothesis *h)
{
    return exp(h->log_probability / (h->words + h->ended));
}

static bool fill_trust(const cap_confidence *c, arena *memory, cap_alternative *a)
{
    a->trust = arena_array(memory, (size_t)a->words, sizeof *a->trust);
    for (int i = 0; a->trust && i < a->words; i++)
        a->trust[i] = (float)cap_confidence_word(c, (double)a->probability[i]);
    return a->trust;
}

static bool fill_alternative(const cap_model *m, const cap_hypothesis *h, arena *memory, cap_alternative *a)
{
    size_t words = (size_t)h->words;
    const ds_vocab *vocab = cap_model_vocab(m);
    text sentence = {0};
    cap_model_sentence(m, h->word, h->words, &sentence);
    *a = (cap_alternative){.sentence = sentence.failed ? NULL : arena_strdup(memory, text_string(&sentence)),
                           .words = h->words,
                           .word = arena_array(memory, words, sizeof *a->word),
                           .probability = arena_array(memory, words, sizeof *a->probability),
                           .log_probability = h->log_probability,
                           .score = h->score,
                           .confidence = confidence_of(h),
                           .ended = h->ended};
    text_release(&sentence);
    bool good = a->sentence && a->word && a->probability;
    for (size_t i = 0; good && i < words; i++) {
        a->probability[i] = h->probability[i];
        a->word[i] = arena_strdup(memory, ds_vocab_word(vocab, h->word[i]));
        good = a->word[i];
    }
    if (good && m->confidence.fitted) good = fill_trust(&m->confidence, memory, a);
    return good;
}

bool cap_found_attention(const cap_hypothesis *h, int states, int first, int kept, arena *memory, float **out)
{
    size_t words = (size_t)h->words, line = (size_t)states, width = (size_t)kept;
    *out = NULL;
    if (!h->alpha || !width) return true;
    *out = arena_array(memory, words * width, sizeof **out);
    for (size_t i = 0; *out && i < words; i++)
        memcpy(*out + i * width, h->alpha + i * line + first, width * sizeof **out);
    return *out;
}

bool cap_found_fill(const cap_model *m, const cap_hypothesis *list, int n_best, int states, int kept,
                    arena *memory, cap_found *out)
{
    *out = (cap_found){.alternative = arena_array(memory, (size_t)n_best, sizeof *out->alternative)};
    bool good = out->alternative;
    for (int i = 0; good && i < n_best && list[i].words; i++) {
        cap_alternative *a = &out->alternative[out->alternatives++];
        good = fill_alternative(m, &list[i], memory, a) &&
               cap_found_attention(&list[i], states, 0, kept, memory, &a->attention);
    }
    if (good) out->best = *out->alternative;
    return good;
}

/* ---- how sure ---- */

/* The signs of a caption and its photo; mean, variance, and namable[words] have room. */
static void gather_signs(const cap_model *m, const cap_encoded *seen, int photo, const cap_hypothesis *said,
                         float *mean, float *variance, bool *namable, cap_signs *signs)
{
    const cap_confidence *c = &m->confidence;
    const cap_concepts *named = seen->concepts;
    const cap_concept *concept = named ? named->list + (size_t)photo * (size_t)named->most : NULL;
    int concepts = named ? named->count[photo] : 0;
    if (seen->states) {
        int regions = (int)seen->states->dim[1], features = (int)seen->states->dim[2];
        const real *of = seen->states->data + (size_t)photo * (size_t)regions * (size_t)features;
        cap_confidence_pool(of, regions, features, mean, variance);
    }
    *signs = (cap_signs){0};
    cap_confidence_look(c, seen->states ? mean : NULL, variance, concept, concepts, signs);
    cap_confidence_read(c, said->probability, said->words, signs);
    for (int i = 0; i < said->words; i++) namable[i] = cap_namers_know(m->namers, said->word[i]);
    cap_confidence_compare(said->word, namable, said->words, concept, concepts, signs);
}

err_code cap_session_weigh(const cap_session *s, const cap_encoded *seen, int photo,
                           const cap_hypothesis *said, double min_confidence, cap_noted *noted,
                           cap_description *d, error *err)
{
    const cap_confidence *c = &s->model->confidence;
    size_t features = (size_t)s->model->decoder.config.features;
    cap_signs signs;
    arena mem = {0};
    d->confidence = d->best.confidence;
    if (!c->fitted && !noted) return ERR_OK;
    float *mean = noted ? noted->mean : arena_array(&mem, features, sizeof *mean);
    float *variance = noted ? noted->variance : arena_array(&mem, features, sizeof *variance);
    bool *namable = arena_array(&mem, (size_t)said->words + 1, sizeof *namable);
    bool good = mean && variance && namable;
    if (good) {
        gather_signs(s->model, seen, photo, said, mean, variance, namable, &signs);
        if (noted) noted->signs = signs;
        if (c->fitted) d->confidence = cap_confidence_caption(c, &signs);
        if (c->fitted && d->blank) d->confidence = 0;
        d->unsure = c->fitted && d->confidence < (min_confidence > 0 ? min_confidence : c->threshold);
    }
    arena_release(&mem);
    return good ? ERR_OK : err_no_memory(err, "for a description");
}

arena *cap_result_memory(void **memory)
{
    if (!*memory) *memory = calloc(1, sizeof(arena));
    return *memory;
}

void cap_result_release(void **memory)
{
    if (*memory) arena_release(*memory);
    free(*memory);
    *memory = NULL;
}
