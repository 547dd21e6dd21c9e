#!/bin/sh
# Makes the model inside the program: learns it from photos, captions and imported weights.
#
#     tools/make_builtin.sh DATA FOLDER           CAPTION=build/release/caption unless set
#
# DATA holds flickr8k/, coco_more/, coco_mini/ (photos in images/, captions in the form of COCO), text/ with captions
# without photos, and weights/ with EfficientNet-Lite2 and YOLOX-nano. Everything is made in FOLDER, which takes 3 GB for
# features that are kept; a step that is there already is not made again, one that was interrupted goes on. The result
# is FOLDER/builtin.safetensors. Two cores of an AMD EPYC with AVX-512 take about an hour and a half. Seeds are the
# default, 1. What came out, and what else was tried, is told in captioner/RESULTS.md.
set -eu

[ $# = 2 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
data=$1 folder=$2
tools=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/make_model.sh
. "$(dirname "$0")/make_model.sh"
begin flickr8k coco_more coco_mini text weights

licence='for research and non-commercial use: trained on Flickr8k (Hodosh, Young, Hockenmaier 2013; research and
education only) and on captions and photos of COCO (captions CC BY 4.0, Lin et al. 2014, Chen et al. 2015,
cocodataset.org), from weights of EfficientNet-Lite2 (Google, Apache-2.0) and YOLOX-nano (Megvii, Apache-2.0)'
licence=$(printf %s "$licence" | tr '\n' ' ')

photos='--captions flickr8k/captions_train.json --images flickr8k/images'
more='--style flickr8k --captions coco_more/captions_train.json --images coco_more/images --times 6 --style coco'
judged='--val flickr8k/captions_val.json --val-images flickr8k/images'
also='--val coco_mini/captions_train.json --val-images coco_mini/images'
only='--captions-only text/coco_captions.tsv --captions-only-style coco'

# The lists of options are cut into words on purpose.
# shellcheck disable=SC2086
{
	# To see: the backbone, along with a decoder that is thrown away.
	learn seeing.safetensors $photos $judged --encoder weights/efficientnet_lite2.safetensors --size 224 \
		--tune-encoder --encoder-factor 0.15 --dropout 0.4 --attend output --heads 8 --average 0.998 --epochs 14 \
		--batch 100

	# To speak, of regions and of what is named, with and without photos, and of altered copies of the photos.
	[ -e flickr8k_2/captions_train.json ] && [ -e coco_more_2/captions_train.json ] ||
		python3 "$tools/make_copies.py" coco_more flickr8k
	copies=
	for k in 0 1 2; do
		copies="$copies --captions flickr8k_$k/captions_train.json --images flickr8k_$k/images --style flickr8k"
		copies="$copies --captions coco_more_$k/captions_train.json --images coco_more_$k/images --times 6 --style coco"
	done
	learn speaking.safetensors $photos $more $copies $judged $also $only --encoder seeing.safetensors \
		--namers objects,words --detector weights/yolox_nano.safetensors --detector-size 320 --attend output --heads 8 \
		--glance 256 --softmax each --per-image 5 --batch 80 --only-groups 32 --dropout 0.4 --min-count 10 \
		--average 0.998 --epochs 4 --guide 0.1 --hide-regions 0.15 --best-by loss --cache .

	# To say what people say.
	learn critical.safetensors $photos $more $judged $also $only --self-critical --init speaking.safetensors \
		--min-count 10 --naming 0.5 --cross-entropy 0.2 --label-smoothing 0.1 --hide-regions 0.25 --fall linear \
		--rate 2e-5 --average 0.998 --epochs 4 --cache . --licence "$licence"
}

finish critical.safetensors builtin.safetensors 1.5 --captions flickr8k/captions_val.json --images flickr8k/images \
	--captions coco_mini/captions_train.json --images coco_mini/images
