#!/usr/bin/env bash
# install.sh BUILD CMAKE CC [FLAGS...]: installs a build into a scratch folder, moves it, and uses it as a stranger would,
# with nothing of the source tree: the examples in C (shared and static, by pkg-config and by CMake), C++ and Python. All
# of them and the installed program must say the same. The libraries show what begins with cap_, and nothing else.
set -euo pipefail
build=$(readlink -f "$1") cmake=$2 cc=$3
shift 3
flags=("$@")
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export LSAN_OPTIONS=suppressions=$tests/leaks.txt:print_suppressions=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() { # WHAT...
    printf '%s\n' "$*"
    exit 1
}

quietly() { # COMMAND...: what it says is worth reading only when it fails
    "$@" >"$scratch/log" 2>&1 || { cat "$scratch/log" && exit 1; }
}

quietly "$cmake" --install "$build" --prefix "$scratch/first"
mv "$scratch/first" "$scratch/moved"
cd "$scratch/moved"
PKG_CONFIG_PATH=$(find "$PWD" -name caption.pc -printf '%h\n')
libraries=$(find "$PWD" -name 'libcaption.so' -printf '%h\n')
examples=$(find "$PWD" -name example.c -printf '%h\n')
export PKG_CONFIG_PATH
for file in caption.pc libcaption.so libcaption.a example.c example.cpp example.py caption.1 captionConfig.cmake; do
    [ -s "$(find . -name $file)" ] || fail "not installed: $file"
done
headers=$(find . -name '*.h')
[ "$headers" = ./include/caption.h ] || fail "more headers than caption.h: $headers"

# ---- what the libraries show ----
shown() { # NM-OPTIONS FILE
    nm --defined-only "$@" | awk 'NF > 2 {print $3}' | sort
}
if [ ${#flags[@]} = 0 ]; then # sanitisers add symbols of their own
    for file in "-D $libraries/libcaption.so" "-g $libraries/libcaption.a"; do
        # shellcheck disable=SC2086 # an option and a file
        foreign=$(shown $file | grep -v '^cap_' || true)
        [ -z "$foreign" ] || fail "${file##*/} shows what does not begin with cap_:" "$foreign"
    done
    declared=$(grep -oE '\bcap_[a-z_]+\(' include/caption.h | tr -d '(' | sort -u | grep -xFf <(shown -D "$libraries/libcaption.so"))
    diff <(printf '%s\n' "$declared") <(shown -D "$libraries/libcaption.so") || fail "libcaption.so shows what is not in caption.h"
    diff <(shown -g "$libraries/libcaption.a") <(shown -D "$libraries/libcaption.so") || fail "the libraries differ in what they show"
fi

# ---- the examples ----
cd "$scratch"
strict=(-Wall -Wextra -Werror "${flags[@]}")
# shellcheck disable=SC2046 # the words of pkg-config are options
quietly "$cc" -std=c11 "${strict[@]}" "$examples/example.c" -o shared $(pkg-config --cflags --libs caption) "-Wl,-rpath,$libraries"
# shellcheck disable=SC2046
quietly "$cc" -std=c11 "${strict[@]}" "$examples/example.c" -o static \
    $(pkg-config --static --cflags --libs caption | sed 's/-lcaption/-l:libcaption.a/')
programs=(./shared ./static)

quietly "$cmake" -S "$tests/install" -B cmake -DCMAKE_PREFIX_PATH="$scratch/moved" -DCMAKE_C_COMPILER="$cc" \
    -DCMAKE_C_FLAGS="${flags[*]}" -DEXAMPLES="$examples"
quietly "$cmake" --build cmake
programs+=(cmake/example_caption cmake/example_static)
if [ ${#flags[@]} = 0 ] && command -v python3 >/dev/null; then # a sanitised library needs a sanitised program
    export CAPTION_LIBRARY=$libraries/libcaption.so
    programs+=("python3 $examples/example.py")
fi

model=$build/tests/random_sigmoid.safetensors
for photo in "$tests"/photos/coffee.jpg "$tests"/photos/chelsea.jpg; do
    expected=$(moved/bin/caption --model "$model" "$photo")
    for program in "${programs[@]}"; do
        said=$($program "$photo" "$model" 2>words) || fail "$program:" "$(cat words)"
        if [ "$said" != "$expected" ] || [ -z "$said" ]; then fail "$program: '$said' instead of '$expected'"; fi
        [ "$(wc -l <words)" = "$(wc -w <<<"$said")" ] || fail "$program: not a line for each word:" "$(cat words)"
    done
done
for program in "${programs[@]}"; do
    if $program "$scratch/no.jpg" "$model" 2>reason; then fail "$program: a missing photo is no error"; fi
    grep -q "^example: cannot read '.*no.jpg'" reason || fail "$program:" "$(cat reason)"
done

cxx=$(sed -E 's/clang(-[0-9]+)?$/clang++\1/; s/gcc(-[0-9]+)?$/g++\1/; s/(^|\/)cc$/\1c++/' <<<"$cc")
if command -v "$cxx" >/dev/null && [ "$cxx" != "$cc" ]; then
    # shellcheck disable=SC2046
    quietly "$cxx" -std=c++11 -pedantic "${strict[@]}" "$examples/example.cpp" -o plus $(pkg-config --cflags --libs caption) \
        "-Wl,-rpath,$libraries"
    ./plus "$tests/photos/coffee.jpg" "$model" dog >three 2>looked || fail "./plus:" "$(cat looked)"
    expected=$(moved/bin/caption --model "$model" --n-best 3 --avoid dog "$tests/photos/coffee.jpg" | cut -f4)
    [ "$(cat three)" = "$expected" ] || fail "./plus: '$(cat three)' instead of '$expected'"
    [ "$(wc -l <looked)" = "$(head -1 three | wc -w)" ] || fail "./plus: not a line for each word:" "$(cat looked)"
fi
