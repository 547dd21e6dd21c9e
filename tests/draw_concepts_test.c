/* Concepts for captions without photos, drawn from made tables whose every score tells where it came from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "captioner/net/namer.h"
#include "captioner/train/draw.h"
#include "src/base/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- a small world ---- */

static const char *const said[] = {"dog", "cat", "snow", "runs", "ball"};       /* what `words` names */
static const char *const classes[] = {"person", "dog", "bench", "sports ball"}; /* what `objects` names */
enum { W = 5, CLASSES = 4, MOST_CAPTIONS = 3000, MOST_PHOTOS = 300, MOST_LENGTH = 8, MOST_FOUND = 900 };
enum { DOG, CAT, SNOW, RUNS, BALL };
enum { PERSON, A_DOG, BENCH, A_BALL };

/* Captions while they are put together. */
typedef struct sentences {
    ds_encoded e;
    int32_t image[MOST_CAPTIONS], words[MOST_CAPTIONS * MOST_LENGTH];
    int64_t first[MOST_CAPTIONS + 1];
} sentences;

typedef struct world {
    ds_vocab *vocab;
    sentences photos, groups;
    float scores[MOST_PHOTOS][W];
    cap_sighting found[MOST_FOUND];
    int64_t first_found[MOST_PHOTOS + 1], id[MOST_PHOTOS];
    int32_t style[MOST_PHOTOS];
    ds_image group[MOST_PHOTOS];
    int64_t first_object[MOST_PHOTOS + 1];
    int32_t object[MOST_PHOTOS * CLASSES];
    bool listed[MOST_PHOTOS];
    ds_captions_only only;
    cap_named named;
    cap_namer namers[CAP_NAMERS];
    int32_t class_word[CLASSES][2], word_word[W][2];
    cap_draw_source source;
    cap_draw *draw;
} world;

static ds_vocab *make_vocab(void)
{
    static const char *const words[] = {"dog",    "cat", "snow",  "runs", "ball", "a",
                                        "person", "man", "bench", "in",   "the",  "sports"};
    ds_counter *counter = ds_counter_create();
    ds_vocab *v = NULL;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_int_equal(ds_counter_add(counter, words[i], 1, NULL), ERR_OK);
    assert_int_equal(ds_vocab_build(counter, &(ds_vocab_settings){0}, &v, NULL), ERR_OK);
    ds_counter_free(&counter);
    return v;
}

static void make_namers(world *w)
{
    cap_names names = {0}, things = {0};
    assert_true(cap_names_copy(&names, said, W) && cap_names_copy(&things, classes, CLASSES));
    for (int i = 0; i < W; i++) w->word_word[i][0] = w->word_word[i][1] = ds_vocab_id(w->vocab, said[i]);
    for (int i = 0; i < CLASSES; i++)
        w->class_word[i][0] = w->class_word[i][1] = ds_vocab_id(w->vocab, i == A_BALL ? "ball" : classes[i]);
    w->namers[CAP_NAMER_WORDS] = (cap_namer){.config = cap_words_config(NULL, &names), .word = w->word_word};
    w->namers[CAP_NAMER_OBJECTS] = (cap_namer){.config = cap_objects_config(NULL), .word = w->class_word};
    w->namers[CAP_NAMER_OBJECTS].config.names = things;
}

static world *make_world(void)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->vocab = make_vocab();
    make_namers(w);
    return w;
}

static void free_world(world *w)
{
    cap_draw_free(&w->draw);
    for (int i = 0; i < CAP_NAMERS; i++) cap_namer_config_release(&w->namers[i].config);
    ds_vocab_free(&w->vocab);
    free(w);
}

/* One more caption of the last image, or of a new one. */
static void add_caption(world *w, sentences *s, bool of_new_image, const char *caption)
{
    char copy[100], *rest = copy, *word;
    ds_encoded *e = &s->e;
    e->images += of_new_image;
    assert_true(e->captions < MOST_CAPTIONS && e->images <= MOST_PHOTOS && strlen(caption) < sizeof copy);
    memcpy(copy, caption, strlen(caption) + 1);
    int64_t end = s->first[e->captions];
    while ((word = strtok_r(rest, " ", &rest))) s->words[end++] = ds_vocab_id(w->vocab, word);
    s->image[e->captions++] = e->images - 1;
    s->first[e->captions] = end;
}

