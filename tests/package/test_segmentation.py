"""Counts of pixels, what is made of them, and the cells that they belong to."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from d2lutils import segmentation


@given(seed=st.integers(0, 999), num_classes=st.integers(1, 5))
def test_counts_and_iou_are_those_of_sets_of_pixels(seed, num_classes):
    generator = torch.Generator().manual_seed(seed)
    predicted, true = torch.randint(num_classes, (2, 3, 6, 7), generator=generator)
    counts = segmentation.confusion(predicted, true, num_classes)
    assert counts.sum() == true.numel()
    for label, value in enumerate(segmentation.class_iou(counts)):
        mine, its = predicted == label, true == label
        assert counts[label].sum() == its.sum()
        if (mine | its).any():
            assert torch.isclose(value, (mine & its).sum() / (mine | its).sum())
        else:
            assert value.isnan()


def test_cells_are_split_without_overlap_and_masks_keep_their_classes():
    train, test = segmentation.cells(60)
    assert train.images.shape == (200, 3, 60, 60)
    assert test.masks.shape == (100, 60, 60)
    assert train.masks.unique().tolist() == [0, 1, 2]
    seen, held_out = (
        {image.numpy().tobytes() for image in part.images} for part in (train, test)
    )
    assert not seen & held_out


def test_predict_gives_the_class_of_the_largest_score_in_evaluation_mode():
    net = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.Dropout(0.9))
    nn.init.dirac_(net[0].weight)
    X = torch.rand(7, 3, 4, 5)
    assert torch.equal(segmentation.predict(net, X, 3), X.argmax(dim=1))
