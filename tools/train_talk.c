#include "tools/train_talk.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tools/interrupt.h"
#include "tools/print.h"

static void say(void *ctx, const char *sentence)
{
    train_talk *s = ctx;
    if (s->quiet) return;
    if (s->drawing) ui_progress_clear(&s->bar);
    print_shown(stderr, sentence);
    fputc('\n', stderr);
}

static void end_bar(train_talk *s)
{
    if (s->drawing) ui_progress_finish(&s->bar);
    s->drawing = false;
}

static void progress(void *ctx, const char *label, const char *unit, long done, long total, const char *note)
{
    train_talk *s = ctx;
    if (!s->drawing || strcmp(label, s->label)) {
        end_bar(s);
        snprintf(s->label, sizeof s->label, "%s", label);
        s->bar =
            (ui_progress){.label = s->label, .unit = unit, .total = total, .first = done, .quiet = s->quiet};
        ui_progress_start(&s->bar);
        s->drawing = true;
    }
    ui_progress_update(&s->bar, done, note);
    if (done >= total) end_bar(s);
}

static void print_share(const char *name, double value)
{
    if (isfinite(value)) fprintf(stderr, ", %s %.3f", name, value);
}

static void print_sample(const char *input, const char *between, const char *output)
{
    fputs("  ", stderr);
    print_shown(stderr, input);
    fputs(between, stderr);
    print_shown(stderr, output);
    fputc('\n', stderr);
}

static void epoch(void *ctx, const cap_epoch *e)
{
    train_talk *s = ctx;
    if (s->quiet) return;
    end_bar(s);
    fprintf(stderr, "epoch %d/%d: loss %.3f", e->epoch, e->epochs, e->loss);
    if (isfinite(e->perplexity))
        fprintf(stderr, ", perplexity %.*f", e->perplexity < 10 ? 3 : 1, e->perplexity);
    else
        print_share("accuracy", e->accuracy);
    print_share("cosine", e->cosine);
    print_share("reward", e->reward);
    print_share("without photos", e->beside);
    fprintf(stderr, ", %.0f %s/s", e->rate, e->unit);
    if (e->validation) {
        fputs("; validation: ", stderr);
        print_shown(stderr, e->validation);
        if (e->best && e->samples) fputs(" (best so far)", stderr);
    }
    fputc('\n', stderr);
    for (int i = 0; i < e->samples; i++) print_sample(e->sample_input[i], e->between, e->sample_output[i]);
}

cap_train_events train_talk_begin(train_talk *t, bool quiet)
{
    *t = (train_talk){.quiet = quiet};
    ui_heed_signals();
    return (cap_train_events){t, say, progress, epoch, ui_asked_to_stop};
}

void train_talk_end(train_talk *t)
{
    end_bar(t);
}
