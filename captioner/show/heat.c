#include "captioner/show/heat.h"

const cap_heat cap_heat_steps[CAP_HEAT_STEPS] = {
    {{0, 0, 4}, 0.62f},      {{31, 12, 72}, 0.60f},   {{85, 15, 109}, 0.58f},
    {{136, 34, 106}, 0.57f}, {{187, 55, 84}, 0.57f},  {{228, 90, 49}, 0.58f},
    {{249, 142, 9}, 0.60f},  {{249, 201, 50}, 0.60f}, {{252, 255, 164}, 0.58f},
};

static uint8_t between(uint8_t a, uint8_t b, float share)
{
    return (uint8_t)((float)a + share * ((float)b - (float)a) + 0.5f);
}

cap_heat cap_heat_at(float open)
{
    float at = open > 0 ? open * (CAP_HEAT_STEPS - 1) : 0; /* no number: 0 */
    int i = at < CAP_HEAT_STEPS - 1 ? (int)at : CAP_HEAT_STEPS - 2;
    float share = at - (float)i < 1 ? at - (float)i : 1;
    const cap_heat *a = &cap_heat_steps[i], *b = a + 1;
    return (cap_heat){{between(a->colour.r, b->colour.r, share), between(a->colour.g, b->colour.g, share),
                       between(a->colour.b, b->colour.b, share)},
                      a->cover + share * (b->cover - a->cover)};
}
