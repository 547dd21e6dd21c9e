/* What a program of someone else does with the library: says what a photo shows and how sure each word is.
 *
 *     cc example.c $(pkg-config --cflags --libs caption) -o example
 *     ./example photo.jpg [MODEL]
 */
#include <caption.h>

#include <stdio.h>

static int describe(const cap_model *model, const char *photo, cap_error *err)
{
    cap_session *session;
    cap_description d;
    /* 0 threads: one per CPU. NULL for the request: the defaults. */
    if (cap_session_open(model, 0, &session, err)) return 1;
    cap_code code = cap_describe_file(session, NULL, photo, &d, err);
    cap_session_close(&session);
    if (code) return 1;
    puts(d.best.sentence);
    for (int i = 0; i < d.best.words; i++)
        fprintf(stderr, "%3.0f %%  %s\n", 100 * (double)d.best.probability[i], d.best.word[i]);
    cap_description_release(&d);
    return 0;
}

int main(int argc, char **argv)
{
    cap_model *model;
    cap_error err = {0};
    if (argc < 2) {
        fprintf(stderr, "usage: example PHOTO [MODEL]\n");
        return 2;
    }
    /* NULL for the model: the one inside the library. NULL for the options: the defaults. */
    int failed = cap_open(argc > 2 ? argv[2] : NULL, NULL, &model, &err) || describe(model, argv[1], &err);
    if (failed) fprintf(stderr, "example: %s\n", err.text);
    cap_close(&model);
    return failed;
}
