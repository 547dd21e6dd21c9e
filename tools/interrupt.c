#include "tools/interrupt.h"

#include <signal.h>
#include <stddef.h>

/* The one thing a signal handler may touch; it lives as long as the process. */
static volatile sig_atomic_t asked;

static void on_signal(int number)
{
    (void)number;
    asked = 1;
}

static const int heeded[] = {SIGINT, SIGTERM, SIGHUP};
enum { HEEDED = sizeof heeded / sizeof *heeded };
static struct sigaction before[HEEDED];

void ui_heed_signals(void)
{
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    for (int i = 0; i < HEEDED; i++) {
        sigaction(heeded[i], NULL, &before[i]);
        if (heeded[i] != SIGHUP || before[i].sa_handler != SIG_IGN) sigaction(heeded[i], &action, NULL);
    }
}

void ui_leave_signals(void)
{
    for (int i = 0; i < HEEDED; i++) sigaction(heeded[i], &before[i], NULL);
}

bool ui_asked_to_stop(void *unused)
{
    (void)unused;
    return asked != 0;
}
