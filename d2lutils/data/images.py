"""Readers of the sets of pictures."""

import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from d2lutils.batches import Batches
from d2lutils.data.loading import load

FASHION_CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
NUM_TRAIN, NUM_TEST = 60_000, 10_000
PHOTOGRAPHS = {  # height and width
    **dict.fromkeys(("astronaut", "brick", "camera", "grass", "gravel"), (512, 512)),
    **{"chelsea": (300, 451), "coffee": (400, 600), "coins": (303, 384)},
    **{"retina": (1411, 1411), "rocket": (427, 640)},
}


class ImageData(NamedTuple):
    """Images, uint8 (n, 1, 28, 28), and labels, int64 (n,), of 0 to 9."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    is_real: bool


def fashion_mnist() -> ImageData:
    """Return Fashion-MNIST: 60,000 training and 10,000 test images.

    Where no source answers, drawn garments of the same shapes and classes
    stand in for them, and one printed line says so. Explained in section 3.5;
    Xiao, Rasul and Vollgraf (2017), arXiv 1708.07747.
    """

    def read(paths: list[Path]) -> ImageData:
        X, y, X_test, y_test = map(read_idx, paths)
        return ImageData(
            X.unsqueeze(1), y.long(), X_test.unsqueeze(1), y_test.long(), True
        )

    return load(
        "fashion-mnist", read, lambda: ImageData(*_drawn().fashion_mnist(), False)
    )


def load_fashion_mnist(
    batch_size: int = 256,
    num_train: int | None = None,
    num_test: int | None = None,
    size: int = 28,
) -> tuple[Batches, Batches]:
    """Return Fashion-MNIST as training and test batches (section 3.5).

    Images arrive as float32 (batch, 1, size, size) of 0 to 1, labels as int64
    (batch,). Training batches are shuffled; test batches hold at least 1000.

    Args:
        batch_size: images in a training batch.
        num_train: only the first so many of the 60,000 training images.
        num_test: only the first so many of the 10,000 test images.
        size: height and width, in pixels, that the images are brought to.

    Raises:
        ValueError: a size that is no int or outside its range.
    """
    _check_size("batch_size", batch_size, NUM_TRAIN)
    _check_size("size", size, 1024)
    for name, number, most in (
        ("num_train", num_train, NUM_TRAIN),
        ("num_test", num_test, NUM_TEST),
    ):
        if number is not None:
            _check_size(name, number, most)
    data = fashion_mnist()
    train = Batches(
        _resized(data.train_images[:num_train], size),
        data.train_labels[:num_train],
        batch_size=batch_size,
        shuffle=True,
        transform=_to_unit_range,
    )
    test = Batches(
        _resized(data.test_images[:num_test], size),
        data.test_labels[:num_test],
        batch_size=max(batch_size, 1000),
        transform=_to_unit_range,
    )
    return train, test


def _check_size(name: str, size: int, most: int) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= most:
        raise ValueError(f"{name}: expected an int from 1 to {most}, got {size!r}")


def _resized(images: Tensor, size: int) -> Tensor:
    """Return uint8 images of another size, interpolated a thousand at a time."""
    if images.shape[-1] == size:
        return images
    parts = (
        F.interpolate(part.float(), (size, size), mode="bilinear", antialias=True)
        for part in images.split(1000)
    )
    return torch.cat([part.round_().to(torch.uint8) for part in parts])


def _to_unit_range(X: Tensor) -> Tensor:
    return X.to(torch.float32).div_(255)


def read_idx(path: Path) -> Tensor:
    """Return the uint8 tensor that a file in IDX format holds.

    Raises:
        ValueError: not an IDX file of bytes, or cut off.
    """
    content = np.fromfile(path, dtype=np.uint8)
    if len(content) < 4 or content[:3].tolist() != [0, 0, 8] or content[3] == 0:
        raise ValueError(f"{path}: expected an IDX file of bytes")
    start = 4 + 4 * int(content[3])
    if len(content) < start:
        raise ValueError(f"{path}: its header is cut off")
    shape = content[4:start].view(">u4").tolist()
    if len(content) != start + math.prod(shape):
        raise ValueError(
            f"{path}: its header says shape {tuple(shape)}, "
            f"but {len(content) - start} bytes follow"
        )
    return torch.from_numpy(content[start:]).reshape(shape)


def _drawn() -> ModuleType:
    from d2lutils.data.stand_ins import drawn

    return drawn


def _pixels(path: Path, mode: str = "RGB") -> Tensor:
    """Return a picture as uint8, (3, h, w), or (h, w) with the mode "L"."""
    from PIL import Image

    with Image.open(path) as image:
        X = torch.from_numpy(np.array(image.convert(mode)))
    return X.permute(2, 0, 1).contiguous() if X.ndim == 3 else X


def bccd() -> dict[str, list[tuple[Tensor, Tensor, Tensor]]]:
    """Return blood smears by split: train 205, val 87, test 72.

    Each is an image, uint8 (3, 480, 640), boxes, float32 (n, 4), corners left,
    top, right, bottom in pixels, and labels, int64 (n,): 0 white cell, 1 red
    cell, 2 platelet.
    """
    names = ("WBC", "RBC", "Platelets")

    def read(paths: list[Path]) -> dict[str, list[tuple[Tensor, Tensor, Tensor]]]:
        at = {path.name: path for path in paths}

        def example(name: str) -> tuple[Tensor, Tensor, Tensor]:
            cells = ElementTree.parse(at[f"{name}.xml"]).findall("object")
            sides = ("xmin", "ymin", "xmax", "ymax")
            boxes = [[float(c.findtext(f"bndbox/{s}")) for s in sides] for c in cells]
            labels = [names.index(cell.findtext("name")) for cell in cells]
            return (
                _pixels(at[f"{name}.jpg"]),
                torch.tensor(boxes).reshape(-1, 4),
                torch.tensor(labels, dtype=torch.int64),
            )

        return {
            split: [example(name) for name in at[f"{split}.txt"].read_text().split()]
            for split in ("train", "val", "test")
        }

    return load("bccd", read, lambda: _drawn().bccd())


def wbc() -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Return 300 white blood cells: images, masks, labels.

    Images are uint8 (3, h, w), masks uint8 (h, w): 0 background, 1 cytoplasm,
    2 nucleus; labels int64 (300,) of 0 to 4. Zheng et al. (2018).
    """

    def read(paths: list[Path]) -> tuple[list[Tensor], list[Tensor], Tensor]:
        (table,) = (path for path in paths if path.suffix == ".csv")
        rows = [line.split(",") for line in table.read_text().split()[3:]]
        labels = [int(label) - 1 for _, label in rows]
        images = [_pixels(path) for path in paths if path.suffix == ".bmp"]
        masks = [_pixels(path, "L") for path in paths if path.suffix == ".png"]
        return (
            images,
            [(mask.int() + 1).div(128).byte() for mask in masks],
            torch.tensor(labels),
        )

    return load("wbc", read, lambda: _drawn().wbc())


