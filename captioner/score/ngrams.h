/* Words and word sequences as small integers.
 *
 * Words are interned: the same spelling always gives the same id, 0, 1, 2, ... in order of first sight.
 * Sequences are nodes of one trie: node 0 is the empty sequence, and a step along a word leads to the longer
 * sequence's node. Nodes are numbered in order of creation, so a parent's number is below its children's.
 * Equal sequences have equal nodes: no hash of a sequence is ever taken for the sequence itself.
 *
 *     cap_ngrams g = {0};                              zeroed is empty and ready
 *     cap_ngrams_word(&g, "cat", &word, &err);
 *     cap_ngrams_step(&g, CAP_NO_WORDS, word, &node, &err);
 *     cap_ngrams_release(&g); */
#ifndef CAPTIONER_NGRAMS_H
#define CAPTIONER_NGRAMS_H

#include <stdint.h>

#include "src/base/arena.h"
#include "src/base/error.h"

enum { CAP_NO_WORDS = 0 };           /* the node of the empty sequence */
#define CAP_NOT_THERE ((uint32_t)-1) /* answer of the two find functions */

typedef struct cap_ngram_node {
    uint32_t parent, word;
} cap_ngram_node;

typedef struct cap_ngrams {
    char **words;          /* [word_count] spellings */
    cap_ngram_node *nodes; /* [node_count]; nodes[0] is the empty sequence */
    uint32_t word_count, node_count;
    /* private */
    uint32_t *word_slots, *node_slots; /* open addressing, sizes are powers of two, a slot holds id + 1 */
    uint32_t word_slot_count, node_slot_count;
    int64_t word_capacity, node_capacity;
    arena text;
} cap_ngrams;

void cap_ngrams_release(cap_ngrams *g);

/* Adds what is not there yet. ERR_MEMORY; ERR_LIMIT beyond 2^30 words or nodes. */
err_code cap_ngrams_word(cap_ngrams *g, const char *spelling, uint32_t *word, error *err);
err_code cap_ngrams_step(cap_ngrams *g, uint32_t node, uint32_t word, uint32_t *next, error *err);

/* CAP_NOT_THERE where the word or the sequence is unknown; CAP_NOT_THERE may be passed on as node or word. */
uint32_t cap_ngrams_find_word(const cap_ngrams *g, const char *spelling);
uint32_t cap_ngrams_find_step(const cap_ngrams *g, uint32_t node, uint32_t word);

#endif
