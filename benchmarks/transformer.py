"""A small GPT: an epoch of training beside its bare limit, and text written.

``python -m benchmarks.transformer`` interleaves an epoch on the novel of chapter 6 of

* ours: ``d2l.recurrent.train`` with ``d2l.transformer.GPT``,
* the bare limit: our net's steps on batches that are ready, nothing else,
* PyTorch's own layers (``nn.TransformerEncoder``) in a bare loop;

takes medians of the processor time and writes ``benchmarks/transformer.md``.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import d2lutils as d2l
from benchmarks import medians, setting, write
from d2lutils.transformer import GPT

RESULT = Path(__file__).with_suffix(".md")
NUM_HIDDENS, NUM_HEADS, NUM_LAYERS = 64, 4, 2
BATCH_SIZE, NUM_STEPS, LR = 16, 64, 0.003


class Stock(nn.Module):
    """A GPT of PyTorch's layers."""

    def __init__(self, vocabulary_size: int):
        super().__init__()
        h = NUM_HIDDENS
        self.tokens = nn.Embedding(vocabulary_size, h)
        self.positions = nn.Embedding(NUM_STEPS, h)
        layer = nn.TransformerEncoderLayer(
            h, NUM_HEADS, 4 * h, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(
            layer, NUM_LAYERS, nn.LayerNorm(h), enable_nested_tensor=False
        )
        self.output = nn.Linear(h, vocabulary_size)
        mask = nn.Transformer.generate_square_subsequent_mask(NUM_STEPS)
        self.register_buffer("mask", mask)

    def forward(self, X: Tensor) -> tuple[Tensor, None]:
        H = self.tokens(X) + self.positions.weight
        return self.output(self.layers(H, mask=self.mask, is_causal=True)), None


def epoch(net: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Train with Adam on batches that are ready."""
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, fused=True)
    for X, y in batches:
        loss = F.cross_entropy(net(X)[0].flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def training(repeats: int) -> list[str]:
    """Return the rows of the table of training."""
    vocabulary, (text, held_out, _) = d2l.text.encoded(
        d2l.text.clean(d2l.data.time_machine())
    )
    batches = d2l.text.TokenBatches(text, BATCH_SIZE, NUM_STEPS, shuffle=True)
    few = d2l.text.TokenBatches(held_out[:65], 1, NUM_STEPS)
    ready = [pair for pair in batches if pair[0].shape == (BATCH_SIZE, NUM_STEPS)]
    torch.manual_seed(0)
    size = NUM_HIDDENS, NUM_HEADS, NUM_LAYERS
    net, stock = GPT(len(vocabulary), NUM_STEPS, *size), Stock(len(vocabulary))
    found = medians(
        {
            "ours": lambda: d2l.recurrent.train(net, batches, few, 1, lr=LR),
            "bare limit": lambda: epoch(net, ready),
            "PyTorch's layers": lambda: epoch(stock, ready),
        },
        repeats,
    )
    return [
        f"| {name} | {value:.2f} s | {found['ours'] / value:.2f} |"
        for name, value in found.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    text = [
        "# A small GPT",
        "",
        f"{setting()}. {NUM_LAYERS} blocks of {NUM_HIDDENS} units and {NUM_HEADS} "
        f"heads, the novel by characters, batches of {BATCH_SIZE} x {NUM_STEPS}, Adam; "
        "ours clips the gradients, and tests on a few tokens. Medians of "
        f"{repeats} interleaved repeats, processor time.",
        "",
        "| side | an epoch | ours / this side |",
        "| --- | --- | --- |",
        *training(repeats),
    ]
    write(RESULT, text)


if __name__ == "__main__":
    main()
