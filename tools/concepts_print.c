/* What is said of a photo's concepts: lines for people and scripts, and JSON. */
#include "tools/describe.h"

#include "tools/print.h"

static void put_box(io_json_build *b, json_t *o, const cap_view *box)
{
    json_t *list = io_json_put_array(b, o, "box");
    const double at[] = {box->x0, box->y0, box->x1, box->y1};
    for (int i = 0; i < 4; i++) io_json_put_number(b, list, NULL, at[i]);
}

void concepts_put(io_json_build *b, const cap_description *d)
{
    json_t *list = io_json_put_array(b, b->root, "concepts");
    for (int i = 0; i < d->concepts; i++) {
        const cap_named_concept *c = &d->concept[i];
        json_t *o = io_json_put_object(b, list, NULL);
        io_json_put_string(b, o, "name", c->name);
        io_json_put_string(b, o, "namer", c->namer);
        io_json_put_number(b, o, "confidence", (double)c->confidence);
        if (c->boxed) put_box(b, o, &c->box);
    }
}

static bool print_json(const describe_request *q, const cap_description *d, const char *path,
                       const char *overlay)
{
    io_json_build b = io_json_build_object();
    json_put_path(&b, b.root, "path", path);
    concepts_put(&b, d);
    json_t *size = io_json_put_array(&b, b.root, "size");
    io_json_put_int(&b, size, NULL, d->width);
    io_json_put_int(&b, size, NULL, d->height);
    if (overlay) json_put_path(&b, b.root, "overlay", overlay);
    if (d->warning) io_json_put_string(&b, b.root, "warning", d->warning);
    return print_json_built(q->out, &b);
}

static void print_line(const describe_request *q, const cap_named_concept *c, const char *path)
{
    if (q->tabs) {
        print_escaped(q->out, path);
        fputc('\t', q->out);
    }
    print_escaped(q->out, c->name);
    fprintf(q->out, "\t%.3f\t%s", (double)c->confidence, c->namer);
    if (c->boxed) fprintf(q->out, "\t%.0f %.0f %.0f %.0f", c->box.x0, c->box.y0, c->box.x1, c->box.y1);
    fputc('\n', q->out);
}

bool concepts_print(const describe_request *q, const cap_description *d, const char *path,
                    const char *overlay)
{
    if (q->json) return print_json(q, d, path, overlay);
    for (int i = 0; i < d->concepts; i++) print_line(q, &d->concept[i], path);
    return true;
}
