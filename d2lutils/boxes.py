"""Boxes in images: overlap, anchors, suppression, average precision (chapter 9).

Boxes are tensors (..., 4), float32, of corners: left, top, right, bottom, in pixels,
where y grows downwards. Of a batch with unequal numbers of boxes, all have as many
rows as the fullest image; the label -1 marks a row that holds none.
"""

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from d2lutils import data

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLASSES = ("white cell", "red cell", "platelet")


def to_centers(boxes: Tensor) -> Tensor:
    """Return centre x, centre y, width and height of boxes (section 9.3)."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return torch.cat([(low + high) / 2, high - low], dim=-1)


def to_corners(boxes: Tensor) -> Tensor:
    """Return the corners of boxes given as ``to_centers`` does (section 9.3)."""
    center, size = boxes[..., :2], boxes[..., 2:]
    return torch.cat([center - size / 2, center + size / 2], dim=-1)


def area(boxes: Tensor) -> Tensor:
    """Return the areas (...) of boxes, in pixels; 0 where one is inside out."""
    width, height = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).unbind(-1)
    return width * height


def iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Return the intersection over union of all pairs (section 9.3).

    Args:
        boxes1: shape (..., n, 4).
        boxes2: shape (..., m, 4).

    Returns:
        Shape (..., n, m), of 0 to 1; 0 where both boxes are empty.
    """
    boxes1, boxes2 = boxes1[..., :, None, :], boxes2[..., None, :, :]
    left1, top1, right1, bottom1 = boxes1.unbind(dim=-1)
    left2, top2, right2, bottom2 = boxes2.unbind(dim=-1)
    width = torch.minimum(right1, right2) - torch.maximum(left1, left2)
    height = torch.minimum(bottom1, bottom2) - torch.maximum(top1, top2)
    intersection = width.clamp(min=0) * height.clamp(min=0)
    union = area(boxes1) + area(boxes2) - intersection
    return intersection / union.clamp(min=1e-9)


def draw(
    ax: "Axes", boxes: Tensor, texts: Sequence[str] = (), color: str = "black"
) -> None:
    """Draw boxes (n, 4) over an image, each with its text above (section 9.3)."""
    from matplotlib.patches import Rectangle

    for box, text in zip_longest(boxes.tolist(), texts, fillvalue=""):
        left, top, right, bottom = box
        place = (left, top), right - left, bottom - top
        ax.add_patch(Rectangle(*place, fill=False, edgecolor=color, linewidth=1.2))
        if text:
            style = {"color": "white", "size": 6, "va": "bottom", "clip_on": True}
            frame = {"facecolor": color, "edgecolor": "none", "pad": 0.8}
            ax.text(left, top, text, bbox=frame, **style)


def anchors(
    image: tuple[int, int],
    grid: tuple[int, int],
    sizes: Sequence[float],
    ratios: Sequence[float] = (1.0,),
) -> Tensor:
    """Return boxes of every size and ratio around the middle of every cell.

    Built in section 9.4; Ren et al. (2015), arXiv 1506.01497.

    Args:
        image: height and width of the image, in pixels.
        grid: rows and columns of cells that cover it.
        sizes: square roots of the areas, in pixels.
        ratios: widths over heights.

    Returns:
        Corners, shape (rows * columns * sizes * ratios, 4), in this order.
    """
    (height, width), (rows, columns) = image, grid
    x = (torch.arange(columns) + 0.5) * width / columns
    y = (torch.arange(rows) + 0.5) * height / rows
    centers = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    root = torch.tensor(ratios).sqrt()
    size = torch.tensor(sizes)[:, None]
    shapes = torch.stack([size * root, size / root], dim=-1).reshape(-1, 2)
    centers = centers.reshape(-1, 1, 2).expand(-1, len(shapes), 2)
    return to_corners(torch.cat([centers, shapes.expand_as(centers)], -1)).flatten(0, 1)


