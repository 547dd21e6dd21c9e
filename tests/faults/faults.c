/* faults PROGRAM LIBRARY MODELS PHOTOS [--runs N] [--kind KIND] [CASE...]: runs small cases of the program
 * again and again, each time with another call failing (fail.c), and looks at what is left:
 *
 *   - no signal, no run without end;
 *   - exit code 0: standard output and every file are those of a run in which nothing failed;
 *   - another exit code: it is 1, a sentence is on standard error, every file is the old one or the new one,
 *     whole, and nothing else lies beside them, or the next run makes of them what this one would have;
 *     standard output has no line that a good run does not print.
 *
 * A half read or write is no failure: such a run must end with 0. --runs bounds the runs of each case and
 * kind, spread over all n; without it every n is tried. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS = 40, FILES = 32, NAME = 120, TOLD = 12, PATIENCE = 20 /* seconds */, REPORT_FD = 9 };

typedef struct fault_case {
    const char *name;
    const char *words[WORDS];   /* of the program; $M is the folder of models, ../in that of inputs */
    const char *prepare[WORDS]; /* those of a run that makes what lies there before, or none */
    const char *input;          /* standard input */
    const char *old;            /* a file that lies there before */
    bool partial;               /* a run that failed tells of the rest on standard output */
    bool goes_on;               /* the next run goes on with what a run that failed left */
    bool resumes;               /* so it does, with --resume in place of --force, unless all is as it was */
    int seldom;                 /* only every so manieth n: a run takes long */
} fault_case;

#define TRAIN                                                                                                \
    "train", "--level", "char", "--embedding", "2", "--hidden", "2", "--attention", "2", "--threads", "1",   \
        "--pairs", "../in/pairs.tsv", "--out", "m"
#define PHOTOS "../in/a.jpg", "../in/b.png"
#define MODEL "--threads", "1", "--model", "$M/random_sigmoid.safetensors"
#define TEXT_MODEL "--threads", "1", "--model", "$M/random_text_sigmoid.safetensors"