/* Five captions, the first `times` of which say `caption`. */
static void add_captions(world *w, sentences *s, int times, const char *caption)
{
    for (int i = 0; i < 5; i++) add_caption(w, s, !i, i < times ? caption : "a the in");
}

/* A photo whose captions say so, and what the namer of words gave for it. */
static int add_photo(world *w, int times, const char *caption, const float scores[W])
{
    int photo = w->named.photos++;
    add_captions(w, &w->photos, times, caption);
    memcpy(w->scores[photo], scores, sizeof w->scores[0]);
    w->style[photo] = 1;
    w->id[photo] = 1000 + photo;
    w->first_found[photo + 1] = w->first_found[photo];
    return photo;
}

/* What the detector found in the last photo. */
static void add_found(world *w, int class, float score, float left)
{
    int64_t *end = &w->first_found[w->named.photos];
    w->found[(*end)++] = (cap_sighting){.name = class, .confidence = score, .box = {left, 0, 1, 1}};
}

/* A group; objects[count], count -1: nobody listed them. */
static int add_group(world *w, int times, const char *caption, int count, const int32_t *objects)
{
    int group = w->groups.e.images;
    add_captions(w, &w->groups, times, caption);
    w->group[group].id = 5000 + group;
    w->listed[group] = count >= 0;
    w->first_object[group + 1] = w->first_object[group];
    for (int i = 0; i < count; i++) w->object[w->first_object[group + 1]++] = objects[i];
    return group;
}

static void close_sentences(sentences *s)
{
    s->e.image = s->image;
    s->e.first = s->first;
    s->e.words = s->words;
}

static void measure(world *w)
{
    close_sentences(&w->photos);
    close_sentences(&w->groups);
    w->named.words = W;
    w->named.scores = &w->scores[0][0];
    w->named.first = w->first_found;
    w->named.found = w->found;
    w->only = (ds_captions_only){.captions = {.image = w->group, .images = w->groups.e.images},
                                 .first = w->first_object,
                                 .object = w->object,
                                 .listed = w->listed};
    w->source = (cap_draw_source){.namers = w->namers,
                                  .vocab = w->vocab,
                                  .named = &w->named,
                                  .captions = &w->photos.e,
                                  .style = w->style,
                                  .id = w->id,
                                  .groups = &w->only,
                                  .group_captions = &w->groups.e,
                                  .group_style = 2};
    assert_int_equal(cap_draw_create(&w->source, &w->draw, NULL), ERR_OK);
}

enum { ROOM = 24 };

/* The group's concepts in one step. */
static int draw_row(const world *w, int group, uint64_t step, cap_concept *list)
{
    rng r = cap_draw_rng(7, step, 3);
    int donor = cap_draw_donor(w->draw, group, &r);
    assert_in_range(donor, 0, w->named.photos - 1);
    return cap_draw_group(w->draw, group, donor, &r, list);
}

/* The confidence of a word in a list by a namer; 0: it is not there. */
static float sure_of(const world *w, const cap_concept *list, int count, int namer, const char *word)
{
    for (int i = 0; i < count; i++)
        if (list[i].namer == namer && list[i].first == ds_vocab_id(w->vocab, word)) return list[i].confidence;
    return 0;
}

static const float nothing[W] = {0};

/* ---- words ---- */

/* A photo of which k captions have a word has k tenths of a score for it. */
static void scores_are_those_of_the_same_count(void **state)
{
    (void)state;
    world *w = make_world();
    cap_concept list[ROOM];
    for (int i = 0; i < 40; i++) {
        int k = 1 + i % 5, level = k < 4 ? k : 4;
        add_photo(w, k, "a dog runs", (float[W]){[DOG] = 0.1F * (float)level});
    }
    for (int k = 0; k <= 5; k++) add_group(w, k, "the dog", 0, NULL);
    measure(w);
    assert_int_equal(cap_draw_most(w->draw), ROOM);
    for (int k = 0; k <= 5; k++)
        for (int step = 0; step < 20; step++) {
            int count = draw_row(w, k, step, list);
            float expected = 0.1F * (float)(k < 4 ? k : 4);
            assert_int_equal(count, k > 0);
            assert_true(sure_of(w, list, count, CAP_NAMER_WORDS, "dog") == expected);
        }
    free_world(w);
}

