#include "captioner/net/confidence.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captioner/net/ranges.h"

/* Weights beyond this are damage: logistic regression on signs of everyday size gives tens. */
#define MOST 1e6

/* clang-format off */
#define NUMBER(key, member, low, high)                                                                       \
    {.name = key, .kind = IO_FIELD_NUMBER, .offset = offsetof(cap_confidence, member),                       \
     .least = (low), .most = (high)}
#define LATER_NUMBER(key, member, low, high)                                                                 \
    {.name = key, .kind = IO_FIELD_NUMBER, .offset = offsetof(cap_confidence, member), .later = 1,           \
     .least = (low), .most = (high)}
/* clang-format on */

const io_field cap_confidence_fields[] = {
    NUMBER("word_scale", word_scale, -MOST, MOST),
    NUMBER("word_shift", word_shift, -MOST, MOST),
    NUMBER("threshold", threshold, 0, 1),
    NUMBER("usual_distance", usual_distance, -MOST, MOST),
    NUMBER("usual_variety", usual_variety, -MOST, MOST),
    NUMBER("bias", bias, -MOST, MOST),
    NUMBER("mean_word", weight[CAP_SIGN_MEAN_WORD], -MOST, MOST),
    NUMBER("least_word", weight[CAP_SIGN_LEAST_WORD], -MOST, MOST),
    NUMBER("words", weight[CAP_SIGN_WORDS], -MOST, MOST),
    NUMBER("far", weight[CAP_SIGN_FAR], -MOST, MOST),
    NUMBER("flat", weight[CAP_SIGN_FLAT], -MOST, MOST),
    NUMBER("concepts", weight[CAP_SIGN_CONCEPTS], -MOST, MOST),
    NUMBER("named", weight[CAP_SIGN_NAMED], -MOST, MOST),
    NUMBER("said", weight[CAP_SIGN_SAID], -MOST, MOST),
    LATER_NUMBER("evidence", weight[CAP_SIGN_EVIDENCE], -MOST, MOST),
    LATER_NUMBER("told", weight[CAP_SIGN_TOLD], -MOST, MOST),
    {0},
};

/* ---- in use ---- */

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

double cap_confidence_word(const cap_confidence *c, double probability)
{
    double p = fmin(fmax(probability, 1e-6), 1 - 1e-6);
    return sigmoid(c->word_scale * log(p / (1 - p)) + c->word_shift);
}

double cap_confidence_caption(const cap_confidence *c, const cap_signs *s)
{
    double sum = c->bias;
    for (int i = 0; i < CAP_SIGNS; i++) sum += c->weight[i] * s->of[i];
    return sigmoid(sum);
}

/* Logarithms of nearly nothing stay finite. */
static double log_of(double x)
{
    return log(x + 1e-6);
}

void cap_confidence_pool(const float *regions, int count, int features, float *mean, float *variance)
{
    for (int d = 0; d < features; d++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < count; i++) {
            double v = (double)regions[(size_t)i * features + d];
            sum += v;
            squares += v * v;
        }
        double middle = sum / count;
        mean[d] = (float)middle;
        variance[d] = (float)fmax(squares / count - middle * middle, 0);
    }
}

double cap_confidence_distance(const cap_confidence *c, const float *mean)
{
    double sum = 0;
    for (int d = 0; d < c->features; d++) {
        double away = ((double)mean[d] - (double)c->centre[d]) / (double)c->spread[d];
        sum += away * away;
    }
    return log_of(sum / (c->features ? c->features : 1));
}

double cap_confidence_variety(const cap_confidence *c, const float *variance)
{
    double sum = 0;
    for (int d = 0; d < c->features; d++)
        sum += (double)variance[d] / ((double)c->spread[d] * (double)c->spread[d]);
    return log_of(sum / (c->features ? c->features : 1));
}

void cap_confidence_look(const cap_confidence *c, const float *mean, const float *variance,
                         const cap_concept *concept, int concepts, cap_signs *s)
{
    bool looked = mean && c->features;
    s->of[CAP_SIGN_FAR] = looked ? fmax(cap_confidence_distance(c, mean) - c->usual_distance, 0) : 0;
    s->of[CAP_SIGN_FLAT] = looked ? fmax(c->usual_variety - cap_confidence_variety(c, variance), 0) : 0;
    s->of[CAP_SIGN_CONCEPTS] = concepts;
    s->of[CAP_SIGN_NAMED] = 0;
    for (int i = 0; i < concepts; i++) s->of[CAP_SIGN_NAMED] += (double)concept[i].confidence;
}

void cap_confidence_read(const cap_confidence *c, const float *probability, int words, cap_signs *s)
{
    double sum = 0, least = 0;
    for (int i = 0; i < words; i++) {
        double one = log(cap_confidence_word(c, (double)probability[i]));
        sum += one;
        least = fmin(least, one);
    }
    s->of[CAP_SIGN_MEAN_WORD] = words ? sum / words : 0;
    s->of[CAP_SIGN_LEAST_WORD] = least;
    s->of[CAP_SIGN_WORDS] = words;
}

static bool names(const cap_concept *c, int32_t word)
{
    return c->first == word || c->last == word;
}

/* The highest confidence with which the word is named; below 0: it is not. */
static double evidence_of(int32_t word, const cap_concept *concept, int concepts)
{
    double most = -1;
    for (int i = 0; i < concepts; i++)
        if (names(&concept[i], word)) most = fmax(most, (double)concept[i].confidence);
    return most;
}

