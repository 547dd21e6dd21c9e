/* The built-in font, for builds without pango: ASCII in cells of 6 x 9 dots, enlarged by a whole number. */
#include "src/image/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    LETTER_WIDTH = 5,
    LETTER_HEIGHT = 7,
    CELL_WIDTH = 6,
    CELL_HEIGHT = 9,
    BAND = 16,    /* letters side by side in the table */
    UNKNOWN = 95, /* index of the box shown for everything that is not ASCII */
};

/* From ' ' to '~', and the box. */
// clang-format off
static const char *const dots[] = {
    /*   ! " # $ % & ' ( ) * + , - . / */
    "        #    # #   # #    #   ##  #  ##     #      #   #                                      #",
    "        #    # #   # #   #### ##  # #  #    #     #     #     #     #                         #",
    "        #    # #  ##### # #      #  # #     #    #       #  # # #   #                        # ",
    "        #          # #   ###    #    #           #       #   ###  #####       #####         #  ",
    "        #         #####   # #  #    # # #        #       #  # # #   #    ##                #   ",
    "                   # #  ####  #  ## #  #          #     #     #     #     #          ##   #    ",
    "        #          # #    #   #  ##  ## #          #   #                 #           ##   #    ",
    /* 0 1 2 3 4 5 6 7 8 9 : ; < = > ? */
    " ###    #    ###  ####     #  #####  ###  #####  ###   ###                 #         #     ### ",
    "#   #  ##   #   #     #   ##  #     #         # #   # #   #  ##    ##     #           #   #   #",
    "#  ## # #       #     #  # #  ####  #        #  #   # #   #  ##    ##    #    #####    #      #",
    "# # #   #     ##   ###  #  #      # ####    #    ###   ####             #               #   ## ",
    "##  #   #    #        # #####     # #   #   #   #   #     #  ##    ##    #    #####    #    #  ",
    "#   #   #   #         #    #  #   # #   #  #    #   #     #  ##     #     #           #        ",
    " ###  ##### ##### ####     #   ###   ###   #     ###   ###         #       #         #      #  ",
    /* @ A B C D E F G H I J K L M N O */
    " ###    #   ####   ###  ###   ##### #####  ###  #   #  ###    ### #   # #     #   # #   #  ### ",
    "#   #  # #  #   # #   # #  #  #     #     #   # #   #   #      #  #  #  #     ## ## ##  # #   #",
    "# ### #   # #   # #     #   # #     #     #     #   #   #      #  # #   #     # # # ##  # #   #",
    "# # # #   # ####  #     #   # ####  ####  # ### #####   #      #  ##    #     # # # # # # #   #",
    "# ### ##### #   # #     #   # #     #     #   # #   #   #      #  # #   #     #   # #  ## #   #",
    "#     #   # #   # #   # #  #  #     #     #   # #   #   #   #  #  #  #  #     #   # #  ## #   #",
    " #### #   # ####   ###  ###   ##### #      #### #   #  ###   ##   #   # ##### #   # #   #  ### ",
    /* P Q R S T U V W X Y Z [ \ ] ^ _ */
    "####   ###  ####   #### ##### #   # #   # #   # #   # #   # #####  ###  #      ###    #        ",
    "#   # #   # #   # #       #   #   # #   # #   # #   # #   #     #  #    #        #   # #       ",
    "#   # #   # #   # #       #   #   # #   # #   #  # #   # #     #   #     #       #  #   #      ",
    "####  #   # ####   ###    #   #   # #   # # # #   #     #     #    #      #      #             ",
    "#     # # # # #       #   #   #   #  # #  # # #  # #    #    #     #       #     #             ",
    "#     #  #  #  #      #   #   #   #  # #  ## ## #   #   #   #      #        #    #             ",
    "#      ## # #   # ####    #    ###    #   #   # #   #   #   #####  ###      #  ###        #####",
    /* ` a b c d e f g h i j k l m n o */
    " #          #               #         ##        #       #      #  #      ##                    ",
    "  #         #               #        #     #### #                 #       #                    ",
    "       ###  ####   ####  ####  ###  ####  #   # ####   ##     ##  #  #    #   ## #  ####   ### ",
    "          # #   # #     #   # #   #  #    #   # #   #   #      #  # #     #   # # # #   # #   #",
    "       #### #   # #     #   # #####  #     #### #   #   #      #  ##      #   # # # #   # #   #",
    "      #   # #   # #     #   # #      #        # #   #   #   #  #  # #     #   # # # #   # #   #",
    "       #### ####   ####  ####  ###   #     ###  #   #  ###   ##   #  #   ###  # # # #   #  ### ",
    /* p q r s t u v w x y z { | } ~ unknown */
    "                         #                                           ##   #   ##          #####",
    "####   ####              #                            #   #         #     #     #         #   #",
    "#   # #   # # ##   #### ####  #   # #   # #   # #   # #   # #####   #     #     #    #  # #   #",
    "#   # #   # ##  # #      #    #   # #   # #   #  # #  #   #    #   #      #      #  # # # #   #",
    "####   #### #      ###   #    #   # #   # # # #   #    ####   #     #     #     #   #  #  #   #",
    "#         # #         #  #    #   #  # #  # # #  # #      #  #      #     #     #         #   #",
    "#         # #     ####    ##   ####   #    # #  #   #  ###  #####    ##   #   ##          #####",
};
// clang-format on

