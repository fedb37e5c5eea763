"""Text as numbers: vocabularies and batches of running text (section 6.3)."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor


def clean(text: str) -> str:
    """Return English text in lower case, all that is no letter as one space.

    Args:
        text: of any length; accents are not letters here.
    """
    return re.sub("[^a-z]+", " ", text.lower()).strip()


Tokens = TypeVar("Tokens", str, list[str], Tensor)


def parts(tokens: Tokens) -> tuple[Tokens, Tokens, Tokens]:
    """Cut a text by position, for training, validation and test (section 6.1).

    Args:
        tokens: a string, a list of words, or numbers of shape (n,).

    Returns:
        The first eight tenths, and a tenth each.
    """
    first, second = int(0.8 * len(tokens)), int(0.9 * len(tokens))
    return tokens[:first], tokens[first:second], tokens[second:]


class Vocabulary:
    """A number for each token, the same ones in every run.

    Number 0 stands for every unknown token. Then come the others, the frequent
    ones first and equally frequent ones in the order of their characters.

    Args:
        tokens: the training text: a string (its characters are the tokens) or a
            list of words.
        min_count: tokens that are rarer become unknown.

    Raises:
        ValueError: no token is frequent enough.
    """

    unknown = "<unk>"

    def __init__(self, tokens: Iterable[str], min_count: int = 1):
        counts = Counter(tokens)
        del counts[self.unknown]  # some texts bring it along
        frequent = [token for token, count in counts.items() if count >= min_count]
        if not frequent:
            raise ValueError(
                f"tokens: {len(counts)} different ones, none seen {min_count} times"
            )
        frequent.sort(key=lambda token: (-counts[token], token))
        self.tokens = [self.unknown, *frequent]
        self.numbers = {token: number for number, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        """Return the number of tokens, the unknown one included."""
        return len(self.tokens)

    def encode(self, tokens: Iterable[str]) -> Tensor:
        """Return the numbers of some tokens, int64 (n,); unknown ones are 0."""
        numbers = [self.numbers.get(token, 0) for token in tokens]
        return torch.tensor(numbers, dtype=torch.int64)

    def decode(self, numbers: Tensor | Sequence[int]) -> list[str]:
        """Return the tokens of some numbers, shape (n,).

        Raises:
            IndexError: a number that no token has.
        """
        numbers = torch.as_tensor(numbers).tolist()
        if any(not 0 <= number < len(self) for number in numbers):
            raise IndexError(f"numbers: expected 0 to {len(self) - 1}")
        return [self.tokens[number] for number in numbers]


def encoded(
    tokens: str | list[str], min_count: int = 1
) -> tuple[Vocabulary, list[Tensor]]:
    """Return the vocabulary of a text's training part, and all parts as numbers.

    Args:
        tokens: a string (its characters are the tokens) or a list of words.
        min_count: as for ``Vocabulary``.

    Returns:
        The vocabulary, and int64 (n,) for training, validation and test.

    Raises:
        ValueError: no token of the training part is frequent enough.
    """
    cut = parts(tokens)
    vocabulary = Vocabulary(cut[0], min_count)
    return vocabulary, [vocabulary.encode(part) for part in cut]


class TokenBatches:
    """Pieces of one long text, and the same pieces one token later.

    In the order of the text, row i of a batch goes on where row i of the batch
    before ended, so that a state can be carried over. Shuffled, the text is cut
    into pieces at places that differ from epoch to epoch; they come in random
    order, and the state begins anew. Both are explained in section 6.3.

    Args:
        tokens: the numbers of the text, int64 (n,).
        batch_size: rows of a batch.
        num_steps: tokens in a row; in the order of the text the last batch may
            have fewer.
        shuffle: random pieces. Their order comes from torch's global generator.

    Raises:
        TypeError: ``tokens`` is no tensor of integers.
        ValueError: a wrong shape or size, or a text that is too short.
    """

    def __init__(
        self, tokens: Tensor, batch_size: int, num_steps: int, shuffle: bool = False
    ):
        if not isinstance(tokens, Tensor) or tokens.dtype != torch.int64:
            raise TypeError("tokens: expected a tensor of int64, as of encode")
        if tokens.ndim != 1:
            raise ValueError(f"tokens: expected shape (n,), got {tuple(tokens.shape)}")
        if batch_size < 1 or num_steps < 1:
            raise ValueError("batch_size and num_steps: expected at least 1")
        needed = 2 * num_steps if shuffle else batch_size + 1
        if len(tokens) < needed:
            raise ValueError(f"tokens: expected at least {needed}, got {len(tokens)}")
        self.tokens = tokens
        self.batch_size = batch_size
        self.num_steps = num_steps
        self.shuffle = shuffle

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        if self.shuffle:
            return -(-(len(self.tokens) // self.num_steps - 1) // self.batch_size)
        return -(-((len(self.tokens) - 1) // self.batch_size) // self.num_steps)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs and targets, both int64 (rows, steps)."""
        return self._pieces() if self.shuffle else self._in_order()

    def _in_order(self) -> Iterator[tuple[Tensor, Tensor]]:
        length = (len(self.tokens) - 1) // self.batch_size
        inputs, targets = (
            self.tokens[start : start + self.batch_size * length].view(-1, length)
            for start in (0, 1)
        )
        steps = inputs.split(self.num_steps, 1), targets.split(self.num_steps, 1)
        return zip(*steps, strict=True)

    def _pieces(self) -> Iterator[tuple[Tensor, Tensor]]:
        start = int(torch.randint(self.num_steps, ()))
        count = len(self.tokens) // self.num_steps - 1
        pieces = self.tokens[start:].unfold(0, self.num_steps + 1, self.num_steps)
        for rows in torch.randperm(count).split(self.batch_size):
            batch = pieces[rows.to(pieces.device)]
            yield batch[:, :-1], batch[:, 1:]

    def to(self, device: torch.device | str) -> "TokenBatches":
        """Return the same batches with the text on ``device``."""
        return TokenBatches(
            self.tokens.to(device), self.batch_size, self.num_steps, self.shuffle
        )
