"""Recurrent language models beside the peer's: tokens a second, and time to learn.

``python -m benchmarks.language`` interleaves the runs of

* training steps of the scratch model of section 6.4 and of the peer's scratch
  model (d2l.torch 1.0.3), the same batches, gradients clipped, SGD;
* training on the first 10,000 characters of the novel until the training
  perplexity is below 5: the peer's scratch model as its section trains it, and
  ours with the optimizer of section 6.4, in fewer rows as the text is short; then
  both read the next 5,000 characters in the same way;

takes medians and writes ``benchmarks/language.md``.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable
from operator import truediv
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import d2lutils as d2l
from benchmarks import setting, write
from d2lutils.recurrent import ScratchModel

RESULT = Path(__file__).with_suffix(".md")
NUM_HIDDENS, BATCH_SIZE, NUM_STEPS, CLIP = 256, 32, 35, 1.0
GOAL, PATIENCE = 5.0, 500  # training perplexity, epochs


def peer() -> Any:
    """Return the peer's module; nothing of it draws."""
    import d2l.torch as peer_d2l

    peer_d2l.ProgressBoard.draw = lambda *_, **__: None
    return peer_d2l


def peer_model(size: int, num_hiddens: int, lr: float) -> nn.Module:
    d2l_1 = peer()
    return d2l_1.RNNLMScratch(d2l_1.RNNScratch(size, num_hiddens), size, lr)


class Side(NamedTuple):
    """A model, and how its course computes the loss and clips the gradient."""

    net: nn.Module
    loss: Callable[[Any, Tensor], Tensor]
    clip: Callable[[nn.Module], Any]

    def seconds(self, X: Tensor, y: Tensor, optimizer: torch.optim.Optimizer) -> float:
        """Return the processor time of one step, begun with an empty state."""
        begin = time.process_time()
        loss = self.loss(self.net(X), y)
        optimizer.zero_grad()
        loss.backward()
        self.clip(self.net)
        optimizer.step()
        return time.process_time() - begin