static const fault_case cases[] = {
    {.name = "describe", .words = {MODEL, PHOTOS}},
    {.name = "describe-json",
     .words = {"--json", "--attention", "--n-best", "2", MODEL, PHOTOS},
     .partial = true},
    {.name = "describe-kinds", .words = {MODEL, "../in/p3.jpg", "../in/p.webp"}},
    {.name = "overlay", .words = {MODEL, "--overlay", "o.png", "../in/a.jpg"}, .old = "o.png"},
    {.name = "overlay-dir", .words = {MODEL, "--overlay-dir", "over", PHOTOS}},
    {.name = "write-metadata",
     .words = {MODEL, "--write-metadata", "--existing", "replace", "--neutral", "o.png"},
     .prepare = {MODEL, "--overlay", "o.png", "../in/a.jpg"}},
    {.name = "sidecar-xmp",
     .words = {MODEL, "--sidecar", "xmp", "--keywords", "2", "--alt-text", "o.png"},
     .prepare = {MODEL, "--overlay", "o.png", "../in/a.jpg"}},
    {.name = "translated",
     .words = {MODEL, "--json", "--attention", "--alt-text", "--translator",
               "$M/random_text_sigmoid.safetensors", "../in/a.jpg"},
     .partial = true},
    {.name = "page", .words = {MODEL, "--page", "page.html", PHOTOS}, .goes_on = true},
    {.name = "look", .words = {MODEL, "--look", "--look-as", "blocks", "../in/a.jpg"}},
    {.name = "output",
     .words = {MODEL, "--output", "o.csv", "--skip-done", "list", "../in/a.jpg"},
     .goes_on = true},
    {.name = "info", .words = {"info", "--json", "$M/random_sigmoid.safetensors"}},
    {.name = "info-lines", .words = {"info", "$M/random_sigmoid.safetensors"}},
    {.name = "info-text", .words = {"info", "$M/random_text_sigmoid.safetensors"}},
    {.name = "train-ngram",
     .words = {"train", "--text", "../in/refs.txt", "--model", "ngram:2", "--min-count", "1", "--out", "m",
               "--force", "--quiet"},
     .old = "m"},
    {.name = "eval-language",
     .words = {"eval", "--text", "../in/refs.txt", "--threads", "1", "--quiet", "--model", "m"},
     .prepare = {"train", "--text", "../in/refs.txt", "--model", "ngram:2", "--min-count", "1", "--out", "m",
                 "--quiet"}},
    {.name = "complete",
     .words = {"complete", "--threads", "1", "--model", "m", "--json", "a"},
     .prepare = {"train", "--text", "../in/refs.txt", "--model", "ngram:2", "--min-count", "1", "--out", "m",
                 "--quiet"}},
    {.name = "train-language",
     .words = {"train", "--text", "../in/refs.txt", "--hidden", "2", "--embedding", "2", "--epochs", "1",
               "--min-count", "1", "--val-share", "0.5", "--threads", "1", "--out", "m", "--quiet"},
     .seldom = 7},
    {.name = "score", .words = {"score", MODEL, "../in/a.jpg", "a dog runs"}},
    {.name = "eval",
     .words = {"eval", "--refs", "../in/refs.json", "--results", "../in/results.json", "--save-df",
               "df.json"},
     .old = "df.json"},
    {.name = "eval-text",
     .words = {"eval", "--text-refs", "../in/refs.txt", "--text-hyps", "../in/results.txt"}},
    {.name = "eval-model",
     .words = {"eval", MODEL, "--captions", "../in/refs.json", "--images", "../in", "--results-out",
               "r.json"},
     .partial = true,
     .goes_on = true},
    {.name = "translate",
     .words = {"translate", TEXT_MODEL, "--alignment", "map.png"},
     .input = "one two\n",
     .old = "map.png"},
    {.name = "translate-page",
     .words = {"translate", TEXT_MODEL, "--alignment", "map.html"},
     .input = "one two\nthree\n",
     .old = "map.html"},
    {.name = "translate-shades",
     .words = {"translate", TEXT_MODEL, "--alignment", "-", "--pairs-out", "pairs"},
     .input = "one two\nthree\n",
     .old = "pairs"},
    {.name = "translate-json",
     .words = {"translate", TEXT_MODEL, "--json"},
     .input = "one two\nthree\n",
     .partial = true},
    {.name = "train", .words = {TRAIN, "--epochs", "1"}},
    {.name = "train-resume",
     .words = {TRAIN, "--epochs", "2", "--resume"},
     .prepare = {TRAIN, "--epochs", "1"}},
    {.name = "train-again",
     .words = {TRAIN, "--epochs", "1", "--force"},
     .prepare = {TRAIN, "--epochs", "2", "--seed", "2"},
     .resumes = true},
    {.name = "train-photos",
     .words = {"train",       "--captions", "../in/refs.json",
               "--images",    "../in",      "--encoder",
               "small",       "--size",     "32",
               "--epochs",    "1",          "--min-count",
               "1",           "--hidden",   "4",
               "--embedding", "4",          "--attention",
               "4",           "--threads",  "1",
               "--out",       "m"},
     .seldom = 40},
};

static const struct {
    const char *path, *content;
} inputs[] = {
    {"pairs.tsv", "ab\tba\nb a\ta b\naa\tbb\nba\tab\nbb\taa\na\tb\n"},
    {"refs.txt", "a dog runs on snow\nthe cat sleeps\n"},
    {"results.txt", "a dog runs on grass\na cat sleeps\n"},
    {"results.json",
     "[{\"image_id\": 1, \"caption\": \"a dog\"}, {\"image_id\": 2, \"caption\": \"the caf\xC3\xA9\"}]"},
    {"refs.json",
     "{\"images\": [{\"id\": 1, \"file_name\": \"a.jpg\"}, {\"id\": 2, \"file_name\": \"b.png\"}],\n"
     " \"annotations\": [{\"image_id\": 1, \"caption\": \"a dog runs on snow\"},\n"
     "  {\"image_id\": 1, \"caption\": \"the dog runs\"}, {\"image_id\": 2, \"caption\": \"a cat in the "
     "caf\\u00e9\"}]}\n"},
};

static const char *program, *library, *models, *photos;
static char folder[64];

