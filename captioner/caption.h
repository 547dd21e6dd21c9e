/* caption: a photo in, a sentence out, and where each word looked; a line of text in, its translation out, or its
 * class.
 *
 *     #include <caption.h>                    cc program.c $(pkg-config --cflags --libs caption)
 *
 * The shortest program, with the model inside the library:
 *
 *     cap_model *model;
 *     cap_session *session;
 *     cap_description d;
 *     cap_error err = {0};
 *     if (cap_open(NULL, NULL, &model, &err) || cap_session_open(model, 0, &session, &err) ||
 *         cap_describe_file(session, NULL, "photo.jpg", &d, &err))
 *         return fprintf(stderr, "%s\n", err.text), 1;
 *     puts(d.best.sentence);
 *     cap_description_release(&d);
 *     cap_session_close(&session);
 *     cap_close(&model);
 *
 * Five sentences, none with "man" in it, and where the words of the first one looked:
 *
 *     cap_request r = cap_request_defaults(CAP_PHOTOS);
 *     r.n_best = r.beam = 5;
 *     r.avoid = (const char *const[]){"man", NULL};
 *     r.attention = true;
 *     if (cap_describe_file(session, &r, "photo.jpg", &d, &err)) ...
 *     for (int i = 0; i < d.alternatives; i++) puts(d.alternative[i].sentence);
 *     for (int i = 0; i < d.best.words; i++)
 *         d.best.word[i], d.best.probability[i], d.attention + i * d.grid_h * d.grid_w
 *
 * What a model names in a photo, if it has namers (cap_info tells), without a sentence:
 *
 *     cap_request r = cap_request_defaults(CAP_PHOTOS);
 *     r.only_concepts = true;
 *     if (cap_describe_file(session, &r, "photo.jpg", &d, &err)) ...
 *     for (int i = 0; i < d.concepts; i++) printf("%s %.2f\n", d.concept[i].name, d.concept[i].confidence);
 *
 * Translating is the same with lines:
 *
 *     cap_translation out[2];
 *     cap_error reason[2];
 *     if (cap_open("ende.safetensors", NULL, &model, &err) || ...)
 *     const char *lines[] = {"Two dogs run.", "He sleeps."};
 *     if (cap_translate(session, NULL, lines, 2, out, reason, &err)) ...
 *     if (!reason[0].code) puts(out[0].best.sentence);
 *
 * A language model goes on from a beginning:
 *
 *     cap_completion c;
 *     if (cap_open("lm.safetensors", NULL, &model, &err) || ...)
 *     if (cap_complete(session, NULL, "a dog runs", 0, &c, &err)) ...
 *     puts(c.text);
 *
 * A model that reads tells the class of a line:
 *
 *     cap_classifier *reader;
 *     cap_verdict v;
 *     const char *line = "a film of rare warmth";
 *     if (cap_classifier_open("sentiment.safetensors", CAP_AUTO, 0, &reader, &err)) ...
 *     if (cap_classify(reader, &line, 1, false, &v, reason, &err)) ...
 *     if (!reason[0].code) printf("%s %.2f\n", cap_classifier_label(reader, v.label), v.probability[v.label]);
 *     cap_verdict_release(&v);
 *     cap_classifier_close(&reader);
 *
 * A server: one model for all, and each thread with a session of its own, of one thread:
 *
 *     cap_open(NULL, NULL, &model, &err);                       once
 *     cap_session_open(model, 1, &session, &err);               in each thread
 *     cap_describe_memory(session, &request, bytes, size, name, &d, &err);
 *
 * Three things, then. A *model* is the weights: read-only once opened, shared by any number of threads and
 * sessions, closed when the last session is. A *session* is what one thread works with: memory, and worker
 * threads of its own; it serves one thread at a time. A *request* is what one call wants; NULL for the
 * defaults.
 *
 * Nothing is global, nothing prints, nothing exits, the environment is left alone. Functions that can fail
 * return a cap_code and describe the failure in *err, which may be NULL. What they hand out (descriptions,
 * translations) is the caller's and outlives session and model. Structs may grow between versions of which
 * the first two numbers differ; set them from their defaults or to zero. Strings are UTF-8. */
