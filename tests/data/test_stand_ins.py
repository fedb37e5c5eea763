"""Stand-ins: the forms that readers promise, the same each time, learnable."""

import lzma
from io import StringIO

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from d2lutils.data.stand_ins import drawn
from d2lutils.data.stand_ins.garments import draw_garments
from tools.stand_ins.__main__ import FOLDER, contents


def nearest(features: Tensor, labels: Tensor, unseen: Tensor) -> Tensor:
    """Return the label of the nearest class mean, in standardized features."""
    mean, spread = features.mean(0), features.std(0) + 1e-6
    features, unseen = (features - mean) / spread, (unseen - mean) / spread
    kinds = labels.unique()
    means = torch.stack([features[labels == kind].mean(0) for kind in kinds])
    return kinds[torch.cdist(unseen, means).argmin(1)]


def accuracy(features: Tensor, labels: Tensor, num_train: int) -> float:
    """Return the accuracy of class means on all but the first examples."""
    guess = nearest(features[:num_train], labels[:num_train], features[num_train:])
    return (guess == labels[num_train:]).float().mean().item()


# files


@pytest.fixture(scope="module")
def shipped() -> dict[str, str]:
    return {
        path.stem: lzma.decompress(path.read_bytes()).decode()
        for path in FOLDER.glob("*.xz")
    }


def test_files_are_what_their_generators_make(shipped):
    assert shipped == contents()


def test_all_files_together_are_small():
    sizes = [f.stat().st_size for f in FOLDER.iterdir() if f.suffix != ".py"]
    assert sum(sizes) <= 300_000


def test_houses_have_the_columns_and_the_gaps_of_the_real_tables(shipped):
    train, test = (
        pd.read_csv(StringIO(shipped[f"kaggle_house_pred_{split}.csv"]))
        for split in ("train", "test")
    )
    assert train.shape == (1460, 81)
    assert list(test) == list(train)[:-1]
    assert len(test) == 1459
    assert test["Id"][0] == len(train) + 1
    missing = train.isna().mean()
    assert missing["PoolQC"] > 0.9
    assert missing["LotFrontage"] > 0.1
    assert missing["SalePrice"] == 0
    quality = np.corrcoef(train["OverallQual"], np.log(train["SalePrice"]))[0, 1]
    assert 0.6 < quality < 0.95


def test_a_plane_explains_half_of_the_airfoil_and_bends_explain_more(shipped):
    table = np.loadtxt(StringIO(shipped["airfoil_self_noise.dat"]))
    assert table.shape == (1503, 6)
    X, y = table[:, :5], table[:, 5]
    X = (X - X.mean(0)) / X.std(0)
    one = np.ones((len(X), 1))
    bent = np.log(table[:, :1]) * np.array([1, np.log(table[:, 4]).mean()])

    def explained(*features: np.ndarray) -> float:
        A = np.hstack([one, *features])
        rest = y - A @ np.linalg.lstsq(A, y, rcond=None)[0]
        return 1 - rest.var() / y.var()

    plane, more = explained(X), explained(X, X**2, X[:, :1] * X[:, 1:], bent**2)
    assert 0.3 < plane < 0.7
    assert more > plane + 0.15


# pictures


def test_garments():
    X, y, X_test, y_test = drawn.fashion_mnist()
    assert X.shape == (60_000, 1, 28, 28)
    assert X_test.shape == (10_000, 1, 28, 28)
    assert X.dtype == X_test.dtype == torch.uint8
    assert y.dtype == y_test.dtype == torch.int64
    assert len(y) == 60_000
    assert torch.cat([y, y_test]).bincount().tolist() == [7000] * 10
    guess = nearest(X[:5000].flatten(1).float(), y[:5000], X_test.flatten(1).float())
    assert 0.5 < (guess == y_test).float().mean() < 0.85
    small, again = draw_garments(600, seed=3), draw_garments(600, seed=3)
    assert np.array_equal(small[0], again[0])
    assert np.array_equal(small[1], again[1])
    assert not np.array_equal(small[0], draw_garments(600, seed=4)[0])