static void die(const char *what)
{
    fprintf(stderr, "faults: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void *need(void *p)
{
    if (!p) die("memory");
    return p;
}

/* ---- files ---- */

typedef struct bytes {
    char *data; /* NUL-terminated */
    size_t size;
} bytes;

/* All regular files below a folder. */
typedef struct tree {
    int count;
    struct {
        char name[NAME];
        bytes content;
    } file[FILES];
} tree;

static bytes read_fd(int fd)
{
    struct stat info;
    if (fd < 0 || fstat(fd, &info)) die("reading");
    bytes b = {need(malloc((size_t)info.st_size + 1)), (size_t)info.st_size};
    for (size_t done = 0; done < b.size;) {
        ssize_t n = pread(fd, b.data + done, b.size - done, (off_t)done);
        if (n <= 0) die("reading");
        done += (size_t)n;
    }
    b.data[b.size] = 0;
    return b;
}

static bytes read_path(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bytes b = read_fd(fd);
    close(fd);
    return b;
}

static void write_path(const char *path, const char *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    for (size_t done = 0; fd >= 0 && done < size;) {
        ssize_t n = write(fd, data + done, size - done);
        if (n <= 0) die(path);
        done += (size_t)n;
    }
    if (fd < 0 || close(fd)) die(path);
}

static tree *walked; /* nftw takes no context */
static size_t walked_root;

static int take_file(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)where;
    if (type != FTW_F) return 0;
    if (walked->count == FILES) return -1;
    snprintf(walked->file[walked->count].name, NAME, "%s", path + walked_root + 1);
    walked->file[walked->count++].content = read_path(path);
    return 0;
}

static tree read_tree(const char *path)
{
    tree t = {0};
    walked = &t;
    walked_root = strlen(path);
    if (nftw(path, take_file, 8, FTW_PHYS)) die(path);
    return t;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    return where->level ? remove(path) : 0;
}

static void empty(const char *path)
{
    if (nftw(path, remove_one, 8, FTW_PHYS | FTW_DEPTH)) die(path);
}

static void write_tree(const tree *t, const char *path)
{
    char to[PATH_MAX];
    for (int i = 0; i < t->count; i++) {
        snprintf(to, sizeof to, "%s/%s", path, t->file[i].name);
        for (char *slash = to + strlen(path) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
            *slash = 0;
            if (mkdir(to, 0777) && errno != EEXIST) die(to);
        }
        write_path(to, t->file[i].content.data, t->file[i].content.size);
    }
}

static void release_tree(tree *t)
{
    for (int i = 0; i < t->count; i++) free(t->file[i].content.data);
    t->count = 0;
}

static const bytes *find(const tree *t, const char *name)
{
    for (int i = 0; i < t->count; i++)
        if (!strcmp(t->file[i].name, name)) return &t->file[i].content;
    return NULL;
}

/* Moves past a number behind a member that tells how long something took. */
static const char *past_time(const char *at)
{
    static const char *const timed[] = {"\"seconds\":", "_per_second\":"};
    for (size_t i = 0; i < sizeof timed / sizeof *timed; i++) {
        size_t n = strlen(timed[i]);
        if (!strncmp(at, timed[i], n)) return at + n + strspn(at + n, "0123456789.e+-");
    }
    return NULL;
}

/* Logs tell how long an epoch took; everything else is compared byte by byte. */
static bool same_log(const char *a, const char *b)
{
    while (*a && *a == *b) {
        const char *x = past_time(a), *y = past_time(b);
        a = x && y ? x : a + 1;
        b = x && y ? y : b + 1;
    }
    return *a == *b;
}

/* The header of a safetensors file: 8 bytes tell its length. 0: there is none. */
static size_t header_of(const bytes *b)
{
    uint64_t n = 0;
    if (b->size < sizeof n) return 0;
    memcpy(&n, b->data, sizeof n);
    return n <= b->size - sizeof n ? sizeof n + (size_t)n : 0;
}

/* Moves past the command line in a model's record, which tells of --resume and --force. */
static size_t past_command(const bytes *b, size_t header, size_t *start)
{
    static const char member[] = "\\\"command\\\":\\\"";
    const char *at = header ? memmem(b->data, header, member, sizeof member - 1) : NULL;
    const char *end = at ? strstr(at + sizeof member - 1, "\\\"") : NULL;
    *start = end ? (size_t)(at - b->data) : 0;
    return end ? (size_t)(end - b->data) : 0;
}

static bool same_bytes(const bytes *a, size_t from_a, size_t to_a, const bytes *b, size_t from_b, size_t to_b)
{
    return to_a - from_a == to_b - from_b && !memcmp(a->data + from_a, b->data + from_b, to_a - from_a);
}

/* Two models, but for the command lines and the spaces at the end of the headers. */
static bool same_model(const bytes *a, const bytes *b)
{
    size_t ha = header_of(a), hb = header_of(b), sa, sb;
    size_t ca = past_command(a, ha, &sa), cb = past_command(b, hb, &sb);
    if (!ca || !cb || !same_bytes(a, ha, a->size, b, hb, b->size)) return false;
    if (!same_bytes(a, sizeof(uint64_t), sa, b, sizeof(uint64_t), sb)) return false;
    while (a->data[ha - 1] == ' ') ha--;
    while (b->data[hb - 1] == ' ') hb--;
    return same_bytes(a, ca, ha, b, cb, hb);
}

static bool same(const char *name, const bytes *a, const bytes *b)
{
    if (strstr(name, ".jsonl")) return same_log(a ? a->data : "", b ? b->data : "");
    if (!a || !b) return !a && !b;
    return same_bytes(a, 0, a->size, b, 0, b->size) || same_model(a, b);
}

/* ---- one run ---- */

typedef struct outcome {
    int signal, code;
    bytes out, err, report;
} outcome;

static void release_outcome(outcome *o)
{
    free(o->out.data);
    free(o->err.data);
    free(o->report.data);
}

static int catch_fd(void)
{
    int fd = memfd_create("caught", 0);
    if (fd < 0) die("memfd_create");
    return fd;
}

/* In the child. */
static void become(const char *const *words, const char *fail, int in, const int caught[3])
{
    static char with_models[WORDS][PATH_MAX];
    char *argv[WORDS + 1] = {(char *)(uintptr_t) "caption"}, run[80];
    int argc = 1;
    for (; *words; words++) {
        argv[argc] = (char *)(uintptr_t)*words;
        if (!strncmp(*words, "$M", 2)) {
            snprintf(with_models[argc], PATH_MAX, "%s%s", models, *words + 2);
            argv[argc] = with_models[argc];
        }
        argc++;
    }
    argv[argc] = NULL;
    snprintf(run, sizeof run, "%s/run", folder);
    if (chdir(run) || dup2(in, 0) < 0 || dup2(caught[0], 1) < 0 || dup2(caught[1], 2) < 0 ||
        dup2(caught[2], REPORT_FD) < 0)
        _exit(126);
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("CAPTION_FAIL", fail, 1);
    setenv("CAPTION_FAIL_TO", "9", 1);
    setenv("LD_PRELOAD", library, 1);
    alarm(PATIENCE);
    execv(program, argv);
    _exit(127);
}

static outcome run(const char *const *words, const char *input, const char *kind, long n)
{
    char fail[40];
    int status, caught[3] = {catch_fd(), catch_fd(), catch_fd()}, in = catch_fd();
    if (input && (write(in, input, strlen(input)) < 0 || lseek(in, 0, SEEK_SET))) die("standard input");
    snprintf(fail, sizeof fail, "%s:%ld", kind, n);
    pid_t child = fork();
    if (child < 0) die("fork");
    if (!child) become(words, fail, in, caught);
    if (waitpid(child, &status, 0) != child) die("waitpid");
    outcome o = {.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0, .code = WEXITSTATUS(status)};
    o.out = read_fd(caught[0]);
    o.err = read_fd(caught[1]);
    o.report = read_fd(caught[2]);
    for (int i = 0; i < 3; i++) close(caught[i]);
    close(in);
    return o;
}

static long calls_of(const outcome *o)
{
    const char *at = strstr(o->report.data, "calls ");
    return at ? strtol(at + 6, NULL, 10) : LONG_MAX;
}

/* ---- judging ---- */

typedef struct trial {
    const fault_case *c;
    const char *kind;
    tree before, after;
    outcome good;
    long tried, wrong;
} trial;

static bool has_line(const char *all, const char *line, size_t n)
{
    for (const char *at = all; *at; at += strcspn(at, "\n") + (at[strcspn(at, "\n")] == '\n'))
        if (strcspn(at, "\n") == n && !strncmp(at, line, n)) return true;
    return false;
}

static bool lines_known(const trial *t, const outcome *o)
{
    for (const char *at = o->out.data, *end; (end = strchr(at, '\n')); at = end + 1)
        if (!has_line(t->good.out.data, at, (size_t)(end - at))) return false;
    return true;
}

/* A file that should be gone, when what failed was to remove it, or to see that it may be removed: a lock
 * alone is in nobody's way. */
static bool may_stay(const char *name, const outcome *o)
{
    return strstr(o->report.data, "failed unlink") ||
           (strstr(name, ".lock") && !strstr(o->report.data, "alloc"));
}

/* NULL, or what is wrong with the files. */
static const char *judge_files(const trial *t, const outcome *o, const tree *now)
{
    static char said[NAME + 60];
    const tree *all[] = {&t->before, &t->after, now};
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < all[k]->count; i++) {
            const char *name = all[k]->file[i].name;
            const bytes *was = find(&t->before, name), *made = find(&t->after, name), *is = find(now, name);
            bool good = same(name, is, made) || (o->code && same(name, is, was));
            if (good || (!was && !made && may_stay(name, o))) continue;
            snprintf(said, sizeof said, "'%s' is %s", name,
                     !was && !made ? "left over"
                     : !is         ? "lost"
                                   : "neither the old file nor the new one");
            return said;
        }
    }
    return NULL;
}