#ifndef CAP_CAPTION_H
#define CAP_CAPTION_H

/* This header includes nothing of the house: it is the house's dictionary, too, which every floor may
 * include. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CAP_API __attribute__((visibility("default")))
#else
#define CAP_API
#endif

/* ---- version ---- */

#define CAP_VERSION_MAJOR 0
#define CAP_VERSION_MINOR 1
#define CAP_VERSION_PATCH 0
#define CAP_VERSION_NUMBER(major, minor, patch) ((major)*10000 + (minor)*100 + (patch))
#define CAP_VERSION CAP_VERSION_NUMBER(CAP_VERSION_MAJOR, CAP_VERSION_MINOR, CAP_VERSION_PATCH)

CAP_API int cap_version(void);              /* CAP_VERSION of the library that runs */
CAP_API const char *cap_version_text(void); /* "0.1.0" */

/* ---- errors ---- */

typedef enum cap_code {
    CAP_OK,
    CAP_ERROR_MEMORY,      /* out of memory, or of threads */
    CAP_ERROR_IO,          /* reading or writing failed */
    CAP_ERROR_MISSING,     /* no such file */
    CAP_ERROR_FORMAT,      /* malformed or damaged */
    CAP_ERROR_UNSUPPORTED, /* not by this build */
    CAP_ERROR_LIMIT,       /* over a stated limit */
    CAP_ERROR_ARGUMENT,    /* what was asked for cannot be */
    CAP_ERROR_MISMATCH,    /* it does not fit the model */
    CAP_ERROR_INTERRUPTED  /* not by this library's functions */
} cap_code;

typedef struct cap_error {
    cap_code code;
    char text[512]; /* one sentence, lower case, problem first, subject quoted, no full stop, no newline */
} cap_error;

/* ---- models ---- */

typedef struct cap_model cap_model;

/* What a model reads. */
typedef enum cap_reads {
    CAP_ANYTHING,  /* as a wish: either */
    CAP_PHOTOS,    /* a captioner */
    CAP_LINES,     /* a translator */
    CAP_BEGINNINGS /* a language model, which completes texts */
} cap_reads;

/* What the weights are rounded to for use. Sums, the state of the decoder and the probabilities are f32. */
typedef enum cap_precision {
    CAP_AUTO, /* what is fastest on this CPU for one photo, opening included; each for photos and for words */
    CAP_BF16, /* 8 bits of mantissa; the convolutions for photos only where that is faster */
    CAP_F32,  /* as stored */
    CAP_INT8, /* the decoder's matrices 8 bits with a scale for each output; the rest as CAP_BF16 */
    CAP_PRECISIONS
} cap_precision;

/* Zeroed: the defaults. */
typedef struct cap_open_options {
    cap_precision precision; /* of a translator's encoder always as stored; default the first one */
    cap_reads reads;         /* a model that reads something else is an error; default CAP_ANYTHING */
} cap_open_options;

/* Opens a model file, or the built-in model for a NULL path. `options` may be NULL. Errors: MISSING, IO,
 * FORMAT (no model, or damaged), MISMATCH (a file of another kind, a model that reads something else),
 * ARGUMENT (an option out of range), UNSUPPORTED (a build without a built-in model), MEMORY; then *out is
 * NULL. */
CAP_API cap_code cap_open(const char *path, const cap_open_options *options, cap_model **out, cap_error *err);

/* The same with the file in memory, which may go afterwards; `name` is for messages only. */
CAP_API cap_code cap_open_memory(const void *bytes, size_t size, const char *name,
                                 const cap_open_options *options, cap_model **out, cap_error *err);

/* No session of it may be open. NULL and pointer to NULL are fine. */
CAP_API void cap_close(cap_model **model);

