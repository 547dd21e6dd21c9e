/* caption: says in a sentence what a photo shows. This file finds the verb; tools/VERB.c does the work. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/verbs.h"

static int print_short_usage(void)
{
    fputs(
        "caption: no photo given\n"
        "usage: caption [options] PHOTO...\n"
        "       caption VERB [options] ...\n"
        "See 'caption --help'.\n",
        stderr);
    return VERB_USAGE;
}

/* The whole man page: every verb writes its own section from its option table. */
static int print_man_page(void)
{
    printf(
        ".TH CAPTION 1 \"\" \"caption %s\" \"User commands\"\n"
        ".SH NAME\n"
        "caption \\- say in a sentence what a photo shows, and where each word looked\n"
        ".SH SYNOPSIS\n"
        ".B caption\n"
        "[\\fIoptions\\fR] \\fIPHOTO\\fR...\n"
        ".br\n"
        ".B caption\n"
        "\\fIVERB\\fR [\\fIoptions\\fR] ...\n"
        ".SH VERBS\n",
        CAPTION_VERSION);
    for (const verb *v = verbs; v->name; v++) {
        char name[32], man[] = "--man";
        snprintf(name, sizeof name, "%s", v->name);
        char *arguments[] = {name, man, NULL};
        int verdict = v->run(2, arguments);
        if (verdict) return verdict;
    }
    fputs(
        ".SH EXIT STATUS\n"
        "0 when all went well, 1 when something failed, 2 when the command line was wrong.\n"
        ".SH ENVIRONMENT\n"
        ".TP\n"
        ".B CAPTION_CPU\n"
        "generic, avx2, avx512 or amx: use no CPU feature above this one.\n",
        stdout);
    return VERB_DONE;
}

/* Someone who types `caption trian` means a verb; `./trian`, `trian.jpg` and any file that exists are photos.
 */
static const verb *misspelt_verb(const char *word)
{
    if (word[0] == '-' || strpbrk(word, "./") || access(word, F_OK) == 0) return NULL;
    for (const verb *v = verbs; v->name; v++)
        if (opt_is_near(word, v->name)) return v;
    return NULL;
}

static int run(int argc, char **argv)
{
    if (argc < 2) return print_short_usage();
    if (!strcmp(argv[1], "--man")) return print_man_page();
    const verb *v = verb_find(argv[1]);
    if (v) return v->run(argc - 1, argv + 1);
    const verb *near = misspelt_verb(argv[1]);
    if (near) {
        fprintf(stderr, "caption: no photo and no verb '%.80s'; did you mean '%s'? (see 'caption --help')\n",
                argv[1], near->name);
        return VERB_USAGE;
    }
    return verb_describe(argc, argv); /* a command line without a verb describes photos */
}

/* A standard stream that was closed by the caller would lend its number to the next file opened, and our
 * text would land there. Read-only, so that writing fails and is noticed. */
static void occupy_standard_streams(void)
{
    int fd;
    do fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) close(fd);
}

int main(int argc, char **argv)
{
    occupy_standard_streams();
    /* A reader that goes away (`caption ... | head -1`) is reported like any other failed write: a verb may
     * hold files that must be finished or removed, so the signal must not end it. */
    signal(SIGPIPE, SIG_IGN);
    int verdict = run(argc, argv);
    errno = 0;
    bool failed = ferror(stdout) != 0;
    if ((fclose(stdout) || failed) && verdict == VERB_DONE) {
        fprintf(stderr, "caption: cannot write to standard output: %s\n",
                errno ? strerror(errno) : "write error");
        return VERB_FAILED;
    }
    return verdict;
}
