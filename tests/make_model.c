/* make_model OUT [MATCH [text|named|blind]]: writes the random model that the command line tests use, for photos
 * or for texts, one for photos with namers, or one that sees what is named alone. */
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
    const char *kind = argc > 3 ? argv[3] : "";
    err_code code = ERR_ARGUMENT;
    if (argc > 1 && !strcmp(kind, "text")) code = random_text_save(argv[1], match, &err);
    if (argc > 1 && !strcmp(kind, "blind"))
        code = random_model_write_blind(argv[1], &err);
    else if (argc > 1 && strcmp(kind, "text") != 0)
        code = random_model_write(argv[1], match, !strcmp(kind, "named"), &err);
    if (!code) return 0;
    fprintf(stderr, "make_model: %s\n", argc > 1 ? err.text : "no file named");
    return 1;
}
