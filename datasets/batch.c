#include "datasets/batch.h"

#include "src/base/rng.h"

#include <stdlib.h>
#include <string.h>

/* Streams of random numbers under the seed: the plan's own, away from those of other users. */
#define PLAN_STREAM ((uint64_t)0x706c616e << 32)

struct ds_plan {
    const ds_encoded *data;
    ds_plan_settings settings;
    int32_t *order; /* [captions] captions in the order of the epoch */
    int32_t *start; /* [batches+1] batch i is order[start[i] .. start[i+1]-1] */
    int32_t batches;
};

static const char while_planning[] = "while planning the batches";

/* Words of a caption after the cut. */
static int32_t words_of(const ds_encoded *data, int32_t max_words, int32_t caption)
{
    int64_t n = data->first[caption + 1] - data->first[caption];
    int32_t most = max_words > 0 ? max_words : INT32_MAX - 2;
    return n < most ? (int32_t)n : most;
}

static int32_t *identity(int32_t count)
{
    int32_t *items = malloc(((size_t)count + 1) * sizeof *items);
    for (int32_t i = 0; items && i < count; i++) items[i] = i;
    return items;
}

/* Groups: captions of one photo that stay together; group g is grouped[at[g] .. at[g+1]-1]. */
typedef struct grouping {
    int32_t *grouped, *at, *order;
    int32_t count;
} grouping;

static void release_grouping(grouping *g)
{
    free(g->grouped);
    free(g->at);
    free(g->order);
}

static int make_groups(const ds_plan *p, rng *r, grouping *g)
{
    int32_t captions = p->data->captions, k = p->settings.per_image;
    g->grouped = identity(captions);
    g->at = malloc(((size_t)captions + 1) * sizeof *g->at);
    if (!g->grouped || !g->at) return -1;
    for (int32_t first = 0, end; first < captions; first = end) {
        for (end = first + 1; end < captions && p->data->image[end] == p->data->image[first];) end++;
        rng_shuffle(r, g->grouped + first, end - first);
        for (int32_t i = first; i < end; i += k) g->at[g->count++] = i;
    }
    g->at[g->count] = captions;
    g->order = identity(g->count);
    if (!g->order) return -1;
    rng_shuffle(r, g->order, g->count);
    return 0;
}

/* Fills batches with whole groups until either the rows or the photos are enough. */
static int plan_by_image(ds_plan *p, rng *r)
{
    grouping g = {0};
    int32_t most_groups = p->settings.batch / p->settings.per_image, rows = 0, groups = 0, done = 0;
    if (make_groups(p, r, &g)) {
        release_grouping(&g);
        return -1;
    }
    for (int32_t i = 0; i < g.count; i++) {
        int32_t from = g.at[g.order[i]], size = g.at[g.order[i] + 1] - from;
        if (groups == most_groups || rows + size > p->settings.batch) groups = rows = 0;
        if (!groups) p->start[p->batches++] = done;
        memcpy(p->order + done, g.grouped + from, size * sizeof *p->order);
        done += size;
        rows += size;
        groups++;
    }
    p->start[p->batches] = done;
    release_grouping(&g);
    return 0;
}

typedef struct ranked {
    int32_t words, place, caption;
} ranked;

/* Longest first; captions of equal length keep their places. */
static int by_length(const void *left, const void *right)
{
    const ranked *a = left, *b = right;
    if (a->words != b->words) return a->words < b->words ? 1 : -1;
    return a->place < b->place ? -1 : a->place > b->place;
}

/* Sorts order[0..count-1], of the plan or of a batch, by decreasing length; `scratch` holds count. */
static void sort_by_length(const ds_encoded *data, int32_t max_words, int32_t *order, int32_t count,
                           ranked *scratch)
{
    for (int32_t i = 0; i < count; i++)
        scratch[i] = (ranked){words_of(data, max_words, order[i]), i, order[i]};
    qsort(scratch, count, sizeof *scratch, by_length);
    for (int32_t i = 0; i < count; i++) order[i] = scratch[i].caption;
}

static int sort_pools(const ds_plan *p, int32_t *order)
{
    int32_t captions = p->data->captions;
    int64_t pool = (int64_t)p->settings.batch * DS_POOL_BATCHES;
    int32_t most = pool < captions ? (int32_t)pool : captions;
    ranked *scratch = malloc(((size_t)most + 1) * sizeof *scratch);
    if (!scratch) return -1;
    for (int64_t i = 0; i < captions; i += pool)
        sort_by_length(p->data, p->settings.max_words, order + i,
                       captions - i < pool ? (int32_t)(captions - i) : (int32_t)pool, scratch);
    free(scratch);
    return 0;
}

