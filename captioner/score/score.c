#include "captioner/score/score.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "captioner/score/mentions.h"
#include "captioner/score/score_caption.h"
#include "src/base/list.h"

enum { NONE = UINT32_MAX };

typedef struct image_entry {
    int64_t id;
    uint32_t first, last; /* references: list through reference.next */
    uint32_t references;
    uint32_t hypothesis; /* or NONE */
} image_entry;

typedef struct reference {
    cap_scored of;
    uint32_t next; /* of the same image, or NONE */
} reference;

typedef struct hypothesis {
    cap_scored of;
    const char *caption; /* as given */
    uint32_t image;
} hypothesis;

/* An array of `count` items that grows by doubling. */
#define LIST(type)                                                                                           \
    struct {                                                                                                 \
        type *item;                                                                                          \
        uint32_t count;                                                                                      \
        int64_t capacity;                                                                                    \
    }

struct cap_scorer {
    cap_ngrams ngrams;    /* words and n-grams of all captions */
    cap_ngrams sentences; /* whole captions as sequences of ngrams' words */
    cap_ngrams ids;       /* image ids as spelled; the word's number is the image's place in `images` */
    LIST(image_entry) images;
    LIST(reference) references;
    LIST(hypothesis) hypotheses;
    LIST(uint32_t) training; /* nodes of `sentences` */
    arena captions;          /* lives as long as the scorer */
    cap_image_scores *result;
};

/* What one run needs besides the captions. */
typedef struct bench {
    double *idf;             /* [ngrams.node_count] */
    const cap_scored **refs; /* [most references of an image] */
    uint32_t *row;           /* [CAP_SCORE_MAX_WORDS + 1] */
    unsigned char *flag;     /* [sentences.node_count] */
    bool *word_used;         /* [ngrams.word_count] */
    cap_mentions mentions;
} bench;

enum { TRAINED = 1, SEEN = 2 }; /* bits of bench.flag */

static const char while_scoring[] = "while scoring captions";

/* Makes room for one more item: false when memory is out. The list stays whole either way. */
#define ROOM_IN(list) LIST_ROOM((list).item, (list).count, 1, (list).capacity)

err_code cap_scorer_create(cap_scorer **s, error *err)
{
    *s = calloc(1, sizeof **s);
    return *s ? ERR_OK : err_no_memory(err, while_scoring);
}

void cap_scorer_free(cap_scorer **s)
{
    cap_scorer *x = *s;
    if (!x) return;
    cap_ngrams_release(&x->ngrams);
    cap_ngrams_release(&x->sentences);
    cap_ngrams_release(&x->ids);
    free(x->images.item);
    free(x->references.item);
    free(x->hypotheses.item);
    free(x->training.item);
    free(x->result);
    arena_release(&x->captions);
    free(x);
    *s = NULL;
}

/* ---- adding captions --------------------------------------------------------------------------------------
 */

static void spell_id(char text[24], int64_t id)
{
    snprintf(text, 24, "%" PRId64, id);
}

static image_entry *find_image(cap_scorer *s, int64_t id)
{
    char spelled[24];
    spell_id(spelled, id);
    uint32_t i = cap_ngrams_find_word(&s->ids, spelled);
    return i == CAP_NOT_THERE ? NULL : &s->images.item[i];
}

static err_code find_or_add_image(cap_scorer *s, int64_t id, image_entry **image, error *err)
{
    char spelled[24];
    uint32_t i;
    spell_id(spelled, id);
    if (!ROOM_IN(s->images)) return err_no_memory(err, while_scoring);
    err_code code = cap_ngrams_word(&s->ids, spelled, &i, err);
    if (code) return code;
    if (i == s->images.count) s->images.item[s->images.count++] = (image_entry){id, NONE, NONE, 0, NONE};
    *image = &s->images.item[i];
    return ERR_OK;
}

err_code cap_scorer_add_reference(cap_scorer *s, int64_t image, const char *caption, error *err)
{
    image_entry *entry = NULL;
    if (!ROOM_IN(s->references)) return err_no_memory(err, while_scoring);
    reference *r = &s->references.item[s->references.count];
    err_code code = cap_scored_read(&r->of, &s->ngrams, caption, &s->captions, err);
    if (!code) code = find_or_add_image(s, image, &entry, err);
    if (code) return code;
    r->next = NONE;
    if (entry->first == NONE)
        entry->first = s->references.count;
    else
        s->references.item[entry->last].next = s->references.count;
    entry->last = s->references.count++;
    entry->references++;
    return ERR_OK;
}

err_code cap_scorer_add_hypothesis(cap_scorer *s, int64_t image, const char *caption, error *err)
{
    image_entry *entry = find_image(s, image);
    if (!entry) return err_set(err, ERR_MISSING, "image %" PRId64 " has no reference captions", image);
    if (entry->hypothesis != NONE)
        return err_set(err, ERR_ARGUMENT, "image %" PRId64 " has more than one caption to score", image);
    if (!ROOM_IN(s->hypotheses)) return err_no_memory(err, while_scoring);
    hypothesis *h = &s->hypotheses.item[s->hypotheses.count];
    err_code code = cap_scored_read(&h->of, &s->ngrams, caption, &s->captions, err);
    if (code) return code;
    h->caption = arena_strdup(&s->captions, caption);
    if (!h->caption) return err_no_memory(err, while_scoring);
    h->image = (uint32_t)(entry - s->images.item);
    entry->hypothesis = s->hypotheses.count++;
    return ERR_OK;
}

