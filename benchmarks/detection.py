"""Anchors, targets and detections of 32 blood smears beside the peer's functions.

``python -m benchmarks.detection`` interleaves calls of

* the peer (d2l.torch 1.0.3): ``multibox_prior``, ``multibox_target`` and
  ``multibox_detection``,
* ours: ``anchors``, ``targets`` and ``detect`` of ``d2lutils.boxes``,

for the same anchors, boxes and outputs, takes medians of the processor time and
writes ``benchmarks/detection.md``. The outputs are those of a detector that is right
but for noise, so that the suppression has work to do. An epoch of the detector of
section 9.7 stands beside the bare limit, its steps on batches that are ready.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks import medians, setting, write
from d2lutils import boxes, detection

RESULT = Path(__file__).with_suffix(".md")
NUM_IMAGES, NUM_BOXES, SIZE = 32, 10, (120, 160)
MAPS = (((15, 20), (10.0, 16.0, 24.0)), ((8, 10), (28.0, 40.0, 56.0)))
LR = 0.002
NOISE = 2.0  # of a logit; the right class has 6 more than the others


def smears() -> tuple[Tensor, Tensor]:
    """Return ten boxes each of 32 images, and their labels."""
    _, found, labels = boxes.cells(*SIZE)["train"]
    enough = (labels >= 0).sum(dim=1) >= NUM_BOXES
    return (
        found[enough][:NUM_IMAGES, :NUM_BOXES],
        labels[enough][:NUM_IMAGES, :NUM_BOXES],
    )


def our_anchors() -> Tensor:
    return torch.cat([boxes.anchors(SIZE, grid, sizes) for grid, sizes in MAPS])


def outputs(grid: Tensor, found: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits (32, n, 4) and offsets (32, n, 4) that are right but for noise."""
    classes, offsets = boxes.targets(grid, found, labels)
    right = 6.0 * torch.nn.functional.one_hot(classes, len(boxes.CLASSES) + 1)
    return right + NOISE * torch.randn(right.shape), offsets


def calls() -> dict[str, dict[str, Callable[[], object]]]:
    """Return what is timed: for each task, both sides."""
    import d2l.torch as peer

    found, labels = smears()
    height, width = SIZE
    unit = torch.tensor([width, height, width, height])
    grid = our_anchors()
    logits, offsets = outputs(grid, found, labels)
    rows = torch.cat([labels[..., None].float(), found / unit], dim=-1)
    probabilities = logits.softmax(dim=-1).transpose(1, 2).contiguous()
    flat = offsets.flatten(1)  # the peer scales them as we do

    def peer_anchors() -> Tensor:
        return torch.cat(
            [
                peer.multibox_prior(
                    torch.empty(1, 1, *cells), [size / height for size in sizes], [1]
                )
                for cells, sizes in MAPS
            ],
            dim=1,
        )

    relative = (grid / unit)[None]
    return {
        "anchors": {"peer": peer_anchors, "ours": our_anchors},
        "targets": {
            "peer": lambda: peer.multibox_target(relative, rows),
            "ours": lambda: boxes.targets(grid, found, labels),
        },
        "detections": {
            "peer": lambda: peer.multibox_detection(probabilities, flat, relative),
            "ours": lambda: [
                boxes.detect(image, offset, grid)
                for image, offset in zip(logits, offsets, strict=True)
            ],
        },
    }


def measure(repeats: int) -> list[str]:
    """Return a row for each task, and one for all of them."""
    table, total = [], {"peer": 0.0, "ours": 0.0}
    for task, sides in calls().items():
        found = medians(sides, repeats)
        table.append(row(task, found))
        total = {side: total[side] + found[side] for side in total}
    return [*table, row("all three", total)]


def epoch(net: detection.TinySSD, ready: list[tuple[Tensor, Tensor]]) -> None:
    """Train on batches that are ready, and do nothing else."""
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, fused=True)
    for X, y in ready:
        loss = detection.ssd_loss(net(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def training(repeats: int) -> dict[str, float]:
    """Return the seconds of an epoch: ours, and the bare limit."""
    net = detection.TinySSD(image=SIZE)
    batches = detection.mirrored_batches(boxes.cells(*SIZE)["train"], net.anchors)
    ready = list(batches)
    return medians(
        {
            "ours": lambda: detection.train(net, batches, 1, LR),
            "bare limit": lambda: epoch(net, ready),
        },
        repeats,
    )


def row(task: str, seconds: dict[str, float]) -> str:
    times = (f"{1000 * seconds[side]:.1f} ms" for side in ("peer", "ours"))
    ratio = seconds["peer"] / seconds["ours"]
    return "| " + " | ".join([task, *times, f"{ratio:.1f}"]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    torch.manual_seed(0)
    number = len(our_anchors())
    spent = training(repeats)
    text = [
        "# Anchors, targets and detections",
        "",
        f"{setting()}. {NUM_IMAGES} images of {SIZE[1]} x {SIZE[0]} pixels with "
        f"{NUM_BOXES} boxes each, {number} anchors. Medians of {repeats} interleaved "
        "repeats, processor milliseconds. Peer: d2l 1.0.3.",
        "",
        "| task | peer | ours | peer / ours |",
        "| --- | --- | --- | --- |",
        *measure(repeats),
        "",
        f"An epoch of the detector, {spent['ours']:.2f} s, takes "
        f"{spent['ours'] / spent['bare limit']:.2f} times the bare limit, its steps on "
        "batches that are ready.",
    ]
    write(RESULT, text)


if __name__ == "__main__":
    main()
