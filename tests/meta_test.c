/* Metadata of photo files: what is written, what is found again, and that nothing else changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/rng.h"
#include "src/meta/iim.h"
#include "src/meta/md5.h"
#include "src/meta/meta.h"
#include "src/meta/tiff.h"
#include "src/meta/xmp.h"

/* ---- small files, as bytes ---- */

#define SOI "\xFF\xD8"
#define JFIF "\xFF\xE0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
#define QUANT "\xFF\xDB\0\5abc"
#define SCAN "\xFF\xDA\0\3\1data\xFF\xD9trailer"
#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

static const char jpeg[] = SOI JFIF QUANT SCAN;
static const char png[] =
    "\x89PNG\r\n\x1A\n"
    "\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90\x77\x53\xDE"
    "\0\0\0\3IDATabc\1\2\3\4"
    "\0\0\0\0IEND\xAE\x42\x60\x82";
static const char webp[] = "RIFF\x12\0\0\0WEBPVP8L\5\0\0\0\x2F\3\xC0\1\x10\0"; /* 4 x 8 pixels, with alpha */

typedef struct file {
    const char *name;
    const uint8_t *bytes;
    size_t size;
} file;

static const file files[] = {
    {"a.jpg", BYTES(jpeg)},
    {"a.png", BYTES(png)},
    {"a.webp", BYTES(webp)},
};
enum { FILES = sizeof files / sizeof *files };

static const char *const dog[] = {"dog", "caf\xC3\xA9"};

static meta_words words_of(const char *sentence)
{
    return (meta_words){.description = sentence,
                        .alt_text = sentence,
                        .keyword = dog,
                        .keywords = 2,
                        .mark = {.version = "1.0", .model = "built-in", .confidence = 0.5}};
}

/* Writes into a file; the result, to be released. */
static text put(const file *f, const char *sentence, meta_policy policy, bool changed)
{
    error err = {0};
    meta_done done;
    text out = {0};
    const meta_words w = words_of(sentence);
    assert_int_equal(meta_write(f->bytes, f->size, f->name, &w, policy, &out, &done, &err), ERR_OK);
    assert_int_equal(done.changed, changed);
    return out;
}

static file as_file(const file *f, const text *t)
{
    return (file){f->name, (const uint8_t *)t->data, t->length};
}

static bool contains(const text *t, const char *wanted)
{
    size_t n = strlen(wanted);
    for (size_t i = 0; i + n <= t->length; i++)
        if (!memcmp(t->data + i, wanted, n)) return true;
    return false;
}

static int count_of(const text *t, const char *wanted)
{
    size_t n = strlen(wanted);
    int count = 0;
    for (size_t i = 0; i + n <= t->length; i++) count += !memcmp(t->data + i, wanted, n);
    return count;
}

/* ---- whole files ---- */

static void what_is_written_is_found_again(void **state)
{
    (void)state;
    for (int i = 0; i < FILES; i++) {
        text first = put(&files[i], "A dog runs.", META_KEEP, true);
        const file f = as_file(&files[i], &first);
        assert_true(contains(&first, "x-default\">A dog runs.<"));
        text none = put(&f, "A dog runs.", META_REPLACE_OURS, false); /* it says that already */
        text kept = put(&f, "A cat sits.", META_KEEP, false);         /* it says something */
        text second = put(&f, "A cat sits.", META_REPLACE_OURS, true);
        assert_false(contains(&second, "dog runs"));
        assert_int_equal(count_of(&second, "<dc:description>"), 1);
        text_release(&first);
        text_release(&none);
        text_release(&kept);
        text_release(&second);
    }
}

/* Everything of the old file is in the new one, in its order: what was put in can be taken out. */
static void every_other_byte_is_kept(void **state)
{
    (void)state;
    text t = put(&files[0], "A dog runs.", META_KEEP, true);
    size_t front = sizeof(SOI JFIF) - 1, rest = sizeof jpeg - 1 - front;
    assert_memory_equal(t.data, jpeg, front);
    assert_memory_equal(t.data + t.length - rest, jpeg + front, rest);
    text_release(&t);
    t = put(&files[1], "A dog runs.", META_KEEP, true);
    front = 8 + 25, rest = sizeof png - 1 - front;
    assert_memory_equal(t.data, png, front);
    assert_memory_equal(t.data + t.length - rest, png + front, rest);
    text_release(&t);
    t = put(&files[2], "A dog runs.", META_KEEP, true);
    static const char extended[] = "VP8X\n\0\0\0\x1C\0\0\0\3\0\0\7\0\0";
    assert_memory_equal(t.data + 8, "WEBP", 4);
    assert_memory_equal(t.data + 12, extended, sizeof extended - 1);
    assert_memory_equal(t.data + 12 + sizeof extended - 1, webp + 12, sizeof webp - 1 - 12);
    assert_int_equal((uint8_t)t.data[4] | (uint8_t)t.data[5] << 8, t.length - 8);
    text_release(&t);
}