static const char *judge(const trial *t, const outcome *o, const tree *now)
{
    static char said[80];
    if (o->signal == SIGALRM) return "does not end";
    if (o->signal) {
        snprintf(said, sizeof said, "killed by signal %d (%s)", o->signal, strsignal(o->signal));
        return said;
    }
    if (o->code == 0) {
        if (!same("", &o->out, &t->good.out)) return "exit code 0 with another output";
        return judge_files(t, o, now);
    }
    if (!strcmp(t->kind, "short")) return "a half read or write is taken for a failure";
    if (o->code != 1) {
        snprintf(said, sizeof said, "exit code %d", o->code);
        return said;
    }
    if (!strstr(o->err.data, "caption: ")) return "fails without a word";
    if (!t->c->partial && !lines_known(t, o)) return "prints a line that a good run does not";
    return t->c->goes_on || t->c->resumes ? NULL : judge_files(t, o, now);
}

static void tell(trial *t, long n, const char *what, const outcome *o)
{
    t->wrong++;
    if (t->wrong > TOLD) return;
    printf("  %s %s:%ld: %s; %.*s", t->c->name, t->kind, n, what, (int)strcspn(o->report.data, "\n"),
           o->report.data);
    printf("; exit code %d, stderr: %.*s\n", o->code, (int)strcspn(o->err.data, "\n"), o->err.data);
}