def match(
    anchors: Tensor, boxes: Tensor, labels: Tensor, threshold: float = 0.5
) -> Tensor:
    """Return which box each anchor shall find (section 9.4).

    That is the box with the largest overlap, where it reaches the threshold. Before
    that, pairs of a box and an anchor are made, the best first, so that every box
    keeps an anchor if it overlaps a free one at all.

    Args:
        anchors: shape (n, 4), or (..., n, 4), other ones for each image.
        boxes: shape (..., m, 4).
        labels: shape (..., m), -1 where there is no box.
        threshold: smallest intersection over union of an anchor that is matched.

    Returns:
        Numbers of boxes, int64, shape (..., n), -1 for none.
    """
    num_boxes, num_anchors = labels.shape[-1], anchors.shape[-2]
    if num_boxes == 0:
        return labels.new_full((*labels.shape[:-1], num_anchors), -1)
    overlap = iou(boxes, anchors).masked_fill(labels[..., None] < 0, 0)
    best, box = overlap.max(dim=-2)
    matched = torch.where(best >= threshold, box, -1)
    rows = torch.arange(num_boxes, device=labels.device)[:, None]
    columns = torch.arange(num_anchors, device=labels.device)
    while (overlap > 0).any():
        box = overlap.argmax(dim=-2, keepdim=True)
        anchor = overlap.argmax(dim=-1, keepdim=True)
        pair = (box == rows) & (anchor == columns) & (overlap > 0)
        matched = torch.where(pair.any(dim=-2), box.squeeze(-2), matched)
        taken = pair.any(-2, keepdim=True) | pair.any(-1, keepdim=True)
        overlap = overlap.masked_fill(taken, 0)
    return matched


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Return how each box (..., 4) differs from its anchor (..., 4) (section 9.4).

    The shift of the centre in tenths of the anchor's width and height, the logarithm
    of the ratio of the sizes in fifths; Liu et al. (2016), arXiv 1512.02325.
    """
    boxes, anchors = to_centers(boxes), to_centers(anchors)
    shift = (boxes[..., :2] - anchors[..., :2]) / anchors[..., 2:]
    stretch = torch.log(boxes[..., 2:] / anchors[..., 2:])
    return torch.cat([shift / 0.1, stretch / 0.2], dim=-1)


def decode(offsets: Tensor, anchors: Tensor) -> Tensor:
    """Return the boxes (..., 4) that ``encode`` made the offsets of (section 9.4)."""
    anchors = to_centers(anchors)
    center = anchors[..., :2] + 0.1 * offsets[..., :2] * anchors[..., 2:]
    size = anchors[..., 2:] * torch.exp(0.2 * offsets[..., 2:])
    return to_corners(torch.cat([center, size], dim=-1))


def targets(
    anchors: Tensor, boxes: Tensor, labels: Tensor, threshold: float = 0.5
) -> tuple[Tensor, Tensor]:
    """Return what a detector shall say of each anchor (section 9.4).

    Args:
        anchors, boxes, labels, threshold: as ``match`` takes them.

    Returns:
        Classes, int64 (..., n), 0 for the background and 1 more than the label of
        the box else; offsets, float32 (..., n, 4), 0 for the background.
    """
    matched = match(anchors, boxes, labels, threshold)[..., None]
    boxes = F.pad(boxes, (0, 0, 1, 0))  # a row for the background in front
    labels = F.pad(labels, (1, 0), value=-1)
    classes = labels.gather(-1, matched[..., 0] + 1) + 1
    mine = boxes.gather(-2, (matched + 1).expand(*matched.shape[:-1], 4))
    return classes, torch.where(matched < 0, 0, encode(mine, anchors))


def nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Return which boxes remain when the better ones suppress their likes.

    Non-maximum suppression (section 9.4). ``torchvision.ops.nms`` is the same.

    Args:
        boxes: shape (n, 4), of one class.
        scores: shape (n,).
        threshold: a box goes if it overlaps a better one by more than this.

    Returns:
        Numbers of the boxes that are kept, int64, the best first.
    """
    rest = scores.argsort(descending=True, stable=True)
    kept = rest[:0]
    while len(rest) > 0:
        best, rest = rest[:1], rest[1:]
        kept = torch.cat([kept, best])
        rest = rest[iou(boxes[best], boxes[rest])[0] <= threshold]
    return kept


class Detections(NamedTuple):
    """What a detector finds in one image, the surest first.

    Boxes, float32 (n, 4), labels, int64 (n,), and scores, float32 (n,), of 0 to 1.
    """

    boxes: Tensor
    labels: Tensor
    scores: Tensor


def detect(
    logits: Tensor,
    offsets: Tensor,
    anchors: Tensor,
    threshold: float = 0.5,
    min_score: float = 0.05,
    most: int = 100,
) -> Detections:
    """Turn the outputs for the anchors of one image into detections (section 9.4).

    Args:
        logits: shape (n, 1 + classes), the background first.
        offsets: shape (n, 4), as ``encode`` makes them.
        anchors: shape (n, 4).
        threshold: of the suppression, which each class does for itself.
        min_score: smallest probability of a detection.
        most: number of detections that are kept at most.
    """
    from torchvision.ops import batched_nms

    scores = logits.softmax(dim=-1)[:, 1:]
    anchor, labels = (scores > min_score).nonzero(as_tuple=True)
    scores = scores[anchor, labels]
    boxes = decode(offsets[anchor], anchors[anchor])
    kept = batched_nms(boxes, scores, labels, threshold)[:most]
    return Detections(boxes[kept], labels[kept], scores[kept])


