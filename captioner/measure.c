/* Language models: how likely texts are that others wrote. */
#include <math.h>
#include <string.h>

#include "captioner/lines.h"
#include "captioner/net/decoder_row.h"
#include "captioner/search/force.h"
#include "captioner/session.h"
#include "src/base/text.h"

/* Lines that go through a net together, and how many numbers their logits may be. */
enum { GROUP_LINES = 256, GROUP_LOGITS = 1 << 24 };

/* The lines of one call, those of blanks left out, as "captions" of numbers. */
typedef struct job {
    cap_session *s;
    arena memory;
    ds_encoded lines;
    cap_measured sums;
} job;

static err_code no_memory(error *err)
{
    return err_no_memory(err, "while measuring");
}

/* ---- reading ---- */

static int64_t count_points(const char *utf8)
{
    int64_t n = 0;
    for (const char *end = utf8 + strlen(utf8); utf8 < end; n++) text_utf8_next(&utf8, end);
    return n;
}

static err_code read_lines(job *j, const char *const *lines, int count, cap_line *read, int *kept, error *err)
{
    *kept = 0;
    for (int i = 0; i < count; i++) {
        error reason = {0};
        cap_line *l = &read[*kept];
        err_code code =
            cap_line_read(j->s->model->target, lines[i], CAP_MAX_SOURCE, &j->memory, l, &reason, err);
        if (!code && reason.code) code = err_set(err, reason.code, "%s", reason.text);
        if (code) return code;
        if (!l->words) continue;
        j->sums.lines++;
        j->sums.characters += count_points(l->plain) + 1;
        ++*kept;
    }
    return ERR_OK;
}

static err_code gather(job *j, const cap_line *read, int kept, error *err)
{
    int64_t *first = arena_array(&j->memory, (size_t)kept + 1, sizeof *first);
    int32_t *image = arena_array(&j->memory, (size_t)kept + 1, sizeof *image);
    bool *sided = arena_array(&j->memory, (size_t)kept + 1, sizeof *sided);
    if (!first || !image || !sided) return no_memory(err);
    for (int i = 0; i < kept; i++) first[i + 1] = first[i] + read[i].words;
    int32_t *words = arena_array(&j->memory, (size_t)first[kept] + 1, sizeof *words);
    if (!words) return no_memory(err);
    for (int i = 0; i < kept; i++) {
        memcpy(words + first[i], read[i].word, (size_t)read[i].words * sizeof *words);
        image[i] = i;
    }
    j->lines = (ds_encoded){
        .captions = kept, .images = kept, .image = image, .first = first, .words = words, .sided = sided};
    return ERR_OK;
}

/* ---- sums ---- */

/* A line's words and its end, each with its logarithm. */
static void add_line(cap_measured *sums, const int32_t *word, int words, const double *log_p)
{
    for (int i = 0; i <= words; i++) {
        bool unknown = i < words && word[i] == DS_UNK;
        sums->words++;
        sums->unknown += unknown;
        if (!isfinite(log_p[i])) {
            sums->impossible++;
            continue;
        }
        sums->log_probability += log_p[i];
        if (!unknown) sums->log_probability_known += log_p[i];
    }
}

static const int32_t *words_of(const ds_encoded *e, int line, int *words)
{
    *words = (int)(e->first[line + 1] - e->first[line]);
    return e->words + e->first[line];
}

/* ---- a decoder that counted ---- */

static err_code look_up(job *j, error *err)
{
    const cap_decoder *d = &j->s->model->decoder;
    int32_t sentence[CAP_MAX_SOURCE + 1];
    double log_p[CAP_MAX_SOURCE + 1];
    (void)err;
    for (int i = 0; i < j->lines.captions; i++) {
        int words;
        const int32_t *word = words_of(&j->lines, i, &words);
        memcpy(sentence, word, (size_t)words * sizeof *word);
        sentence[words] = DS_END;
        d->config.row->judge(d, sentence, words + 1, log_p);
        add_line(&j->sums, word, words, log_p);
    }
    return ERR_OK;
}

/* ---- a net ---- */

static err_code run_batch(job *j, const ds_plan *plan, int at, error *err)
{
    arena results = {0};
    ds_batch b;
    cap_memory m = {0};
    nn_tape tape = cap_session_begin(j->s);
    err_code code = ds_plan_batch(plan, at, &results, &b, err);
    double *log_p = code ? NULL : arena_array(&results, (size_t)b.rows * (size_t)b.max_len, sizeof *log_p);
    if (!code && !log_p) code = no_memory(err);
    if (!code) code = cap_session_remember(j->s, &tape, &(cap_encoded){.memories = b.rows}, &m, err);
    if (!code) code = cap_force_batch(&tape, &j->s->model->decoder, &m, &b, log_p, err);
    for (int r = 0; !code && r < b.rows; r++) {
        int words;
        const int32_t *word = words_of(&j->lines, b.caption[r], &words);
        add_line(&j->sums, word, words, log_p + (size_t)r * (size_t)b.max_len);
    }
    arena_release(&results);
    return code;
}

/* As many lines at once as their logits have room, one at the least. */
static int lines_at_once(const job *j)
{
    int longest = 0, words;
    for (int i = 0; i < j->lines.captions; i++) {
        words_of(&j->lines, i, &words);
        longest = words > longest ? words : longest;
    }
    int64_t of_line = ((int64_t)longest + 1) * j->s->model->decoder.config.vocabulary;
    int64_t lines = GROUP_LOGITS / of_line;
    return lines < 1 ? 1 : lines > GROUP_LINES ? GROUP_LINES : (int)lines;
}

static err_code run_net(job *j, error *err)
{
    ds_plan *plan = NULL;
    ds_plan_settings p = {.batch = lines_at_once(j)};
    err_code code = ds_plan_create(&j->lines, &p, &plan, err);
    int batches = code ? 0 : ds_plan_batches(plan);
    for (int i = 0; i < batches && !code; i++) code = run_batch(j, plan, i, err);
    ds_plan_free(&plan);
    return code;
}

cap_code cap_measure(cap_session *s, const char *const *lines, int count, cap_measured *sums, cap_error *err)
{
    job j = {.s = s, .sums = *sums};
    int kept = 0;
    err_code code = cap_model_need(s->model, CAP_NOTHING, NULL, err);
    cap_line *read = code ? NULL : arena_array(&j.memory, (size_t)count + 1, sizeof *read);
    if (!code) code = read ? read_lines(&j, lines, count, read, &kept, err) : no_memory(err);
    if (!code) code = gather(&j, read, kept, err);
    if (!code && kept) code = s->model->decoder.config.row->judge ? look_up(&j, err) : run_net(&j, err);
    if (!code) *sums = j.sums;
    arena_release(&j.memory);
    return code;
}
