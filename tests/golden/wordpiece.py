#!/usr/bin/python3
"""Golden pieces of WordPiece, from BertTokenizer of the package transformers: writes wordpiece.json beside this file.

The vocabulary is made here: the special pieces, letters, digits and marks that begin and that continue a word, and a few longer
pieces, so that most words fall into several. `plain` are lines that a build without utf8proc must read alike.
Made with transformers 4.37.2 and Python 3.11 (Unicode 14):  pip install transformers==4.37.2; python wordpiece.py
"""
import json
import os
import tempfile
import unicodedata

from transformers import BertTokenizer

WORDS = "the dog ##og un ##aff ##able runs ##ing ##s 's don ca ##fe na ##ive 10 30 stra ##sse sigma [unused1] hello wor ##ld".split()
LETTERS = [chr(c) for c in range(0x21, 0x7F)] + list("äöüéßñøłđσςαωжийёъ漢字世界かなカａ１¿—…“”’«»§¡。、！·℃€")
JAMO = [chr(c) for r in ((0x1100, 0x1113), (0x1161, 0x1176), (0x11A8, 0x11C3)) for c in range(*r)]
PLAIN = ["The dog runs.", "unaffable", "  tabs\tand   blanks  ", "", " ", "Don't you?! (10:30) a$b^c`d~e|f", "the [MASK] runs [SEP] [mask] x[PAD]y",
         "Café naïve ÄÖÜ Straße Łódź ŠŽ", "CAFE\u0301", "a" * 100 + " " + "a" * 101 + " dog", "한글 값 강아지", "soft\u00adhyphen zero\u200bwidth no\u00a0break",
         "«¿Qué?» — “so” …", "bell\u0007 del\u007f \ufffd dog", "漢字dog世界。", "[unused1] [UNK]dog"]
FULL = ["ΣΊΓΜΑ ὈΔΎ", "ЖИЙЁ ёж Ъ", "İ I ı", "Å Ω K ﬁ ½", "ａ１Ａ！ ℃ €", "カナ ガ が", "हिन्दी ภาษา עִבְרִית", "豈 更 かな", "😀 👨\u200d👩 ♥\ufe0f",
        "line\u2028sep ideographic\u3000space", "e\u0323\u0301 q\u0307", "ǅ Ǆ ŉ"]

here = os.path.dirname(os.path.abspath(__file__))
seen = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
for piece in WORDS + LETTERS + ["##" + c for c in LETTERS] + JAMO + ["##" + c for c in JAMO]:
    for p in (piece, unicodedata.normalize("NFD", piece)):
        if p not in seen and not any(unicodedata.category(c) == "Mn" for c in p):
            seen.append(p)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "vocab.txt")
    with open(path, "w") as f:
        f.write("".join(p + "\n" for p in seen))
    tokenizers = {lower: BertTokenizer(path, do_lower_case=lower) for lower in (True, False)}
lines = [{"line": line, "plain": line in PLAIN, "lower": tokenizers[True](line)["input_ids"], "cased": tokenizers[False](line)["input_ids"]}
         for line in PLAIN + FULL]
with open(os.path.join(here, "wordpiece.json"), "w") as f:
    f.write('{"vocabulary": ' + json.dumps(seen, ensure_ascii=False) + ',\n"lines": [\n')
    f.write(",\n".join(json.dumps(x, ensure_ascii=False) for x in lines) + "\n]}\n")
