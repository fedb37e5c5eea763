"""Semantic segmentation: a class for every pixel (sections 9.9 and 9.10)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from d2lutils import data

CLASSES = ("background", "cytoplasm", "nucleus")
NUM_TRAIN = 200


class Masked(NamedTuple):
    """Images, uint8 (n, 3, size, size), and masks, int64 (n, size, size), of 0 to 2."""

    images: Tensor
    masks: Tensor


def cells(size: int = 120) -> tuple[Masked, Masked]:
    """Return the cells of ``d2l.data.wbc``, 200 to train on and 100 held out.

    Built in section 9.9.

    Args:
        size: height and width, in pixels, that every image is brought to. A pixel of
            a mask takes the class of the nearest pixel.
    """
    images, masks, _ = data.wbc()
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    X = torch.cat(
        [F.interpolate(images[i][None], (size, size), mode="bilinear") for i in order]
    )
    Y = torch.cat([F.interpolate(masks[i][None, None], (size, size)) for i in order])
    Y = Y[:, 0].long()
    return (
        Masked(X[:NUM_TRAIN], Y[:NUM_TRAIN]),
        Masked(X[NUM_TRAIN:], Y[NUM_TRAIN:]),
    )


def confusion(predicted: Tensor, true: Tensor, num_classes: int) -> Tensor:
    """Count pixels by their true class (row) and the predicted one (section 9.9).

    Args:
        predicted, true: integers of 0 to num_classes - 1, of equal shape.

    Returns:
        Int64, shape (num_classes, num_classes).
    """
    pair = true.flatten() * num_classes + predicted.flatten()
    return torch.bincount(pair, minlength=num_classes**2).view(num_classes, -1)


def class_iou(counts: Tensor) -> Tensor:
    """Return the intersection over union of each class (section 9.9).

    Args:
        counts: as ``confusion`` returns them, summed over all images.

    Returns:
        Float32, shape (num_classes,); NaN for a class that is nowhere.
    """
    both = counts.diagonal()
    return both / (counts.sum(0) + counts.sum(1) - both)


@torch.inference_mode()
def predict(net: nn.Module, X: Tensor, batch_size: int = 50) -> Tensor:
    """Return the most probable class of each pixel (section 9.9).

    Args:
        net: from images to scores, shape (n, classes, h, w); in evaluation mode after.
        X: images, float32 (n, 3, h, w).
    """
    net.eval()
    return torch.cat([net(part).argmax(dim=1) for part in X.split(batch_size)])
