"""Word vectors: a corpus as numbers, neighbours, a judge (sections 10.1 to 10.6)."""

import math
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from d2lutils import data
from d2lutils.data.words import analogies, similarities
from d2lutils.text import Vocabulary

__all__ = [
    "Corpus",
    "Noise",
    "SkipGram",
    "analogies",
    "contexts",
    "glove",
    "masked_loss",
    "nearest",
    "rank_correlation",
    "similarities",
    "subsample",
    "train_skip_gram",
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


def subsample(corpus: Corpus, threshold: float) -> Corpus:
    """Leave out some occurrences of frequent words (10.3).

    A word with the share f of all tokens stays with the probability
    min(1, sqrt(threshold / f)) each time it occurs (Mikolov et al., 2013).
    """
    words, sentences = corpus
    share = words.bincount() / len(words)
    keep = torch.rand(len(words)) < (threshold / share[words]).sqrt()
    return Corpus(words[keep], sentences[keep])


def contexts(corpus: Corpus, window: int) -> Tensor:
    """Return the words around each word, within its sentence (10.3).

    Each word draws its own reach from 1 to ``window``.

    Returns:
        int64 (n, 2 * window), the places from left to right; -1 where there is none.
    """
    words, sentences = corpus
    reach = torch.randint(1, window + 1, (len(words),))
    around = torch.full((len(words), 2 * window), -1)
    for k in range(1, min(window, len(words) - 1) + 1):
        same = sentences[k:] == sentences[:-k]
        left, right = window - k, window + k - 1
        around[k:, left] = words[:-k].where(same & (reach[k:] >= k), -1)
        around[:-k, right] = words[k:].where(same & (reach[:-k] >= k), -1)
    return around


class Noise:
    """Draws words with probabilities in proportion to a power of their counts (10.3).

    Args:
        counts: of each word, shape (V,); words without any are never drawn.
        exponent: 0.75 for word2vec (Mikolov et al., 2013).
    """

    def __init__(self, counts: Tensor, exponent: float = 0.75):
        self.weights = counts.double() ** exponent * (counts > 0)

    def draw(self, *shape: int) -> Tensor:
        """Return words, int64 of this shape, drawn independently."""
        drawn = torch.multinomial(self.weights, math.prod(shape), replacement=True)
        return drawn.reshape(shape)


class SkipGram(nn.Module):
    """Two vectors for each word, as a centre and as a context (10.3)."""

    def __init__(self, vocabulary_size: int, size: int):
        super().__init__()
        self.center = nn.Embedding(vocabulary_size, size)
        self.context = nn.Embedding(vocabulary_size, size)
        for layer in (self.center, self.context):
            nn.init.normal_(layer.weight, std=0.1)

    def forward(self, centers: Tensor, words: Tensor) -> Tensor:
        """Return the scores (b, k) of words (b, k) around centres (b,)."""
        return (self.center(centers)[:, None] * self.context(words)).sum(dim=-1)

    def vectors(self) -> Tensor:
        """Return the vectors of the words as centres, (V, size), without a graph."""
        return self.center.weight.detach()


def masked_loss(scores: Tensor, y: Tensor, mask: Tensor) -> Tensor:
    """Return the mean binary cross-entropy where the mask is true (10.3).

    Args:
        scores, y: float32 (b, k); labels are 0 or 1.
        mask: bool (b, k).
    """
    losses = F.binary_cross_entropy_with_logits(scores, y, reduction="none")
    return (losses * mask).sum() / mask.sum()


def train_skip_gram(
    net: nn.Module,
    corpus: Corpus,
    num_epochs: int = 3,
    lr: float = 0.005,
    batch_size: int = 4096,
    window: int = 5,
    num_noise: int = 5,
    threshold: float | None = 1e-4,
    exponent: float = 0.75,
) -> list[float]:
    """Train a net by negative sampling on pairs of a centre and a context (10.3).

    Each epoch thins out the frequent words and draws the windows anew. Noise words
    that are true contexts of their centre do not count.

    Args:
        net: ``net(centers (b,), words (b, k))`` gives scores (b, k).
        threshold: of ``subsample``; None keeps every word.

    Returns:
        The mean loss of each epoch.
    """
    device = next(net.parameters()).device
    fused = device.type in ("cpu", "cuda")
    optimizer = torch.optim.Adam(net.parameters(), lr=lr, fused=fused)
    noise = Noise(corpus.words.bincount(), exponent)
    history = []
    for _ in range(num_epochs):
        kept = subsample(corpus, threshold) if threshold else corpus
        around, total = contexts(kept, window), 0.0
        rows, places = (around >= 0).nonzero(as_tuple=True)
        batches = torch.randperm(len(rows)).split(batch_size)
        for batch in batches:
            row = rows[batch]
            drawn = noise.draw(len(row), num_noise)
            words = torch.cat([around[row, places[batch], None], drawn], dim=1)
            mask = (words[:, :, None] != around[row][:, None]).all(dim=2)
            mask[:, 0] = True
            y = torch.zeros(words.shape)
            y[:, 0] = 1
            scores = net(kept.words[row].to(device), words.to(device))
            loss = masked_loss(scores, y.to(device), mask.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(batch)
        history.append(float(total) / len(rows))
    return history