/* Of "cat" there are few photos: of two captions four, joined by two of three; of "snow" too few of any. */
static void rare_words_borrow(void **state)
{
    (void)state;
    world *w = make_world();
    cap_concept list[ROOM];
    bool met[3] = {false};
    for (int i = 0; i < 4; i++) add_photo(w, 2, "cat", (float[W]){[CAT] = 0.2F});
    for (int i = 0; i < 2; i++) add_photo(w, 3, "cat", (float[W]){[CAT] = 0.3F});
    add_photo(w, 2, "snow", (float[W]){[SNOW] = 0.4F});
    int cat = add_group(w, 2, "cat", 0, NULL), snow = add_group(w, 2, "snow", 0, NULL);
    measure(w);
    for (int step = 0; step < 100; step++) {
        int count = draw_row(w, cat, step, list);
        float sure = sure_of(w, list, count, CAP_NAMER_WORDS, "cat");
        assert_true(sure == 0.2F || sure == 0.3F);
        met[0] |= sure == 0.3F;
        count = draw_row(w, snow, step, list);
        sure = sure_of(w, list, count, CAP_NAMER_WORDS, "snow");
        assert_true(sure == 0.2F || sure == 0.4F);
        met[1] |= sure == 0.2F;
        met[2] |= sure == 0.4F;
    }
    assert_true(met[0] && met[1] && met[2]);
    free_world(w);
}

/* Named in all of 60 photos of another style, and in half of 40 of the groups' style: a half it is to be. */
static void other_styles_are_thinned_out(void **state)
{
    (void)state;
    world *w = make_world();
    cap_concept list[ROOM];
    int named = 0;
    enum { STEPS = 4000 };
    for (int i = 0; i < 100; i++) {
        int photo = add_photo(w, 2, "dog", (float[W]){[DOG] = i < 60 || i % 2 ? 0.5F : 0});
        w->style[photo] = i < 60 ? 1 : 2;
    }
    int dog = add_group(w, 2, "dog", 0, NULL);
    measure(w);
    for (int step = 0; step < STEPS; step++) named += draw_row(w, dog, step, list);
    assert_in_range(named, STEPS * 46 / 100, STEPS * 54 / 100);
    free_world(w);
}

/* False words come from the donor, all of them or none; what the group says is none of them. */
static void false_words_come_together(void **state)
{
    (void)state;
    world *w = make_world();
    cap_concept list[ROOM];
    for (int i = 0; i < 10; i++)
        add_photo(w, 2, "dog snow", (float[W]){[CAT] = 0.3F, [BALL] = 0.2F, [RUNS] = 0.05F, [SNOW] = 0.6F});
    int dog = add_group(w, 2, "dog", 0, NULL), cat = add_group(w, 2, "dog cat", 0, NULL);
    measure(w);
    for (int step = 0; step < 20; step++) {
        int count = draw_row(w, dog, step, list);
        assert_int_equal(count, 2);
        assert_true(sure_of(w, list, count, CAP_NAMER_WORDS, "cat") == 0.3F);
        assert_true(sure_of(w, list, count, CAP_NAMER_WORDS, "ball") == 0.2F);
        count = draw_row(w, cat, step, list);
        assert_true(sure_of(w, list, count, CAP_NAMER_WORDS, "cat") != 0.3F);
        assert_true(sure_of(w, list, count, CAP_NAMER_WORDS, "ball") == 0.2F);
    }
    free_world(w);
}

/* ---- donors ---- */

static void donors_share_words(void **state)
{
    (void)state;
    world *w = make_world();
    static const char *const captions[] = {"dog", "cat", "dog snow runs", "ball"};
    int both = 0, other = 0, own = 0;
    for (int i = 0; i < 40; i++) {
        add_photo(w, 3, captions[i % 4], nothing);
        w->style[i] = i == 39 ? 2 : 1;
    }
    int group = add_group(w, 3, "dog snow runs", 0, NULL);
    measure(w);
    for (int step = 0; step < 1000; step++) {
        rng r = cap_draw_rng(1, step, 0);
        int donor = cap_draw_donor(w->draw, group, &r);
        own += donor == 39;
        both += donor % 4 == 2;
        other += donor != 39 && donor % 2;
    }
    assert_in_range(own, 300, 400);
    assert_in_range(both, 590, 700);
    assert_int_equal(other, 0);
    free_world(w);
}

