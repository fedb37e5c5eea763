"""Anchors, offsets and suppression against torchvision and the peer course."""

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.nn import functional as F
from torchvision import ops
from torchvision.models.detection._utils import BoxCoder, SSDMatcher
from torchvision.models.detection.anchor_utils import AnchorGenerator

from d2lutils import boxes as d2lboxes
from d2lutils.boxes import decode, detect, encode, iou, match, nms, targets, to_centers

seeds = st.integers(0, 2**32 - 1)
counts = st.integers(1, 12)
thresholds = st.floats(0.1, 0.9)


@pytest.fixture
def peer():
    return pytest.importorskip("d2l.torch")


def drawn(seed, *shape, image=(120, 160), largest=60.0):
    """Return random boxes within an image, none of them empty."""
    height, width = image
    generator = torch.Generator().manual_seed(seed)
    size = 1 + (largest - 1) * torch.rand(*shape, 2, generator=generator)
    space = torch.tensor([width, height]) - size
    low = space * torch.rand(*shape, 2, generator=generator)
    return torch.cat([low, low + size], dim=-1)


def labelled(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, shape, generator=generator)


def best_pairs(overlap, threshold):
    """Match the slow way: overlap (m, n) of boxes and anchors."""
    best, box = overlap.max(dim=0)
    matched, overlap = torch.where(best >= threshold, box, -1), overlap.clone()
    while overlap.max() > 0:
        row, column = divmod(overlap.argmax().item(), overlap.shape[1])
        matched[column] = row
        overlap[row], overlap[:, column] = 0, 0
    return matched


# --- anchors


