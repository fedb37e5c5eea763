"""The small single-shot detector: rows, anchors, losses."""

import pytest
import torch
from torch.nn import functional as F

from d2lutils import boxes, detection


@pytest.fixture
def example():
    """Return outputs and targets of two images, the first with one match."""
    torch.manual_seed(0)
    output = torch.randn(2, 20, 8)
    classes = torch.zeros(2, 20, dtype=torch.int64)
    classes[0, 3], classes[1, 5:9] = 2, 1
    offsets = torch.randn(2, 20, 4) * (classes > 0).unsqueeze(-1)
    return output, detection.pack(classes, offsets), classes, offsets


@pytest.mark.parametrize("image", [(120, 160), (100, 90)])
def test_each_row_sees_what_lies_around_its_anchor(image):
    net = detection.TinySSD(2, image).eval()
    X = torch.rand(1, 3, *image, requires_grad=True)
    output = net(X)
    assert output.shape == (1, len(net.anchors), 7)
    for i in range(0, len(net.anchors), 101):
        (gradient,) = torch.autograd.grad(output[0, i].sum(), X, retain_graph=True)
        y, x = gradient[0].abs().sum(0).nonzero().T
        a, b = boxes.to_centers(net.anchors[i])[:2].tolist()
        assert x.min() <= a <= x.max() + 1
        assert y.min() <= b <= y.max() + 1
        assert len(x) <= 79 * 79


def test_negatives_are_the_hardest_and_at_most_three_for_each_match():
    losses = torch.arange(20.0).expand(2, 20)
    matched = torch.zeros(2, 20, dtype=torch.bool)
    matched[0, 18] = True
    matched[1, :10] = True
    chosen = detection.hard_negatives(losses, matched)
    assert chosen[0].nonzero().flatten().tolist() == [16, 17, 19]
    assert torch.equal(chosen[1], ~matched[1]), "all there are"


def test_the_loss_is_that_of_the_equation(example):
    output, y, classes, offsets = example
    total, matches = 0.0, 5
    for i in range(2):
        losses = F.cross_entropy(output[i, :, :4], classes[i], reduction="none")
        found = classes[i] > 0
        hard = losses[~found].sort(descending=True).values[: 3 * found.sum()]
        z = (output[i, :, 4:] - offsets[i])[found].abs()
        total += losses[found].sum() + hard.sum()
        total += torch.where(z < 1, z**2 / 2, z - 0.5).sum()
    assert torch.allclose(detection.ssd_loss(output, y), total / matches)


def test_images_without_objects_have_a_loss_of_zero(example):
    output, y, *_ = example
    y = torch.zeros_like(y)
    y[..., 0] = 1
    assert detection.ssd_loss(output, y) == 0


def test_a_mirror_image_of_a_mirror_image():
    images = torch.arange(24, dtype=torch.uint8).reshape(1, 1, 4, 6)
    corners = torch.tensor([[[0.0, 1, 2, 3]]])
    flipped, moved = detection.flip(images, corners)
    assert moved.tolist() == [[[4, 1, 6, 3]]]
    back, where = detection.flip(flipped, moved)
    assert torch.equal(back, images)
    assert torch.equal(where, corners)


def test_it_learns_a_square():
    torch.manual_seed(0)
    images = torch.zeros(8, 3, 120, 160, dtype=torch.uint8)
    corners, labels = torch.zeros(8, 1, 4), torch.zeros(8, 1, dtype=torch.int64)
    for i in range(8):
        left, top = 10 + 14 * i, 20 + 8 * i
        images[i, :, top : top + 28, left : left + 28] = 255
        corners[i, 0] = torch.tensor([left, top, left + 28, top + 28])
    net = detection.TinySSD(1)
    classes, offsets = boxes.targets(net.anchors, corners, labels)
    batches = [(images / 255, detection.pack(classes, offsets, 1))]
    history = detection.train(net, batches, 30, 0.01)
    assert history["train_loss"][-1] < 0.3 * history["train_loss"][0]
    found = detection.predict(net, images)
    assert boxes.average_precision(found, corners, labels, 1)[0] > 0.8
