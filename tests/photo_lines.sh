#!/usr/bin/env bash
# photo_lines.sh PROGRAM [README [--write]]: what the program says of tests/photos, as README.md shows it between two
# marks. Fails where the README shows something else, and tells what renews it: `--write` puts the lines there. Without a
# README it prints them. A program without a model inside has nothing to say: the test is skipped (exit code 77).
set -euo pipefail
program=$(readlink -f "$1")
script=$(readlink -f "${BASH_SOURCE[0]}")
root=$(dirname "$(dirname "$script")")
begin='<!-- What follows is made by tests/photo_lines.sh. -->' end='<!-- Made until here. -->'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

lines() { # f32, as all machines compute it alike
    (cd "$root" && "$program" --unsure --precision f32 tests/photos/*.jpg) | expand -t 34 | sed 's/^/    /'
}

# README as it should be, with the lines of the file in the place of those between the marks.
renewed() { # README LINES
    awk -v begin="$begin" -v end="$end" -v lines="$2" '
        $0 == end { inside = 0 }
        !inside { print }
        $0 == begin { inside = 1; print ""; while ((getline line < lines) > 0) print line; print "" }' "$1"
}

if ! "$program" info >/dev/null 2>&1; then
    echo "skipped: there is no model inside the program"
    exit 77
fi
lines >"$work/lines"
if [ $# = 1 ]; then
    cat "$work/lines"
    exit
fi
if ! grep -qxF "$begin" "$2" || ! grep -qxF "$end" "$2"; then
    echo "'$2' lacks the marks '$begin' and '$end'"
    exit 1
fi
renewed "$2" "$work/lines" >"$work/readme"
if [ "${3:-}" = --write ]; then
    cat "$work/readme" >"$2"
elif ! diff "$2" "$work/readme"; then
    echo "'$2' shows what the program used to say; renew it: tests/photo_lines.sh $1 $2 --write"
    exit 1
fi
