#include "captioner/lines.h"

#include <string.h>

#include "src/base/text.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *trim(const char *line, arena *memory)
{
    const char *end = line + strlen(line);
    while (is_blank(*line)) line++;
    while (end > line && is_blank(end[-1])) end--;
    return arena_strndup(memory, line, (size_t)(end - line));
}

const char *cap_line_unit(const ds_codec *c)
{
    static const char *const units[DS_LEVELS] = {"words", "characters", "pieces"};
    return units[ds_codec_level(c)];
}

err_code cap_line_read(const ds_codec *codec, const char *line, int most, arena *memory, cap_line *out,
                       error *reason, error *err)
{
    size_t fault;
    *out = (cap_line){.plain = trim(line, memory)};
    if (!out->plain) return err_no_memory(err, "for a line");
    if (!text_utf8_valid(line, strlen(line), &fault)) {
        err_set(reason, ERR_FORMAT, "not UTF-8 (byte %zu)", fault + 1);
        return ERR_OK;
    }
    err_code code = ds_codec_encode(codec, out->plain, memory, &out->word, &out->words, err);
    if (code || out->words <= most) return code;
    err_set(reason, ERR_LIMIT, "%d %s are too many, %d at most", (int)out->words, cap_line_unit(codec), most);
    out->words = 0;
    return ERR_OK;
}

static const char *keep_label(const ds_codec *c, int32_t id, arena *memory)
{
    text label = {0};
    ds_codec_label(c, id, &label);
    const char *kept = label.failed ? NULL : arena_strdup(memory, text_string(&label));
    text_release(&label);
    return kept;
}

const char **cap_line_labels(const ds_codec *c, const int32_t *word, int words, arena *memory)
{
    const char **label = arena_array(memory, (size_t)words, sizeof *label);
    for (int i = 0; label && i < words; i++)
        if (!(label[i] = keep_label(c, word[i], memory))) return NULL;
    return label;
}
