/* caption: says in a sentence what a photo shows. This file finds the verb; tools/VERB.c does the work. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "src/math/gemm.h"
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
        "generic, avx2, avx512, vnni, bf16 or amx, or several joined by '+': use no CPU features but these\n"
        "and those that they build on.\n",
        stdout);
    return VERB_DONE;
}

/* `./trian`, `trian.jpg`, options and any file that exists are photos. */
static bool may_be_verb(const char *word)
{
    return word[0] && word[0] != '-' && !strpbrk(word, "./") && access(word, F_OK);
}

/* Someone who types `caption trian` means a verb, and so may someone who types `caption paint`. */
static bool is_wrong_verb(int argc, char **argv)
{
    const char *word = argv[1];
    if (!may_be_verb(word)) return false;
    const verb *near = verbs;
    while (near->name && !opt_is_near(word, near->name)) near++;
    if (!near->name && argc > 2) return false;
    error err = {0};
    if (near->name)
        err_set(&err, ERR_ARGUMENT, "no photo and no verb '%.80s'; did you mean '%s'?", word, near->name);
    else
        err_set(&err, ERR_ARGUMENT, "no photo and no verb '%.80s'", word);
    fprintf(stderr, "caption: %s (see 'caption --help')\n", err.text);
    return true;
}

static int run(int argc, char **argv)
{
    if (argc < 2) return print_short_usage();
    if (!strcmp(argv[1], "--man")) return print_man_page();
    const verb *v = verb_find(argv[1]);
    if (v) return v->run(argc - 1, argv + 1);
    if (is_wrong_verb(argc, argv)) return VERB_USAGE;
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

/* Did the reader of a pipe go away? */
static bool reader_is_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR);
}

/* The last word on standard output, after the verb. */
static int finish_stdout(int verdict)
{
    bool gone = reader_is_gone(), failed = ferror(stdout) != 0;
    errno = 0;
    failed = fclose(stdout) || failed;
    if (failed && gone) {
        /* Who leaves `caption ... | head -1` has what it wanted: end without a word, as other programs do. */
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    if (!failed || verdict != VERB_DONE) return verdict;
    fprintf(stderr, "caption: cannot write to standard output: %s\n",
            errno ? strerror(errno) : "write error");
    return VERB_FAILED;
}

/* Memory of 4 MiB and more goes back to the system when it is freed. Left alone, glibc raises its bound to
 * the size of what is freed, up to 32 MiB, and keeps the next ones; among growing arenas that leaves holes,
 * 120 MiB of them in training. */
static void return_large_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
#endif
}

/* OpenBLAS takes these settings from nowhere else. What the user has set stays. */
static void set_environment(void)
{
    for (const gemm_setting *s = gemm_settings(); s->name; s++) setenv(s->name, s->value, 0);
}

int main(int argc, char **argv)
{
    set_environment();
    occupy_standard_streams();
    return_large_memory();
    /* Failed writes are reported, or handled above: a verb may hold files that must be finished or removed,
     * so neither a reader that goes away nor a limit on the size of files may end it. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    return finish_stdout(run(argc, argv));
}
