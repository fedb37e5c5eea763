"""Pairs of sentences: numbers, splits, losses, decoding (sections 10.9 to 10.12)."""

import math
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from d2lutils import data
from d2lutils.attention import AdditiveAttention
from d2lutils.environment import device
from d2lutils.text import Vocabulary
from d2lutils.training import Diverged, History

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


def shifted(target: Tensor) -> Tensor:
    """Return what a decoder reads: the begin, then all tokens but the last (10.9).

    Args:
        target: int64 (n, steps).
    """
    begin = target.new_full((len(target), 1), BEGIN)
    return torch.cat((begin, target[:, :-1]), dim=1)


class Encoder(nn.Module):
    """Reads a sentence into one vector (section 10.9).

    Args:
        vocabulary_size: tokens of the language that is read.
        num_hiddens: size of the embeddings and of the state.
    """

    def __init__(self, vocabulary_size: int, num_hiddens: int):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, num_hiddens)
        self.rnn = nn.GRU(num_hiddens, num_hiddens, batch_first=True)

    def forward(self, source: Tensor) -> Tensor:
        """Return the state after the last token that is no padding.

        Args:
            source: int64 (n, m), padded at the end, at least one token in a row.

        Returns:
            float32 (n, h), which more padding does not change.
        """
        lengths = (source != PADDING).sum(1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding(source), lengths, batch_first=True, enforce_sorted=False
        )
        return self.rnn(packed)[1][0]


