/* Concepts, styles and captions without photos in the task of captioning photos: what the model is given for
 * them, what is named in the photos, and what the batches of a step see of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/net/decoder_row.h"
#include "captioner/train/train_photos.h"
#include "captioner/train/words_head.h"
#include "cnn/import.h"
#include "src/io/fields.h"

/* Rows of draws: of photos, and from here on of groups without photos. */
enum { GROUP_ROWS = 1 << 20 };

/* The width of a glance where none is asked for. */
enum { GLANCE = 256 };

/* Streams of draws for a whole step. */
#define SHOW_STREAM ((uint64_t)0x73686f77 << 32)
#define LEND_STREAM ((uint64_t)0x6c656e64 << 32)

/* ---- what is asked for ---- */

err_code cap_photos_check_concepts(const cap_train_settings *s, error *err)
{
    const cap_concept_settings *c = &s->concept;
    bool objects = c->namers[CAP_NAMER_OBJECTS], any = objects || c->namers[CAP_NAMER_WORDS];
    if (objects && !c->detector && !s->init)
        return err_set(err, ERR_ARGUMENT, "a namer of objects needs the weights of its detector: --detector");
    if (c->detector && (!objects || s->init))
        return err_set(err, ERR_ARGUMENT, "a detector is for --namers objects%s",
                       s->init ? ", and a model to start from has its own" : "");
    if (c->captions_only && !any && !s->init)
        return err_set(err, ERR_ARGUMENT,
                       "captions without photos are learnt by what is named in them: --namers");
    if (c->namers[CAP_NAMER_WORDS] && cap_photos_no_encoder(s))
        return err_set(err, ERR_ARGUMENT,
                       "a namer of words looks at the regions of an encoder, and --encoder none has none");
    if (c->only_style && !c->captions_only)
        return err_set(err, ERR_ARGUMENT, "a style of captions without photos means nothing without them");
    return ERR_OK;
}

/* ---- the form of the model ---- */

/* The network that the file of --detector has weights of. */
static const cnn_backbone_row *detector_of(const cap_run *r, error *err)
{
    io_tensors *t = io_tensors_open(asked(r)->concept.detector, err);
    const cnn_backbone_row *row = t ? cnn_import_find(t, err) : NULL;
    io_tensors_close(&t);
    if (!row || row->classes) return row;
    err_set(err, ERR_MISMATCH, "'%s' has weights of '%s', which is no detector", asked(r)->concept.detector,
            row->name);
    return NULL;
}

/* What objects in the file of captions without photos are called. */
static err_code object_names(const cap_run *r, const cap_model *from, cap_names *names, error *err)
{
    *names = (cap_names){0};
    const cap_names *of_model = from ? &from->namers[CAP_NAMER_OBJECTS].config.names : NULL;
    bool copied = true;
    if (of_model && of_model->count)
        copied = cap_names_copy(names, (const char *const *)of_model->list, of_model->count);
    if (!from && asked(r)->concept.namers[CAP_NAMER_OBJECTS]) {
        const cnn_backbone_row *row = detector_of(r, err);
        if (!row) return err->code;
        copied = cap_names_copy(names, row->class_names, row->classes);
    }
    return copied ? ERR_OK : err_no_memory(err, "for the names of objects");
}

err_code cap_photos_open_photoless(cap_run *r, const cap_model *from, error *err)
{
    cap_photoless *p = &data_of(r)->photoless;
    cap_names names;
    if (!asked(r)->concept.captions_only) return ERR_OK;
    err_code code = object_names(r, from, &names, err);
    if (!code) code = cap_photoless_open(p, asked(r)->concept.captions_only, &names, err);
    cap_names_release(&names);
    if (!code && p->only.wordless)
        cap_run_say(r, "captions without a word (%d) are passed over ('%.200s')", (int)p->only.wordless,
                    asked(r)->concept.captions_only);
    return code;
}

/* The words that the photos' captions have often enough. */
static err_code words_to_name(cap_run *r, const ds_vocab *vocab, cap_namer_config *out, error *err)
{
    cap_photo_data *d = data_of(r);
    cap_content content;
    arena memory = {0};
    cap_names names = {0};
    err_code code = cap_content_find(&content, vocab, &d->train.encoded, CAP_CONTENT_LEAST, &memory, err);
    const char **list = code ? NULL : calloc((size_t)content.words + 1, sizeof *list);
    if (!code && !content.words)
        code = err_set(err, ERR_MISSING,
                       "no word occurs %d times in the captions of the photos: --namers words has nothing to "
                       "learn",
                       CAP_CONTENT_LEAST);
    for (int32_t i = 0; list && i < content.words; i++) list[i] = ds_vocab_word(vocab, content.number[i]);
    if (!code && (!list || !cap_names_copy(&names, list, content.words)))
        code = err_no_memory(err, "for the words to name");
    if (!code) *out = cap_words_config(NULL, &names);
    free(list);
    arena_release(&memory);
    return code;
}