static bool is_said(const cap_concept *c, const int32_t *word, int words)
{
    for (int i = 0; i < words; i++)
        if (names(c, word[i])) return true;
    return false;
}

void cap_confidence_compare(const int32_t *word, const bool *namable, int words, const cap_concept *concept,
                            int concepts, cap_signs *s)
{
    int said = 0, known = 0;
    double evidence = 0, named = 0, told = 0;
    for (int i = 0; i < words; i++) {
        double sure = evidence_of(word[i], concept, concepts);
        said += sure >= 0;
        known += namable[i];
        evidence += namable[i] ? fmax(sure, 0) : 0;
    }
    for (int i = 0; i < concepts; i++) {
        named += (double)concept[i].confidence;
        if (is_said(&concept[i], word, words)) told += (double)concept[i].confidence;
    }
    s->of[CAP_SIGN_SAID] = words ? (double)said / words : 0;
    s->of[CAP_SIGN_EVIDENCE] = known ? evidence / known : 0;
    s->of[CAP_SIGN_TOLD] = named > 0 ? told / named : 0;
}

/* ---- in a file ---- */

static const char *const tensor_names[] = {"confidence.centre", "confidence.spread"};

/* What features are divided by: a mere 0 would make all photos infinitely far. */
static err_code check_spread(const cap_confidence *c, const char *where, error *err)
{
    for (int d = 0; d < c->features; d++)
        if (!(c->spread[d] > 0)) return err_set(err, ERR_FORMAT, "%s: a spread is not above 0", where);
    return ERR_OK;
}

static err_code load_tensors(cap_confidence *c, const io_tensors *t, int features, error *err)
{
    float **to[] = {&c->centre, &c->spread};
    int64_t shape[] = {features};
    err_code code = ERR_OK;
    for (int i = 0; !code && features && i < 2; i++) {
        *to[i] = calloc((size_t)features + 1, sizeof(float));
        if (!*to[i]) return err_no_memory(err, "for a model");
        code = io_tensors_read_f32(t, tensor_names[i], 1, shape, *to[i], err);
    }
    c->features = features;
    return code;
}

err_code cap_confidence_load(cap_confidence *c, const json_t *o, const io_tensors *t, int features,
                             const char *where, error *err)
{
    char inside[330];
    json_t *fields;
    *c = (cap_confidence){0};
    err_code code = io_json_object_or(o, "confidence", where, &fields, err);
    if (code || !fields) return code;
    snprintf(inside, sizeof inside, "%s: 'confidence'", where);
    code = io_fields_read(cap_confidence_fields, fields, inside, c, err);
    if (!code) code = load_tensors(c, t, features, err);
    if (!code) code = check_spread(c, inside, err);
    c->fitted = !code;
    if (code) cap_confidence_release(c);
    return code;
}

void cap_confidence_release(cap_confidence *c)
{
    free(c->centre);
    free(c->spread);
    *c = (cap_confidence){0};
}

/* The metadata of a model with another confidence. */
static char *describe(const cap_confidence *c, const io_tensors *t, const json_t *record, error *err)
{
    json_t *o = NULL;
    const char *old = io_tensors_metadata(t, "caption");
    if (!old || io_json_parse(old, strlen(old), io_tensors_name(t), &o, err)) return NULL;
    io_json_build b = {.root = o};
    json_t *fields = io_json_put_object(&b, b.root, "confidence");
    io_fields_write(cap_confidence_fields, c, &b, fields);
    json_t *of_model = json_object_get(o, "record");
    if (!json_is_object(of_model)) of_model = io_json_put_object(&b, b.root, "record");
    io_json_put_members(&b, io_json_put_object(&b, of_model, "confidence"), record);
    o = io_json_take(&b);
    char *written = o ? io_json_text(o, JSON_COMPACT) : NULL;
    if (!written) err_no_memory(err, "while writing a model");
    json_decref(o);
    return written;
}

static bool is_ours(const char *name)
{
    return !strcmp(name, tensor_names[0]) || !strcmp(name, tensor_names[1]);
}

err_code cap_confidence_save(const cap_confidence *c, const cap_ranges *ranges, const io_tensors *t,
                             const json_t *record, const char *path, error *err)
{
    size_t all = io_tensors_count(t), count = 0;
    int64_t shape[] = {c->features}, of_ranges[CAP_RANGED][2];
    const float *values[] = {c->centre, c->spread};
    io_tensor_entry *entry = calloc(all + 2 + CAP_RANGED, sizeof *entry);
    if (!entry) return err_no_memory(err, "while writing '%s'", path);
    for (size_t i = 0; i < all; i++) {
        const io_tensor *one = io_tensors_at(t, i);
        if (is_ours(one->name) || (ranges && cap_ranges_own(one->name))) continue;
        entry[count++] = (io_tensor_entry){one->name, one->dtype, one->rank, one->shape, NULL, one->data};
    }
    for (int i = 0; c->features && i < 2; i++)
        entry[count++] = (io_tensor_entry){tensor_names[i], IO_F32, 1, shape, values[i], NULL};
    if (ranges) count += (size_t)cap_ranges_entries(ranges, of_ranges, entry + count);
    char *metadata = describe(c, t, record, err);
    io_metadata pair = {"caption", metadata};
    err_code code = metadata ? io_tensors_save(path, entry, count, &pair, 1, err) : ERR_FORMAT;
    free(metadata);
    free(entry);
    return code;
}
