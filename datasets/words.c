#include "datasets/words.h"

#include "src/base/list.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 1024, MOST_WORDS = 1 << 28 };

/* FNV-1a, finished with a mix so that the low bits, which choose the slot, depend on every byte. */
static uint32_t hash_text(const char *text)
{
    uint32_t h = 2166136261u;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) h = (h ^ *p) * 16777619u;
    h ^= h >> 16;
    h *= 0x7feb352du;
    return h ^ h >> 15;
}

/* The slot that holds the word, or the free slot where it belongs. */
static uint32_t slot_of(const ds_words *w, const char *text, uint32_t hash)
{
    uint32_t i = hash & (w->slots - 1);
    for (; w->slot[i]; i = (i + 1) & (w->slots - 1)) {
        const ds_word *word = &w->item[w->slot[i] - 1];
        if (word->hash == hash && !strcmp(word->text, text)) break;
    }
    return i;
}

int32_t ds_words_find(const ds_words *w, const char *text)
{
    return w->slots ? w->slot[slot_of(w, text, hash_text(text))] - 1 : -1;
}

static int grow_slots(ds_words *w)
{
    uint32_t slots = w->slots ? 2 * w->slots : FIRST_SLOTS;
    int32_t *slot = calloc(slots, sizeof *slot);
    if (!slot) return -1;
    for (int32_t n = 0; n < w->count; n++) {
        uint32_t i = w->item[n].hash & (slots - 1);
        while (slot[i]) i = (i + 1) & (slots - 1);
        slot[i] = n + 1;
    }
    free(w->slot);
    w->slot = slot;
    w->slots = slots;
    return 0;
}

int32_t ds_words_put(ds_words *w, const char *text)
{
    if ((uint64_t)w->count * 4 >= (uint64_t)w->slots * 3 && grow_slots(w)) return -1;
    uint32_t hash = hash_text(text), i = slot_of(w, text, hash);
    if (w->slot[i]) return w->slot[i] - 1;
    if (w->count >= MOST_WORDS) return -1;
    if (!LIST_ROOM(w->item, w->count, 1, w->capacity)) return -1;
    char *copy = strdup(text);
    if (!copy) return -1;
    w->item[w->count] = (ds_word){.text = copy, .hash = hash};
    w->slot[i] = ++w->count;
    return w->count - 1;
}

void ds_words_release(ds_words *w)
{
    for (int32_t i = 0; i < w->count; i++) free(w->item[i].text);
    free(w->item);
    free(w->slot);
    *w = (ds_words){0};
}