/* What a model is. Strings belong to the model. */
typedef struct cap_info {
    cap_reads reads;     /* CAP_PHOTOS, CAP_LINES or CAP_BEGINNINGS */
    const char *encoder; /* "mobilenet_v2", ...; of lines "lstm"; "none": names or words are all it reads */
    const char *decoder; /* "lstm"; "ngram", whose numbers are counted, not learned */
    bool attends;        /* false: it has no attention to show */
    int features;        /* numbers of a region, or of a word of the source; 0: it sees neither */
    size_t encoder_parameters; /* learned numbers */
    size_t decoder_parameters;
    size_t namer_parameters; /* 0: it has no namers */
    int objects;             /* CAP_PHOTOS: kinds of objects that it finds in a photo, with their boxes ... */
    int named_words;         /* ... and other words that it can name in one; 0: none */
    int styles;              /* in which it can speak, see cap_get_style; 0: it knows no styles */
    int vocabulary;          /* words (characters, pieces) it can say */
    int64_t file_bytes;      /* of the opened file */
    int size;                /* CAP_PHOTOS, else all below 0: photos are resized to size x size pixels ... */
    bool crop;               /* ... their central square, else stretched as a whole */
    float mean[3];           /* ... and normalised by these, on the scale 0..1 */
    float std[3];            /* deviations */
    int grid_h, grid_w;      /* regions: rows, columns; 0: it sees what its namers name alone, and size, fit
                                and levels say nothing */
    bool calibrated;         /* CAP_PHOTOS: its confidence is fitted, and it can be unsure, */
    double threshold;        /* which it is below this confidence, 0..1 */
    int source_vocabulary;   /* CAP_LINES, else 0: words that it can read */
    const char *record;      /* a JSON object: training, scores, licence; "{}" when the trainer wrote none */
} cap_info;

CAP_API void cap_get_info(const cap_model *model, cap_info *info);

/* Word 0..vocabulary-1 that it can say, of captioners by falling frequency in the training captions; NULL
 * when out of range. It belongs to the model. */
CAP_API const char *cap_get_word(const cap_model *model, int index);

/* Style 0..styles-1, as a request names it: that of a part of the training captions; NULL when out of range.
 * It belongs to the model. */
CAP_API const char *cap_get_style(const cap_model *model, int index);

/* ---- sessions ---- */

typedef struct cap_session cap_session;

/* The model must outlive it. threads: 0 = one per CPU that this process may use, the caller's included; the
 * result has the same bits whatever their number. Errors: ARGUMENT (threads below 0), MEMORY; then *out is
 * NULL. */
CAP_API cap_code cap_session_open(const cap_model *model, int threads, cap_session **out, cap_error *err);

CAP_API void cap_session_close(cap_session **session); /* NULL and pointer to NULL are fine */

/* ---- requests ---- */

enum {
    CAP_MAX_BEAM = 64,
    CAP_MAX_WORDS = 1000, /* of a sentence */
    CAP_MAX_MUST = 8,
    CAP_MAX_AVOID = 256,
    CAP_MAX_KEYWORDS = 64,
    CAP_MAX_SOURCE = 4096, /* words (characters, pieces) of a line to translate */
    CAP_MAX_SIDE = 1000000 /* pixels of a photo */
};

/* How words are chosen. */
typedef enum cap_strategy {
    CAP_BEAM,    /* keeps the likeliest beginnings of sentences */
    CAP_GREEDY,  /* takes the likeliest word each time */
    CAP_DIVERSE, /* several beams that avoid each other's words */
    CAP_SAMPLE,  /* draws words by their probability */
    CAP_STRATEGIES
} cap_strategy;

/* What the log-probability of a sentence is divided by to get its score. */
typedef enum cap_length {
    CAP_LENGTH_NONE, /* 1, which favours short sentences */
    CAP_LENGTH_MEAN, /* its words */
    CAP_LENGTH_GNMT, /* ((5 + words) / 6)^alpha */
    CAP_LENGTHS
} cap_length;

