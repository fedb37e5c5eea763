"""Mini-batches of tensors that are held in memory (section 3.5)."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor


class Batches:
    """The rows of some tensors in mini-batches: inputs first, the target last.

    One shuffled index an epoch and plain row look-ups: no worker processes
    and no Python code for each example. Every pass over the object is one epoch;
    the last batch may be smaller. The order comes from torch's global
    generator, so ``torch.manual_seed`` fixes it. Built in section 3.5.

    Args:
        tensors: for example features ``X``, shape (n, ...), and targets ``y``,
            shape (n, ...); any dtypes, all on one device.
        batch_size: rows in a batch, at least 1.
        shuffle: a new random order in every epoch.
        transform: applied to the first tensor of every batch, for example to
            scale uint8 images to float32, or to augment them.

    Raises:
        TypeError: one of ``tensors`` is not a tensor.
        ValueError: no tensors, no rows, unequal numbers of rows, several
            devices, a wrong batch size.
    """

    def __init__(
        self,
        *tensors: Tensor,
        batch_size: int,
        shuffle: bool = False,
        transform: Callable[[Tensor], Tensor] | None = None,
    ):
        if not tensors:
            raise ValueError("tensors: expected at least one")
        for value in tensors:
            if not isinstance(value, Tensor):
                raise TypeError(f"tensors: expected tensors, got a {type(value)}")
            if value.ndim == 0 or len(value) == 0:
                raise ValueError(
                    "tensors: expected at least one row, "
                    f"got shape {tuple(value.shape)}"
                )
        rows = [len(value) for value in tensors]
        if len(set(rows)) > 1:
            raise ValueError(f"tensors: expected equally many rows, got {rows}")
        devices = sorted({str(value.device) for value in tensors})
        if len(devices) > 1:
            raise ValueError(f"tensors: expected one device, got {devices}")
        if isinstance(batch_size, bool) or not isinstance(batch_size, int):
            raise ValueError(f"batch_size: expected an int, got {batch_size!r}")
        if batch_size < 1:
            raise ValueError(f"batch_size: expected at least 1, got {batch_size}")
        self.tensors = tensors
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.transform = transform

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return -(-len(self.tensors[0]) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        first = self.tensors[0]
        if self.shuffle:
            order = torch.randperm(len(first), device=first.device)
            batches = (
                tuple(value.index_select(0, rows) for value in self.tensors)
                for rows in order.split(self.batch_size)
            )
        else:
            parts = (value.split(self.batch_size) for value in self.tensors)
            batches = zip(*parts, strict=True)
        for batch in batches:
            if self.transform is not None:
                batch = (self.transform(batch[0]), *batch[1:])
            yield batch

    def to(self, device: torch.device | str) -> "Batches":
        """Return the same batches with their rows on ``device``."""
        return Batches(
            *(value.to(device) for value in self.tensors),
            batch_size=self.batch_size,
            shuffle=self.shuffle,
            transform=self.transform,
        )
