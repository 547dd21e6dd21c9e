"""Makes tests/golden/bleu: lines, their 13a tokens, and corpus BLEU, written from the definitions in
Papineni et al. 2002 and Post 2018 with regular expressions and Counters, and no other tool.

    python3 bleu.py FOLDER          hyp.txt ref_a.txt ref_b.txt far.txt tokens.txt (of hyp.txt) scores.txt
"""
import math
import random
import re
import sys
from collections import Counter

RULES = [(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])", r" \1 "), (r"([^0-9])([\.,])", r"\1 \2 "),
         (r"([\.,])([^0-9])", r" \1 \2"), (r"([0-9])(-)", r"\1 \2 ")]
PIECES = ["a", "dog", "The", "runs", "cat", "on", "mat", "1,000", "3.14", "5-6", "t-shirt", "it's", "U.S.", "caf\u00e9",
          "\u00a0", "\u3000", "-", "--", ".", ",", "...", "?!", "(x)", "&amp;", "&quot;", "&amp;lt;", "&lt;", "<skipped>",
          "$5", "50%", "a/b", "x_y", "10:30", ".5", "5.", ",,", "1.,2", "\u201cq\u201d", "'", "`", "~", "\u00e9.", ".\u00e9,", "a.b"]


def tokens(line):
    line = line.replace("<skipped>", "")
    for entity, char in (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")):
        line = line.replace(entity, char)
    line = f" {line.rstrip()} "
    for rule, form in RULES:
        line = re.sub(rule, form, line)
    return line.split()


def grams(words, n):
    return Counter(tuple(words[i:i + n]) for i in range(len(words) - n + 1))


def bleu(hyps, refs):
    correct, total, lh, lr = [0] * 4, [0] * 4, 0, 0
    for h, rs in zip(hyps, refs):
        h, rs = tokens(h), [tokens(r) for r in rs if r]
        lh += len(h)
        lr += min((abs(len(h) - len(r)), len(r)) for r in rs)[1]
        for n in range(4):
            best = Counter()
            for r in rs:
                best |= grams(r, n + 1)
            total[n] += max(0, len(h) - n)
            correct[n] += sum((grams(h, n + 1) & best).values())
    brevity = 1.0 if lh >= lr else math.exp(1 - lr / lh)
    if not any(correct) or not all(total):
        return 0.0
    zeros, logs = 0, 0.0
    for c, t in zip(correct, total):
        zeros += c == 0
        logs += math.log(c / t if c else 0.5 ** zeros / t) / 4
    return 100 * brevity * math.exp(logs)


def sentence(draw):
    return "".join(draw.choice(PIECES) + draw.choice(["", " ", " ", "  "]) for _ in range(draw.randint(1, 14))).strip(" ") or "a"


def altered(draw, line):
    words = line.split(" ")
    for _ in range(draw.randint(0, 3)):
        i = draw.randrange(len(words))
        words[i:i + draw.randint(0, 2)] = [draw.choice(PIECES)]
    return " ".join(words).strip() or "a"


def main(folder):
    draw = random.Random(3)
    a = [sentence(draw) for _ in range(120)]
    b = ["" if i % 5 == 0 else altered(draw, x) for i, x in enumerate(a)]
    hyps = [x if i % 7 == 0 else altered(draw, x) for i, x in enumerate(a)]
    far = ["zzz " * 5 + x.split(" ")[0] for x in a]
    for name, lines in (("hyp", hyps), ("ref_a", a), ("ref_b", b), ("far", far),
                        ("tokens", [" ".join(tokens(x)) for x in hyps])):
        with open(f"{folder}/{name}.txt", "w", encoding="utf-8", newline="\n") as f:
            f.writelines(x + "\n" for x in lines)
    one, two = [[x] for x in a], list(zip(a, b))
    with open(f"{folder}/scores.txt", "w", encoding="utf-8") as f:
        for name, hyp, refs in (("one", hyps, one), ("two", hyps, two), ("far", far, one)):
            f.write(f"{name} {bleu(hyp, refs):.9f}\n")


main(sys.argv[1])
