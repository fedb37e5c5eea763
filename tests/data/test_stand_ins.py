"""Stand-ins: the forms that readers promise, the same each time, learnable."""

import lzma
import math
import re
from collections import Counter
from collections.abc import Sequence
from io import StringIO
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from d2lutils.data.stand_ins import drawn, grammar
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
    for split, sizes in (("train", [122, 121]), ("val", [70, 83])):
        images, kinds = splits[split]
        assert kinds.bincount().tolist() == sizes
        assert {tuple(i.shape) for i in images} == {(3, 333, 500), (3, 375, 500)}
        assert {i.dtype for i in images} == {torch.uint8}
        for image in images:
            red, green, blue = image.flatten(1).long() // 64
            shares = (16 * red + 4 * green + blue).bincount(minlength=64)
            features.append((shares + 10).log())
        labels.append(kinds)
    assert 0.75 < accuracy(torch.stack(features), torch.cat(labels), 243) < 1
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
    cat = drawn.photograph("chelsea", (300, 451))
    assert cat.shape == (3, 300, 451)
    assert torch.equal(cat, drawn.photograph("chelsea", (300, 451)))
    assert not torch.equal(cat, drawn.photograph("coffee", (300, 451)))


# texts


def surprise(train: Sequence[str], test: Sequence[str]) -> tuple[float, float]:
    """Return nats a token of ``test`` by counts of tokens, and of pairs of them."""
    ones, pairs = Counter(train), Counter(pairwise(train))
    size = len(ones) + 1
    single, double = 0.0, 0.0
    for first, second in pairwise(test):
        chance = (ones[second] + 1) / (len(train) + size)
        single -= math.log(chance)
        double -= math.log((pairs[first, second] + chance) / (ones[first] + 1))
    return single / (len(test) - 1), double / (len(test) - 1)


def told_apart(texts: list[list[str]], labels: list[int]) -> float:
    """Return the accuracy of naive Bayes on every second text, from the others."""
    counts = [Counter(), Counter()]
    for text, label in zip(texts[::2], labels[::2], strict=True):
        counts[label].update(text)
    words = counts[0] | counts[1]
    weight = {
        word: math.log((counts[1][word] + 1) / (counts[1].total() + len(words)))
        - math.log((counts[0][word] + 1) / (counts[0].total() + len(words)))
        for word in words
    }
    prior = math.log(labels[::2].count(1) / labels[::2].count(0))
    scores = [prior + sum(weight.get(word, 0) for word in t) for t in texts[1::2]]
    right = [(s > 0) == label for s, label in zip(scores, labels[1::2], strict=True)]
    return sum(right) / len(right)


@pytest.mark.parametrize(
    "make",
    [
        grammar.time_machine,
        grammar.penn_treebank,
        grammar.sentence_polarity,
        grammar.tang_poems,
        grammar.song_ci,
    ],
)
def test_texts_are_the_same_each_time(make):
    assert make() == make()


def test_prose():
    text = grammar.time_machine()
    assert 170_000 < len(text) < 180_000
    assert max(map(len, text.splitlines())) <= 70
    words = re.findall("[a-z]+", text.lower())
    counts = Counter(words)
    assert "the time traveller" in text
    assert counts.most_common(1)[0][0] == "the"
    assert len(counts) > 1000  # and about half of them once, as in real prose
    assert 0.3 < sum(n == 1 for n in counts.values()) / len(counts) < 0.7
    characters = list(text)
    single, double = surprise(characters[:150_000], characters[150_000:])
    assert double < single - 0.4


def test_news():
    news = grammar.penn_treebank()
    sizes = {split: len(sentences) for split, sentences in news.items()}
    assert sizes == {"train": 4000, "valid": 300, "test": 300}
    train, test = (
        [word for sentence in news[split] for word in (*sentence, "<eos>")]
        for split in ("train", "test")
    )
    assert set(test) <= set(train)
    assert {"<unk>", "N"} <= set(train)
    assert not any(re.search("[A-MO-Z]", word) for word in train)
    single, double = surprise(train, test)
    assert double < single - 1
    # words of one topic keep company
    near, far = (
        sum({"share", other} <= set(sentence) for sentence in news["train"])
        for other in ("stock", "mortgage")
    )
    assert near > 3 * far


@pytest.mark.parametrize(
    ("make", "split", "sizes"),
    [
        (grammar.sentence_polarity, str.split, (5331, 5331)),
        (grammar.hotel_reviews, list, (2444, 5322)),
    ],
)
def test_reviews(make, split, sizes):
    texts, labels = make()
    assert len(texts) == len(labels)
    assert (labels.count(0), labels.count(1)) == sizes
    assert labels == sorted(labels, reverse=True)
    accuracy = told_apart([split(text) for text in texts], labels)
    chance = max(sizes) / sum(sizes)
    assert chance + 0.1 < accuracy < 1


@pytest.mark.parametrize(
    ("make", "size", "lengths"),
    [(grammar.tang_poems, 320, {5, 7}), (grammar.song_ci, 280, {3, 4, 5, 6, 7})],
)
def test_poems(make, size, lengths):
    poems = make()
    assert len(poems) == size
    for poem in poems:
        assert poem.endswith("。")
        lines = re.split("[，。]", poem)[:-1]
        assert {len(line) for line in lines} <= lengths
    single, double = surprise("".join(poems[:250]), "".join(poems[250:]))
    assert double < single - 1


def test_no_traditional_character_is_left_in_song_ci():
    assert not set("".join(grammar.song_ci())) & set(
        grammar.RULES["poems"]["traditional"]
    )


def test_pairs_of_sentences():
    pairs = grammar.tatoeba()
    assert len(set(pairs)) == len(pairs) == 20_133
    assert pairs == grammar.tatoeba()
    lengths = [len(english) for english, _ in pairs]
    assert lengths == sorted(lengths)
    assert not any(re.search("[a-z{}|]", chinese) for _, chinese in pairs)
    for word, character in (
        ("dog", "狗"),
        ("letter", "信"),
        ("sings?", "唱"),
        ("car", "车"),
    ):
        said = [bool(re.search(rf"\b{word}\b", english)) for english, _ in pairs]
        heard = [character in chinese for _, chinese in pairs]
        both = sum(s and h for s, h in zip(said, heard, strict=True))
        assert both == sum(said) > 50


def test_vectors_hold_analogies_and_clusters():
    words, vectors = grammar.glove()
    assert len(set(words)) == len(words) == len(vectors)
    assert vectors.shape[1] == 50
    assert vectors.dtype == torch.float32
    assert torch.equal(vectors, grammar.glove()[1])

    def closest(query: Tensor, without: Sequence[str]) -> list[str]:
        order = torch.cosine_similarity(vectors, query[None]).argsort(descending=True)
        return [words[i] for i in order if words[i] not in without]

    def vector(word: str) -> Tensor:
        return vectors[words.index(word)]

    for a, b, c, d in (
        ("man", "woman", "son", "daughter"),
        ("beijing", "china", "tokyo", "japan"),
        ("bad", "worst", "big", "biggest"),
        ("do", "did", "go", "went"),
    ):
        query = vector(b) - vector(a) + vector(c)
        assert closest(query, (a, b, c))[0] == d
    stock = grammar.RULES["news"]["topic"][0]["topical"].split()
    assert len(set(closest(vector("stock"), ["stock"])[:5]) & set(stock)) >= 4
