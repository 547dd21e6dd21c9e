#include "captioner/score/score_caption.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/score/ptb.h"

static err_code number_words(cap_scored *to, cap_ngrams *g, const cap_tokens *t, arena *memory, error *err)
{
    err_code code = ERR_OK;
    to->word = arena_array(memory, t->count, sizeof *to->word);
    if (!to->word) return err_no_memory(err, "for the words of a caption");
    to->words = (uint32_t)t->count;
    for (uint32_t i = 0; i < to->words && !code; i++)
        code = cap_ngrams_word(g, t->token[i], &to->word[i], err);
    return code;
}

static int by_node(const void *a, const void *b)
{
    uint32_t x = ((const cap_term *)a)->node, y = ((const cap_term *)b)->node;
    return (x > y) - (x < y);
}

/* Sorted by node, equal ones made one; returns how many are left. */
static uint32_t merge_terms(cap_term *t, uint32_t count)
{
    uint32_t kept = 0;
    qsort(t, count, sizeof *t, by_node);
    for (uint32_t i = 0; i < count; i++) {
        if (kept && t[kept - 1].node == t[i].node)
            t[kept - 1].count += t[i].count;
        else
            t[kept++] = t[i];
    }
    return kept;
}

void cap_scored_merge(cap_scored *c)
{
    for (int n = 0; n < CAP_NGRAM_MAX; n++)
        c->terms[n] = c->terms[n] ? merge_terms(c->term[n], c->terms[n]) : 0;
}

/* One walk of up to four steps from each word gives its n-grams of every length. */
static err_code read_ngrams(cap_scored *to, cap_ngrams *g, error *err)
{
    for (uint32_t i = 0; i < to->words; i++) {
        uint32_t node = CAP_NO_WORDS;
        for (uint32_t n = 0; n < CAP_NGRAM_MAX && i + n < to->words; n++) {
            err_code code = cap_ngrams_step(g, node, to->word[i + n], &node, err);
            if (code) return code;
            to->term[n][i] = (cap_term){node, 1};
        }
    }
    return ERR_OK;
}

err_code cap_scored_tokens(cap_scored *to, cap_ngrams *g, const cap_tokens *t, arena *memory, error *err)
{
    *to = (cap_scored){0};
    err_code code = number_words(to, g, t, memory, err);
    if (code) return code;
    cap_term *all = arena_array(memory, (size_t)CAP_NGRAM_MAX * to->words, sizeof *all);
    if (!all) return err_no_memory(err, "for the word sequences of a caption");
    for (uint32_t n = 0; n < CAP_NGRAM_MAX; n++) {
        to->term[n] = all + (size_t)n * to->words;
        to->terms[n] = to->words > n ? to->words - n : 0;
    }
    code = read_ngrams(to, g, err);
    if (!code) cap_scored_merge(to);
    return code;
}

err_code cap_scored_read(cap_scored *to, cap_ngrams *g, const char *caption, arena *memory, error *err)
{
    arena scratch = {0};
    cap_tokens t;
    *to = (cap_scored){0};
    err_code code = cap_ptb_tokens(caption, &scratch, &t, err);
    if (!code && t.count > CAP_SCORE_MAX_WORDS)
        code = err_set(err, ERR_LIMIT, "a caption of %zu words: at most %d are scored", t.count,
                       CAP_SCORE_MAX_WORDS);
    if (!code) code = cap_scored_tokens(to, g, &t, memory, err);
    arena_release(&scratch);
    return code;
}

