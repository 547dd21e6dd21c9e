/* Signals that ask a long run to save what it has and end: SIGINT (Ctrl-C), SIGTERM, and SIGHUP, when the
 * terminal goes away. The first of each kind is remembered; a second one ends the program at once. */
#ifndef TOOLS_INTERRUPT_H
#define TOOLS_INTERRUPT_H

#include <stdbool.h>

/* From now on. A SIGHUP that is ignored, as under nohup, stays ignored. */
void ui_heed_signals(void);

/* They do again what they did before. */
void ui_leave_signals(void);

bool ui_asked_to_stop(void *unused); /* has the form of the trainers' event `stop` */

#endif
