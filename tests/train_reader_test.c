/* Training of readers: it learns, starts from weights of BERT and from its own, resumes to the same bits, and
 * says what is wrong with lines and labels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "captioner/caption.h"
#include "captioner/train/train_reader.h"
#include "src/base/text.h"
#include "tests/training.h"

#define TINY TEST_SOURCE_DIR "/golden/tiny_bert/model.safetensors"

static const char train_lines[] =
    "sentence\tlabel\n"
    "a good film\tgood\nthe film was bad\tbad\nvery funny\tgood\n"
    "dull and bad\tbad\nit is not good\tbad\nnot bad\tgood\nThe film is funny\tgood\n"
    "a dull film\tbad\n";
static const char val_lines[] = "good and funny\tgood\nvery dull\tbad\nfunny film\tgood\n";

typedef struct place {
    char folder[64], train[100], val[100], out[100];
} place;

static void write_text(const char *path, const char *content)
{
    error err = {0};
    if (io_write_file(path, content, strlen(content), &err)) fail_msg("%s", err.text);
}

static cap_reader_settings begin(place *p, const char *train, const char *val)
{
    snprintf(p->folder, sizeof p->folder, "/tmp/reader_XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->train, sizeof p->train, "%s/train.tsv", p->folder);
    snprintf(p->val, sizeof p->val, "%s/val.tsv", p->folder);
    snprintf(p->out, sizeof p->out, "%s/out.safetensors", p->folder);
    write_text(p->train, train);
    write_text(p->val, val);
    cap_reader_settings s = cap_classify_defaults();
    s.lines = p->train;
    s.val = p->val;
    s.init = TINY;
    s.run.out = p->out;
    s.run.epochs = 30;
    s.set.body.dropout = s.set.head_dropout = 0; /* a net of eight numbers has none to spare */
    s.run.batch = 4;
    s.run.rate = 0.01;
    s.run.threads = 1;
    s.dtype = IO_F32;
    return s;
}

static void end(const place *p)
{
    remove_tree(p->folder);
}

typedef struct listener {
    char said[2000];
    double goodness, accuracy, val_loss;
    int epochs, stop_in;
} listener;

static void hear(void *ctx, const char *sentence)
{
    listener *l = ctx;
    size_t used = strlen(l->said);
    snprintf(l->said + used, sizeof l->said - used, "%s\n", sentence);
}

static void hear_epoch(void *ctx, const cap_epoch *e)
{
    listener *l = ctx;
    l->epochs++;
    l->goodness = e->goodness;
    l->accuracy = e->accuracy;
    l->val_loss = e->val_loss;
}

static bool stop_now(void *ctx)
{
    listener *l = ctx;
    return l->stop_in && !--l->stop_in;
}

static err_code run(const cap_reader_settings *s, listener *l, error *err)
{
    const cap_train_events events = {.ctx = l, .say = hear, .epoch = hear_epoch, .stop = stop_now};
    int stop_in = l->stop_in;
    *l = (listener){.stop_in = stop_in};
    *err = (error){0};
    return cap_train_reader(s, &events, err);
}

static void run_well(const cap_reader_settings *s, listener *l)
{
    error err;
    if (run(s, l, &err)) fail_msg("%s", err.text);
}

static void refuse(const char *train, const char *val, err_code code, const char *problem)
{
    place p;
    listener l = {0};
    error err;
    cap_reader_settings s = begin(&p, train, val);
    if (run(&s, &l, &err) != code || !strstr(err.text, problem))
        fail_msg("'%s' does not say '%s'", err.text, problem);
    assert_int_equal(l.epochs, 0);
    end(&p);
}

/* ---- classes ---- */

