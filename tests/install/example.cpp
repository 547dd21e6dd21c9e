// The same in C++, and more: several sentences without a word, and the region that each word looked at most.
//
//     c++ example.cpp $(pkg-config --cflags --libs caption) -o example
//     ./example photo.jpg [MODEL [WORD-TO-AVOID]]
#include <caption.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <stdexcept>

namespace
{
struct model_closer {
    void operator()(cap_model *m) const
    {
        cap_close(&m);
    }
};

struct session_closer {
    void operator()(cap_session *s) const
    {
        cap_session_close(&s);
    }
};

using model_ptr = std::unique_ptr<cap_model, model_closer>;
using session_ptr = std::unique_ptr<cap_session, session_closer>;

void expect(cap_code code, const cap_error &err)
{
    if (code != CAP_OK) throw std::runtime_error(err.text);
}

void show(const cap_description &d)
{
    const int regions = d.grid_h * d.grid_w;
    for (int i = 0; i < d.alternatives; i++) std::puts(d.alternative[i].sentence);
    for (int i = 0; d.attention && i < d.best.words; i++) {
        const float *row = d.attention + i * regions;
        const int at = static_cast<int>(std::max_element(row, row + regions) - row);
        std::fprintf(stderr, "%s: row %d, column %d\n", d.best.word[i], at / d.grid_w, at % d.grid_w);
    }
}

void describe(const char *photo, const char *path, const char *unwanted)
{
    cap_error err = {};
    cap_model *opened = nullptr;
    expect(cap_open(path, nullptr, &opened, &err), err);
    const model_ptr model(opened);
    cap_session *begun = nullptr;
    expect(cap_session_open(model.get(), 1, &begun, &err), err);
    const session_ptr session(begun);

    const char *const avoid[] = {unwanted, nullptr};
    cap_request request = cap_request_defaults(CAP_PHOTOS);
    request.n_best = 3;
    request.attention = true;
    if (unwanted) request.avoid = avoid;

    cap_description d = {};
    expect(cap_describe_file(session.get(), &request, photo, &d, &err), err);
    show(d);
    cap_description_release(&d);
}
} // namespace

int main(int argc, char **argv)
{
    if (argc < 2) {
        std::fprintf(stderr, "usage: example PHOTO [MODEL [WORD-TO-AVOID]]\n");
        return 2;
    }
    try {
        describe(argv[1], argc > 2 ? argv[2] : nullptr, argc > 3 ? argv[3] : nullptr);
        return 0;
    } catch (const std::exception &e) {
        std::fprintf(stderr, "example: %s\n", e.what());
        return 1;
    }
}