static text of_others(const char *packet)
{
    text t = {0};
    size_t n = strlen(packet) + 29 + 2;
    text_append_bytes(&t, SOI, 2);
    const char head[4] = {'\xFF', '\xE1', (char)(n >> 8), (char)n};
    text_append_bytes(&t, head, 4);
    text_append_bytes(&t, "http://ns.adobe.com/xap/1.0/", 29);
    text_append(&t, packet);
    text_append_bytes(&t, SCAN, sizeof(SCAN) - 1);
    return t;
}

#define RDF_HEAD                                                                                             \
    "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
#define RDF_OPEN RDF_HEAD "\n"
#define RDF_CLOSE "</rdf:RDF></x:xmpmeta>"
#define DC "xmlns:d='http://purl.org/dc/elements/1.1/'"
#define THEIRS                                                                                               \
    "<rdf:Description rdf:about='x&amp;y' " DC                                                               \
    " other='1'><d:description><rdf:Alt>"                                                                    \
    "<rdf:li xml:lang='de'>Omas Hund</rdf:li><rdf:li xml:lang='x-default'>Grandma's dog</rdf:li>"            \
    "</rdf:Alt></d:description>\n<d:subject><rdf:Bag><rdf:li>Ulm</rdf:li></rdf:Bag></d:subject>"             \
    "</rdf:Description>\n"

static void what_a_person_wrote_stays(void **state)
{
    (void)state;
    text old = of_others(RDF_OPEN THEIRS RDF_CLOSE);
    const file f = {"a.jpg", (const uint8_t *)old.data, old.length};
    for (int policy = META_KEEP; policy <= META_REPLACE_OURS; policy++) {
        text t = put(&f, "A dog.", (meta_policy)policy, true); /* alternative text and keywords are new */
        assert_true(contains(&t, "Omas Hund"));
        assert_true(contains(&t, "Grandma's dog"));
        assert_false(contains(&t, "<dc:description>"));
        assert_true(contains(&t, "AltTextAccessibility"));
        assert_true(contains(&t, "<rdf:li>Ulm</rdf:li>\n     <rdf:li>dog</rdf:li>"));
        assert_int_equal(count_of(&t, "Ulm"), 2); /* XMP and IIM */
        assert_true(contains(&t, "rdf:about=\"x&amp;y\""));
        text_release(&t);
    }
    text t = put(&f, "A dog.", META_REPLACE, true);
    assert_false(contains(&t, "Grandma"));
    assert_false(contains(&t, "Ulm"));
    assert_true(contains(&t, "other='1'"));
    text_release(&t);
    text_release(&old);
}

/* Once somebody has changed our sentence it is theirs. */
static void an_edited_sentence_is_theirs(void **state)
{
    (void)state;
    text first = put(&files[0], "A dog runs.", META_KEEP, true);
    char *at = NULL;
    for (size_t i = 0; !at && i < first.length; i++)
        if (!memcmp(first.data + i, ">A dog runs.<", 13)) at = first.data + i;
    assert_non_null(at);
    memcpy(at, ">A fox runs.<", 13);
    const file f = as_file(&files[0], &first);
    text second = put(&f, "A cat.", META_REPLACE_OURS, true); /* the alternative text is ours still */
    assert_true(contains(&second, ">A fox runs.<"));
    assert_false(contains(&second, "<rdf:li xml:lang=\"x-default\">A dog runs.<"));
    text_release(&first);
    text_release(&second);
}

