#include "tools/record_file.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/io/json.h"
#include "tools/print.h"

/* What is read of a file, and where. */
typedef struct reader {
    const char *at, *end;
} reader;

typedef enum { FOUND, TORN, FOREIGN } found;

struct record_format {
    const char *ending;
    const char *header; /* the first line with its end; "": none */
    /* Reads one record past, and appends its photo's key. TORN: the file ends within it. */
    found (*read)(reader *r, text *key);
    void (*put_key)(text *key, const char *photo); /* what read() finds of that photo */
    void (*put)(text *line, const record *r);
};

/* ---- comma-separated ---- */

static void put_quoted(text *t, const char *s)
{
    if (!s[strcspn(s, ",\"\r\n")]) {
        text_append(t, s);
        return;
    }
    text_append(t, "\"");
    for (; *s; s++) text_append_bytes(t, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
    text_append(t, "\"");
}

static void put_csv(text *line, const record *r)
{
    put_quoted(line, r->photo);
    text_append(line, ",");
    put_quoted(line, r->caption);
    text_printf(line, ",%.4f,%s\n", r->confidence, r->unsure ? "true" : "false");
}

static void put_plain(text *key, const char *photo)
{
    text_append(key, photo);
}

/* The inside of a field in quotes, past the first one. False: it does not end. */
static bool read_quoted(reader *r, text *field)
{
    while (r->at < r->end) {
        const char *quote = memchr(r->at, '"', (size_t)(r->end - r->at));
        if (!quote) return false;
        text_append_bytes(field, r->at, (size_t)(quote - r->at));
        r->at = quote + 1;
        if (r->at == r->end || *r->at != '"') return true;
        text_append(field, "\"");
        r->at++;
    }
    return false;
}

/* One field; what follows it is a comma, the end of a line or of the file. */
static bool read_csv_field(reader *r, text *field)
{
    if (r->at < r->end && *r->at == '"') {
        r->at++;
        if (!read_quoted(r, field)) return false;
    }
    const char *from = r->at;
    while (r->at < r->end && *r->at != ',' && *r->at != '\n') r->at++;
    text_append_bytes(field, from, (size_t)(r->at - from));
    return true;
}

/* The last field says of a record without an end of line whether it is whole. */
static bool is_last_field(const char *s)
{
    size_t n = strcspn(s, "\r");
    return (n == 4 && !strncmp(s, "true", n)) || (n == 5 && !strncmp(s, "false", n));
}

static found read_csv(reader *r, text *key)
{
    text last = {0};
    bool whole = read_csv_field(r, key);
    while (whole && r->at < r->end && *r->at == ',') {
        r->at++;
        text_clear(&last);
        whole = read_csv_field(r, &last);
    }
    bool ended = whole && r->at < r->end;
    bool good = ended || (whole && is_last_field(text_string(&last)));
    key->failed |= last.failed;
    text_release(&last);
    r->at += ended;
    return good ? FOUND : TORN;
}

/* ---- tab-separated ---- */

static void put_tsv(text *line, const record *r)
{
    print_escaped_to(line, r->photo);
    text_append(line, "\t");
    print_escaped_to(line, r->caption);
    text_printf(line, "\t%.4f\t%s\n", r->confidence, r->unsure ? "true" : "false");
}

static found read_tsv(reader *r, text *key)
{
    size_t left = (size_t)(r->end - r->at);
    const char *from = r->at, *line = memchr(from, '\n', left), *end = line ? line : r->end;
    const char *tab = memchr(from, '\t', (size_t)(end - from)), *last = end;
    while (last > from && last[-1] != '\t') last--;
    text_append_bytes(key, from, (size_t)((tab ? tab : end) - from));
    r->at = line ? line + 1 : r->end;
    if (line) return FOUND;
    text field = {0};
    text_append_bytes(&field, last, (size_t)(end - last));
    bool whole = is_last_field(text_string(&field));
    text_release(&field);
    return whole ? FOUND : TORN;
}

/* ---- a JSON object a line ---- */

static void put_json(text *line, const record *r)
{
    text_append(line, r->json);
    text_append(line, "\n");
}

/* A path that is not UTF-8 is known by the digits beside it, see json_put_path. */
static void put_json_key(text *key, const char *photo)
{
    if (text_utf8_valid(photo, strlen(photo), NULL)) {
        text_append(key, photo);
        return;
    }
    text_append(key, "\xFF");
    for (const char *s = photo; *s; s++) text_printf(key, "%02x", (unsigned)(unsigned char)*s);
}

static found read_json(reader *r, text *key)
{
    error ignored = {0};
    json_t *o = NULL;
    const char *from = r->at, *line = memchr(from, '\n', (size_t)(r->end - from));
    size_t size = (size_t)((line ? line : r->end) - from);
    r->at = line ? line + 1 : r->end;
    if (io_json_parse(from, size, "", &o, &ignored) == ERR_MEMORY) key->failed = true;
    const char *path = json_string_value(json_object_get(o, "path"));
    const char *bytes = json_string_value(json_object_get(o, "path_bytes"));
    if (bytes) text_append(key, "\xFF");
    if (path) text_append(key, bytes ? bytes : path);
    json_decref(o);
    return path ? FOUND : line ? FOREIGN : TORN;
}

/* ---- files ---- */

static const record_format formats[] = {
    {".csv", "path,caption,confidence,unsure\n", read_csv, put_plain, put_csv},
    {".tsv", "path\tcaption\tconfidence\tunsure\n", read_tsv, print_escaped_to, put_tsv},
    {".jsonl", "", read_json, put_json_key, put_json},
};
enum { FORMATS = sizeof formats / sizeof *formats };

static const record_format *find_format(const char *path)
{
    size_t size = strlen(path);
    for (int i = 0; i < FORMATS; i++) {
        size_t n = strlen(formats[i].ending);
        if (size > n && !strcasecmp(path + size - n, formats[i].ending)) return &formats[i];
    }
    return NULL;
}

const char *record_file_problem(const char *path)
{
    return find_format(path) ? NULL : "--output wants a name that ends in .csv, .tsv or .jsonl";
}

bool record_file_is_json(const char *path)
{
    const record_format *f = find_format(path);
    return f && f->put == put_json;
}

static err_code no_memory(const record_file *f, error *err)
{
    return err_no_memory(err, "for the photos of '%.200s'", f->path);
}

/* The header behind a byte order mark, with either end of line; a torn one counts as none. */
static bool skip_header(const record_file *f, reader *r)
{
    size_t n = strlen(f->format->header), left = (size_t)(r->end - r->at);
    if (left >= 3 && !memcmp(r->at, "\xEF\xBB\xBF", 3)) r->at += 3;
    left = (size_t)(r->end - r->at);
    if (!n) return true;
    if (left < n - 1 || memcmp(r->at, f->format->header, n - 1) != 0) return false;
    r->at += n - 1;
    if (r->at < r->end && *r->at == '\r') r->at++;
    if (r->at == r->end || *r->at != '\n') return false;
    r->at++;
    return true;
}

/* Remembers the photos; *sound is where the whole records end. */
static found read_records(record_file *f, reader *r, const char **sound, bool *failed)
{
    text key = {0};
    found result = FOUND;
    for (*sound = r->at; result == FOUND && r->at < r->end && !*failed;) {
        text_clear(&key);
        result = f->format->read(r, &key);
        if (result == FOUND) {
            *failed = key.failed || !path_set_add(&f->there, text_string(&key), key.length);
            *sound = r->at;
            f->found++;
        }
    }
    *failed |= key.failed;
    text_release(&key);
    return result;
}

static err_code begin_anew(record_file *f, error *err)
{
    path_set_release(&f->there);
    f->found = 0;
    err_code code = line_log_cut(&f->log, 0, err);
    const char *header = f->format->header;
    return code || !*header ? code : line_log_add(&f->log, header, strlen(header), err);
}

static err_code refuse(const record_file *f, error *err)
{
    return err_set(err, ERR_ARGUMENT,
                   "cannot add to '%.200s': what is there was not made by caption; name another file, or use "
                   "--existing replace",
                   f->path);
}

/* A file that a run was killed in while it wrote the first line is as good as an empty one. */
static bool is_begun(const record_file *f, const uint8_t *bytes, size_t size)
{
    size_t n = strlen(f->format->header);
    return size < n && !memcmp(bytes, f->format->header, size);
}

static err_code mend_end(record_file *f, const uint8_t *bytes, size_t size, const char *sound, error *err)
{
    size_t whole = (size_t)(sound - (const char *)bytes);
    f->torn = whole < size;
    if (f->torn) return line_log_cut(&f->log, whole, err);
    return bytes[size - 1] == '\n' ? ERR_OK : line_log_add(&f->log, "\n", 1, err);
}

static err_code go_on(record_file *f, existing_policy policy, const uint8_t *bytes, size_t size, error *err)
{
    bool failed = false;
    reader r = {(const char *)bytes, (const char *)bytes + size};
    if (policy == EXISTING_REPLACE || !size || is_begun(f, bytes, size)) return begin_anew(f, err);
    const char *sound = r.at;
    bool ours = skip_header(f, &r) && read_records(f, &r, &sound, &failed) != FOREIGN;
    if (failed) return no_memory(f, err);
    if (!ours || (!f->found && !*f->format->header && bytes[0] != '{')) return refuse(f, err);
    if (existing_allows(policy, ours)) return begin_anew(f, err);
    return mend_end(f, bytes, size, sound, err);
}

err_code record_file_open(record_file *f, existing_policy policy, error *err)
{
    uint8_t *bytes;
    size_t size;
    f->format = find_format(f->path);
    err_code code = line_log_open(&f->log, f->path, &bytes, &size, err);
    if (code) return code;
    code = go_on(f, policy, bytes, size, err);
    free(bytes);
    if (!code) return ERR_OK;
    line_log_close(&f->log, NULL);
    path_set_release(&f->there);
    return code;
}

bool record_file_has(const record_file *f, const char *photo, bool *has)
{
    text key = {0};
    f->format->put_key(&key, photo);
    bool good = !key.failed;
    *has = good && path_set_has(&f->there, text_string(&key), key.length);
    text_release(&key);
    return good;
}

err_code record_file_add(record_file *f, const record *r, error *err)
{
    text line = {0}, key = {0};
    f->format->put(&line, r);
    f->format->put_key(&key, r->photo);
    bool good = !line.failed && !key.failed && path_set_add(&f->there, text_string(&key), key.length);
    err_code code = good ? line_log_add(&f->log, text_string(&line), line.length, err) : no_memory(f, err);
    text_release(&line);
    text_release(&key);
    return code;
}

err_code record_file_close(record_file *f, error *err)
{
    path_set_release(&f->there);
    return line_log_close(&f->log, err);
}