/* The side of the square in which objects are looked for, where one is asked for. */
static void set_detector_size(const cap_run *r, cap_namer_config *c)
{
    if (c->row && asked(r)->concept.detector_size)
    ((cap_objects_settings *)(void *)c->settings.bytes)->size = asked(r)->concept.detector_size;
}

static err_code copy_namers(const cap_model *from, cap_model_form *form, error *err)
{
    for (int i = 0; i < CAP_NAMERS; i++) {
        const cap_namer_config *c = &from->namers[i].config;
        form->namers[i] = *c;
        form->namers[i].names = (cap_names){0};
        /* A detector's net knows its own. */
        if (c->row && i != CAP_NAMER_OBJECTS &&
            !cap_names_copy(&form->namers[i].names, (const char *const *)c->names.list, c->names.count))
            return err_no_memory(err, "for the names of a model");
    }
    if (!cap_names_copy(&form->styles, (const char *const *)from->styles.list, from->styles.count))
        return err_no_memory(err, "for the styles of a model");
    return ERR_OK;
}

static err_code new_namers(cap_run *r, const ds_vocab *vocab, cap_model_form *form, error *err)
{
    if (asked(r)->concept.namers[CAP_NAMER_OBJECTS]) {
        const cnn_backbone_row *row = detector_of(r, err);
        if (!row) return err->code;
        cap_namer_config c = cap_objects_config(NULL);
        cap_objects_settings *s = (cap_objects_settings *)(void *)c.settings.bytes;
        snprintf(s->net, sizeof s->net, "%s", row->name);
        s->size = row->size;
        form->namers[CAP_NAMER_OBJECTS] = c;
    }
    if (!asked(r)->concept.namers[CAP_NAMER_WORDS]) return ERR_OK;
    return words_to_name(r, vocab, &form->namers[CAP_NAMER_WORDS], err);
}

static void add_style(const char **list, int *count, const char *style)
{
    for (int i = 0; i < *count; i++)
        if (!strcmp(list[i], style)) return;
    list[(*count)++] = style;
}

/* Those of the sets and of the captions without photos, each once. */
static err_code new_styles(const cap_run *r, cap_model_form *form, error *err)
{
    const char *list[CAP_MOST_SETS + 1];
    const cap_split *s = &data_of(r)->train;
    int count = 0;
    for (int i = 0; i < s->parts; i++)
        if (s->part[i].style) add_style(list, &count, s->part[i].style);
    if (asked(r)->concept.only_style) add_style(list, &count, asked(r)->concept.only_style);
    if (!count || cap_names_copy(&form->styles, list, count)) return ERR_OK;
    return err_no_memory(err, "for the names of styles");
}

/* A setting of the decoder by its name; one that it lacks and that is not needed is passed over. */
static err_code set_field(cap_decoder_config *c, const char *name, int value, error *err)
{
    const io_field *f = io_fields_find(c->row->fields, name);
    if (!f && !value) return ERR_OK;
    if (!f)
        return err_set(err, ERR_ARGUMENT, "the decoder '%s' knows no %s; --decoder lstm does", c->row->name,
                       name);
    if (f->kind == IO_FIELD_SWITCH)
        *io_field_switch(f, c->settings.bytes) = value;
    else
        *io_field_int(f, c->settings.bytes) = value;
    return ERR_OK;
}

/* The decoder knows how many styles there are and whether there are concepts, and sums them up. */
static err_code suit_decoder(cap_model_form *form, error *err)
{
    cap_decoder_config *c = &form->decoder;
    bool named = form->namers[CAP_NAMER_OBJECTS].row || form->namers[CAP_NAMER_WORDS].row;
    const io_field *glance = io_fields_find(c->row->fields, "glance");
    err_code code = set_field(c, "concepts", named, err);
    if (!code) code = set_field(c, "styles", form->styles.count, err);
    if (code || (!named && !form->styles.count)) return code;
    return glance && !*io_field_int(glance, c->settings.bytes) ? set_field(c, "glance", GLANCE, err) : ERR_OK;
}

