#include "src/meta/iim.h"

#include <string.h>

#include "src/meta/md5.h"

enum { IIM = 0x0404, CHECKSUM = 0x0425 };

typedef struct bytes {
    const uint8_t *at;
    size_t n;
} bytes;

/* ---- resources ---- */

typedef struct resource {
    unsigned number;
    bytes all, data; /* with its head and padding; what it holds */
} resource;

static size_t even(size_t n)
{
    return n + (n & 1);
}

/* Takes the next resource off the front. False: what is left is none. */
static bool next_resource(bytes *left, resource *r)
{
    const uint8_t *p = left->at;
    if (left->n < 12) return false;
    for (int i = 0; i < 4; i++) /* "8BIM", and the marks of other programs */
        if (p[i] < 0x20 || p[i] > 0x7E) return false;
    size_t name = even((size_t)p[6] + 1), head = 6 + name + 4;
    if (left->n < head) return false;
    const uint8_t *length = p + 6 + name;
    size_t size = (size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
    if (size > left->n - head) return false;
    size_t whole =
        even(size) > left->n - head ? head + size : head + even(size); /* the last padding may lack */
    *r = (resource){(unsigned)p[4] << 8 | p[5], {p, whole}, {p + head, size}};
    if (memcmp(p, "8BIM", 4) != 0) r->number = 0;
    *left = (bytes){p + whole, left->n - whole};
    return true;
}

/* Only padding may be left behind the resources. */
static bool is_padding(bytes left)
{
    while (left.n && !*left.at) left = (bytes){left.at + 1, left.n - 1};
    return !left.n;
}

static bool find_resources(bytes all, bytes *iim, bytes *checksum)
{
    resource r;
    *iim = *checksum = (bytes){0};
    while (next_resource(&all, &r)) {
        if (r.number == IIM && !iim->at) *iim = r.data;
        if (r.number == CHECKSUM && !checksum->at) *checksum = r.data;
    }
    return is_padding(all);
}

static void append(text *out, bytes b)
{
    text_append_bytes(out, (const char *)b.at, b.n);
}

static void append_resource(text *out, unsigned number, bytes data)
{
    const uint8_t head[12] = {'8',
                              'B',
                              'I',
                              'M',
                              (uint8_t)(number >> 8),
                              (uint8_t)number,
                              0,
                              0,
                              (uint8_t)(data.n >> 24),
                              (uint8_t)(data.n >> 16),
                              (uint8_t)(data.n >> 8),
                              (uint8_t)data.n};
    append(out, (bytes){head, sizeof head});
    append(out, data);
    if (data.n & 1) text_append_bytes(out, "", 1);
}

/* ---- data sets ---- */

typedef struct data_set {
    int record, number;
    bytes all, data;
} data_set;

static bool next_set(bytes *left, data_set *s)
{
    const uint8_t *p = left->at;
    if (left->n < 5 || p[0] != 0x1C) return false;
    size_t size = (size_t)p[3] << 8 | p[4], head = 5;
    if (size & 0x8000) { /* the length of the length */
        size_t digits = size & 0x7FFF;
        if (digits > 4 || left->n < head + digits) return false;
        size = 0;
        for (size_t i = 0; i < digits; i++) size = size << 8 | p[head + i];
        head += digits;
    }
    if (size > left->n - head) return false;
    *s = (data_set){p[1], p[2], {p, head + size}, {p + head, size}};
    *left = (bytes){p + head + size, left->n - head - size};
    return true;
}

static bool is_ascii(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && !(s[i] & 0x80)) i++;
    return i == n;
}

static bool says_utf8(bytes iim)
{
    data_set s;
    while (next_set(&iim, &s))
        if (s.record == 1 && s.number == 90 && s.data.n >= 3 && !memcmp(s.data.at, "\x1B%G", 3)) return true;
    return false;
}

/* Has it letters beyond ASCII, which say nothing of their alphabet? */
static bool has_letters(bytes iim)
{
    data_set s;
    while (next_set(&iim, &s))
        if (s.record == 2 && s.number >= 5 && !is_ascii((const char *)s.data.at, s.data.n)) return true;
    return false;
}

/* A value as UTF-8; NULL: out of memory. */
static const char *read_text(bytes data, bool utf8, arena *memory)
{
    const char *s = (const char *)data.at;
    if (utf8 || text_utf8_valid(s, data.n, NULL)) return arena_strndup(memory, s, data.n);
    text t = {0};
    for (size_t i = 0; i < data.n; i++) text_append_point(&t, data.at[i]);
    const char *kept = t.failed ? NULL : arena_strndup(memory, text_string(&t), t.length);
    text_release(&t);
    return kept;
}

bool iim_read(const uint8_t *resources, size_t n, arena *memory, iim_words *out)
{
    bytes iim, checksum;
    data_set s;
    *out = (iim_words){0};
    if (!n) return true;
    if (!find_resources((bytes){resources, n}, &iim, &checksum)) return false;
    bool utf8 = says_utf8(iim);
    out->keyword = arena_array(memory, iim.n / 5 + 1, sizeof *out->keyword);
    if (!out->keyword) return false;
    while (next_set(&iim, &s)) {
        if (s.record != 2 || (s.number != 120 && s.number != 25)) continue;
        const char *value = read_text(s.data, utf8, memory);
        if (!value) return false;
        if (s.number == 25)
            out->keyword[out->keywords++] = value;
        else if (!out->caption)
            out->caption = value;
    }
    return is_padding(iim);
}

