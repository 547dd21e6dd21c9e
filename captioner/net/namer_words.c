/* The namer of words: a head on the means of the encoder's regions, which says of each word of its list how
 * likely a caption of the photo has it. (A multi-label classifier of the words of captions, as the visual
 * concepts of Fang et al., "From captions to visual concepts and back", 2015.) */
#include <stdlib.h>
#include <string.h>

#include "captioner/net/namer_parts.h"
#include "src/nn/activation.h"
#include "src/nn/finite.h"
#include "src/nn/linear.h"

enum { MOST_HIDDEN = 1 << 14 };

/* cap_namer.net */
typedef struct words_part {
    nn_var *hidden_w, *hidden_b; /* [D,hidden], [hidden] */
    nn_var *out_w, *out_b;       /* [hidden,W], [W] */
} words_part;

static const cap_words_settings *settings_of(const cap_namer_config *c)
{
    return (const cap_words_settings *)(const void *)c->settings.bytes;
}

static const words_part *part_of(const cap_namer *n)
{
    return n->net;
}

static void defaults(void *settings)
{
    *(cap_words_settings *)settings = (cap_words_settings){.naming = {0.08, 16}, .hidden = 512};
}

static const io_field fields[] = {CAP_NAMING_FIELDS(cap_words_settings),
                                  {.name = "hidden",
                                   .kind = IO_FIELD_INT,
                                   .offset = offsetof(cap_words_settings, hidden),
                                   .least = 1,
                                   .most = MOST_HIDDEN},
                                  {0}};

static const char *const further[] = {"words", NULL};

static void write(const cap_namer_config *c, io_json_build *b, json_t *object)
{
    cap_names_put(&c->names, b, object, "words");
}

static err_code read(const json_t *object, const char *where, cap_namer_config *c, error *err)
{
    char inside[400];
    snprintf(inside, sizeof inside, "%.360s: 'words'", where);
    return cap_names_read(json_object_get(object, "words"), inside, CAP_MOST_NAMES, &c->names, err);
}

static bool find(const ds_vocab *vocab, const char *name, int32_t *first, int32_t *last)
{
    *first = *last = ds_vocab_id(vocab, name);
    return *first != DS_UNK;
}

static err_code declare(cap_namer *n, int width, nn_params *params, error *err)
{
    words_part *part = n->net;
    int hidden = settings_of(&n->config)->hidden, names = n->config.names.count;
    if (names < 1 || names > CAP_MOST_NAMES)
        return err_set(err, ERR_ARGUMENT, "a namer of %d words is not possible: 1 to %d are", names,
                       CAP_MOST_NAMES);
    part->hidden_w = nn_params_add(params, "words.hidden.weight", 2, (int[]){width, hidden},
                                   nn_init_relu(width), NN_DECAY);
    part->hidden_b = nn_params_add(params, "words.hidden.bias", 1, &hidden, nn_init_constant(0), 0);
    part->out_w =
        nn_params_add(params, "words.out.weight", 2, (int[]){hidden, names}, nn_init_fan(hidden), NN_DECAY);
    part->out_b = nn_params_add(params, "words.out.bias", 1, &names, nn_init_constant(0), 0);
    return ERR_OK;
}

/* ---- the head ---- */

nn_var *cap_words_logits(nn_tape *t, const cap_namer *n, nn_var *regions, const cap_words_dropout *drop)
{
    const words_part *p = part_of(n);
    nn_var *x = regions && regions->rank == 3 ? nn_mean(t, regions, NULL) : regions;
    if (drop) x = nn_dropout(t, x, (real)drop->means);
    x = nn_activate(t, nn_linear(t, x, p->hidden_w, p->hidden_b), NN_RELU);
    if (drop) x = nn_dropout(t, x, (real)drop->hidden);
    return nn_linear(t, x, p->out_w, p->out_b);
}

nn_var *cap_words_scores(nn_tape *t, const cap_namer *n, nn_var *regions)
{
    return nn_activate(t, cap_words_logits(t, n, regions, NULL), NN_SIGMOID);
}

nn_var *cap_words_bias(const cap_namer *n)
{
    return part_of(n)->out_b;
}

/* ---- seeing ---- */

static int room(const cap_namer *n)
{
    return n->config.names.count;
}

/* Of equally sure ones the first in the list. */
static int surest_first(const void *a, const void *b)
{
    const cap_sighting *x = a, *y = b;
    if (x->confidence != y->confidence) return x->confidence < y->confidence ? 1 : -1;
    return x->name - y->name;
}

static int list_sure(const real *scores, int words, double least, cap_sighting *out)
{
    int count = 0;
    for (int i = 0; i < words; i++)
        if ((double)scores[i] >= least)
            out[count++] = (cap_sighting){.name = i, .confidence = (float)scores[i]};
    qsort(out, count, sizeof *out, surest_first);
    return count;
}

static err_code see(nn_tape *t, const cap_namer *n, const cap_look *look, double least, cap_sightings *out,
                    error *err)
{
    size_t words = n->config.names.count;
    if (!look->regions) return ERR_OK;
    const nn_var *scores = cap_words_scores(t, n, look->regions);
    if (!scores) return err_no_memory(err, "for what is in %d photos", look->photos);
    if (!nn_is_finite(scores))
        return err_set(err, ERR_FORMAT, "the namer of words computes no numbers: its weights are damaged");
    for (size_t m = 0; m < (size_t)look->photos; m++)
        out->count[m] = list_sure(scores->data + m * words, (int)words, least, out->list + m * words);
    return ERR_OK;
}

const cap_namer_row cap_namer_words = {.name = "words",
                                       .kind = CAP_NAMER_WORDS,
                                       .about = "words of captions, by the means of the regions",
                                       .fields = fields,
                                       .settings_bytes = sizeof(cap_words_settings),
                                       .net_bytes = sizeof(words_part),
                                       .most_of_name = 1,
                                       .defaults = defaults,
                                       .further = further,
                                       .write = write,
                                       .read = read,
                                       .find = find,
                                       .declare = declare,
                                       .needs_regions = true,
                                       .see = see,
                                       .room = room};
