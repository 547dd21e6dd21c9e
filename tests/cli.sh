#!/usr/bin/env bash
# cli.sh PROGRAM CASE MODELS: runs one case of tests/cli and compares all that a user sees. A case is a folder with
#   cmd      a bash script; `caption` is the program, $photos the folder of test photos, $models
#            the folder of random_sigmoid.safetensors and random_none.safetensors (photos), random_named.safetensors (photos,
#            with namers and the styles plain and fancy), random_blind.safetensors (photos, by a namer alone),
#            random_text_sigmoid.safetensors and random_text_none.safetensors (texts), the current folder is an empty scratch folder that is removed afterwards
#   stdout   what it must print; absent = nothing       stderr   the same for stderr
#   exit     the exit code; absent = 0
#   needs    what the build must have, else the case is skipped: a library, as --version names it, or "model", the one inside
# In stdout and stderr a `*` stands for any text within the line, and a line `...` for any number of lines.
set -euo pipefail
program=$(readlink -f "$1")
folder=$(readlink -f "$2")
photos=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/photos
models=$(readlink -f "$3")
export LSAN_OPTIONS=suppressions=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/leaks.txt:print_suppressions=0
export program photos models

has() { # WHAT
    case $1 in
    model) "$program" info >/dev/null 2>&1 ;;
    *) "$program" --version | grep -q "^  $1  *[0-9]" ;;
    esac
}
if [ -e "$folder/needs" ] && ! has "$(<"$folder/needs")"; then
    echo "skipped: this build has no $(<"$folder/needs")"
    exit 77
fi

matches() { # LINE PATTERN
    local pattern=${2//\\/\\\\}
    pattern=${pattern//\?/\\?}
    pattern=${pattern//\[/\\[}
    # shellcheck disable=SC2053 # the right side is meant as a pattern
    [[ $1 == $pattern ]]
}

compare() { # NAME ACTUAL EXPECTED: a line `...` skips to the first line that fits what follows it
    local -a actual=() expected=()
    local skipping=no at=0 pattern
    mapfile -t actual <"$2"
    if [ -e "$3" ]; then mapfile -t expected <"$3"; fi
    for pattern in "${expected[@]}"; do
        if [ "$pattern" = ... ]; then
            skipping=yes
            continue
        fi
        while [ $skipping = yes ] && [ $at -lt ${#actual[@]} ] && ! matches "${actual[at]}" "$pattern"; do at=$((at + 1)); done
        if [ $at -ge ${#actual[@]} ] || ! matches "${actual[at]}" "$pattern"; then
            echo "$1 line $((at + 1)): expected '$pattern', got '${actual[at]:-}'"
            return 1
        fi
        at=$((at + 1)) skipping=no
    done
    if [ $skipping = no ] && [ $at -lt ${#actual[@]} ]; then
        echo "$1 line $((at + 1)): nothing expected, got '${actual[at]}'"
        return 1
    fi
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/here"
verdict=0
(
    cd "$scratch/here"
    bash -c 'caption() { "$program" "$@"; }; . "$1"' cli "$folder/cmd" >"$scratch/stdout" 2>"$scratch/stderr" </dev/null
) || verdict=$?

good=yes
wanted=0
if [ -e "$folder/exit" ]; then wanted=$(<"$folder/exit"); fi
if [ "$verdict" != "$wanted" ]; then echo "exit code: expected $wanted, got $verdict" && good=no; fi
compare stdout "$scratch/stdout" "$folder/stdout" || good=no
compare stderr "$scratch/stderr" "$folder/stderr" || good=no
if [ $good = no ]; then
    echo "--- stdout" && cat "$scratch/stdout"
    echo "--- stderr" && cat "$scratch/stderr"
    exit 1
fi
