/* The option table: what is accepted, what is refused in which words, and that the help fits a terminal. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/io/fields.h"
#include "tools/options.h"

typedef struct settings {
    int beam;
    double rate;
    bool json, quiet;
    const char *model, *match, *source[3];
    uint64_t pixels;
} settings;

enum { MOST = 12 };

/* Parses the words (NULL-terminated); operands come back in words[0..*operands-1]. */
static err_code parse(settings *s, const char **words, int *operands, opt_wish *wish, error *err)
{
    *s = (settings){.beam = 3, .rate = 0.5, .match = "sigmoid", .pixels = 250000000};
    const opt options[] = {
        {"Searching", .kind = OPT_GROUP},
        {"beam", 'b', OPT_INT, "K", &s->beam, 1, 100, "sentences kept"},
        {"match", 0, OPT_CHOICE, "sigmoid|dot|none", &s->match, .help = "matching function"},
        {"Other things", .kind = OPT_GROUP},
        {"rate", 'r', OPT_DOUBLE, "X", &s->rate, 0, INFINITY, "a rate"},
        {"json", 'j', OPT_FLAG, NULL, &s->json, .help = "write JSON"},
        {"quiet", 'q', OPT_FLAG, NULL, &s->quiet, .help = "say nothing"},
        {"model", 'm', OPT_STRING, "FILE", &s->model, .help = "the model"},
        {"source", 's', OPT_LIST, "DIR", s->source, 0, 2, "a folder"},
        {"max-pixels", 0, OPT_SIZE, "N", &s->pixels, .help = "the largest photo"},
        {0},
    };
    const opt_command command = {"", "PHOTO...", 1, OPT_ANY, "About.", options, NULL};
    char *argv[MOST + 2] = {(char *)(uintptr_t) "caption"};
    int argc = 1;
    for (; words[argc - 1]; argc++) argv[argc] = (char *)(uintptr_t)words[argc - 1];
    err_code code = opt_parse(&command, &argc, argv, wish, err);
    *operands = argc - 1;
    for (int i = 1; i < argc; i++) words[i - 1] = argv[i];
    return code;
}

#define PARSE(s, ...)                                                                                        \
    const char *words[MOST + 1] = {__VA_ARGS__};                                                             \
    int operands;                                                                                            \
    opt_wish wish;                                                                                           \
    error err = {0};                                                                                         \
    err_code code = parse(&(s), words, &operands, &wish, &err)

static void every_form_of_an_option(void **state)
{
    (void)state;
    settings s;
    PARSE(s, "a.jpg", "--beam=5", "-qj", "--rate", "1e-3", "-", "-mfile", "--max-pixels", "4Ki", "--match",
          "dot");
    assert_int_equal(code, ERR_OK);
    assert_int_equal(wish, OPT_RUN);
    assert_int_equal(operands, 2);
    assert_string_equal(words[0], "a.jpg");
    assert_string_equal(words[1], "-");
    assert_int_equal(s.beam, 5);
    assert_true(s.quiet && s.json);
    assert_true(s.rate == 1e-3);
    assert_string_equal(s.model, "file");
    assert_string_equal(s.match, "dot");
    assert_int_equal(s.pixels, 4096);
}

static void a_list_takes_several(void **state)
{
    (void)state;
    settings s;
    {
        PARSE(s, "--source=a", "x.jpg", "-sb");
        assert_int_equal(code, ERR_OK);
        assert_int_equal(operands, 1);
        assert_string_equal(s.source[0], "a");
        assert_string_equal(s.source[1], "b");
        assert_null(s.source[2]);
    }
    PARSE(s, "-sa", "-sb", "-sc", "x.jpg");
    assert_int_equal(code, ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "'--source' was given over 2 times"));
    assert_null(s.source[2]);
    assert_int_equal(wish, OPT_RUN);
    (void)operands;
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    settings s;
    PARSE(s, "-b", "7", "--", "--beam", "-q");
    assert_int_equal(code, ERR_OK);
    assert_int_equal(operands, 2);
    assert_string_equal(words[0], "--beam");
    assert_string_equal(words[1], "-q");
    assert_int_equal(s.beam, 7);
    assert_false(s.quiet);
}

static void help_wins_and_changes_nothing(void **state)
{
    (void)state;
    settings s;
    PARSE(s, "--beam", "9", "--help", "--nonsense");
    assert_int_equal(code, ERR_OK);
    assert_int_equal(wish, OPT_HELP);
    assert_int_equal(s.beam, 3);
}

static void help_as_a_value_is_a_value(void **state)
{
    (void)state;
    settings s;
    PARSE(s, "--model", "--help", "x");
    assert_int_equal(code, ERR_OK);
    assert_int_equal(wish, OPT_RUN);
    assert_string_equal(s.model, "--help");
}

