#!/usr/bin/env bash
# exiftool.sh PROGRAM MODELS: captions are written into photos and beside them, and exiftool reads them: every field says
# the same, what was there before is there still, and the picture is the same byte for byte. Skipped without exiftool.
set -euo pipefail
if ! command -v exiftool >/dev/null; then
    echo "skipped: exiftool is not installed (Debian: libimage-exiftool-perl)"
    exit 77
fi
program=$(readlink -f "$1")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
model=$(readlink -f "$2")/random_named.safetensors
if ! "$program" --version | grep -q '^  expat *[0-9]'; then
    echo "skipped: this build has no expat"
    exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

fail() {
    echo "$1"
    exit 1
}
say() { # FILE TAG...: the values, a line each
    exiftool -s3 -f "${@:2}" "$1"
}
expect() { # FILE TAG VALUE
    local found
    found=$(say "$1" "-$2")
    if [ "$found" != "$3" ]; then fail "$1: $2 is '$found', not '$3'"; fi
}
write() { "$program" --model "$model" --write-metadata --keywords 2 "$@"; }
# All that exiftool finds but what is ours to change, and what changes with it.
others() {
    exiftool -a -G1 -s -e -x File:all -x System:all -x IFD0:ImageDescription -x IPTC:Caption-Abstract -x IPTC:Keywords \
        -x IPTC:ApplicationRecordVersion -x IPTC:CodedCharacterSet -x Photoshop:IPTCDigest \
        -x XMP-dc:Description -x XMP-dc:Subject -x XMP-iptcCore:AltTextAccessibility \
        -x XMP-caption:all -x ExifTool:all -x RIFF:all "$1" | grep -v 'Composite\|MPImage\|ThumbnailImage '
}
# What is left without metadata, and what the program sees in it.
picture() {
    case $1 in *.jpg | *.png) exiftool -q -all= --icc_profile:all -o - "$1" | md5sum ;; esac
    "$program" --model "$model" --json --attention "$1" | sed 's/"path":"[^"]*",//'
}

cp "$here"/photos/coffee.jpg "$here"/images/{exif_6,icc_p3,cmyk_adobe,progressive}.jpg .
cp "$here"/images/{cicp_p3,exif_6_png,exif_text_exif,rgba}.png "$here"/images/{alpha,animated,exif_8_webp,lossless,lossy}.webp .
cp coffee.jpg theirs.jpg
exiftool -q -overwrite_original -EXIF:Make=Maker -EXIF:Artist="J. Doe" -IPTC:City=K$'\xc3\xb6'ln -XMP-dc:Title-de=Kaffee -XMP-xmp:Rating=4 theirs.jpg
files=(*.jpg *.png)
if "$program" --version | grep -q '^  libwebp *[0-9]'; then files+=(*.webp); fi

for file in "${files[@]}"; do
    cp "$file" new_"$file"
    touch -d 2001-02-03T04:05:06 new_"$file"
    write --keep-times new_"$file" || fail "$file: not written"
    if [ "$(stat -c %Y new_"$file")" != "$(date -d 2001-02-03T04:05:06 +%s)" ]; then fail "$file: another time"; fi
    said=$(say new_"$file" -XMP-dc:Description)
    case $said in ?*) ;; *) fail "$file: no description" ;; esac
    case $file in exif_text_*) ;; *) expect new_"$file" IFD0:ImageDescription "$said" ;; esac # a second EXIF would hide the first
    case $file in *.jpg) expect new_"$file" IPTC:Caption-Abstract "$said" ;; esac
    case $file in *.jpg) expect new_"$file" IPTCDigest "$(say new_"$file" -CurrentIPTCDigest)" ;; esac
    case $(say new_"$file" -XMP-iptcCore:AltTextAccessibility) in [A-Z]*.) ;; *) fail "$file: no alternative text" ;; esac
    expect new_"$file" XMP-caption:CaptionDescription "$said"
    expect new_"$file" XMP-caption:CaptionModel random_named.safetensors
    expect new_"$file" XMP-caption:CaptionKeywords "$(say new_"$file" -XMP-dc:Subject)"
    others "$file" >old.txt || true
    others new_"$file" >new.txt || true
    diff old.txt new.txt || fail "$file: something else has changed"
    if [ "$(picture "$file")" != "$(picture new_"$file")" ]; then fail "$file: another picture"; fi
    exiftool -validate -warning -a new_"$file" | grep -iv 'Validate \|Missing required\|non-standard\|MINOR' >warned.txt || true
    exiftool -validate -warning -a "$file" | grep -iv 'Validate \|Missing required\|non-standard\|MINOR' >warned_before.txt || true
    diff warned_before.txt warned.txt || fail "$file: exiftool warns"
    # it says that already, and then it does not matter who asks
    cp new_"$file" again.bin
    write --existing replace-ours new_"$file" || fail "$file: not written again"
    cmp again.bin new_"$file" || fail "$file: written again though nothing is new"
done

# What a person writes stays, whatever the program by which it was written, until all is to be replaced.
exiftool -q -overwrite_original -MWG:Description="Grandma's coffee" new_coffee.jpg
write --existing replace-ours new_coffee.jpg
expect new_coffee.jpg MWG:Description "Grandma's coffee"
write --existing replace new_coffee.jpg
expect new_coffee.jpg MWG:Description "$(say new_theirs.jpg -MWG:Description)"

# Beside the photo: what others wrote there stays.
"$program" --model "$model" --sidecar xmp coffee.jpg
cmp coffee.jpg "$here/photos/coffee.jpg" || fail "the photo of a sidecar has changed"
expect coffee.jpg.xmp XMP-dc:Description "$(say new_theirs.jpg -MWG:Description)"
exiftool -q -overwrite_original -XMP-xmp:Rating=5 -XMP-dc:Description="mine" coffee.jpg.xmp
"$program" --model "$model" --sidecar xmp --existing replace-ours --keywords 2 coffee.jpg
expect coffee.jpg.xmp XMP-dc:Description mine
expect coffee.jpg.xmp XMP-xmp:Rating 5
expect coffee.jpg.xmp XMP-dc:Subject "$(say new_theirs.jpg -XMP-dc:Subject)"
echo "${#files[@]} photos, as exiftool sees them"
