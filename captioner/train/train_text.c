/* The task of translating: pairs, codecs, model, the sources of each batch, settings and record. */
#include "captioner/train/train_text.h"

#include <stdlib.h>
#include <string.h>

#include "captioner/train/train_init.h"

/* ---- reading ---- */

static err_code check(const void *asked_for, const cap_run_settings *run, error *err)
{
    const cap_train_settings *s = asked_for;
    const cap_text_settings *t = &s->text;
    bool one = t->pairs, two = t->source && t->target, val_two = t->val_source && t->val_target;
    if (one == two || (!two && (t->source || t->target)))
        return err_set(err, ERR_ARGUMENT, "the texts must be named: --pairs, or both --source and --target");
    if ((t->val_pairs && val_two) || (!val_two && (t->val_source || t->val_target)))
        return err_set(err, ERR_ARGUMENT,
                       "the texts to validate on must be --val-pairs, or both --val-source and --val-target");
    if (!(t->val_share >= 0 && t->val_share <= 0.9))
        return err_set(err, ERR_ARGUMENT, "a share of %g cannot be held out; --val-share must be 0 to 0.9",
                       t->val_share);
    (void)run;
    return cap_sentences_check(s, err);
}

static err_code read_pairs(const cap_run *r, const char *one, const char *source, const char *target,
                           ds_pairs *out, error *err)
{
    err_code code = one ? ds_pairs_read(one, asked(r)->text.format, out, err)
                        : ds_pairs_read_two(source, target, out, err);
    if (!code && out->empty)
        cap_run_say(r, "'%.200s': %d pairs with an empty side, the first in line %lld, are left out",
                    one ? one : source, (int)out->empty, (long long)out->first_empty);
    return code;
}

/* ---- held-out pairs ---- */

static int compare_pairs(const ds_pairs *p, int32_t i, const ds_pairs *q, int32_t j)
{
    int order = strcmp(p->source[i], q->source[j]);
    return order ? order : strcmp(p->target[i], q->target[j]);
}

typedef struct sorted_pair {
    const ds_pairs *pairs;
    int32_t index;
} sorted_pair;

static int by_text(const void *a, const void *b)
{
    const sorted_pair *x = a, *y = b;
    return compare_pairs(x->pairs, x->index, y->pairs, y->index);
}

/* Takes pair i out of the list unless keep(ctx, i). Returns how many went. */
static int32_t keep_pairs(ds_pairs *p, bool (*keep)(const void *ctx, int32_t i), const void *ctx)
{
    int32_t kept = 0, before = p->count;
    for (int32_t i = 0; i < before; i++) {
        if (!keep(ctx, i)) continue;
        p->source[kept] = p->source[i];
        p->target[kept] = p->target[i];
        p->line[kept++] = p->line[i];
    }
    p->count = kept;
    return before - kept;
}

typedef struct held_out {
    const ds_pairs *of;
    const sorted_pair *held;
    size_t count;
} held_out;

static bool is_unseen(const void *ctx, int32_t i)
{
    const held_out *h = ctx;
    sorted_pair wanted = {h->of, i};
    return !bsearch(&wanted, h->held, h->count, sizeof wanted, by_text);
}

/* A pair that occurs again in training would not be unseen. */
static err_code leave_out_held(cap_run *r, error *err)
{
    cap_text_data *d = data_of(r);
    const ds_pairs *val = &d->val.pairs;
    sorted_pair *held = calloc(val->count, sizeof *held);
    if (!held) return err_no_memory(err, "for %d pairs", val->count);
    for (int32_t i = 0; i < val->count; i++) held[i] = (sorted_pair){val, i};
    qsort(held, val->count, sizeof *held, by_text);
    held_out h = {&d->train.pairs, held, val->count};
    int32_t gone = keep_pairs(&d->train.pairs, is_unseen, &h);
    free(held);
    cap_run_say(r, "%d of %d pairs are held out to validate on (--val-share)%s", val->count, d->all.count,
                gone ? "" : ", none of them occurs again");
    if (gone) cap_run_say(r, "%d pairs that say the same as one of these are left out of training", gone);
    if (d->train.pairs.count) return ERR_OK;
    return err_set(err, ERR_ARGUMENT, "no pair is left to train on; a smaller --val-share leaves more");
}

