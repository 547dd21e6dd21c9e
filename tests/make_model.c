/* make_model OUT [MATCH [text]]: writes the random model that the command line tests use, for photos or for
 * texts. */
#include <stdio.h>
#include <string.h>

#include "tests/random_model.h"
#include "tests/random_text.h"

int main(int argc, char **argv)
{
    error err = {0};
    nn_match_kind match = NN_MATCH_SIGMOID;
    for (int i = 0; argc > 2 && i < NN_MATCH_COUNT; i++)
        if (!strcmp(argv[2], nn_match_rows[i].name)) match = (nn_match_kind)i;
    bool for_text = argc > 3 && !strcmp(argv[3], "text");
    if (argc > 1 && !(for_text ? random_text_save : random_model_save)(argv[1], match, &err)) return 0;
    fprintf(stderr, "make_model: %s\n", argc > 1 ? err.text : "no file named");
    return 1;
}
