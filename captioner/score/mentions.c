#include "captioner/score/mentions.h"

#include <string.h>

#include "cnn/backbone.h"

/* A vocabulary of the words; captions that hold the name of a special word do not make it one. */
static err_code make_vocab(cap_mentions *m, char *const *word, uint32_t words, error *err)
{
    ds_counter *counter = ds_counter_create();
    err_code code = counter ? ERR_OK : ERR_MEMORY;
    for (uint32_t i = 0; !code && i < words; i++) {
        code = ds_counter_add(counter, word[i], 1, NULL);
        if (code == ERR_ARGUMENT) code = ERR_OK;
    }
    if (!code) code = ds_vocab_build(counter, &(ds_vocab_settings){0}, &m->vocab, NULL);
    ds_counter_free(&counter);
    return code ? err_no_memory(err, "for the names of objects") : ERR_OK;
}

err_code cap_mentions_start(cap_mentions *m, char *const *word, uint32_t words, error *err)
{
    const cnn_backbone_row *of = cnn_detector_find("yolox_nano"); /* its classes are COCO's */
    *m = (cap_mentions){0};
    err_code code = make_vocab(m, word, words, err);
    if (!code)
        code = cap_object_names_create(&m->names, m->vocab, of->class_names, of->classes, &m->memory, err);
    if (code) return code;
    m->number = arena_array(&m->memory, words, sizeof *m->number);
    m->line = arena_array(&m->memory, CAP_SCORE_MAX_WORDS, sizeof *m->line);
    m->votes = arena_array(&m->memory, (size_t)of->classes, sizeof *m->votes);
    m->said = arena_array(&m->memory, (size_t)of->classes, sizeof *m->said);
    if (!m->number || !m->line || !m->votes || !m->said)
        return err_no_memory(err, "for the names of objects");
    for (uint32_t i = 0; i < words; i++) m->number[i] = ds_vocab_id(m->vocab, word[i]);
    return ERR_OK;
}

void cap_mentions_release(cap_mentions *m)
{
    ds_vocab_free(&m->vocab);
    arena_release(&m->memory);
    *m = (cap_mentions){0};
}

/* said[class]: what one caption names. */
static void find_said(cap_mentions *m, const cap_scored *c)
{
    memset(m->said, 0, (size_t)m->names.classes * sizeof *m->said);
    for (uint32_t i = 0; i < c->words; i++) m->line[i] = m->number[c->word[i]];
    cap_object_names_find(&m->names, m->line, (int)c->words, m->said);
}

void cap_mentions_add(cap_mentions *m, const cap_scored *caption, const cap_scored *const *refs, size_t count)
{
    size_t most = count / 2 + 1 > CAP_MENTIONS_LEAST ? count / 2 + 1 : CAP_MENTIONS_LEAST;
    if (count < most) return;
    memset(m->votes, 0, (size_t)m->names.classes * sizeof *m->votes);
    for (size_t r = 0; r < count; r++) {
        find_said(m, refs[r]);
        for (int i = 0; i < m->names.classes; i++) m->votes[i] += m->said[i];
    }
    find_said(m, caption);
    for (int i = 0; i < m->names.classes; i++) {
        bool asked = (size_t)m->votes[i] >= most;
        m->objects += asked;
        m->named += asked && m->said[i];
    }
}
