#!/usr/bin/env bash
# install.sh BUILD CMAKE CC [FLAGS...]: installs a build into a scratch folder, moves it, and compiles tests/install/example.c
# against it as a stranger would: strictly standard C, pkg-config, nothing of the source tree. The example and the
# installed program must then say the same.
set -euo pipefail
build=$(readlink -f "$1") cmake=$2 cc=$3
shift 3
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export LSAN_OPTIONS=suppressions=$tests/leaks.txt:print_suppressions=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$cmake" --install "$build" --prefix "$scratch/first" >"$scratch/log" || { cat "$scratch/log" && exit 1; }
mv "$scratch/first" "$scratch/moved"
pc=$(find "$scratch/moved" -name caption.pc -printf '%h\n')
example=$(find "$scratch/moved" -name example.c)
page=$(find "$scratch/moved" -name caption.1)
[ -n "$pc" ] && [ -n "$example" ] && [ -s "$page" ] || { echo "not installed: caption.pc, example.c or caption.1" && exit 1; }

cd "$scratch"
# shellcheck disable=SC2046 # the words of pkg-config are options
PKG_CONFIG_PATH=$pc "$cc" -std=c11 -Wall -Wextra -Werror "$@" "$example" -o example \
    $(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs caption)

model=$build/tests/random_sigmoid.safetensors
for photo in "$tests"/photos/coffee.jpg "$tests"/photos/chelsea.jpg; do
    said=$(./example "$photo" "$model" 2>words)
    expected=$("$scratch/moved/bin/caption" --model "$model" "$photo")
    if [ "$said" != "$expected" ] || [ -z "$said" ]; then echo "'$said' instead of '$expected'" && exit 1; fi
    if [ "$(wc -l <words)" != "$(wc -w <<<"$said")" ]; then echo "not a line for each word:" && cat words && exit 1; fi
done
if ./example "$scratch/no.jpg" "$model" 2>reason; then echo "a missing photo is no error" && exit 1; fi
grep -q "^example: cannot read '.*no.jpg'" reason || { cat reason && exit 1; }