/* Start from cap_request_defaults(). Ranges are checked: ARGUMENT. */
typedef struct cap_request {
    cap_strategy strategy;    /* default CAP_BEAM */
    int beam;                 /* beam, diverse: hypotheses kept, 1..64, n_best at the least; default 3 */
    int n_best;               /* sentences wanted, 1..64; 0 = 1; default 1 */
    int groups;               /* diverse: 1..beam; default 3 */
    double diversity;         /* diverse: what another group's word costs, in log-probability, 0..100; 0.5 */
    double temperature;       /* sample: above 0 up to 100, 1 = the model's own probabilities; default 1 */
    int top_k;                /* sample: from the k likeliest words, 0 = all; default 0 */
    double top_p;             /* sample: from the likeliest words of this probability, above 0 up to 1; 1 */
    uint64_t seed;            /* sample; default 1 */
    int min_words, max_words; /* 1..1000; default 1, and 1000 of lines, else 20 */
    cap_length length;        /* default CAP_LENGTH_GNMT */
    double length_alpha;      /* of CAP_LENGTH_GNMT, 0..10; default 0.7 */
    double coverage;          /* favours sentences that look everywhere, 0..10; default 0 = off */
    int no_repeat;            /* words in a row that never occur twice, 0..20, 0 = off; photos 3, else 0 */
    bool repeat_words;        /* any word may be said again; false: of an English captioner's words only
                                 articles, prepositions and the like; photos false, else true */
    const char *const *must;  /* words that every sentence contains, at most 8, then NULL; or NULL */
    const char *const *avoid; /* words that none does, at most 256, then NULL; or NULL */
    const char *style;     /* of photos: in which the model speaks, or "auto": it is told none; NULL = auto */
    bool attention;        /* say where each word looked */
    bool only_concepts;    /* of photos: name what is in them, and say nothing; default false */
    uint64_t max_pixels;   /* larger photos are refused: LIMIT; 0 = 250 million; default 0 */
    bool keep_photo;       /* keep photos at full size in their descriptions; default false */
    double min_confidence; /* a description below it is unsure, above 0 up to 1, of calibrated models alone;
                              0: the model's own threshold; default 0 */
    bool neutral;  /* of photos, in English: "person", "child" and "their" in place of "man", "girl" and
                      "his", in sentences and keywords (words stay the model's); default false */
    bool alt_text; /* of photos: sentences begin with a capital, end with a full stop, have at most 125
                      characters and do not say that they tell of a photo; default false */
    int keywords;  /* of photos: so many at most, 0..64; default 0 */
} cap_request;

/* No translation is longer than twice its source and ten words in any case, the source rounded up to a
 * multiple of eight. */
CAP_API cap_request cap_request_defaults(cap_reads reads);

/* What every call with this request and model would refuse, said beforehand: ARGUMENT (an option out of
 * range, a word that must appear and that the model does not know, a style that it does not have), MISMATCH
 * (only concepts, of a model without namers), MEMORY, FORMAT (the model's record). */
CAP_API cap_code cap_request_check(const cap_model *model, const cap_request *request, cap_error *err);

/* ---- sentences ---- */

typedef struct cap_alternative {
    const char *sentence;
    int words;              /* 1 or more */
    const char **word;      /* [words] as in the vocabulary */
    float *probability;     /* [words] of each word given those before it, 0..1 */
    double log_probability; /* natural logarithm, of the whole sentence with its end */
    double score;           /* what the search ranked by: normalised by length, coverage counted */
    double confidence;      /* mean probability of a word (geometric), 0..1 */
    float *trust;           /* [words] how likely somebody who describes the photo uses the word, 0..1; NULL:
                               the model was never calibrated */
    float *attention;       /* [words][...] where each word looked, as of the best one in cap_description
                                 and cap_translation, NULL as there */
    float *concept_attention; /* [words][concepts] the same, of photos */
    bool ended;               /* false: cut at the most words allowed, as nothing could end */
} cap_alternative;

/* ---- photos ---- */

/* The rectangle of the upright photo that the network saw, in photo pixels: x0 <= x < x1, y0 <= y < y1,
 * inside the photo. The grid of regions covers exactly this rectangle. */
