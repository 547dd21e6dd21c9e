#include "src/meta/xmp.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/list.h"
#include "src/meta/xmp_names.h"

#if !HAVE_EXPAT

bool xmp_is_possible(void)
{
    return false;
}

err_code xmp_read(const char *packet, size_t n, const char *name, arena *memory, xmp_words *out,
                  xmp_cuts *cuts, error *err)
{
    (void)packet, (void)n, (void)memory;
    *out = (xmp_words){0};
    *cuts = (xmp_cuts){0};
    return err_set(err, ERR_UNSUPPORTED, "cannot read the XMP of '%.200s': this build has no expat", name);
}

#else

#include <expat.h>

bool xmp_is_possible(void)
{
    return true;
}

/* What a property is to us. */
typedef enum kind {
    OTHER,
    DESCRIPTION = XMP_DESCRIPTION,
    ALT_TEXT = XMP_ALT_TEXT,
    SUBJECT = XMP_KEYWORDS,
    OURS = XMP_MARK
} kind;

typedef struct reader {
    XML_Parser parser;
    const char *packet;
    arena *memory;
    xmp_words *out;
    xmp_cuts *cuts;
    int depth, rdf; /* of elements; of rdf:RDF, 0: not met yet */
    bool done;      /* rdf:RDF is over */
    bool failed;    /* out of memory */

    struct {               /* the rdf:Description that is open */
        bool open, others; /* it has properties of others */
        size_t start;
        int cuts; /* before it */
    } part;

    struct { /* the property that is open */
        kind kind;
        const char *name; /* of ours */
        size_t start;
        xmp_list item;
        int chosen; /* the item of x-default; -1: none */
        int item_depth;
        text value;
    } property;
} reader;

enum { PART = 1, PROPERTY = 2 }; /* levels below rdf:RDF */

/* ---- names: "uri LF local LF prefix" ---- */

typedef struct qname {
    const char *uri, *local, *prefix; /* not NUL-terminated */
    size_t uri_n, local_n, prefix_n;
} qname;

static qname split(const char *full)
{
    const char *a = strchr(full, '\n'), *b = a ? strchr(a + 1, '\n') : NULL;
    if (!a) return (qname){"", full, "", 0, strlen(full), 0};
    if (!b) return (qname){full, a + 1, "", (size_t)(a - full), strlen(a + 1), 0};
    return (qname){full, a + 1, b + 1, (size_t)(a - full), (size_t)(b - a) - 1, strlen(b + 1)};
}

static bool is_text(const char *s, size_t n, const char *wanted)
{
    return n == strlen(wanted) && !memcmp(s, wanted, n);
}

static bool is_named(const qname *q, const char *uri, const char *local)
{
    return is_text(q->uri, q->uri_n, uri) && (!local || is_text(q->local, q->local_n, local));
}

static kind kind_of(const qname *q)
{
    if (is_named(q, XMP_DC, "description")) return DESCRIPTION;
    if (is_named(q, XMP_DC, "subject")) return SUBJECT;
    if (is_named(q, XMP_IPTC, "AltTextAccessibility")) return ALT_TEXT;
    return is_named(q, XMP_OURS, NULL) ? OURS : OTHER;
}

static const char *keep(reader *r, const char *s, size_t n)
{
    const char *kept = arena_strndup(r->memory, s, n);
    if (!kept) r->failed = true;
    return kept;
}

/* ---- cuts ---- */

static void add_cut(reader *r, int place, xmp_cut cut)
{
    xmp_cuts *c = r->cuts;
    if (!LIST_ROOM(c->cut, c->count, 1, c->capacity)) {
        r->failed = true;
        return;
    }
    memmove(c->cut + place + 1, c->cut + place, (size_t)(c->count++ - place) * sizeof *c->cut);
    c->cut[place] = cut;
}

/* The line before an element goes with it where nothing else stands there. */
static size_t line_before(const reader *r, size_t at)
{
    size_t start = at;
    while (start && strchr(" \t\r", r->packet[start - 1]) && r->packet[start - 1]) start--;
    return start && r->packet[start - 1] == '\n' ? start - 1 : at;
}

static size_t here(const reader *r)
{
    return (size_t)XML_GetCurrentByteIndex(r->parser);
}