/* ---- writing ---- */

/* Bytes of the longest beginning of at most `most` bytes that cuts no letter. */
static size_t cut(const char *s, size_t most)
{
    size_t n = strlen(s);
    if (n <= most) return n;
    for (n = most; n && (s[n] & 0xC0) == 0x80;) n--;
    return n;
}

static void append_set(text *out, int record, int number, const char *value, size_t n)
{
    const uint8_t head[5] = {0x1C, (uint8_t)record, (uint8_t)number, (uint8_t)(n >> 8), (uint8_t)n};
    append(out, (bytes){head, sizeof head});
    text_append_bytes(out, value, n);
}

/* In Latin-1, where the file has letters of an alphabet that it does not name; '?' for others. */
static void append_text(text *out, int number, const char *value, size_t most, bool latin)
{
    size_t n = cut(value, most);
    if (!latin) {
        append_set(out, 2, number, value, n);
        return;
    }
    text t = {0};
    for (const char *s = value, *end = value + n; s < end;) {
        int32_t point = text_utf8_next(&s, end);
        char letter = (char)(point >= 0 && point < 256 ? point : '?');
        text_append_bytes(&t, &letter, 1);
    }
    append_set(out, 2, number, text_string(&t), t.length);
    out->failed = out->failed || t.failed;
    text_release(&t);
}

static bool is_replaced(const data_set *s, const iim_words *words)
{
    return s->record == 2 &&
           ((s->number == 120 && words->caption) || (s->number == 25 && words->keywords >= 0));
}

static bool words_are_ascii(const iim_words *w)
{
    bool ascii = !w->caption || is_ascii(w->caption, strlen(w->caption));
    for (int i = 0; i < w->keywords && ascii; i++) ascii = is_ascii(w->keyword[i], strlen(w->keyword[i]));
    return ascii;
}

static void append_words(text *out, const iim_words *w, bool latin)
{
    for (int i = 0; i < w->keywords; i++) append_text(out, 25, w->keyword[i], IIM_KEYWORD, latin);
    if (w->caption) append_text(out, 120, w->caption, IIM_CAPTION, latin);
}

/* The IIM itself: the words come behind what record 2 has. */
static bool write_sets(bytes iim, const iim_words *words, text *out)
{
    data_set s;
    bool ascii = words_are_ascii(words), utf8 = says_utf8(iim), latin = !ascii && !utf8 && has_letters(iim);
    bool version = false, written = false, named = !ascii && !utf8 && !latin;
    if (named) append_set(out, 1, 90, "\x1B%G", 3);
    bytes look = iim;
    while (next_set(&look, &s)) version = version || (s.record == 2 && s.number == 0);
    while (next_set(&iim, &s)) {
        if (s.record > 2 && !written) {
            append_words(out, words, latin);
            written = true;
        }
        if (!is_replaced(&s, words) && !(named && s.record == 1 && s.number == 90)) append(out, s.all);
    }
    if (!is_padding(iim)) return false;
    if (!version && !written) append_set(out, 2, 0, "\0\4", 2);
    if (!written) append_words(out, words, latin);
    append(out, iim);
    return true;
}

/* The checksum was right, or there was none: others then take XMP for as new as IIM. */
static bool keeps_checksum(bytes iim, bytes checksum)
{
    uint8_t digest[MD5_BYTES];
    if (!checksum.at || !iim.at) return true;
    md5(iim.at, iim.n, digest);
    return checksum.n == MD5_BYTES && !memcmp(checksum.at, digest, MD5_BYTES);
}

bool iim_write(const uint8_t *resources, size_t n, const iim_words *words, text *out)
{
    bytes all = {resources, n}, iim, checksum;
    resource r;
    text sets = {0};
    uint8_t digest[MD5_BYTES];
    bool good = find_resources(all, &iim, &checksum) && write_sets(iim, words, &sets);
    bool fresh = good && keeps_checksum(iim, checksum), put = false, summed = !fresh;
    const bytes new = {(const uint8_t *)text_string(&sets), sets.length};
    if (fresh) md5(new.at, new.n, digest);
    while (good && next_resource(&all, &r)) {
        if (r.number == IIM && !put) {
            append_resource(out, IIM, new);
            put = true;
        } else if (r.number == CHECKSUM && !summed) {
            append_resource(out, CHECKSUM, (bytes){digest, MD5_BYTES});
            summed = true;
        } else {
            append(out, r.all);
            if (r.all.n & 1) text_append_bytes(out, "", 1); /* the last one, whose padding lacked */
        }
    }
    if (good && !put) append_resource(out, IIM, new);
    if (good && !summed) append_resource(out, CHECKSUM, (bytes){digest, MD5_BYTES});
    out->failed = out->failed || sets.failed;
    text_release(&sets);
    return good;
}
