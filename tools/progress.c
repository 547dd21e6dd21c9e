#include "tools/progress.h"

#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 512, BAR = 24, NARROWEST = 20 };

static double monotonic_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int terminal_width(int fd)
{
    struct winsize size = {0};
    if (!isatty(fd)) return 0;
    if (ioctl(fd, TIOCGWINSZ, &size) || !size.ws_col) return 80;
    return size.ws_col < NARROWEST ? NARROWEST : size.ws_col;
}

void ui_progress_start(ui_progress *p)
{
    p->out = stderr;
    p->width = terminal_width(STDERR_FILENO);
    p->clock = monotonic_seconds;
    p->started = p->clock();
    p->shown_at = p->started;
    p->done = p->shown = p->first;
    p->bar_is_drawn = false;
}

void ui_format_time(char *text, size_t size, double seconds)
{
    long s = seconds < 0 ? 0 : seconds > 3.6e6 ? 3600000 : (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, size, "%ld:%02ld", s / 60, s % 60);
}

/* ---- one line of text ---- */

/* Appends to a line that is cut, never overrun. */
__attribute__((format(printf, 2, 3))) static void add(char line[LINE], const char *format, ...)
{
    size_t used = strlen(line);
    va_list args;
    va_start(args, format);
    vsnprintf(line + used, LINE - used, format, args);
    va_end(args);
}

static void add_bar(char line[LINE], long done, long total)
{
    char bar[BAR + 1];
    int filled = (int)((double)done / (double)total * BAR);
    for (int i = 0; i < BAR; i++) bar[i] = i < filled ? '#' : '.';
    bar[BAR] = '\0';
    add(line, " [%s]", bar);
}

static void add_rate(char line[LINE], const ui_progress *p, double seconds)
{
    double rate = seconds > 0 ? (double)(p->done - p->first) / seconds : 0;
    if (rate <= 0) return;
    add(line, rate < 9.95 ? "  %.1f/s" : "  %.0f/s", rate);
    if (!p->total || p->done >= p->total) return;
    char left[32];
    ui_format_time(left, sizeof left, (double)(p->total - p->done) / rate);
    add(line, "  %s left", left);
}

static void describe(char line[LINE], const ui_progress *p, double seconds, const char *note)
{
    line[0] = '\0';
    add(line, "%s", p->label);
    if (p->total > 0) {
        long done = p->done > p->total ? p->total : p->done;
        if (p->width >= 60) add_bar(line, done, p->total);
        add(line, " %3d%%  %ld/%ld %s", (int)(100.0 * (double)done / (double)p->total), p->done, p->total,
            p->unit);
    } else {
        add(line, "  %ld %s", p->done, p->unit);
    }
    add_rate(line, p, seconds);
    if (note && *note) add(line, "  %s", note);
}

/* The first `columns` columns of UTF-8 text; a letter is not cut in two. */
static void cut(char *line, int columns)
{
    for (; *line; line++)
        if (((unsigned char)*line & 0xC0) != 0x80 && columns-- == 0) {
            *line = '\0';
            return;
        }
}

/* ---- when and where it is shown ---- */

static bool is_due(const ui_progress *p, double now)
{
    double since = now - p->shown_at;
    if (p->width) return since >= 0.1 || !p->bar_is_drawn;
    double so_far = now - p->started, period = so_far / 20 > 10 ? so_far / 20 : 10;
    return since >= period || (p->total > 0 && p->done * 10 / p->total > p->shown * 10 / p->total);
}

void ui_progress_update(ui_progress *p, long done, const char *note)
{
    p->done = done;
    if (p->quiet) return;
    double now = p->clock();
    if (!is_due(p, now)) return;
    char line[LINE];
    describe(line, p, now - p->started, note);
    if (p->width) {
        cut(line, p->width - 1); /* a full last column would wrap */
        fprintf(p->out, "\r%s\033[K", line);
        p->bar_is_drawn = true;
    } else {
        fprintf(p->out, "%s\n", line);
    }
    fflush(p->out);
    p->shown_at = now;
    p->shown = done;
}

void ui_progress_clear(ui_progress *p)
{
    if (!p->bar_is_drawn) return;
    fputs("\r\033[K", p->out);
    fflush(p->out);
    p->bar_is_drawn = false;
}

void ui_progress_finish(ui_progress *p)
{
    if (p->quiet) return;
    ui_progress_clear(p);
    double seconds = p->clock() - p->started;
    char spent[32];
    ui_format_time(spent, sizeof spent, seconds);
    fprintf(p->out, "%s: %ld %s in %s", p->label, p->done - p->first, p->unit, spent);
    if (seconds >= 0.1) fprintf(p->out, ", %.1f/s", (double)(p->done - p->first) / seconds);
    fputc('\n', p->out);
}
