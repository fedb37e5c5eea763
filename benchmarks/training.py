"""One epoch on Fashion-MNIST, side by side: the peer, the bare limit, ours.

``python -m benchmarks.training`` interleaves the runs of

* the peer: the loaders (default workers) and the loop of d2l.torch 1.0.3,
* ours: ``load_fashion_mnist`` and ``fit``,
* the limit: the same batches prepared in a list, and nothing but forward,
  backward, step and the evaluation's forward passes,

with the same model, data, batch size, optimizer and threads; it takes medians
and writes ``benchmarks/training.md``.
"""

import argparse
import contextlib
import io
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

import d2lutils as d2l
from benchmarks import setting, write
from d2lutils.data.images import ImageData

BATCH_SIZE = 256
RESULT = Path(__file__).with_suffix(".md")


def softmax() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)
    )


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Sigmoid(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Sigmoid(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, 10),
    )


class Images(NamedTuple):
    """So many of the images, at this height and width."""

    num_train: int
    num_test: int
    size: int


class Model(NamedTuple):
    """A network, its learning rate, and the images that it learns from."""

    build: Callable[[], nn.Module]
    lr: float
    images: Images


ALL, SOME = Images(60_000, 10_000, 28), Images(6000, 2000, 32)
MODELS = {
    "softmax regression": Model(softmax, 0.1, ALL),
    "MLP 784-256-10": Model(mlp, 0.1, ALL),
    "LeNet": Model(lenet, 0.9, ALL),
    "ResNet-18, a quarter as wide": Model(d2l.vision.resnet, 0.1, SOME),
    "VGG-11, an eighth as wide": Model(d2l.vision.vgg, 0.05, SOME),
}


def start(name: str) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Return the model as the peer's loop initializes it, and its optimizer."""
    net = MODELS[name].build()
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
    return net, torch.optim.SGD(net.parameters(), lr=MODELS[name].lr)


def ours(train: d2l.Batches, test: d2l.Batches) -> Callable[[str], float]:
    def run(name: str) -> float:
        net, optimizer = start(name)
        history = d2l.fit(
            net, train, test, nn.CrossEntropyLoss(), optimizer, 1, d2l.accuracy
        )
        return history.last["test_accuracy"]

    return run


def limit(train: d2l.Batches, test: d2l.Batches) -> Callable[[str], float]:
    ready, held_out, loss = list(train), list(test), nn.CrossEntropyLoss()

    def run(name: str) -> float:
        net, optimizer = start(name)
        net.train()
        for i in torch.randperm(len(ready)).tolist():  # an order for each run
            X, y = ready[i]
            optimizer.zero_grad()
            loss(net(X), y).backward()
            optimizer.step()
        net.eval()
        with torch.inference_mode():
            right = [(net(X).argmax(dim=1) == y).sum() for X, y in held_out]
        return sum(right).item() / len(test.tensors[1])

    return run


def peer(data: ImageData, images: Images, folder: Path) -> Callable[[str], float]:
    """Give the peer the same images as files; its figure is not drawn."""
    import d2l.torch as peer_d2l

    raw = folder / "data/FashionMNIST/raw"
    raw.mkdir(parents=True)
    for part, number, X, y in (
        ("train", images.num_train, data.train_images, data.train_labels),
        ("t10k", images.num_test, data.test_images, data.test_labels),
    ):
        X, y = X[:number], y[:number]
        header = np.array([0x803, len(X), 28, 28], ">i4").tobytes()
        (raw / f"{part}-images-idx3-ubyte").write_bytes(header + X.numpy().tobytes())
        header = np.array([0x801, len(y)], ">i4").tobytes()
        labels = y.to(torch.uint8).numpy().tobytes()
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(header + labels)
    (folder / "run").mkdir()
    with contextlib.chdir(folder / "run"):
        resize = None if images.size == 28 else images.size
        train, test = peer_d2l.load_data_fashion_mnist(BATCH_SIZE, resize)

    class Silent:
        def __init__(self, **_):
            self.last = None

        def add(self, _, values):
            Silent.last = values[-1]

    peer_d2l.Animator = Silent

    def run(name: str) -> float:
        net = MODELS[name].build()
        with contextlib.redirect_stdout(io.StringIO()):
            peer_d2l.train_ch6(net, train, test, 1, MODELS[name].lr, "cpu")
        return Silent.last

    return run


