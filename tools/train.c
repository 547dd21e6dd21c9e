/* caption train: photos and captions, pairs of texts, or lines to read, in; a model out. */
#include "tools/train_options.h"
#include "tools/train_reader.h"
#include "tools/train_talk.h"
#include "tools/verbs.h"

static int train(const train_request *r)
{
    train_talk talk;
    cap_train_events events = train_talk_begin(&talk, r->quiet);
    error err = {0};
    err_code code = cap_train(&r->settings, &events, &err);
    train_talk_end(&talk);
    return code ? verb_fail(&err) : VERB_DONE;
}

int verb_train(int argc, char **argv)
{
    train_request r;
    int verdict;
    if (train_reader_is_meant(argc, argv)) return train_reader(argc, argv);
    if (train_options_read(argc, argv, &r, &verdict)) verdict = train(&r);
    train_options_release(&r);
    return verdict;
}