static err_code open_pairs(cap_run *r, error *err)
{
    const cap_text_settings *t = &asked(r)->text;
    cap_text_data *d = data_of(r);
    bool has_file = t->val_pairs || t->val_source;
    r->has_val = has_file || t->val_share > 0;
    bool parted = r->has_val && !has_file;
    err_code code = read_pairs(r, t->pairs, t->source, t->target, parted ? &d->all : &d->train.pairs, err);
    if (code || !r->has_val) return code;
    if (has_file) return read_pairs(r, t->val_pairs, t->val_source, t->val_target, &d->val.pairs, err);
    code = ds_pairs_split(&d->all, t->val_share, r->s->seed, &d->train.pairs, &d->val.pairs, err);
    return code ? code : leave_out_held(r, err);
}

/* ---- numbers ---- */

static err_code encode_split(const cap_run *r, cap_text_split *s, error *err)
{
    err_code code = ds_sources_encode(model_of(r)->source, s->pairs.source, s->pairs.count, 0, &s->memory,
                                      &s->sources, err);
    if (code) return code;
    return ds_targets_encode(model_of(r)->target, s->pairs.target, s->pairs.count, &s->memory, &s->targets,
                             err);
}

typedef struct limit {
    const cap_text_split *split;
    int64_t most;
} limit;

static bool is_short(const void *ctx, int32_t i)
{
    const limit *l = ctx;
    const int64_t *source = l->split->sources.first + i, *target = l->split->targets.first + i;
    return source[1] - source[0] <= l->most + 1 /* <end> */ && target[1] - target[0] <= l->most;
}

/* One text of 10,000 words would make its whole batch that long. Cutting it would teach to stop early. */
static err_code leave_out_long(cap_run *r, error *err)
{
    cap_text_split *s = &data_of(r)->train;
    limit l = {s, asked(r)->max_words ? asked(r)->max_words : INT32_MAX};
    int32_t gone = keep_pairs(&s->pairs, is_short, &l);
    if (!gone) return ERR_OK;
    if (!s->pairs.count)
        return err_set(err, ERR_ARGUMENT, "every pair is longer than %d words; a larger --max-words helps",
                       asked(r)->max_words);
    cap_run_say(r, "%d pairs with a side over %d words are left out (--max-words)", gone,
                asked(r)->max_words);
    arena_reset(&s->memory);
    return encode_split(r, s, err);
}

static err_code learn(const cap_run *r, ds_codec_settings level, const char *const *lines, int32_t count,
                      ds_codec **out, error *err)
{
    level.min_count = asked(r)->min_count ? asked(r)->min_count : level.level == DS_WORD ? 2 : 1;
    err_code code = ds_codec_learn(&level, lines, count, out, err);
    if (code || ds_vocab_size(ds_codec_vocab(*out)) > DS_SPECIALS) return code;
    ds_codec_free(out);
    return err_set(err, ERR_ARGUMENT, "nothing in the texts occurs %lld times; a smaller --min-count helps",
                   (long long)level.min_count);
}

/* What the lines hold, and before it what the model to start from knows. */
static err_code make_codec(const cap_run *r, const ds_codec_settings *level, const ds_codec *old,
                           const char *const *lines, int32_t count, ds_codec **out, error *err)
{
    ds_codec *found = NULL;
    err_code code = learn(r, *level, lines, count, &found, err);
    return code ? code : cap_init_codec(old, found, out, err);
}

static err_code make_model(cap_run *r, const cap_model *from, error *err)
{
    const cap_text_settings *t = &asked(r)->text;
    const ds_pairs *p = &data_of(r)->train.pairs;
    cap_model_form form = {.encoder = t->encoder, .decoder = asked(r)->decoder};
    err_code code =
        make_codec(r, &t->source_level, from ? from->source : NULL, p->source, p->count, &form.source, err);
    if (!code)
        code = make_codec(r, &t->target_level, from ? from->target : NULL, p->target, p->count, &form.target,
                          err);
    if (!code) code = cap_model_create(&form, r->s->seed, &data_of(r)->sentences.model, err);
    if (!code) return from ? cap_init_weights(from, data_of(r)->sentences.model, err) : ERR_OK;
    ds_codec_free(&form.source);
    ds_codec_free(&form.target);
    return code;
}

static err_code open_texts(cap_run *r, error *err)
{
    cap_text_data *d = data_of(r);
    err_code code;
    cap_sentences_begin(r);
    if ((code = open_pairs(r, err)) || (code = cap_sentences_make(r, make_model, err)) ||
        (code = encode_split(r, &d->train, err)) || (code = leave_out_long(r, err)))
        return code;
    if (r->has_val && (code = encode_split(r, &d->val, err))) return code;
    d->sentences.targets = &d->train.targets;
    d->sentences.s.per_image = 0;
    return cap_sentences_ready(r, err);
}