class Decoder(nn.Module):
    """Writes a sentence; sees the context at each step (section 10.9).

    Args:
        vocabulary_size: tokens of the language that is written.
        num_hiddens: size of the embeddings, the state and the context.
    """

    def __init__(self, vocabulary_size: int, num_hiddens: int):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, num_hiddens)
        self.rnn = nn.GRU(2 * num_hiddens, num_hiddens, batch_first=True)
        self.output = nn.Linear(num_hiddens, vocabulary_size)

    def forward(
        self, tokens: Tensor, context: Tensor, H: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Score what follows each token.

        Args:
            tokens: int64 (n, steps).
            context: float32 (n, h), the vector of the source.
            H: float32 (n, h), the state before the first of these tokens.

        Returns:
            Scores, float32 (n, steps, V), and the last state, float32 (n, h).
        """
        C = context[:, None].expand(-1, tokens.shape[1], -1)
        Y, H = self.rnn(torch.cat((self.embedding(tokens), C), dim=2), H[None])
        return self.output(Y), H[0]


class Seq2Seq(nn.Module):
    """A recurrent encoder and decoder (section 10.9; Cho et al., 2014).

    The decoder starts from the encoder's last state and sees it again at each step.

    Args:
        source_size: tokens of the language that is read.
        target_size: tokens of the language that is written.
        num_hiddens: size of embeddings and states.
    """

    def __init__(self, source_size: int, target_size: int, num_hiddens: int):
        super().__init__()
        self.encoder = Encoder(source_size, num_hiddens)
        self.decoder = Decoder(target_size, num_hiddens)

    def forward(self, source: Tensor, target_in: Tensor) -> Tensor:
        """Score the targets, each token after the true ones before it.

        Args:
            source: int64 (n, m), padded at the end.
            target_in: int64 (n, steps), as ``shifted`` returns it.

        Returns:
            Scores, float32 (n, steps, V).
        """
        return self.decoder(target_in, *self.start(source))[0]

    def start(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Return the context and the decoder's first state, float32 (n, h) each.

        Args:
            source: int64 (n, m), padded at the end.
        """
        context = self.encoder(source)
        return context, context

    def step(
        self, tokens: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Score what follows one token.

        Args:
            tokens: int64 (n,).
            state: of ``start`` or of the step before.

        Returns:
            Scores, float32 (n, V), and the new state.
        """
        context, H = state
        scores, H = self.decoder(tokens[:, None], context, H)
        return scores[:, 0], (context, H)


class BidirectionalEncoder(nn.Module):
    """Reads a sentence from both ends and keeps a state for each token (section 10.12).

    Args:
        vocabulary_size: tokens of the language that is read.
        num_hiddens: size of the embeddings and of a state, even: half of it comes from
            each direction.
    """

    def __init__(self, vocabulary_size: int, num_hiddens: int):
        super().__init__()
        h = num_hiddens
        self.embedding = nn.Embedding(vocabulary_size, h)
        self.rnn = nn.GRU(h, h // 2, batch_first=True, bidirectional=True)

    def forward(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Return a state for each token, and the last of both directions.

        Args:
            source: int64 (n, m), padded at the end, at least one token in a row.

        Returns:
            States, float32 (n, m, h), zero where there is padding, and float32 (n, h),
            which more padding does not change.
        """
        lengths = (source != PADDING).sum(1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding(source), lengths, batch_first=True, enforce_sorted=False
        )
        states, last = self.rnn(packed)
        states, _ = nn.utils.rnn.pad_packed_sequence(
            states, batch_first=True, total_length=source.shape[1]
        )
        return states, torch.cat((last[0], last[1]), dim=1)


class AttentionDecoder(nn.Module):
    """Writes a sentence; looks at the encoder's states (section 10.12).

    The state after each token asks, and the answer joins it for the scores (Luong et
    al., 2015). The answer does not feed back into the state, so all true tokens are
    read in one call, and all ask in one more.

    Args:
        vocabulary_size: tokens of the language that is written.
        num_hiddens: size of the embeddings, the state and the answers.
        attention: takes queries (n, q, h), keys and values (n, m, h) and valid
            (n, 1, m), and returns answers (n, q, h) and weights (n, q, m).
    """

    def __init__(self, vocabulary_size: int, num_hiddens: int, attention: nn.Module):
        super().__init__()
        h = num_hiddens
        self.embedding = nn.Embedding(vocabulary_size, h)
        self.rnn = nn.GRU(h, h, batch_first=True)
        self.attention = attention
        self.combine = nn.Linear(2 * h, h)
        self.output = nn.Linear(h, vocabulary_size)

    def forward(
        self, tokens: Tensor, states: Tensor, valid: Tensor, H: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Score what follows each token.

        Args:
            tokens: int64 (n, steps).
            states: float32 (n, m, h), of the encoder.
            valid: bool (n, m), which of them may be looked at.
            H: float32 (n, h), the state before the first of these tokens.

        Returns:
            Scores, float32 (n, steps, V), weights, float32 (n, steps, m), and the last
            state, float32 (n, h).
        """
        Y, H = self.rnn(self.embedding(tokens), H[None].contiguous())
        answers, weights = self.attention(Y, states, states, valid[:, None])
        Y = torch.tanh(self.combine(torch.cat((answers, Y), dim=2)))
        return self.output(Y), weights, H[0]


class AttentionSeq2Seq(nn.Module):
    """An encoder and a decoder with attention between them (section 10.12).

    Args:
        source_size: tokens of the language that is read.
        target_size: tokens of the language that is written.
        num_hiddens: size of embeddings and states, even.
        attention: as ``AttentionDecoder`` takes it; by default
            ``AdditiveAttention(h, h, h)`` (Bahdanau et al., 2014).
    """

    def __init__(
        self,
        source_size: int,
        target_size: int,
        num_hiddens: int,
        attention: nn.Module | None = None,
    ):
        super().__init__()
        h = num_hiddens
        self.encoder = BidirectionalEncoder(source_size, h)
        attention = attention or AdditiveAttention(h, h, h)
        self.decoder = AttentionDecoder(target_size, h, attention)

    def start(self, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Read the source.

        Args:
            source: int64 (n, m), padded at the end, at least one token in a row.

        Returns:
            The encoder's states, float32 (n, m, h), which of them are no padding, bool
            (n, m), and the decoder's first state, float32 (n, h).
        """
        states, last = self.encoder(source)
        return states, source != PADDING, last

    def attend(
        self, tokens: Tensor, state: tuple[Tensor, Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Score what follows each token, and tell where the decoder looked.

        Args:
            tokens: int64 (n, steps).
            state: of ``start`` or ``step``.

        Returns:
            Scores, float32 (n, steps, V), and weights, float32 (n, steps, m).
        """
        scores, weights, _ = self.decoder(tokens, *state)
        return scores, weights

    def forward(self, source: Tensor, target_in: Tensor) -> Tensor:
        """Score the targets, each token after the true ones before it.

        Args:
            source: int64 (n, m), padded at the end.
            target_in: int64 (n, steps), as ``shifted`` returns it.

        Returns:
            Scores, float32 (n, steps, V).
        """
        return self.attend(target_in, self.start(source))[0]

    def step(
        self, tokens: Tensor, state: tuple[Tensor, Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Score what follows one token.

        Args:
            tokens: int64 (n,).
            state: of ``start`` or of the step before.

        Returns:
            Scores, float32 (n, V), and the new state.
        """
        states, valid, H = state
        scores, _, H = self.decoder(tokens[:, None], states, valid, H)
        return scores[:, 0], (states, valid, H)


def length_batches(
    source: Tensor, target: Tensor, batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield pairs in batches of similar length, in random order (section 10.9).

    Args:
        source: int64 (n, m), padded at the end.
        target: int64 (n, steps), padded at the end.
        batch_size: pairs of a batch; the one with the longest may have fewer.

    Yields:
        Sources and targets, without the columns that hold nothing but padding. The
        order comes from torch's global generator.
    """
    shuffled = torch.randperm(len(target)).to(target.device)
    lengths = (target != PADDING).sum(1)[shuffled]
    parts = shuffled[lengths.argsort(stable=True)].split(batch_size)
    for i in torch.randperm(len(parts)).tolist():
        batch = source[parts[i]], target[parts[i]]
        yield tuple(rows[:, (rows != PADDING).any(0)] for rows in batch)


@torch.inference_mode()
def perplexity(net: nn.Module, source: Tensor, target: Tensor) -> float:
    """Return the perplexity per target token, the end included (section 10.9).

    Args:
        net: ``net(source, target_in)`` returns scores (n, steps, V); on
            ``d2l.device()``.
        source: int64 (n, m), padded at the end.
        target: int64 (n, steps), padded at the end.
    """
    was_training = net.training
    net.eval()
    total, count = 0.0, 0
    for X, y in zip(source.split(256), target.split(256), strict=True):
        X, y = X.to(device()), y.to(device())
        tokens = int((y != PADDING).sum())
        total += float(masked_loss(net(X, shifted(y)), y)) * tokens
        count += tokens
    net.train(was_training)
    return math.exp(total / count)


def train(
    net: nn.Module,
    source: Tensor,
    target: Tensor,
    num_epochs: int,
    lr: float,
    batch_size: int,
    held_out: tuple[Tensor, Tensor] | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] = masked_loss,
    clip: float = 1.0,
) -> History:
    """Train a translation model with Adam and clipped gradients (section 10.9).

    The decoder reads the true tokens (teacher forcing).

    Args:
        net: ``net(source, target_in)`` returns scores (n, steps, V); moves to
            ``d2l.device()``.
        source: int64 (n, m), padded at the end.
        target: int64 (n, steps), padded at the end.
        num_epochs: passes over the pairs.
        lr: learning rate.
        batch_size: pairs in a batch of similar length.
        held_out: sources and targets to measure after each epoch.
        loss: takes scores and targets.
        clip: largest norm of the gradient of all parameters together.

    Returns:
        For each epoch ``train_loss``, a mean over the batches while the model
        changes, and with ``held_out`` ``test_perplexity`` at its end.

    Raises:
        Diverged: the training loss is not finite.
    """
    net.to(device())
    source, target = source.to(device()), target.to(device())
    optimizer = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
    history = History()
    for epoch in range(1, num_epochs + 1):
        losses = []
        for X, y in length_batches(source, target, batch_size):
            value = loss(net(X, shifted(y)), y)
            optimizer.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(net.parameters(), clip)
            optimizer.step()
            losses.append(value.detach())
        mean = float(torch.stack(losses).mean())
        if not math.isfinite(mean):
            raise Diverged(
                f"the training loss is {mean} in epoch {epoch}: try a smaller "
                "learning rate",
                history,
            )
        row = {"train_loss": mean}
        if held_out is not None:
            row["test_perplexity"] = perplexity(net, *held_out)
        history.rows.append(row)
    return history


@torch.inference_mode()
def greedy(net: nn.Module, source: Tensor, max_steps: int) -> Tensor:
    """Translate, each time with the most probable token (section 10.9).

    Args:
        net: has ``start(source)``, which returns a tuple of tensors with n rows, and
            ``step(tokens, state)``, which takes int64 (n,) and returns scores
            (n, V) and the new state; on ``d2l.device()``.
        source: int64 (n, m), padded at the end.
        max_steps: tokens of a translation at most, its end included.

    Returns:
        Tokens, int64 (n, max_steps), padded after their end.
    """
    source = source.to(device())
    state, written = net.start(source), []
    tokens = source.new_full((len(source),), BEGIN)
    ended = torch.zeros_like(tokens).bool()
    for _ in range(max_steps):
        scores, state = net.step(tokens, state)
        tokens = scores.argmax(1).masked_fill(ended, PADDING)
        ended |= (tokens == END) | (tokens == PADDING)
        written.append(tokens)
    return torch.stack(written, 1)


def continued(
    total: Tensor, log_p: Tensor, length: Tensor, ended: Tensor, alpha: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Choose the best continuations of a beam (section 10.10).

    Args:
        total: float32 (n, k), the log-probability of each beginning.
        log_p: float32 (n, k, V), that of each token after it.
        length: float32 (n, k), the tokens of each continuation, the new one included.
        ended: bool (n, k); only padding follows these, at no cost.
        alpha: length penalty.

    Returns:
        Of the k best, int64 (n, k) the beginning and int64 (n, k) the token, and
        float32 (n, k) the log-probability.
    """
    k, V = log_p.shape[1:]
    log_p = log_p.masked_fill(ended[..., None], -torch.inf)
    log_p[..., PADDING] = torch.where(ended, 0.0, -torch.inf)
    total = total[..., None] + log_p
    rank = (total / length[..., None] ** alpha).flatten(1)
    best = rank.topk(k).indices
    return best // V, best % V, total.flatten(1).gather(1, best)


@torch.inference_mode()
def beam_search(
    net: nn.Module, source: Tensor, max_steps: int, beam_size: int, alpha: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Search for probable translations with a beam (section 10.10).

    Args:
        net: has ``start(source)``, which returns a tuple of tensors with n rows, and
            ``step(tokens, state)``, which takes int64 (n,) and returns scores
            (n, V) and the new state; on ``d2l.device()``.
        source: int64 (n, m), padded at the end.
        max_steps: tokens of a translation at most, its end included.
        beam_size: beginnings that are kept.
        alpha: length penalty: sentences are ranked by the sum of their
            log-probabilities divided by their length to this power.

    Returns:
        Tokens, int64 (n, beam_size, max_steps), the best first, padded after their
        end, and the sums of their log-probabilities, float32 (n, beam_size); minus
        infinity where there are fewer sentences.
    """
    n, k = len(source), beam_size
    source = source.to(device())
    state = [part.repeat_interleave(k, 0) for part in net.start(source)]
    tokens = source.new_full((n * k, 1), BEGIN)
    total = torch.full((n, k), -torch.inf, device=source.device)
    total[:, 0] = 0.0  # one beginning, not k equal ones
    length, ended = torch.ones_like(total), torch.zeros_like(total).bool()
    first = k * torch.arange(n, device=source.device)[:, None]
    for _ in range(max_steps):
        scores, state = net.step(tokens[:, -1], tuple(state))
        log_p = scores.log_softmax(-1).view(n, k, -1)
        row, token, total = continued(total, log_p, length, ended, alpha)
        keep = (first + row).flatten()
        tokens = torch.cat((tokens[keep], token.view(-1, 1)), 1)
        ended = (token == END) | (token == PADDING)
        length = length.flatten()[keep].view(n, k) + ~ended
        state = [part[keep] for part in state]
    return tokens[:, 1:].view(n, k, -1), total


def ngrams(tokens: Sequence[str], n: int) -> Counter:
    """Count the runs of n tokens in one sentence (section 10.12)."""
    return Counter(zip(*(tokens[i:] for i in range(n)), strict=False))


def bleu_counts(
    translation: Sequence[str], references: Sequence[Sequence[str]], n: int = 4
) -> list[int]:
    """Return what one sentence adds to the BLEU of a corpus (section 10.12).

    Args:
        translation: tokens.
        references: its right translations, at least one, as tokens.
        n: longest n-grams.

    Returns:
        For each order up to n the n-grams that match, where one counts at most as often
        as that reference has it which has it most often; for each order all n-grams;
        the length of the translation, and that of the reference whose length is
        closest, of two the shorter.
    """
    matches, total, size = [], [], len(translation)
    for i in range(1, n + 1):
        allowed = Counter()
        for reference in references:
            allowed |= ngrams(reference, i)
        found = ngrams(translation, i)
        matches.append((found & allowed).total())
        total.append(found.total())
    closest = min(map(len, references), key=lambda m: (abs(m - size), m))
    return [*matches, *total, size, closest]


def bleu_score(counts: Tensor) -> Tensor:
    """Return the BLEU of summed counts (Papineni et al., 2002; section 10.12).

    Nothing is smoothed: without a match of some order the result is 0.

    Args:
        counts: float64 (..., 2n + 2), sums of ``bleu_counts``.

    Returns:
        Float64 (...), 0 to 1.
    """
    n = counts.shape[-1] // 2 - 1
    matches, total, lengths = counts.split((n, n, 2), dim=-1)
    size, closest = lengths.clamp(min=1).unbind(-1)
    penalty = (1 - closest / size).clamp(max=0).exp()
    return penalty * (matches / total.clamp(min=1)).log().mean(-1).exp()


def bleu(
    translations: Sequence[Sequence[str]],
    references: Sequence[Sequence[Sequence[str]]],
    n: int = 4,
) -> float:
    """Return the BLEU of a corpus, 0 to 1 (Papineni et al., 2002; section 10.12).

    The counts are summed over all sentences before they are divided. Nothing is
    smoothed: if no n-gram of some order matches, in the whole corpus, or there is none,
    the result is 0.

    Args:
        translations: tokens of each sentence, at least one sentence.
        references: for each sentence its right translations, at least one, as tokens.
        n: longest n-grams.
    """
    pairs = zip(translations, references, strict=True)
    counts = torch.tensor([bleu_counts(*pair, n) for pair in pairs])
    return float(bleu_score(counts.sum(0).double()))