static err_code sentence_node(cap_scorer *s, const cap_scored *c, uint32_t *node, error *err)
{
    err_code code = ERR_OK;
    *node = CAP_NO_WORDS;
    for (uint32_t i = 0; i < c->words && !code; i++)
        code = cap_ngrams_step(&s->sentences, *node, c->word[i], node, err);
    return code;
}

err_code cap_scorer_add_training(cap_scorer *s, const char *caption, error *err)
{
    cap_scored c;
    uint32_t node;
    if (!ROOM_IN(s->training)) return err_no_memory(err, while_scoring);
    arena_mark before = arena_save(&s->captions);
    err_code code = cap_scored_read(&c, &s->ngrams, caption, &s->captions, err);
    if (!code) code = sentence_node(s, &c, &node, err);
    if (!code) s->training.item[s->training.count++] = node;
    arena_rewind(&s->captions, before);
    return code;
}

/* ---- document frequencies ---------------------------------------------------------------------------------
 */

/* df[node] += 1 for each n-gram of the image's references, once an image; stamp[node] remembers the last
 * image. */
static void count_image(const cap_scorer *s, uint32_t image, uint32_t *df, uint32_t *stamp)
{
    for (uint32_t r = s->images.item[image].first; r != NONE; r = s->references.item[r].next) {
        const cap_scored *c = &s->references.item[r].of;
        for (int n = 0; n < CAP_NGRAM_MAX; n++) {
            for (uint32_t i = 0; i < c->terms[n]; i++) {
                uint32_t node = c->term[n][i].node;
                df[node] += stamp[node] != image + 1;
                stamp[node] = image + 1;
            }
        }
    }
}

/* [node_count] for the caller to free; NULL when memory is out */
static uint32_t *count_images(const cap_scorer *s, bool scored_only)
{
    size_t nodes = (size_t)s->ngrams.node_count + 1;
    uint32_t *df = calloc(nodes, sizeof *df), *stamp = calloc(nodes, sizeof *stamp);
    for (uint32_t i = 0; df && stamp && i < s->images.count; i++)
        if (!scored_only || s->images.item[i].hypothesis != NONE) count_image(s, i, df, stamp);
    if (!stamp) {
        free(df);
        df = NULL;
    }
    free(stamp);
    return df;
}

err_code cap_scorer_count_df(cap_scorer *s, cap_df **df, error *err)
{
    *df = NULL;
    uint32_t *images = count_images(s, false);
    if (!images) return err_no_memory(err, while_scoring);
    err_code code = cap_df_create(df, &s->ngrams, images, s->images.count, err);
    free(images);
    return code;
}

/* The counts of a table, for the nodes of this scorer: a node's place in the table follows from its parent's.
 */
static uint32_t *look_up_images(const cap_scorer *s, const cap_df *df)
{
    const cap_ngrams *g = &s->ngrams;
    uint32_t *images = calloc((size_t)g->node_count + 1, sizeof *images);
    uint32_t *there = calloc((size_t)g->node_count + 1, sizeof *there);
    uint32_t *word = calloc((size_t)g->word_count + 1, sizeof *word);
    bool ready = images && there && word;
    for (uint32_t w = 0; ready && w < g->word_count; w++)
        word[w] = cap_ngrams_find_word(&df->sequences, g->words[w]);
    for (uint32_t i = 1; ready && i < g->node_count; i++) {
        there[i] = cap_ngrams_find_step(&df->sequences, there[g->nodes[i].parent], word[g->nodes[i].word]);
        if (there[i] != CAP_NOT_THERE) images[i] = df->images[there[i]];
    }
    free(there);
    free(word);
    if (ready) return images;
    free(images);
    return NULL;
}

static double *weigh(const cap_scorer *s, const cap_df *df)
{
    uint32_t *images = df ? look_up_images(s, df) : count_images(s, true);
    double *idf = calloc((size_t)s->ngrams.node_count + 1, sizeof *idf);
    double all = log((double)(df ? df->total : s->hypotheses.count));
    for (uint32_t i = 1; images && idf && i < s->ngrams.node_count; i++)
        idf[i] = all - log(images[i] > 1 ? (double)images[i] : 1.0);
    if (!images) {
        free(idf);
        idf = NULL;
    }
    free(images);
    return idf;
}

/* ---- the run ----------------------------------------------------------------------------------------------
 */

static void bench_release(bench *b)
{
    free(b->idf);
    free(b->refs);
    free(b->row);
    free(b->flag);
    free(b->word_used);
    cap_mentions_release(&b->mentions);
}

