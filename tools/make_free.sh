#!/bin/sh
# Makes a model that may be used for anything: learns it from captions without photos and a detector's weights.
#
#     tools/make_free.sh DATA FOLDER           CAPTION=build/release/caption unless set
#
# DATA holds text/ with COCO's captions (CC BY 4.0), weights/ with YOLOX-nano (Apache-2.0), and coco_more/ and coco_mini/
# (photos in images/, captions in the form of COCO): by the photos of the first it is measured what the detector sees of
# things that captions name, by those of the second the model is judged and its confidence fitted; no weight of the
# networks is learnt from either. Everything is made in FOLDER; a step that is there already is not made again, one that
# was interrupted goes on. The result is FOLDER/free.safetensors, in a quarter of an hour on two cores of an AMD EPYC with
# AVX-512. Seeds are the default, 1. What came out is told in captioner/RESULTS.md.
set -eu

[ $# = 2 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
data=$1 folder=$2
# shellcheck source=tools/make_model.sh
. "$(dirname "$0")/make_model.sh"
begin coco_more coco_mini text weights

licence='may be used for anything, also commercially, if this notice stays with it: learnt from the captions of COCO
(CC BY 4.0; Lin et al. 2014, Chen et al. 2015, cocodataset.org), with the weights of YOLOX-nano (Megvii, Apache-2.0) as
its detector; no photo was learnt from, by 183 of COCO it was measured what the detector sees and how far the model may
be trusted'
licence=$(printf %s "$licence" | tr '\n' ' ')

photos='--captions coco_more/captions_train.json --images coco_more/images --times 0'
only='--captions-only text/coco_captions.tsv'
judged='--val coco_mini/captions_train.json --val-images coco_mini/images --scored 0'

# The lists of options are cut into words on purpose.
# shellcheck disable=SC2086
{
	# To speak of what a detector would name.
	learn speaking.safetensors $photos $only $judged --encoder none --namers objects \
		--detector weights/yolox_nano.safetensors --attend output --heads 8 --glance 256 --per-image 3 --batch 72 \
		--rate 1.5e-3 --dropout 0.4 --min-count 10 --epochs 1 --licence "$licence"

	# To say what people say.
	learn critical.safetensors $photos $only $judged --self-critical --init speaking.safetensors --min-count 10 \
		--fall linear --rate 2e-5 --average 0.998 --batch 200 --epochs 1 --licence "$licence"
}

finish critical.safetensors free.safetensors 1.5 --captions coco_mini/captions_train.json --images coco_mini/images