/* Behind what is being read: an end tag, or the empty element that stands for both tags. */
static size_t behind(const reader *r)
{
    return here(r) + (size_t)XML_GetCurrentByteCount(r->parser);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The attribute with these letters for a name, in the tag that is being read, with the blanks before it. */
static void cut_attribute(reader *r, kind k, const qname *q)
{
    const char *s = r->packet + here(r), *end = r->packet + behind(r);
    size_t n = q->prefix_n + (q->prefix_n > 0) + q->local_n;
    while (s < end && !is_blank(*s)) s++;
    while (s < end) {
        const char *from = s, *name;
        while (s < end && is_blank(*s)) s++;
        name = s;
        while (s < end && *s != '=' && !is_blank(*s)) s++;
        size_t letters = (size_t)(s - name);
        while (s < end && *s != '"' && *s != '\'') s++;
        const char *close = s < end ? memchr(s + 1, *s, (size_t)(end - s) - 1) : NULL;
        if (!close) return;
        s = close + 1;
        if (letters == n && !memcmp(name, q->prefix, q->prefix_n) &&
            !memcmp(name + n - q->local_n, q->local, q->local_n)) {
            add_cut(r, r->cuts->count, (xmp_cut){(size_t)(from - r->packet), (size_t)(s - r->packet), k});
            return;
        }
    }
}

/* ---- values ---- */

static void set_ours(reader *r, const char *name, size_t n, const char *value)
{
    xmp_mark *m = &r->out->mark;
    const struct {
        const char *name;
        const char **to;
    } fields[] = {{"captionProgram", &m->program},
                  {"captionVersion", &m->version},
                  {"captionModel", &m->model},
                  {"captionConfidence", &m->confidence},
                  {"captionDescription", &m->description},
                  {"captionAltText", &m->alt_text}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (is_text(name, n, fields[i].name)) *fields[i].to = value;
}

static void set_value(reader *r, kind k, const char *name, size_t n, const char *value)
{
    if (k == DESCRIPTION) r->out->description = value;
    if (k == ALT_TEXT) r->out->alt_text = value;
    if (k == OURS) set_ours(r, name, n, value);
}

static void add_item(reader *r, const char *value, size_t n)
{
    xmp_list *l = &r->property.item;
    if (!LIST_ROOM(l->item, l->count, 1, l->capacity))
        r->failed = true;
    else
        l->item[l->count++] = keep(r, value, n);
}

/* The list of a property, kept in the arena. */
static xmp_list take_list(reader *r)
{
    const xmp_list *l = &r->property.item;
    xmp_list kept = {.item = arena_array(r->memory, (size_t)l->count, sizeof *l->item), .count = l->count};
    if (!kept.item) {
        r->failed = true;
        return (xmp_list){0};
    }
    if (l->count) memcpy(kept.item, l->item, (size_t)l->count * sizeof *l->item);
    return kept;
}

/* ---- elements ---- */

static void begin_part(reader *r, const XML_Char **attribute)
{
    r->part.open = true;
    r->part.others = false;
    r->part.start = here(r);
    r->part.cuts = r->cuts->count;
    for (; *attribute; attribute += 2) {
        qname q = split(attribute[0]);
        kind k = kind_of(&q);
        if (is_named(&q, XMP_RDF, "about") || is_named(&q, "", "about")) {
            r->cuts->about = keep(r, attribute[1], strlen(attribute[1]));
        } else if (k == OTHER || k == SUBJECT) {
            r->part.others = true;
        } else {
            set_value(r, k, q.local, q.local_n, keep(r, attribute[1], strlen(attribute[1])));
            cut_attribute(r, k, &q);
        }
    }
}

static void end_part(reader *r)
{
    r->part.open = false;
    unsigned kinds = 0;
    for (int i = r->part.cuts; i < r->cuts->count; i++) kinds |= r->cuts->cut[i].kinds;
    if (!r->part.others && kinds)
        add_cut(r, r->part.cuts, (xmp_cut){line_before(r, r->part.start), behind(r), kinds});
}

static void begin_property(reader *r, const qname *q)
{
    kind k = kind_of(q);
    r->property.kind = k;
    if (k == OTHER) {
        r->part.others = true;
        return;
    }
    r->property.name = keep(r, q->local, q->local_n);
    r->property.start = here(r);
    r->property.item.count = 0;
    r->property.chosen = -1;
    r->property.item_depth = 0;
    text_clear(&r->property.value);
}

static void begin_item(reader *r, const XML_Char **attribute)
{
    r->property.item_depth = r->depth;
    text_clear(&r->property.value);
    for (; *attribute; attribute += 2) {
        qname q = split(attribute[0]);
        if (is_named(&q, XMP_XML, "lang") && !strcmp(attribute[1], "x-default"))
            r->property.chosen = r->property.item.count;
    }
}

static void end_item(reader *r)
{
    add_item(r, text_string(&r->property.value), r->property.value.length);
    r->property.item_depth = 0;
    text_clear(&r->property.value);
}

static void end_property(reader *r)
{
    kind k = r->property.kind;
    r->property.kind = OTHER;
    if (k == OTHER) return;
    const text *t = &r->property.value;
    if (!r->property.item.count && t->length) add_item(r, text_string(t), t->length);
    add_cut(r, r->cuts->count, (xmp_cut){line_before(r, r->property.start), behind(r), k});
    if (r->failed || t->failed || !r->property.name) {
        r->failed = true;
        return;
    }
    int chosen = r->property.chosen > 0 ? r->property.chosen : 0;
    const char *name = r->property.name;
    if (k == SUBJECT) r->out->keyword = take_list(r);
    if (k == OURS && !strcmp(name, "captionKeywords")) r->out->mark.keyword = take_list(r);
    if (r->property.item.count) set_value(r, k, name, strlen(name), r->property.item.item[chosen]);
}

static void XMLCALL on_start(void *ctx, const XML_Char *full, const XML_Char **attribute)
{
    reader *r = ctx;
    qname q = split(full);
    r->depth++;
    if (r->done || r->failed) return;
    if (!r->rdf) {
        if (is_named(&q, XMP_RDF, "RDF")) r->rdf = r->depth;
        return;
    }
    int level = r->depth - r->rdf;
    if (level == PART && is_named(&q, XMP_RDF, "Description"))
        begin_part(r, attribute);
    else if (level == PROPERTY && r->part.open)
        begin_property(r, &q);
    else if (level > PROPERTY && r->property.kind != OTHER && !r->property.item_depth &&
             is_named(&q, XMP_RDF, "li"))
        begin_item(r, attribute);
}

/* "<rdf:RDF/>" is opened; else the place is the beginning of the end tag's line. */
static void end_rdf(reader *r, const qname *q)
{
    xmp_cuts *c = r->cuts;
    size_t at = here(r);
    r->done = c->found = true;
    c->place = at;
    if (XML_GetCurrentByteCount(r->parser) == 0 && at >= 2 && !memcmp(r->packet + at - 2, "/>", 2)) {
        text t = {0};
        c->place = at - 2;
        text_printf(&t, "</%.*s%sRDF>", (int)q->prefix_n, q->prefix, q->prefix_n ? ":" : "");
        c->closing = t.failed ? NULL : keep(r, text_string(&t), t.length);
        r->failed = r->failed || t.failed;
        text_release(&t);
        return;
    }
    size_t line = line_before(r, at);
    if (line < at) c->place = line + 1;
}

static void XMLCALL on_end(void *ctx, const XML_Char *full)
{
    reader *r = ctx;
    qname q = split(full);
    int level = r->depth - r->rdf;
    if (r->rdf && !r->done && !r->failed) {
        if (r->depth == r->property.item_depth)
            end_item(r);
        else if (level == PROPERTY && r->part.open)
            end_property(r);
        else if (level == PART && r->part.open)
            end_part(r);
        else if (!level)
            end_rdf(r, &q);
    }
    r->depth--;
}

static void XMLCALL on_text(void *ctx, const XML_Char *s, int n)
{
    reader *r = ctx;
    int level = r->depth - r->rdf;
    if (!r->rdf || r->done || r->property.kind == OTHER) return;
    if (r->property.item_depth || (level == PROPERTY && !r->property.item.count))
        text_append_bytes(&r->property.value, s, (size_t)n);
}

/* Document types bring entities, which no XMP needs. */
static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public, int internal)
{
    reader *r = ctx;
    (void)name, (void)system, (void)public, (void)internal;
    XML_StopParser(r->parser, XML_FALSE);
}

static err_code parse(reader *r, size_t n, const char *name, error *err)
{
    if (n > INT32_MAX) return err_set(err, ERR_LIMIT, "the XMP of '%.200s' is too large", name);
    enum XML_Status status = XML_Parse(r->parser, r->packet, (int)n, 1);
    enum XML_Error why = XML_GetErrorCode(r->parser);
    if (r->failed || (status != XML_STATUS_OK && why == XML_ERROR_NO_MEMORY))
        return err_no_memory(err, "while reading the XMP of '%.200s'", name);
    if (status != XML_STATUS_OK)
        return err_set(err, ERR_FORMAT, "the XMP of '%.200s' is damaged (%s, line %lu): it is left alone",
                       name, why == XML_ERROR_ABORTED ? "a document type" : XML_ErrorString(why),
                       (unsigned long)XML_GetCurrentLineNumber(r->parser));
    if (!r->cuts->found)
        return err_set(err, ERR_FORMAT, "the XMP of '%.200s' has no rdf:RDF: it is left alone", name);
    return ERR_OK;
}

err_code xmp_read(const char *packet, size_t n, const char *name, arena *memory, xmp_words *out,
                  xmp_cuts *cuts, error *err)
{
    *out = (xmp_words){0};
    *cuts = (xmp_cuts){0};
    while (n && (!packet[n - 1] || is_blank(packet[n - 1]))) n--;
    reader r = {.parser = XML_ParserCreateNS("UTF-8", '\n'),
                .packet = packet,
                .memory = memory,
                .out = out,
                .cuts = cuts};
    if (!r.parser) return err_no_memory(err, "while reading the XMP of '%.200s'", name);
    XML_SetReturnNSTriplet(r.parser, 1);
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
    err_code code = parse(&r, n, name, err);
    XML_ParserFree(r.parser);
    text_release(&r.property.value);
    free(r.property.item.item);
    xmp_cut *list = cuts->cut;
    cuts->cut = arena_array(memory, (size_t)cuts->count, sizeof *list);
    if (!code && !cuts->cut) code = err_no_memory(err, "while reading the XMP of '%.200s'", name);
    if (!code && cuts->count) memcpy(cuts->cut, list, (size_t)cuts->count * sizeof *list);
    free(list);
    return code;
}

#endif
