"""Skip-gram with negative sampling beside the peer's functions: pairs a second.

``python -m benchmarks.words`` takes the first sentences of the treebank, and
interleaves

* the batches of an epoch: the peer (d2l.torch 1.0.3) subsamples, collects contexts and
  draws noise words once, and pads batches in each epoch; ours does all anew in each,
* an epoch of training: the peer's batches with the peer's model and masked loss,
  written here from its parts; ours is ``d2l.words.train_skip_gram``,
* the bare limit: as many steps of ours on one batch that is ready, without masks;

takes medians of the processor time and writes ``benchmarks/words.md``. A pair is a
centre and a true context.
"""

import argparse
import random
import statistics
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import d2lutils as d2l
from benchmarks import seconds, setting, write

RESULT = Path(__file__).with_suffix(".md")
SIZE, NUM_NOISE, WINDOW, LR = 64, 5, 5, 0.005
PEER_BATCH, OUR_BATCH = 512, 4096  # centres with all their contexts; pairs


class Free(nn.Module):
    """Scores that cost next to nothing: what remains is the making of batches."""

    def __init__(self):
        super().__init__()
        self.score = nn.Parameter(torch.zeros(()))

    def forward(self, _: Tensor, words: Tensor) -> Tensor:
        return self.score.expand(words.shape)


class Peer:
    """The peer's data and training on the same sentences."""

    def __init__(self, sentences: list[list[str]]):
        import d2l.torch as peer

        self.peer, self.sentences = peer, sentences
        self.vocabulary = peer.Vocab(sentences)

    def prepare(self) -> None:
        """Subsample, collect contexts, draw noise words: once for all epochs."""
        kept, counter = self.peer.subsample(self.sentences, self.vocabulary)
        corpus = [self.vocabulary[line] for line in kept]
        centers, contexts = self.peer.get_centers_and_contexts(corpus, WINDOW)
        noise = self.peer.get_negatives(contexts, self.vocabulary, counter, NUM_NOISE)
        self.rows = list(zip(centers, contexts, noise, strict=True))
        self.pairs = sum(map(len, contexts))

    def batches(self) -> torch.utils.data.DataLoader:
        """Return the batches of one epoch."""
        return torch.utils.data.DataLoader(
            self.rows, PEER_BATCH, shuffle=True, collate_fn=self.peer.batchify
        )

    def epoch(self) -> None:
        """Train for one epoch on batches of centres with all their contexts."""
        tables = [nn.Embedding(len(self.vocabulary), SIZE) for _ in range(2)]
        optimizer = torch.optim.Adam([table.weight for table in tables], LR)
        for center, words, mask, label in self.batches():
            scores = tables[0](center) @ tables[1](words).transpose(1, 2)
            losses = F.binary_cross_entropy_with_logits(
                scores.squeeze(1), label.float(), mask.float(), reduction="none"
            )
            optimizer.zero_grad()
            (losses.mean(dim=1) * mask.shape[1] / mask.sum(dim=1)).mean().backward()
            optimizer.step()


def bare(net: nn.Module, batches: int) -> None:
    """Repeat the step of one batch: look up, multiply, derive, move."""
    optimizer = torch.optim.Adam(net.parameters(), LR, fused=True)
    rows = net.center.num_embeddings
    centers = torch.randint(rows, (OUR_BATCH,))
    words = torch.randint(rows, (OUR_BATCH, 1 + NUM_NOISE))
    y = F.one_hot(torch.zeros(OUR_BATCH, dtype=torch.int64), 1 + NUM_NOISE).float()
    for _ in range(batches):
        loss = F.binary_cross_entropy_with_logits(net(centers, words), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def measure(num_sentences: int, repeats: int) -> list[str]:
    """Return the rows of the table: thousands of pairs a second, medians."""
    vocabulary, parts = d2l.words.treebank()
    words, place = parts["train"]
    corpus = d2l.words.Corpus(
        words[place < num_sentences], place[place < num_sentences]
    )
    texts = [[] for _ in range(num_sentences)]
    for word, number in zip(
        vocabulary.decode(corpus.words), corpus.sentences.tolist(), strict=True
    ):
        texts[number].append(word)
    peer, V = Peer(texts), len(vocabulary)
    rates = {}
    for repeat in range(repeats + 1):
        random.seed(repeat)
        torch.manual_seed(repeat)
        once = seconds(peer.prepare)
        kept = d2l.words.subsample(corpus, 1e-4)
        pairs = int((d2l.words.contexts(kept, WINDOW) >= 0).sum())
        net = d2l.words.SkipGram(V, SIZE)
        padded = seconds(lambda: list(peer.batches()))
        found = {
            ("batches", "peer, first epoch"): peer.pairs / (once + padded),
            ("batches", "peer, later epochs"): peer.pairs / padded,
            ("batches", "ours"): pairs
            / seconds(lambda: d2l.words.train_skip_gram(Free(), corpus, 1)),
            ("training", "peer, later epochs"): peer.pairs / seconds(peer.epoch),
            ("training", "ours"): pairs
            / seconds(lambda net=net: d2l.words.train_skip_gram(net, corpus, 1)),
            ("training", "bare limit"): pairs
            / seconds(lambda net=net, n=pairs // OUR_BATCH: bare(net, n)),
        }
        if repeat:  # the first pass warms up
            for name, rate in found.items():
                rates.setdefault(name, []).append(rate / 1000)
    medians = {key: statistics.median(rate) for key, rate in rates.items()}
    return [
        f"| {task} | {side} | {rate:.0f} | {medians[task, 'ours'] / rate:.2f} |"
        for (task, side), rate in medians.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=int, default=6000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    text = [
        "# Skip-gram with negative sampling",
        "",
        f"{setting()}. The first {arguments.sentences} sentences of the treebank, "
        f"windows up to {WINDOW}, {NUM_NOISE} noise words a pair, vectors of {SIZE} "
        f"numbers, Adam. Medians of {arguments.repeats} interleaved repeats, processor "
        "time. Peer: d2l 1.0.3.",
        "",
        "| task | side | thousand pairs a second | ours / this side |",
        "| --- | --- | --- | --- |",
        *measure(arguments.sentences, arguments.repeats),
    ]
    write(RESULT, text)


if __name__ == "__main__":
    main()
