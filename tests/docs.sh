#!/usr/bin/env bash
# docs.sh [ROOT [PROGRAM]]: what the documents say is held against what there is. Every top-level folder has a README.md
# that names each folder in it, and every file or folder that README.md, CONTRIBUTING.md, those READMEs and the comments
# of C files name is there. Names with NAME or VERB in them stand for any; a `*` must match something. A name without a
# path is that of any file below the document. Options that documents name are options of a verb of PROGRAM, or of what
# else they tell of. Then plants documents in a scratch tree and wants the wrong ones found.
set -euo pipefail

folders=(src cnn datasets captioner tools tests CMake)
any_folder=$(IFS="|" && echo "${folders[*]}")
# What lies below these is data, or whole programs of others: their folders need no mention.
data="tests/cases tests/cli tests/golden tests/images tests/photos"

# A path that begins with a top-level folder, or the name of a source file; what a compiler is shown with is no name.
names_in() { # FILE
    sed -E 's/\bcc [a-z]+\.c\b//' "$1" | grep -oE '[A-Za-z0-9_*./+-]+' | sed -E 's/[.+-]+$//' |
        grep -E "^($any_folder)/|^[A-Za-z0-9_*/]+\.(c|h|inc|cmake|sh)\$" | sort -u || true
}

# Lines "FILE:NAME", one for each path that C files name anywhere.
names_in_code() { # ROOT
    (
        cd "$1"
        find "${folders[@]}" \( -name '*.c' -o -name '*.h' -o -name '*.inc' \) -print0 |
            xargs -0 -r grep -HoE "(^|[^A-Za-z0-9_./-])($any_folder)/[A-Za-z0-9_*./-]+" |
            sed -E 's/[.*-]+$//; s/:[^A-Za-z0-9]/:/' | sort -t: -k2 -u || true
    )
}

is_there() { # ROOT FOLDER NAME: datasets/vocab is datasets/vocab.h, and vocab.h is any of that name in the folder
    local root=$1 folder=$2 name=$3 at
    for at in "$root/$name" "$root/$name.h" "$root/$folder/$name" "$root/$folder/*/$name" "$root/$folder/*/*/$name"; do
        if compgen -G "$at" >/dev/null; then return 0; fi
    done
    return 1
}

options_in() { # of standard input
    grep -oE -- '(^|[^A-Za-z-])--[a-z][a-z-]*[a-z]' | grep -oE -- '--.*' | sort -u
}

# Those of the program, of the scripts, and of cmake and pkg-config.
known_options() { # ROOT PROGRAM
    local verb
    for verb in $("$2" --help | sed -n '/^Verbs/,$s/^  \([a-z]\{1,\}\) .*/\1/p'); do "$2" "$verb" --help; done
    "$2" train --decoder transformer --help
    "$2" train --classify FILE --help
    "$2" train --masked FILE --help
    cat "$1"/tools/check "$1"/tools/peers/compare.py "$1"/tools/peers/compare_lines.py
    echo --build --install --prefix --preset --cflags --libs --static
}

wrong_options() { # ROOT PROGRAM
    comm -23 <(cat "$1"/README.md "$1"/CONTRIBUTING.md "$1"/*/README.md | options_in) <(known_options "$@" | options_in) |
        sed 's/$/ is named by a document, and there is no such option/'
}

# Prints one line per fault; nothing when all is well.
faults() { # ROOT
    local folder name document inner
    for folder in "${folders[@]}"; do
        if [ ! -e "$1/$folder/README.md" ]; then
            echo "$folder has no README.md"
            continue
        fi
        while IFS= read -r inner; do
            [[ " $data " == *" $folder/$inner "* ]] || grep -qE "(^|[^A-Za-z0-9_])$inner/?([^A-Za-z0-9_]|\$)" "$1/$folder/README.md" ||
                echo "$folder/README.md does not name the folder '$inner'"
        done < <(find "$1/$folder" -mindepth 1 -maxdepth 1 -type d ! -name '.*' ! -name __pycache__ -printf '%f\n' | sort)
    done
    for document in README.md CONTRIBUTING.md "${folders[@]/%//README.md}"; do
        [ -e "$1/$document" ] || continue
        while IFS= read -r name; do
            [[ $name == *NAME* || $name == *VERB* ]] || is_there "$1" "$(dirname "$document")" "${name%/}" ||
                echo "$document names '$name', which is not there"
        done < <(names_in "$1/$document")
    done
    while IFS=: read -r document name; do
        [[ $name == *NAME* || $name == *VERB* ]] || is_there "$1" . "${name%/}" || compgen -G "$1/$name*" >/dev/null ||
            echo "$document names '$name', which is not there"
    done < <(names_in_code "$1")
}

expect() { # caught|allowed TEXT-OF-cnn/README.md [TEXT-OF-cnn/conv.c]
    local scratch folder found
    scratch=$(mktemp -d)
    for folder in "${folders[@]}"; do
        mkdir "$scratch/$folder"
        touch "$scratch/$folder/README.md"
    done
    mkdir "$scratch/cnn/room"
    touch "$scratch/cnn/room/pool.h"
    printf '%s\n' "${3:-}" >"$scratch/cnn/conv.c"
    printf '%s\n' "$2" >"$scratch/cnn/README.md"
    found=$(faults "$scratch")
    rm -r "$scratch"
    if [ "$1" = caught ] && [ -z "$found" ]; then echo "self-test: not noticed: $2" && exit 1; fi
    if [ "$1" = allowed ] && [ -n "$found" ]; then echo "self-test: wrongly found: $found" && exit 1; fi
}

root=${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
expect allowed 'Begin with conv.c, then room/pool.h; a new one is cnn/NAME.c. See cnn/*.c, pool.h and cnn/room/.'
expect caught 'The folder is not named: conv.c'
expect caught 'room has gone.c'
expect caught 'room, see src/gone'
expect caught 'room, see cnn/*_gone.c'
expect allowed room '/* As in cnn/room/pool.h, cnn/room/po*.h and tools/VERB.c. */'
expect caught room '/* As in cnn/room/gone.h. */'

found=$(faults "$root")
if [ $# -gt 1 ]; then found+=$(wrong_options "$root" "$2"); fi
if [ -n "$found" ]; then
    printf '%s\n' "$found"
    exit 1
fi
