#include "captioner/score/df.h"

#include <stdlib.h>

#include "src/io/json_build.h"

static cap_df *df_new(uint32_t total, error *err)
{
    cap_df *d = calloc(1, sizeof *d);
    if (d)
        d->total = total;
    else
        err_no_memory(err, "for document frequencies");
    return d;
}

void cap_df_free(cap_df **df)
{
    if (!*df) return;
    cap_ngrams_release(&(*df)->sequences);
    free((*df)->images);
    free(*df);
    *df = NULL;
}

/* A sequence is in at least as many images as any that begins with it, so the parent of a kept node is kept.
 */
static err_code copy_node(cap_df *d, const cap_ngrams *from, uint32_t node, uint32_t *renumbered, error *err)
{
    cap_ngram_node n = from->nodes[node];
    uint32_t word;
    err_code code = cap_ngrams_word(&d->sequences, from->words[n.word], &word, err);
    return code ? code : cap_ngrams_step(&d->sequences, renumbered[n.parent], word, &renumbered[node], err);
}

err_code cap_df_create(cap_df **df, const cap_ngrams *sequences, const uint32_t *images, uint32_t total,
                       error *err)
{
    uint32_t count = sequences->node_count;
    cap_df *d = *df = df_new(total, err);
    if (!d) return ERR_MEMORY;
    uint32_t *renumbered = calloc((size_t)count + 1, sizeof *renumbered);
    d->images = calloc((size_t)count + 1, sizeof *d->images);
    err_code code = renumbered && d->images ? ERR_OK : err_no_memory(err, "for document frequencies");
    for (uint32_t i = 1; i < count && !code; i++) {
        if (images[i] < 2) continue;
        code = copy_node(d, sequences, i, renumbered, err);
        if (!code) d->images[renumbered[i]] = images[i];
    }
    free(renumbered);
    if (code) cap_df_free(df);
    return code;
}

json_t *cap_df_to_json(const cap_df *df)
{
    io_json_build b = io_json_build_object();
    io_json_put_int(&b, b.root, "images", df->total);
    io_json_put_strings(&b, b.root, "words", (const char *const *)df->sequences.words,
                        df->sequences.word_count);
    json_t *counts = io_json_put_array(&b, b.root, "counts");
    for (uint32_t i = 1; i < df->sequences.node_count; i++) {
        cap_ngram_node n = df->sequences.nodes[i];
        json_t *row = io_json_put_array(&b, counts, NULL);
        io_json_put_int(&b, row, NULL, n.parent);
        io_json_put_int(&b, row, NULL, n.word);
        io_json_put_int(&b, row, NULL, df->images[i]);
    }
    return io_json_take(&b);
}

/* -1 where item i of the array is no whole number in 0..limit-1 */
static int64_t whole(const json_t *array, size_t i, int64_t limit)
{
    const json_t *item = json_array_get(array, i);
    int64_t value = json_is_integer(item) ? json_integer_value(item) : -1;
    return value < limit ? value : -1;
}

static err_code read_words(cap_df *d, const json_t *words, error *err)
{
    size_t count = json_array_size(words);
    for (size_t i = 0; i < count; i++) {
        const char *spelling = json_string_value(json_array_get(words, i));
        uint32_t word;
        if (!spelling) return err_set(err, ERR_FORMAT, "document frequencies: word %zu is no string", i);
        err_code code = cap_ngrams_word(&d->sequences, spelling, &word, err);
        if (code) return code;
        if (word != i)
            return err_set(err, ERR_FORMAT, "document frequencies: word %zu '%s' is there twice", i,
                           spelling);
    }
    return ERR_OK;
}

static err_code read_row(cap_df *d, const json_t *row, size_t i, error *err)
{
    int64_t parent = whole(row, 0, (int64_t)i + 1), word = whole(row, 1, d->sequences.word_count);
    int64_t images = whole(row, 2, (int64_t)d->total + 1);
    if (json_array_size(row) != 3 || parent < 0 || word < 0 || images < 1)
        return err_set(err, ERR_FORMAT,
                       "document frequencies: row %zu of counts is not [row before, word, images]", i);
    uint32_t node;
    err_code code = cap_ngrams_step(&d->sequences, (uint32_t)parent, (uint32_t)word, &node, err);
    if (code) return code;
    if (node != i + 1)
        return err_set(err, ERR_FORMAT, "document frequencies: row %zu of counts is there twice", i);
    d->images[node] = (uint32_t)images;
    return ERR_OK;
}

err_code cap_df_from_json(cap_df **df, const json_t *json, error *err)
{
    const json_t *words = json_object_get(json, "words"), *counts = json_object_get(json, "counts");
    const json_t *total = json_object_get(json, "images");
    int64_t images = json_is_integer(total) ? json_integer_value(total) : 0;
    *df = NULL;
    if (images < 1 || images > INT32_MAX || !json_is_array(words) || !json_is_array(counts))
        return err_set(err, ERR_FORMAT,
                       "document frequencies need \"images\" (1 or more), \"words\" and \"counts\"");
    cap_df *d = *df = df_new((uint32_t)images, err);
    if (!d) return ERR_MEMORY;
    size_t rows = json_array_size(counts);
    d->images = calloc(rows + 1, sizeof *d->images);
    err_code code = d->images ? read_words(d, words, err) : err_no_memory(err, "for document frequencies");
    for (size_t i = 0; i < rows && !code; i++) code = read_row(d, json_array_get(counts, i), i, err);
    if (code) cap_df_free(df);
    return code;
}