/* ---- objects ---- */

/* Thirty photos of the groups' style, whose objects are listed: a person, named, seen twice; a bench that
 * nobody names, and nobody sees; a dog that is seen and not there. */
static void fill_with_known(world *w, bool known)
{
    static const int32_t there[] = {PERSON, BENCH};
    for (int i = 0; i < 30; i++) {
        int photo = add_photo(w, 2, "a man", nothing);
        add_found(w, PERSON, 0.9F, 0.25F);
        add_found(w, A_DOG, 0.7F, 0.5F);
        add_found(w, PERSON, 0.6F, 0.75F);
        add_found(w, BENCH, 0.15F, 0);
        w->style[photo] = 2;
        int group = add_group(w, 2, "a man", 2, there);
        if (known) w->id[photo] = w->group[group].id;
    }
}

static void objects_are_found_as_in_photos(void **state)
{
    (void)state;
    world *w = make_world();
    cap_concept list[ROOM];
    fill_with_known(w, true);
    int person = add_group(w, 5, "a person", 1, (const int32_t[]){PERSON});
    int bench = add_group(w, 1, "in snow", 1, (const int32_t[]){BENCH});
    int dog = add_group(w, 1, "a dog", 2, (const int32_t[]){A_DOG, PERSON});
    measure(w);
    for (int step = 0; step < 20; step++) {
        assert_int_equal(draw_row(w, person, step, list), 3);
        assert_true(list[0].confidence == 0.9F && list[0].box[0] == 0.25F);
        assert_int_equal(list[0].first, ds_vocab_id(w->vocab, "person"));
        assert_true(list[1].confidence == 0.7F && list[1].first == ds_vocab_id(w->vocab, "dog"));
        assert_true(list[2].confidence == 0.6F && list[2].box[0] == 0.75F);
        assert_int_equal(draw_row(w, bench, step, list), 1); /* the false dog */
        int count = draw_row(w, dog, step, list);
        assert_true(sure_of(w, list, count, CAP_NAMER_OBJECTS, "person") == 0.9F);
        assert_true(sure_of(w, list, count, CAP_NAMER_OBJECTS, "dog") != 0.7F);
    }
    free_world(w);
}

/* What captions name stands for what is there: in photos of which nobody knows, and in such groups. */
static void captions_stand_in_for_lists(void **state)
{
    (void)state;
    world *w = make_world();
    cap_concept list[ROOM];
    fill_with_known(w, false);
    int unknown = add_group(w, 2, "a person in snow", -1, NULL);
    int bench = add_group(w, 2, "a bench", 1, (const int32_t[]){BENCH});
    measure(w);
    for (int step = 0; step < 20; step++) {
        int count = draw_row(w, unknown, step, list);
        assert_true(sure_of(w, list, count, CAP_NAMER_OBJECTS, "person") == 0.9F);
        assert_true(sure_of(w, list, count, CAP_NAMER_OBJECTS, "dog") == 0.7F);
        count = draw_row(w, bench, step, list);
        assert_true(sure_of(w, list, count, CAP_NAMER_OBJECTS, "bench") == 0.9F);
    }
    free_world(w);
}

/* ---- both ---- */

static void settings_of_namers_are_kept(void **state)
{
    (void)state;
    world *w = make_world();
    cap_concept list[ROOM];
    cap_words_settings s = {.naming = {.least = 0.3, .most = 2}, .hidden = 8};
    memcpy(w->namers[CAP_NAMER_WORDS].config.settings.bytes, &s, sizeof s);
    for (int i = 0; i < 10; i++) {
        add_photo(w, 2, "dog cat snow runs", (float[W]){0.5F, 0.4F, 0.6F, 0.2F, 0.31F});
        add_found(w, PERSON, 0.5F, 0);
    }
    int group = add_group(w, 2, "dog cat snow runs", 0, NULL);
    measure(w);
    assert_int_equal(cap_draw_most(w->draw), 8 + 2);
    int count = draw_row(w, group, 1, list);
    assert_int_equal(count, 3); /* a false person, and the two surest words */
    assert_int_equal(list[0].namer, CAP_NAMER_OBJECTS);
    assert_true(list[1].confidence == 0.6F && list[2].confidence == 0.5F);
    count = cap_draw_photo(w->draw, 4, list);
    assert_int_equal(count, 3);
    assert_int_equal(list[0].first, ds_vocab_id(w->vocab, "person"));
    assert_true(list[1].confidence == 0.6F && list[2].confidence == 0.5F);
    free_world(w);
}

