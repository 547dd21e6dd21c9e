#include "captioner/show/page_parts.h"

/* As captioner/net/builtin.c takes in the model: the assembler copies the file, as it lies in the tree. */
#define PART(name, file)                                                                                     \
    __asm__(                                                                                                 \
        ".pushsection .rodata\n"                                                                             \
        "cap_page_" #name                                                                                    \
        "_begin:\n"                                                                                          \
        ".incbin \"" CAPTION_PAGE_FOLDER "/" file                                                            \
        "\"\n"                                                                                               \
        "cap_page_" #name                                                                                    \
        "_end:\n"                                                                                            \
        ".byte 0\n"                                                                                          \
        ".popsection\n");                                                                                    \
    extern const char cap_page_##name##_begin[], cap_page_##name##_end[];

PART(photos_html, "photos.html")
PART(lines_html, "lines.html")
PART(style, "page.css")
PART(heat, "heat.js")
PART(common, "page.js")
PART(photos_script, "photos.js")
PART(lines_script, "lines.js")

cap_page_parts cap_page_get_parts(void)
{
    return (cap_page_parts){{cap_page_photos_html_begin, cap_page_photos_html_end},
                            {cap_page_lines_html_begin, cap_page_lines_html_end},
                            {cap_page_style_begin, cap_page_style_end},
                            {cap_page_heat_begin, cap_page_heat_end},
                            {cap_page_common_begin, cap_page_common_end},
                            {cap_page_photos_script_begin, cap_page_photos_script_end},
                            {cap_page_lines_script_begin, cap_page_lines_script_end}};
}
