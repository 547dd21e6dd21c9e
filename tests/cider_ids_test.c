/* CIDEr-D over word numbers is that of the scorer of texts, to rounding, whatever the sentences hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "captioner/score/cider_ids.h"
#include "captioner/score/score.h"
#include "datasets/vocab.h"
#include "src/base/rng.h"

enum { IMAGES = 60, CAPTIONS = 5, LONGEST = 14, WORDS = 40, ALL = IMAGES * CAPTIONS };

typedef struct corpus {
    int32_t image[ALL], words[ALL * LONGEST];
    int64_t first[ALL + 1];
    ds_encoded encoded;
    int32_t said[IMAGES][LONGEST]; /* a sentence for each image, <unk> among its words */
    int length[IMAGES];
} corpus;

/* Small numbers are common, as in captions; an image has topics of its own. */
static int32_t draw_word(rng *r, int image, int most)
{
    double u = rng_uniform(r);
    int w = u < 0.5   ? (int)rng_below(r, 6)
            : u < 0.8 ? (image + (int)rng_below(r, 3)) % most
                      : (int)rng_below(r, (uint32_t)most);
    return DS_UNK + w;
}

static void draw_corpus(corpus *c)
{
    rng r = {.seed = 4};
    memset(c, 0, sizeof *c);
    for (int i = 0; i < ALL; i++) {
        c->image[i] = i / CAPTIONS;
        c->first[i + 1] = c->first[i] + 1 + rng_below(&r, LONGEST);
        for (int64_t j = c->first[i]; j < c->first[i + 1]; j++)
            c->words[j] = draw_word(&r, i / CAPTIONS, WORDS);
    }
    c->encoded = (ds_encoded){
        .captions = ALL, .images = IMAGES, .image = c->image, .first = c->first, .words = c->words};
    for (int i = 0; i < IMAGES; i++) {
        int from = i * CAPTIONS + (int)rng_below(&r, CAPTIONS);
        c->length[i] = i % 7 ? 1 + (int)rng_below(&r, LONGEST) : 0;
        for (int j = 0; j < c->length[i]; j++) {
            int64_t at = c->first[from] + j;
            bool copied = at < c->first[from + 1] && rng_below(&r, 3);
            c->said[i][j] = copied ? c->words[at] : draw_word(&r, i, 2 * WORDS); /* words nobody else says */
        }
    }
}

/* "wab wac": no word that the tokeniser of texts would touch. */
static const char *spell(char text[LONGEST * 5 + 1], const int32_t *word, int words)
{
    char *at = text;
    for (int i = 0; i < words; i++) {
        const char letters[] = {'w', (char)('a' + word[i] / 20), (char)('a' + word[i] % 20), ' '};
        memcpy(at, letters, sizeof letters);
        at += sizeof letters;
    }
    *at = '\0';
    return text;
}

static void it_is_the_scorers(void **state)
{
    (void)state;
    static corpus c;
    cap_scorer *s = NULL;
    cap_scores all;
    cap_cider_ids *ids = NULL;
    arena memory = {0};
    char text[LONGEST * 5 + 1];
    draw_corpus(&c);
    assert_int_equal(cap_scorer_create(&s, NULL), ERR_OK);
    for (int i = 0; i < ALL; i++)
        assert_int_equal(
            cap_scorer_add_reference(
                s, c.image[i], spell(text, c.words + c.first[i], (int)(c.first[i + 1] - c.first[i])), NULL),
            ERR_OK);
    for (int i = 0; i < IMAGES; i++)
        assert_int_equal(cap_scorer_add_hypothesis(s, i, spell(text, c.said[i], c.length[i]), NULL), ERR_OK);
    assert_int_equal(cap_scorer_run(s, NULL, &all, NULL), ERR_OK);
    assert_int_equal(cap_cider_ids_create(&c.encoded, false, &ids, NULL), ERR_OK);
    double sum = 0;
    for (int i = 0; i < IMAGES; i++) {
        cap_references refs;
        double score;
        assert_int_equal(cap_cider_ids_references(ids, i, &memory, &refs, NULL), ERR_OK);
        assert_int_equal(refs.count, CAPTIONS);
        assert_int_equal(cap_cider_ids_score(ids, &refs, c.said[i], c.length[i], &memory, &score, NULL),
                         ERR_OK);
        assert_true(fabs(score - all.image[i].of.cider_d) < 1e-9);
        sum += score;
    }
    assert_true(sum / IMAGES > 0.5 && fabs(sum / IMAGES - all.of.cider_d) < 1e-9);
    cap_cider_ids_free(&ids);
    cap_scorer_free(&s);
    arena_release(&memory);
}