static uint32_t count_of(const cap_scored *c, int n, uint32_t node)
{
    uint32_t low = 0, high = c->terms[n];
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (c->term[n][middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->terms[n] && c->term[n][low].node == node ? c->term[n][low].count : 0;
}

/* ---- BLEU -------------------------------------------------------------------------------------------------
 */

/* The length nearest to the hypothesis'; of two as near, the shorter. */
static uint32_t closest_length(uint32_t words, const cap_scored *const *refs, size_t count)
{
    uint32_t best = refs[0]->words;
    for (size_t i = 1; i < count; i++) {
        uint32_t l = refs[i]->words;
        uint32_t far = l > words ? l - words : words - l,
                 best_far = best > words ? best - words : words - best;
        if (far < best_far || (far == best_far && l < best)) best = l;
    }
    return best;
}

void cap_count_hits(cap_metrics *m, const cap_scored *h, const cap_scored *const *refs, size_t count)
{
    m->hypothesis_words += h->words;
    m->reference_words += closest_length(h->words, refs, count);
    for (int n = 0; n < CAP_NGRAM_MAX; n++) {
        m->guess[n] += (int)h->words > n ? (int)h->words - n : 0;
        for (uint32_t i = 0; i < h->terms[n]; i++) {
            uint32_t most = 0;
            for (size_t r = 0; r < count; r++) {
                uint32_t there = count_of(refs[r], n, h->term[n][i].node);
                if (there > most) most = there;
            }
            m->correct[n] += most < h->term[n][i].count ? most : h->term[n][i].count;
        }
    }
}

void cap_bleu(cap_metrics *m)
{
    const double tiny = 1e-15,
                 small = 1e-9; /* coco-caption's guards against 0; they are part of its figures */
    double ratio = ((double)m->hypothesis_words + tiny) / ((double)m->reference_words + small), product = 1;
    double brevity = ratio < 1 ? exp(1 - 1 / ratio) : 1;
    for (int n = 0; n < CAP_NGRAM_MAX; n++) {
        product *= ((double)m->correct[n] + tiny) / ((double)m->guess[n] + small);
        m->bleu[n] = pow(product, 1.0 / (n + 1)) * brevity;
    }
}

/* ---- ROUGE-L ----------------------------------------------------------------------------------------------
 */

/* Length of the longest common subsequence; row[j] is that of a's words so far and b's first j. */
static uint32_t common(const cap_scored *a, const cap_scored *b, uint32_t *row)
{
    memset(row, 0, (b->words + 1) * sizeof *row);
    for (uint32_t i = 0; i < a->words; i++) {
        uint32_t diagonal = 0; /* row[j] before this round */
        for (uint32_t j = 0; j < b->words; j++) {
            uint32_t above = row[j + 1];
            if (a->word[i] == b->word[j])
                row[j + 1] = diagonal + 1;
            else if (row[j] > above)
                row[j + 1] = row[j];
            diagonal = above;
        }
    }
    return row[b->words];
}

double cap_rouge_l(const cap_scored *h, const cap_scored *const *refs, size_t count, uint32_t *scratch)
{
    const double beta2 = 1.2 * 1.2;
    double precision = 0, recall = 0; /* each the best over the references, not of the same one */
    for (size_t r = 0; r < count; r++) {
        double length = common(h, refs[r], scratch);
        if (length > 0) { /* so neither caption is empty */
            precision = fmax(precision, length / h->words);
            recall = fmax(recall, length / refs[r]->words);
        }
    }
    return precision > 0 ? (1 + beta2) * precision * recall / (recall + beta2 * precision) : 0;
}

/* ---- CIDEr ------------------------------------------------------------------------------------------------
 */

static double norm(const cap_scored *c, int n, const double *idf)
{
    double sum = 0;
    for (uint32_t i = 0; i < c->terms[n]; i++) {
        double weight = c->term[n][i].count * idf[c->term[n][i].node];
        sum += weight * weight;
    }
    return sqrt(sum);
}

typedef struct products {
    double clipped, plain;
} products;

static products inner(const cap_scored *h, const cap_scored *ref, int n, const double *idf)
{
    products p = {0};
    for (uint32_t i = 0; i < h->terms[n]; i++) {
        double weight = idf[h->term[n][i].node];
        double in_h = h->term[n][i].count * weight, in_ref = count_of(ref, n, h->term[n][i].node) * weight;
        p.clipped += fmin(in_h, in_ref) * in_ref;
        p.plain += in_h * in_ref;
    }
    return p;
}

/* coco-caption measures length in bigrams, so no word and one word are alike. */
static double length_factor(const cap_scored *h, const cap_scored *ref)
{
    const double sigma = 6;
    double apart = (h->words ? h->words - 1.0 : 0) - (ref->words ? ref->words - 1.0 : 0);
    return exp(-apart * apart / (2 * sigma * sigma));
}

void cap_cider(const cap_scored *h, const cap_scored *const *refs, size_t count, const double *idf,
               double *clipped, double *plain)
{
    *clipped = *plain = 0;
    for (int n = 0; n < CAP_NGRAM_MAX; n++) {
        double norm_h = norm(h, n, idf);
        for (size_t r = 0; r < count && norm_h > 0; r++) {
            double norms = norm_h * norm(refs[r], n, idf);
            if (norms <= 0) continue;
            products p = inner(h, refs[r], n, idf);
            *clipped += p.clipped / norms * length_factor(h, refs[r]);
            *plain += p.plain / norms;
        }
    }
    *clipped *= 10.0 / CAP_NGRAM_MAX / (double)count;
    *plain *= 10.0 / CAP_NGRAM_MAX / (double)count;
}
