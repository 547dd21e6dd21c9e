/* Where words should look: what is wanted of them, and what it costs to look elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "captioner/net/guide.h"
#include "tests/concept_batch.h"

/* Four regions in a square, the state for nothing, and room for three concepts. */
enum { REGIONS = 4, STATES = REGIONS + 1 + CONCEPT_MOST, STEPS = TEXT_WORDS };

static const int active[STEPS] = {3, 3, 2, 1};

typedef struct scene {
    arena mem;
    nn_tape tape;
    nn_var *alpha[STEPS];
    cap_memory memory;
    ds_batch batch;
    cap_timeline line;
} scene;

static double weight_of(int step, int row, int state)
{
    return 0.01 + 0.003 * step + 0.01 * row + 0.02 * state;
}

static void set_up(scene *s)
{
    static int32_t length[CONCEPT_PHOTOS];
    *s = (scene){.batch = {.rows = TEXT_ROWS,
                           .images = TEXT_SOURCES,
                           .max_len = TEXT_WORDS,
                           .image = text_which,
                           .caption = text_which,
                           .row_image = text_row_image,
                           .length = text_length,
                           .tokens = &text_tokens[0][0]}};
    s->tape.mem = &s->mem;
    nn_begin(&s->tape);
    for (int i = 0; i < CONCEPT_PHOTOS; i++) length[i] = REGIONS + 1 + concept_count[i];
    s->memory = (cap_memory){.source = concept_batch(NULL),
                             .memories = CONCEPT_PHOTOS,
                             .states = STATES,
                             .regions = REGIONS,
                             .length = length};
    s->line = (cap_timeline){.rows = TEXT_ROWS, .steps = STEPS, .active = (int *)(uintptr_t)active};
    for (int i = 0; i < STEPS; i++) {
        real *x = nn_alloc(&s->tape, (size_t)active[i] * STATES * sizeof *x);
        assert_non_null(x);
        for (int r = 0; r < active[i]; r++)
            for (int l = 0; l < STATES; l++) x[r * STATES + l] = (real)weight_of(i, r, l);
        s->alpha[i] = nn_input(&s->tape, x, 2, (int[]){active[i], STATES});
    }
}

static double astray(scene *s, bool regions)
{
    cap_guide g = {.objects = &concept_objects, .regions = regions};
    nn_var *loss = cap_guide_loss(&s->tape, &g, &s->memory, &s->batch, &s->line, s->alpha);
    assert_non_null(loss);
    return (double)loss->data[0];
}

/* Row 0 is of photo 2, whose words 4, 5, 6 name: 4 what has no box there; 5 the concept "5 7", with a box over the
 * upper half; 6 nothing. Row 1 is of photo 0, whose words 7, 4 name: 4 the concept with a box from 1/8, 1/4 to 5/8,
 * 3/4: in it lies the centre of the regions at the left, 1/4 of the width, and neither that at 3/4. Row 2 is of
 * a photo without concepts. */
static void words_should_look_at_their_things(void **state)
{
    (void)state;
    scene s;
    set_up(&s);
    double first = weight_of(1, 0, REGIONS + 1), second = weight_of(1, 1, REGIONS + 1);
    double want = -(log(first + 1e-6) + log(second + 1e-6)) / 2;
    assert_true(fabs(astray(&s, false) - want) < 1e-5);
    first += weight_of(1, 0, 0) + weight_of(1, 0, 1);
    second += weight_of(1, 1, 0) + weight_of(1, 1, 2);
    want = -(log(first + 1e-6) + log(second + 1e-6)) / 2;
    assert_true(fabs(astray(&s, true) - want) < 1e-5);
    arena_release(&s.mem);
}

/* Regions that are no square lie nowhere; words whose photos have no concepts are left alone. */
static void what_has_no_place_is_not_wanted(void **state)
{
    (void)state;
    scene s;
    set_up(&s);
    double without = astray(&s, false);
    int32_t length[CONCEPT_PHOTOS];
    for (int i = 0; i < CONCEPT_PHOTOS; i++) length[i] = 3 + 1 + concept_count[i];
    s.memory.regions = 3;
    s.memory.length = length;
    double moved = (log(weight_of(1, 0, 5) + 1e-6) + log(weight_of(1, 1, 5) + 1e-6) -
                    log(weight_of(1, 0, 4) + 1e-6) - log(weight_of(1, 1, 4) + 1e-6)) /
                   2;
    assert_true(fabs(astray(&s, true) - without - moved) < 1e-5);
    s.memory.source.concepts = NULL;
    assert_true(fabs(astray(&s, true)) <= 0);
    arena_release(&s.mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_should_look_at_their_things),
        cmocka_unit_test(what_has_no_place_is_not_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