typedef struct cap_view {
    double x0, y0, x1, y1;
} cap_view;

/* What a small net of the model named in a photo. Words look at it as they look at regions. */
typedef struct cap_named_concept {
    const char *name;  /* in words of the vocabulary: "dog", "traffic light" */
    const char *namer; /* who named it: "objects", a detector, or "words" of captions; static */
    float confidence;  /* 0..1 */
    bool boxed;        /* it has a box: objects do */
    cap_view box;      /* where it is, in photo pixels; zeros without a box */
} cap_named_concept;

typedef struct cap_pixels {
    int width, height;
    uint8_t *rgb; /* [height][width][3]; NULL: none */
} cap_pixels;

typedef struct cap_description {
    cap_alternative best;         /* the sentence; zeros where only concepts were asked for */
    int alternatives;             /* 1 to request.n_best; 0 as above */
    cap_alternative *alternative; /* [alternatives] by falling score; the first is `best` */
    double
        confidence; /* how likely the sentence is one of the better half of those that the model says, 0..1;
                          best.confidence where the model was never calibrated */
    bool unsure;    /* below min_confidence: better say nothing; false where it was never calibrated */
    int concepts;   /* what was named: objects by falling confidence, then words; 0 of models whose words do
                         not look at concepts, unless these alone were asked for */
    cap_named_concept *concept; /* [concepts] */
    int grid_h, grid_w;         /* regions: rows, columns; 0: the model sees none */
    float *attention; /* [best.words][grid_h][grid_w], each word's sum is 1, or, where words look at concepts,
                         what these and the rest leave of 1; NULL when not asked for, or the model does not
                         attend or sees no regions */
    float *concept_attention; /* [best.words][concepts]; the rest lies on a state that stands for all that was
                                 not named; NULL when not asked for, or without concepts */
    int keywords;             /* 0 to request.keywords */
    const char **keyword; /* [keywords] likeliest first: of what was named, and of what the sentence says */
    int width, height;    /* of the photo as displayed, pixels */
    const char *warning;  /* what is wrong with its file all the same, as a clause; static, or NULL */
    const char *blank;    /* "black", "white" or "one colour": that is all there is to see, and a calibrated
                             model is unsure of what it says, with confidence 0; static; NULL: there is more */
    cap_view view;        /* the part of it that the regions cover */
    cap_pixels photo;     /* upright, at full size; empty unless kept */
    void *memory;         /* the library's: holds the arrays above */
} cap_description;

/* Zeroed and released descriptions are fine. */
CAP_API void cap_description_release(cap_description *d);

/* All of these read JPEG, PNG and WebP (where the build has it) by content and turn photos upright.
 * `request` may be NULL. *out is set on success and empty after a failure. Errors: MISMATCH (the model
 * reads lines), those of cap_request_check(), MISSING, IO, FORMAT (no photo, or damaged; weights that are
 * not numbers), UNSUPPORTED, LIMIT, MEMORY. */
CAP_API cap_code cap_describe_file(cap_session *s, const cap_request *request, const char *path,
                                   cap_description *out, cap_error *err);

/* A photo file in memory; `name` is for messages only. */
CAP_API cap_code cap_describe_memory(cap_session *s, const cap_request *request, const void *bytes,
                                     size_t size, const char *name, cap_description *out, cap_error *err);

/* Pixels: rgb[height][width][3], upright, sides 1..CAP_MAX_SIDE. */
CAP_API cap_code cap_describe_pixels(cap_session *s, const cap_request *request, const uint8_t *rgb,
                                     int width, int height, cap_description *out, cap_error *err);

/* Many photos together, which is faster than one by one: they are read side by side and go through the net as
 * one batch (8 to 32 at once are enough; 64 MB or so each 8). A photo that cannot be read leaves out[i] empty
 * and its reason in errors[i]; the others are described all the same. Returns what failed for all of them,
 * then every out[i] is empty. */
