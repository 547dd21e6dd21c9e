/* caption eval: what its files share. eval.c reads the command line and captions of others, eval_model.c
 * captions photos, eval_results.c keeps their captions in a file, eval_text.c scores plain lines,
 * eval_translate.c translates them, eval_language.c measures language models, eval_report.c says what came
 * out. */
#ifndef TOOLS_EVAL_H
#define TOOLS_EVAL_H

#include "captioner/score/attention_stats.h"
#include "captioner/score/calibration.h"
#include "captioner/score/grounding.h"
#include "captioner/score/score.h"
#include "captioner/score/text_score.h"
#include "tools/decoding.h"
#include "tools/model_use.h"

enum { EVAL_TEXT_REFS = 32 };

/* What the command line asks for. */
typedef struct eval_request {
    const char *refs, *results;                          /* captions of any program */
    const char *captions, *images, *split, *results_out; /* photos to caption */
    const char *grounding;                               /* their objects with boxes */
    model_use use;
    decoding decoding;
    int limit;                                             /* photos; 0: all */
    double max_missing;                                    /* share of them that may be missing */
    const char *text_refs[EVAL_TEXT_REFS + 1], *text_hyps; /* plain lines; refs end in NULL */
    const char *source, *target, *pairs, *format;          /* pairs of texts to translate */
    const char *text;                                      /* texts to predict */
    const char *training, *frequencies, *save_frequencies, *per_image;
    bool json, quiet;
} eval_request;

/* What captioning brought besides captions. */
typedef struct eval_captioned {
    cap_attention_stats attention;
    cap_calibration calibration;
    cap_grounding grounding;
    bool pointed;    /* --grounding was given: `grounding` means something */
    int placeless;   /* scored photos that are not in it, or whose words came without places */
    double *sure;    /* [scored] confidence of each caption, below 0: it came without; to be freed */
    double auc;      /* how well it tells the captions whose CIDEr is above the median; below 0: not at all */
    bool calibrated; /* it is fitted; then */
    int unsure;      /* so many captions were */
    int bare;        /* captions continued from a file that told only the sentence: they are in neither */
    cap_df *df;      /* the model's; NULL: it carries none. The caller frees it. */
    int scored;      /* photos with a caption and references */
    int unreadable;  /* photos that are missing or damaged; */
    bool too_many;   /* a larger share than may be */
} eval_captioned;

/* Captions the photos and adds references and captions to the scorer. INTERRUPTED after Ctrl-C. */
err_code eval_caption(eval_request *q, cap_scorer *s, eval_captioned *out, error *err);

int eval_text(const eval_request *q); /* exit code */
int eval_translate(eval_request *q);  /* exit code */
int eval_language(eval_request *q);   /* exit code */

/* BLEU and exact matches of plain lines. */
err_code eval_text_report(const eval_request *q, const cap_text_counts *c, error *err);

/* `inside` is zeroed where no model captioned. */
err_code eval_print_json(const cap_scores *all, const eval_captioned *inside, error *err);
void eval_print_table(const cap_scores *all, const eval_captioned *inside);
void eval_say_notes(const eval_request *q, const cap_scores *all, const eval_captioned *inside);

/* A line of JSON for each image. */
err_code eval_write_images(const char *path, const cap_scores *all, error *err);

#endif