static void close_split(cap_text_split *s)
{
    ds_pairs_release(&s->pairs);
    arena_release(&s->memory);
}

static void close_texts(cap_run *r)
{
    cap_text_data *d = data_of(r);
    close_split(&d->train);
    close_split(&d->val);
    ds_pairs_release(&d->all);
    cap_sentences_close(r);
}

static const char *level_unit(const ds_codec *c)
{
    static const char *const units[DS_LEVELS] = {"words", "characters", "pieces"};
    return units[ds_codec_level(c)];
}

static void introduce(const cap_run *r, text *line)
{
    const cap_text_data *d = data_of(r);
    const cap_model *m = model_of(r);
    text_printf(line, "%d pairs", d->train.pairs.count);
    if (r->has_val) text_printf(line, ", %d to validate on", d->val.pairs.count);
    text_printf(line, "; %d %s to %d %s; %zu weights", (int)ds_vocab_size(ds_codec_vocab(m->source)),
                level_unit(m->source), (int)ds_vocab_size(ds_codec_vocab(m->target)), level_unit(m->target),
                nn_params_learned(&m->params));
}

/* ---- steps ---- */

static cap_encoded encode(cap_run *r, const ds_batch *b, error *err)
{
    ds_source_batch in;
    if (ds_sources_batch(&data_of(r)->train.sources, b->image, b->images, &r->step_memory, &in, err))
        return (cap_encoded){0};
    return cap_model_encode_text(&r->tape, model_of(r), &in);
}

static nn_var *loss(cap_run *r, cap_counts *counts, error *err)
{
    return cap_sentences_loss(r, encode, counts, err);
}

/* ---- settings and record ---- */

static hash128 contents(const cap_text_split *s)
{
    const ds_sources *d = &s->sources;
    hash128 h = hash_bytes(d->words, d->first[d->count] * sizeof *d->words, 1);
    h = hash_bytes(d->first, ((size_t)d->count + 1) * sizeof *d->first, h.lo);
    return cap_sentences_hash(&s->targets, h);
}

static void settings(const cap_run *r, io_json_build *b, json_t *o)
{
    const cap_text_data *d = data_of(r);
    json_t *encoder = cap_encoder_config_to_json(&model_of(r)->encoder.config), *value;
    const char *key;
    cap_sentences_settings(r, b, o);
    if (!encoder) io_json_put(b, o, "encoder", NULL); /* memory is out: nothing is made of the rest */
    json_object_foreach(encoder, key, value)
    {
        char name[60];
        snprintf(name, sizeof name, "encoder's %s", key);
        io_json_put(b, o, name, json_incref(value));
    }
    json_decref(encoder);
    cap_run_put_hash(b, o, "contents of the training pairs", contents(&d->train));
    if (r->has_val)
        cap_run_put_hash(b, o, "contents of the validation pairs", contents(&d->val));
    else
        io_json_put_string(b, o, "contents of the validation pairs", "none");
    cap_sentences_judging(r, b, o);
}

static void record_file(io_json_build *b, json_t *o, const char *key, const char *path)
{
    if (path) io_json_put_string(b, o, key, cap_run_base_name(path));
}

static void record(const cap_run *r, io_json_build *b, json_t *training)
{
    const cap_text_settings *t = &asked(r)->text;
    record_file(b, training, "pairs_file", t->pairs);
    record_file(b, training, "source_file", t->source);
    record_file(b, training, "target_file", t->target);
    io_json_put_int(b, training, "pairs", data_of(r)->train.pairs.count);
}

static err_code save(cap_run *r, const cap_epoch *e, error *err)
{
    return cap_sentences_save(r, e, record, err);
}

const cap_task cap_task_pairs = {.name = "pairs",
                                 .unit = "pairs",
                                 .between = " -> ",
                                 .data_bytes = sizeof(cap_text_data),
                                 .check = check,
                                 .open = open_texts,
                                 .introduce = introduce,
                                 .close = close_texts,
                                 .count = cap_sentences_count,
                                 .begin = cap_sentences_plan,
                                 .loss = loss,
                                 .validate = cap_text_validate,
                                 .tell = cap_text_tell,
                                 .scores = cap_text_scores,
                                 .sample = cap_text_sample,
                                 .settings = settings,
                                 .save = save};