/* In EXIF alone, too; but not what a camera writes of its own accord. */
static void descriptions_in_exif_count(void **state)
{
    (void)state;
    static const char *const said[] = {"Grandma's dog", "OLYMPUS DIGITAL CAMERA         ", "   "};
    for (int i = 0; i < 3; i++) {
        text exif = {0}, old = {0};
        assert_true(tiff_describe(NULL, 0, said[i], &exif));
        const char head[4] = {'\xFF', '\xE1', 0, (char)(exif.length + 8)};
        text_append_bytes(&old, SOI, 2);
        text_append_bytes(&old, head, 4);
        text_append_bytes(&old, "Exif\0", 6);
        text_append_bytes(&old, exif.data, exif.length);
        text_append_bytes(&old, SCAN, sizeof(SCAN) - 1);
        const file f = {"a.jpg", (const uint8_t *)old.data, old.length};
        text t = put(&f, "A dog.", META_KEEP, true);
        assert_int_equal(contains(&t, "<dc:description>"), i > 0);
        text_release(&t);
        text_release(&old);
        text_release(&exif);
    }
}

/* A PNG's own text called Description, which is replaced with the rest. */
static void notes_of_png_count(void **state)
{
    (void)state;
    text old = {0};
    text_append_bytes(&old, png, 8 + 25);
    text_append_bytes(&old, "\0\0\0\x0FtEXtDescription\0our\0\0\0\0", 12 + 15);
    text_append_bytes(&old, png + 8 + 25, sizeof png - 1 - 8 - 25);
    const file f = {"a.png", (const uint8_t *)old.data, old.length};
    text kept = put(&f, "A dog.", META_KEEP, true), replaced = put(&f, "A dog.", META_REPLACE, true);
    assert_true(contains(&kept, "tEXtDescription"));
    assert_false(contains(&kept, "<dc:description>"));
    assert_false(contains(&replaced, "tEXtDescription"));
    text_release(&kept);
    text_release(&replaced);
    text_release(&old);
}

/* Offsets of further pictures behind the first one (CIPA DC-007) count from the header in APP2. */
static void further_pictures_are_found_again(void **state)
{
    (void)state;
    text old = {0};
    static const char mpf[] =
        "\xFF\xE2\0\x40MPF\0II*\0\x08\0\0\0\1\0\2\xB0\7\0\x20\0\0\0\x1A\0\0\0\0\0\0\0"
        "\0\0\0\0\x63\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\x08\0\0\0\x50\0\0\0\0\0\0\0";
    text_append_bytes(&old, SOI, 2);
    text_append_bytes(&old, mpf, sizeof mpf - 1);
    text_append_bytes(&old, SCAN, sizeof(SCAN) - 1);
    size_t header = 2 + 8, second = header + 0x50;
    while (old.length < second) text_append_bytes(&old, "-", 1);
    text_append_bytes(&old, "\xFF\xD8second", 8);
    const file f = {"a.jpg", (const uint8_t *)old.data, old.length};
    text t = put(&f, "A dog.", META_KEEP, true);
    size_t grown = t.length - old.length, at = 0;
    while (memcmp(t.data + at, "MPF\0", 4) != 0) at++;
    const uint8_t *p = (const uint8_t *)t.data + at + 4;
    size_t size = (size_t)p[0x1E] | (size_t)p[0x1F] << 8, offset = (size_t)p[0x32] | (size_t)p[0x33] << 8;
    assert_int_equal(size, 0x63 + grown);
    assert_memory_equal(p + offset, "\xFF\xD8second", 8);
    text_release(&t);
    text_release(&old);
}

static void sidecars(void **state)
{
    (void)state;
    error err = {0};
    meta_done done;
    text first = {0}, second = {0};
    meta_words w = words_of("A dog.");
    assert_int_equal(meta_write_sidecar(NULL, 0, "a.xmp", &w, META_KEEP, &first, &done, &err), ERR_OK);
    assert_true(done.changed && contains(&first, ">A dog.<") && contains(&first, "<?xml"));
    w = words_of("A cat.");
    assert_int_equal(meta_write_sidecar((const uint8_t *)first.data, first.length, "a.xmp", &w,
                                        META_REPLACE_OURS, &second, &done, &err),
                     ERR_OK);
    assert_true(done.changed && contains(&second, ">A cat.<") && !contains(&second, "A dog."));
    assert_int_equal(first.length, second.length);
    static const char *const wrong[] = {"<a>", "no", "<a/>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
                                        RDF_OPEN "</rdf:RDF>"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        text t = {0};
        assert_int_equal(meta_write_sidecar((const uint8_t *)wrong[i], strlen(wrong[i]), "a.xmp", &w,
                                            META_REPLACE, &t, &done, &err),
                         ERR_FORMAT);
        text_release(&t);
    }
    text_release(&first);
    text_release(&second);
}

/* ---- XMP ---- */

