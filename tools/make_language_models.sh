#!/bin/sh
# Makes language models of captions, from a Markov chain to a Transformer, and measures them on captions held out.
#
#     tools/make_language_models.sh CAPTIONS.tsv FOLDER [KIND...]        CAPTION=build/release/caption unless set
#
# CAPTIONS.tsv has a caption a line: number of its photo, tab, anything, tab, caption. Those of photos whose number
# leaves 3 when divided by 18 are held out, so that no photo is on both sides. Everything is made in FOLDER; a model that
# is there already is not made again, and one whose training was interrupted goes on. KIND: markov, ngram, lstm,
# transformer; all of them if none is named. The first two take seconds, the others hours for their EPOCHS (6 unless
# set). Prints a line for each model; what came out is told in captioner/RESULTS.md.
set -eu

[ $# -ge 2 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
captions=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
: "${CAPTION:=build/release/caption}"
caption=$(cd "$(dirname "$CAPTION")" && pwd)/$(basename "$CAPTION")
mkdir -p "$2"
cd "$2"
shift 2
epochs=${EPOCHS:-6}
[ $# -gt 0 ] || set -- markov ngram lstm transformer

[ -e train.txt ] || {
	awk -F'\t' '$1 % 18 == 3 { print $3 }' "$captions" >held.txt
	awk -F'\t' '$1 % 18 != 3 { print $3 }' "$captions" >train.part && mv train.part train.txt
}

# Trains a model unless it is complete, and measures it.
make_model() { # NAME OPTION...
	out=$1.safetensors
	shift
	resume=
	[ ! -e "$out.state" ] || resume=--resume
	[ -e "$out.done" ] || "$caption" train --text train.txt --out "$out" "$@" $resume
	: >"$out.done"
	"$caption" eval --model "$out" --text held.txt --quiet --json | sed "s/^/$out /"
}

for kind; do
	case $kind in
	markov) for n in 1 2 3; do make_model "markov$n" --model "ngram:$n" --smoothing none; done ;;
	ngram) for n in 1 2 3 4 5 6; do make_model "ngram$n" --model "ngram:$n"; done ;;
	lstm)
		make_model lstm --model lstm --embedding 128 --hidden 512 --dropout 0.1 --batch 64 --rate 3e-3 --val-share 0.01 \
			--epochs "$epochs"
		;;
	transformer)
		make_model transformer --model transformer --hidden 256 --layers 4 --heads 4 --feed-forward 1024 --dropout 0.1 \
			--batch 64 --rate 1e-3 --warmup 0.1 --val-share 0.01 --epochs "$epochs"
		;;
	*)
		echo "there is no kind '$kind' of language model: markov, ngram, lstm or transformer" >&2
		exit 2
		;;
	esac
done
