"""A small GPT: an epoch of training beside its bare limit, and text written.

``python -m benchmarks.transformer`` interleaves an epoch on the novel of chapter 6 of

* ours: ``d2l.recurrent.train`` with ``d2l.transformer.GPT``,
* the bare limit: our net's steps on batches that are ready, nothing else,
* PyTorch's own layers (``nn.TransformerEncoder``) in a bare loop;

and then lets a GPT of the same shape write, greedily, with

* ours: ``d2l.transformer.CachedGPT`` of section 11.6,
* ours without a cache: ``d2l.transformer.generate``,
* the reference: ``GPT2LMHeadModel.generate`` of transformers, with its cache;

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
from d2lutils.transformer import GPT, CachedGPT, generate

RESULT = Path(__file__).with_suffix(".md")
NUM_HIDDENS, NUM_HEADS, NUM_LAYERS = 64, 4, 2
BATCH_SIZE, NUM_STEPS, LR = 16, 64, 0.003
PROMPT, WRITTEN, LAYERS_OF_WRITER, VOCABULARY = 16, 240, 4, 28


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


def cached(net: GPT, tokens: Tensor, num_tokens: int) -> Tensor:
    """Write on greedily, each token read once."""
    cache, new = CachedGPT(net, len(tokens)), tokens
    for _ in range(num_tokens):
        new = cache.read(new)[:, -1].argmax(1, keepdim=True)
        tokens = torch.cat((tokens, new), 1)
    return tokens


def reference() -> nn.Module:
    """Return GPT-2's network of the same shape."""
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=VOCABULARY,
            n_positions=PROMPT + WRITTEN,
            n_embd=NUM_HIDDENS,
            n_layer=LAYERS_OF_WRITER,
            n_head=NUM_HEADS,
            bos_token_id=0,
            eos_token_id=VOCABULARY - 1,
        )
    ).eval()


def writing(rows: int, repeats: int) -> list[str]:
    """Return the rows of the table of text written, ``rows`` texts side by side."""
    torch.manual_seed(0)
    steps = PROMPT + WRITTEN
    net = GPT(VOCABULARY, steps, NUM_HIDDENS, NUM_HEADS, LAYERS_OF_WRITER).eval()
    theirs = reference()
    prompt = torch.randint(VOCABULARY, (rows, PROMPT))
    settings = {
        "max_new_tokens": WRITTEN,
        "min_new_tokens": WRITTEN,
        "do_sample": False,
        "pad_token_id": 0,
        "attention_mask": torch.ones_like(prompt),
    }
    found = medians(
        {
            "ours, cached": lambda: cached(net, prompt, WRITTEN),
            "ours, no cache": lambda: generate(net, prompt, WRITTEN, 0),
            "transformers, cached": lambda: theirs.generate(prompt, **settings),
        },
        repeats,
    )
    return [
        f"| {rows} | {name} | {rows * WRITTEN / value:.0f} | "
        f"{value / found['ours, cached']:.2f} |"
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
        "",
        f"Writing {WRITTEN} tokens after {PROMPT}, {LAYERS_OF_WRITER} blocks of the "
        "same width, no training:",
        "",
        "| texts | side | tokens a second | time / ours, cached |",
        "| --- | --- | --- | --- |",
        *writing(1, repeats),
        *writing(16, repeats),
    ]
    write(RESULT, text)


if __name__ == "__main__":
    main()
