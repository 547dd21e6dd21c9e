/* How captions are worded: neutral words, alternative text, keywords. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "captioner/show/alt_text.h"
#include "captioner/show/keywords.h"
#include "captioner/show/neutral.h"

typedef struct pair {
    const char *given, *wanted;
} pair;

static const pair neutral[] = {
    {"a man riding a wave on a surfboard", "a person riding a wave on a surfboard"},
    {"a woman's hand holding an apple", "a person's hand holding an apple"},
    {"two men are playing a game", "two people are playing a game"},
    {"a group of men and women standing around", "a group of people standing around"},
    {"a group of young men and women", "a group of young people"},
    {"a little girl in a pink dress", "a little child in a pink dress"},
    {"boys and girls in a pool", "children in a pool"},
    {"a child with a ball", "a child with a ball"},
    {"children and a dog", "children and a dog"},
    {"a boy and a child", "two children"},
    {"a man and a woman are sitting on a bench", "two people are sitting on a bench"},
    {"a man and woman sitting on a bench", "two people sitting on a bench"},
    {"man and woman sitting on a bench", "two people sitting on a bench"},
    {"a young man and a young woman", "two young people"},
    {"a young man and an old woman", "a young person and an old person"},
    {"young man and young woman", "two young people"},
    {"a little boy and girl", "two little children"},
    {"two men and a woman on a boat", "three people on a boat"},
    {"a man and a woman and a dog", "two people and a dog"},
    {"a man and a woman and another man", "three people"},
    {"a man woman and child", "two people and child"},
    {"men women and children", "people and children"},
    {"a man , a woman", "a person , a person"},
    {"a man's and a woman's hands", "a person's and a person's hands"},
    {"several men and women", "several people"},
    {"a person and a person", "a person and a person"},
    {"a man and a boy", "a person and a child"},
    {"a female tennis player", "a tennis player"},
    {"a male athlete", "an athlete"},
    {"an old male skier", "an old skier"},
    {"two female surfers", "two surfers"},
    {"a woman surfer", "a surfer"},
    {"a girl scout", "a scout"},
    {"a female riding a horse", "a person riding a horse"},
    {"a male in a suit", "a person in a suit"},
    {"a male lion under a tree", "a male lion under a tree"},
    {"a teenage boy on a skateboard", "a teenage person on a skateboard"},
    {"a boy holding his toy", "a child holding their toy"},
    {"a dog next to her", "a dog next to them"},
    {"a dog next to her in the snow", "a dog next to them in the snow"},
    {"a woman with her own dog", "a person with their own dog"},
    {"a man looks at himself", "a person looks at themselves"},
    {"a man as he rides a horse", "a person as they ride a horse"},
    {"a girl while she watches a bird", "a child while they watch a bird"},
    {"she carries a bag", "they carry a bag"},
    {"he is eating", "they are eating"},
    {"he's eating", "they're eating"},
    {"a policeman on a horse", "a police officer on a horse"},
    {"two firemen", "two firefighters"},
    {"an actress", "an actor"},
    {"a mother and her child", "a parent and their child"},
    {"a mother and father with a baby", "two parents with a baby"},
    {"the men's room", "the room"},
    {"a women's tennis match", "a tennis match"},
    {"a snowman in a yard", "a snowman in a yard"},
    {"a cowgirl hat", "a cowgirl hat"},
    {"a manhole cover", "a manhole cover"},
    {"a lady with an umbrella", "a person with an umbrella"},
    {"", ""},
    {"  a   man  ", "a person"},
    {"man", "person"},
    {"a", "a"},
    {"ein Mann mit Hut", "ein Mann mit Hut"},
};

static void persons_in_neutral_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof neutral / sizeof *neutral; i++) {
        text t = {0};
        cap_neutral(neutral[i].given, &t);
        assert_false(t.failed);
        assert_string_equal(text_string(&t), neutral[i].wanted);
        text_release(&t);
    }
}

static const pair alt[] = {
    {"a dog runs on the beach", "A dog runs on the beach."},
    {"a photo of a dog", "A dog."},
    {"a black and white photo of a man in a hat", "A man in a hat."},
    {"this is a picture of two cats", "Two cats."},
    {"a close up of a flower", "A close up of a flower."},
    {"a man taking a photo of a dog", "A man taking a photo of a dog."},
    {"a picture of", "A picture of."},
    {"a framed picture of a cat on a wall", "A framed picture of a cat on a wall."},
    {"a tv on a christmas tree", "A TV on a Christmas tree."},
    {"an iphone", "An iPhone."},
    {"iphone on a table", "iPhone on a table."},
    {"\xC3\xA4pfel", "\xC3\x84pfel."},
    {"\xD0\xBA\xD0\xBE\xD1\x82", "\xD0\x9A\xD0\xBE\xD1\x82."},
    {"who is it?", "Who is it?"},
    {"it is.", "It is."},
    {"", ""},
    {"   ", ""},
    {"\xFF\xFE", "\xFF\xFE."},
};

static void alternative_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof alt / sizeof *alt; i++) {
        text t = {0};
        cap_alt_text(alt[i].given, CAP_ALT_TEXT, &t);
        assert_false(t.failed);
        assert_string_equal(text_string(&t), alt[i].wanted);
        text_release(&t);
    }
}

static void long_ones_end_before_a_joint(void **state)
{
    (void)state;
    text t = {0};
    cap_alt_text("a dog runs with a ball in its mouth", 24, &t);
    assert_string_equal(text_string(&t), "A dog runs with a ball.");
    text_clear(&t);
    cap_alt_text("a dog runs with a ball in its mouth", 22, &t);
    assert_string_equal(text_string(&t), "A dog runs.");
    text_clear(&t);
    cap_alt_text("a dog runs fast while its friend in the water swims", 36, &t);
    assert_string_equal(text_string(&t), "A dog runs fast.");
    text_clear(&t);
    cap_alt_text("a dog runs fast while its friend swims in the water", 44, &t);
    assert_string_equal(text_string(&t), "A dog runs fast.");
    text_clear(&t);
    cap_alt_text("a dog runs fast while its brown friend swims in the water", 51, &t);
    assert_string_equal(text_string(&t), "A dog runs fast while its brown friend swims.");
    text_clear(&t);
    cap_alt_text("a dog with the black", 20, &t);
    assert_string_equal(text_string(&t), "A dog.");
    text_clear(&t);
    cap_alt_text("a dog with the black", 21, &t);
    assert_string_equal(text_string(&t), "A dog with the black.");
    text_clear(&t);
    cap_alt_text("\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4", 6, &t);
    assert_string_equal(text_string(&t), "\xC3\x84\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4.");
    text_release(&t);
}

/* ---- keywords ---- */

