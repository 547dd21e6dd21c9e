/* Inside src/meta: the names that xmp_read.c finds and xmp_write.c puts. */
#ifndef META_XMP_NAMES_H
#define META_XMP_NAMES_H

#define XMP_RDF "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
#define XMP_XML "http://www.w3.org/XML/1998/namespace"
#define XMP_DC "http://purl.org/dc/elements/1.1/"
#define XMP_IPTC "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
/* A name nobody else has; it leads nowhere. */
#define XMP_OURS "urn:uuid:8fbdb79d-4182-4e2d-956c-0d3d10e65f08#"

#endif
