#!/usr/bin/python3
"""Golden probabilities of n-gram models, in exact fractions: writes ngram.json beside this file.

Interpolated modified Kneser-Ney, written down from Chen and Goodman 1998 (section 3, equation 26) with the conventions of
KenLM: a line is <s> w1 .. wn </s>; n-grams of the highest order and those that begin with <s> keep their counts, others count
the different words before them; every distribution is interpolated with the next shorter one and at last with 1 / (words,
<unk> and </s>); <s> is never predicted. Nothing is sorted, indexed or looked up by halves here: counts are dictionaries of
tuples, and a probability is the recursion as it stands in the paper. Without smoothing it is a quotient of counts, of the
longest known end of the context.

Where the counts of counts do not give discounts above 0 and at most i, they are 1/2, 1, 3/2 (KenLM: --discount_fallback).
"""
import json
import os
from collections import Counter, defaultdict
from fractions import Fraction

RARE = ("happily slowly quietly again alone together sideways upwards early late twice badly well outside inside below "
        "above everywhere somewhere backwards").split()
START, END, UNKNOWN = "<start>", "<end>", "<unk>"


def text(lines, seed):
    """Lines of a little grammar, drawn by a congruential generator, so that some words and pairs are frequent and some rare."""
    state = seed

    def draw(n):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % n

    def pick(words):
        return words[draw(len(words)) * draw(len(words)) // len(words)]

    out = []
    for _ in range(lines):
        line = [pick(["a", "the", "two", "some"])]
        if draw(3) == 0:
            line.append(pick(["brown", "big", "wet", "old", "red", "tiny"]))
        line.append(pick(["dog", "cat", "man", "woman", "horse", "boat", "kite", "llama"]))
        line.append(pick(["runs", "sits", "stands", "jumps", "sleeps", "flies"]))
        if draw(2) == 0:
            line += [pick(["on", "in", "near"]), "the", pick(["grass", "water", "snow", "sofa", "roof"])]
        if draw(5) == 0:
            line.append(pick(RARE))
        out.append(" ".join(line))
    return out


class Model:
    def __init__(self, lines, order, smoothing, known):
        self.order, self.smoothing = order, smoothing
        self.sentences = [[START] + [w if w in known else UNKNOWN for w in l.split()] + [END] for l in lines]
        self.share = Fraction(1, len(known | {UNKNOWN, END}))
        times = Counter()
        for s in self.sentences:
            for i in range(len(s)):
                for n in range(1, order + 1):
                    if i + n <= len(s):
                        times[tuple(s[i:i + n])] += 1
        self.counts = times if smoothing == "none" else self.adjusted(times)
        self.counts.pop((START,), None)
        self.followers = defaultdict(dict)
        for gram, count in self.counts.items():
            self.followers[gram[:-1]][gram[-1]] = count
        self.discounts = [self.discount(n) for n in range(1, order + 1)]

    def adjusted(self, times):
        before = defaultdict(set)
        for gram in times:
            if len(gram) > 1:
                before[gram[1:]].add(gram[0])
        return Counter({g: c if len(g) == self.order or g[0] == START else len(before[g]) for g, c in times.items()})

    def discount(self, n):
        t = Counter(c for g, c in self.counts.items() if len(g) == n)
        fallback = [Fraction(1, 2), Fraction(1), Fraction(3, 2)]
        if not (t[1] and t[2] and t[3]):
            return fallback
        y = Fraction(t[1], t[1] + 2 * t[2])
        d = [i - (i + 1) * y * Fraction(t[i + 1], t[i]) for i in (1, 2, 3)]
        return d if all(0 < d[i] <= i + 1 for i in range(3)) else fallback

    def probability(self, context, word):
        context = context[-(self.order - 1):] if self.order > 1 else ()
        return self.likelihood(context, word) if self.smoothing == "none" else self.kneser_ney(context, word)

    def likelihood(self, context, word):
        while context and not self.followers.get(context):
            context = context[1:]
        seen = self.followers[context]
        return Fraction(seen.get(word, 0), sum(seen.values()))

    def kneser_ney(self, context, word):
        shorter = self.kneser_ney(context[1:], word) if context else self.share
        seen = self.followers.get(context)
        if not seen:
            return shorter
        d = self.discounts[len(context)]
        total = sum(seen.values())
        kept = sum(d[min(c, 3) - 1] for c in seen.values()) / total
        count = seen.get(word, 0)
        return (Fraction(count - d[min(count, 3) - 1]) / total if count else 0) + kept * shorter


def case(name, lines, queries, order, smoothing, min_count):
    often = Counter(w for l in lines for w in l.split())
    known = {w for w, c in often.items() if c >= min_count}
    model = Model(lines, order, smoothing, known)
    answers = []
    for q in queries:
        said, probabilities = (START,), []
        for w in [w if w in known else UNKNOWN for w in q.split()] + [END]:
            probabilities.append(float(model.probability(said, w)))
            said += (w,)
        answers.append({"line": q, "probability": probabilities})
    everything = sum(model.probability((START, "a"), w) for w in known | {UNKNOWN, END})
    assert everything == 1, everything
    return {"name": name, "order": order, "smoothing": smoothing, "min_count": min_count,
            "discounts": [[float(x) for x in d] for d in model.discounts] if smoothing != "none" else [],
            "answers": answers}


def main():
    lines, other = text(300, 1), text(12, 2)
    queries = other + ["the zebra sleeps", "dog the a", "some llama flies near the roof", "a"]
    like = ["i like rabbits", "i like turtles", "i do not like snails", "we like what we like"]
    cases = [case("kneser-ney %d" % n, lines, queries, n, "kneser-ney", 1) for n in range(1, 7)]
    cases += [case("rare words are unknown ones", lines, queries, 3, "kneser-ney", 12)]
    cases += [case("maximum likelihood %d" % n, lines, queries, n, "none", 1) for n in (1, 2, 3)]
    small = [case("a tiny text", like, ["i like snails", "we do not like what i like"], 3, "kneser-ney", 1),
             case("what is liked", like, ["i like rabbits", "we like turtles", "snails"], 2, "none", 1)]
    golden = {"texts": [{"lines": lines, "cases": cases}, {"lines": like, "cases": small}]}
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ngram.json")
    with open(path, "w") as f:
        json.dump(golden, f, indent=1)
        f.write("\n")


main()
