"""An epoch of the translation model with attention beside the peer's way.

``python -m benchmarks.translation`` interleaves, on the same pairs and batch size,

* the peer (d2l.torch 1.0.3): its encoder and its additive attention, which the decoder
  asks before each step, in a loop over the steps; batches of one length. Its package
  has no decoder of this kind, so the loop is written here from its parts,
* ours: ``d2l.translation.train`` with ``AttentionSeq2Seq``,
* the bare limit: our net's steps on batches that are ready, nothing else;

takes medians of the processor time and writes ``benchmarks/translation.md``.
"""

import argparse
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks import seconds, setting, write
from d2lutils import translation

RESULT = Path(__file__).with_suffix(".md")
NUM_HIDDENS, BATCH_SIZE, LR, CLIP = 128, 128, 0.002, 1.0
MAX_WORDS, MAX_CHARACTERS = 7, 9


class Peer(nn.Module):
    """Encoder, attention before each step, and decoder, from the peer's parts."""

    def __init__(self, source_size: int, target_size: int, num_hiddens: int):
        super().__init__()
        import d2l.torch as peer

        h = num_hiddens
        self.encoder = peer.Seq2SeqEncoder(source_size, h, h, num_layers=1)
        self.attention = peer.AdditiveAttention(h, dropout=0)
        self.embedding = nn.Embedding(target_size, h)
        self.rnn = nn.GRU(2 * h, h)
        self.output = nn.Linear(h, target_size)

    def forward(self, source: Tensor, target_in: Tensor) -> Tensor:
        lengths = (source != translation.PADDING).sum(dim=1)
        states, H = self.encoder(source)
        keys, outputs = states.transpose(0, 1), []
        for x in self.embedding(target_in).transpose(0, 1):
            context = self.attention(H[-1][:, None], keys, keys, lengths)
            Y, H = self.rnn(torch.cat((context[:, 0], x), dim=1)[None], H)
            outputs.append(Y)
        return self.output(torch.cat(outputs)).transpose(0, 1)


def epoch(
    net: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    clip: float | None = None,
    fused: bool | None = None,
) -> None:
    """Train with Adam on batches as they come."""
    optimizer = torch.optim.Adam(net.parameters(), LR, fused=fused)
    for source, target in batches:
        scores = net(source, translation.shifted(target))
        optimizer.zero_grad()
        translation.masked_loss(scores, target).backward()
        if clip:
            nn.utils.clip_grad_norm_(net.parameters(), clip)
        optimizer.step()


def peer_batches(source: Tensor, target: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield shuffled batches, each as long as the longest pair of all."""
    for rows in torch.randperm(len(source)).split(BATCH_SIZE):
        yield source[rows], target[rows]


def measure(repeats: int) -> tuple[int, list[str]]:
    """Return the number of pairs and the rows of the table."""
    pairs, _ = translation.tatoeba(MAX_WORDS, MAX_CHARACTERS)
    vocabularies = [translation.SentenceVocabulary(side, 2) for side in pairs]
    source, target = (
        vocabulary.pad(side)
        for vocabulary, side in zip(vocabularies, pairs, strict=True)
    )
    sizes = [len(vocabulary) for vocabulary in vocabularies]
    peer = Peer(*sizes, NUM_HIDDENS)
    ours = translation.AttentionSeq2Seq(*sizes, NUM_HIDDENS)
    spent = {"peer": [], "ours": [], "bare limit": []}
    for repeat in range(repeats + 1):
        torch.manual_seed(repeat)
        ready = list(translation.length_batches(source, target, BATCH_SIZE))
        found = {
            "peer": seconds(lambda: epoch(peer, peer_batches(source, target), CLIP)),
            "ours": seconds(
                lambda: translation.train(ours, source, target, 1, LR, BATCH_SIZE)
            ),
            "bare limit": seconds(lambda ready=ready: epoch(ours, ready, fused=True)),
        }
        if repeat:  # the first pass warms up, and makes the peer's lazy layers
            for name, value in found.items():
                spent[name].append(value)
    medians = {name: statistics.median(values) for name, values in spent.items()}
    parameters = {"peer": peer, "ours": ours, "bare limit": ours}
    return len(source), [
        f"| {name} | {sum(p.numel() for p in parameters[name].parameters())} | "
        f"{value:.1f} s | {value / medians['ours']:.2f} |"
        for name, value in medians.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    pairs, rows = measure(repeats)
    text = [
        "# Translation with attention",
        "",
        f"{setting()}. One epoch of {pairs} pairs, batches of {BATCH_SIZE}, "
        f"{NUM_HIDDENS} hidden units, Adam, gradients clipped (not at the bare "
        f"limit). Medians of {repeats} interleaved repeats, processor time. Peer: the "
        "parts of d2l 1.0.3.",
        "",
        "| side | parameters | an epoch | this side / ours |",
        "| --- | --- | --- | --- |",
        *rows,
    ]
    write(RESULT, text)


if __name__ == "__main__":
    main()
