/* Where words should look: a word that tells of a thing around which a namer has put a box should look there.
 *
 *     cap_guide g = {.objects = &names, .regions = true};
 *     nn_var *astray = cap_guide_loss(t, &g, &memory, batch, &timeline, alpha);
 *
 * A word of a caption that names a class of objects ("man", of the class "person"; both words of "traffic
 * light") should look at the concepts of that class that have a box, and at the regions whose centre lies in
 * one of these boxes. How it shares its attention among them is left to it, and so is all that other words do:
 * the loss is nn_attention_astray (src/nn/attention_penalty.h). */
#ifndef CAPTIONER_GUIDE_H
#define CAPTIONER_GUIDE_H

#include "captioner/net/decoder_row.h"

typedef struct cap_guide {
    const cap_object_names *objects;
    bool regions; /* those of the memories are of the photos whose captions are learnt, a square of them */
} cap_guide;

/* alpha[l->steps] as the decoder gave them. 0 where no word should look anywhere; NULL when memory is out. */
nn_var *cap_guide_loss(nn_tape *t, const cap_guide *g, const cap_memory *m, const ds_batch *batch,
                       const cap_timeline *l, nn_var *const *alpha);

#endif
