/* Captions of photos, from a JSON file in one of two forms, whose further keys are ignored:
 *
 *   COCO       {"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}
 *   Karpathy   {"images": [{"filename", "filepath"?, "cocoid" or "imgid", "split"?, "sentences": [{"raw"}]}]}
 *
 *     ds_captions caps;
 *     if (ds_captions_read("captions_train.json", NULL, &caps, &err)) ...
 *     if (ds_captions_check_files(&caps, "images", 0.01, &missing, &err)) ...
 *     for (int32_t i = 0; i < caps.captions; i++)
 *         use(caps.image[caps.caption[i].image].file_name, caps.caption[i].text);
 *     ds_captions_release(&caps);
 *
 * Images keep the order of the file; the captions are sorted by image, in file order within each.
 *
 * Refused (ERR_FORMAT, with the place: "annotations[12]: 'caption' is missing"): malformed JSON, missing
 * keys, wrong types, ids beyond 2^53 (other programs round them), two images with one id, file names that are
 * absolute or hold
 * '..'. Counted and left out: annotations that name an image which is not in the file, captions of blanks
 * only. Counted and kept: images without a caption. */
#ifndef DATASETS_COCO_H
#define DATASETS_COCO_H

#include "datasets/splits.h"
#include "src/base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct ds_image {
    int64_t id;
    const char *file_name; /* below the images folder */
    int32_t first, count;  /* its captions are caption[first .. first+count-1] */
} ds_image;

typedef struct ds_caption {
    const char *text; /* UTF-8 as in the file */
    int32_t image;    /* index into image[] */
} ds_caption;

typedef struct ds_captions {
    ds_image *image;     /* [images] */
    ds_caption *caption; /* [captions] */
    char *texts;         /* what the names and texts above point into, */
    size_t texts_size;   /* bytes of it */
    int32_t images, captions;
    int32_t unknown;  /* annotations left out because their image is not in the file */
    int32_t blank;    /* captions left out because they hold blanks only */
    int32_t without;  /* images without a caption */
    ds_splits splits; /* that the file names, all of them; count 0: it names none */
} ds_captions;

typedef struct ds_captions_settings {
    const char
        *split; /* Karpathy's form: which split or splits to take, "train" or "train,restval"; NULL = all */
    bool by_default; /* nobody asked for `split`: a file without splits is taken whole (datasets/splits.h) */
} ds_captions_settings;

/* Reads a file, or a text in memory (`name` for messages). settings may be NULL. On failure *out is empty. */
err_code ds_captions_read(const char *path, const ds_captions_settings *settings, ds_captions *out,
                          error *err);
err_code ds_captions_parse(const char *text, size_t size, const char *name,
                           const ds_captions_settings *settings, ds_captions *out, error *err);
void ds_captions_release(ds_captions *c);

/* Puts a copy of `more` behind what `to` has (zeroed: nothing yet). Ids may then occur twice; the splits stay
 * those of the first file. On failure `to` is as it was. */
err_code ds_captions_append(ds_captions *to, const ds_captions *more, error *err);

/* Takes out the captions in which the tokeniser finds no word ("..."): a model would learn silence from them.
 * Images that are left without a caption count as such. *count: how many. */
err_code ds_captions_drop_wordless(ds_captions *c, int32_t *count, error *err);

/* How many images have a file name that an earlier one has, too. */
err_code ds_captions_same_names(const ds_captions *c, int32_t *count, error *err);

/* DIR/file_name into out[size]; ERR_LIMIT when it does not fit. */
err_code ds_image_path(const char *dir, const char *file_name, char *out, size_t size, error *err);

/* Is there a file? Folders are none, and pipes, which would keep a batch waiting. */
bool ds_is_file(const char *path);

/* Photos that are not where they should be: how many, and the first few by name, so that a wrong folder takes
 * one line, not one a photo. */
enum { DS_MISSING_NAMED = 3 };

typedef struct ds_missing {
    int32_t count, of;                /* of so many photos */
    char name[DS_MISSING_NAMED][100]; /* the first ones, cut where they are longer */
} ds_missing;

void ds_missing_note(ds_missing *m, const char *file_name); /* one more */

/* Appends "5 of 80 photos are missing in 'photos': 'a.jpg', 'b.jpg', 'c.jpg' and 2 more". */
void ds_missing_tell(const ds_missing *m, const char *dir, struct text *out);

/* Looks for every image's file in `dir`; *missing (may be NULL) says what is not there. Up to
 * max_missing_share (0..1, of the images) they are taken out of `c` with their captions; above it the call
 * fails with ERR_MISSING and `c` is unchanged. */
err_code ds_captions_check_files(ds_captions *c, const char *dir, double max_missing_share,
                                 ds_missing *missing, error *err);

#endif