def hits(found: Tensor, boxes: Tensor, threshold: float = 0.5) -> Tensor:
    """Tell which of the boxes found, the surest first, are right (section 9.7).

    Each is compared with the true boxes that no surer one has taken, and takes the
    one that it overlaps most, if that reaches the threshold.

    Args:
        found: shape (n, 4).
        boxes: the true boxes, shape (m, 4).
        threshold: smallest intersection over union of a hit.

    Returns:
        Shape (n,), bool.
    """
    overlap = F.pad(iou(found, boxes), (0, 1))  # the last column is no box
    right = torch.zeros(len(found), dtype=torch.bool)
    for i in range(len(found)):
        best, box = overlap[i].max(dim=0)
        if best >= threshold:
            right[i] = True
            overlap[:, box] = -1  # taken
    return right


def precisions(right: Tensor, total: int) -> Tensor:
    """Return the interpolated precision at the recalls 0, 0.01, ..., 1 (section 9.7).

    Args:
        right: whether a detection is right, the surest first, bool (n,).
        total: number of true boxes, at least 1.

    Returns:
        At each recall the best precision that is reached at this or a larger one, 0
        where none is; float64, shape (101,).
    """
    number = right.double().cumsum(0)
    precision = number / torch.arange(1, len(number) + 1)
    best = precision.flip(0).cummax(0).values.flip(0)
    recalls = torch.arange(101, dtype=torch.float64) * 0.01
    first = torch.searchsorted(number / total, recalls)
    return F.pad(best, (0, 1))[first]


def average_precision(
    detections: Sequence[Detections],
    boxes: Tensor | Sequence[Tensor],
    labels: Tensor | Sequence[Tensor],
    num_classes: int,
    threshold: float = 0.5,
) -> Tensor:
    """Return the average precision of each class over all images (section 9.7).

    The mean of the interpolated precision at the 101 recalls 0, 0.01, ..., 1, as
    COCO defines it; Lin et al. (2014), arXiv 1405.0312.

    Args:
        detections: what was found in each image, the surest first, on the CPU.
        boxes: the true boxes of each image, shape (m, 4).
        labels: their labels, shape (m,), -1 where there is no box.
        num_classes: labels are less than this.
        threshold: smallest intersection over union of a hit.

    Returns:
        Float64, shape (num_classes,); NaN for a class that no image has.

    Raises:
        ValueError: the numbers of images differ.
    """
    averages = torch.full((num_classes,), torch.nan, dtype=torch.float64)
    for label in range(num_classes):
        right, scores, total = [], [], 0
        for found, true, kinds in zip(detections, boxes, labels, strict=True):
            mine, true = found.labels == label, true[kinds == label]
            right.append(hits(found.boxes[mine], true, threshold))
            scores.append(found.scores[mine])
            total += len(true)
        if total > 0:
            order = torch.cat(scores).argsort(descending=True, stable=True)
            right = torch.cat(right)[order]
            averages[label] = precisions(right, total).mean()
    return averages


def pad(boxes: Sequence[Tensor], labels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Put boxes (m, 4) and labels (m,) of n images into two tensors (section 9.6).

    Returns:
        Boxes, shape (n, most, 4), and labels, shape (n, most), -1 where an image has
        no box any more.
    """
    return (
        pad_sequence(list(boxes), batch_first=True),
        pad_sequence(list(labels), batch_first=True, padding_value=-1),
    )


def cells(
    height: int = 120, width: int = 160
) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    """Return the blood smears of ``d2l.data.bccd`` at a size of their own.

    Built in section 9.6.

    Returns:
        For train, val and test: images, uint8 (n, 3, height, width), boxes, float32
        (n, most, 4), in their pixels, and labels, int64 (n, most), -1 for none.
    """
    splits = {}
    for split, examples in data.bccd().items():
        images, boxes, labels = zip(*examples, strict=True)
        images = torch.stack(images)
        scale = torch.tensor([width / images.shape[3], height / images.shape[2]] * 2)
        small = F.interpolate(images, (height, width), mode="bilinear", antialias=True)
        boxes, labels = pad(boxes, labels)
        splits[split] = small, boxes * scale, labels
    return splits