@given(
    image=st.tuples(st.integers(20, 400), st.integers(20, 400)),
    grid=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    sizes=st.lists(st.floats(2, 200), min_size=1, max_size=3),
    ratios=st.lists(st.floats(0.2, 5), min_size=1, max_size=3),
)
def test_anchors_have_area_ratio_and_place_in_pixels(image, grid, sizes, ratios):
    made = to_centers(d2lboxes.anchors(image, grid, sizes, ratios)).double()
    x, y, w, h = made.reshape(*grid, len(sizes), len(ratios), 4).unbind(-1)
    (height, width), (rows, columns) = image, grid
    for i, j in ((0, 0), (rows - 1, 0), (0, columns - 1), (rows // 2, columns // 2)):
        near = pytest.approx((j + 0.5) * width / columns, abs=1e-3)
        assert (x[i, j].min().item(), x[i, j].max().item()) == (near, near)
        near = pytest.approx((i + 0.5) * height / rows, abs=1e-3)
        assert (y[i, j].min().item(), y[i, j].max().item()) == (near, near)
    size = torch.tensor(sizes).double()[:, None]
    assert torch.allclose((w * h).sqrt(), size.expand_as(w), atol=1e-2)
    ratio = torch.tensor(ratios).double()
    assert torch.allclose(w / h, ratio.expand_as(w), rtol=1e-2)


@given(
    grid=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    stride=st.tuples(st.integers(1, 32), st.integers(1, 32)),
    sizes=st.lists(st.integers(1, 100), min_size=1, max_size=3),
    ratios=st.lists(st.floats(0.2, 5), min_size=1, max_size=3),
)
def test_anchors_are_those_of_torchvision_half_a_cell_further(
    grid, stride, sizes, ratios
):
    """Its ratios are heights over widths, its corners are rounded."""
    image = grid[0] * stride[0], grid[1] * stride[1]
    ours = d2lboxes.anchors(image, grid, sizes, ratios)
    maker = AnchorGenerator((tuple(sizes),), (tuple(1 / r for r in ratios),))
    theirs = maker.grid_anchors([grid], [stride])[0]
    theirs = theirs.reshape(-1, len(ratios), len(sizes), 4).transpose(1, 2)
    half_a_cell = torch.tensor([stride[1], stride[0]] * 2) / 2
    apart = ours - (theirs.reshape(-1, 4) + half_a_cell)
    assert apart.abs().max() < 0.501


@pytest.mark.parametrize("image", [(120, 160), (120, 120), (90, 240)])
def test_anchors_of_the_peer_are_right_where_cells_are_square(peer, image):
    """It measures in heights, and its squares are squares of a square cell."""
    height, width = image
    theirs = peer.multibox_prior(torch.zeros(1, 1, 6, 8), [0.5], [2.0])[0]
    theirs = theirs * torch.tensor([width, height] * 2)
    ours = d2lboxes.anchors(image, (6, 8), [0.5 * height], [2.0])
    assert torch.allclose(to_centers(theirs)[:, :2], to_centers(ours)[:, :2])
    _, _, w, h = to_centers(theirs).T
    cell = (width / 8) / (height / 6)  # its width over its height
    assert torch.allclose(w / h, torch.full_like(w, 2.0 * cell))
    assert torch.allclose(theirs, ours, atol=1e-3) == (cell == 1)


def test_the_peer_does_not_combine_all_sizes_with_all_ratios(peer):
    theirs = peer.multibox_prior(torch.zeros(1, 1, 2, 2), [0.5, 0.2], [1, 2, 0.5])
    ours = d2lboxes.anchors((2, 2), (2, 2), [1, 0.4], [1, 2, 0.5])
    assert (theirs.shape[1], len(ours)) == (4 * (2 + 3 - 1), 4 * 2 * 3)


# --- assignment


@given(seed=seeds, n=st.integers(1, 60), m=counts, threshold=thresholds)
def test_match_makes_the_best_pairs_first(seed, n, m, threshold):
    anchors, boxes = drawn(seed, n), drawn(seed + 1, m)
    matched = match(anchors, boxes, torch.zeros(m, dtype=torch.int64), threshold)
    assert torch.equal(matched, best_pairs(iou(boxes, anchors), threshold))


@given(seed=seeds, m=counts)
def test_each_box_that_can_keeps_an_anchor(seed, m):
    anchors = d2lboxes.anchors((120, 160), (6, 8), (15, 40))
    boxes = drawn(seed, m)
    matched = match(anchors, boxes, torch.zeros(m, dtype=torch.int64))
    free = (iou(boxes, anchors) > 0) & (matched < 0)
    has = (matched == torch.arange(m)[:, None]).any(dim=1)
    assert (has | ~free.any(dim=1)).all()


@given(seed=seeds, images=st.integers(1, 4), m=counts)
def test_a_batch_is_matched_as_its_images_are(seed, images, m):
    anchors = d2lboxes.anchors((120, 160), (4, 5), (20, 50))
    boxes, labels = drawn(seed, images, m), labelled(seed, images, m)
    labels[0, m // 2 :] = -1  # rows that hold no box
    together = targets(anchors, boxes, labels)
    for i in range(images):
        number = (labels[i] >= 0).sum()
        alone = targets(anchors, boxes[i, :number], labels[i, :number])
        assert all(torch.equal(t[i], a) for t, a in zip(together, alone, strict=True))


def test_equal_overlaps_end():
    same = torch.tensor([[0.0, 0, 4, 4]]).repeat(3, 1)
    labels = torch.zeros(3, dtype=torch.int64)
    assert match(same, same, labels).tolist() == [0, 1, 2]
    assert match(same[:2], same, labels).tolist() == [0, 1]


def test_no_box_is_all_background():
    anchors = drawn(0, 5)
    for shape in ((0,), (2, 0)):
        labels = torch.zeros(shape, dtype=torch.int64)
        classes, offsets = targets(anchors, torch.zeros(*shape, 4), labels)
        assert classes.shape == (*shape[:-1], 5)
        assert not classes.any() and not offsets.any()


def test_a_box_without_area_is_not_matched():
    point = torch.tensor([[5.0, 5, 5, 5]])
    classes, offsets = targets(torch.tensor([[0.0, 0, 9, 9]]), point, torch.tensor([1]))
    assert classes.tolist() == [0] and offsets.tolist() == [[0, 0, 0, 0]]


@given(seed=seeds, m=counts)
def test_match_is_torchvision_s_where_no_anchor_is_the_best_of_two(seed, m):
    """Its SSD gives each box its best anchor, the last box winning."""
    anchors, boxes = d2lboxes.anchors((120, 160), (9, 12), (15, 40)), drawn(seed, m)
    overlap = iou(boxes, anchors)
    theirs = SSDMatcher(0.5)(overlap)
    ours = match(anchors, boxes, torch.zeros(m, dtype=torch.int64))
    if len(overlap.argmax(dim=1).unique()) == m:
        assert torch.equal(ours, theirs.clamp(min=-1))
    assert (ours >= 0).sum() >= (theirs >= 0).sum()


def shared():
    """Return two boxes with the same best anchor, and the anchors."""
    anchors = torch.tensor([[0.0, 0, 20, 20], [20, 0, 40, 20], [40, 0, 60, 20]])
    return torch.tensor([[2.0, 0, 22, 20], [7, 0, 27, 20]]), anchors


def test_torchvision_s_ssd_lets_a_box_lose_its_anchor():
    boxes, anchors = shared()
    theirs = SSDMatcher(0.5)(iou(boxes, anchors))
    ours = match(anchors, boxes, torch.zeros(2, dtype=torch.int64))
    assert 0 not in theirs.tolist()
    assert ours.tolist() == [0, 1, -1]


@given(seed=seeds, n=st.integers(40, 80), m=counts)
def test_targets_are_those_of_the_peer_where_all_overlap(seed, n, m):
    peer = pytest.importorskip("d2l.torch")
    anchors, boxes, labels = drawn(seed, n), drawn(seed + 1, m), labelled(seed, m)
    matched = match(anchors, boxes, labels)
    assume(len(matched[matched >= 0].unique()) == m)
    table = torch.cat([labels[:, None].float(), boxes], dim=1)[None]
    offsets, mask, classes = peer.multibox_target(anchors[None], table)
    assert torch.equal(matched, peer.assign_anchor_to_bbox(boxes, anchors, "cpu"))
    our_classes, our_offsets = targets(anchors, boxes, labels)
    assert torch.equal(our_classes, classes[0])
    assert torch.equal(our_classes > 0, mask.reshape(n, 4)[:, 0] > 0)
    assert torch.allclose(our_offsets, offsets.reshape(n, 4), atol=1e-3)


def test_the_peer_matches_a_box_to_an_anchor_that_it_does_not_overlap(peer):
    anchors = torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30]])
    boxes = torch.tensor([[50.0, 50, 60, 60]])
    assert match(anchors, boxes, torch.tensor([0])).tolist() == [-1, -1]
    assert 0 in peer.assign_anchor_to_bbox(boxes, anchors, "cpu").tolist()