def cpu_seconds() -> float:
    """Return the processor time of this process and its finished children."""
    spent = (resource.getrusage(who) for who in (0, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def measure(
    names: list[str], sides: dict[str, Callable[[str], float]], repeats: int
) -> list[str]:
    """Return the rows of the table, a model in each."""
    rows, order = [], list(sides.items())
    for name in names:
        wall = {side: [] for side in sides}
        cpu = {side: [] for side in sides}
        scores = {side: [] for side in sides}
        for repeat in range(repeats):
            first = repeat % len(sides)  # each side follows each other in turn
            for side, run in order[first:] + order[:first]:
                torch.manual_seed(repeat)
                wall_start, cpu_start = time.perf_counter(), cpu_seconds()
                scores[side].append(run(name))
                wall[side].append(time.perf_counter() - wall_start)
                cpu[side].append(cpu_seconds() - cpu_start)
            print(name, {s: round(v[-1], 3) for s, v in wall.items()}, flush=True)
        cells = [name]
        for side in sides:
            mean, spread = statistics.mean(scores[side]), statistics.stdev(scores[side])
            cells.append(
                f"{statistics.median(wall[side]):.2f} / "
                f"{statistics.median(cpu[side]):.2f} s ({mean:.3f} ± {spread:.3f})"
            )
        for top, low in (("peer", "ours"), ("ours", "limit")):
            ratio = statistics.median(cpu[top]) / statistics.median(cpu[low])
            cells.append(f"{ratio:.2f}")
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def imports(repeats: int) -> list[str]:
    """Return rows that compare the time of imports, each in a fresh process."""
    modules = ("torch", "d2lutils", "d2l.torch")
    times = {module: [] for module in modules}
    for _ in range(repeats):
        for module in modules:
            begin = cpu_seconds()
            subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
            times[module].append(cpu_seconds() - begin)
    medians = {module: statistics.median(times[module]) for module in modules}
    return [
        f"| `import {module}` | {seconds:.2f} s | {seconds / medians['torch']:.2f} |"
        for module, seconds in medians.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=6)
    repeats = parser.parse_args().repeats
    os.environ["D2L_QUIET"] = "1"
    every, rows = d2l.fashion_mnist(), []
    for images in (ALL, SOME):
        batches = d2l.load_fashion_mnist(BATCH_SIZE, *images)
        names = [name for name, model in MODELS.items() if model.images == images]
        with tempfile.TemporaryDirectory() as folder:
            sides = {
                "peer": peer(every, images, Path(folder)),
                "ours": ours(*batches),
                "limit": limit(*batches),
            }
            rows += measure(names, sides, repeats)
    data = "real images" if every.is_real else "stand-in images"
    text = [
        "# One epoch on Fashion-MNIST",
        "",
        f"{setting()}, {data}, "
        f"batch size {BATCH_SIZE}, SGD, evaluation included. The first three models "
        f"see all images, the last two 6,000 at 32 x 32. Medians of {repeats} "
        "interleaved repeats: wall / processor seconds (mean and standard deviation "
        "of the held-out accuracy). The ratios are those of processor seconds, which "
        "other work on the machine changes least. Peer: d2l 1.0.3.",
        "",
        "| model | peer | ours | limit | peer / ours | ours / limit |",
        "| --- | --- | --- | --- | --- | --- |",
        *rows,
        "",
        "| import, in a fresh process | processor | against torch |",
        "| --- | --- | --- |",
        *imports(repeats),
    ]
    write(RESULT, text)


if __name__ == "__main__":
    main()
