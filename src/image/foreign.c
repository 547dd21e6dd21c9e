/* Files that are recognised only to say what they are. */
#include "src/image/format.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct foreign {
    const char *name;
    const char *remark; /* NULL: a picture, which can be saved as one of ours */
    const char *start;  /* what the file begins with, [start_length]; "": anything */
    size_t start_length;
    size_t offset; /* and what it has there */
    const char *mark;
} foreign;

static const char pointer[] = "not the photo itself; 'git lfs pull' fetches it";
static const char no_photo[] = "not a photo";

#define START(bytes) bytes, sizeof(bytes) - 1

/* The first that fits counts. */
static const foreign rows[] = {
    {"a JPEG XL file", NULL, START("\xFF\x0A"), 0, ""},
    {"a JPEG XL file", NULL, START("\0\0\0\x0CJXL "), 0, ""},
    {"a JPEG 2000 file", NULL, START("\0\0\0\x0CjP  "), 0, ""},
    {"a JPEG 2000 file", NULL, START("\xFF\x4F\xFF\x51"), 0, ""},
    {"a Photoshop file", NULL, START("8BPS"), 0, ""},
    {"a PDF file", NULL, START("%PDF-"), 0, ""},
    {"a PostScript file", NULL, START("%!PS"), 0, ""},
    {"an icon (ICO) file", NULL, START("\0\0\1\0"), 0, ""},
    {"an OpenEXR file", NULL, START("\x76\x2F\x31\x01"), 0, ""},
    {"a video", no_photo, START(""), 4, "ftyp"},
    {"a video", no_photo, START("\x1A\x45\xDF\xA3"), 0, ""},
    {"a video", no_photo, START("\0\0\1\xBA"), 0, ""},
    {"a video", no_photo, START("RIFF"), 8, "AVI "},
    {"a ZIP archive", no_photo, START("PK\3\4"), 0, ""},
    {"a gzip file", no_photo, START("\x1F\x8B"), 0, ""},
    {"a safetensors file", no_photo, START(""), 8, "{\""},
    {"a Git LFS pointer", pointer, START("version https://git-lfs"), 0, ""},
};

static bool fits(const foreign *f, const uint8_t *bytes, size_t length)
{
    size_t mark = strlen(f->mark);
    return length >= f->start_length && length >= f->offset + mark &&
           !memcmp(bytes, f->start, f->start_length) && !memcmp(bytes + f->offset, f->mark, mark);
}

static bool is_pnm(const uint8_t *b, size_t length)
{
    return length >= 3 && b[0] == 'P' && b[1] >= '1' && b[1] <= '7' && strchr(" \t\r\n", b[2]) && b[2];
}

/* What is written in angle brackets, past a byte order mark and blanks. */
static const char *markup_name(const uint8_t *bytes, size_t length)
{
    char head[1024];
    size_t n = length < sizeof head - 1 ? length : sizeof head - 1;
    memcpy(head, bytes, n);
    head[n] = 0;
    const char *s = head + (n >= 3 && !memcmp(head, "\xEF\xBB\xBF", 3) ? 3 : 0);
    s += strspn(s, " \t\r\n");
    if (!strncasecmp(s, "<!doctype html", 14) || !strncasecmp(s, "<html", 5)) return "a web page";
    if (*s != '<') return NULL;
    if (strstr(s, "<svg")) return "an SVG file";
    return strncmp(s, "<?xml", 5) ? NULL : "an XML file";
}

static err_code refuse(const char *name, const char *what, const char *remark, error *e)
{
    if (remark) return err_set(e, ERR_FORMAT, "cannot read '%s': %s, %s", name, what, remark);
    return err_set(e, ERR_UNSUPPORTED, "cannot read '%s': %s; save it as JPEG, PNG or WebP", name, what);
}

err_code img_refuse_foreign(const uint8_t *bytes, size_t length, const char *name, error *e)
{
    size_t i = 0, count = sizeof rows / sizeof rows[0];
    while (i < count && !fits(&rows[i], bytes, length)) i++;
    if (i < count) return refuse(name, rows[i].name, rows[i].remark, e);
    if (is_pnm(bytes, length)) return refuse(name, "a PNM file", NULL, e);
    const char *markup = markup_name(bytes, length);
    if (markup) return refuse(name, markup, strcmp(markup, "an SVG file") ? no_photo : NULL, e);
    return err_set(e, ERR_FORMAT, "cannot read '%s': not a picture that caption reads", name);
}