def our_loss(outputs: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
    return F.cross_entropy(outputs[0].flatten(0, 1), y.flatten())


def our_clip(net: nn.Module) -> None:
    nn.utils.clip_grad_norm_(net.parameters(), CLIP)


def speed(texts: dict[str, str], repeats: int) -> list[str]:
    """Return a row for each text: tokens a second of both models.

    The two take turns batch by batch, since the machine's speed changes.
    """
    rows, clip_gradients = [], peer().Trainer.clip_gradients
    for name, text in texts.items():
        vocabulary = d2l.text.Vocabulary(text)
        numbers = vocabulary.encode(text)
        batches = list(d2l.text.TokenBatches(numbers, BATCH_SIZE, NUM_STEPS))[:20]
        size, tokens = len(vocabulary), sum(X.numel() for X, _ in batches)
        theirs = peer_model(size, NUM_HIDDENS, 1.0)
        sides = {
            "peer": Side(
                theirs, theirs.loss, lambda net: clip_gradients(None, CLIP, net)
            ),
            "ours": Side(ScratchModel(size, NUM_HIDDENS), our_loss, our_clip),
        }
        optimizers = {
            name: torch.optim.SGD(side.net.parameters(), lr=1.0)
            for name, side in sides.items()
        }
        rates = {side: [] for side in sides}
        for repeat in range(3 * repeats + 1):
            spent = dict.fromkeys(sides, 0.0)
            for X, y in batches:
                for side in sides:
                    spent[side] += sides[side].seconds(X, y, optimizers[side])
            if repeat:  # the first pass warms up
                for side, seconds in spent.items():
                    rates[side].append(tokens / seconds)
        medians = {side: statistics.median(rate) for side, rate in rates.items()}
        ratio = statistics.median(map(truediv, rates["ours"], rates["peer"]))
        print(name, size, medians, f"{ratio:.2f}", flush=True)
        rows.append(
            f"| {name}, {size} symbols | {medians['peer']:.0f} | "
            f"{medians['ours']:.0f} | {ratio:.2f} |"
        )
    return rows


def read_on(score: Callable[[Tensor], Tensor], text: Tensor) -> float:
    """Return the perplexity of a text in pieces, each read from an empty state."""
    pieces = text[: (len(text) - 1) // NUM_STEPS * NUM_STEPS + 1]
    X, y = pieces[:-1].view(-1, NUM_STEPS), pieces[1:].view(-1, NUM_STEPS)
    with torch.inference_mode():
        return math.exp(F.cross_entropy(score(X).flatten(0, 1), y.flatten()))


def until_goal(one_epoch: Callable[[], list[float]]) -> tuple[float, int]:
    """Return the seconds and epochs until the perplexity of an epoch is low."""
    begin, number, perplexity = time.process_time(), 0, math.inf
    while perplexity >= GOAL and number < PATIENCE:
        perplexity = math.exp(statistics.mean(one_epoch()))
        number += 1
    return time.process_time() - begin, number


def peer_learns(train: Tensor, held_out: Tensor, size: int) -> tuple[float, ...]:
    """Return seconds, epochs and held-out perplexity of the peer's own recipe."""
    net = peer_model(size, num_hiddens=32, lr=1.0)
    windows = train.unfold(0, NUM_STEPS + 1, 1)
    data = torch.utils.data.TensorDataset(windows[:, :-1], windows[:, 1:])
    loader = torch.utils.data.DataLoader(data, 1024, shuffle=True)
    trainer, optimizer = peer().Trainer(max_epochs=1), net.configure_optimizers()

    def one_epoch() -> list[float]:
        losses = []
        for X, y in loader:
            loss = net.loss(net(X), y)
            optimizer.zero_grad()
            loss.backward()
            trainer.clip_gradients(CLIP, net)
            optimizer.step()
            losses.append(loss.item())
        return losses

    return *until_goal(one_epoch), read_on(net, held_out)


def ours_learns(train: Tensor, held_out: Tensor, size: int) -> tuple[float, ...]:
    """Return seconds, epochs and held-out perplexity with Adam, the text in order."""
    net = ScratchModel(size, 128)
    batches = d2l.text.TokenBatches(train, 8, 32)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005)

    def one_epoch() -> list[float]:
        state, losses = None, []
        for X, y in batches:
            scores, state = net(X, d2l.recurrent.detach(state))
            loss = our_loss((scores, state), y)
            optimizer.zero_grad()
            loss.backward()
            our_clip(net)
            optimizer.step()
            losses.append(loss.item())
        return losses

    return *until_goal(one_epoch), read_on(lambda X: net(X)[0], held_out)


def learning(text: str, repeats: int) -> list[str]:
    """Return a row for each side: how long it takes to learn 10,000 characters."""
    vocabulary = d2l.text.Vocabulary(text[:10_000])
    train, held_out = map(vocabulary.encode, (text[:10_000], text[10_000:15_000]))
    sides = {"peer": peer_learns, "ours": ours_learns}
    results = {side: [] for side in sides}
    for repeat in range(repeats):
        for side, learns in sides.items():
            torch.manual_seed(repeat)
            results[side].append(learns(train, held_out, len(vocabulary)))
            print(side, results[side][-1], flush=True)
    rows, seconds = [], {}
    for side, found in results.items():
        medians = [statistics.median(column) for column in zip(*found, strict=True)]
        seconds[side] = medians[0]
        rows.append(
            f"| {side} | {medians[0]:.1f} s | {medians[1]:.0f} | {medians[2]:.2f} |"
        )
    share = seconds["ours"] / seconds["peer"]
    return [*rows, f"| ours / peer | {share:.2f} | | |"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    novel, songs = d2l.data.time_machine(), "".join(d2l.data.song_ci())
    text = [
        "# Recurrent language models",
        "",
        f"{setting()}. Processor time. Peer: the scratch model of d2l 1.0.3. Ours: "
        "the scratch model of section 6.4.",
        "",
        f"Tokens a second in training, the same batches of {BATCH_SIZE} rows and "
        f"{NUM_STEPS} steps in turn, {NUM_HIDDENS} hidden units, gradients clipped, "
        f"SGD, medians of {3 * repeats} passes over 20 batches:",
        "",
        "| text | peer | ours | ours / peer |",
        "| --- | --- | --- | --- |",
        *speed({"the novel as it is": novel, "Song lyrics": songs}, repeats),
        "",
        "Training on the first 10,000 characters of the novel, cleaned, until the "
        f"training perplexity of an epoch is below {GOAL:.0f}. The peer as in its "
        "section: 32 hidden units, SGD at the rate 1, batches of 1,024 of all windows. "
        "Ours: 128 hidden units, Adam at 0.005, 8 rows in order. The held-out "
        f"perplexity is that of the next 5,000 characters in pieces of {NUM_STEPS}, "
        f"each from an empty state, for both. Medians of {repeats} runs.",
        "",
        "| side | until below 5 | epochs | held-out perplexity |",
        "| --- | --- | --- | --- |",
        *learning(d2l.text.clean(novel), repeats),
    ]
    write(RESULT, text)


if __name__ == "__main__":
    main()