def test_the_peer_overwrites_a_match_where_boxes_outnumber_anchors(peer):
    anchors = torch.tensor([[0.0, 0, 10, 10]])
    boxes = torch.tensor([[0.0, 0, 10, 8], [0, 0, 10, 9.5]])
    assert match(anchors, boxes, torch.tensor([0, 0])).tolist() == [1]
    assert peer.assign_anchor_to_bbox(boxes, anchors, "cpu").tolist() == [0]


# --- offsets


@given(seed=seeds, n=counts)
def test_offsets_decode_to_the_box_that_they_were_encoded_from(seed, n):
    boxes, anchors = drawn(seed, n), drawn(seed + 1, n)
    assert torch.allclose(decode(encode(boxes, anchors), anchors), boxes, atol=1e-3)
    assert torch.equal(encode(anchors, anchors), torch.zeros(n, 4))


@given(seed=seeds, n=counts)
def test_offsets_are_those_of_torchvision_and_the_peer(seed, n):
    boxes, anchors = drawn(seed, n), drawn(seed + 1, n)
    coder = BoxCoder((10.0, 10.0, 5.0, 5.0))
    ours = encode(boxes, anchors)
    assert torch.allclose(ours, coder.encode_single(boxes, anchors), atol=1e-3)
    theirs = coder.decode_single(ours, anchors)
    assert torch.allclose(decode(ours, anchors), theirs, atol=1e-3)
    peer = pytest.importorskip("d2l.torch")
    assert torch.allclose(ours, peer.offset_boxes(anchors, boxes), atol=1e-2)
    theirs = peer.offset_inverse(anchors, ours)
    assert torch.allclose(decode(ours, anchors), theirs, atol=1e-3)


@given(seed=seeds, n=counts, shift=st.floats(-50, 50), scale=st.floats(0.25, 4))
def test_offsets_do_not_change_with_the_picture_s_place_and_scale(
    seed, n, shift, scale
):
    boxes, anchors = drawn(seed, n), drawn(seed + 1, n)
    moved = encode(scale * boxes + shift, scale * anchors + shift)
    assert torch.allclose(encode(boxes, anchors), moved, atol=1e-2)


