/* A library to preload: it lets the n-th call of a kind fail. For tests/faults/faults.c, which says what is
 * asked for in the environment:
 *
 *     CAPTION_FAIL=memory:17      the kind, and which of its calls; 0 only counts
 *     CAPTION_FAIL_TO=5           a descriptor for what happened: "failed malloc in libjansson.so.4+0x52a1",
 * and at the end "calls 812"
 *
 *     memory    an allocation finds none           starved   all from the n-th on
 *     calls     a call on files fails with EIO     full      all that write, from the n-th on, with ENOSPC
 *     short     a read or write does half
 *
 * Calls count that come from the program and the libraries it begins with, be it by way of the C library.
 * Those that paint words are loaded later and left out: GLib ends a program that is short of memory, by
 * design, and fontconfig crashes. fsync never does anything, which is worth a factor of a hundred. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MEMORY = 1, STARVED = 2, CALLS = 4, FULL = 8, SHORT = 16 };

static const struct {
    const char *name;
    int kind;
} kinds[] = {{"memory", MEMORY}, {"starved", STARVED}, {"calls", CALLS}, {"full", FULL}, {"short", SHORT}};

static int kind, report = -1;
static long wanted;
static atomic_long calls;
static atomic_bool counting;
static _Thread_local bool inside; /* a call of our own: dladdr and snprintf are not to be counted */

/* ---- what happened ---- */

static void tell(const char *line, size_t n)
{
    if (report >= 0) syscall(SYS_write, report, line, n);
}

static void tell_failure(const char *call, const void *caller)
{
    char line[200];
    Dl_info where = {0};
    dladdr(caller, &where);
    const char *file = where.dli_fname ? strrchr(where.dli_fname, '/') : NULL;
    int n = snprintf(line, sizeof line, "failed %s in %.80s+%#lx\n", call, file ? file + 1 : "?",
                     (unsigned long)((const char *)caller - (const char *)where.dli_fbase));
    tell(line, (size_t)n);
}

/* ---- who calls ---- */

enum { MODULES = 64, FRAMES = 24 };

/* What is loaded when the program begins. `passed` is looked through: who called it? */
static struct {
    uintptr_t low, high;
    bool counts, passed;
} modules[MODULES + 1];
static int module_count;

static int add_module(struct dl_phdr_info *info, size_t size, void *ctx)
{
    (void)size;
    (void)ctx;
    uintptr_t low = UINTPTR_MAX, high = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t at = info->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD) continue;
        if (at < low) low = at;
        if (at + part->p_memsz > high) high = at + part->p_memsz;
    }
    if (module_count == MODULES) return 1;
    modules[module_count].low = low;
    modules[module_count].high = high;
    modules[module_count].passed =
        strstr(info->dlpi_name, "libc.so") || (low <= (uintptr_t)tell && (uintptr_t)tell < high);
    modules[module_count].counts = !modules[module_count].passed && !strstr(info->dlpi_name, "ld-linux");
    module_count++;
    return 0;
}

static int module_of(const void *address)
{
    uintptr_t a = (uintptr_t)address;
    int i = 0;
    while (i < module_count && (a < modules[i].low || a >= modules[i].high)) i++;
    return i; /* of none: the row behind the last, which does not count */
}

/* Does the caller count? One within the C library is followed up to who called that. */
static bool counts(const void **caller)
{
    void *frames[FRAMES];
    int at = module_of(*caller), n;
    if (!modules[at].passed) return modules[at].counts;
    inside = true;
    n = backtrace(frames, FRAMES);
    inside = false;
    for (int i = 0; i < n; i++) {
        at = module_of(frames[i]);
        if (modules[at].passed) continue;
        *caller = frames[i];
        return modules[at].counts;
    }
    return false;
}

/* Is this call, of one of the `of` kinds, to fail? */
static bool fails(int of, const char *call, const void *caller)
{
    if (!(kind & of) || !counting || inside || !counts(&caller)) return false;
    long n = ++calls;
    bool now = wanted && (kind & (STARVED | FULL) ? n >= wanted : n == wanted);
    if (now && n == wanted) {
        int number = errno;
        inside = true;
        tell_failure(call, caller);
        inside = false;
        errno = number;
    }
    return now;
}

__attribute__((constructor)) static void begin(void)
{
    const char *fail = getenv("CAPTION_FAIL"), *to = getenv("CAPTION_FAIL_TO");
    const char *colon = fail ? strchr(fail, ':') : NULL;
    for (size_t i = 0; colon && i < sizeof kinds / sizeof *kinds; i++)
        if (!strncmp(fail, kinds[i].name, (size_t)(colon - fail))) kind = kinds[i].kind;
    wanted = colon ? strtol(colon + 1, NULL, 10) : 0;
    report = to ? (int)strtol(to, NULL, 10) : -1;
    unsetenv("LD_PRELOAD"); /* children are not meant */
    dl_iterate_phdr(add_module, NULL);
    void *frame;
    backtrace(&frame, 1); /* asks for memory the first time */
    counting = kind != 0;
}

__attribute__((destructor)) static void end(void)
{
    char line[40];
    counting = false;
    tell(line, (size_t)snprintf(line, sizeof line, "calls %ld\n", (long)calls));
}

/* ---- memory ---- */

