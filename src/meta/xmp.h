/* XMP packets (ISO 16684-1), read and changed in place: what is not ours to change keeps its bytes.
 *
 *     xmp_words found = {0};
 *     xmp_cuts cuts = {0};
 *     if (xmp_read(packet, n, "a.jpg", &memory, &found, &cuts, &err)) ...
 *     xmp_words words = found;
 *     words.description = "A dog runs.";
 *     xmp_write(packet, n, &cuts, XMP_DESCRIPTION, &words, XMP_EMBEDDED, &out);
 *
 * Reading is done by expat, which is the only thing here that a build may lack. Properties are found whatever
 * their prefixes, as elements or attributes, in one rdf:Description or many. Writing cuts out the properties
 * that are to change, and puts them into one rdf:Description at the end. */
#ifndef META_XMP_H
#define META_XMP_H

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/base/text.h"

typedef struct xmp_list {
    const char **item; /* [count] */
    int count;
    int64_t capacity; /* of a list that grows, else 0 */
} xmp_list;

/* What was written by this program, as its mark in the packet says; all NULL: it wrote nothing. */
typedef struct xmp_mark {
    const char *program, *version, *model, *confidence;
    const char *description, *alt_text; /* as they were written; NULL: it did not */
    xmp_list keyword;
} xmp_mark;

typedef struct xmp_words {
    const char *description; /* dc:description, x-default or the first; NULL: none */
    const char *alt_text;    /* Iptc4xmpCore:AltTextAccessibility, likewise */
    xmp_list keyword;        /* dc:subject */
    const char *lang; /* for writing: in which the two texts stand besides x-default; NULL: x-default alone */
    xmp_mark mark;
} xmp_words;

/* Properties, as bits. */
enum { XMP_DESCRIPTION = 1, XMP_ALT_TEXT = 2, XMP_KEYWORDS = 4, XMP_MARK = 8 };

/* Where properties stand in the packet. A range that holds others, an rdf:Description with nothing else in it, comes
 * before them. */
typedef struct xmp_cut {
    size_t start, end;
    unsigned kinds;
} xmp_cut;

typedef struct xmp_cuts {
    xmp_cut *cut; /* [count], ascending */
    int count;
    int64_t capacity; /* while it is read */
    size_t place;     /* of what is put in: before </rdf:RDF> */
    const char
        *closing;      /* where rdf:RDF has no end tag of its own ("<rdf:RDF/>"): what to put in its place */
    const char *about; /* rdf:about of the packet, which all parts of it share; NULL: "" */
    bool found;        /* there is an rdf:RDF */
} xmp_cuts;

/* Everything lives in `memory`. FORMAT: not XMP that can be changed safely (malformed, no UTF-8, a document type, no
 * rdf:RDF); UNSUPPORTED: a build without expat; MEMORY. `name` is for messages. */
err_code xmp_read(const char *packet, size_t n, const char *name, arena *memory, xmp_words *out,
                  xmp_cuts *cuts, error *err);

typedef enum xmp_wrapping {
    XMP_EMBEDDED, /* a new packet is wrapped for the inside of a file */
    XMP_ALONE     /* ... for a file of its own */
} xmp_wrapping;

/* Appends the packet with the words of these kinds in place of those that were there, and the mark in place of the
 * one that was there; n 0: a new packet. */
void xmp_write(const char *packet, size_t n, const xmp_cuts *cuts, unsigned kinds, const xmp_words *words,
               xmp_wrapping wrapping, text *out);

/* Appends the packet without the blanks that it ends in, for where room is short. */
void xmp_without_padding(const char *packet, size_t n, text *out);

bool xmp_is_possible(void); /* false: a build without expat */

#endif