/* Is there anything to do for the next run? */
static bool goes_on(const trial *t, const outcome *o, const tree *now)
{
    return o->code && (t->c->goes_on || (t->c->resumes && judge_files(t, o, now)));
}

static outcome run_next(const trial *t)
{
    const char *words[WORDS] = {NULL};
    for (int i = 0; i < WORDS && t->c->words[i]; i++) {
        bool other = t->c->resumes && !strcmp(t->c->words[i], "--force");
        words[i] = other ? "--resume" : t->c->words[i];
    }
    return run(words, t->c->input, t->kind, 0);
}

/* Judges a run, and the next one if that is to go on with what this one left. */
static void judge_run(trial *t, long n, const outcome *o)
{
    char path[80];
    snprintf(path, sizeof path, "%s/run", folder);
    tree now = read_tree(path);
    const char *what = judge(t, o, &now);
    bool more = !what && goes_on(t, o, &now);
    if (what) tell(t, n, what, o);
    release_tree(&now);
    if (!more) return;
    outcome next = run_next(t);
    now = read_tree(path);
    what = next.code ? "the next run fails, too" : judge(t, &next, &now);
    if (what) tell(t, n, what, &next);
    release_tree(&now);
    release_outcome(&next);
}

/* False: nothing failed any more. */
static bool try(trial *t, long n)
{
    char path[80];
    snprintf(path, sizeof path, "%s/run", folder);
    empty(path);
    write_tree(&t->before, path);
    outcome o = run(t->c->words, t->c->input, t->kind, n);
    bool failed = calls_of(&o) >= n;
    judge_run(t, n, &o);
    t->tried++;
    release_outcome(&o);
    return failed;
}