CAP_API cap_code cap_describe_files(cap_session *s, const cap_request *request, const char *const *paths,
                                    int count, cap_description *out, cap_error *errors, cap_error *err);

/* What the model thinks of a sentence that someone else wrote about a photo. */
typedef struct cap_judged {
    cap_description description; /* as if the model had said it; a word it does not know is "<unk>" */
    const char **given;          /* [words] the words as they were given */
    double *log_probability;     /* [words + 1] of each word given those before it; the last is the end's */
    int *rank;                   /* [words + 1] 1: what the model would have said there itself */
    int unknown;                 /* words that are not in the vocabulary */
} cap_judged;

/* Of the request, how photos are read counts, and the style; attention is always given. Errors: those of
 * describing; ARGUMENT (no word in the sentence), LIMIT (over CAP_MAX_WORDS). *out is empty after a failure.
 */
CAP_API cap_code cap_judge_file(cap_session *s, const cap_request *request, const char *path,
                                const char *sentence, cap_judged *out, cap_error *err);
CAP_API cap_code cap_judge_memory(cap_session *s, const cap_request *request, const void *bytes, size_t size,
                                  const char *name, const char *sentence, cap_judged *out, cap_error *err);
CAP_API void cap_judged_release(cap_judged *j); /* zeroed and released ones are fine */

/* ---- lines of text ---- */

typedef struct cap_translation {
    cap_alternative best; /* its words are words, characters or pieces, as the model has them; a line of
                                     blanks has none and the sentence "" */
    int alternatives;     /* 1 to request.n_best */
    cap_alternative *alternative; /* [alternatives] by falling score; the first is `best` */
    const char **label;           /* [best.words] as a reader should see them */
    int sources;                  /* words of the source, the last one <end>; 0 for a line of blanks */
    const char **source;          /* [sources] as in the vocabulary */
    const char **source_label;    /* [sources] as a reader should see them */
    float *attention; /* [best.words][sources], each word's sum is 1; NULL when not asked for or the
                                     model does not attend */
    void *memory;     /* the library's: holds the arrays above */
} cap_translation;

/* Zeroed and released translations are fine. */
CAP_API void cap_translation_release(cap_translation *t);

/* Translates `count` lines together, which is faster than one by one; what stands beside a line changes its
 * result to rounding only. Blanks around a line do not count. A line that cannot be translated leaves
 * out[i] empty and its reason in errors[i] (FORMAT: not UTF-8; LIMIT: over CAP_MAX_SOURCE words); the
 * others are translated all the same. Returns what failed for all of them, then every out[i] is empty:
 * MISMATCH (the model reads photos), those of cap_request_check(), FORMAT (weights that are not numbers),
 * MEMORY. */
CAP_API cap_code cap_translate(cap_session *s, const cap_request *request, const char *const *lines,
                               int count, cap_translation *out, cap_error *errors, cap_error *err);

/* ---- language models ---- */

/* A word that may come next. */
typedef struct cap_next_word {
    const char *word;  /* as in the vocabulary; "<end>": the text is over, "<unk>": an unknown one */
    const char *label; /* as a reader should see it */
    double log_probability;
} cap_next_word;

typedef struct cap_completion {
    const char *beginning; /* without the blanks around it */
    const char *text;      /* the beginning and what `best` adds; with a table of words it alone */
    cap_alternative best;  /* what comes behind it; its sentence has the blank in front where there is one */
    int alternatives;      /* 1 to request.n_best; 0 where no completion was asked for */
    cap_alternative *alternative; /* [alternatives] by falling score; the first is `best` */
    const char **label;           /* [best.words] as a reader should see them */
    int given;                    /* words of the beginning */
    int unknown;                  /* of them, those that the model does not know: it takes them for "<unk>" */
    int nexts;                    /* words of `next` */
    cap_next_word *next;          /* [nexts] likeliest first; no impossible ones */
    void *memory;                 /* the library's: holds the arrays above */
} cap_completion;

