#include "src/io/json_memory.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What this thread's call of jansson is doing. The reader keeps the token it reads in a buffer of 16 bytes
 * that doubles: it is the first allocation of a call, and a new buffer is allocated, filled and the old one
 * freed with nothing in between, which is how it is followed here. */
typedef struct watch {
    bool reading, failed;
    const void *token; /* the buffer, and its size */
    size_t capacity;
    const void *last; /* the latest allocation, and its size */
    size_t last_size;
    uint8_t *spare; /* [room], given out from the front when memory has run out */
    size_t room, used;
} watch;

static _Thread_local watch now;

static struct {
    json_malloc_t allocate;
    json_free_t release;
} before;

/* After a failure all else fails too, so that the reader ends at its next value. What asks for as much as the
 * buffer's double may be something else once or twice: the spare room is for that as well. */
static void *from_spare(size_t size)
{
    if (!now.reading || size != 2 * now.capacity || size > now.room - now.used) return NULL;
    void *p = now.spare + now.used;
    now.used += size;
    return p;
}

static void *allocate(size_t size)
{
    void *p = now.failed ? NULL : before.allocate(size);
    if (!p) {
        now.failed = true;
        p = from_spare(size);
    }
    if (now.reading && !now.token) {
        now.token = p;
        now.capacity = size;
    }
    now.last = p;
    now.last_size = size;
    return p;
}

static void release(void *p)
{
    if (now.reading && p && p == now.token) {
        now.token = now.last;
        now.capacity = now.last_size;
    }
    uintptr_t at = (uintptr_t)p, spare = (uintptr_t)now.spare;
    if (!now.spare || at < spare || at >= spare + now.room) before.release(p);
}

static void install(void)
{
    json_get_alloc_funcs(&before.allocate, &before.release);
    json_set_alloc_funcs(allocate, release);
}

static void start_watch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    now = (watch){0};
}

/* True when memory ran out since the start. */
static bool end_watch(void)
{
    bool failed = now.failed;
    now = (watch){0};
    return failed;
}

/* ---- reading ---- */

static size_t string_length(const char *s, size_t n) /* from quote to quote; the text may end before */
{
    size_t i = 1;
    while (i < n && s[i] != '"') i += s[i] == '\\' ? 2 : 1;
    return i < n ? i + 1 : n;
}

static bool is_word(char c) /* of numbers and names */
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '+' || c == '.';
}

static size_t word_length(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && is_word(s[i])) i++;
    return i;
}

/* The longest token in bytes: of the whole text, or up to the end of its first value. */
static size_t longest_token(const char *s, size_t n, bool first_value)
{
    size_t most = 1, depth = 0;
    for (size_t i = 0, length; i < n; i += length) {
        bool blank = s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r';
        length = s[i] == '"' ? string_length(s + i, n - i) : is_word(s[i]) ? word_length(s + i, n - i) : 1;
        if (length > most) most = length;
        if (s[i] == '[' || s[i] == '{') depth++;
        if ((s[i] == ']' || s[i] == '}') && depth) depth--;
        if (first_value && !blank && !depth) break;
    }
    return most;
}

/* The buffer's sizes up to one that holds the longest token and two bytes more add up to less than four times
 * that; as much again for what is not the buffer. */
static bool set_aside(size_t longest)
{
    now.room = 8 * (longest + 16);
    now.spare = malloc(now.room);
    return now.spare;
}

json_t *io_json_read(const char *text, size_t length, size_t flags, json_error_t *fault, bool *no_memory)
{
    start_watch();
    json_t *root = NULL;
    uint8_t *spare = NULL;
    if (set_aside(longest_token(text, length, flags & JSON_DISABLE_EOF_CHECK))) {
        spare = now.spare;
        now.reading = true;
        root = json_loadb(text, length, flags, fault);
    } else {
        now.failed = true;
    }
    if (now.failed) { /* while the spare room is known: part of the tree may lie in it */
        json_decref(root);
        root = NULL;
    }
    *no_memory = end_watch();
    free(spare);
    return root;
}

/* ---- writing ---- */

char *io_json_write(const json_t *root, size_t flags)
{
    start_watch();
    char *text = json_dumps(root, flags | JSON_ENCODE_ANY);
    if (!end_watch()) return text;
    free(text);
    return NULL;
}