/* ---- all of them ---- */

static void must_be_good(const fault_case *c, const outcome *o)
{
    if (!o->signal && !o->code) return;
    fprintf(stderr, "faults: '%s' fails when nothing does (exit code %d, signal %d): %s\n", c->name, o->code,
            o->signal, o->err.data);
    exit(2);
}

static void prepare(const fault_case *c, trial *t)
{
    char path[80], old[160];
    snprintf(path, sizeof path, "%s/run", folder);
    empty(path);
    if (c->old) {
        snprintf(old, sizeof old, "%s/%s", path, c->old);
        write_path(old, "an old file\n", 12);
    }
    if (c->prepare[0]) {
        outcome o = run(c->prepare, NULL, "none", 0);
        must_be_good(c, &o);
        release_outcome(&o);
    }
    t->before = read_tree(path);
    t->good = run(c->words, c->input, t->kind, 0);
    must_be_good(c, &t->good);
    t->after = read_tree(path);
}

static long run_case(const fault_case *c, const char *kind, long most)
{
    trial t = {.c = c, .kind = kind};
    prepare(c, &t);
    long calls = calls_of(&t.good), step = c->seldom ? c->seldom : 1;
    if (most && calls / most >= step) step = calls / most + 1;
    for (long n = 1; try(&t, n); n += step) continue;
    printf("%-16s %-8s %7ld calls, %6ld tried, %ld wrong\n", c->name, kind, calls, t.tried, t.wrong);
    fflush(stdout);
    release_tree(&t.before);
    release_tree(&t.after);
    release_outcome(&t.good);
    return t.wrong;
}

static void copy_input(const char *name, const char *from)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", photos, from);
    bytes b = read_path(path);
    snprintf(path, sizeof path, "%s/in/%s", folder, name);
    write_path(path, b.data, b.size);
    free(b.data);
}

static void make_folder(void)
{
    char path[160];
    snprintf(folder, sizeof folder, "%s/caption_faults_XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    if (!mkdtemp(folder)) die(folder);
    snprintf(path, sizeof path, "%s/run", folder);
    if (mkdir(path, 0777)) die(path);
    snprintf(path, sizeof path, "%s/in", folder);
    if (mkdir(path, 0777)) die(path);
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        snprintf(path, sizeof path, "%s/in/%s", folder, inputs[i].path);
        write_path(path, inputs[i].content, strlen(inputs[i].content));
    }
    copy_input("a.jpg", "baseline_420.jpg");
    copy_input("b.png", "rgb.png");
    copy_input("p3.jpg", "icc_p3.jpg"); /* lcms2 */
    /* The lossy one: libwebp 1.2.4 itself crashes where a lossless one finds no memory. */
    copy_input("p.webp", "lossy.webp");
}

static const char *whole_path(const char *path)
{
    const char *whole = realpath(path, NULL);
    if (!whole) die(path);
    return whole;
}

static bool named(const char *name, int count, char **list)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(list[i], name)) return true;
    return count == 0;
}

int main(int argc, char **argv)
{
    static const char *const kinds[] = {"memory", "starved", "calls", "full", "short"};
    const char *kind = NULL;
    long most = 0, wrong = 0;
    int first = 5;
    if (argc < 5) {
        fprintf(stderr, "usage: faults PROGRAM LIBRARY MODELS PHOTOS [--runs N] [--kind KIND] [CASE...]\n");
        return 2;
    }
    program = whole_path(argv[1]), library = whole_path(argv[2]); /* runs have a folder of their own */
    models = whole_path(argv[3]), photos = whole_path(argv[4]);
    for (; first + 1 < argc && argv[first][0] == '-'; first += 2) {
        if (!strcmp(argv[first], "--runs")) most = strtol(argv[first + 1], NULL, 10);
        if (!strcmp(argv[first], "--kind")) kind = argv[first + 1];
    }
    make_folder();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            if (named(cases[i].name, argc - first, argv + first) && (!kind || !strcmp(kind, kinds[k])))
                wrong += run_case(&cases[i], kinds[k], most);
    empty(folder);
    rmdir(folder);
    return wrong > 0;
}
