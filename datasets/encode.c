#include "datasets/encode.h"

#include "datasets/tokenise.h"
#include "src/base/list.h"

#include <stdlib.h>
#include <string.h>

static const char while_numbering[] = "while numbering the words of the captions";

static err_code count_words(const ds_tokens *t, ds_counter *counter, error *err)
{
    err_code code = ERR_OK;
    for (int32_t i = 0; i < t->count && !code; i++) code = ds_counter_add(counter, t->word[i], 1, err);
    return code;
}

err_code ds_count_captions(const ds_captions *captions, ds_counter *counter, error *err)
{
    arena scratch = {0};
    err_code code = ERR_OK;
    for (int32_t i = 0; i < captions->captions && !code; i++) {
        ds_tokens t;
        arena_reset(&scratch);
        code = ds_tokenise(captions->caption[i].text, &scratch, &t, err);
        if (!code) code = count_words(&t, counter, err);
    }
    arena_release(&scratch);
    return code;
}

/* The arrays while they are filled; words grows, the others have their size from the start. */
typedef struct encoder {
    const ds_vocab *vocab;
    int32_t *image, *words;
    int64_t *first;
    bool *sided;
    int64_t count, capacity, unknown;
} encoder;

static err_code add_words(encoder *e, const ds_tokens *t, error *err)
{
    if (!LIST_ROOM(e->words, e->count, t->count, e->capacity)) return err_no_memory(err, while_numbering);
    for (int32_t i = 0; i < t->count; i++) {
        int32_t id = ds_vocab_id(e->vocab, t->word[i]);
        e->words[e->count++] = id;
        e->unknown += id == DS_UNK;
    }
    return ERR_OK;
}

static err_code encode_all(encoder *e, const ds_captions *captions, error *err)
{
    arena scratch = {0};
    err_code code = ERR_OK;
    for (int32_t i = 0; i < captions->captions && !code; i++) {
        const ds_caption *caption = &captions->caption[i];
        ds_tokens t;
        arena_reset(&scratch);
        code = ds_tokenise(caption->text, &scratch, &t, err);
        if (!code) code = add_words(e, &t, err);
        if (code) break;
        e->image[i] = caption->image;
        e->first[i + 1] = e->count;
        if (ds_says_side(t.word, t.count)) e->sided[caption->image] = true;
    }
    arena_release(&scratch);
    return code;
}

err_code ds_encode_captions(const ds_captions *captions, const ds_vocab *vocab, arena *memory,
                            ds_encoded *out, error *err)
{
    size_t count = captions->captions;
    encoder e = {.vocab = vocab};
    *out = (ds_encoded){0};
    e.image = arena_array(memory, count, sizeof *e.image);
    e.first = arena_array(memory, count + 1, sizeof *e.first);
    e.sided = arena_array(memory, captions->images, sizeof *e.sided);
    if (!e.image || !e.first || !e.sided) return err_no_memory(err, while_numbering);
    err_code code = encode_all(&e, captions, err);
    int32_t *words = code ? NULL : arena_array(memory, e.count, sizeof *words);
    if (words && e.count) memcpy(words, e.words, e.count * sizeof *words);
    free(e.words);
    if (code) return code;
    if (!words) return err_no_memory(err, while_numbering);
    *out = (ds_encoded){.captions = captions->captions,
                        .images = captions->images,
                        .image = e.image,
                        .first = e.first,
                        .words = words,
                        .sided = e.sided,
                        .unknown = e.unknown};
    return ERR_OK;
}
