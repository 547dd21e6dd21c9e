#!/usr/bin/env bash
# layering.sh [ROOT]: a file may include its own room and lower ones, never a higher one, never a sibling.
# Reads the include lines of every .c and .h; then plants bad includes in a scratch tree and wants them found.
set -euo pipefail

# Room: the rooms it may include. tests/ may include anything and nothing includes it.
core="src/base src/math src/nn src/train src/io src/image"
declare -A may_include=(
    [src/base]="src/base"
    [src/math]="src/base src/math"
    [src/nn]="src/base src/math src/nn"
    [src/train]="src/base src/math src/nn src/train src/io"
    [src/io]="src/base src/io"
    [src/image]="src/base src/io src/image"
    [cnn]="$core cnn"
    [datasets]="$core datasets"
    [captioner]="$core cnn datasets captioner"
    [tools]="$core cnn datasets captioner tools"
    [tests]="$core cnn datasets captioner tools tests"
)

# Prints one line per bad include of the tree; nothing when all is well.
bad_includes() { # ROOT
    (
        cd "$1"
        find src cnn datasets captioner tools tests \( -name '*.c' -o -name '*.h' -o -name '*.inc' \) -print0 2>/dev/null |
            xargs -0 -r grep -HnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*("|<(src|cnn|datasets|captioner|tools|tests)/)' |
            sed -E 's/[[:space:]]*#[[:space:]]*include[[:space:]]*["<]([^">]*).*/\1/' || true
    ) | while IFS=: read -r file line target; do
        room=$(dirname "$file")
        while [ -z "${may_include[$room]:-}" ] && [ "$room" != "${room%/*}" ]; do room=${room%/*}; done
        to=$(dirname "$target")
        while [ -z "${may_include[$to]:-}" ] && [ "$to" != "${to%/*}" ]; do to=${to%/*}; done
        if [ -z "${may_include[$room]:-}" ]; then
            echo "$file:$line: '$room' is no room of this house"
        elif [ ! -e "$1/$target" ]; then
            echo "$file:$line: '$target' is not there; includes are rooted at the top"
        elif [[ " ${may_include[$room]} " != *" $to "* ]]; then
            echo "$file:$line: $room may not include $target"
        fi
    done
}

expect_caught() { # FILE INCLUDE: planted in a scratch tree
    local scratch found
    scratch=$(mktemp -d)
    mkdir -p "$scratch"/{src/{base,math,nn,train,io,image},cnn,datasets,captioner,tools,tests}
    touch "$scratch"/{src/{base,math,nn,train,io,image},cnn,datasets,captioner,tools,tests}/x.h
    printf '#include "%s"\n' "$2" >"$scratch/$1"
    found=$(bad_includes "$scratch")
    rm -r "$scratch"
    if [ "${3:-caught}" = caught ] && [ -z "$found" ]; then echo "self-test: $1 may include $2 unnoticed" && exit 1; fi
    if [ "${3:-caught}" = allowed ] && [ -n "$found" ]; then echo "self-test: $1 may not include $2" && exit 1; fi
}

root=${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
expect_caught src/base/a.c src/math/x.h
expect_caught src/nn/a.c src/train/x.h
expect_caught src/io/a.h src/math/x.h
expect_caught src/io/a.h src/image/x.h
expect_caught src/train/a.h cnn/x.h
expect_caught cnn/a.c datasets/x.h
expect_caught datasets/a.c cnn/x.h
expect_caught cnn/a.c captioner/x.h
expect_caught captioner/a.c tools/x.h
expect_caught tools/a.c tests/x.h
expect_caught cnn/a.c x.h
expect_caught cnn/a.c ../src/base/x.h
expect_caught tools/a.c captioner/x.h allowed
expect_caught src/train/a.c src/io/x.h allowed
expect_caught src/image/a.c src/io/x.h allowed
expect_caught tests/a.c tools/x.h allowed

found=$(bad_includes "$root")
if [ -n "$found" ]; then
    printf '%s\n' "$found"
    exit 1
fi