#define OURS "xmlns:o='urn:uuid:8fbdb79d-4182-4e2d-956c-0d3d10e65f08#'"

static void packets_of_all_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *packet, *description, *program; /* as they are found; NULL: none */
        const char *written;                        /* with another description, "*" for ours */
    } cases[] = {
        {RDF_OPEN RDF_CLOSE, NULL, NULL, RDF_OPEN "*" RDF_CLOSE},
        {"<r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/>", NULL, NULL,
         "<r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\n*</r:RDF>"},
        {"<RDF xmlns='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/>", NULL, NULL,
         "<RDF xmlns='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\n*</RDF>"},
        /* simple values and attributes */
        {RDF_OPEN "<rdf:Description " DC " a='&quot;' d:description = \"x &gt; y\" b='>'/>" RDF_CLOSE,
         "x > y", NULL, RDF_OPEN "<rdf:Description " DC " a='&quot;' b='>'/>*" RDF_CLOSE},
        {RDF_OPEN "<rdf:Description " DC "><d:description>x</d:description></rdf:Description>" RDF_CLOSE, "x",
         NULL, RDF_HEAD "*" RDF_CLOSE},
        {RDF_OPEN "<rdf:Description " DC "><d:description/><d:title>t</d:title></rdf:Description>" RDF_CLOSE,
         NULL, NULL, RDF_OPEN "<rdf:Description " DC "><d:title>t</d:title></rdf:Description>*" RDF_CLOSE},
        /* ours, as others write it again */
        {RDF_OPEN "<rdf:Description " OURS
                  " o:captionProgram='caption'><o:captionVersion>1</o:captionVersion>"
                  "</rdf:Description>\n" RDF_CLOSE,
         NULL, "caption", RDF_OPEN "*" RDF_CLOSE},
        /* no property of the photo: a field of something else has the same name */
        {RDF_OPEN "<rdf:Description " DC "><d:other><rdf:Description><d:description>x</d:description>"
                  "</rdf:Description></d:other></rdf:Description>" RDF_CLOSE,
         NULL, NULL,
         RDF_OPEN "<rdf:Description " DC "><d:other><rdf:Description><d:description>x</d:description>"
                  "</rdf:Description></d:other></rdf:Description>*" RDF_CLOSE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        arena memory = {0};
        xmp_words found;
        xmp_cuts cuts;
        error err = {0};
        text out = {0}, ours = {0}, wanted = {0};
        size_t n = strlen(cases[i].packet);
        assert_int_equal(xmp_read(cases[i].packet, n, "a", &memory, &found, &cuts, &err), ERR_OK);
        assert_int_equal(!found.description, !cases[i].description);
        if (found.description) assert_string_equal(found.description, cases[i].description);
        assert_int_equal(!found.mark.program, !cases[i].program);
        const xmp_words new = {.description = "*"};
        xmp_write(cases[i].packet, n, &cuts, XMP_DESCRIPTION, &new, XMP_EMBEDDED, &out);
        const char *star = strchr(cases[i].written, '*'),
                   *from = strstr(text_string(&out), "  <rdf:Description xmlns:rdf"),
                   *end = from ? strstr(from, "</rdf:Description>\n") : NULL;
        assert_true(star && end);
        text_append_bytes(&wanted, cases[i].written, (size_t)(star - cases[i].written));
        text_append_bytes(&wanted, from, (size_t)(end - from) + 19);
        text_append(&wanted, star + 1);
        assert_string_equal(text_string(&out), text_string(&wanted));
        text_release(&out);
        text_release(&ours);
        text_release(&wanted);
        arena_release(&memory);
    }
}

static void what_xml_forbids_is_left_out(void **state)
{
    (void)state;
    text t = put(&files[0], "a <b> & \"c\" \x01 \xFF \xEF\xBF\xBE d", META_KEEP, true);
    assert_true(contains(&t, ">a &lt;b&gt; &amp; &quot;c&quot;  \xEF\xBF\xBD  d<"));
    const file f = as_file(&files[0], &t);
    text again = put(&f, "A dog.", META_KEEP, false);
    text_release(&again);
    text_release(&t);
}

/* ---- IIM ---- */

