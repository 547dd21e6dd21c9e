#include "tools/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* ---- what is known without asking ---- */

static bool has(const char *whole, const char *part)
{
    return whole && strstr(whole, part);
}

static cap_colours find_colours(void)
{
    static const char *const names[] = {"direct", "kitty", "alacritty", "foot", "ghostty", "wezterm"};
    const char *colour = getenv("COLORTERM"), *term = getenv("TERM");
    bool all = has(colour, "truecolor") || has(colour, "24bit");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) all |= has(term, names[i]);
    return all ? CAP_COLOURS_ALL : CAP_COLOURS_256;
}

terminal terminal_find(void)
{
    const char *term = getenv("TERM"), *columns = getenv("COLUMNS");
    struct winsize size = {0};
    terminal t = {.colours = find_colours()};
    t.there = isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
    if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size)) {
        t.columns = size.ws_col;
        t.width = size.ws_xpixel;
    }
    if (t.columns < 1 && columns) t.columns = (int)strtol(columns, NULL, 10);
    if (t.columns < 1 || t.columns > 10000) t.columns = TERMINAL_COLUMNS;
    return t;
}

/* ---- asking ---- */

/* kitty's: a picture of one pixel, is it understood? Then DA1, which every terminal answers, so that the end
 * of the answers is seen. */
static const char question[] = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[c";

/* Is there a whole "ESC [ ? 1 ; 2 ; ... c"? *sixel: one of its numbers is 4. */
static bool find_attributes(const char *s, const char *end, bool *sixel)
{
    for (; s + 2 < end; s++) {
        if (memcmp(s, "\x1b[?", 3) != 0) continue;
        const char *at = s + 3;
        bool four = false;
        while (at < end && (*at == ';' || (*at >= '0' && *at <= '9'))) {
            four |= *at == '4' && at[-1] == ((at - s == 3) ? '?' : ';') && at + 1 < end &&
                    (at[1] == ';' || at[1] == 'c');
            at++;
        }
        if (at == end || *at != 'c') continue;
        *sixel = four;
        return true;
    }
    return false;
}

terminal_graphics terminal_read_answer(const char *answer, size_t size, bool *complete)
{
    static const char yes[] = "\x1b_Gi=31;OK";
    bool kitty = false, sixel = false;
    for (size_t i = 0; i + sizeof yes - 1 <= size; i++) kitty |= !memcmp(answer + i, yes, sizeof yes - 1);
    *complete = find_attributes(answer, answer + size, &sixel);
    return kitty ? TERMINAL_KITTY : sixel ? TERMINAL_SIXEL : TERMINAL_BLOCKS;
}

static int milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int)(now.tv_sec % 100000 * 1000 + now.tv_nsec / 1000000);
}

static terminal_graphics read_answers(int fd)
{
    char answer[512];
    size_t size = 0;
    bool complete = false;
    terminal_graphics found = TERMINAL_BLOCKS;
    int end = milliseconds() + TERMINAL_PATIENCE;
    while (!complete && size < sizeof answer) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int left = end - milliseconds();
        if (left <= 0 || poll(&wait, 1, left) <= 0) break;
        ssize_t n = read(fd, answer + size, sizeof answer - size);
        if (n <= 0) break;
        size += (size_t)n;
        found = terminal_read_answer(answer, size, &complete);
    }
    return complete ? found : TERMINAL_BLOCKS;
}

/* With what is typed neither shown nor held back up to the end of a line, as answers look typed. */
static terminal_graphics ask(int fd)
{
    struct termios before, raw;
    if (tcgetattr(fd, &before)) return TERMINAL_BLOCKS;
    raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(fd, TCSANOW, &raw)) return TERMINAL_BLOCKS;
    terminal_graphics found = TERMINAL_BLOCKS;
    ssize_t length = (ssize_t)sizeof question - 1;
    if (write(fd, question, sizeof question - 1) == length) found = read_answers(fd);
    tcsetattr(fd, TCSANOW, &before);
    return found;
}

terminal_graphics terminal_ask(void)
{
    sigset_t stopping, before;
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return TERMINAL_BLOCKS;
    bool foreground = tcgetpgrp(fd) == getpgrp();
    sigemptyset(&stopping);
    const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTOU, SIGTTIN};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaddset(&stopping, signals[i]);
    terminal_graphics found = TERMINAL_BLOCKS;
    if (foreground && !sigprocmask(SIG_BLOCK, &stopping, &before)) {
        found = ask(fd);
        sigprocmask(SIG_SETMASK, &before, NULL);
    }
    close(fd);
    return found;
}