static bool has_dot(int glyph, int x, int y)
{
    return dots[glyph / BAND * LETTER_HEIGHT + y][glyph % BAND * CELL_WIDTH + x] == '#';
}

/* The glyph of the character at *text, which moves on behind it: one glyph for a whole UTF-8 sequence. */
static int next_glyph(const char **text)
{
    unsigned char c = (unsigned char)*(*text)++;
    if (c >= ' ' && c <= '~') return c - ' ';
    while (((unsigned char)**text & 0xC0) == 0x80) (*text)++;
    return UNKNOWN;
}

/* Characters on the next line of at most `limit` and where the line after it starts: broken at a space if
 * there is one, else anywhere. */
static int next_line(const char *text, int limit, const char **following)
{
    int count = 0, at_space = 0;
    const char *p = text, *behind_space = NULL;
    for (; *p && *p != '\n' && count < limit; count++) {
        if (*p == ' ') {
            at_space = count;
            behind_space = p + 1;
        }
        next_glyph(&p);
    }
    *following = *p == '\n' || *p == ' ' ? p + 1 : p;
    if (!*p || *p == '\n' || *p == ' ' || !behind_space) return count;
    *following = behind_space;
    return at_space;
}

static void paint_glyph(img_mask *mask, int left, int top, int zoom, bool bold, int glyph)
{
    for (int y = 0; y < LETTER_HEIGHT * zoom; y++) {
        for (int x = 0; x < LETTER_WIDTH * zoom; x++) {
            if (!has_dot(glyph, x / zoom, y / zoom)) continue;
            for (int thick = 0; thick <= (bold ? (zoom + 1) / 2 : 0); thick++)
                if (top + y < mask->height && left + x + thick < mask->width)
                    mask->cover[(size_t)(top + y) * mask->width + (left + x + thick)] = 255;
        }
    }
}

static void paint_lines(const char *text, int limit, int zoom, const img_text_style *style, img_mask *mask)
{
    const char *following;
    for (int top = zoom; *text; text = following, top += CELL_HEIGHT * zoom) {
        int count = next_line(text, limit, &following);
        int left = style->align == IMG_CENTRE ? (mask->width - count * CELL_WIDTH * zoom) / 2 : 0;
        if (left < 0) left = 0;
        for (; count--; left += CELL_WIDTH * zoom)
            paint_glyph(mask, left, top, zoom, style->bold, next_glyph(&text));
    }
}

err_code img_font_layout(const char *text, int wrap, const img_text_style *style, bool paint, img_mask *mask,
                         error *e)
{
    enum { LONGEST = 1 << 20 };
    int zoom = style->size / CELL_HEIGHT > 0 ? style->size / CELL_HEIGHT : 1;
    int limit = wrap > 0 ? wrap / (CELL_WIDTH * zoom) : LONGEST;
    if (limit < 1) limit = 1;
    int lines = 0, widest = 0;
    const char *following;
    for (const char *p = text; *p; p = following, lines++) {
        int count = next_line(p, limit, &following);
        if (count > widest) widest = count;
    }
    if (widest > 30000 / (CELL_WIDTH * zoom) || lines > 30000 / (CELL_HEIGHT * zoom))
        return err_set(e, ERR_LIMIT, "a text is too long to be painted");
    *mask = (img_mask){.width = widest * CELL_WIDTH * zoom, .height = lines * CELL_HEIGHT * zoom};
    if (!paint || !lines || !mask->width) return ERR_OK;
    if (wrap) mask->width = wrap;
    mask->cover = calloc(mask->width, mask->height);
    if (!mask->cover) return err_no_memory(e, "while painting a text");
    paint_lines(text, limit, zoom, style, mask);
    return ERR_OK;
}
