/* Progress of a long job, on stderr: on a terminal a bar with rate and time left that redraws itself, in a
 * log plain lines now and then.
 *
 *     ui_progress p = {.label = "epoch 3", .unit = "captions", .total = 30000, .quiet = quiet};
 *     ui_progress_start(&p);
 *     for (...) ui_progress_update(&p, done, "loss 3.214");
 *     ui_progress_finish(&p);
 *
 * A terminal sees at most 10 redraws a second. A log gets a line per tenth of the work, and in between when
 * 10 seconds, or later a twentieth of the time so far, have passed without one. Updates are cheap: call them
 * for every item. One thread. */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct ui_progress {
    /* set by the caller before the start */
    const char *label; /* what is going on, "epoch 3"; must live until the finish */
    const char *unit;  /* what is counted, "captions" */
    long total;        /* units in all; 0 = unknown */
    long first;        /* units that were done before the start (a resumed run): not part of the rate */
    bool quiet;        /* say nothing at all */

    /* set by the start; tests put their own in afterwards */
    FILE *out;
    int width;             /* columns of the terminal; 0 = not a terminal */
    double (*clock)(void); /* seconds, any origin */

    /* what has been shown */
    double started, shown_at;
    long done, shown;
    bool bar_is_drawn;
} ui_progress;

void ui_progress_start(ui_progress *p);

/* The rate is of the time since the start, so start before the first unit is begun, not when it is done.
 * `done` counts from 0 to total, `first` included. The note ("loss 3.214") follows the numbers; NULL = none.
 */
void ui_progress_update(ui_progress *p, long done, const char *note);

/* Takes the bar off the line, so that something else can be printed; the next update draws it again. */
void ui_progress_clear(ui_progress *p);

/* Leaves one line that says how much was done in what time. */
void ui_progress_finish(ui_progress *p);

/* "0:07", "12:34", "3:02:01": hours only where there are some. */
void ui_format_time(char *text, size_t size, double seconds);

#endif
