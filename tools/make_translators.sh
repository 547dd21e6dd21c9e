#!/bin/sh
# Makes translators, from one that remembers a source as a single vector to a Transformer, and measures them.
#
#     tools/make_translators.sh DATA FOLDER [TASK [KIND...]]       CAPTION=build/release/caption unless set
#
# DATA holds dates_train.txt (Saito's data set of dates) and multi30k_{train,val}.{en,de}. TASK: dates or multi30k; both
# if none is named. KIND: plain (a fixed vector), peeky (the same one seen at every word), dot, additive, sigmoid (what
# attention matches by), deep (as GNMT: several layers, both directions, residual), transformer; all if none is named.
# Everything is made in FOLDER; a model that is there already is not made again, and one whose training was interrupted
# goes on. On two cores an epoch takes a minute for dates and two to ten for sentences; EPOCHS (6 and 12 unless set) says
# how many. Prints for each model what every epoch had on pairs that were held out; what came out is told in
# captioner/RESULTS.md.
set -eu

[ $# -ge 2 ] || { sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2; }
data=$(cd "$1" && pwd)
: "${CAPTION:=build/release/caption}"
caption=$(cd "$(dirname "$CAPTION")" && pwd)/$(basename "$CAPTION")
mkdir -p "$2"
cd "$2"
tasks=${3:-dates multi30k}
shift 2
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- plain peeky dot additive sigmoid deep transformer

# Trains a model unless it is complete; its log has a line an epoch.
make_model() { # NAME OPTION...
	out=$1.safetensors
	shift
	resume=
	[ ! -e "$out.state" ] || resume=--resume
	[ -e "$out.done" ] || "$caption" train --out "$out" "$@" $resume
	: >"$out.done"
	sed -n 's/^{"epoch":\([0-9]*\).*"bleu":\([0-9.]*\),"exact":\([0-9.]*\).*/'"$out"' epoch \1, BLEU \2, exact \3/p' "$out.log.jsonl"
}

# The textbook's sizes: embedding 16, hidden 256, one direction.
dates() { # KIND
	transformer="--encoder transformer --decoder transformer --hidden 128 --layers 2 --feed-forward 256 --rate 0.001"
	small="--embedding 16 --encoder-direction uni"
	case $1 in
	plain) how="$small --match none --start copy" ;;
	peeky) how="$small --match none --start copy --reverse --peek" ;;
	dot | additive | sigmoid) how="$small --match $1" ;;
	deep) how="--embedding 16 --encoder-direction bi --layers 3 --residual --match dot" ;;
	transformer) how=$transformer ;;
	*) unknown "$1" ;;
	esac
	# The options of a kind are cut into words on purpose.
	# shellcheck disable=SC2086
	make_model "dates_$1" --pairs "$data/dates_train.txt" --format dates --level char --val-share 0.11111 --dropout 0 \
		--label-smoothing 0 --epochs "${EPOCHS:-6}" $how
}

multi30k() { # KIND
	lstm="--hidden 384 --dropout 0.35 --rate 0.0015"
	case $1 in
	plain) how="$lstm --match none --start last" ;;
	peeky) how="$lstm --match none --start last --peek" ;;
	dot | additive | sigmoid) how="$lstm --match $1" ;;
	deep) how="$lstm --layers 2 --residual --match general" ;;
	transformer)
		how="--encoder transformer --decoder transformer --hidden 256 --heads 4 --layers 3 --feed-forward 1024 --dropout 0.2"
		how="$how --rate 0.001 --warmup 0.1"
		;;
	*) unknown "$1" ;;
	esac
	# shellcheck disable=SC2086
	make_model "multi30k_$1" --source "$data/multi30k_train.en" --target "$data/multi30k_train.de" \
		--val-source "$data/multi30k_val.en" --val-target "$data/multi30k_val.de" --level bpe:8000 --beam 5 \
		--epochs "${EPOCHS:-12}" $how
}

unknown() { # KIND
	echo "there is no kind '$1' of translator: plain, peeky, dot, additive, sigmoid, deep or transformer" >&2
	exit 2
}

for task in $tasks; do
	case $task in
	dates) for kind; do dates "$kind"; done ;;
	multi30k) for kind; do multi30k "$kind"; done ;;
	*)
		echo "there is no task '$task': dates or multi30k" >&2
		exit 2
		;;
	esac
done
