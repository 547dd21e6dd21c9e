"""The networks of `caption bench`, in PyTorch: what a user would write there.

MobileNetV2 (Sandler et al. 2018), the decoder of "Show, Attend and Tell" with additive attention (Xu et al. 2015),
and a sequence-to-sequence network for dates (Saito, "Deep Learning from Scratch 2", chapter 8). Weights are drawn.
"""
import torch
from torch import nn
from torch.nn import functional as F

VOCABULARY, EMBEDDING, HIDDEN, ATTENTION, WORDS = 10000, 256, 512, 256, 20
START = 1


def unit(inputs, outputs, kernel, stride=1, groups=1, clipped=True):
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
    return layers + ([nn.ReLU6()] if clipped else [])


class Inverted(nn.Module):
    """Inverted residual block: widen, depthwise, narrow."""

    def __init__(self, inputs, outputs, stride, widen):
        super().__init__()
        wide = inputs * widen
        layers = unit(inputs, wide, 1) if widen > 1 else []
        layers += unit(wide, wide, 3, stride, groups=wide) + unit(wide, outputs, 1, clipped=False)
        self.path = nn.Sequential(*layers)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.path(x) if self.adds else self.path(x)


class MobileNetV2(nn.Sequential):
    """[N, 3, 224, 224] -> [N, 1280, 7, 7]"""

    FEATURES = 1280
    ROWS = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]

    def __init__(self):
        layers, inputs = unit(3, 32, 3, 2), 32
        for widen, outputs, count, stride in self.ROWS:
            for i in range(count):
                layers.append(Inverted(inputs, outputs, stride if i == 0 else 1, widen))
                inputs = outputs
        super().__init__(*layers, *unit(inputs, self.FEATURES, 1))


def as_regions(feature_map):
    """[N, D, h, w] -> [N, h w, D]"""
    return feature_map.flatten(2).transpose(1, 2).contiguous()


class Decoder(nn.Module):
    """Regions are projected to HIDDEN numbers, so that a step reads about 8 million weights."""

    def __init__(self, features, vocabulary=VOCABULARY):
        super().__init__()
        self.project = nn.Linear(features, HIDDEN)
        self.keys = nn.Linear(HIDDEN, ATTENTION)
        self.query = nn.Linear(HIDDEN, ATTENTION, bias=False)
        self.score = nn.Linear(ATTENTION, 1, bias=False)
        self.gate = nn.Linear(HIDDEN, HIDDEN)
        self.first_h, self.first_c = nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.embedding = nn.Embedding(vocabulary, EMBEDDING)
        self.cell = nn.LSTMCell(EMBEDDING + HIDDEN, HIDDEN)
        self.output = nn.Linear(HIDDEN, vocabulary)

    def start(self, regions):
        values = F.relu(self.project(regions))
        mean = values.mean(1)
        return values, self.keys(values), torch.tanh(self.first_h(mean)), torch.tanh(self.first_c(mean))

    def step(self, values, keys, word, h, c):
        score = self.score(torch.tanh(keys + self.query(h).unsqueeze(1))).squeeze(2)
        context = torch.bmm(torch.softmax(score, 1).unsqueeze(1), values).squeeze(1) * torch.sigmoid(self.gate(h))
        return self.cell(torch.cat((self.embedding(word), context), 1), (h, c))

    def forward(self, regions, captions):
        """Teacher forcing: captions [N, T + 1] -> mean loss of T words."""
        values, keys, h, c = self.start(regions)
        states = []
        for t in range(captions.shape[1] - 1):
            h, c = self.step(values, keys, captions[:, t], h, c)
            states.append(h)
        return F.cross_entropy(self.output(torch.stack(states, 1)).flatten(0, 1), captions[:, 1:].flatten())

    def greedy(self, regions):
        values, keys, h, c = self.start(regions)
        word = torch.full((len(regions),), START)
        words = []
        for _ in range(WORDS):
            h, c = self.step(values, keys, word, h, c)
            word = self.output(h).argmax(1)
            words.append(word)
        return torch.stack(words, 1)

    def beam(self, regions, width):
        """Regions [1, L, D]; WORDS words, whatever they are."""
        values, keys, h, c = self.start(regions)
        h, c = self.step(values, keys, torch.tensor([START]), h, c)
        total, word = torch.log_softmax(self.output(h), 1)[0].topk(width)
        words = word.unsqueeze(1)
        values, keys = values.expand(width, -1, -1), keys.expand(width, -1, -1)
        h, c = h.expand(width, -1), c.expand(width, -1)
        for _ in range(WORDS - 1):
            h, c = self.step(values, keys, word, h, c)
            totals = total.unsqueeze(1) + torch.log_softmax(self.output(h), 1)
            total, best = totals.flatten().topk(width)
            from_beam, word = best // totals.shape[1], best % totals.shape[1]
            h, c = h[from_beam], c[from_beam]
            words = torch.cat((words[from_beam], word.unsqueeze(1)), 1)
        return words[0]


class Dates(nn.Module):
    """LSTM encoder and LSTM decoder of 256 numbers; `dot`: the decoder's states ask after its steps, `additive`: before."""

    SYMBOLS, EMBEDDING, HIDDEN = 60, 16, 256

    def __init__(self, match):
        super().__init__()
        symbols, embedding, hidden = self.SYMBOLS, self.EMBEDDING, self.HIDDEN
        self.match = match
        self.source, self.target = nn.Embedding(symbols, embedding), nn.Embedding(symbols, embedding)
        self.encoder = nn.LSTM(embedding, hidden, batch_first=True)
        if match == "dot":
            self.decoder = nn.LSTM(embedding, hidden, batch_first=True)
            self.output = nn.Linear(2 * hidden, symbols)
        else:
            self.keys, self.query = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden, bias=False)
            self.score = nn.Linear(hidden, 1, bias=False)
            self.decoder = nn.LSTMCell(embedding + hidden, hidden)
            self.output = nn.Linear(hidden, symbols)

    def dot(self, states, last, words):
        asked, _ = self.decoder(words, last)
        weights = torch.softmax(asked @ states.transpose(1, 2), 2)
        return torch.cat((weights @ states, asked), 2)

    def additive(self, states, last, words):
        keys, (h, c), out = self.keys(states), (last[0][0], last[1][0]), []
        for t in range(words.shape[1]):
            score = self.score(torch.tanh(keys + self.query(h).unsqueeze(1))).squeeze(2)
            context = torch.bmm(torch.softmax(score, 1).unsqueeze(1), states).squeeze(1)
            h, c = self.decoder(torch.cat((words[:, t], context), 1), (h, c))
            out.append(h)
        return torch.stack(out, 1)

    def forward(self, source, target):
        states, last = self.encoder(self.source(source))
        attend = self.dot if self.match == "dot" else self.additive
        logits = self.output(attend(states, last, self.target(target[:, :-1])))
        return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten())