# --- suppression


@given(seed=seeds, n=st.integers(0, 40), threshold=thresholds, ties=st.booleans())
def test_suppression_is_torchvision_s(seed, n, threshold, ties):
    boxes = drawn(seed, n)
    scores = torch.rand(n, generator=torch.Generator().manual_seed(seed))
    if ties:
        scores = (4 * scores).round() / 4
    kept = nms(boxes, scores, threshold)
    assert kept.tolist() == ops.nms(boxes, scores, threshold).tolist()


@given(seed=seeds, n=st.integers(1, 40), threshold=thresholds)
def test_suppression_is_the_peer_s(seed, n, threshold):
    peer = pytest.importorskip("d2l.torch")
    boxes = drawn(seed, n)
    scores = torch.rand(n, generator=torch.Generator().manual_seed(seed))
    kept = nms(boxes, scores, threshold)
    assert kept.tolist() == peer.nms(boxes, scores, threshold).long().tolist()


@given(seed=seeds, n=st.integers(1, 40), threshold=thresholds)
def test_each_class_suppresses_its_own(seed, n, threshold):
    anchors = drawn(seed, n)
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(n, 4, generator=generator)
    offsets = torch.randn(n, 4, generator=generator)
    found = detect(logits, offsets, anchors, threshold, min_score=0.2, most=1000)
    scores, boxes = logits.softmax(dim=1)[:, 1:], decode(offsets, anchors)
    assert (found.scores.diff() <= 0).all()
    for label in range(3):
        sure = scores[:, label] > 0.2
        kept = nms(boxes[sure], scores[sure, label], threshold)
        mine = found.labels == label
        assert torch.equal(found.scores[mine], scores[sure, label][kept])
        assert torch.equal(found.boxes[mine], boxes[sure][kept])


def test_background_suppresses_nothing():
    """Three anchors in one place: a sure cell, a surer background, another class."""
    anchors = torch.tensor([[0.0, 0, 20, 20], [0, 0, 20, 21], [0, 0, 21, 20]])
    logits = torch.tensor([[0.0, 3, 0, 0], [9, 0, 0, 0], [0, 0, 4, 0]])
    found = detect(logits, torch.zeros(3, 4), anchors)
    assert found.labels.tolist() == [1, 0]
    assert torch.allclose(found.boxes, anchors[[2, 0]])


def test_detections_beside_those_of_the_peer(peer):
    """The peer suppresses across classes, and keeps the best class of an anchor."""
    anchors = torch.tensor([[0.0, 0, 20, 20], [0, 0, 20, 21], [50, 50, 70, 70]])
    logits = torch.tensor([[0.0, 3, 0], [0, 0, 5], [0, 4, 0]])
    offsets = torch.tensor([[1.0, 0, 0, 1], [0, 0, 0, 0], [0, -1, 1, 0]])
    ours = detect(logits, offsets, anchors, min_score=0.5)
    theirs = peer.multibox_detection(
        logits.softmax(dim=1).T[None], offsets.reshape(1, -1), anchors[None]
    )[0]
    theirs = theirs[theirs[:, 0] >= 0]
    assert ours.labels.tolist() == [1, 0, 0]
    assert theirs[:, 0].tolist() == [1, 0]  # the first anchor fell to another class
    assert torch.allclose(ours.scores[:2], theirs[:, 1])
    assert torch.allclose(ours.boxes[:2], theirs[:, 2:], atol=1e-3)


def test_right_outputs_give_back_the_boxes():
    boxes, labels = drawn(3, 6, largest=30.0), labelled(3, 6)
    boxes[:, 0::2] += 0.1 * torch.arange(6)[:, None]
    anchors = d2lboxes.anchors((120, 160), (15, 20), (12, 25))
    classes, offsets = targets(anchors, boxes, labels)
    found = detect(20.0 * F.one_hot(classes, 4), offsets, anchors)
    overlap = iou(boxes, found.boxes) * (labels[:, None] == found.labels)
    assert (overlap.amax(dim=0) > 0.999).all()
    lost = overlap.amax(dim=1) < 0.999
    same = (labels[:, None] == labels) & ~torch.eye(6, dtype=torch.bool)
    assert (iou(boxes, boxes) * same).amax(dim=1)[lost].gt(0.5).all()
