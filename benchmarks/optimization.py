"""Two epochs of least squares on the airfoil data beside the peer's loop.

``python -m benchmarks.optimization`` interleaves the runs of

* the peer: ``load_array`` and ``train_ch11`` of d2l.torch 1.0.3,
* ours: ``d2lutils.optimization.descend``,
* the limit: batches that lie ready, and nothing but forward, backward, step and
  the looks at the loss of all examples,

on the same 1500 rows, with the same batch size, rate and looks (every 20 steps), and
again without a look in between. It takes medians of the processor time and writes
``benchmarks/optimization.md``.
"""

import argparse
import contextlib
import io
import math
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Generator, Tensor

from benchmarks import setting, write
from d2lutils import data
from d2lutils.optimization import Problem, descend

RESULT = Path(__file__).with_suffix(".md")
NUM_ROWS, BATCH_SIZE, LR, LOOK = 1500, 10, 0.05, 20
NUM_STEPS = 2 * NUM_ROWS // BATCH_SIZE
ALONE = NUM_STEPS + 1  # a look every so many steps: none between start and end


def rows() -> tuple[Tensor, Tensor]:
    """Return features (1500, 5) and targets (1500,), standardized as the peer does."""
    table = data.airfoil()
    table = (table - table.mean(0)) / table.std(0, correction=0)
    return table[:NUM_ROWS, :-1], table[:NUM_ROWS, -1]


def squared(w: Tensor, X: Tensor, y: Tensor) -> Tensor:
    """Return half the mean square of what w, six weights, leaves unexplained."""
    return (X @ w - y).square().mean() / 2


def with_ones(X: Tensor) -> Tensor:
    return torch.cat([X, torch.ones(len(X), 1)], dim=1)


def peer(X: Tensor, y: Tensor) -> Callable[[int], float]:
    import d2l.torch as peer_d2l

    loader = peer_d2l.load_array((X, y), BATCH_SIZE)

    class Silent:
        def __init__(self, **_):
            self.Y = [[math.nan]]

        def add(self, _, values):
            self.Y[0].append(values[-1])

    peer_d2l.Animator = Silent
    evaluate = peer_d2l.evaluate_loss

    def sgd(params, states, hyperparams):
        peer_d2l.sgd(params, hyperparams["lr"], 1)

    def run(every: int) -> float:
        looks = evaluate if every == LOOK else lambda *_: math.nan
        peer_d2l.evaluate_loss = looks
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _, losses = peer_d2l.train_ch11(sgd, None, {"lr": LR}, loader, 5)
        return losses[-1]

    return run


def ours(X: Tensor, y: Tensor) -> Callable[[int], float]:
    X = with_ones(X)

    def loss(params: list[Tensor], generator: Generator) -> Tensor:
        chosen = torch.randint(NUM_ROWS, (BATCH_SIZE,), generator=generator)
        return squared(params[0], X[chosen], y[chosen])

    def run(every: int) -> float:
        problem = Problem(
            "airfoil",
            lambda generator: [0.01 * torch.randn(6, generator=generator)],
            lambda params: squared(params[0], X, y),
            fraction=0.0,
            budget=NUM_STEPS,
            loss=loss,
            every=every,
        )
        return descend(problem, torch.optim.SGD, LR).excess[-1]

    return run


def limit(X: Tensor, y: Tensor) -> Callable[[int], float]:
    X = with_ones(X)
    chosen = torch.randint(NUM_ROWS, (NUM_STEPS, BATCH_SIZE))
    ready = [(X[i], y[i]) for i in chosen]

    def run(every: int) -> float:
        w = (0.01 * torch.randn(6)).requires_grad_()
        optimizer = torch.optim.SGD([w], lr=LR)
        for step, (X_batch, y_batch) in enumerate(ready, start=1):
            optimizer.zero_grad()
            squared(w, X_batch, y_batch).backward()
            optimizer.step()
            if step % every == 0 or step == NUM_STEPS:
                with torch.no_grad():
                    last = squared(w, X, y).item()
        return last

    return run


def measure(repeats: int) -> list[str]:
    """Return a row for the loop with its looks, and one for the steps alone."""
    X, y = rows()
    sides = {"peer": peer(X, y), "ours": ours(X, y), "limit": limit(X, y)}
    table = []
    for every, name in ((LOOK, f"a look every {LOOK} steps"), (ALONE, "steps alone")):
        seconds = {side: [] for side in sides}
        losses = {side: [] for side in sides}
        for repeat in range(repeats + 1):
            for side, run in sides.items():
                torch.manual_seed(repeat)
                begin = time.process_time()
                loss = run(every)
                if repeat:  # the first run warms up
                    seconds[side].append(time.process_time() - begin)
                    losses[side].append(loss)
        medians = {side: statistics.median(found) for side, found in seconds.items()}
        cells = [name]
        for side in sides:
            mean = statistics.mean(losses[side])
            shown = "not seen" if math.isnan(mean) else f"{mean:.3f}"
            cells.append(f"{1000 * medians[side]:.0f} ms ({shown})")
        cells.append(f"{medians['peer'] / medians['ours']:.1f}")
        cells.append(f"{medians['ours'] / medians['limit']:.2f}")
        table.append("| " + " | ".join(cells) + " |")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    text = [
        "# Least squares on the airfoil data",
        "",
        f"{setting()}. {NUM_ROWS} rows, batch size {BATCH_SIZE}, two epochs of SGD at "
        f"the rate {LR}. Medians of {repeats} interleaved repeats: processor "
        "milliseconds (mean loss at the end). Peer: d2l 1.0.3.",
        "",
        "| loop | peer | ours | limit | peer / ours | ours / limit |",
        "| --- | --- | --- | --- | --- | --- |",
        *measure(repeats),
    ]
    write(RESULT, text)


if __name__ == "__main__":
    main()
