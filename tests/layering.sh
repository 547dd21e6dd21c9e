#!/usr/bin/env bash
# layering.sh [ROOT]: a file may include its own room and lower ones, never a higher one, never a sibling; and no
# headers include each other in a circle. The public header includes nothing but the standard's headers, so every
# floor may include it. Reads the include lines of every .c and .h; then plants bad includes in a
# scratch tree and wants them found.
set -euo pipefail

# Room: the rooms it may include. tests/ may include anything and nothing includes it.
core="src/base src/math src/nn src/train src/io src/meta src/image"
below="$core cnn datasets"
rooms="captioner/net captioner/search captioner/score captioner/show captioner/train"
declare -A may_include=(
    [src/base]="src/base"
    [src/math]="src/base src/math"
    [src/nn]="src/base src/math src/nn"
    [src/train]="src/base src/math src/nn src/train src/io"
    [src/io]="src/base src/math src/io"
    [src/meta]="src/base src/meta"
    [src/image]="src/base src/io src/meta src/image"
    [cnn]="$core cnn"
    [datasets]="$core datasets"
    [captioner/net]="$below captioner/net"
    [captioner/search]="$below captioner/net captioner/search"
    [captioner/score]="$below captioner/net captioner/score"
    [captioner/show]="$below captioner/net captioner/search captioner/show"
    [captioner/train]="$below $rooms"
    [captioner]="$below $rooms captioner"
    [tools]="$below $rooms captioner tools"
    [tests]="$below $rooms captioner tools tests"
)

face=captioner/caption.h

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
        elif [ "$file" = "$face" ]; then
            echo "$file:$line: the public header stands alone; it may not include $target"
        elif [ ! -e "$1/$target" ]; then
            echo "$file:$line: '$target' is not there; includes are rooted at the top"
        elif [[ "$target" != "$face" && " ${may_include[$room]} " != *" $to "* ]]; then
            echo "$file:$line: $room may not include $target"
        fi
    done
}

# Prints what tsort says of a circle of headers; nothing when there is none.
circles() { # ROOT
    (
        cd "$1"
        find src cnn datasets captioner tools -name '*.h' -print0 |
            xargs -0 -r grep -HoE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]+' |
            sed -E 's/^([^:]*):[^"]*"/\1 /' | tsort 2>&1 >/dev/null || true
    )
}

expect_caught() { # FILE INCLUDE: planted in a scratch tree
    local scratch found
    scratch=$(mktemp -d)
    mkdir -p "$scratch"/{src/{base,math,nn,train,io,meta,image},cnn,datasets,captioner/{net,search,score,show,train},tools,tests}
    touch "$scratch"/{src/{base,math,nn,train,io,meta,image},cnn,datasets,captioner{,/net,/search,/score,/show,/train},tools,tests}/x.h
    touch "$scratch/$face"
    printf '#include "%s"\n' "$2" >"$scratch/$1"
    found=$(bad_includes "$scratch" && circles "$scratch")
    rm -r "$scratch"
    if [ "${3:-caught}" = caught ] && [ -z "$found" ]; then echo "self-test: $1 may include $2 unnoticed" && exit 1; fi
    if [ "${3:-caught}" = allowed ] && [ -n "$found" ]; then echo "self-test: $1 may not include $2" && exit 1; fi
}

root=${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
expect_caught src/base/a.c src/math/x.h
expect_caught src/nn/a.c src/train/x.h
expect_caught src/io/a.h src/nn/x.h
expect_caught src/io/a.h src/math/x.h allowed
expect_caught src/io/a.h src/image/x.h
expect_caught src/meta/a.c src/image/x.h
expect_caught src/meta/a.c src/io/x.h
expect_caught src/train/a.h cnn/x.h
expect_caught cnn/a.c datasets/x.h
expect_caught datasets/a.c cnn/x.h
expect_caught cnn/a.c captioner/x.h
expect_caught captioner/a.c tools/x.h
expect_caught captioner/net/a.c captioner/search/x.h
expect_caught captioner/search/a.c captioner/train/x.h
expect_caught captioner/score/a.c captioner/train/x.h
expect_caught captioner/train/a.c captioner/x.h
expect_caught tools/a.c tests/x.h
expect_caught cnn/a.c x.h
expect_caught cnn/a.c ../src/base/x.h
expect_caught captioner/caption.h src/base/x.h
expect_caught src/base/a.h captioner/caption.h allowed
expect_caught captioner/net/a.c captioner/caption.h allowed
expect_caught tools/a.c captioner/x.h allowed
expect_caught captioner/search/a.c captioner/net/x.h allowed
expect_caught captioner/train/a.c captioner/score/x.h allowed
expect_caught src/train/a.c src/io/x.h allowed
expect_caught src/image/a.c src/io/x.h allowed
expect_caught tests/a.c tools/x.h allowed

scratch=$(mktemp -d)
mkdir -p "$scratch"/{src,cnn,datasets,captioner,tools}
echo '#include "cnn/b.h"' >"$scratch/cnn/a.h"
echo '#include "cnn/a.h"' >"$scratch/cnn/b.h"
if [ -z "$(circles "$scratch")" ]; then echo "self-test: two headers may include each other unnoticed" && exit 1; fi
rm -r "$scratch"

found=$(bad_includes "$root" && circles "$root")
if [ -n "$found" ]; then
    printf '%s\n' "$found"
    exit 1
fi