err_code cap_photos_form_concepts(cap_run *r, const cap_model *from, const ds_vocab *vocab,
                                  cap_model_form *form, error *err)
{
    err_code code = from ? copy_namers(from, form, err) : new_namers(r, vocab, form, err);
    set_detector_size(r, &form->namers[CAP_NAMER_OBJECTS]);
    if (code || from) return code;
    code = new_styles(r, form, err);
    return code ? code : suit_decoder(form, err);
}

/* ---- what is learnt from ---- */

static err_code style_number(const cap_run *r, const char *style, int32_t *number, error *err)
{
    *number = style ? cap_names_find(&model_of(r)->styles, style) + 1 : 0;
    if (!style || *number) return ERR_OK;
    return err_set(err, ERR_ARGUMENT, "the model to start from has no style '%.80s'", style);
}

static err_code number_styles(cap_run *r, error *err)
{
    cap_photo_data *d = data_of(r);
    const cap_split *s = &d->train;
    d->style = arena_array(&d->named, (size_t)s->captions.images + 1, sizeof *d->style);
    if (!d->style) return err_no_memory(err, "for the styles of photos");
    err_code code = style_number(r, asked(r)->concept.only_style, &d->only_style, err);
    for (int i = 0; !code && i < s->parts; i++) {
        int32_t number;
        code = style_number(r, s->part[i].style, &number, err);
        for (int32_t k = 0; !code && k < s->part[i].count; k++) d->style[s->part[i].first + k] = number;
    }
    return code;
}

static err_code import_detector(cap_run *r, error *err)
{
    io_tensors *t = io_tensors_open(asked(r)->concept.detector, err);
    if (!t) return err->code;
    err_code code = cap_objects_import(&model_of(r)->namers[CAP_NAMER_OBJECTS], t, err);
    io_tensors_close(&t);
    return code;
}

/* Namers do not learn with the decoder. A detector is brought to the form that it will have in use. */
err_code cap_photos_begin_concepts(cap_run *r, bool fresh, error *err)
{
    cap_photo_data *d = data_of(r);
    cap_model *m = model_of(r);
    cap_namer *detector = &m->namers[CAP_NAMER_OBJECTS];
    d->has_concepts = cap_namers_exist(m->namers);
    err_code code = number_styles(r, err);
    if (code) return code;
    if (d->photoless.groups && !d->has_concepts)
        return err_set(err, ERR_ARGUMENT,
                       "captions without photos are learnt by what is named in them, and the model to start "
                       "from has no namers");
    if (fresh && detector->config.row && (code = import_detector(r, err))) return code;
    nn_params_set_trainable(&m->params, "objects.", false);
    nn_params_set_trainable(&m->params, "words.", false);
    if ((code = cap_namer_prepare(detector, err))) return code;
    if (!d->encoder_trains || !m->namers[CAP_NAMER_WORDS].config.row) return ERR_OK;
    return cap_split_means(&d->train, m, d->cache, r->threads, &d->means,
                           err); /* of the encoder as it begins */
}

/* ---- naming the photos ---- */

static cap_words_run words_run(const cap_run *r)
{
    return (cap_words_run){
        .threads = r->threads, .precision = r->s->precision, .seed = r->s->seed, .events = r->events};
}

/* The captions of a split by the words of the namer's list. */
static err_code content_of(const cap_model *m, const cap_split *s, arena *memory, cap_content *out,
                           error *err)
{
    const cap_names *names = &m->namers[CAP_NAMER_WORDS].config.names;
    size_t images = s->captions.images, size = ds_vocab_size(m->vocab);
    int32_t *number = arena_array(memory, names->count, sizeof *number),
            *place = arena_array(memory, size, sizeof *place),
            *caption = arena_array(memory, images + 1, sizeof *caption);
    if (!number || !place || !caption) return err_no_memory(err, "for the words of captions");
    for (size_t i = 0; i < size; i++) place[i] = -1;
    for (int32_t i = 0; i < names->count; i++) {
        number[i] = ds_vocab_id(m->vocab, names->list[i]);
        if (number[i] != DS_UNK) place[number[i]] = i;
    }
    for (size_t i = 0; i < images; i++) caption[i] = s->captions.image[i].first;
    caption[images] = s->captions.captions;
    *out = (cap_content){.words = names->count, .number = number, .place = place, .caption = caption};
    return ERR_OK;
}

