#include "datasets/bpe.h"

#include "datasets/bpe_table.h"
#include "src/base/list.h"
#include "src/base/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- the table of pairs ---- */

static uint32_t slot_of(const pair_table *t, uint64_t key)
{
    uint64_t mixed = key * 0x9E3779B97F4A7C15u;
    uint32_t i = (uint32_t)(mixed >> 32) & (t->slots - 1);
    while (t->value[i] >= 0 && t->key[i] != key) i = (i + 1) & (t->slots - 1);
    return i;
}

int32_t *pair_find(const pair_table *t, uint64_t key)
{
    if (!t->slots) return NULL;
    uint32_t i = slot_of(t, key);
    return t->value[i] >= 0 ? &t->value[i] : NULL;
}

static bool grow_table(pair_table *t)
{
    pair_table big = {.slots = t->slots ? 2 * t->slots : 1024, .count = t->count};
    big.key = malloc(big.slots * sizeof *big.key);
    big.value = malloc(big.slots * sizeof *big.value);
    if (!big.key || !big.value) {
        pair_release(&big);
        return false;
    }
    memset(big.value, 0xff, big.slots * sizeof *big.value);
    for (uint32_t i = 0; i < t->slots; i++) {
        if (t->value[i] < 0) continue;
        uint32_t at = slot_of(&big, t->key[i]);
        big.key[at] = t->key[i];
        big.value[at] = t->value[i];
    }
    pair_release(t);
    *t = big;
    return true;
}

bool pair_put(pair_table *t, uint64_t key, int32_t value)
{
    if ((uint64_t)t->count * 4 >= (uint64_t)t->slots * 3 && !grow_table(t)) return false;
    uint32_t i = slot_of(t, key);
    t->key[i] = key;
    t->value[i] = value;
    t->count++;
    return true;
}

void pair_release(pair_table *t)
{
    free(t->key);
    free(t->value);
    *t = (pair_table){0};
}

/* ---- symbols and merges ---- */

ds_bpe *ds_bpe_create(void)
{
    return calloc(1, sizeof(ds_bpe));
}

void ds_bpe_free(ds_bpe **b)
{
    if (!*b) return;
    ds_words_release(&(*b)->symbols);
    pair_release(&(*b)->ranks);
    free((*b)->made_by);
    free((*b)->merge);
    free(*b);
    *b = NULL;
}

int32_t ds_bpe_symbol(ds_bpe *b, const char *symbol)
{
    int64_t had = b->made_capacity;
    if (!LIST_ROOM(b->made_by, b->symbols.count, 1, b->made_capacity)) return -1;
    memset(b->made_by + had, 0, (b->made_capacity - had) * sizeof *b->made_by);
    return ds_words_put(&b->symbols, symbol);
}

static int32_t join_symbols(ds_bpe *b, int32_t left, int32_t right)
{
    text joined = {0};
    text_append(&joined, b->symbols.item[left].text);
    text_append(&joined, b->symbols.item[right].text);
    int32_t whole = joined.failed ? -1 : ds_bpe_symbol(b, text_string(&joined));
    text_release(&joined);
    return whole;
}

int32_t bpe_append(ds_bpe *b, int32_t left, int32_t right)
{
    if (!LIST_ROOM(b->merge, b->merges, 1, b->capacity)) return -1;
    int32_t whole = join_symbols(b, left, right);
    if (whole < 0 || !pair_put(&b->ranks, pair_key(left, right), b->merges)) return -1;
    b->merge[b->merges++] = (ds_merge){left, right, whole};
    if (!b->made_by[whole]) b->made_by[whole] = b->merges;
    return whole;
}

err_code ds_bpe_merge(ds_bpe *b, const char *left, const char *right, error *err)
{
    int32_t l = ds_bpe_symbol(b, left), r = ds_bpe_symbol(b, right);
    if (l >= 0 && r >= 0 && pair_find(&b->ranks, pair_key(l, r)))
        return err_set(err, ERR_FORMAT, "the merge of '%.40s' and '%.40s' is there twice", left, right);
    if (l < 0 || r < 0 || bpe_append(b, l, r) < 0)
        return err_no_memory(err, "while reading the merges of byte-pair encoding");
    return ERR_OK;
}

int32_t ds_bpe_merges(const ds_bpe *b)
{
    return b->merges;
}

const ds_merge *ds_bpe_merge_at(const ds_bpe *b, int32_t rank)
{
    return &b->merge[rank];
}

int32_t ds_bpe_symbols(const ds_bpe *b)
{
    return b->symbols.count;
}

const char *ds_bpe_text(const ds_bpe *b, int32_t symbol)
{
    return b->symbols.item[symbol].text;
}

const ds_merge *ds_bpe_made_by(const ds_bpe *b, int32_t symbol)
{
    return b->made_by[symbol] ? &b->merge[b->made_by[symbol] - 1] : NULL;
}

/* ---- spelling ---- */

int32_t bpe_points(ds_bpe *add, const ds_bpe *b, const char *word, int32_t symbols[DS_BPE_SYMBOLS])
{
    const char *s = word, *end = word + strlen(word);
    int32_t count = 0;
    while (s < end && count < DS_BPE_SYMBOLS) {
        char point[5] = {0};
        const char *from = s;
        text_utf8_next(&s, end);
        memcpy(point, from, (s - from));
        symbols[count] = add ? ds_bpe_symbol(add, point) : ds_words_find(&b->symbols, point);
        if (add && symbols[count] < 0) return -1;
        count++;
    }
    return count;
}

/* The neighbours with the earliest merge; count when none has one. */
static int32_t best_pair(const ds_bpe *b, const int32_t *symbols, int32_t count, int32_t *rank)
{
    int32_t best = count;
    for (int32_t i = 0; i + 1 < count; i++) {
        if (symbols[i] < 0 || symbols[i + 1] < 0) continue;
        const int32_t *found = pair_find(&b->ranks, pair_key(symbols[i], symbols[i + 1]));
        if (!found || (best < count && *found >= *rank)) continue;
        best = i;
        *rank = *found;
    }
    return best;
}

int32_t ds_bpe_spell(const ds_bpe *b, const char *word, int32_t symbols[DS_BPE_SYMBOLS])
{
    int32_t count = bpe_points(NULL, b, word, symbols), rank = 0, at;
    while ((at = best_pair(b, symbols, count, &rank)) < count) {
        symbols[at] = b->merge[rank].whole;
        memmove(symbols + at + 1, symbols + at + 2, (count - at - 2) * sizeof *symbols);
        count--;
    }
    return count;
}
