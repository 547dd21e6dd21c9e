#include "tools/verbs.h"

#include <string.h>

#include "src/math/gemm.h"
#include "src/math/kernels.h"
#include "tools/outputs.h"

const verb verbs[] = {
#define X(name, summary) {#name, summary, verb_##name},
    VERB_LIST(X)
#undef X
        {0},
};

const verb *verb_find(const char *name)
{
    for (const verb *v = verbs; v->name; v++)
        if (!strcmp(v->name, name)) return v;
    return NULL;
}

void verb_print_list(FILE *out)
{
    fputs("\nVerbs ('caption VERB --help' says more):\n", out);
    for (const verb *v = verbs; v->name; v++) {
        int column = fprintf(out, "  %-12s", v->name);
        opt_print_wrapped(out, v->summary, column, column);
    }
}

/* What --precision auto means here, and why. */
static void print_fastest(FILE *out)
{
    static const char *const names[] = {[PACKED_F32] = "f32", [PACKED_BF16] = "bf16", [PACKED_I8] = "int8"};
    const kernels_fastest *f = &kernels_best()->fastest;
    fprintf(out, "  --precision auto encoder %s, words %s, fastest in training %s (%s)\n", names[f->encoder],
            names[f->words], names[f->training], f->why);
}

void verb_print_version(FILE *out)
{
    char flags[CPU_NAME_SIZE];
    /* The first word and number are what scripts read. */
    fprintf(out, "caption %s\n", CAPTION_VERSION);
    fprintf(out, "  matrix products  %s\n", gemm_library());
    fprintf(out, "  CPU features     %s\n", cpu_flags_name(cpu_get_flags(), flags));
    print_fastest(out);
    fprintf(out, "  libjpeg-turbo    %s\n", CAPTION_JPEG_VERSION);
    fprintf(out, "  libpng           %s\n", CAPTION_PNG_VERSION);
    fprintf(out, "  jansson          %s\n", CAPTION_JANSSON_VERSION);
    fprintf(out, "  libwebp          %s\n", CAPTION_WEBP_VERSION);
    fprintf(out, "  libheif          %s\n", CAPTION_HEIF_VERSION);
    fprintf(out, "  libtiff          %s\n", CAPTION_TIFF_VERSION);
    fprintf(out, "  giflib           %s\n", CAPTION_GIF_VERSION);
    fprintf(out, "  LibRaw           %s\n", CAPTION_RAW_VERSION);
    fprintf(out, "  lcms2            %s\n", CAPTION_LCMS2_VERSION);
    fprintf(out, "  expat            %s\n", CAPTION_EXPAT_VERSION);
    fprintf(out, "  utf8proc         %s\n", CAPTION_UTF8PROC_VERSION);
    fprintf(out, "  pango            %s\n", CAPTION_PANGO_VERSION);
}

/* True: no file that the command line names for writing is also read, or written twice. */
static bool check_outputs(const opt_command *command, char **operand, int operands, int *verdict)
{
    outputs files = {0};
    error err = {0};
    err_code code = outputs_add_options(&files, command, operand, operands, &err);
    outputs_release(&files);
    if (code) *verdict = code == ERR_ARGUMENT ? VERB_USAGE : VERB_FAILED;
    if (code) fprintf(stderr, "caption: %s\n", err.text);
    return !code;
}

bool verb_begin(const opt_command *command, int *argc, char **argv, int *verdict)
{
    opt_wish wish;
    error err = {0};
    *verdict = VERB_DONE;
    if (opt_parse(command, argc, argv, &wish, &err)) {
        fprintf(stderr, "caption: %s\n", err.text);
        *verdict = VERB_USAGE;
        return false;
    }
    switch (wish) {
    case OPT_HELP:
        opt_print_help(command, stdout);
        if (!*command->verb) verb_print_list(stdout);
        return false;
    case OPT_VERSION:
        verb_print_version(stdout);
        return false;
    case OPT_MAN:
        opt_print_man(command, stdout);
        return false;
    case OPT_RUN:
        break;
    }
    return check_outputs(command, argv + 1, *argc - 1, verdict);
}

int verb_misuse(const opt_command *command, const char *problem)
{
    fprintf(stderr, "caption: %s (see 'caption%s%s --help')\n", problem, *command->verb ? " " : "",
            command->verb);
    return VERB_USAGE;
}

int verb_fail(const error *err)
{
    fprintf(stderr, "caption: %s\n", err->text);
    return VERB_FAILED;
}
