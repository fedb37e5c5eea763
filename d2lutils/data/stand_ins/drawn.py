"""Drawn stand-ins: what the readers of the same names return of the real pictures.

All but the garments are made of soft ellipses: cells and their nuclei, insects,
trees, strokes of a brush. The same pictures come out every time.
"""

import math
import zlib

import numpy as np
import torch
from torch import Tensor

from d2lutils.data.stand_ins.canvas import Picture
from d2lutils.data.stand_ins.garments import draw_garments


def fashion_mnist() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return 60,000 training images and labels, and 10,000 test images and labels."""
    images, labels = map(torch.from_numpy, draw_garments(70_000, seed=0))
    images = images.unsqueeze(1)
    return images[:60_000], labels[:60_000], images[60_000:], labels[60_000:]


def bccd() -> dict[str, list[tuple[Tensor, Tensor, Tensor]]]:
    """Return blood smears, boxes and labels by split."""
    rng = np.random.default_rng(0)
    sizes = {"train": 205, "val": 87, "test": 72}
    return {split: [_smear(rng) for _ in range(n)] for split, n in sizes.items()}


def wbc() -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Return images of white blood cells, masks and labels."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(5), (176, 53, 48, 22, 1)))
    images, masks = [], []
    for kind in labels:
        height, width = rng.choice((112, 116, 120, 120, 120, 120), 2)
        picture = Picture(rng, (0.96, 0.92, 0.62, 0), 0.02, height, width)
        for _ in range(rng.integers(3, 9)):  # red cells, pale, and platelets
            size = rng.uniform(12, 22) if rng.random() < 0.8 else rng.uniform(3, 6)
            colour = (0.88, 0.8, 0.6, 0) if size > 9 else (0.6, 0.3, 0.5, 0)
            picture.ellipse(rng.uniform(0, (width, height)), (size, size), 0, colour)
        middle = rng.normal((width / 2, height / 2), 5)
        picture.white_cell(middle, rng.uniform(33, 42), kind, blue=0.45)
        images.append(picture.develop())
        masks.append(torch.from_numpy(np.rint(picture.pixels[3]).astype(np.uint8)))
    return images, masks, torch.from_numpy(labels)


def hymenoptera() -> dict[str, tuple[list[Tensor], Tensor]]:
    """Return images of insects and labels by split."""
    rng = np.random.default_rng(0)
    splits = {}
    for split, sizes in {"train": (122, 121), "val": (70, 83)}.items():
        labels = np.repeat([0, 1], sizes)
        images = [_insects(rng, *(_ANT, _BEE)[label]) for label in labels]
        splits[split] = images, torch.from_numpy(labels)
    return splits


def style() -> dict[str, Tensor]:
    """Return three paintings and three views by name, uint8 (3, h, w)."""
    views = {"golden_gate": (734, 979), "hoovertowernight": (400, 760)}
    views["tubingen"] = (768, 1024)
    return {name: _painting(*_PAINTINGS[name]) for name in _PAINTINGS} | {
        name: photograph(name, size) for name, size in views.items()
    }


def photograph(name: str, size: tuple[int, int]) -> Tensor:
    """Return a landscape of its own for every name, uint8 (3, h, w)."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    height, width = size
    sky = Picture(rng, (0.35, 0.5, 0.8), 0.06, height, width)
    sky.pixels += np.linspace(0, 0.4, height, dtype=np.float32)[:, None]
    sky.ellipse(rng.uniform(0, (width, height / 3)), (22, 22), 0, (1, 1, 0.8))
    for y in np.sort(rng.uniform(0.5, 1.1, 40)):  # a hill with a tree on it
        x, green = rng.uniform(0, width), sky.near((0.2, 0.42 * y, 0.15), 0.05)
        for down, over, high, colour in (
            (0.1, 0.3, 0.1, green),
            (0.0, 0.01, 0.1, (0.3, 0.2, 0.12)),
            (-0.1, 0.05, 0.07, green * 0.7),
        ):
            radii = y * width * over, y * width * high
            sky.ellipse((x, y * (height + down * width)), radii, 0, colour)
    return sky.develop()