static void expect_label(const char *model, const char *line, const char *label)
{
    cap_classifier *c;
    cap_verdict v;
    error err = {0}, reason;
    if (cap_classifier_open(model, CAP_F32, 1, &c, &err)) fail_msg("%s", err.text);
    if (cap_classify(c, &line, 1, true, &v, &reason, &err)) fail_msg("%s", err.text);
    assert_string_equal(cap_classifier_label(c, v.label), label);
    assert_true(v.probability[v.label] >= 0.5F);
    for (int h = 0; h < v.heads; h++) {
        float sum = 0;
        for (int i = 0; i < v.pieces; i++) sum += v.attention[h * v.pieces + i];
        assert_true(fabsf(sum - 1) < 1e-5F);
    }
    assert_int_equal(v.heads, 2);
    assert_string_equal(v.piece[0], "[CLS]");
    cap_verdict blind;
    if (cap_classify(c, &line, 1, false, &blind, &reason, &err)) fail_msg("%s", err.text);
    assert_null(blind.attention);
    assert_true(fabsf(blind.probability[v.label] - v.probability[v.label]) < 1e-5F);
    cap_verdict_release(&v);
    cap_verdict_release(&blind);
    cap_classifier_close(&c);
}

/* Whoever shares weights keeps them when the first one is gone; a line that cannot be read has a reason. */
static void weights_are_shared(const char *model)
{
    cap_classifier *first = NULL, *second = NULL, *none = NULL;
    cap_verdict v[3];
    error err = {0}, reason[3];
    const char *lines[] = {"a good film", "not \xff UTF-8", ""};
    assert_int_equal(cap_classifier_open(model, CAP_F32, 1, &first, &err), ERR_OK);
    assert_int_equal(cap_classifier_share(first, -1, &none, &err), ERR_ARGUMENT);
    assert_int_equal(cap_classifier_share(first, 2, &second, &err), ERR_OK);
    cap_classifier_close(&first);
    assert_int_equal(cap_classify(second, lines, 3, false, v, reason, &err), ERR_OK);
    assert_int_equal(reason[0].code, ERR_OK);
    assert_int_equal(reason[1].code, ERR_FORMAT);
    assert_null(v[1].probability);
    assert_int_equal(reason[2].code, ERR_OK);
    assert_int_equal(cap_classifier_labels(second), 2);
    assert_null(cap_classifier_label(second, 2));
    assert_null(cap_classifier_label(second, -1));
    for (int i = 0; i < 3; i++) cap_verdict_release(&v[i]);
    cap_classifier_close(&second);
    cap_classifier_close(&none);
    cap_classifier_close(NULL);
    assert_int_equal(cap_classifier_open(NULL, CAP_F32, 1, &none, &err), ERR_ARGUMENT);
    assert_int_equal(cap_classifier_open(model, CAP_PRECISIONS, 1, &none, &err), ERR_ARGUMENT);
    assert_null(none);
}

static void classes_are_learned(void **state)
{
    (void)state;
    place p;
    listener l = {0};
    cap_reader_settings s = begin(&p, train_lines, train_lines);
    for (int pooling = 0; pooling < CAP_POOLS; pooling++) {
        s.set.pooling = (cap_pooling)pooling;
        s.run.force = pooling;
        run_well(&s, &l);
        assert_int_equal(l.epochs, 30);
        assert_true(l.accuracy > 0.9);
        assert_non_null(strstr(l.said, "8 lines, 8 to validate on; 50 pieces"));
        expect_label(p.out, "a good film", "good");
        expect_label(p.out, "the film was bad", "bad");
        weights_are_shared(p.out);
    }
    end(&p);
}

static void pieces_are_learned_without_a_start(void **state)
{
    (void)state;
    place p;
    listener l = {0};
    cap_reader_settings s = begin(&p, train_lines, train_lines);
    s.init = NULL;
    s.pieces = 80;
    s.set.body.hidden = 8;
    s.set.body.heads = 2;
    s.set.body.layers = 1;
    s.set.body.feed_forward = 16;
    s.set.body.positions = 20;
    s.run.epochs = 40;
    run_well(&s, &l);
    assert_true(l.accuracy > 0.9);
    expect_label(p.out, "a good film", "good");
    end(&p);
}