static void fill_variously(world *w)
{
    static const char *const captions[] = {"a dog runs", "cat", "the snow", "a man in snow", "ball dog"};
    for (int i = 0; i < 60; i++) {
        rng r = cap_draw_rng(99, 0, (uint32_t)i);
        float scores[W];
        for (int j = 0; j < W; j++) scores[j] = (float)rng_uniform(&r) * 0.6F;
        add_photo(w, 1 + i % 5, captions[i % 5], scores);
        add_found(w, i % CLASSES, 0.3F + 0.01F * (float)i, 0.01F * (float)i);
        w->style[i] = 1 + i % 2;
        add_group(w, 1 + i % 4, captions[(i + 2) % 5], i % 3,
                  (const int32_t[]){i % CLASSES, (i + 1) % CLASSES});
    }
}

static void rows_are_drawn_alike_again(void **state)
{
    (void)state;
    world *w = make_world();
    cap_concept list[ROOM], again[ROOM];
    int differ = 0;
    fill_variously(w);
    measure(w);
    for (uint64_t step = 0; step < 50; step++) {
        int group = (int)step, count = draw_row(w, group, step, list);
        draw_row(w, 3, step + 1, again);
        assert_int_equal(draw_row(w, group, step, again), count);
        assert_memory_equal(list, again, (size_t)count * sizeof *list);
        int other = draw_row(w, group, step + 1000, again);
        differ += other != count || memcmp(list, again, (size_t)count * sizeof *list) != 0;
    }
    assert_in_range(differ, 40, 50);
    free_world(w);
}

/* More than one image of a photo, as in an epoch that repeats it, changes nothing. */
static void repeated_photos_count_once(void **state)
{
    (void)state;
    world *w = make_world(), *twice = make_world();
    cap_concept list[ROOM], again[ROOM];
    int32_t photo[120];
    fill_variously(w);
    fill_variously(twice);
    for (int i = 0; i < 60; i++) photo[i] = photo[i + 60] = i;
    for (int i = 0; i < 60; i++) add_captions(twice, &twice->photos, 3, "snow");
    measure(w);
    measure(twice);
    cap_draw_free(&twice->draw);
    twice->source.photo = photo;
    assert_int_equal(cap_draw_create(&twice->source, &twice->draw, NULL), ERR_OK);
    for (uint64_t step = 0; step < 30; step++) {
        int count = draw_row(w, (int)step, step, list);
        assert_int_equal(draw_row(twice, (int)step, step, again), count);
        assert_memory_equal(list, again, (size_t)count * sizeof *list);
    }
    free_world(w);
    free_world(twice);
}

static void nothing_to_say_draws_nothing(void **state)
{
    (void)state;
    world *w = make_world();
    cap_concept list[ROOM];
    add_photo(w, 0, "", nothing);
    int unknown = add_group(w, 0, "", -1, NULL), none = add_group(w, 0, "", 0, NULL);
    int unseen = add_group(w, 3, "dog", 1, (const int32_t[]){A_DOG});
    measure(w);
    assert_int_equal(draw_row(w, unknown, 0, list), 0);
    assert_int_equal(draw_row(w, none, 0, list), 0);
    assert_int_equal(draw_row(w, unseen, 0, list), 0);
    assert_int_equal(cap_draw_photo(w->draw, 0, list), 0);
    free_world(w);
}

static void models_may_lack_a_namer(void **state)
{
    (void)state;
    for (int lacking = 0; lacking < CAP_NAMERS; lacking++) {
        world *w = make_world();
        cap_concept list[ROOM];
        fill_variously(w);
        cap_namer_config_release(&w->namers[lacking].config);
        measure(w);
        for (int step = 0; step < 20; step++) {
            int count = draw_row(w, step, step, list);
            for (int i = 0; i < count; i++) assert_true(list[i].namer != lacking);
            count = cap_draw_photo(w->draw, step, list);
            for (int i = 0; i < count; i++) assert_true(list[i].namer != lacking);
        }
        free_world(w);
    }
}

