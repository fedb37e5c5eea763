"""Reviews as padded numbers, good ones and bad ones (sections 10.7 and 10.8)."""

import random
from copy import deepcopy
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from d2lutils import data
from d2lutils.batches import Batches
from d2lutils.text import Vocabulary
from d2lutils.training import accuracy, fit

UNKNOWN, PADDING = 0, 1


class ReviewVocabulary(Vocabulary):
    """A vocabulary whose number 1 is the padding behind short texts.

    Args:
        texts: lists of tokens.
        min_count: rarer tokens become unknown, number 0.
    """

    padding = "<pad>"

    def __init__(self, texts: list[list[str]], min_count: int = 2):
        super().__init__(chain.from_iterable(texts), min_count)
        self.tokens.insert(PADDING, self.padding)
        self.numbers = {token: number for number, token in enumerate(self.tokens)}

    def pad(self, texts: list[list[str]], length: int) -> Tensor:
        """Return texts as numbers, int64 (n, length), cut or padded behind."""
        rows = torch.full((len(texts), length), PADDING)
        for row, text in zip(rows, texts, strict=True):
            numbers = self.encode(text[:length])
            row[: len(numbers)] = numbers
        return rows


class Reviews(NamedTuple):
    """Texts, int64 (n, length), padded, and whether they are good, int64 (n,)."""

    X: Tensor
    y: Tensor


def film_sentences() -> tuple[list[list[str]], list[int]]:
    """Return the sentences of ``d2l.data.sentence_polarity`` as words, and labels."""
    texts, labels = data.sentence_polarity()
    return [text.split() for text in texts], labels


def hotel_reviews(by: str = "characters") -> tuple[list[list[str]], list[int]]:
    """Return the reviews of ``d2l.data.hotel_reviews`` as tokens, and labels.

    Args:
        by: ``"characters"``, or ``"words"`` as rjieba cuts them.

    Raises:
        ImportError: rjieba is missing.
        ValueError: ``by`` is neither.
    """
    if by not in ("characters", "words"):
        raise ValueError(f"by: expected 'characters' or 'words', got {by!r}")
    texts, labels = data.hotel_reviews()
    pairs = [pair for pair in zip(texts, labels, strict=True) if pair[0].strip()]
    if by == "characters":
        return [list(text) for text, _ in pairs], [label for _, label in pairs]
    try:
        from rjieba import cut
    except ImportError as error:
        raise ImportError("words need rjieba: pip install 'd2lutils[data]'") from error
    return [cut(text) for text, _ in pairs], [label for _, label in pairs]


def prepared(
    texts: list[list[str]], labels: list[int], length: int, min_count: int = 2
) -> tuple[ReviewVocabulary, dict[str, Reviews]]:
    """Split texts for training, validation and test, and pad them (section 10.7).

    Seven tenths, one tenth and two tenths, shuffled in the same way in every run; the
    training texts alone make the vocabulary.

    Args:
        texts: lists of tokens.
        labels: 1 for good, 0 for bad.
        length: tokens of a padded text.
        min_count: tokens that the training texts hold less often are unknown.

    Returns:
        The vocabulary and the parts ``train``, ``valid`` and ``test``.
    """
    order = list(range(len(texts)))
    random.Random(0).shuffle(order)
    first, second = int(0.7 * len(order)), int(0.8 * len(order))
    parts = {
        "train": order[:first],
        "valid": order[first:second],
        "test": order[second:],
    }
    vocabulary = ReviewVocabulary([texts[i] for i in parts["train"]], min_count)
    return vocabulary, {
        name: Reviews(
            vocabulary.pad([texts[i] for i in rows], length),
            torch.tensor([labels[i] for i in rows]),
        )
        for name, rows in parts.items()
    }


class BagOfWords(nn.Module):
    """Logistic regression on the counts of a text's tokens (section 10.7).

    Args:
        vocabulary_size: number of tokens.
    """

    def __init__(self, vocabulary_size: int):
        super().__init__()
        self.scores = nn.EmbeddingBag(
            vocabulary_size, 2, mode="sum", padding_idx=PADDING
        )
        self.bias = nn.Parameter(torch.zeros(2))
        nn.init.zeros_(self.scores.weight)

    def forward(self, X: Tensor) -> Tensor:
        """Return scores, float32 (n, 2), of texts, int64 (n, length)."""
        return self.scores(X) + self.bias


class AveragedVectors(nn.Module):
    """The mean of a text's word vectors, and a linear layer (section 10.7).

    Args:
        embedding: vectors of the tokens, frozen or not.
        dropout: share of their numbers that training leaves out.
    """

    def __init__(self, embedding: nn.Embedding, dropout: float = 0.5):
        super().__init__()
        self.embedding = embedding
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(embedding.embedding_dim, 2)

    def forward(self, X: Tensor) -> Tensor:
        """Return scores, float32 (n, 2), of texts, int64 (n, length)."""
        real = (X != PADDING).unsqueeze(2)
        vectors = self.dropout(self.embedding(X)) * real
        return self.output(vectors.sum(1) / real.sum(1).clamp(min=1))


class BiLSTM(nn.Module):
    """The last states of two LSTMs, one a direction, and a linear layer (10.7).

    Args:
        embedding: vectors of the tokens, frozen or not.
        num_hiddens: units of each direction.
        dropout: share of the vectors and of the states that training leaves out.
    """

    def __init__(self, embedding: nn.Embedding, num_hiddens: int, dropout: float = 0.5):
        super().__init__()
        self.embedding = embedding
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(
            embedding.embedding_dim, num_hiddens, batch_first=True, bidirectional=True
        )
        self.output = nn.Linear(2 * num_hiddens, 2)

    def forward(self, X: Tensor) -> Tensor:
        """Return scores, float32 (n, 2), of texts, int64 (n, length), padded behind."""
        lengths = (X != PADDING).sum(1).clamp(min=1).cpu()
        packed = pack_padded_sequence(
            self.dropout(self.embedding(X)),
            lengths,
            batch_first=True,
            enforce_sorted=False,
        )
        _, (H, _) = self.lstm(packed)
        return self.output(self.dropout(torch.cat((H[0], H[1]), dim=1)))


def train(
    net: nn.Module, parts: dict[str, Reviews], num_epochs: int, lr: float = 0.01
) -> list[float]:
    """Train with Adam, and give ``net`` the weights of its best epoch (section 10.7).

    Args:
        net: texts, int64 (n, length), to scores, float32 (n, 2).
        parts: trains on ``train``; the accuracy on ``valid`` says which epoch is best.
        num_epochs: passes over the training texts.
        lr: learning rate.

    Returns:
        The accuracy on the validation part after each epoch.
    """
    batches = Batches(*parts["train"], batch_size=256, shuffle=True)
    valid = Batches(*parts["valid"], batch_size=256)
    trained = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr, fused=True)
    accuracies, best = [], None
    for _ in range(num_epochs):
        history = fit(net, batches, valid, F.cross_entropy, optimizer, 1, accuracy)
        accuracies.append(history.last["test_accuracy"])
        if accuracies[-1] == max(accuracies):
            best = deepcopy(net.state_dict())
    net.load_state_dict(best)
    return accuracies
