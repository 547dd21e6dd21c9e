#!/usr/bin/env bash
# kills.sh PROGRAM MODELS PHOTOS [ROUNDS]: kills small runs at random moments (SIGKILL, nothing can be tidied up) and
# lets the next ones go on. What is there at the end must be what a run has that was never disturbed, to the bit:
#
#   train --resume     model, state and log (but for how long an epoch took, and the command line)
#   --overlay-dir      every picture; at any moment those that are there are whole
set -euo pipefail
program=$(readlink -f "$1")
models=$(readlink -f "$2")
photos=$(readlink -f "$3")
rounds=${4:-100}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
RANDOM=7

# In place of the shell that calls it, so that a signal meets the program itself: call it in a subshell.
train() { # FOLDER [--resume]
    local out=$1
    shift
    exec "$program" train --pairs pairs.tsv --level char --embedding 8 --hidden 16 --attention 8 --batch 16 --epochs 5 \
        --threads 1 --out "$out/m" "$@" 2>"$out.err"
}

overlay() { # FOLDER
    exec "$program" --threads 1 --model "$models/random_sigmoid.safetensors" --overlay-dir "$1" ./*.jpg >"$1.out" 2>"$1.err"
}

# What must be the same: tensors and description of the model, the state, the log.
essence() { # FOLDER
    local header
    header=$(od -An -tu8 -N8 "$1/m")
    tail -c +$((header + 9)) "$1/m" | sha256sum
    "$program" info --json "$1/m" | sed -E 's/"(path|command)":"[^"]*"//g; s/"file_bytes":[0-9]+//'
    sha256sum <"$1/m.state"
    sed -E 's/"(seconds|[a-z]+_per_second)":[0-9.e+-]+//g' "$1/m.log.jsonl"
}

now_ms() {
    date +%s%3N
}

# Runs a command in the background and kills it somewhere within MS milliseconds and a fifth. True: it was killed.
kill_within() { # MS COMMAND...
    local wait=$(((RANDOM * 32768 + RANDOM) % ($1 * 6 / 5 + 1))) child verdict=0
    shift
    "$@" &
    child=$!
    sleep "$((wait / 1000)).$(printf %03d $((wait % 1000)))"
    kill -KILL "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || verdict=$?
    [ "$verdict" = 137 ]
}

fail() {
    echo "kills: round $round: $*"
    exit 1
}

how_to_go_on() { # FOLDER: with the state, or anew when none was saved
    if [ -e "$1/m.state" ]; then echo --resume; elif [ -e "$1/m" ] || [ -e "$1/m.log.jsonl" ]; then echo --force; fi
}

train_round() { # MS
    local killed=0
    rm -rf t && mkdir t
    # shellcheck disable=SC2046 # nothing or a word
    while [ $killed -lt 3 ] && kill_within "$1" train t $(how_to_go_on t); do killed=$((killed + 1)); done
    kills=$((kills + killed))
    # shellcheck disable=SC2046
    if [ $killed = 3 ]; then (train t $(how_to_go_on t)) || fail "$(tail -n 1 t.err)"; fi
    diff <(essence whole) <(essence t) || fail "another result after $killed kills"
    if compgen -G 't/*.tmp' >/dev/null; then fail "left over: $(ls t)"; fi
}

overlay_round() { # MS
    local picture
    rm -rf o && mkdir o
    if kill_within "$1" overlay o; then kills=$((kills + 1)); fi
    for picture in o/*.png; do
        [ ! -e "$picture" ] || cmp "$picture" "pictures/${picture#o/}" || fail "half a picture"
    done
    (overlay o) || fail "$(tail -n 1 o.err)"
    diff -r o pictures || fail "other pictures"
    cmp o.out pictures.out || fail "other captions"
}

for ((i = 0; i < 240; i++)); do
    printf '%d apples, %d pears\t%d-%d\n' $((i * 7 % 31)) $((i * 5 % 17)) $((i * 7 % 31)) $((i * 5 % 17))
done >pairs.tsv
for ((i = 0; i < 4; i++)); do cp "$photos/baseline_420.jpg" "a$i.jpg" && cp "$photos/progressive.jpg" "b$i.jpg"; done
mkdir whole pictures
start=$(now_ms) kills=0 round=0
(train whole) || fail "$(tail -n 1 whole.err)"
train_ms=$(($(now_ms) - start))
start=$(now_ms)
(overlay pictures) || fail "$(tail -n 1 pictures.err)"
overlay_ms=$(($(now_ms) - start))
for ((round = 1; round <= rounds; round++)); do train_round "$train_ms"; done
echo "train --resume: $rounds rounds, $kills kills, no difference"
kills=0
for ((round = 1; round <= rounds; round++)); do overlay_round "$overlay_ms"; done
echo "--overlay-dir: $rounds rounds, $kills kills, no difference"
