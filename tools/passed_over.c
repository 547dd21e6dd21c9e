#include "tools/passed_over.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "src/image/image.h"

typedef struct kind {
    const char *name, *names; /* of one, of several */
    const char *endings;      /* in small letters, each between blanks */
} kind;

enum { PIPE, SOCKET, DEVICE, LINK, BESIDE, PICTURES, OTHERS = PICTURES + 5 };

static const kind kinds[PASSED_OVER_KINDS] = {
    [PIPE] = {"pipe", "pipes", ""},
    [SOCKET] = {"socket", "sockets", ""},
    [DEVICE] = {"device", "devices", ""},
    [LINK] = {"link to a folder", "links to folders", ""},
    [BESIDE] = {"raw file beside its picture", "raw files beside their pictures", ""},
    [PICTURES] = {"HEIC", "HEIC", ""}, /* of these img_format_of_name knows the endings, ... */
    {"AVIF", "AVIF", ""},
    {"TIFF", "TIFF", ""},
    {"GIF", "GIF", ""},
    {"raw", "raw", ""},
    [OTHERS] = {"JPEG XL", "JPEG XL", " jxl "}, /* ... and these nobody reads */
    {"JPEG 2000", "JPEG 2000", " jp2 j2k jpf jpx "},
    {"SVG", "SVG", " svg svgz "},
    {"PDF", "PDF", " pdf "},
    {"Photoshop", "Photoshop", " psd psb "},
    {"PNM", "PNM", " ppm pgm pbm pnm pam "},
    {"TGA", "TGA", " tga "},
    {"ICO", "ICO", " ico "},
};

int passed_over_kind(const char *name)
{
    bool read;
    const char *format = img_format_of_name(name, &read), *dot = strrchr(name, '.');
    for (int i = PICTURES; i < OTHERS && format; i++)
        if (!strcmp(kinds[i].name, format)) return i;
    if (!dot || dot == name || name[0] == '.') return -1;
    size_t size = strlen(++dot);
    for (int i = OTHERS; i < PASSED_OVER_KINDS && size; i++)
        for (const char *at = kinds[i].endings; (at = strchr(at, ' ')) && at[1]; at++)
            if (!strncasecmp(at + 1, dot, size) && at[size + 1] == ' ') return i;
    return -1;
}

int passed_over_raw(void)
{
    return BESIDE;
}

int passed_over_mode(mode_t mode)
{
    return S_ISFIFO(mode) ? PIPE : S_ISSOCK(mode) ? SOCKET : S_ISCHR(mode) || S_ISBLK(mode) ? DEVICE : -1;
}

int passed_over_link(void)
{
    return LINK;
}

static void tell_kinds(const passed_over *p, int all, text *out)
{
    const char *between = ": ";
    text_printf(out, "%d passed over", all);
    for (int i = PICTURES; i < PICTURES + PASSED_OVER_KINDS; i++) { /* what is no file comes last */
        int k = i % PASSED_OVER_KINDS;
        if (!p->count[k]) continue;
        text_printf(out, "%s%d %s", between, p->count[k], p->count[k] == 1 ? kinds[k].name : kinds[k].names);
        if (k >= PICTURES && k < OTHERS) text_append(out, " (not read by this build)");
        between = ", ";
    }
}

void passed_over_tell(const passed_over *p, text *out)
{
    int all = 0;
    for (int i = 0; i < PASSED_OVER_KINDS; i++) all += p->count[i];
    if (all) tell_kinds(p, all, out);
    if (!p->deeper && !p->at_least) return;
    if (all) text_append(out, "; ");
    if (!p->deeper)
        text_append(out, "folders in folders are not looked into, see -r");
    else
        text_printf(out, "%s%d photo%s deeper, see -r", p->at_least ? "at least " : "", p->deeper,
                    p->deeper == 1 ? " lies" : "s lie");
}
