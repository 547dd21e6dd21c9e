/* The texts of a language model: read, parted, made numbers. */
#include "captioner/train/train_language.h"

err_code cap_language_check(const cap_language_settings *l, error *err)
{
    if (!l->text) return err_set(err, ERR_ARGUMENT, "the text to learn from must be named: --text");
    if (!(l->val_share >= 0 && l->val_share <= 0.9))
        return err_set(err, ERR_ARGUMENT, "a share of %g cannot be held out; --val-share must be 0 to 0.9",
                       l->val_share);
    return ERR_OK;
}

static err_code part(const cap_language_settings *l, uint64_t seed, cap_language_texts *t, text *note,
                     error *err)
{
    err_code code = ds_texts_split(&t->all, l->val_share, seed, &t->train.texts, &t->val.texts, err);
    if (!code)
        text_printf(note, "%d of %d texts are held out to validate on (--val-share)", t->val.texts.count,
                    t->all.count);
    return code;
}

err_code cap_language_read(const cap_language_settings *l, uint64_t seed, cap_language_texts *t, text *note,
                           error *err)
{
    bool parted = !l->val_text && l->val_share > 0;
    t->has_val = l->val_text || parted;
    err_code code = ds_texts_read(l->text, parted ? &t->all : &t->train.texts, err);
    if (code || !t->has_val) return code;
    return parted ? part(l, seed, t, note, err) : ds_texts_read(l->val_text, &t->val.texts, err);
}

static void release_split(cap_language_split *s)
{
    ds_texts_release(&s->texts);
    arena_release(&s->memory);
}

void cap_language_release(cap_language_texts *t)
{
    release_split(&t->train);
    release_split(&t->val);
    ds_texts_release(&t->all);
}

err_code cap_language_codec(const cap_language_settings *l, int min_count, const cap_language_texts *t,
                            ds_codec **out, error *err)
{
    ds_codec_settings level = l->level;
    level.min_count = min_count ? min_count : level.level == DS_WORD ? 2 : 1;
    err_code code = ds_codec_learn(&level, t->train.texts.line, t->train.texts.count, out, err);
    if (code || ds_vocab_size(ds_codec_vocab(*out)) > DS_SPECIALS) return code;
    ds_codec_free(out);
    return err_set(err, ERR_ARGUMENT, "nothing in the texts occurs %lld times; a smaller --min-count helps",
                   (long long)level.min_count);
}

err_code cap_language_encode(const ds_codec *codec, cap_language_split *s, error *err)
{
    arena_reset(&s->memory);
    return ds_targets_encode(codec, s->texts.line, s->texts.count, &s->memory, &s->encoded, err);
}