static err_code begin_lesson(cap_run *r, const cap_split *s, cap_content *content, cap_words_lesson *l,
                             error *err)
{
    const cap_model *m = model_of(r);
    *l = (cap_words_lesson){.width = m->decoder.config.features,
                            .like = &m->namers[CAP_NAMER_WORDS],
                            .vocab = m->vocab,
                            .captions = &s->encoded,
                            .content = content,
                            .turn = s->photo,
                            .turns = s->turns.images};
    return content_of(m, s, &data_of(r)->named, content, err);
}

static err_code fold_photos(const cap_split *s, arena *memory, cap_words_lesson *l, error *err)
{
    int32_t *fold = arena_array(memory, (size_t)s->captions.images + 1, sizeof *fold);
    if (!fold) return err_no_memory(err, "for the folds of photos");
    for (int32_t i = 0; i < s->captions.images; i++) fold[i] = cap_words_fold(s->captions.image[i].file_name);
    l->fold = fold;
    return ERR_OK;
}

static err_code new_scores(const cap_run *r, int photos, float **scores, error *err)
{
    size_t words = model_of(r)->namers[CAP_NAMER_WORDS].config.names.count;
    *scores = calloc(photos * words + 1, sizeof **scores);
    return *scores ? ERR_OK : err_no_memory(err, "for what is in photos");
}

static int words_of(const cap_run *r)
{
    return model_of(r)->namers[CAP_NAMER_WORDS].config.names.count;
}

/* Scores of photos that train by heads that have not seen them, then the model's own head. */
static err_code name_words(cap_run *r, error *err)
{
    cap_photo_data *d = data_of(r);
    const cap_split *s = &d->train;
    const cap_words_run run = words_run(r);
    cap_words_lesson l;
    cap_words_precision p;
    cap_content content;
    float *scores = NULL;
    err_code code = begin_lesson(r, s, &content, &l, err);
    if (!code && !d->means) code = cap_split_means(s, model_of(r), NULL, r->threads, &d->means, err);
    l.means = d->means;
    if (!code) code = fold_photos(s, &d->named, &l, err);
    if (!code) code = new_scores(r, s->captions.images, &scores, err);
    if (!code) code = cap_words_score_folds(&l, &run, scores, err);
    if (!code) code = cap_words_judge(&l, scores, &p, err);
    if (!code) code = cap_words_teach(&l, &run, &model_of(r)->params, err);
    free(d->means);
    d->means = NULL;
    if (code) {
        free(scores);
        return code;
    }
    cap_split_take_scores(&d->seen, s->captions.images, words_of(r), scores);
    cap_run_say(r, "names %d words: mean average precision %.3f (of %d words, by photos not learnt from)",
                words_of(r), p.mean, p.words);
    return ERR_OK;
}

/* Of an encoder that is frozen. */
static err_code name_words_of_val(cap_run *r, int set, error *err)
{
    cap_photo_data *d = data_of(r);
    const cap_split *s = &d->val[set];
    const cap_model *m = model_of(r);
    int photos = s->captions.images;
    cap_words_lesson l;
    cap_words_precision p;
    cap_content content;
    float *means = NULL, *scores = NULL;
    err_code code = begin_lesson(r, s, &content, &l, err);
    if (!code) code = cap_split_means(s, m, NULL, r->threads, &means, err);
    if (!code) code = new_scores(r, photos, &scores, err);
    if (!code) code = cap_words_score(l.like, means, photos, l.width, r->threads, scores, err);
    if (!code) code = cap_words_judge(&l, scores, &p, err);
    free(means);
    if (code) {
        free(scores);
        return code;
    }
    cap_split_take_scores(&d->val_seen[set], photos, words_of(r), scores);
    cap_run_say(r, "in %.200s: %.3f (of %d words)", cap_photos_set_name(&cap_photos_val_sets(r)[set]), p.mean,
                p.words);
    return ERR_OK;
}

static err_code find_objects(cap_run *r, error *err)
{
    cap_photo_data *d = data_of(r);
    err_code code = cap_split_find_objects(&d->train, model_of(r), d->cache, r->threads, &d->seen, err);
    for (int i = 0; !code && i < d->vals; i++)
        code = cap_split_find_objects(&d->val[i], model_of(r), d->cache, r->threads, &d->val_seen[i], err);
    return code;
}