static void photos_need_no_captions_without_photos(void **state)
{
    (void)state;
    world *w = make_world();
    cap_concept list[ROOM], again[ROOM];
    fill_variously(w);
    measure(w);
    int count = cap_draw_photo(w->draw, 7, list);
    assert_true(count > 0);
    cap_draw_free(&w->draw);
    w->source = (cap_draw_source){
        .namers = w->namers, .vocab = w->vocab, .named = &w->named, .captions = &w->photos.e};
    assert_int_equal(cap_draw_create(&w->source, &w->draw, NULL), ERR_OK);
    assert_int_equal(cap_draw_photo(w->draw, 7, again), count);
    assert_memory_equal(list, again, (size_t)count * sizeof *list);
    free_world(w);
}

/* ---- leaving out, and what is said ---- */

static void concepts_are_left_out(void **state)
{
    (void)state;
    cap_concept list[10], copy[10];
    int kept = 0, emptied = 0;
    for (int i = 0; i < 10; i++) list[i] = (cap_concept){.first = i, .namer = i < 5 ? 0 : 1};
    for (int step = 0; step < 4000; step++) {
        rng r = cap_draw_rng(1, (uint64_t)step, 0);
        memcpy(copy, list, sizeof copy);
        assert_int_equal(cap_draw_drop(&(cap_drop_rates){0}, &r, copy, 10), 10);
        assert_int_equal(cap_draw_drop(&(cap_drop_rates){.namer = 1}, &r, copy, 10), 0);
        assert_int_equal(cap_draw_drop(&(cap_drop_rates){.all = 1}, &r, copy, 10), 0);
        cap_drop_rates rates = cap_drop_defaults();
        int left = cap_draw_drop(&rates, &r, copy, 10);
        kept += left;
        emptied += !left;
        for (int i = 1; i < left; i++) assert_true(copy[i].first > copy[i - 1].first);
    }
    assert_in_range(kept, 4000 * 78 / 10, 4000 * 83 / 10); /* 0.92 * 0.92 * 0.95 = 0.804 */
    assert_in_range(emptied, 4000 * 45 / 1000, 4000 * 70 / 1000);
}

static void keep_line(void *ctx, const char *line)
{
    text_append(ctx, line);
    text_append(ctx, "\n");
}

static void tables_are_told(void **state)
{
    (void)state;
    world *w = make_world();
    text lines = {0};
    fill_with_known(w, true);
    for (int i = 0; i < 30; i++)
        add_photo(w, 1 + i % 5, "dog", (float[W]){[DOG] = i % 5 ? 0.5F : 0, [CAT] = 0.2F});
    measure(w);
    cap_draw_tell(w->draw, keep_line, &lines);
    assert_string_equal(
        text_string(&lines),
        "of words that 1, 2, 3, and 4 or more captions of a photo have, 0, 100, 100 and 100 % are "
        "named, and 0.5 others a photo; in the style of the captions without photos 0, 0, 0 and 0 "
        "%\n"
        "of 30 photos whose objects are known, persons are seen in 100 %, other objects that "
        "captions name in 0 %, those they pass over in 0 %, and 1.0 things a photo that are not "
        "there\n");
    cap_draw_tell(w->draw, NULL, NULL);
    text_release(&lines);
    free_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_the_same_count),
        cmocka_unit_test(rare_words_borrow),
        cmocka_unit_test(other_styles_are_thinned_out),
        cmocka_unit_test(false_words_come_together),
        cmocka_unit_test(donors_share_words),
        cmocka_unit_test(objects_are_found_as_in_photos),
        cmocka_unit_test(captions_stand_in_for_lists),
        cmocka_unit_test(settings_of_namers_are_kept),
        cmocka_unit_test(rows_are_drawn_alike_again),
        cmocka_unit_test(repeated_photos_count_once),
        cmocka_unit_test(nothing_to_say_draws_nothing),
        cmocka_unit_test(models_may_lack_a_namer),
        cmocka_unit_test(photos_need_no_captions_without_photos),
        cmocka_unit_test(concepts_are_left_out),
        cmocka_unit_test(tables_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
