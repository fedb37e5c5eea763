"""Fashion-MNIST: 28 x 28 grey pictures of garments in ten classes (section 3.5)."""

import contextlib
import hashlib
import math
import uuid
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from d2lutils.batches import Batches
from d2lutils.data import garments
from d2lutils.data.fetching import cache_folder
from d2lutils.data.standing_in import real_or_stand_in

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
    return real_or_stand_in("fashion-mnist", _read, _stand_in)


def load_fashion_mnist(
    batch_size: int = 256, num_train: int | None = None, num_test: int | None = None
) -> tuple[Batches, Batches]:
    """Return Fashion-MNIST as training and test batches (section 3.5).

    Images arrive as float32 (batch, 1, 28, 28) of 0 to 1, labels as int64
    (batch,). Training batches are shuffled; test batches hold at least 1000.

    Args:
        batch_size: images in a training batch.
        num_train: only the first so many of the 60,000 training images.
        num_test: only the first so many of the 10,000 test images.

    Raises:
        ValueError: a size that is no int or outside its range.
    """
    _check_size("batch_size", batch_size, NUM_TRAIN)
    for name, size, most in (
        ("num_train", num_train, NUM_TRAIN),
        ("num_test", num_test, NUM_TEST),
    ):
        if size is not None:
            _check_size(name, size, most)
    data = fashion_mnist()
    train = Batches(
        data.train_images[:num_train],
        data.train_labels[:num_train],
        batch_size=batch_size,
        shuffle=True,
        transform=_to_unit_range,
    )
    test = Batches(
        data.test_images[:num_test],
        data.test_labels[:num_test],
        batch_size=max(batch_size, 1000),
        transform=_to_unit_range,
    )
    return train, test


def _check_size(name: str, size: int, most: int) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= most:
        raise ValueError(f"{name}: expected an int from 1 to {most}, got {size!r}")


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


def _read(paths: list[Path]) -> ImageData:
    train_images, train_labels, test_images, test_labels = map(read_idx, paths)
    return ImageData(
        train_images.unsqueeze(1),
        train_labels.long(),
        test_images.unsqueeze(1),
        test_labels.long(),
        is_real=True,
    )


def _stand_in() -> ImageData:
    """Return the drawn garments: from the cache folder, or drawn and put there."""
    version = hashlib.sha256(Path(garments.__file__).read_bytes()).hexdigest()[:12]
    kept = cache_folder() / "stand-in" / f"fashion-mnist-{version}.npz"
    try:
        with np.load(kept) as arrays:  # a checksum guards each array
            images, labels = arrays["images"], arrays["labels"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        images, labels = garments.draw_garments(NUM_TRAIN + NUM_TEST, seed=0)
        with contextlib.suppress(OSError):  # no room: draw them again next time
            _keep(kept, images, labels)
    X, y = torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels)
    return ImageData(
        X[:NUM_TRAIN], y[:NUM_TRAIN], X[NUM_TRAIN:], y[NUM_TRAIN:], is_real=False
    )


def _keep(target: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Write the arrays under a temporary name and rename them in one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as out:
            np.savez(out, images=images, labels=labels)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