/* The C library's own names: dlsym would ask for memory. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t count, size_t n);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);

#define CALLER __builtin_return_address(0)
#define NO_MEMORY(call) (fails(MEMORY | STARVED, call, CALLER) && ((errno = ENOMEM), true))

void *malloc(size_t n)
{
    return NO_MEMORY("malloc") ? NULL : __libc_malloc(n);
}

void *calloc(size_t count, size_t n)
{
    return NO_MEMORY("calloc") ? NULL : __libc_calloc(count, n);
}

void *realloc(void *p, size_t n)
{
    return NO_MEMORY("realloc") ? NULL : __libc_realloc(p, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return NO_MEMORY("aligned_alloc") ? NULL : __libc_memalign(alignment, n);
}

int posix_memalign(void **p, size_t alignment, size_t n)
{
    void *got = NO_MEMORY("posix_memalign") ? NULL : __libc_memalign(alignment, n);
    if (got) *p = got;
    return got ? 0 : ENOMEM;
}

void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    if (NO_MEMORY("mmap")) return MAP_FAILED;
    return (void *)syscall(SYS_mmap, at, n, protection, flags, fd,
                           offset); // NOLINT(performance-no-int-to-ptr)
}

/* ---- files ---- */

static bool call_fails(int of, const char *call, const void *caller)
{
    if (!fails(of, call, caller)) return false;
    errno = kind == FULL ? ENOSPC : EIO;
    return true;
}

/* FAILS(...) as the first line of a function; WRITES also when the disk is full. */
#define FAILS(call) call_fails(CALLS, call, CALLER)
#define WRITES(call) call_fails(CALLS | FULL, call, CALLER)

static size_t half(size_t n, const char *call, const void *caller)
{
    return n > 1 && fails(SHORT, call, caller) ? n / 2 : n;
}

static int open_file(const char *path, int flags, mode_t mode, const void *caller)
{
    bool writes = flags & (O_WRONLY | O_RDWR);
    if (call_fails(writes ? CALLS | FULL : CALLS, "open", caller)) return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

#define OPENING(name)                                                                                        \
    int name(const char *path, int flags, ...)                                                               \
    {                                                                                                        \
        va_list rest;                                                                                        \
        va_start(rest, flags);                                                                               \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                              \
        va_end(rest);                                                                                        \
        return open_file(path, flags, mode, CALLER);                                                         \
    }
OPENING(open)
OPENING(open64)

ssize_t read(int fd, void *to, size_t n)
{
    if (FAILS("read")) return -1;
    return syscall(SYS_read, fd, to, half(n, "read", CALLER));
}

ssize_t pread(int fd, void *to, size_t n, off_t at)
{
    if (FAILS("pread")) return -1;
    return syscall(SYS_pread64, fd, to, half(n, "pread", CALLER), at);
}

ssize_t write(int fd, const void *from, size_t n)
{
    if (WRITES("write")) return -1;
    return syscall(SYS_write, fd, from, half(n, "write", CALLER));
}

int fsync(int fd)
{
    (void)fd;
    return WRITES("fsync") ? -1 : 0;
}

int close(int fd)
{
    long verdict = syscall(SYS_close, fd);
    return WRITES("close") ? -1 : (int)verdict;
}

int rename(const char *from, const char *to)
{
    return WRITES("rename") ? -1 : (int)syscall(SYS_rename, from, to);
}

int link(const char *from, const char *to)
{
    return WRITES("link") ? -1 : (int)syscall(SYS_link, from, to);
}

int unlink(const char *path)
{
    return FAILS("unlink") ? -1 : (int)syscall(SYS_unlink, path);
}

int ftruncate(int fd, off_t size)
{
    return WRITES("ftruncate") ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int mkdir(const char *path, mode_t mode)
{
    return WRITES("mkdir") ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

int flock(int fd, int operation)
{
    return FAILS("flock") ? -1 : (int)syscall(SYS_flock, fd, operation);
}

int fchmod(int fd, mode_t mode)
{
    return WRITES("fchmod") ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

/* The others need the C library's own function. */
#define REAL(result, name, ...)                                                                              \
    static result (*real)(__VA_ARGS__);                                                                      \
    if (!real) {                                                                                             \
        inside = true;                                                                                       \
        *(void **)&real = dlsym(RTLD_NEXT, name);                                                            \
        inside = false;                                                                                      \
    }

int fstat(int fd, struct stat *info)
{
    REAL(int, "fstat", int, struct stat *)
    return FAILS("fstat") ? -1 : real(fd, info);
}

int stat(const char *path, struct stat *info)
{
    REAL(int, "stat", const char *, struct stat *)
    return FAILS("stat") ? -1 : real(path, info);
}

int lstat(const char *path, struct stat *info)
{
    REAL(int, "lstat", const char *, struct stat *)
    return FAILS("lstat") ? -1 : real(path, info);
}

FILE *fopen(const char *path, const char *mode)
{
    REAL(FILE *, "fopen", const char *, const char *)
    return (*mode == 'r' ? FAILS("fopen") : WRITES("fopen")) ? NULL : real(path, mode);
}

int fflush(FILE *f)
{
    REAL(int, "fflush", FILE *)
    return WRITES("fflush") ? EOF : real(f);
}

int fclose(FILE *f)
{
    REAL(int, "fclose", FILE *)
    int verdict = real(f);
    return WRITES("fclose") ? EOF : verdict;
}