def hymenoptera() -> dict[str, tuple[list[Tensor], Tensor]]:
    """Return ants and bees by split, train and val: images and labels.

    Images are uint8 (3, h, w), labels int64 (n,): 0 ants, 1 bees.
    """

    def read(paths: list[Path]) -> dict[str, tuple[list[Tensor], Tensor]]:
        splits = {}
        for split in ("train", "val"):
            part = [path for path in paths if path.parent.parent.name == split]
            labels = [("ants", "bees").index(path.parent.name) for path in part]
            splits[split] = [_pixels(path) for path in part], torch.tensor(labels)
        return splits

    return load("hymenoptera", read, lambda: _drawn().hymenoptera())


def style_images() -> dict[str, Tensor]:
    """Return three paintings and three views by name, uint8 (3, h, w)."""
    return load(
        "style",
        lambda paths: {path.stem: _pixels(path) for path in paths},
        lambda: _drawn().style(),
    )


def photograph(name: str) -> Tensor:
    """Return a photograph of scikit-image, uint8 (3, h, w).

    In colour: "astronaut" (512 x 512), "chelsea" (a cat, 300 x 451), "coffee"
    (400 x 600), "retina" (1411 x 1411), "rocket" (427 x 640). In grey: "brick",
    "camera", "grass", "gravel" (512 x 512), "coins" (303 x 384).

    Raises:
        ValueError: there is none of this name.
    """
    if name not in PHOTOGRAPHS:
        names = ", ".join(PHOTOGRAPHS)
        raise ValueError(f"name: expected one of {names}, got {name!r}")
    return load(
        "photographs",
        lambda paths: _pixels(next(path for path in paths if path.stem == name)),
        lambda: _drawn().photograph(name, PHOTOGRAPHS[name]),
    )


def efficientnet_lite0() -> dict[str, Tensor]:
    """Return the weights of EfficientNet-Lite0, trained on ImageNet, by name.

    Tan and Le (2019). There is no stand-in: knowledge cannot be made up.

    Raises:
        DataUnavailable: no source answers.
    """

    def read(paths: list[Path]) -> dict[str, Tensor]:
        return torch.load(paths[0], map_location="cpu", weights_only=True)

    return load("efficientnet-lite0", read)
