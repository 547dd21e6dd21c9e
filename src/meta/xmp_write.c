#include "src/meta/xmp.h"

#include <string.h>

#include "src/meta/xmp_names.h"

/* Text between tags, or in an attribute: what XML forbids altogether is left out. */
static void append_escaped(text *out, const char *s)
{
    for (const char *end = s + strlen(s); s < end;) {
        const char *from = s;
        int32_t point = text_utf8_next(&s, end);
        if (point < 0)
            text_append_point(out, 0xFFFD);
        else if (point == '&')
            text_append(out, "&amp;");
        else if (point == '<')
            text_append(out, "&lt;");
        else if (point == '>')
            text_append(out, "&gt;");
        else if (point == '"')
            text_append(out, "&quot;");
        else if (point == '\n' || point == '\t' || point == '\r')
            text_printf(out, "&#%d;", (int)point);
        else if (point >= 0x20 && point != 0xFFFE && point != 0xFFFF)
            text_append_bytes(out, from, (size_t)(s - from));
    }
}

static void append_attribute(text *out, const char *name, const char *value)
{
    if (!value) return;
    text_printf(out, "\n    %s=\"", name);
    append_escaped(out, value);
    text_append(out, "\"");
}

static void append_in(text *out, const char *lang, const char *value)
{
    text_append(out, "     <rdf:li xml:lang=\"");
    append_escaped(out, lang);
    text_append(out, "\">");
    append_escaped(out, value);
    text_append(out, "</rdf:li>\n");
}

static void append_alternative(text *out, const char *name, const char *lang, const char *value)
{
    if (!value) return;
    text_printf(out, "   <%s>\n    <rdf:Alt>\n", name);
    append_in(out, "x-default", value);
    if (lang) append_in(out, lang, value);
    text_printf(out, "    </rdf:Alt>\n   </%s>\n", name);
}

static void append_bag(text *out, const char *name, const xmp_list *list)
{
    if (!list->count) return;
    text_printf(out, "   <%s>\n    <rdf:Bag>\n", name);
    for (int i = 0; i < list->count; i++) {
        text_append(out, "     <rdf:li>");
        append_escaped(out, list->item[i]);
        text_append(out, "</rdf:li>\n");
    }
    text_printf(out, "    </rdf:Bag>\n   </%s>\n", name);
}

static void append_words(text *out, const char *about, unsigned kinds, const xmp_words *w)
{
    const xmp_mark *m = &w->mark;
    text_append(out, "  <rdf:Description xmlns:rdf=\"" XMP_RDF "\" rdf:about=\"");
    append_escaped(out, about ? about : "");
    text_append(out, "\"\n    xmlns:dc=\"" XMP_DC "\"\n    xmlns:Iptc4xmpCore=\"" XMP_IPTC "\"");
    if (m->program) append_attribute(out, "xmlns:caption", XMP_OURS);
    append_attribute(out, "caption:captionProgram", m->program);
    append_attribute(out, "caption:captionVersion", m->version);
    append_attribute(out, "caption:captionModel", m->model);
    append_attribute(out, "caption:captionConfidence", m->confidence);
    append_attribute(out, "caption:captionDescription", m->description);
    append_attribute(out, "caption:captionAltText", m->alt_text);
    text_append(out, ">\n");
    if (kinds & XMP_DESCRIPTION) append_alternative(out, "dc:description", w->lang, w->description);
    if (kinds & XMP_ALT_TEXT)
        append_alternative(out, "Iptc4xmpCore:AltTextAccessibility", w->lang, w->alt_text);
    if (kinds & XMP_KEYWORDS) append_bag(out, "dc:subject", &w->keyword);
    if (m->program) append_bag(out, "caption:captionKeywords", &m->keyword);
    text_append(out, "  </rdf:Description>\n");
}

static void append_packet(text *out, unsigned kinds, const xmp_words *words, xmp_wrapping wrapping)
{
    static const char begin[] = "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n";
    bool embedded = wrapping == XMP_EMBEDDED;
    text_append(out, embedded ? begin : "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text_append(out, "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n <rdf:RDF xmlns:rdf=\"" XMP_RDF "\">\n");
    append_words(out, NULL, kinds, words);
    text_append(out, " </rdf:RDF>\n</x:xmpmeta>\n");
    if (embedded) text_append(out, "<?xpacket end=\"w\"?>");
}

void xmp_write(const char *packet, size_t n, const xmp_cuts *cuts, unsigned kinds, const xmp_words *words,
               xmp_wrapping wrapping, text *out)
{
    if (!n) {
        append_packet(out, kinds, words, wrapping);
        return;
    }
    size_t at = 0;
    for (int i = 0; i < cuts->count; i++) { /* all of them lie before the place */
        const xmp_cut *c = &cuts->cut[i];
        if (c->start < at || (c->kinds & ~(kinds | XMP_MARK))) continue; /* in one that is gone; it stays */
        text_append_bytes(out, packet + at, c->start - at);
        at = c->end;
    }
    text_append_bytes(out, packet + at, cuts->place - at);
    if (cuts->closing) text_append(out, ">\n");
    append_words(out, cuts->about, kinds, words);
    if (cuts->closing) text_append(out, cuts->closing);
    at = cuts->place + (cuts->closing ? strlen("/>") : 0);
    text_append_bytes(out, packet + at, n - at);
}

/* The padding stands before the last "<?xpacket". */
void xmp_without_padding(const char *packet, size_t n, text *out)
{
    static const char end[] = "<?xpacket";
    size_t m = sizeof end - 1, at = n;
    for (size_t i = n >= m ? n - m + 1 : 0; i-- > 0 && at == n;)
        if (!memcmp(packet + i, end, m)) at = i;
    size_t kept = at;
    while (kept && strchr(" \t\r\n", packet[kept - 1])) kept--;
    text_append_bytes(out, packet, kept);
    text_append(out, "\n");
    size_t tail = n;
    while (tail > at && !packet[tail - 1]) tail--;
    text_append_bytes(out, packet + at, tail - at);
}
