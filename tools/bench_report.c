/* What `caption bench` prints: a table for people, JSON for programs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/cpu.h"
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
static double load(void)
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
    case BENCH_TILES:
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
    if (e->tiles > 0) {
        printf("%s%.0f %% of tiles from L2", comma, 100 * e->tiles);
        comma = ", ";
    }
    if (e->row->precision == GEMM_BF16 && cpu_get_level() < CPU_AMX) {
        printf("%sin f32: no AMX tiles here", comma);
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
        if (e->row->kind == BENCH_TILES) why = "no AMX tiles here";
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
    printf("%s, level %s, ", cpu, cpu_level_name(cpu_get_level()));
    print_threads(r->env->threads);
    printf(", load %.1f\n", load());
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

static json_t *row_json(const bench_report *r, const bench_result *e)
{
    static const char *const ratio_units[] = {[BENCH_RATE] = "per TFLOP of sgemm",
                                              [BENCH_TIME] = "GFLOP of sgemm in that time",
                                              [BENCH_FLOPS] = "share of sgemm's rate",
                                              [BENCH_TILES] = "share of sgemm's rate",
                                              [BENCH_SPEEDUP] = NULL};
    json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s?}", "name", e->row->name, "what", e->row->what,
                          "unit", e->row->unit, "threads", threads_of(r, e->row), "precision",
                          e->row->precision == GEMM_BF16 ? "bf16" : "f32", "note", e->row->note);
    json_object_set_new(o, "figure", e->measured ? json_real(e->figure) : json_null());
    if (!e->measured) return o;
    json_object_set_new(o, "low", json_real(e->low));
    json_object_set_new(o, "high", json_real(e->high));
    if (e->gflops > 0) json_object_set_new(o, "gflops", json_real(e->gflops));
    if (e->tiles > 0) json_object_set_new(o, "tiles", json_real(e->tiles));
    if (!ratio_units[e->row->kind]) return o;
    json_object_set_new(o, "ratio", json_real(e->ratio));
    json_object_set_new(o, "ratio_unit", json_string(ratio_units[e->row->kind]));
    return o;
}

err_code bench_print_json(const bench_report *r, error *err)
{
    char cpu[128];
    cpu_model(cpu, sizeof cpu);
    json_t *rows = json_array();
    for (int i = 0; i < r->results; i++) json_array_append_new(rows, row_json(r, &r->result[i]));
    json_t *machine = json_pack("{s:o, s:s, s:i, s:f, s:s}", "cpu", json_clean_string(cpu), "level",
                                cpu_level_name(cpu_get_level()), "threads", r->env->threads, "load", load(),
                                "gemm", gemm_library());
    json_t *o = json_pack("{s:s, s:o, s:o, s:i, s:o}", "version", CAPTION_VERSION, "machine", machine,
                          "photo", json_clean_string(r->photo), "rounds", r->rounds, "results", rows);
    return print_json_line(stdout, o) ? ERR_OK : err_set(err, ERR_MEMORY, "out of memory while printing");
}
