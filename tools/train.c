/* caption train: photos and captions, or pairs of texts, in; a model out. */
#include <stdio.h>
#include <string.h>

#include "tools/interrupt.h"
#include "tools/print.h"
#include "tools/progress.h"
#include "tools/train_options.h"
#include "tools/verbs.h"

typedef struct shown {
    ui_progress bar;
    char label[64];
    bool drawing, quiet;
} shown;

static void say(void *ctx, const char *sentence)
{
    shown *s = ctx;
    if (s->quiet) return;
    if (s->drawing) ui_progress_clear(&s->bar);
    print_shown(stderr, sentence);
    fputc('\n', stderr);
}

static void end_bar(shown *s)
{
    if (s->drawing) ui_progress_finish(&s->bar);
    s->drawing = false;
}

static void progress(void *ctx, const char *label, const char *unit, long done, long total, const char *note)
{
    shown *s = ctx;
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

static void print_scores(const cap_epoch *e)
{
    fprintf(stderr, "; validation: loss %.3f, ", e->val_loss);
    if (e->kind == CAP_TEXT)
        fprintf(stderr, "perplexity %.3f, BLEU %.2f, exact %.2f %%", e->val_perplexity, e->bleu,
                100 * e->exact);
    else
        fprintf(stderr, "BLEU-4 %.1f, CIDEr %.1f", 100 * e->scores.of.bleu[3], 100 * e->scores.of.cider_d);
    if (e->best) fputs(" (best so far)", stderr);
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
    shown *s = ctx;
    if (s->quiet) return;
    end_bar(s);
    fprintf(stderr, "epoch %d/%d: loss %.3f, perplexity %.*f, %.0f %s/s", e->epoch, e->epochs, e->loss,
            e->kind == CAP_TEXT ? 3 : 1, e->perplexity, e->rate, e->unit);
    if (e->validated) print_scores(e);
    fputc('\n', stderr);
    const char *between = e->kind == CAP_TEXT ? " -> " : ": ";
    for (int i = 0; i < e->samples; i++) print_sample(e->sample_input[i], between, e->sample_output[i]);
}

static int train(const train_request *r)
{
    shown ui = {.quiet = r->quiet};
    cap_train_events events = {&ui, say, progress, epoch, ui_asked_to_stop};
    ui_heed_signals();
    error err = {0};
    err_code code = cap_train(&r->settings, &events, &err);
    end_bar(&ui);
    return code ? verb_fail(&err) : VERB_DONE;
}

int verb_train(int argc, char **argv)
{
    train_request r;
    int verdict;
    if (train_options_read(argc, argv, &r, &verdict)) verdict = train(&r);
    train_options_release(&r);
    return verdict;
}
