/* What a program of someone else does with the library: says what a photo shows and how sure each word is.
 *
 *     cc example.c $(pkg-config --cflags --libs caption) -o example
 *     ./example photo.jpg [MODEL]
 */
#include <captioner/caption.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    cap_captioner *captioner = NULL;
    cap_description d = {0};
    error err = {0};
    if (argc < 2) {
        fprintf(stderr, "usage: example PHOTO [MODEL]\n");
        return 2;
    }
    /* NULL for the model: the one inside the library. NULL for the settings: the defaults. */
    if (cap_open(argc > 2 ? argv[2] : NULL, NULL, &captioner, &err) ||
        cap_describe_file(captioner, argv[1], &d, &err)) {
        fprintf(stderr, "example: %s\n", err.text);
        cap_close(&captioner);
        return 1;
    }
    puts(d.best.sentence);
    for (int i = 0; i < d.best.words; i++)
        fprintf(stderr, "%3.0f %%  %s\n", 100 * (double)d.best.probability[i], d.best.word[i]);
    cap_description_release(&d);
    cap_close(&captioner);
    return 0;
}
