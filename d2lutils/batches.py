"""Mini-batches of tensors that are held in memory (section 3.5)."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor


class Batches:
    """The rows of ``X`` and ``y`` in mini-batches.

    One shuffled index an epoch and plain row look-ups: no worker processes
    and no Python code for each example. Every pass over the object is one epoch;
    the last batch may be smaller. The order comes from torch's global
    generator, so ``torch.manual_seed`` fixes it. Built in section 3.5.

    Args:
        X: features, shape (n, ...), any dtype.
        y: targets, shape (n, ...), on the same device.
        batch_size: rows in a batch, at least 1.
        shuffle: a new random order in every epoch.
        transform: applied to every batch of ``X``, for example to scale
            uint8 images to float32, or to augment them.

    Raises:
        TypeError: ``X`` or ``y`` is not a tensor.
        ValueError: no rows, unequal numbers of rows, a wrong batch size.
    """

    def __init__(
        self,
        X: Tensor,
        y: Tensor,
        batch_size: int,
        shuffle: bool = False,
        transform: Callable[[Tensor], Tensor] | None = None,
    ):
        for name, value in (("X", X), ("y", y)):
            if not isinstance(value, Tensor):
                raise TypeError(f"{name}: expected a tensor, got {type(value)}")
            if value.ndim == 0 or len(value) == 0:
                raise ValueError(
                    f"{name}: expected at least one row, got shape {tuple(value.shape)}"
                )
        if len(X) != len(y):
            raise ValueError(
                f"X and y: expected equally many rows, got {len(X)} and {len(y)}"
            )
        if isinstance(batch_size, bool) or not isinstance(batch_size, int):
            raise ValueError(f"batch_size: expected an int, got {batch_size!r}")
        if batch_size < 1:
            raise ValueError(f"batch_size: expected at least 1, got {batch_size}")
        self.X, self.y = X, y
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.transform = transform

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return -(-len(self.y) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        if self.shuffle:
            order = torch.randperm(len(self.y), device=self.y.device)
            batches = (
                (self.X.index_select(0, i), self.y.index_select(0, i))
                for i in order.split(self.batch_size)
            )
        else:
            batches = zip(
                self.X.split(self.batch_size),
                self.y.split(self.batch_size),
                strict=True,
            )
        for X, y in batches:
            yield (X if self.transform is None else self.transform(X)), y

    def to(self, device: torch.device | str) -> "Batches":
        """Return the same batches with their rows on ``device``."""
        return Batches(
            self.X.to(device),
            self.y.to(device),
            self.batch_size,
            self.shuffle,
            self.transform,
        )
