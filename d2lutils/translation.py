"""Pairs of sentences: numbers, splits, losses, decoding (sections 10.9 to 10.12)."""

import random
import re
from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from d2lutils import data
from d2lutils.text import Vocabulary

UNKNOWN, PADDING, BEGIN, END = range(4)


class SentenceVocabulary(Vocabulary):
    """A vocabulary with numbers for padding, 1, the begin, 2, and the end, 3.

    Args:
        sentences: lists of tokens.
        min_count: rarer tokens become unknown, number 0.
    """

    marks = ("<pad>", "<bos>", "<eos>")

    def __init__(self, sentences: Iterable[list[str]], min_count: int = 1):
        super().__init__(chain.from_iterable(sentences), min_count)
        self.tokens[1:1] = self.marks
        self.numbers = {token: number for number, token in enumerate(self.tokens)}

    def pad(self, sentences: list[list[str]]) -> Tensor:
        """Return sentences, each with its end, as numbers padded to the longest.

        Args:
            sentences: n lists of tokens, the longest with m.

        Returns:
            int64 (n, m + 1).
        """
        rows = [[*self.encode(sentence).tolist(), END] for sentence in sentences]
        length = max(map(len, rows))
        return torch.tensor([row + [PADDING] * (length - len(row)) for row in rows])

    def sentence(self, numbers: Tensor) -> list[str]:
        """Return the tokens before the end of one row of numbers, shape (m,)."""
        row = numbers.tolist()
        return self.decode(row[: row.index(END)] if END in row else row)


class Pairs(NamedTuple):
    """Sentences as tokens: those to translate, and their translations."""

    source: list[list[str]]
    target: list[list[str]]


def english(text: str) -> list[str]:
    """Cut an English sentence into words and marks, in lower case (section 10.9)."""
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)?|[^\sa-z0-9]", text.lower())


def chinese(text: str) -> list[str]:
    """Cut a Chinese sentence into characters; runs of Latin letters and digits stay."""
    text = text.translate(str.maketrans("?!,.", "？！，。"))
    return re.findall(r"[A-Za-z0-9]+|\S", text)


def tatoeba(
    max_words: int, max_characters: int, held_out: float = 0.05
) -> tuple[Pairs, Pairs]:
    """Return short pairs of ``d2l.data.tatoeba``, to train on and held out.

    Sentences hang together when one translates another. Whole groups are held out, so
    that no held-out sentence of either language was trained on.

    Args:
        max_words: English tokens of a pair at most.
        max_characters: Chinese tokens of a pair at most.
        held_out: share of the groups that are held out.
    """
    pairs = [(english(first), chinese(second)) for first, second in data.tatoeba()]
    pairs = [
        (first, second)
        for first, second in pairs
        if len(first) <= max_words and len(second) <= max_characters
    ]
    parent: dict[tuple[str, ...], tuple[str, ...]] = {}

    def root(key: tuple[str, ...]) -> tuple[str, ...]:
        while (above := parent.setdefault(key, key)) != key:
            key = above
        return key

    for first, second in pairs:
        parent[root(("en", *first))] = root(("zh", *second))
    groups = sorted({root(("en", *first)) for first, _ in pairs})
    chosen = set(random.Random(0).sample(groups, round(held_out * len(groups))))
    splits = ([], []), ([], [])
    for first, second in dict.fromkeys((tuple(a), tuple(b)) for a, b in pairs):
        split = splits[root(("en", *first)) in chosen]
        split[0].append(list(first))
        split[1].append(list(second))
    return Pairs(*splits[0]), Pairs(*splits[1])


def masked_loss(scores: Tensor, y: Tensor) -> Tensor:
    """Return the mean cross-entropy of the tokens that are no padding (10.9).

    Args:
        scores: float32 (n, steps, V).
        y: int64 (n, steps).
    """
    return F.cross_entropy(scores.flatten(0, 1), y.flatten(), ignore_index=PADDING)