/* Three images; "4 5 6" is a caption of the first one, whose ends count or do not. */
static void an_end_is_a_word(void **state)
{
    (void)state;
    static const int32_t image[] = {0, 1, 2}, words[] = {4, 5, 6, 4, 7, 8, 9, 9, 10};
    static const int64_t first[] = {0, 3, 6, 9};
    static const int32_t whole[] = {4, 5, 6}, broken[] = {4, 5};
    ds_encoded e = {.captions = 3, .images = 3, .image = image, .first = first, .words = words};
    double score[2][2];
    for (int ends = 0; ends < 2; ends++) {
        cap_cider_ids *c = NULL;
        cap_references refs;
        arena memory = {0};
        assert_int_equal(cap_cider_ids_create(&e, ends, &c, NULL), ERR_OK);
        assert_int_equal(cap_cider_ids_references(c, 0, &memory, &refs, NULL), ERR_OK);
        assert_int_equal(cap_cider_ids_score(c, &refs, whole, 3, &memory, &score[ends][0], NULL), ERR_OK);
        assert_int_equal(cap_cider_ids_score(c, &refs, broken, 2, &memory, &score[ends][1], NULL), ERR_OK);
        cap_cider_ids_free(&c);
        arena_release(&memory);
    }
    assert_float_equal(score[0][0], 7.5, 1e-9); /* there are no four words: one order of four has nothing */
    assert_float_equal(score[1][0], 10, 1e-9);
    assert_true(score[1][1] < score[0][1]);
}

static void what_is_not_there_is_worth_nothing(void **state)
{
    (void)state;
    static const int32_t image[] = {0, 2}, words[] = {4, 5, 4, 7}, said[] = {4, 5};
    static const int64_t first[] = {0, 2, 4};
    ds_encoded e = {.captions = 2, .images = 3, .image = image, .first = first, .words = words};
    static const int32_t endless[CAP_CIDER_MOST_WORDS];
    cap_cider_ids *c = NULL;
    cap_references refs;
    arena memory = {0};
    double score = 1;
    error err = {0};
    assert_int_equal(cap_cider_ids_create(&e, true, &c, NULL), ERR_OK);
    assert_int_equal(cap_cider_ids_references(c, 1, &memory, &refs, NULL), ERR_OK);
    assert_int_equal(refs.count, 0);
    assert_int_equal(cap_cider_ids_score(c, &refs, said, 2, &memory, &score, NULL), ERR_OK);
    assert_true(score == 0);
    assert_int_equal(cap_cider_ids_score(c, &refs, endless, CAP_CIDER_MOST_WORDS, &memory, &score, &err),
                     ERR_LIMIT);
    assert_int_equal(cap_cider_ids_references(c, 0, &memory, &refs, NULL), ERR_OK);
    assert_int_equal(cap_cider_ids_score(c, &refs, NULL, 0, &memory, &score, NULL), ERR_OK);
    assert_true(score >= 0 && score < 1); /* its end alone, which all captions have */
    cap_cider_ids_free(&c);
    arena_release(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_scorers),
        cmocka_unit_test(an_end_is_a_word),
        cmocka_unit_test(what_is_not_there_is_worth_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
