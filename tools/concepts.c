/* caption concepts PHOTO...: what a model's namers name in photos. */
#include <stdio.h>

#include "tools/describe.h"
#include "tools/verbs.h"

static const char about[] =
    "Names what is in photos: objects with their boxes, and other words. A model that was trained with "
    "concepts "
    "looks at them while it describes a photo.\n"
    "Each concept is a line of name, tab, confidence (0 to 1), tab, who named it (objects: a detector; "
    "words: a "
    "head that knows words of captions), and of objects a tab and the box: left, top, right, bottom in "
    "pixels of "
    "the photo. For several photos, or a folder, each line begins with the path and a tab. '-' is a photo "
    "from "
    "standard input. A photo in which nothing is named has no line. What cannot be read is reported and "
    "passed "
    "over, as by caption itself.";

static const char examples[] =
    "  caption concepts photo.jpg\n"
    "  caption concepts --overlay boxes.png photo.jpg\n"
    "  caption concepts --json photo.jpg | jq -r '.concepts[] | select(.confidence > 0.5) | .name'\n"
    "  caption concepts holiday/ | grep -P '\\tdog\\t'\n";

int verb_concepts(int argc, char **argv)
{
    describe_request q = describe_defaults("naming", overlay_concepts);
    q.decoding.request.only_concepts = true;
    const opt options[] = {
        MODEL_OPTIONS(q.use, q.decoding.request),
        PHOTO_OPTIONS(q),
        {"Output", .kind = OPT_GROUP},
        {"json", 'j', OPT_FLAG, .value = &q.json,
         .help =
             "one JSON object a line: path, concepts with name, namer, confidence and box, and the photo's "
             "size [width, height]"},
        {"with-path", 'H', OPT_FLAG, .value = &q.with_path, .help = "the path first also for a single photo"},
        {"overlay", 'o', OPT_OUTPUT, "OUT.png", &q.overlay,
         .help = "paint the boxes with their names (exactly one photo); -: to standard output, and the lines "
                 "to standard error"},
        {"overlay-dir", 'd', OPT_STRING, "DIR", &q.files.folder,
         .help = "the same for many photos, DIR/PHOTO.png each, as caption itself does it"},
        FORCE_OPTION(q),
        {0},
    };
    opt_command command = describe_command("concepts", about, options, examples);
    int verdict;
    if (!describe_begin(&q, &command, &argc, argv, &verdict)) return verdict;
    return describe_run(&q, argv + 1, argc - 1);
}