/* Photos of other ways of writing are other photos, whatever their numbers. */
static err_code list_ids(cap_run *r, int64_t **ids, error *err)
{
    cap_photo_data *d = data_of(r);
    const ds_captions *c = &d->train.captions;
    *ids = arena_array(&d->named, (size_t)c->images + 1, sizeof **ids);
    if (!*ids) return err_no_memory(err, "for the numbers of photos");
    for (int32_t i = 0; i < c->images; i++) (*ids)[i] = d->style[i] == d->only_style ? c->image[i].id : -1;
    return ERR_OK;
}

static err_code begin_drawing(cap_run *r, error *err)
{
    cap_photo_data *d = data_of(r);
    int64_t *ids;
    err_code code = list_ids(r, &ids, err);
    if (code) return code;
    const cap_draw_source from = {.namers = model_of(r)->namers,
                                  .vocab = model_of(r)->vocab,
                                  .named = &d->seen.named,
                                  .captions = &d->train.encoded,
                                  .style = d->style,
                                  .id = ids,
                                  .groups = &d->photoless.only,
                                  .group_captions = &d->photoless.encoded,
                                  .group_style = d->only_style};
    if ((code = cap_draw_create(&from, &d->draw, err))) return code;
    cap_draw_tell(d->draw, r->events->say, r->events->ctx);
    return ERR_OK;
}

err_code cap_photos_name(cap_run *r, error *err)
{
    cap_photo_data *d = data_of(r);
    const cap_namer *namers = model_of(r)->namers;
    err_code code = namers[CAP_NAMER_OBJECTS].config.row ? find_objects(r, err) : ERR_OK;
    if (!code && namers[CAP_NAMER_WORDS].config.row) {
        code = name_words(r, err);
        for (int i = 0; !code && i < d->vals && !d->encoder_trains; i++) code = name_words_of_val(r, i, err);
    }
    if (!code && d->photoless.groups) code = begin_drawing(r, err);
    if (!code && d->photoless.groups && d->sentences.judge && !d->alone)
        code = cap_cider_ids_create(&d->photoless.encoded, true, &d->photoless_judge, err);
    return code;
}

void cap_photos_close_concepts(cap_run *r)
{
    cap_photo_data *d = data_of(r);
    cap_draw_free(&d->draw);
    cap_cider_ids_free(&d->photoless_judge);
    cap_split_named_release(&d->seen);
    for (int i = 0; i < CAP_MOST_SETS; i++) cap_split_named_release(&d->val_seen[i]);
    cap_photoless_close(&d->photoless);
    arena_release(&d->named);
    free(d->means);
}

/* ---- after the encoder has learned ---- */

/* The head follows the encoder: it learns anew from the regions as they are now. */
err_code cap_photos_rename(cap_run *r, error *err)
{
    cap_photo_data *d = data_of(r);
    const cap_words_run run = words_run(r);
    cap_words_lesson l;
    cap_content content;
    arena_mark mark = arena_save(&d->named);
    float *means = NULL;
    if (!d->encoder_trains || !model_of(r)->namers[CAP_NAMER_WORDS].config.row) return ERR_OK;
    err_code code = begin_lesson(r, &d->train, &content, &l, err);
    if (!code) code = cap_split_means(&d->train, model_of(r), NULL, r->threads, &means, err);
    l.means = means;
    if (!code) code = cap_words_teach(&l, &run, &model_of(r)->params, err);
    free(means);
    arena_rewind(&d->named, mark);
    return code;
}

/* ---- concepts for the decoder ---- */

cap_concept *cap_photos_concepts(cap_run *r, int memories, cap_concepts *out, int32_t **count)
{
    int most = cap_named_most(model_of(r)->namers);
    cap_concept *list = nn_alloc(&r->tape, (size_t)memories * most * sizeof *list);
    *count = nn_alloc(&r->tape, memories * sizeof **count);
    *out = (cap_concepts){.memories = memories, .most = most, .list = list, .count = *count};
    return list;
}

/* Whether something of this likelihood happens in this step. */
static bool happens(const cap_run *r, uint64_t stream, double chance)
{
    rng g = {.seed = r->s->seed, .stream = stream | (uint64_t)r->at.step};
    return rng_uniform(&g) < chance;
}

bool cap_photos_show_regions(const cap_run *r)
{
    if (!cap_model_has_states(model_of(r))) return false;
    return !data_of(r)->has_concepts || !happens(r, SHOW_STREAM, asked(r)->concept.hide_regions);
}

/* The draws of a row: its style first, then its concepts. */
static int32_t told_style(const cap_run *r, rng *g, int32_t style)
{
    return rng_uniform(g) < asked(r)->concept.hide_style ? 0 : style;
}

