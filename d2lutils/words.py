"""Word vectors: a corpus as numbers, neighbours, a judge (sections 10.1 to 10.6)."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from d2lutils import data
from d2lutils.data.words import analogies, similarities
from d2lutils.text import Vocabulary

__all__ = [
    "Corpus",
    "analogies",
    "glove",
    "nearest",
    "rank_correlation",
    "similarities",
    "treebank",
]


class Corpus(NamedTuple):
    """Running text: its words and the number of each one's sentence, int64 (n,)."""

    words: Tensor
    sentences: Tensor


def treebank(min_count: int = 5) -> tuple[Vocabulary, dict[str, Corpus]]:
    """Return ``d2l.data.penn_treebank`` as numbers, without its unknown words.

    Args:
        min_count: words that the training part holds less often are left out.

    Returns:
        The vocabulary, and a corpus for each of train, valid and test.
    """
    splits = data.penn_treebank()
    vocabulary = Vocabulary(chain.from_iterable(splits["train"]), min_count)
    corpora = {}
    for name, sentences in splits.items():
        words = vocabulary.encode(chain.from_iterable(sentences))
        lengths = torch.tensor([len(sentence) for sentence in sentences])
        numbers = torch.arange(len(sentences)).repeat_interleave(lengths)
        corpora[name] = Corpus(words[words > 0], numbers[words > 0])
    return vocabulary, corpora


def nearest(
    vectors: Tensor, queries: Tensor, count: int, exclude: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Find the rows whose directions are nearest to those of the queries (10.3).

    Args:
        vectors: float32 (V, d).
        queries: float32 (..., d).
        count: neighbours of each query.
        exclude: rows that are no answer, int64 (..., k); for example the words that
            were asked with.

    Returns:
        Cosines, float32 (..., count), the largest first, and rows, int64 (..., count).
    """
    cosines = F.normalize(queries, dim=-1) @ F.normalize(vectors, dim=-1).T
    if exclude is not None:
        cosines = cosines.scatter(-1, exclude, -torch.inf)
    return tuple(cosines.topk(count, dim=-1))


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> float:
    """Return Spearman's coefficient; equal values share their mean rank (10.3).

    Args:
        x, y: equally many numbers, at least two different ones each.

    Raises:
        ValueError: unequal lengths, or a side on which all values are equal.
    """
    if len(x) != len(y):
        raise ValueError(f"x, y: expected equal lengths, got {len(x)} and {len(y)}")
    ranks = []
    for values in (x, y):
        values = torch.as_tensor(values, dtype=torch.float64)
        _, group, counts = values.unique(return_inverse=True, return_counts=True)
        if len(counts) < 2:
            raise ValueError("x, y: expected at least two different values each")
        ranks.append((counts.cumsum(0) - (counts.double() - 1) / 2)[group])
    return float(torch.corrcoef(torch.stack(ranks))[0, 1])


def glove(vocabulary: Vocabulary) -> tuple[Tensor, Tensor]:
    """Return the vectors of ``d2l.data.glove`` for the words of a vocabulary.

    Returns:
        float32 (V, 50), zero where GloVe does not know the word, and whether it does,
        bool (V,).
    """
    words, vectors = data.glove()
    places = dict(zip(words, range(len(words)), strict=True))
    found = torch.tensor([places.get(token, -1) for token in vocabulary.tokens])
    return vectors[found] * (found >= 0)[:, None], found >= 0