static int plan_by_length(ds_plan *p, rng *r)
{
    int32_t captions = p->data->captions, batch = p->settings.batch, done = 0;
    int32_t count = (int32_t)(((int64_t)captions + batch - 1) / batch);
    int32_t *sorted = identity(captions), *turn = identity(count);
    int failed = !sorted || !turn;
    if (!failed) {
        rng_shuffle(r, sorted, captions);
        failed = sort_pools(p, sorted);
    }
    if (!failed) {
        rng_shuffle(r, turn, count);
        for (int32_t i = 0; i < count; i++) {
            int32_t from = turn[i] * batch, size = captions - from < batch ? captions - from : batch;
            p->start[p->batches++] = done;
            memcpy(p->order + done, sorted + from, size * sizeof *sorted);
            done += size;
        }
        p->start[p->batches] = done;
    }
    free(sorted);
    free(turn);
    return failed ? -1 : 0;
}

static err_code check_settings(const ds_plan_settings *s, error *err)
{
    if (s->batch < 1 || s->batch > DS_MAX_BATCH)
        return err_set(err, ERR_ARGUMENT, "a batch of %d captions is not possible: 1 to %d", (int)s->batch,
                       DS_MAX_BATCH);
    if (s->per_image < 0 || s->per_image > s->batch)
        return err_set(err, ERR_ARGUMENT, "%d captions of each photo do not fit a batch of %d",
                       (int)s->per_image, (int)s->batch);
    return ERR_OK;
}

err_code ds_plan_create(const ds_encoded *data, const ds_plan_settings *settings, ds_plan **out, error *err)
{
    err_code code = check_settings(settings, err);
    if (code) return code;
    ds_plan *p = calloc(1, sizeof *p);
    if (!p) return err_no_memory(err, while_planning);
    p->data = data;
    p->settings = *settings;
    p->order = identity(data->captions);
    p->start = calloc((size_t)data->captions + 1, sizeof *p->start);
    rng r = {.seed = settings->seed, .stream = PLAN_STREAM | settings->epoch};
    if (!p->order || !p->start || (settings->per_image ? plan_by_image(p, &r) : plan_by_length(p, &r))) {
        ds_plan_free(&p);
        return err_no_memory(err, while_planning);
    }
    *out = p;
    return ERR_OK;
}

void ds_plan_free(ds_plan **plan)
{
    if (!*plan) return;
    free((*plan)->order);
    free((*plan)->start);
    free(*plan);
    *plan = NULL;
}

int32_t ds_plan_batches(const ds_plan *plan)
{
    return plan->batches;
}

/* The place of a photo in the batch's list, where it is added when new. A batch is short: a search through it
 * costs nothing beside the training step. */
static int32_t place_of(ds_batch *b, int32_t image)
{
    for (int32_t i = 0; i < b->images; i++)
        if (b->image[i] == image) return i;
    b->image[b->images] = image;
    return b->images++;
}

static void fill_row(const ds_encoded *data, int32_t max_words, ds_batch *b, int32_t row)
{
    int32_t caption = b->caption[row], words = words_of(data, max_words, caption);
    int32_t *token = b->tokens + row * ((size_t)b->max_len + 1);
    b->row_image[row] = place_of(b, data->image[caption]);
    b->length[row] = words + 1;
    token[0] = DS_START;
    if (words) memcpy(token + 1, data->words + data->first[caption], words * sizeof *token);
    token[words + 1] = DS_END;
    for (int32_t t = words + 2; t <= b->max_len; t++) token[t] = DS_PAD;
}

err_code ds_batch_of(const ds_encoded *data, const int32_t *caption, int32_t count, int32_t max_words,
                     arena *memory, ds_batch *b, error *err)
{
    size_t rows = (size_t)count;
    *b = (ds_batch){0};
    b->image = arena_array(memory, rows, sizeof *b->image);
    b->row_image = arena_array(memory, rows, sizeof *b->row_image);
    b->caption = arena_array(memory, rows, sizeof *b->caption);
    b->length = arena_array(memory, rows, sizeof *b->length);
    ranked *scratch = arena_array(memory, rows, sizeof *scratch);
    if (!b->image || !b->row_image || !b->caption || !b->length || !scratch)
        return err_no_memory(err, while_planning);
    memcpy(b->caption, caption, rows * sizeof *b->caption);
    sort_by_length(data, max_words, b->caption, count, scratch);
    b->max_len = words_of(data, max_words, b->caption[0]) + 1;
    b->tokens = arena_array(memory, rows * ((size_t)b->max_len + 1), sizeof *b->tokens);
    if (!b->tokens) return err_no_memory(err, while_planning);
    b->rows = count;
    for (int32_t row = 0; row < b->rows; row++) fill_row(data, max_words, b, row);
    return ERR_OK;
}

err_code ds_plan_batch(const ds_plan *p, int32_t i, arena *memory, ds_batch *b, error *err)
{
    *b = (ds_batch){0};
    if (i < 0 || i >= p->batches)
        return err_set(err, ERR_ARGUMENT, "there is no batch %d, the plan has %d", (int)i, (int)p->batches);
    return ds_batch_of(p->data, p->order + p->start[i], p->start[i + 1] - p->start[i], p->settings.max_words,
                       memory, b, err);
}
