#include "captioner/score/ngrams.h"

#include "src/base/list.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 1024, MOST = 1 << 30 };

void cap_ngrams_release(cap_ngrams *g)
{
    free(g->words);
    free(g->nodes);
    free(g->word_slots);
    free(g->node_slots);
    arena_release(&g->text);
    *g = (cap_ngrams){0};
}

/* FNV-1a with a final mix, because slots are taken from the low bits */
static uint32_t hash_text(const char *s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return (uint32_t)(h ^ h >> 32);
}

static uint32_t hash_pair(uint32_t a, uint32_t b)
{
    uint64_t h = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    return (uint32_t)(h ^ h >> 32);
}

static uint32_t *word_slot(const cap_ngrams *g, const char *spelling)
{
    uint32_t mask = g->word_slot_count - 1, i = hash_text(spelling) & mask;
    while (g->word_slots[i] && strcmp(g->words[g->word_slots[i] - 1], spelling)) i = (i + 1) & mask;
    return &g->word_slots[i];
}

static uint32_t *node_slot(const cap_ngrams *g, uint32_t parent, uint32_t word)
{
    uint32_t mask = g->node_slot_count - 1, i = hash_pair(parent, word) & mask;
    for (; g->node_slots[i]; i = (i + 1) & mask) {
        const cap_ngram_node *n = &g->nodes[g->node_slots[i] - 1];
        if (n->parent == parent && n->word == word) break;
    }
    return &g->node_slots[i];
}

/* A table of twice the slots, empty, when half are taken; the caller fills it again. */
static bool grow_slots(uint32_t **slots, uint32_t *slot_count, uint32_t count, bool *moved)
{
    *moved = false;
    if (2 * (uint64_t)count < *slot_count) return true;
    uint32_t larger = *slot_count ? 2 * *slot_count : FIRST_SLOTS;
    uint32_t *fresh = calloc(larger, sizeof *fresh);
    if (!fresh) return false;
    free(*slots);
    *slots = fresh;
    *slot_count = larger;
    *moved = true;
    return true;
}

static bool room_for_word(cap_ngrams *g)
{
    bool moved = false;
    if (!LIST_ROOM(g->words, g->word_count, 1, g->word_capacity)) return false;
    if (!grow_slots(&g->word_slots, &g->word_slot_count, g->word_count + 1, &moved)) return false;
    for (uint32_t i = 0; moved && i < g->word_count; i++) *word_slot(g, g->words[i]) = i + 1;
    return true;
}

static bool room_for_node(cap_ngrams *g)
{
    bool moved = false;
    if (!LIST_ROOM(g->nodes, g->node_count, 1, g->node_capacity)) return false;
    if (!grow_slots(&g->node_slots, &g->node_slot_count, g->node_count + 1, &moved)) return false;
    if (!g->node_count) g->nodes[g->node_count++] = (cap_ngram_node){CAP_NOT_THERE, CAP_NOT_THERE};
    for (uint32_t i = 1; moved && i < g->node_count; i++)
        *node_slot(g, g->nodes[i].parent, g->nodes[i].word) = i + 1;
    return true;
}

err_code cap_ngrams_word(cap_ngrams *g, const char *spelling, uint32_t *word, error *err)
{
    uint32_t known = cap_ngrams_find_word(g, spelling);
    if (known != CAP_NOT_THERE) {
        *word = known;
        return ERR_OK;
    }
    if (g->word_count >= MOST) return err_set(err, ERR_LIMIT, "more than %d different words", MOST);
    char *copy = room_for_word(g) ? arena_strdup(&g->text, spelling) : NULL;
    if (!copy) return err_no_memory(err, "for the vocabulary of the captions");
    uint32_t *slot = word_slot(g, spelling);
    *word = g->word_count;
    g->words[g->word_count++] = copy;
    *slot = g->word_count;
    return ERR_OK;
}

err_code cap_ngrams_step(cap_ngrams *g, uint32_t node, uint32_t word, uint32_t *next, error *err)
{
    if (g->node_count >= MOST) return err_set(err, ERR_LIMIT, "more than %d different word sequences", MOST);
    if (!room_for_node(g)) return err_no_memory(err, "for the word sequences of the captions");
    uint32_t *slot = node_slot(g, node, word);
    if (!*slot) {
        g->nodes[g->node_count++] = (cap_ngram_node){node, word};
        *slot = g->node_count;
    }
    *next = *slot - 1;
    return ERR_OK;
}

uint32_t cap_ngrams_find_word(const cap_ngrams *g, const char *spelling)
{
    return g->word_slot_count ? *word_slot(g, spelling) - 1 : CAP_NOT_THERE;
}

uint32_t cap_ngrams_find_step(const cap_ngrams *g, uint32_t node, uint32_t word)
{
    bool known = g->node_slot_count && node != CAP_NOT_THERE && word != CAP_NOT_THERE;
    return known ? *node_slot(g, node, word) - 1 : CAP_NOT_THERE;
}