def _smear(rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Draw red cells, a white one over them, and platelets."""
    picture = Picture(rng, (0.83, 0.86, 0.85), 0.04, 480, 640)
    red = picture.near((0.8, 0.64, 0.64), 0.03)
    labels = np.repeat((1, 0, 2), (rng.poisson(11), 1, rng.poisson(1)))
    boxes, places = [], np.empty((0, 2))
    for label in labels:
        tries = rng.uniform((20, 20), (620, 460), (30, 2))
        free = (np.linalg.norm(tries[:, None] - places, axis=2) > 90).all(1)
        place = tries[free.argmax()]  # the first, where none is free
        places, angle = np.vstack((places, place)), rng.uniform(0, math.pi)
        if label == 0:
            kind, radius = rng.integers(5), rng.uniform(70, 115)
            boxes.append(picture.white_cell(place, radius, kind, blue=0.85))
        elif label == 1:
            radii = rng.uniform(42, 60, 2)
            boxes.append(picture.ellipse(place, radii, angle, picture.near(red, 0.02)))
            picture.ellipse(place, radii * 0.4, angle, red + 0.1)
        else:
            radii = rng.uniform(14, 25, 2)
            boxes.append(picture.ellipse(place, radii, angle, (0.6, 0.5, 0.75)))
    corners = torch.tensor(boxes, dtype=torch.float32)
    return picture.develop(), corners, torch.from_numpy(labels)


# body, dark parts, wings; then the parts, head to the right: place along and
# across the body (in half bodies; off the axis means on both sides), radii,
# angle, ink, strength
_ANT = (
    ((0.45, 0.22, 0.12), (0.16, 0.09, 0.07)),
    (
        (0.32, 0.30, 0.32, 0.022, 1.0, 1, 1),  # legs
        (0.18, 0.32, 0.32, 0.022, 1.6, 1, 1),
        (0.04, 0.30, 0.32, 0.022, 2.1, 1, 1),
        (0.92, 0.16, 0.25, 0.020, 0.6, 1, 1),  # antennae
        (-0.55, 0, 0.38, 0.24, 0, 1, 1),
        (-0.12, 0, 0.08, 0.06, 0, 0, 1),
        (0.20, 0, 0.28, 0.12, 0, 0, 1),
        (0.62, 0, 0.20, 0.17, 0, 0, 1),
    ),
)
_BEE = (
    ((0.78, 0.55, 0.18), (0.17, 0.12, 0.06), (0.85, 0.86, 0.9)),
    (
        (0.40, 0.32, 0.22, 0.035, 1.0, 1, 1),  # legs
        (0.05, 0.36, 0.22, 0.035, 2.0, 1, 1),
        (0.85, 0.12, 0.18, 0.025, 0.5, 1, 1),  # antennae
        (-0.35, 0, 0.50, 0.30, 0, 0, 1),
        (-0.10, 0, 0.05, 0.25, 0, 1, 1),  # stripes
        (-0.33, 0, 0.05, 0.29, 0, 1, 1),
        (-0.56, 0, 0.05, 0.25, 0, 1, 1),
        (0.28, 0, 0.28, 0.27, 0, 0, 1),
        (0.28, 0, 0.20, 0.19, 0, 1, 0.6),
        (0.64, 0, 0.16, 0.20, 0, 1, 1),
        (-0.10, 0.40, 0.55, 0.17, 2.7, 2, 0.55),  # wings
    ),
)


def _insects(rng: np.random.Generator, inks: tuple, parts: tuple) -> Tensor:
    """Draw one to three insects among stones and leaves."""
    picture = Picture(rng, (0.6, 0.6, 0.5), 0.17, rng.choice((333, 375)), 500)
    for _ in range(6):
        place, radii = rng.uniform(0, (500, 375)), rng.uniform(30, 140, 2)
        leaf = picture.near((0.5, 0.55, 0.4), 0.2)
        picture.ellipse(place, radii, rng.uniform(0, math.pi), leaf, 0.7)
    for _ in range(rng.integers(1, 4)):
        size, turn = rng.uniform(30, 120), rng.uniform(0, 2 * math.pi)
        middle, own = (
            rng.uniform((90, 70), (410, 270)),
            [picture.near(i, 0.12) for i in inks],
        )
        cos, sin = size * math.cos(turn), size * math.sin(turn)
        for u, v, a, b, angle, ink, strength in parts:
            for side in (1, -1) if v else (1,):
                off = cos * u - sin * v * side, sin * u + cos * v * side
                slant = turn + side * angle
                radii = size * a, size * b
                picture.ellipse(np.add(middle, off), radii, slant, own[ink], strength)
    return picture.develop()


# height and width, colours from top to bottom, how much the strokes whirl
_PAINTINGS = {
    "starry_night": (640, 1024, ((25, 50, 130), (75, 130, 200), (15, 25, 65)), 1.0),
    "shipwreck": (662, 960, ((90, 85, 75), (190, 180, 140), (50, 45, 25)), 0.25),
    "the_scream": (1528, 1200, ((215, 100, 40), (230, 165, 75), (40, 50, 90)), 0.5),
}


def _painting(height: int, width: int, colours: tuple, whirl: float) -> Tensor:
    """Paint strokes of a brush along a stream that whirls round a few lights."""
    rng, colours = np.random.default_rng(height), np.array(colours) / 255
    picture = Picture(rng, colours[2], 0, height, width)
    lights = rng.uniform(0, (width, height), (5, 2))
    for x, y in rng.uniform(0, (width, height), (height * width // 150, 2)):
        off = (x, y) - lights
        near = np.exp(-np.linalg.norm(off, axis=1) / (0.15 * width))
        right, down = 6 * whirl * (near @ off) / width
        angle = math.atan2(right, 1 - down) + rng.normal(0, 0.1)
        level = 2 * y / height
        shares = np.maximum(1 - np.abs(level - np.arange(3)), 0)
        colour = (0.95, 0.85, 0.45) if near.max() > 0.8 else shares @ colours
        radii = rng.uniform(10, 26), 3.5
        picture.ellipse((x, y), radii, angle, picture.near(colour, 0.07), 0.85)
    return picture.develop()
