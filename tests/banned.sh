#!/usr/bin/env bash
# banned.sh [ROOT]: functions that no C file may call, and those that only tools/ and tests/ may: a library
# neither prints nor ends the program.
set -euo pipefail

unsafe='sprintf|vsprintf|strcpy|stpcpy|strcat|strncpy|strncat|gets|strtok|atoi|atol|atoll|atof|scanf|alloca|mktemp|tmpnam|rand|srand'
# jansson's own reading and writing go on where memory ran out: src/io/json_memory.h
deaf='json_loads|json_loadb|json_loadf|json_load_file|json_load_callback|json_dumps|json_dumpf|json_dump_file|json_deep_copy'
speaking='printf|vprintf|puts|putchar|perror|exit|_exit|quick_exit|abort'

calls() { # NAMES FILE...: lines that call one of them; comments that run over a whole line do not count
    local names=$1
    shift
    [ $# -gt 0 ] || return 0
    grep -HnE "(^|[^A-Za-z0-9_.>])($names)[[:space:]]*\(" "$@" | grep -vE '^[^:]*:[0-9]+:[[:space:]]*(/\*|\*|//)' || true
}

banned_in() { # ROOT
    local -a all=() libraries=()
    cd "$1"
    mapfile -t all < <(find src cnn datasets captioner tools tests \( -name '*.c' -o -name '*.h' -o -name '*.inc' \) 2>/dev/null | sort)
    mapfile -t libraries < <(find src cnn datasets captioner \( -name '*.c' -o -name '*.h' -o -name '*.inc' \) 2>/dev/null | sort)
    calls "$unsafe" "${all[@]}"
    calls "$speaking" "${libraries[@]}"
    calls "$deaf" "${all[@]}" | grep -vE '^(tests/|src/io/json_memory\.c:)' || true
    if [ ${#libraries[@]} -gt 0 ]; then
        grep -HnE '[(,] *(stdout|stderr)\b' "${libraries[@]}" | grep -vE '^[^:]*:[0-9]+:[[:space:]]*(/\*|\*|//)' || true
    fi
}

expect() { # caught|allowed FILE LINE
    local scratch found
    scratch=$(mktemp -d)
    mkdir -p "$scratch/src/base" "$scratch/tools"
    printf '%s\n' "$3" >"$scratch/$2"
    found=$(banned_in "$scratch")
    rm -r "$scratch"
    if [ "$1" = caught ] && [ -z "$found" ]; then echo "self-test: not noticed in $2: $3" && exit 1; fi
    if [ "$1" = allowed ] && [ -n "$found" ]; then echo "self-test: wrongly found in $2: $3" && exit 1; fi
}

root=${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
expect caught tools/a.c '    strcpy(a, b);'
expect caught src/base/a.c 'int n = atoi (text);'
expect caught src/base/a.c '    printf("hello");'
expect caught src/base/a.h '    fputs(text, stderr);'
expect caught tools/a.c '    char *s = json_dumps(o, 0);'
expect allowed src/base/a.c '    snprintf(a, sizeof a, "x"); parser->exit(1); my_strcpy(a);'
expect allowed tools/a.c '    printf("hello");'
expect allowed src/base/a.c ' * strcpy(a, b) is what this replaces'

found=$(banned_in "$root")
if [ -n "$found" ]; then
    printf '%s\n' "$found" "these functions are banned (tests/banned.sh)"
    exit 1
fi
