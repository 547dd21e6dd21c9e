/* Inside src/image: libraries for rarer formats, which bring others along whose loading takes longer than
 * looking at a small photo. They are loaded by the first file that wants them, not with the program.
 *
 *     #define EACH_CALL(X) X(heif_context_alloc) X(heif_context_free)
 *     IMG_LIBRARY(HEIF_SONAME, EACH_CALL)
 *     if (!have_library()) return img_not_loaded(src, HEIF_SONAME, e);
 *     lib.heif_context_alloc() ...
 *
 * The SONAME is that of the headers which the build saw. */
#ifndef IMAGE_LIBRARY_H
#define IMAGE_LIBRARY_H

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "src/image/format.h"

#define IMG_LIBRARY_DECLARE(name) __typeof__(name) *name;
#define IMG_LIBRARY_FIND(name)                                                                               \
    if (!(call = dlsym(handle, #name))) return;                                                              \
    memcpy(&lib.name, &call, sizeof call);

#define IMG_LIBRARY(soname, EACH)                                                                            \
    static struct {                                                                                          \
        bool loaded;                                                                                         \
        EACH(IMG_LIBRARY_DECLARE)                                                                            \
    } lib;                                                                                                   \
    static pthread_once_t lib_once = PTHREAD_ONCE_INIT;                                                      \
    static void load_library(void)                                                                           \
    {                                                                                                        \
        void *handle = dlopen(soname, RTLD_LAZY | RTLD_LOCAL), *call;                                        \
        if (!handle) return;                                                                                 \
        EACH(IMG_LIBRARY_FIND)                                                                               \
        lib.loaded = true;                                                                                   \
    }                                                                                                        \
    static bool have_library(void)                                                                           \
    {                                                                                                        \
        pthread_once(&lib_once, load_library);                                                               \
        return lib.loaded;                                                                                   \
    }

/* UNSUPPORTED: the library was there when the program was built, and is not now. */
static inline err_code img_not_loaded(const img_source *src, const char *soname, error *e)
{
    return err_set(e, ERR_UNSUPPORTED, "cannot read '%s': the library %s cannot be loaded; install it",
                   src->name, soname);
}

#endif
