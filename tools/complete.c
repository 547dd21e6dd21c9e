/* caption complete: a language model goes on from the beginning of a text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/io/json_build.h"
#include "tools/decoding.h"
#include "tools/lines.h"
#include "tools/model_use.h"
#include "tools/print.h"
#include "tools/verbs.h"

typedef struct request {
    model_use use;
    decoding decoding;
    int top;
    bool json;
    int64_t failed;
} request;

/* ---- output ---- */

static void put_alternative(io_json_build *b, json_t *o, const cap_alternative *a)
{
    io_json_put_string(b, o, "completion", a->sentence);
    io_json_put_strings(b, o, "words", a->word, a->words);
    io_json_put_floats(b, o, "probability", a->probability, a->words);
    io_json_put_number(b, o, "log_probability", a->log_probability);
    io_json_put_number(b, o, "score", a->score);
    io_json_put_number(b, o, "confidence", a->confidence);
}

static void put_next(io_json_build *b, const cap_completion *c)
{
    json_t *list = io_json_put_array(b, b->root, "next");
    for (int i = 0; i < c->nexts; i++) {
        json_t *o = io_json_put_object(b, list, NULL);
        io_json_put_string(b, o, "word", c->next[i].word);
        io_json_put_number(b, o, "probability", exp(c->next[i].log_probability));
    }
}

static bool print_json(const request *q, const cap_completion *c)
{
    io_json_build b = io_json_build_object();
    io_json_put_string(&b, b.root, "beginning", c->beginning);
    io_json_put_int(&b, b.root, "given", c->given);
    io_json_put_int(&b, b.root, "unknown", c->unknown);
    if (q->top) {
        put_next(&b, c);
        return print_json_built(stdout, &b);
    }
    io_json_put_string(&b, b.root, "text", c->text);
    put_alternative(&b, b.root, &c->best);
    json_t *list = q->decoding.n_best ? io_json_put_array(&b, b.root, "n_best") : NULL;
    for (int i = 0; list && i < c->alternatives; i++)
        put_alternative(&b, io_json_put_object(&b, list, NULL), &c->alternative[i]);
    return print_json_built(stdout, &b);
}

static void print_table(const cap_completion *c)
{
    for (int i = 0; i < c->nexts; i++) {
        printf("%8.4f %%  ", 100 * exp(c->next[i].log_probability));
        print_escaped(stdout, c->next[i].label);
        putchar('\n');
    }
}

static void print_text(const request *q, const cap_completion *c)
{
    for (int i = 0; i < (q->decoding.n_best ? c->alternatives : 1); i++) {
        if (q->decoding.n_best) printf("%d\t%.6f\t", i + 1, c->alternative[i].score);
        print_escaped(stdout, c->beginning);
        print_escaped(stdout, c->alternative[i].sentence);
        putchar('\n');
    }
}

static err_code show(const request *q, const cap_completion *c, error *err)
{
    if (q->json) return print_json(q, c) ? ERR_OK : err_no_memory(err, "while printing");
    if (q->top)
        print_table(c);
    else
        print_text(q, c);
    return ERR_OK;
}

/* ---- beginnings ---- */

/* One that cannot be gone on from is named and passed over. */
static err_code complete(request *q, const char *beginning, error *err)
{
    cap_completion c;
    error reason = {0};
    err_code code = cap_complete(q->use.session, &q->decoding.request, beginning, q->top, &c, &reason);
    if (code == ERR_MEMORY) return err_set(err, code, "%s", reason.text);
    if (code) {
        ui_say("'%.60s': %s", beginning, reason.text);
        q->failed++;
        return ERR_OK;
    }
    code = show(q, &c, err);
    cap_completion_release(&c);
    return code;
}

static err_code complete_lines(request *q, error *err)
{
    line_reader in = {.fd = STDIN_FILENO, .name = "standard input"};
    read_line line;
    err_code code;
    while (!(code = lines_next(&in, &line, err)) && line.text) {
        if (line.too_long || line.has_zero) {
            ui_say("line %lld: %s", (long long)line.number,
                   line.too_long ? "too long to go on from" : "a zero byte is no text");
            q->failed++;
            continue;
        }
        code = complete(q, line.text, err);
        if (code || fflush(stdout)) break; /* whether the output took everything is checked at the end */
    }
    lines_release(&in);
    return code;
}

static int run(request *q, char **beginnings, int count)
{
    error err = {0};
    err_code code = model_use_open(&q->use, CAP_BEGINNINGS, &q->decoding.request, &err);
    for (int i = 0; i < count && !code; i++) code = complete(q, beginnings[i], &err);
    if (!code && !count) code = complete_lines(q, &err);
    model_use_close(&q->use);
    if (code) return verb_fail(&err);
    return q->failed ? VERB_FAILED : VERB_DONE;
}

static const char about[] =
    "Goes on from the beginnings of texts with a language model that 'caption train --text' made: prints "
    "each with "
    "what the model finds the likeliest continuation. Without TEXT the beginnings are the lines of standard "
    "input; an "
    "empty one is the start of a text. With --top a table of the next words takes the place of the "
    "continuation: <end> "
    "is the end of the text.";

static const char examples[] =
    "caption complete --model lm.safetensors \"a dog runs\"\n"
    "caption complete --model lm.safetensors --top 10 \"a dog\"\n"
    "caption complete --model lm.safetensors --decode sample --temperature 0.8 --n-best 5 \"two\"\n"
    "caption complete --model lm.safetensors --json < beginnings.txt\n";

int verb_complete(int argc, char **argv)
{
    request q = {.use = model_use_defaults(), .decoding = decoding_defaults(CAP_BEGINNINGS)};
    const opt options[] = {
        {"Model", .kind = OPT_GROUP},
        {"model", 'm', OPT_INPUT, "FILE", &q.use.path,
         .help = "the language model; there is no built-in one"},
        {"threads", 't', OPT_INT, "N", &q.use.threads, 0, 1024, "0: one per CPU"},
        PRECISION_OPTION(q.use.precision),
        DECODING_OPTIONS(q.decoding),
        {"Output", .kind = OPT_GROUP},
        {"top", .kind = OPT_INT, .metavar = "N", .value = &q.top, .max = 1 << 22,
         .help = "print the N likeliest next words with their probabilities; 0: go on with the text"},
        {"json", 'j', OPT_FLAG, .value = &q.json,
         .help = "one JSON object a text: beginning, given (its words), unknown (of them, to the model), and "
                 "text, "
                 "completion, words, probability [words], log_probability, score, confidence, with --n-best "
                 "all of "
                 "them; with --top next, a list of word and probability"},
        {0},
    };
    const opt_command command = {.verb = "complete",
                                 .operands = "[TEXT...]",
                                 .operands_max = OPT_ANY,
                                 .about = about,
                                 .options = options,
                                 .examples = examples};
    int verdict;
    error err = {0};
    if (!verb_begin(&command, &argc, argv, &verdict)) return verdict;
    if (!q.use.path) return verb_misuse(&command, "no model given with --model");
    if (q.top && q.decoding.n_best)
        return verb_misuse(&command, "--top prints words and --n-best texts: one of them will do");
    if (decoding_apply(&q.decoding, &err)) return verb_misuse(&command, err.text);
    return run(&q, argv + 1, argc - 1);
}
