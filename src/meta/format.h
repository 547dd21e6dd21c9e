/* Inside src/meta: what a file format offers to meta.c. A format finds the blocks of metadata in a file, and writes
 * the file again with other blocks in it: every other byte is copied. */
#ifndef META_FORMAT_H
#define META_FORMAT_H

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/base/text.h"

/* The file that is read. */
typedef struct meta_file {
    const uint8_t *bytes;
    size_t size;
    const char *name; /* for messages */
} meta_file;

typedef enum meta_kind {
    META_EXIF, /* a TIFF header and what follows; "Exif\0\0" may stand in front where the format allows it */
    META_XMP,  /* a packet */
    META_RESOURCES, /* Photoshop's image resources, JPEG alone */
    META_NOTE,      /* the text of a PNG that is called "Description" */
    META_KINDS
} meta_kind;

typedef struct meta_block {
    const uint8_t *bytes; /* NULL: there is none */
    size_t size;
} meta_block;

typedef struct meta_blocks {
    meta_block of[META_KINDS];
    bool changed[META_KINDS]; /* for writing: it is not the one of the file */
    bool exif_elsewhere; /* the file has EXIF in a form that is not written: a second one would hide it */
} meta_blocks;

typedef struct meta_format {
    bool (*matches)(const meta_file *f);

    /* Blocks point into the file, or into `memory` where they had to be put together. FORMAT: damaged. */
    err_code (*read)(const meta_file *f, arena *memory, meta_blocks *out, error *err);

    /* Appends the file with the blocks that have changed in place of those that there were: of several of a kind
     * in place of the first. LIMIT: the file is too large for it. */
    err_code (*write)(const meta_file *f, const meta_blocks *blocks, text *out, error *err);

    bool has_resources; /* it can hold META_RESOURCES */
    size_t most;        /* bytes of an EXIF or XMP block */
} meta_format;

extern const meta_format meta_jpeg, meta_png, meta_webp;

/* FORMAT: "cannot read the metadata of 'NAME': <problem>". */
err_code meta_damaged(const meta_file *f, const char *problem, error *err);

/* Numbers of four bytes, most significant first, or last. */
static inline uint32_t meta_big(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint32_t meta_little(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

#endif