/* Zeroed and released completions are fine. */
CAP_API void cap_completion_release(cap_completion *c);

/* Goes on from a beginning, which may be empty, with what the request asks for; with `top` above 0 with the
 * table of the `top` likeliest next words in its place. Rules on repeats count the beginning's words, the
 * numbers of words do not. Errors: MISMATCH (the model is no language model), those of cap_request_check(),
 * FORMAT (not UTF-8; weights that are not numbers), LIMIT (over CAP_MAX_WORDS words), MEMORY; then *out is
 * empty. */
CAP_API cap_code cap_complete(cap_session *s, const cap_request *request, const char *beginning, int top,
                              cap_completion *out, cap_error *err);

/* What a language model makes of texts by others, summed up. */
typedef struct cap_measured {
    int64_t lines;
    int64_t words;          /* words (characters, pieces) and the end of each line */
    int64_t unknown;        /* of them, those that the model does not know: they count as "<unk>" */
    int64_t impossible;     /* of them, those whose probability is 0: without smoothing there are some */
    int64_t characters;     /* code points, and one for the end of each line */
    double log_probability; /* natural logarithm, of all of them that are possible */
    double log_probability_known; /* without the unknown ones */
} cap_measured;

/* Adds `count` lines to *sums; blanks around a line do not count, and nor do lines of blanks. Errors:
 * MISMATCH, FORMAT (not UTF-8; weights that are not numbers), LIMIT (a line over CAP_MAX_SOURCE words),
 * MEMORY; the sums are as they were then. */
CAP_API cap_code cap_measure(cap_session *s, const char *const *lines, int count, cap_measured *sums,
                             cap_error *err);

/* ---- classes of lines ---- */

/* A model that reads (`caption train --classify` makes it), and what one thread works with. */
typedef struct cap_classifier cap_classifier;

/* What is said of a line. */
typedef struct cap_verdict {
    int label;          /* the likeliest */
    float *probability; /* [cap_classifier_labels()] 0..1, together 1 */
    int pieces, heads;
    const char **piece; /* [pieces] what was read, [CLS] and [SEP] among it */
    float *attention; /* [heads][pieces] where [CLS] looked in the last layer, each head's sum is 1; NULL: not
                           asked for */
    void *memory;     /* the library's: holds the arrays above */
} cap_verdict;

/* Zeroed and released verdicts are fine. */
CAP_API void cap_verdict_release(cap_verdict *v);

/* Opens a model file. Threads are those of cap_session_open(); it serves one thread at a time. Errors: MISSING,
 * IO, FORMAT (no model, or damaged), MISMATCH (a model that tells no classes), ARGUMENT (an option out of
 * range, no path: there is none built in), MEMORY; then *out is NULL. */
CAP_API cap_code cap_classifier_open(const char *path, cap_precision precision, int threads,
                                     cap_classifier **out, cap_error *err);

/* Another one with the same weights in memory, for another thread; either may be closed first. Errors:
 * ARGUMENT (threads below 0), MEMORY; then *out is NULL. */
CAP_API cap_code cap_classifier_share(const cap_classifier *c, int threads, cap_classifier **out,
                                      cap_error *err);

CAP_API void cap_classifier_close(cap_classifier **c); /* NULL and pointer to NULL are fine */

CAP_API int cap_classifier_labels(const cap_classifier *c); /* how many classes there are */

/* The name of class 0..labels-1; NULL when out of range. It belongs to the model. */
CAP_API const char *cap_classifier_label(const cap_classifier *c, int index);

/* `count` lines together, which is faster than one by one. A line that is not UTF-8 (FORMAT), or of more pieces
 * than the model has positions (LIMIT), leaves out[i] empty and its reason in errors[i]; the others are told
 * all the same. Returns what failed for all of them, then every out[i] is empty. Errors: MEMORY. */
CAP_API cap_code cap_classify(cap_classifier *c, const char *const *lines, int count, bool attention,
                              cap_verdict *out, cap_error *errors, cap_error *err);

#ifdef __cplusplus
}
#endif

#endif
