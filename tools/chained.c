#include "tools/chained.h"

#include <string.h>

#include "tools/print.h"

chained chained_defaults(void)
{
    return (chained){.use = model_use_defaults()};
}

/* Letters, digits and hyphens, as BCP 47 has them. */
const char *chained_problem(const chained *c)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    if (!c->lang) return NULL;
    if (!c->use.path) return "--lang needs --translator FILE, a model that translates into it";
    size_t n = strlen(c->lang);
    return n >= 2 && n <= 35 && strspn(c->lang, letters) == n ? NULL : "--lang is a code like de or pt-BR";
}

err_code chained_open(chained *c, bool looks, error *err)
{
    cap_info info;
    const cap_request request = cap_request_defaults(CAP_LINES);
    err_code code = c->use.path ? model_use_open(&c->use, CAP_LINES, &request, err) : ERR_OK;
    if (code || !c->use.path || !looks) return code;
    cap_get_info(c->use.model, &info);
    if (info.attends) return ERR_OK;
    return err_set(err, ERR_MISMATCH, "'%.200s' attends to nothing, so nothing says where its words look",
                   c->use.path);
}

void chained_close(chained *c)
{
    model_use_close(&c->use);
}

err_code chained_put(chained *c, cap_description *d, int n, error *errors, error *err)
{
    if (!c->use.path) return ERR_OK;
    return cap_chain(c->use.session, c->alt_text, d, n, c->source, errors, err);
}

void chained_show(chained *c, int i)
{
    c->shown = c->use.path ? &c->source[i] : NULL;
}

void chained_put_json(const chained *c, const cap_description *d, io_json_build *b)
{
    const cap_chained *s = c->shown;
    if (!s) return;
    if (c->lang) io_json_put_string(b, b->root, "lang", c->lang);
    json_t *source = io_json_put_object(b, b->root, "source");
    io_json_put_string(b, source, "caption", s->said.sentence);
    io_json_put(b, source, "words", json_words(s->said.word, s->said.probability, s->said.words));
    if (!s->alignment) return;
    json_t *list = io_json_put_array(b, b->root, "alignment");
    size_t words = (size_t)s->said.words;
    for (size_t i = 0; i < (size_t)d->best.words; i++)
        io_json_put_floats(b, list, NULL, s->alignment + i * words, words);
}
