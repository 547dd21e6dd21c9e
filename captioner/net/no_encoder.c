#include "captioner/net/no_encoder.h"

static const io_field fields[] = {{0}};

static void defaults(void *settings)
{
    (void)settings;
}

static void print(const cap_encoder_config *c, text *line)
{
    text_append(line, c->row->about);
}

/* Width and grid stay 0. */
static err_code declare(cap_encoder *e, int input, const char *prefix, nn_params *params, error *err)
{
    (void)e;
    (void)input;
    (void)prefix;
    (void)params;
    (void)err;
    return ERR_OK;
}

static cap_encoded encode(nn_tape *t, const cap_encoder *e, const cap_input *in)
{
    (void)t;
    (void)e;
    return (cap_encoded){.memories = in->count};
}

const cap_encoder_row cap_encoder_none = {.name = "none",
                                          .about = "nothing is read",
                                          .reads = CAP_NOTHING,
                                          .fields = fields,
                                          .defaults = defaults,
                                          .declare = declare,
                                          .encode = encode};

const cap_encoder_row cap_encoder_blind = {.name = "none",
                                           .about = "no regions: only what is named",
                                           .reads = CAP_IMAGE,
                                           .fields = fields,
                                           .defaults = defaults,
                                           .print = print,
                                           .declare = declare,
                                           .encode = encode};