static err_code bench_init(bench *b, cap_scorer *s, const cap_df *df, error *err)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < s->images.count; i++)
        if (s->images.item[i].references > most) most = s->images.item[i].references;
    b->idf = weigh(s, df);
    b->refs = calloc((size_t)most + 1, sizeof *b->refs);
    b->row = calloc(CAP_SCORE_MAX_WORDS + 1, sizeof *b->row);
    b->flag = calloc((size_t)s->sentences.node_count + 1, 1);
    b->word_used = calloc((size_t)s->ngrams.word_count + 1, sizeof *b->word_used);
    if (!b->idf || !b->refs || !b->row || !b->flag || !b->word_used) return err_no_memory(err, while_scoring);
    for (uint32_t i = 0; i < s->training.count; i++) b->flag[s->training.item[i]] |= TRAINED;
    return cap_mentions_start(&b->mentions, s->ngrams.words, s->ngrams.word_count, err);
}

static void score_image(const cap_scorer *s, const hypothesis *h, bench *b, cap_image_scores *out)
{
    const image_entry *image = &s->images.item[h->image];
    size_t count = 0;
    for (uint32_t r = image->first; r != NONE; r = s->references.item[r].next)
        b->refs[count++] = &s->references.item[r].of;
    *out = (cap_image_scores){.image = image->id, .caption = h->caption, .references = count};
    cap_count_hits(&out->of, &h->of, b->refs, count);
    cap_bleu(&out->of);
    out->of.rouge_l = cap_rouge_l(&h->of, b->refs, count, b->row);
    cap_cider(&h->of, b->refs, count, b->idf, &out->of.cider_d, &out->of.cider);
    cap_mentions_add(&b->mentions, &h->of, b->refs, count);
}

static void add_metrics(cap_metrics *sum, const cap_metrics *m)
{
    sum->hypothesis_words += m->hypothesis_words;
    sum->reference_words += m->reference_words;
    for (int n = 0; n < CAP_NGRAM_MAX; n++) {
        sum->guess[n] += m->guess[n];
        sum->correct[n] += m->correct[n];
    }
    sum->rouge_l += m->rouge_l;
    sum->cider_d += m->cider_d;
    sum->cider += m->cider;
}

static void count_use(const cap_scorer *s, const hypothesis *h, bench *b, uint32_t sentence, cap_scores *out)
{
    out->empty += h->of.words == 0;
    out->distinct += !(b->flag[sentence] & SEEN);
    out->novel += s->training.count && !(b->flag[sentence] & TRAINED);
    b->flag[sentence] |= SEEN;
    for (uint32_t r = s->images.item[h->image].first; r != NONE; r = s->references.item[r].next)
        out->empty_references += s->references.item[r].of.words == 0;
    for (uint32_t i = 0; i < h->of.words; i++) {
        out->vocabulary += !b->word_used[h->of.word[i]];
        b->word_used[h->of.word[i]] = true;
    }
}

static void score_all(cap_scorer *s, bench *b, const uint32_t *sentence, cap_scores *out)
{
    double images = s->hypotheses.count;
    for (uint32_t i = 0; i < s->hypotheses.count; i++) {
        score_image(s, &s->hypotheses.item[i], b, &s->result[i]);
        add_metrics(&out->of, &s->result[i].of);
        count_use(s, &s->hypotheses.item[i], b, sentence[i], out);
        out->references += s->result[i].references;
    }
    cap_bleu(&out->of);
    out->of.rouge_l /= images;
    out->of.cider_d /= images;
    out->of.cider /= images;
    out->mean_words = (double)out->of.hypothesis_words / images;
    out->objects = b->mentions.objects;
    out->objects_named = b->mentions.named;
}

/* The hypotheses as nodes of `sentences`, before the flags of these nodes are allocated. */
static err_code find_sentences(cap_scorer *s, uint32_t **sentence, error *err)
{
    err_code code = ERR_OK;
    *sentence = calloc(s->hypotheses.count, sizeof **sentence);
    if (!*sentence) return err_no_memory(err, while_scoring);
    for (uint32_t i = 0; i < s->hypotheses.count && !code; i++)
        code = sentence_node(s, &s->hypotheses.item[i].of, &(*sentence)[i], err);
    return code;
}

err_code cap_scorer_run(cap_scorer *s, const cap_df *df, cap_scores *out, error *err)
{
    uint32_t *sentence = NULL, count = s->hypotheses.count;
    bench b = {0};
    *out = (cap_scores){
        .images = count, .left_out = s->images.count - count, .training_captions = s->training.count};
    if (!count) return err_set(err, ERR_ARGUMENT, "no captions to score");
    out->cider_means_nothing = !df && count == 1;
    free(s->result);
    s->result = calloc(count, sizeof *s->result);
    err_code code = s->result ? find_sentences(s, &sentence, err) : err_no_memory(err, while_scoring);
    if (!code) code = bench_init(&b, s, df, err);
    if (!code) score_all(s, &b, sentence, out);
    out->image = s->result;
    bench_release(&b);
    free(sentence);
    return code;
}
