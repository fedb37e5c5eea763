"""A small single-shot detector, its loss and its training (section 9.7).

Liu et al. (2016), arXiv 1512.02325. Outputs and targets have a row for each anchor
box: the classes, the background first, and then four offsets.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from d2lutils import boxes
from d2lutils.batches import Batches
from d2lutils.environment import device
from d2lutils.training import History, Measure, fit

SIZES = ((10, 16, 24), (28, 40, 56))  # of anchors, in pixels, at the strides 8 and 16


def conv_block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Return a 3 x 3 convolution, batch normalization and ReLU (section 9.7)."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def body(channels: Sequence[int] = (8, 16, 32, 64, 64)) -> nn.ModuleList:
    """Return the two stages of a network, which end at the strides 8 and 16."""
    c1, c2, c3, c4, c5 = channels
    first = nn.Sequential(
        conv_block(3, c1, 2), conv_block(c1, c2, 2), conv_block(c2, c3, 2),
        conv_block(c3, c4),
    )  # fmt: skip
    return nn.ModuleList([first, conv_block(c4, c5, 2)])


class TinySSD(nn.Module):
    """Two stages, each with a head for classes and one for boxes (section 9.7).

    Args:
        num_classes: kinds of objects, the background not counted.
        image: height and width of the images, in pixels.

    Attributes:
        anchors: corners in pixels, shape (a, 4).
    """

    def __init__(self, num_classes: int = 3, image: tuple[int, int] = (120, 160)):
        super().__init__()
        self.stages = body()
        self.class_heads, self.box_heads = nn.ModuleList(), nn.ModuleList()
        tiles, X = [], torch.zeros(1, 3, *image)
        for stage, sizes in zip(self.stages, SIZES, strict=True):
            X, k = stage(X), len(sizes)
            c = X.shape[1]
            self.class_heads.append(nn.Conv2d(c, k * (1 + num_classes), 3, padding=1))
            self.box_heads.append(nn.Conv2d(c, k * 4, 3, padding=1))
            tiles.append(boxes.anchors(image, X.shape[2:], sizes))
        self.register_buffer("anchors", torch.cat(tiles))

    def forward(self, X: Tensor) -> Tensor:
        """Take (n, 3, height, width); return (n, a, 1 + num_classes + 4)."""
        rows = []
        heads = zip(self.class_heads, self.box_heads, strict=True)
        for stage, sizes, pair in zip(self.stages, SIZES, heads, strict=True):
            X = stage(X)
            maps = [head(X).permute(0, 2, 3, 1) for head in pair]
            parts = [m.unflatten(-1, (len(sizes), -1)).flatten(1, 3) for m in maps]
            rows.append(torch.cat(parts, dim=-1))
        return torch.cat(rows, dim=1)


def hard_negatives(losses: Tensor, found: Tensor, ratio: float = 3) -> Tensor:
    """Choose the anchors without an object that have the largest losses (9.7).

    Args:
        losses: of the class of each anchor, shape (n, a).
        found: whether the anchor has an object, bool (n, a).
        ratio: anchors to choose in an image for each that has an object.

    Returns:
        Bool, shape (n, a).
    """
    number = ratio * found.sum(dim=1, keepdim=True)
    order = losses.masked_fill(found, -1).argsort(dim=1, descending=True)
    return (order.argsort(dim=1) < number) & ~found


def ssd_loss(
    output: Tensor,
    y: Tensor,
    negatives: Callable[[Tensor, Tensor], Tensor] = hard_negatives,
) -> Tensor:
    """Return the losses of classes and of boxes, over the number of matches (9.7).

    Args:
        output: scores of the classes and offsets, shape (n, a, 1 + k + 4).
        y: what ``pack`` returns, the same shape.
        negatives: chooses the anchors without an object that count.
    """
    found = y[..., 0] == 0
    losses = F.cross_entropy(
        output[..., :-4].flatten(0, 1), y[..., :-4].flatten(0, 1), reduction="none"
    ).reshape(found.shape)
    chosen = found | negatives(losses.detach(), found)
    box_loss = F.smooth_l1_loss(
        output[..., -4:][found], y[..., -4:][found], reduction="sum"
    )
    return (losses[chosen].sum() + box_loss) / found.sum().clamp(min=1)


def pack(classes: Tensor, offsets: Tensor, num_classes: int = 3) -> Tensor:
    """Return targets of ``boxes.targets`` as one tensor (n, a, 1 + k + 4) (9.7).

    Each row is the class as an indicator vector, and then the offsets.
    """
    return torch.cat([F.one_hot(classes, 1 + num_classes), offsets], dim=-1)


def mirrored_batches(
    split: tuple[Tensor, Tensor, Tensor], anchors: Tensor, batch_size: int = 16
) -> Batches:
    """Return images and their mirror images, with targets, in batches (section 9.7).

    Args:
        split: images, boxes and labels as ``boxes.cells`` returns them.
        anchors: shape (a, 4).
        batch_size: images in a batch.
    """
    images, corners, labels = split
    left, top, right, bottom = corners.unbind(dim=-1)
    width = images.shape[-1]
    mirrored = torch.stack([width - right, top, width - left, bottom], dim=-1)
    X = torch.cat([images, images.flip(-1)])
    y = torch.cat(
        [pack(*boxes.targets(anchors, b, labels)) for b in (corners, mirrored)]
    )
    return Batches(X, y, batch_size=batch_size, shuffle=True, transform=unit_range)


def unit_range(X: Tensor) -> Tensor:
    """Return uint8 images as float32 of 0 to 1."""
    return X.float() / 255


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
