/* The first few of many names, for one sentence instead of a line for each.
 *
 *     few gone = {0};
 *     for each photo: if (is missing) few_add(&gone, name);
 *     char names[FEW_TEXT];
 *     if (gone.count) err_set(err, ERR_MISSING, "%d photos are missing: %s", gone.count, few_text(&gone,
 * names));
 */
#ifndef BASE_FEW_H
#define BASE_FEW_H

enum { FEW_NAMES = 3, FEW_NAME = 80, FEW_TEXT = FEW_NAMES * (FEW_NAME + 4) + 32 };

/* Zeroed: none. */
typedef struct few {
    int count;                      /* of all names */
    char name[FEW_NAMES][FEW_NAME]; /* the first ones; of a long one the end */
} few;

void few_add(few *f, const char *name);

/* "'a.jpg', 'b.jpg', 'c.jpg' and 97 more"; returns `out`. */
const char *few_text(const few *f, char out[FEW_TEXT]);

#endif
