"""Readers on the real files, where these are at hand: D2L_DATA_MIRROR, the cache."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor

from d2lutils import data
from d2lutils.data import local
from d2lutils.data.catalogue import find
from d2lutils.data.images import PHOTOGRAPHS
from d2lutils.data.local import locate


def form(value: Any) -> Any:
    """Return types, dtypes and numbers of axes, not sizes."""
    if isinstance(value, Tensor):
        return value.dtype, value.ndim
    if isinstance(value, pd.DataFrame):
        return list(value.columns)
    if isinstance(value, dict):
        return {key: form(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return list, form(value[0])
    if isinstance(value, tuple):
        return tuple(map(form, value))
    return type(value)


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, capsys) -> Callable[[str, Callable], Any]:
    """Read a real data set, and see that its stand-in has the same form."""
    monkeypatch.setenv("D2L_OFFLINE", "1")

    def read(name: str, reader: Callable[[], Any]) -> Any:
        dataset = find(name)
        monkeypatch.delenv("D2L_STAND_IN", raising=False)
        if not all(locate(dataset, file) for file in dataset.files):
            pytest.skip(f"the real {name} is not here: fetch it, or D2L_DATA_MIRROR")
        value = reader()
        assert capsys.readouterr().out == ""
        if dataset.stand_in:
            monkeypatch.setenv("D2L_STAND_IN", "1")
            assert form(reader()) == form(value)
            assert "stand-in" in capsys.readouterr().out
        return value

    return read


def test_houses(real):
    train, test = real("house-prices", data.house_prices)
    assert (train.shape, test.shape) == ((1460, 81), (1459, 80))
    assert train["SalePrice"][0] == 208_500


def test_airfoil(real):
    table = real("airfoil", data.airfoil)
    assert table.shape == (1503, 6)
    first = torch.tensor([800, 0, 0.3048, 71.3, 0.00266337, 126.201])
    torch.testing.assert_close(table[0], first)


def test_time_machine(real):
    text = real("time-machine", data.time_machine)
    assert text.startswith("The Time Machine, by H. G. Wells")
    assert len(text.splitlines()) == 3221


def test_poems(real):
    tang, song = (
        real("chinese-poetry", data.tang_poems),
        real("chinese-poetry", data.song_ci),
    )
    assert (len(tang), len(song)) == (320, 280)
    text = "".join(tang)
    assert len(text) == 23_457
    assert len(set(text)) == 2542
    assert "國" in text
    assert "国" in "".join(song)


def test_penn_treebank(real):
    splits = real("ptb", data.penn_treebank)
    assert [len(s) for s in splits.values()] == [42_068, 3370, 3761]
    assert sum(map(len, splits["train"])) == 887_521
    assert {"<unk>", "N"} <= {word for sentence in splits["test"] for word in sentence}


@pytest.mark.parametrize(
    ("name", "reader", "good", "bad", "words"),
    [
        ("sentence-polarity", data.sentence_polarity, 5331, 5331, "rock is destined"),
        ("chnsenticorp", data.hotel_reviews, 5322, 2444, "距离川沙公路较近"),
    ],
)
def test_reviews(real, name, reader, good, bad, words):
    texts, labels = real(name, reader)
    assert len(texts) == len(labels)
    assert (labels.count(1), labels.count(0)) == (good, bad)
    assert words in texts[0]
    assert labels[0] == 1


def test_pairs(real):
    pairs = real("tatoeba", data.tatoeba)
    assert len(pairs) == 20_133
    assert pairs[0] == ("Hi.", "嗨。")


def test_smears(real):
    splits = real("bccd", data.bccd)
    sizes = {split: len(examples) for split, examples in splits.items()}
    assert sizes == {"train": 205, "val": 87, "test": 72}
    examples = [example for split in splits.values() for example in split]
    assert {tuple(image.shape) for image, _, _ in examples} == {(3, 480, 640)}
    assert all(len(boxes) == len(labels) for _, boxes, labels in examples)
    labels = torch.cat([labels for _, _, labels in examples])
    assert labels.bincount().tolist() == [372, 4155, 361]


def test_white_cells(real):
    images, masks, labels = real("wbc", data.wbc)
    assert len(images) == len(masks) == len(labels) == 300
    assert labels.bincount().tolist() == [176, 53, 48, 22, 1]
    for image, mask in zip(images, masks, strict=True):
        assert image.shape == (3, *mask.shape)
        assert {1, 2} <= set(mask.unique().tolist()) <= {0, 1, 2}


def test_insects(real):
    splits = real("hymenoptera", data.hymenoptera)
    for split, sizes in (("train", [122, 121]), ("val", [70, 83])):
        images, labels = splits[split]
        assert len(images) == len(labels)
        assert labels.bincount().tolist() == sizes


def test_paintings_and_views(real):
    pictures = real("style", data.style_images)
    assert pictures["starry_night"].shape == (3, 640, 1024)
    assert len(pictures) == 6


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs(real, name):
    picture = real("photographs", lambda: data.photograph(name))
    assert picture.shape == (3, *PHOTOGRAPHS[name])
    assert picture.dtype == torch.uint8
    assert picture.float().std() > 10


@pytest.mark.parametrize("stand_in", ["0", "1"])
def test_photograph_of_an_unknown_name(monkeypatch, stand_in):
    monkeypatch.setenv("D2L_STAND_IN", stand_in)
    with pytest.raises(ValueError, match=r"name: expected one of .*chelsea.*'dog'"):
        data.photograph("dog")


def test_a_drawn_photograph_has_the_shape_of_the_real_one(monkeypatch):
    monkeypatch.setenv("D2L_STAND_IN", "1")
    assert data.photograph("chelsea").shape == (3, 300, 451)


def test_word_vectors(real):
    words, vectors = real("glove", data.glove)
    assert vectors.shape == (400_000, 50)
    assert words[:3] == ["the", ",", "."]
    king, queen, man, woman = (
        vectors[words.index(w)] for w in ("king", "queen", "man", "woman")
    )
    query = king - man + woman
    near = torch.cosine_similarity(vectors, query[None]).topk(2).indices
    assert {words[i] for i in near} == {"king", "queen"}
    assert torch.cosine_similarity(query, queen, 0) > 0.8


def test_weights(real):
    weights = real("efficientnet-lite0", data.efficientnet_lite0)
    assert weights["_fc.weight"].shape == (1000, 1280)
    assert len(weights) == 296


def test_weights_have_no_stand_in(monkeypatch, tmp_path):
    monkeypatch.setenv("D2L_DATA", str(tmp_path))
    monkeypatch.setenv("D2L_OFFLINE", "1")
    monkeypatch.setenv("D2L_STAND_IN", "1")
    monkeypatch.delenv("D2L_DATA_MIRROR", raising=False)

    def not_installed(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(local, "distribution", not_installed)
    with pytest.raises(data.DataUnavailable, match="D2L_OFFLINE"):
        data.efficientnet_lite0()