static void md5_of_known_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *digest;
    } cases[] = {{"", "\xD4\x1D\x8C\xD9\x8F\0\xB2\4\xE9\x80\x09\x98\xEC\xF8\x42\x7E"},
                 {"abc", "\x90\x01\x50\x98\x3C\xD2\x4F\xB0\xD6\x96\x3F\x7D\x28\xE1\x7F\x72"},
                 {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                  "\x57\xED\xF4\xA2\x2B\xE3\xC9\x55\xAC\x49\xDA\x2E\x21\x07\xB6\x7A"}};
    for (size_t i = 0; i < 3; i++) {
        uint8_t digest[MD5_BYTES];
        md5(cases[i].text, strlen(cases[i].text), digest);
        assert_memory_equal(digest, cases[i].digest, MD5_BYTES);
    }
}

static void expect_iim(const char *old, size_t n, const char *caption, const char *new, size_t m)
{
    text out = {0};
    const iim_words w = {.caption = caption, .keywords = -1};
    assert_true(iim_write((const uint8_t *)old, n, &w, &out));
    assert_true(out.length >= m);
    assert_memory_equal(out.data, new, m);
    text_release(&out);
}

static void iim_of_others_stays(void **state)
{
    (void)state;
    static const char none[] = "", fresh[] = "8BIM\4\4\0\0\0\0\0\x0C\x1C\2\0\0\2\0\4\x1C\2\x78\0\0";
    expect_iim(none, 0, "", fresh, sizeof fresh - 1);
    /* another resource, a city, an old caption, a set of record 3 */
    static const char old[] =
        "8BIM\3\xED\0\0\0\0\0\2xy8BIM\4\4\0\0\0\0\0\x17\x1C\2\x5A\0\3Ulm\x1C\2\x78\0\3old\x1C\3\1\0\2zz\0";
    static const char new[] =
        "8BIM\3\xED\0\0\0\0\0\2xy8BIM\4\4\0\0\0\0\0\x17\x1C\2\x5A\0\3Ulm\x1C\2\x78\0\3new\x1C\3\1\0\2zz\0";
    expect_iim(old, sizeof old - 1, "new", new, sizeof new - 1);
    /* letters of an alphabet that it does not name stay; ours become Latin-1 beside them */
    static const char latin[] = "8BIM\4\4\0\0\0\0\0\x08\x1C\2\x5A\0\3K\xF6n";
    static const char both[] =
        "8BIM\4\4\0\0\0\0\0\x17\x1C\2\x5A\0\3K\xF6n\x1C\2\0\0\2\0\4\x1C\2\x78\0\3\xFCx?\0";
    expect_iim(latin, sizeof latin - 1, "\xC3\xBCx\xE2\x82\xAC", both, sizeof both - 1);
    /* where there are none, UTF-8 is said first */
    static const char utf8[] =
        "8BIM\4\4\0\0\0\0\0\x16\x1C\1\x5A\0\3\x1B%G\x1C\2\0\0\2\0\4\x1C\2\x78\0\2\xC3\xBC\0";
    expect_iim(none, 0, "\xC3\xBC", utf8, 12 + 0x16);
}

static void checksums_follow_where_they_were_right(void **state)
{
    (void)state;
    text first = {0}, second = {0};
    const iim_words one = {.caption = "one", .keywords = -1}, two = {.caption = "two", .keywords = -1};
    assert_true(iim_write(NULL, 0, &one, &first));
    assert_true(iim_write((const uint8_t *)first.data, first.length, &two, &second));
    assert_int_equal(first.length, second.length);
    assert_memory_not_equal(first.data + first.length - 16, second.data + first.length - 16, 16);
    first.data[first.length - 1] ^= 1; /* somebody has changed IIM, and not XMP */
    text_clear(&second);
    assert_true(iim_write((const uint8_t *)first.data, first.length, &two, &second));
    assert_memory_equal(first.data + first.length - 16, second.data + first.length - 16, 16);
    text_release(&first);
    text_release(&second);
}

/* ---- EXIF ---- */

static void expect_description(const text *exif, const char *wanted)
{
    const char *at;
    size_t n;
    assert_true(tiff_description((const uint8_t *)exif->data, exif->length, &at, &n));
    assert_int_equal(n, strlen(wanted));
    assert_memory_equal(at, wanted, n);
}

