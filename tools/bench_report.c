/* What `caption bench` prints: a table for people, JSON for programs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/io/json_build.h"
#include "src/math/cpu.h"
#include "tools/bench.h"
#include "tools/print.h"

/* ---- the machine ---- */

/* "Intel(R) Xeon(R) ..." as Linux names it; "unknown CPU" where it does not. */
static void cpu_model(char *name, size_t size)
{
    char line[256];
    snprintf(name, size, "unknown CPU");
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f)) {
        const char *value = strncmp(line, "model name", 10) ? NULL : strchr(line, ':');
        if (!value) continue;
        value += 1 + (value[1] == ' ');
        snprintf(name, size, "%.*s", (int)strcspn(value, "\n"), value);
        break;
    }
    if (f) fclose(f);
}

/* Processes that wanted to run during the last minute, ours included. */
static double load_of_machine(void)
{
    double average = 0;
    return getloadavg(&average, 1) == 1 ? average : 0;
}

static int threads_of(const bench_report *r, const bench_row *row)
{
    return row->all_threads ? r->env->threads : 1;
}

static void print_threads(int n)
{
    printf("%d thread%s", n, n == 1 ? "" : "s");
}

/* ---- the table ---- */

static void print_ratio(const bench_result *e)
{
    char thing[16];
    switch (e->row->kind) {
    case BENCH_RATE: /* photos/s by TFLOP/s: photos/TFLOP */
        snprintf(thing, sizeof thing, "%.*s", (int)strcspn(e->row->unit, "/"), e->row->unit);
        printf(" %8.4g %s/TFLOP%*s", e->ratio, thing, 8 - (int)strlen(thing), "");
        return;
    case BENCH_TIME:
        printf(" %8.4g %-14s", e->ratio, "GFLOP");
        return;
    case BENCH_FLOPS:
    case BENCH_PEAK:
        printf(" %8.2f %-14s", e->ratio, "x");
        return;
    case BENCH_GROWTH:
    case BENCH_SPEEDUP:
    case BENCH_MEMORY:
        break;
    }
    printf(" %8s %-14s", "-", "");
}

static void print_note(const bench_report *r, const bench_result *e)
{
    const char *comma = "";
    printf(" ");
    if (e->gflops > 0) {
        printf("%.3g GFLOP/s", e->gflops);
        comma = ", ";
    }
    if (e->peak > 0) {
        printf("%s%.0f %% of the peak", comma, 100 * e->peak);
        comma = ", ";
    }
    if (e->row->precision == GEMM_BF16 && !gemm_rounds(GEMM_BF16)) {
        printf("%sin f32, which is faster here", comma);
        comma = ", ";
    }
    if (e->row->note) printf("%s%s", comma, e->row->note);
    if (e->row->note || *comma) comma = ", ";
    printf("%s", comma);
    print_threads(threads_of(r, e->row));
    putchar('\n');
}

static void print_row(const bench_report *r, const bench_result *e)
{
    printf("%-8s %-24s", e->row->name, e->row->what);
    if (!e->measured) {
        const char *why = e->row->kind == BENCH_MEMORY ? "this system does not tell" : "";
        if (e->row->kind == BENCH_PEAK) why = "bf16 is not faster here";
        if (e->row->needs_model && !r->env->model) why = "no model is built in: name a file";
        printf(" %8s %-10s %8s %-14s %s\n", "-", "", "-", "", why);
        return;
    }
    printf(" %8.4g %-10s", e->figure, e->row->unit);
    print_ratio(e);
    print_note(r, e);
}

void bench_print_table(const bench_report *r)
{
    char cpu[128];
    cpu_model(cpu, sizeof cpu);
    char flags[CPU_NAME_SIZE];
    printf("%s, %s, ", cpu, cpu_flags_name(cpu_get_flags(), flags));
    print_threads(r->env->threads);
    printf(", load %.1f\n", load_of_machine());
    printf("%s; caption %s; photo: ", gemm_library(), CAPTION_VERSION);
    print_escaped(stdout, r->photo);
    printf("\n\n%-8s %-24s %8s %-10s %8s %-14s %s\n", "name", "what", "figure", "unit", "ratio", "to sgemm",
           "note");
    for (int i = 0; i < r->results; i++) print_row(r, &r->result[i]);
    printf(
        "\nMedians of %d rounds. The ratio is to sgemm in f32 on as many threads in the same rounds: its\n"
        "share of that rate (x), what is done while sgemm does a TFLOP (.../TFLOP), or what sgemm does in\n"
        "that time (GFLOP).\n",
        r->rounds);
}

/* ---- JSON ---- */

static void put_row(io_json_build *b, json_t *rows, const bench_report *r, const bench_result *e)
{
    static const char *const ratio_units[] = {[BENCH_RATE] = "per TFLOP of sgemm",
                                              [BENCH_TIME] = "GFLOP of sgemm in that time",
                                              [BENCH_FLOPS] = "share of sgemm's rate",
                                              [BENCH_PEAK] = "share of sgemm's rate",
                                              [BENCH_SPEEDUP] = NULL};
    json_t *o = io_json_put_object(b, rows, NULL);
    io_json_put_string(b, o, "name", e->row->name);
    io_json_put_string(b, o, "what", e->row->what);
    io_json_put_string(b, o, "unit", e->row->unit);
    io_json_put_int(b, o, "threads", threads_of(r, e->row));
    io_json_put_string(b, o, "precision", e->row->precision == GEMM_BF16 ? "bf16" : "f32");
    io_json_put_string(b, o, "note", e->row->note);
    io_json_put_number(b, o, "figure", e->measured ? e->figure : (double)NAN);
    if (!e->measured) return;
    io_json_put_number(b, o, "low", e->low);
    io_json_put_number(b, o, "high", e->high);
    if (e->gflops > 0) io_json_put_number(b, o, "gflops", e->gflops);
    if (e->peak > 0) io_json_put_number(b, o, "peak", e->peak);
    if (!ratio_units[e->row->kind]) return;
    io_json_put_number(b, o, "ratio", e->ratio);
    io_json_put_string(b, o, "ratio_unit", ratio_units[e->row->kind]);
}

static void put_machine(io_json_build *b, const bench_report *r)
{
    char cpu[128], flags[CPU_NAME_SIZE];
    cpu_model(cpu, sizeof cpu);
    json_t *o = io_json_put_object(b, b->root, "machine");
    io_json_put_string(b, o, "cpu", cpu);
    io_json_put_string(b, o, "flags", cpu_flags_name(cpu_get_flags(), flags));
    io_json_put_int(b, o, "threads", r->env->threads);
    io_json_put_number(b, o, "load", load_of_machine());
    io_json_put_string(b, o, "gemm", gemm_library());
}

err_code bench_print_json(const bench_report *r, error *err)
{
    io_json_build b = io_json_build_object();
    io_json_put_string(&b, b.root, "version", CAPTION_VERSION);
    put_machine(&b, r);
    io_json_put_string(&b, b.root, "photo", r->photo);
    io_json_put_int(&b, b.root, "rounds", r->rounds);
    json_t *rows = io_json_put_array(&b, b.root, "results");
    for (int i = 0; i < r->results; i++) put_row(&b, rows, r, &r->result[i]);
    return print_json_line(stdout, io_json_take(&b)) ? ERR_OK : err_no_memory(err, "while printing");
}