err_code cap_photos_add_concepts(cap_run *r, const ds_batch *b, cap_encoded *e, error *err)
{
    cap_photo_data *d = data_of(r);
    cap_concept *list = NULL;
    int32_t *count = NULL, *style = nn_alloc(&r->tape, b->images * sizeof *style);
    cap_concepts *concepts = nn_alloc(&r->tape, sizeof *concepts);
    e->memories = b->images;
    if (!r->tape.failed && d->has_concepts) list = cap_photos_concepts(r, b->images, concepts, &count);
    if (r->tape.failed) return err_no_memory(err, "in a training step");
    for (int32_t i = 0; i < b->images; i++) {
        int32_t photo = d->train.photo[b->image[i]];
        rng g = cap_draw_rng(r->s->seed, (uint64_t)r->at.step, (uint32_t)i);
        style[i] = told_style(r, &g, d->style[photo]);
        if (!list) continue;
        cap_concept *own = list + (size_t)i * concepts->most;
        count[i] = cap_named_choose(model_of(r)->namers, &d->seen.named, photo, own);
        if (r->tape.training) count[i] = cap_draw_drop(&asked(r)->concept.drop, &g, own, count[i]);
    }
    if (list) e->concepts = concepts;
    if (model_of(r)->styles.count) e->style = style;
    return ERR_OK;
}

/* ---- captions without photos ---- */

/* donor[images] */
static err_code draw_concepts(cap_run *r, const ds_batch *b, cap_encoded *e, int32_t *donor, error *err)
{
    cap_photo_data *d = data_of(r);
    int32_t *count = NULL, *style = nn_alloc(&r->tape, b->images * sizeof *style);
    cap_concepts *concepts = nn_alloc(&r->tape, sizeof *concepts);
    cap_concept *list = r->tape.failed ? NULL : cap_photos_concepts(r, b->images, concepts, &count);
    if (r->tape.failed) return err_no_memory(err, "in a training step");
    *e = (cap_encoded){.memories = b->images, .concepts = concepts};
    for (int32_t i = 0; i < b->images; i++) {
        rng g = cap_draw_rng(r->s->seed, (uint64_t)r->at.step, (uint32_t)(GROUP_ROWS + i));
        cap_concept *own = list + (size_t)i * concepts->most;
        style[i] = told_style(r, &g, d->only_style);
        donor[i] = cap_draw_donor(d->draw, b->image[i], &g);
        count[i] = cap_draw_group(d->draw, b->image[i], donor[i], &g, own);
        if (r->tape.training) count[i] = cap_draw_drop(&asked(r)->concept.drop, &g, own, count[i]);
    }
    if (model_of(r)->styles.count) e->style = style;
    return ERR_OK;
}

err_code cap_photos_draw_groups(cap_run *r, const ds_batch *b, cap_encoded *e, error *err)
{
    cap_photo_data *d = data_of(r);
    int32_t *donor = arena_array(&r->step_memory, b->images, sizeof *donor);
    if (!donor) return err_no_memory(err, "in a training step");
    err_code code = draw_concepts(r, b, e, donor, err);
    if (code || !cap_split_keeps_features(&d->train) ||
        !happens(r, LEND_STREAM, asked(r)->concept.lend_regions))
        return code;
    e->states = cap_split_features(&d->train, &r->tape, model_of(r), donor, b->images, err);
    return e->states ? ERR_OK : err->code ? err->code : err_no_memory(err, "in a training step");
}

err_code cap_photos_draw_batch(cap_run *r, ds_batch *b, cap_encoded *e, error *err)
{
    cap_photo_data *d = data_of(r);
    const cap_photoless_settings s = {.groups = asked(r)->concept.groups,
                                      .captions = asked(r)->concept.captions,
                                      .max_words = d->sentences.s.max_words,
                                      .seed = r->s->seed};
    err_code code = cap_photoless_batch(&d->photoless, &s, r->at.step, &r->step_memory, b, err);
    return code ? code : cap_photos_draw_groups(r, b, e, err);
}

nn_var *cap_photos_photoless_loss(cap_run *r, int *groups, cap_counts *counts, error *err)
{
    cap_lesson l = {.judge = data_of(r)->photoless_judge, .source = 1, .lent = true};
    if (cap_photos_draw_batch(r, &l.batch, &l.input, err)) return NULL;
    *groups = l.batch.images;
    return cap_sentences_loss_of(r, &l, counts, err);
}
