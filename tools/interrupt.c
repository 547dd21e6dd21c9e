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

static bool is_ignored(int number)
{
    struct sigaction before;
    return !sigaction(number, NULL, &before) && before.sa_handler == SIG_IGN;
}

void ui_heed_signals(void)
{
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (!is_ignored(SIGHUP)) sigaction(SIGHUP, &action, NULL);
}

bool ui_asked_to_stop(void *unused)
{
    (void)unused;
    return asked != 0;
}