static cap_description description(void)
{
    static const char *word[] = {"a", "men", "standing", "beside", "traffic", "light", "dogs", "umbrella"};
    static float likely[] = {0.9F, 0.5F, 0.9F, 0.9F, 0.9F, 0.9F, 0.4F, 0.2F};
    static cap_named_concept concept[] = {
        {.name = "traffic light", .confidence = 0.8F}, {.name = "dog", .confidence = 0.45F},
        {.name = "person", .confidence = 0.62F},       {.name = "man", .confidence = 0.5F},
        {.name = "umbrella", .confidence = 0.2F},      {.name = "red", .confidence = 0.29F}};
    return (cap_description){
        .best = {.words = 8, .word = word, .probability = likely}, .concepts = 6, .concept = concept};
}

static void expect_keywords(const cap_description *d, int most, bool in_neutral_words, const char *wanted)
{
    arena memory = {0};
    const char **word;
    int count;
    error err;
    text t = {0};
    assert_int_equal(cap_keywords(d, most, in_neutral_words, &memory, &word, &count, &err), ERR_OK);
    for (int i = 0; i < count; i++) text_printf(&t, "%s%s", i ? "," : "", word[i]);
    assert_string_equal(text_string(&t), wanted);
    text_release(&t);
    arena_release(&memory);
}

/* said and named: man 1 - 0.5 * 0.5 = 0.75, dog 1 - 0.6 * 0.55 = 0.67, umbrella 1 - 0.8 * 0.8 = 0.36 */
static void keywords_by_what_is_said_and_named(void **state)
{
    (void)state;
    cap_description d = description();
    expect_keywords(&d, 10, false, "traffic light,man,dog,person,umbrella");
    expect_keywords(&d, 2, false, "traffic light,man");
    expect_keywords(&d, 10, true, "person,traffic light,dog,umbrella");
    d.unsure = true; /* what it says is not to be trusted then */
    expect_keywords(&d, 10, false, "traffic light,person,man,dog");
    d = (cap_description){0};
    expect_keywords(&d, 10, false, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(persons_in_neutral_words),
        cmocka_unit_test(alternative_texts),
        cmocka_unit_test(long_ones_end_before_a_joint),
        cmocka_unit_test(keywords_by_what_is_said_and_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
