"""A small single-shot detector, its loss and its training (section 9.7).

Liu et al. (2016), arXiv 1512.02325. Outputs and targets have a row for each anchor
box: the classes, the background first, and then four offsets.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from d2lutils import boxes
from d2lutils.batches import Batches
from d2lutils.environment import device
from d2lutils.training import History, Measure, fit

SIZES = {8: (10, 16, 24), 16: (28, 40, 56)}  # of anchors at a stride, in pixels


def conv_block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Return a 3 x 3 convolution, batch normalization and ReLU (section 9.7)."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def body() -> nn.ModuleList:
    """Return two stages with outputs of 64 channels, at the strides 8 and 16 (9.7)."""
    first = nn.Sequential(
        conv_block(3, 8, stride=2),
        conv_block(8, 16, stride=2),
        conv_block(16, 32, stride=2),
        conv_block(32, 64),
    )
    return nn.ModuleList([first, conv_block(64, 64, stride=2)])


class Head(nn.Module):
    """Convolutions that say class and offsets of the anchors of a cell (section 9.7).

    Args:
        channels: of the input.
        num_anchors: in each cell.
        num_classes: kinds of objects, the background not counted.
    """

    def __init__(self, channels: int, num_anchors: int, num_classes: int):
        super().__init__()
        k = self.num_anchors = num_anchors
        self.classes = nn.Conv2d(channels, k * (1 + num_classes), 3, padding=1)
        self.offsets = nn.Conv2d(channels, k * 4, 3, padding=1)

    def forward(self, X: Tensor) -> Tensor:
        """Take (n, channels, h, w); return (n, h * w * anchors, 1 + classes + 4)."""
        rows = []
        for maps in (self.classes(X), self.offsets(X)):
            depth = maps.shape[1] // self.num_anchors
            rows.append(maps.permute(0, 2, 3, 1).reshape(len(X), -1, depth))
        return torch.cat(rows, dim=-1)


class TinySSD(nn.Module):
    """A detector of two stages, each with a head (section 9.7).

    Args:
        num_classes: kinds of objects, the background not counted.
        image: height and width of the images, in pixels.

    Attributes:
        anchors: corners in pixels, shape (a, 4).
    """

    def __init__(self, num_classes: int = 3, image: tuple[int, int] = (120, 160)):
        super().__init__()
        self.stages, self.heads, tiles = body(), nn.ModuleList(), []
        for stride, sizes in SIZES.items():
            grid = [math.ceil(side / stride) for side in image]
            tiles.append(boxes.anchors(image, grid, sizes))
            self.heads.append(Head(64, len(sizes), num_classes))
        self.register_buffer("anchors", torch.cat(tiles))

    def forward(self, X: Tensor) -> Tensor:
        """Take (n, 3, height, width); return (n, a, 1 + num_classes + 4)."""
        rows = []
        for stage, head in zip(self.stages, self.heads, strict=True):
            X = stage(X)
            rows.append(head(X))
        return torch.cat(rows, dim=1)


def hard_negatives(losses: Tensor, matched: Tensor, ratio: float = 3) -> Tensor:
    """Choose the anchors of background with the largest losses (section 9.7).

    Args:
        losses: of the class of each anchor, shape (n, a).
        matched: whether the anchor has an object, bool (n, a).
        ratio: how many to choose in an image for each matched anchor.

    Returns:
        Bool, shape (n, a).
    """
    number = ratio * matched.sum(dim=1, keepdim=True)
    order = losses.masked_fill(matched, -1).argsort(dim=1, descending=True)
    return (order.argsort(dim=1) < number) & ~matched


def ssd_loss(
    output: Tensor,
    y: Tensor,
    negatives: Callable[[Tensor, Tensor], Tensor] = hard_negatives,
) -> Tensor:
    """Return the losses of classes and boxes over the number of matches (9.7).

    Args:
        output: scores of the classes and offsets, shape (n, a, 1 + k + 4).
        y: what ``pack`` returns, the same shape.
        negatives: chooses the anchors of background that count.
    """
    matched = y[..., 0] == 0
    scores, classes = output[..., :-4], y[..., :-4]
    losses = F.cross_entropy(scores.mT, classes.mT, reduction="none")
    chosen = matched | negatives(losses.detach(), matched)
    offsets, true_offsets = output[..., -4:][matched], y[..., -4:][matched]
    box_loss = F.smooth_l1_loss(offsets, true_offsets, reduction="sum")
    return (losses[chosen].sum() + box_loss) / matched.sum().clamp(min=1)


def pack(classes: Tensor, offsets: Tensor, num_classes: int = 3) -> Tensor:
    """Return targets of ``boxes.targets`` as one tensor (n, a, 1 + k + 4) (9.7).

    A row is the class as an indicator vector, and the offsets after it.
    """
    return torch.cat([F.one_hot(classes, 1 + num_classes), offsets], dim=-1)


def flip(images: Tensor, corners: Tensor) -> tuple[Tensor, Tensor]:
    """Return mirror images, left for right, and their boxes (section 9.7)."""
    left, top, right, bottom = corners.unbind(dim=-1)
    width = images.shape[-1]
    return images.flip(-1), torch.stack(
        [width - right, top, width - left, bottom], dim=-1
    )


def unit_range(X: Tensor) -> Tensor:
    """Return uint8 images as float32 of 0 to 1."""
    return X.float() / 255


def mirrored_batches(
    split: tuple[Tensor, Tensor, Tensor], anchors: Tensor, batch_size: int = 16
) -> Batches:
    """Return images and their mirror images with targets, in batches (section 9.7).

    Args:
        split: images, boxes and labels as ``boxes.cells`` returns them.
        anchors: shape (a, 4).
        batch_size: images in a batch.
    """
    images, corners, labels = split
    pairs = [(images, corners), flip(images, corners)]
    X = torch.cat([images for images, _ in pairs])
    y = torch.cat(
        [pack(*boxes.targets(anchors, corners, labels)) for _, corners in pairs]
    )
    return Batches(X, y, batch_size=batch_size, shuffle=True, transform=unit_range)


def train(
    net: nn.Module,
    batches: Batches,
    num_epochs: int,
    lr: float,
    loss: Measure = ssd_loss,
) -> History:
    """Train a detector with Adam at a rate that falls to zero (section 9.7)."""
    net.to(device())
    optimizer = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
    steps = num_epochs * len(batches)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, steps)
    optimizer.register_step_post_hook(lambda *_: schedule.step())
    return fit(net, batches, None, loss, optimizer, num_epochs)


@torch.inference_mode()
def predict(
    net: nn.Module, images: Tensor, threshold: float = 0.5, min_score: float = 0.05
) -> list[boxes.Detections]:
    """Return what the detector finds in each of the uint8 images (section 9.7).

    Args:
        net: has ``anchors``; afterwards it is in evaluation mode.
        images: shape (n, 3, height, width).
        threshold, min_score: as ``boxes.detect`` takes them.
    """
    net.eval()
    where, found = net.anchors.device, []
    for X in images.split(64):
        for output in net(unit_range(X.to(where))).cpu():
            logits, offsets = output[:, :-4], output[:, -4:]
            found.append(
                boxes.detect(logits, offsets, net.anchors.cpu(), threshold, min_score)
            )
    return found