/* The file of a run that is stopped after two steps of some and goes on, with another number of threads. */
static void a_resumed_run_has_the_same_bits(void **state)
{
    (void)state;
    place p, q;
    listener l = {0};
    error err;
    for (int masked = 0; masked < 2; masked++) {
        cap_reader_settings s = begin(&p, train_lines, val_lines), t = begin(&q, train_lines, val_lines);
        s.masked = t.masked = masked;
        s.run.epochs = t.run.epochs = 3;
        s.run.command = t.run.command = "caption";
        run_well(&s, &l);
        l.stop_in = 3;
        assert_int_equal(run(&t, &l, &err), ERR_INTERRUPTED);
        t.run.resume = true;
        t.run.threads = 3;
        l.stop_in = 0;
        run_well(&t, &l);
        assert_same_file(p.out, q.out, "");
        end(&p);
        end(&q);
    }
}

/* ---- masked words ---- */

static void masked_words_are_learned_and_are_a_start(void **state)
{
    (void)state;
    place p, q;
    listener l = {0};
    text corpus = {0};
    for (int i = 0; i < 20; i++)
        text_append(&corpus, i % 2 ? "the film is very good\n" : "\n  a dull film was not funny \n");
    cap_reader_settings s = begin(&p, text_string(&corpus), text_string(&corpus));
    text_release(&corpus);
    s.masked = true;
    s.run.epochs = 1;
    run_well(&s, &l);
    double first = l.val_loss;
    s.run.epochs = 25;
    s.run.force = true;
    run_well(&s, &l);
    assert_true(l.goodness == -l.val_loss);
    if (!(l.val_loss < 0.7 * first)) fail_msg("%g at first, %g in the end", first, l.val_loss);
    cap_reader_settings t = begin(&q, train_lines, val_lines);
    t.init = p.out;
    run_well(&t, &l);
    assert_true(l.accuracy > 0.9);
    cap_classifier *c = NULL;
    error err = {0};
    assert_int_equal(cap_classifier_open(p.out, CAP_F32, 1, &c, &err), ERR_MISMATCH);
    assert_non_null(strstr(err.text, "fills in words and tells no classes"));
    end(&p);
    end(&q);
}

/* ---- what is refused ---- */

static void lines_and_labels_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    refuse("a\tb\nc d\n", val_lines, ERR_FORMAT, "line 2");
    refuse("a film\tgood\nbad\t\n", val_lines, ERR_FORMAT, "line 2 has no text or no label");
    refuse("a film\tgood\ndull\tgood\n", val_lines, ERR_ARGUMENT, "is of the class 'good'");
    refuse("text\tlabel\n", val_lines, ERR_FORMAT, "has no line below");
    refuse(train_lines, "a\tgood\nb\tfair\n", ERR_MISMATCH,
           "line 2 is of the class 'fair', which training never sees");
    refuse("a film\tgood\na a a a a a a a a a a a a a a a a a\tbad\n", val_lines, ERR_LIMIT,
           "line 2 has 20 pieces with [CLS] and [SEP], the model has 16 positions");
}

static void settings_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    place p;
    listener l = {0};
    error err;
    cap_reader_settings s = begin(&p, train_lines, val_lines);
    s.init = p.train;
    assert_int_equal(run(&s, &l, &err), ERR_FORMAT);
    s.init = TINY;
    s.smoothing = 1.5;
    assert_int_equal(run(&s, &l, &err), ERR_ARGUMENT);
    s.smoothing = 0;
    run_well(&s, &l);
    s.run.resume = true;
    s.set.body.dropout = 0.3;
    assert_int_equal(run(&s, &l, &err), ERR_MISMATCH);
    assert_non_null(strstr(err.text, "'dropout' was 0.0 and is now 0.3"));
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_learned),
        cmocka_unit_test(pieces_are_learned_without_a_start),
        cmocka_unit_test(a_resumed_run_has_the_same_bits),
        cmocka_unit_test(masked_words_are_learned_and_are_a_start),
        cmocka_unit_test(lines_and_labels_that_do_not_fit_are_refused),
        cmocka_unit_test(settings_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