/* A directory of one entry, with something behind that must not move. */
static void exif_grows_at_its_end(void **state)
{
    (void)state;
    static const char *const blocks[] = {"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0maker",
                                         "MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0maker"};
    for (int i = 0; i < 2; i++) {
        text first = {0}, second = {0}, third = {0};
        const size_t n = 26 + 5;
        assert_true(tiff_describe((const uint8_t *)blocks[i], n, "a dog", &first));
        assert_memory_equal(first.data + 8, blocks[i] + 8, n - 8);
        expect_description(&first, "a dog");
        tiff t;
        tiff_entry e;
        uint32_t directory;
        assert_true(tiff_open(&t, (const uint8_t *)first.data, first.length, &directory));
        assert_true(tiff_find(&t, directory, 0x0112, &e)); /* the orientation is in the new directory */
        assert_int_equal(directory & 1, 0);
        assert_true(tiff_describe((const uint8_t *)first.data, first.length, "a larger dog", &second));
        expect_description(&second, "a larger dog");
        assert_int_equal(second.length, first.length + 7); /* in the place of the old one */
        assert_true(tiff_describe((const uint8_t *)second.data, second.length, "dog", &third));
        expect_description(&third, "dog");
        text_release(&first);
        text_release(&second);
        text_release(&third);
    }
    text t = {0};
    assert_false(tiff_describe((const uint8_t *)"II*\0\x08\0\0\0\xFF\xFF", 10, "a", &t));
    assert_false(tiff_describe((const uint8_t *)"II*\0\xFF\xFF\xFF\xFF\0\0", 10, "a", &t));
    assert_false(tiff_describe((const uint8_t *)"nothing at all", 14, "a", &t));
    text_release(&t);
}

/* ---- files that are damaged, or made to harm ---- */

static void try_all(const uint8_t *bytes, size_t size)
{
    error err = {0};
    meta_done done;
    const meta_words w = words_of("A cat.");
    uint8_t *exact = malloc(size + 1); /* so that sanitizers see what is read behind the end */
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    uint8_t *kept = realloc(exact, size ? size : 1);
    for (int policy = META_KEEP; policy <= META_REPLACE; policy++) {
        text out = {0};
        err_code code = meta_write(kept, size, "a", &w, (meta_policy)policy, &out, &done, &err);
        if (code) assert_true(*err.text);
        text_release(&out);
        meta_write_sidecar(kept, size, "a", &w, (meta_policy)policy, &out, &done, &err);
        text_release(&out);
    }
    free(kept);
}

static void damaged_files_do_no_harm(void **state)
{
    (void)state;
    rng r = {.seed = 7};
    for (int i = 0; i < FILES; i++) {
        text t = put(&files[i], "A dog runs.", META_KEEP, true);
        for (size_t n = 0; n < t.length; n += n < 200 ? 1 : 37) try_all((const uint8_t *)t.data, n);
        for (int round = 0; round < 300; round++) {
            size_t at = rng_below(&r, (uint32_t)t.length);
            char old = t.data[at];
            t.data[at] = (char)(round & 1 ? 0xFF : rng_below(&r, 256));
            try_all((const uint8_t *)t.data, t.length);
            t.data[at] = old;
        }
        text_release(&t);
    }
}

static void other_files_are_refused(void **state)
{
    (void)state;
    error err = {0};
    meta_done done;
    text out = {0};
    const meta_words w = words_of("A cat.");
    assert_int_equal(meta_write(BYTES("GIF89a"), "a.gif", &w, META_KEEP, &out, &done, &err), ERR_UNSUPPORTED);
    assert_string_equal(err.text, "cannot write metadata into 'a.gif': not a JPEG, PNG or WebP file");
    assert_int_equal(meta_write(BYTES(SOI "\xFF\xD9"), "a.jpg", &w, META_KEEP, &out, &done, &err),
                     ERR_FORMAT);
    text_release(&out);
}

int main(void)
{
    if (!meta_is_possible()) {
        print_message("skipped: this build has no expat\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_found_again),
        cmocka_unit_test(every_other_byte_is_kept),
        cmocka_unit_test(what_a_person_wrote_stays),
        cmocka_unit_test(an_edited_sentence_is_theirs),
        cmocka_unit_test(descriptions_in_exif_count),
        cmocka_unit_test(notes_of_png_count),
        cmocka_unit_test(further_pictures_are_found_again),
        cmocka_unit_test(sidecars),
        cmocka_unit_test(packets_of_all_shapes),
        cmocka_unit_test(what_xml_forbids_is_left_out),
        cmocka_unit_test(md5_of_known_texts),
        cmocka_unit_test(iim_of_others_stays),
        cmocka_unit_test(checksums_follow_where_they_were_right),
        cmocka_unit_test(exif_grows_at_its_end),
        cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(other_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
