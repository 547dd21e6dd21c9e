# What tools/make_builtin.sh and tools/make_free.sh share. Sourced with `data`, the folder of the data, and `folder`,
# in which everything is made, set. A step that is there already is not made again, one that was interrupted goes on.
# shellcheck shell=sh disable=SC2154

# The program, and links to the NAMES of DATA in FOLDER, which becomes the current one, so that the record of a model
# has no path of the machine in it.
begin() { # NAMES...
	data=$(cd "$data" && pwd)
	caption=${CAPTION:-build/release/caption}
	caption=$(cd "$(dirname "$caption")" && pwd)/$(basename "$caption")
	mkdir -p "$folder"
	cd "$folder" || exit
	for name; do ln -sfn "$data/$name" "$name"; done
}

# Runs a training unless its result is complete; goes on where one was interrupted.
learn() { # OUT OPTIONS...
	out=$1
	shift
	[ ! -e "$out.done" ] || return 0
	resume=
	[ ! -e "$out.state" ] || resume=--resume
	"$caption" train "$@" --out "$out" $resume
	: >"$out.done"
}

# To be small, with SHARPNESS as the factor on its logits (0: its own), and to know how far it may be trusted, by photos
# with captions.
finish() { # MODEL OUT SHARPNESS SETS...
	"$caption" info "$1" --export small.safetensors --store i8 --sharpness "$3" --force
	rm -f "$2"
	out=$2
	shift 3
	"$caption" calibrate --model small.safetensors "$@" --out "$out"
}
