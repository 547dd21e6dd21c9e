/* What photo files say of themselves: descriptions, alternative texts and keywords, read from files of others
 * and written into them without changing anything else.
 *
 *     meta_words words = {.description = "A dog runs.", .alt_text = "A dog runs.",
 *                         .mark = {.version = "1.0", .model = "built-in", .confidence = 0.8}};
 *     text file = {0};
 *     meta_done done;
 *     if (meta_write(bytes, size, "a.jpg", &words, META_KEEP, &file, &done, &err)) ...
 *     if (done.changed) ... file.data[0 .. file.length-1] is the new file ...
 *     text_release(&file);
 *
 * The description goes, as the Metadata Working Group's "Guidelines for Handling Image Metadata" (2.0, 2010)
 * ask, to three places that are kept in step: XMP dc:description (x-default), the Caption-Abstract of IPTC-IIM
 * (2:120, JPEG alone, with the checksum that tells others that XMP is as new), and EXIF ImageDescription. The
 * alternative text is XMP Iptc4xmpCore:AltTextAccessibility (IPTC Photo Metadata Standard 2021.1), keywords are
 * XMP dc:subject and IIM 2:25.
 *
 * Ours is marked, in XMP properties of a namespace of our own: program, version, model, confidence, and what
 * was written. A text is ours as long as it is the one in the mark: once somebody has edited it, it is theirs.
 * What cameras put into ImageDescription of their own accord counts as nothing.
 *
 * Formats: JPEG (APP1, APP13 segments), PNG (iTXt, eXIf chunks), WebP (EXIF, XMP chunks), and XMP files that lie
 * beside a photo. Every other byte of the file stays as it is, but for the lengths and offsets that must change
 * with it. Files may be damaged or hostile: every length and offset is checked. */
#ifndef META_META_H
#define META_META_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/error.h"
#include "src/base/text.h"

/* What is to become of descriptions, alternative texts and keywords that are there. */
typedef enum meta_policy {
    META_KEEP,         /* they stay, whoever wrote them; only what is not there is added. Keywords of others
                          stay, and ours come beside them */
    META_REPLACE_OURS, /* those that are ours are replaced, those of others stay */
    META_REPLACE       /* all are replaced */
} meta_policy;

/* Who wrote it. Strings are UTF-8. */
typedef struct meta_mark {
    const char *version; /* of the program */
    const char *model;
    double confidence; /* 0..1 */
} meta_mark;

typedef struct meta_words {
    const char *description;    /* UTF-8; NULL: none is to be written */
    const char *alt_text;       /* NULL: none */
    const char *const *keyword; /* [keywords] */
    int keywords;               /* 0: none */
    const char *lang; /* of description and alternative text, as BCP 47 names it; NULL: nobody says it */
    meta_mark mark;
} meta_words;

typedef struct meta_done {
    bool changed;                         /* the file has to be written; false: it says all that already */
    bool description, alt_text, keywords; /* which were written */
} meta_done;

/* The file in `bytes` with the words in it, appended to `out` (empty where it need not change). `name` is for
 * messages. Errors: UNSUPPORTED (no JPEG, PNG or WebP; a build without expat), FORMAT (damaged, or metadata that
 * cannot be understood, which is left alone then), LIMIT (metadata of 64 KB that have no room for more), MEMORY. */
err_code meta_write(const uint8_t *bytes, size_t size, const char *name, const meta_words *words,
                    meta_policy policy, text *out, meta_done *done, error *err);

/* The same for the XMP file beside a photo; size 0: there is none yet. */
err_code meta_write_sidecar(const uint8_t *bytes, size_t size, const char *name, const meta_words *words,
                            meta_policy policy, text *out, meta_done *done, error *err);

/* What meta_write, or meta_write_sidecar, would write of the words, from the beginning of the file alone where it has
 * all of its metadata there; FORMAT otherwise, or the errors of these. */
err_code meta_look(const uint8_t *bytes, size_t size, const char *name, bool sidecar, const meta_words *words,
                   meta_policy policy, meta_done *done, error *err);

bool meta_is_possible(void); /* false: a build without expat, which reads XMP */

#endif
