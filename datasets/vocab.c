#include "datasets/vocab.h"

#include "datasets/words.h"
#include "src/io/json_build.h"

#include <stdlib.h>
#include <string.h>

static const char *const specials[DS_SPECIALS] = {"<pad>", "<start>", "<end>", "<unk>"};

struct ds_counter {
    ds_words words;
};

struct ds_vocab {
    ds_words words;
};

static int is_special(const char *word)
{
    for (int i = 0; i < DS_SPECIALS; i++)
        if (!strcmp(word, specials[i])) return 1;
    return 0;
}

ds_counter *ds_counter_create(void)
{
    return calloc(1, sizeof(ds_counter));
}

void ds_counter_free(ds_counter **c)
{
    if (!*c) return;
    ds_words_release(&(*c)->words);
    free(*c);
    *c = NULL;
}

err_code ds_counter_add(ds_counter *c, const char *word, int64_t times, error *err)
{
    if (!*word || is_special(word)) return err_set(err, ERR_ARGUMENT, "cannot count '%s': not a word", word);
    int32_t at = ds_words_put(&c->words, word);
    if (at < 0) return err_no_memory(err, "while counting words");
    c->words.item[at].count += times;
    return ERR_OK;
}

int64_t ds_counter_get(const ds_counter *c, const char *word)
{
    int32_t at = ds_words_find(&c->words, word);
    return at < 0 ? 0 : c->words.item[at].count;
}

static int by_count(const void *left, const void *right)
{
    const ds_word *a = *(ds_word *const *)left, *b = *(ds_word *const *)right;
    if (a->count != b->count) return a->count < b->count ? 1 : -1;
    return strcmp(a->text, b->text);
}

/* An empty vocabulary: the specials alone. */
static ds_vocab *new_vocab(void)
{
    ds_vocab *v = calloc(1, sizeof *v);
    if (!v) return NULL;
    for (int i = 0; i < DS_SPECIALS; i++) {
        if (ds_words_put(&v->words, specials[i]) < 0) {
            ds_vocab_free(&v);
            return NULL;
        }
    }
    return v;
}

static int add_words(ds_vocab *v, ds_word *const *word, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        int32_t id = ds_words_put(&v->words, word[i]->text);
        if (id < 0) return -1;
        v->words.item[id].count = word[i]->count;
    }
    return 0;
}

err_code ds_vocab_build(const ds_counter *c, const ds_vocab_settings *s, ds_vocab **out, error *err)
{
    if (s->max_size < 0 || (s->max_size && s->max_size < DS_SPECIALS))
        return err_set(err, ERR_ARGUMENT,
                       "a vocabulary of %d words is too small: the special words alone are %d",
                       (int)s->max_size, DS_SPECIALS);
    ds_word **chosen = malloc(((size_t)c->words.count + 1) * sizeof *chosen);
    ds_vocab *v = chosen ? new_vocab() : NULL;
    if (!v) goto no_memory;
    int32_t count = 0, most = s->max_size ? s->max_size - DS_SPECIALS : INT32_MAX;
    for (int32_t i = 0; i < c->words.count; i++)
        if (c->words.item[i].count >= s->min_count) chosen[count++] = &c->words.item[i];
    qsort(chosen, count, sizeof *chosen, by_count);
    if (add_words(v, chosen, count < most ? count : most)) goto no_memory;
    free(chosen);
    *out = v;
    return ERR_OK;
no_memory:
    free(chosen);
    ds_vocab_free(&v);
    return err_no_memory(err, "while building the vocabulary");
}

void ds_vocab_free(ds_vocab **v)
{
    if (!*v) return;
    ds_words_release(&(*v)->words);
    free(*v);
    *v = NULL;
}

int32_t ds_vocab_size(const ds_vocab *v)
{
    return v->words.count;
}

int32_t ds_vocab_id(const ds_vocab *v, const char *word)
{
    int32_t id = ds_words_find(&v->words, word);
    return id < 0 ? DS_UNK : id;
}

const char *ds_vocab_word(const ds_vocab *v, int32_t id)
{
    return v->words.item[id >= 0 && id < v->words.count ? id : DS_UNK].text;
}

int64_t ds_vocab_count(const ds_vocab *v, int32_t id)
{
    return id >= 0 && id < v->words.count ? v->words.item[id].count : 0;
}

json_t *ds_vocab_to_json(const ds_vocab *v)
{
    io_json_build b = io_json_build_array();
    for (int32_t i = 0; i < v->words.count; i++) io_json_put_string(&b, b.root, NULL, v->words.item[i].text);
    return io_json_take(&b);
}

/* Puts entry i of a stored vocabulary into v, whose i words are those before it. */
static err_code load_word(ds_vocab *v, size_t i, const json_t *value, error *err)
{
    const char *word = json_string_value(value);
    if (!word || !*word)
        return err_set(err, ERR_FORMAT, "cannot read the vocabulary: entry %zu is not a non-empty string", i);
    if (i < DS_SPECIALS) {
        if (!strcmp(word, specials[i])) return ERR_OK;
        return err_set(err, ERR_FORMAT, "cannot read the vocabulary: entry %zu is '%.40s' instead of '%s'", i,
                       word, specials[i]);
    }
    int32_t id = ds_words_put(&v->words, word);
    if (id < 0) return err_no_memory(err, "while reading the vocabulary");
    if ((size_t)id != i)
        return err_set(err, ERR_FORMAT, "cannot read the vocabulary: entry %zu '%.40s' repeats entry %d", i,
                       word, (int)id);
    return ERR_OK;
}

err_code ds_vocab_from_json(const json_t *array, ds_vocab **out, error *err)
{
    if (!json_is_array(array))
        return err_set(err, ERR_FORMAT, "cannot read the vocabulary: not a JSON array");
    size_t count = json_array_size(array);
    if (count < DS_SPECIALS)
        return err_set(err, ERR_FORMAT, "cannot read the vocabulary: entry %zu, '%s', is missing", count,
                       specials[count]);
    ds_vocab *v = new_vocab();
    if (!v) return err_no_memory(err, "while reading the vocabulary");
    for (size_t i = 0; i < count; i++) {
        err_code code = load_word(v, i, json_array_get(array, i), err);
        if (code) {
            ds_vocab_free(&v);
            return code;
        }
    }
    *out = v;
    return ERR_OK;
}