static void sizes_have_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"0", 0},
                {"7", 7},
                {"250M", 250000000},
                {"2k", 2000},
                {"2K", 2000},
                {"3Gi", 3221225472},
                {"1T", 1000000000000},
                {"18446744073709551615", UINT64_MAX}};
    static const char *const bad[] = {"-1",          "x", "1X", "1.5M", "1Mi2", "1i", "18446744073709551616",
                                      "99999999999G"};
    (void)state;
    settings s;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        PARSE(s, "x", "--max-pixels", good[i].text);
        assert_int_equal(code, ERR_OK);
        assert_true(s.pixels == good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        PARSE(s, "x", "--max-pixels", bad[i]);
        assert_int_equal(code, ERR_ARGUMENT);
        assert_true(s.pixels == 250000000);
    }
}

static void refusals_say_why(void **state)
{
    static const struct {
        const char *words[3], *says;
    } cases[] = {
        {{"x", "--baem", "5"}, "unknown option '--baem'; did you mean '--beam'? (see 'caption --help')"},
        {{"x", "--baem=5"}, "unknown option '--baem'; did you mean '--beam'? (see 'caption --help')"},
        {{"x", "--max"}, "unknown option '--max'; did you mean '--max-pixels'? (see 'caption --help')"},
        {{"x", "--hlep"}, "unknown option '--hlep'; did you mean '--help'? (see 'caption --help')"},
        {{"x", "--frobnicate"}, "unknown option '--frobnicate' (see 'caption --help')"},
        {{"x", "-z"}, "unknown option '-z' (see 'caption --help')"},
        {{"x", "--beam"}, "option '--beam' needs a value (K) (see 'caption --help')"},
        {{"x", "--beam", "0"},
         "option '--beam' takes a whole number from 1 to 100, not '0' (see 'caption --help')"},
        {{"x", "--beam=3x"},
         "option '--beam' takes a whole number from 1 to 100, not '3x' (see 'caption --help')"},
        {{"x", "--beam="},
         "option '--beam' takes a whole number from 1 to 100, not '' (see 'caption --help')"},
        {{"x", "-b99999999999"},
         "option '--beam' takes a whole number from 1 to 100, not '99999999999' (see 'caption --help')"},
        {{"x", "--rate", "-1"},
         "option '--rate' takes a number of at least 0, not '-1' (see 'caption --help')"},
        {{"x", "--rate", "nan"},
         "option '--rate' takes a number of at least 0, not 'nan' (see 'caption --help')"},
        {{"x", "--rate", "1e999"},
         "option '--rate' takes a number of at least 0, not '1e999' (see 'caption --help')"},
        {{"x", "--match", "do"},
         "option '--match' takes one of sigmoid|dot|none, not 'do' (see 'caption --help')"},
        {{"x", "--match", "sigmoid|dot"},
         "option '--match' takes one of sigmoid|dot|none, not 'sigmoid|dot' (see 'caption --help')"},
        {{"x", "--match="}, "option '--match' takes one of sigmoid|dot|none, not '' (see 'caption --help')"},
        {{"x", "--json=1"}, "option '--json' takes no value, but got '1' (see 'caption --help')"},
        {{"x", "--model="}, "option '--model' needs a value (FILE), not '' (see 'caption --help')"},
        {{"--json"}, "'PHOTO...' is missing from the command line (see 'caption --help')"},
    };
    (void)state;
    settings s;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        PARSE(s, cases[i].words[0], cases[i].words[1], cases[i].words[2]);
        assert_int_equal(code, ERR_ARGUMENT);
        assert_string_equal(err.text, cases[i].says);
        assert_false(s.json);
    }
}

static void long_and_strange_words_stay_one_message(void **state)
{
    (void)state;
    settings s;
    char word[5000];
    memset(word, 'a', sizeof word);
    memcpy(word, "--", 2);
    word[sizeof word - 1] = '\0';
    PARSE(s, "x", word);
    assert_int_equal(code, ERR_ARGUMENT);
    assert_non_null(strstr(err.text, "(see 'caption --help')"));
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(opt_distance("", ""), 0);
    assert_int_equal(opt_distance("", "abc"), 3);
    assert_int_equal(opt_distance("kitten", "sitting"), 3);
    assert_int_equal(opt_distance("train", "trian"), 1);
    assert_int_equal(opt_distance("ca", "abc"),
                     3); /* aligned strings: not the 2 of Damerau's full distance */
    assert_int_equal(opt_distance("saturday", "sunday"), 3);
}

