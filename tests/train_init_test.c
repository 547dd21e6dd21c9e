/* A training that starts from a model: the words it knew keep their numbers and weights, new ones are added
 * with drawn weights, and what it is cannot be changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/tiny_text.h"

static int make_data(void **state)
{
    if (folder_make(state)) return -1;
    write_pairs(in("pairs.tsv"), PAIRS, "");
    write_pairs(in("more.tsv"), PAIRS, "zzz\tqqq\nzz q\tqz\n");
    return 0;
}

/* Trains the first model, and a second one from it on other pairs, so slowly that no weight moves. */
static void train_two(task *first, task *second)
{
    heard h = {0};
    tiny(first, "first");
    first->s.dtype = IO_F32;
    first->s.run.force = true;
    go_well(&first->s, &h);
    tiny(second, "second");
    snprintf(second->pairs, sizeof second->pairs, "%s", in("more.tsv"));
    second->s.init = first->out;
    second->s.dtype = IO_F32;
    second->s.run.force = true;
    second->s.run.rate = 1e-30;
    second->s.run.epochs = 1;
    second->s.text.val_share = 0;
    error err = {0};
    if (cap_train_take_sizes(&second->s, &err)) fail_msg("%s", err.text);
}

static cap_model *open_unfolded(const char *path)
{
    cap_model *m;
    error err = {0};
    if (cap_model_open_unfolded(path, &m, &err)) fail_msg("%s", err.text);
    return m;
}

/* All that the smaller tensor has lies in the larger one, at the same places. */
static void expect_kept(const nn_var *old, const nn_var *new)
{
    assert_int_equal(old->rank, new->rank);
    int columns = old->dim[old->rank - 1], rows = (int)(nn_count(old) / columns);
    for (int i = 0; i < rows; i++)
        assert_memory_equal(old->data + (size_t)i * columns, new->data + (size_t)i *new->dim[new->rank - 1],
                            columns * sizeof(real));
}

static void words_and_weights_are_kept(void **unused)
{
    (void)unused;
    task first, second;
    heard h = {0};
    train_two(&first, &second);
    go_well(&second.s, &h);
    assert_non_null(strstr(h.said, "starts from '"));
    assert_non_null(strstr(h.said, " 4 words are new to it")); /* q and z on both sides */
    cap_model *a = open_unfolded(first.out), *b = open_unfolded(second.out);
    const ds_vocab *was = cap_model_vocab(a), *is = cap_model_vocab(b);
    assert_int_equal(ds_vocab_size(is), ds_vocab_size(was) + 2);
    for (int32_t i = 0; i < ds_vocab_size(was); i++)
        assert_string_equal(ds_vocab_word(was, i), ds_vocab_word(is, i));
    assert_int_equal(a->params.count, b->params.count);
    int grown = 0;
    for (int i = 0; i < a->params.count; i++) {
        const nn_var *old = &a->params.list[i]->var,
                     *new = &nn_params_find(&b->params, a->params.list[i]->name)->var;
        expect_kept(old, new);
        grown += nn_count(new) > nn_count(old);
    }
    assert_true(grown >= 3); /* both embeddings and the output */
    cap_model_close(&a);
    cap_model_close(&b);
}

static void other_sizes_are_refused(void **unused)
{
    (void)unused;
    task first, second;
    train_two(&first, &second);
    cap_train_settings s = second.s;
    cap_lstm_settings_of(&s.decoder)->hidden = 24;
    expect_refusal(&s, ERR_ARGUMENT, "decoder's hidden is 16, and 24 is asked for");
    s = second.s;
    cap_text_encoder_settings(&s.text.encoder)->reverse = true;
    expect_refusal(&s, ERR_ARGUMENT, "encoder's reverse is no, and yes is asked for");
    s = second.s;
    s.text.target_level.level = DS_WORD;
    s.min_count = 1;
    expect_refusal(&s, ERR_ARGUMENT, "level of targets is char, and word is asked for");
    s = second.s;
    s.init = in("nothing");
    expect_refusal(&s, ERR_MISSING, "nothing");
    error err = {0};
    s = cap_train_defaults();
    s.init = first.out;
    assert_int_equal(cap_train_take_sizes(&s, &err), ERR_MISMATCH);
    assert_non_null(strstr(err.text, "translates text; it does not describe images"));
}

static void sizes_are_taken_over(void **unused)
{
    (void)unused;
    task first, second;
    heard h = {0};
    error err = {0};
    train_two(&first, &second);
    second.s.decoder = cap_decoder_text_defaults();
    second.s.text.encoder = cap_encoder_text_defaults();
    second.s.text.source_level.level = second.s.text.target_level.level = DS_WORD;
    if (cap_train_take_sizes(&second.s, &err)) fail_msg("%s", err.text);
    cap_lstm_settings_of(&second.s.decoder)->dropout = 0.1; /* is of training, not of the model */
    go_well(&second.s, &h);
    second.s.run.force = false;
    second.s.run.resume = true;
    second.s.init = NULL;
    expect_refusal(&second.s, ERR_MISMATCH, "cannot resume");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_weights_are_kept),
        cmocka_unit_test(other_sizes_are_refused),
        cmocka_unit_test(sizes_are_taken_over),
    };
    return cmocka_run_group_tests(tests, make_data, folder_remove);
}
