#include "datasets/tar.h"

#include <stdio.h>
#include <string.h>

/* Offsets and sizes of the fields of a header block (POSIX.1-1988, ustar). */
enum {
    BLOCK = 512,
    NAME_SIZE = 100,
    SIZE_AT = 124,
    SIZE_SIZE = 12,
    SUM_AT = 148,
    SUM_SIZE = 8,
    TYPE_AT = 156,
    MAGIC_AT = 257,
    PREFIX_AT = 345,
    PREFIX_SIZE = 155,
};

static err_code damaged(const ds_tar *t, const char *problem, error *err)
{
    return err_set(err, ERR_FORMAT, "cannot read '%s': byte %zu: %s", t->name, t->at, problem);
}

/* An octal number with leading blanks, ended by a blank, NUL or the field's end. */
static bool read_octal(const uint8_t *field, size_t size, uint64_t *value)
{
    size_t i = 0;
    bool any = false;
    *value = 0;
    while (i < size && field[i] == ' ') i++;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++, any = true)
        *value = *value * 8 + (field[i] - '0');
    return any && (i == size || field[i] == ' ' || field[i] == 0);
}

static bool sum_is_right(const uint8_t *header)
{
    uint64_t stored, sum = 0;
    if (!read_octal(header + SUM_AT, SUM_SIZE, &stored)) return false;
    for (int i = 0; i < BLOCK; i++) sum += i >= SUM_AT && i < SUM_AT + SUM_SIZE ? ' ' : header[i];
    return sum == stored;
}

static bool is_zero(const uint8_t *block)
{
    for (int i = 0; i < BLOCK; i++)
        if (block[i]) return false;
    return true;
}

static void read_name(const uint8_t *header, char *name, size_t size)
{
    int prefix = memcmp(header + MAGIC_AT, "ustar", 6)
                     ? 0
                     : (int)strnlen((const char *)header + PREFIX_AT, PREFIX_SIZE);
    snprintf(name, size, "%.*s%s%.*s", prefix, (const char *)header + PREFIX_AT, prefix ? "/" : "",
             (int)strnlen((const char *)header, NAME_SIZE), (const char *)header);
}

/* Reads the header at t->at and steps over it and its bytes. */
static err_code read_entry(ds_tar *t, ds_tar_entry *entry, char *type, error *err)
{
    const uint8_t *header = t->bytes + t->at;
    uint64_t size;
    if (!sum_is_right(header)) return damaged(t, "not a tar header, or a damaged one", err);
    if (!read_octal(header + SIZE_AT, SIZE_SIZE, &size))
        return damaged(t, "the size of an entry is malformed", err);
    *type = (char)header[TYPE_AT];
    if (strchr("LKx", *type) && *type)
        return err_set(err, ERR_UNSUPPORTED,
                       "cannot read '%s': byte %zu: a long name; pack with 'tar --format=ustar'", t->name,
                       t->at);
    if (size > t->size - t->at - BLOCK)
        return damaged(t, "an entry reaches beyond the end of the archive", err);
    read_name(header, entry->name, sizeof entry->name);
    entry->bytes = header + BLOCK;
    entry->size = size;
    size_t left = t->size - t->at - BLOCK, padded = (entry->size + BLOCK - 1) / BLOCK * BLOCK;
    t->at += BLOCK + (padded < left ? padded : left);
    return ERR_OK;
}

err_code ds_tar_next(ds_tar *t, ds_tar_entry *entry, bool *more, error *err)
{
    *more = false;
    while (t->at < t->size) {
        char type = 0;
        if (t->size - t->at < BLOCK) return damaged(t, "the archive is cut off", err);
        if (is_zero(t->bytes + t->at)) return ERR_OK;
        err_code code = read_entry(t, entry, &type, err);
        if (code) return code;
        *more = (type == '0' || type == 0) && *entry->name;
        if (*more) return ERR_OK;
    }
    return ERR_OK;
}