def test_smears():
    smears = drawn.bccd()
    assert {k: len(v) for k, v in smears.items()} == {
        "train": 205,
        "val": 87,
        "test": 72,
    }
    colours, labels = [], []
    for image, boxes, kinds in (s for split in smears.values() for s in split):
        assert image.shape == (3, 480, 640)
        assert image.dtype == torch.uint8
        assert boxes.dtype == torch.float32
        assert boxes.shape == (len(kinds), 4)
        assert kinds.dtype == torch.int64
        assert (boxes[:, :2] >= 0).all()
        assert (boxes[:, 2:] <= torch.tensor([640, 480])).all()
        assert (boxes[:, 2:] - boxes[:, :2] > 10).all()
        for (left, top, right, bottom), kind in zip(boxes.int(), kinds, strict=True):
            part = image[:, top:bottom, left:right].float()
            colours.append(torch.cat([part.mean((1, 2)), part.std((1, 2))]))
            labels.append(kind)
    kinds = torch.stack(labels)
    shares = kinds.bincount() / len(kinds)
    assert shares[1] > 0.8
    assert shares.min() > 0.05
    assert accuracy(torch.stack(colours), kinds, len(kinds) // 2) > 0.9
    again = drawn._smear(np.random.default_rng(0))
    assert all(map(torch.equal, again, smears["train"][0]))


def test_white_cells():
    images, masks, labels = drawn.wbc()
    assert len(images) == len(masks) == len(labels) == 300
    assert labels.bincount().tolist() == [176, 53, 48, 22, 1]
    for image, mask in zip(images, masks, strict=True):
        assert image.shape == (3, *mask.shape)
        assert image.dtype == mask.dtype == torch.uint8
        assert mask.unique().tolist() == [0, 1, 2]
        assert 112 <= min(mask.shape) <= max(mask.shape) <= 120
    pixels = torch.cat([image.flatten(1).T[::50] for image in images]).float()
    kinds = torch.cat([mask.flatten()[::50] for mask in masks])
    assert 0.55 < (kinds == 0).float().mean() < 0.75
    assert accuracy(pixels, kinds, len(kinds) // 2) > 0.85
    areas = torch.stack([m.flatten().bincount(minlength=3)[1:] for m in masks])
    colours = torch.stack(
        [i[:, m == 1].float().mean(1) for i, m in zip(images, masks, strict=True)]
    )
    assert accuracy(torch.cat([areas, colours], 1), labels, 200) > 0.8
    again = drawn.wbc()
    assert all(map(torch.equal, [*images, *masks], [*again[0], *again[1]]))


def test_insects():
    splits = drawn.hymenoptera()
    features, labels = [], []
    for split, sizes in (("train", [124, 121]), ("val", [70, 83])):
        images, kinds = splits[split]
        assert kinds.bincount().tolist() == sizes
        assert {tuple(i.shape) for i in images} == {(3, 333, 500), (3, 375, 500)}
        assert {i.dtype for i in images} == {torch.uint8}
        for image in images:
            red, green, blue = image.flatten(1).long() // 64
            shares = (16 * red + 4 * green + blue).bincount(minlength=64)
            features.append((shares + 10).log())
        labels.append(kinds)
    assert 0.75 < accuracy(torch.stack(features), torch.cat(labels), 245) < 1
    again = drawn._insects(np.random.default_rng(0), *drawn._ANT)
    assert torch.equal(again, splits["train"][0][0])


def test_paintings_and_photographs():
    pictures = drawn.style()
    assert set(pictures) == {
        *("starry_night", "shipwreck", "the_scream"),
        *("golden_gate", "hoovertowernight", "tubingen"),
    }
    assert pictures["starry_night"].shape == (3, 640, 1024)
    for picture in pictures.values():
        assert picture.dtype == torch.uint8
        assert picture.flatten(1).float().std(1).min() > 15
    cat = drawn.photograph("chelsea")
    assert cat.shape == (3, 400, 600)
    assert torch.equal(cat, drawn.photograph("chelsea"))
    assert not torch.equal(cat, drawn.photograph("coffee"))