static void help_fits_80_columns(void **state)
{
    static const char *const expected[] = {"Usage: caption score [options] FILE\n", "  -n, --number N",
                                           "(default 3)", "\nExamples:\n  caption score x\n", "--help"};
    (void)state;
    int number = 3;
    const char *long_help =
        "long words of help that go on for a good while so that they need several lines, "
        "wörds wïth äccents count by letter, until the end of the text is there";
    const opt options[] = {
        {"Things", .kind = OPT_GROUP},
        {"number", 'n', OPT_INT, "N", &number, 1, 9, long_help},
        {"a-name-that-is-much-too-long-for-its-column", 0, OPT_STRING, "FILE", NULL, .help = long_help},
        {"match", 0, OPT_CHOICE, "sigmoid|additive|dot|scaled-dot|general|none|and-more-of-the-kind", NULL,
         .help = long_help},
        {0},
    };
    const opt_command command = {"score", "FILE", 1, 1, long_help, options, "  caption score x\n"};
    char *page = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&page, &size);
    opt_print_help(&command, out);
    fclose(out);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_non_null(strstr(page, expected[i]));
    int columns = 0;
    for (const char *p = page; *p; p++) {
        columns = *p == '\n' ? 0 : columns + (((unsigned char)*p & 0xC0) != 0x80);
        assert_true(columns <= 80);
        if (*p == '\n' && p > page) assert_true(p[-1] != ' ');
    }
    free(page);
}

static void an_option_is_seen_where_it_is_one(void **state)
{
    (void)state;
    static const struct {
        const char *words[5];
        bool given;
    } cases[] = {{{"a.jpg", "--model", "m"}, true},
                 {{"--model=m"}, true},
                 {{"-mfile"}, true},
                 {{"-jm", "file"}, true},
                 {{"a.jpg"}, false},
                 {{"--match", "--model"}, false},
                 {{"--", "--model", "m"}, false},
                 {{"--beam", "3", "--model", "m"}, true},
                 {{"--help", "--model", "m"}, false},
                 {{"--no-such", "--model", "m"}, false}};
    const char *match = "dot", *model = NULL;
    int beam = 1;
    bool json = false;
    const opt options[] = {{"beam", 'b', OPT_INT, "K", &beam, 1, 100, "sentences kept"},
                           {"match", 0, OPT_STRING, "NAME", &match, .help = "matching function"},
                           {"json", 'j', OPT_FLAG, NULL, &json, .help = "write JSON"},
                           {"model", 'm', OPT_STRING, "FILE", &model, .help = "the model"},
                           {0}};
    const opt_command command = {"", "PHOTO...", 0, OPT_ANY, "About.", options, NULL};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *argv[6] = {(char *)(uintptr_t) "caption"};
        int argc = 1;
        for (; cases[i].words[argc - 1]; argc++) argv[argc] = (char *)(uintptr_t)cases[i].words[argc - 1];
        if (opt_given(&command, argc, argv, "model") != cases[i].given) fail_msg("case %zu", i);
        assert_true(!model && beam == 1 && !json);
    }
}

/* ---- tables of fields ---- */

typedef struct sizes {
    int hidden, heads;
    bool gate;
} sizes;

#define SIZE(field, type) .name = #field, .kind = type, .offset = offsetof(sizes, field)

static const io_field plain[] = {{SIZE(hidden, IO_FIELD_INT), .least = 1, .most = 64},
                                 {SIZE(heads, IO_FIELD_INT), .least = 1, .most = 64, .unsaid = "1"},
                                 {SIZE(gate, IO_FIELD_SWITCH)},
                                 {0}},
                      proud[] = {{SIZE(hidden, IO_FIELD_INT), .least = 1, .most = 64},
                                 {SIZE(heads, IO_FIELD_INT), .least = 1, .most = 64},
                                 {SIZE(gate, IO_FIELD_SWITCH)},
                                 {0}};

static void expect_printed(const io_field *fields, const sizes *s, const char *expected)
{
    text line = {0};
    io_fields_print(fields, s, &line);
    assert_string_equal(text_string(&line), expected);
    text_release(&line);
}

static void what_goes_without_saying_is_no_wish(void **state)
{
    (void)state;
    sizes one = {7, 1, false}, two = {9, 2, true}, to = {5, 4, true};
    expect_printed(plain, &one, "hidden 7");
    expect_printed(plain, &two, "hidden 9, heads 2, gate");
    expect_printed(proud, &one, "hidden 7, heads 1");
    io_fields_copy(proud, &to, plain, &one);
    assert_true(to.hidden == 7 && to.heads == 4 && !to.gate);
    io_fields_copy(proud, &to, plain, &two);
    assert_true(to.hidden == 9 && to.heads == 2 && to.gate);
    io_fields_copy(plain, &to, proud, &one);
    assert_true(to.hidden == 7 && to.heads == 1 && !to.gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_an_option),
        cmocka_unit_test(a_list_takes_several),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(help_wins_and_changes_nothing),
        cmocka_unit_test(help_as_a_value_is_a_value),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(long_and_strange_words_stay_one_message),
        cmocka_unit_test(distances),
        cmocka_unit_test(an_option_is_seen_where_it_is_one),
        cmocka_unit_test(help_fits_80_columns),
        cmocka_unit_test(what_goes_without_saying_is_no_wish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
