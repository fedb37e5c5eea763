"""Recurrent language models: training, perplexity and new text (chapter 6)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from d2lutils.environment import device
from d2lutils.text import TokenBatches, Vocabulary
from d2lutils.training import Diverged, History

State = Tensor | tuple["State", ...] | None


def recall(count: int, delay: int) -> tuple[Tensor, Tensor]:
    """Draw sequences of random bits; which one came first? (section 6.2).

    Args:
        count: number of sequences.
        delay: bits after the first one.

    Returns:
        Bits as -1 and 1, float32 (count, delay + 1), from torch's global generator,
        and the first of each as 0 or 1, int64 (count,).
    """
    bits = torch.randint(0, 2, (count, delay + 1))
    return 2.0 * bits - 1, bits[:, 0]


class ScratchModel(nn.Module):
    """A recurrent language model built by hand (section 6.4).

    Args:
        V: number of tokens.
        h: number of hidden units.
    """

    def __init__(self, V: int, h: int):
        super().__init__()
        self.W_xh = nn.Parameter(torch.randn(V, h))
        self.W_hh = nn.Parameter(torch.randn(h, h) / h**0.5)
        self.b_h = nn.Parameter(torch.zeros(h))
        self.W_hq = nn.Parameter(torch.randn(h, V) / h**0.5)
        self.b_q = nn.Parameter(torch.zeros(V))

    def forward(self, X: Tensor, H: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Score what comes next.

        Args:
            X: tokens, int64 (n, steps).
            H: the state after the text before, float32 (n, h); None where a text
                begins.

        Returns:
            Scores, float32 (n, steps, V), and the state after the last step.
        """
        if H is None:  # a text begins
            H = torch.zeros(len(X), len(self.W_hh), device=X.device)
        states = []
        for X_t in F.embedding(X.T, self.W_xh) + self.b_h:
            H = torch.tanh(torch.addmm(X_t, H, self.W_hh))
            states.append(H)
        return torch.stack(states, dim=1) @ self.W_hq + self.b_q, H


class LanguageModel(nn.Module):
    """An embedding, a recurrent layer and scores for the next token (section 6.5).

    Args:
        vocabulary_size: number of tokens.
        rnn: ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM`` with ``batch_first=True``; its
            ``input_size`` is the size of the embedding.
    """

    def __init__(self, vocabulary_size: int, rnn: nn.RNNBase):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, rnn.input_size)
        self.rnn = rnn
        self.output = nn.Linear(rnn.hidden_size, vocabulary_size)

    def forward(self, X: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Score what comes next.

        Args:
            X: tokens, int64 (n, steps).
            state: what the recurrent layer returned for the text before, or None
                where a text begins.

        Returns:
            Scores, float32 (n, steps, vocabulary_size), and the new state.
        """
        H, state = self.rnn(self.embedding(X), state)
        return self.output(H), state


def detach(state: State) -> State:
    """Return the state as a constant, so that no gradient goes further back."""
    if isinstance(state, tuple):
        return tuple(map(detach, state))
    return None if state is None else state.detach()


@torch.inference_mode()
def perplexity(net: nn.Module, batches: TokenBatches) -> float:
    """Return the perplexity of a text (section 6.1), its state carried along.

    Args:
        net: takes tokens (n, steps) and a state; returns scores (n, steps,
            vocabulary) and a state.
        batches: in the order of the text; several rows begin with an empty state
            at several places.

    Raises:
        ValueError: the batches are shuffled.
    """
    if batches.shuffle:
        raise ValueError("batches: expected the order of the text (shuffle=False)")
    was_training = net.training
    net.eval()
    state, total, count = None, 0.0, 0
    for X, y in batches.to(device()):
        scores, state = net(X, state)
        total += F.cross_entropy(scores.flatten(0, 1), y.flatten(), reduction="sum")
        count += y.numel()
    net.train(was_training)
    return math.exp(total / count)


def train(
    net: nn.Module,
    batches: TokenBatches,
    test: TokenBatches,
    num_epochs: int,
    lr: float,
    clip: float = 1.0,
) -> History:
    """Train a language model with Adam and clipped gradients (section 6.4).

    In the order of the text the state is carried from batch to batch, without
    its gradient, and begins anew in each epoch; shuffled pieces begin without.

    Args:
        net: as for ``perplexity``; moves to ``d2l.device()``.
        batches: the training text.
        test: held-out text, in its order.
        num_epochs: passes over the training text.
        lr: learning rate.
        clip: largest norm of the gradient of all parameters together.

    Returns:
        ``train_perplexity``, a mean over the epoch while the model changes, and
        ``test_perplexity`` at its end, for each epoch.

    Raises:
        Diverged: the training loss is not finite.
    """
    net.to(device())
    batches = batches.to(device())
    optimizer = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
    history = History()
    for epoch in range(1, num_epochs + 1):
        state, total, count = None, torch.zeros((), device=device()), 0
        for X, y in batches:
            scores, state = net(X, None if batches.shuffle else detach(state))
            loss = F.cross_entropy(scores.flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), clip)
            optimizer.step()
            total += loss.detach() * y.numel()
            count += y.numel()
        if not math.isfinite(mean := float(total) / count):
            raise Diverged(
                f"the training loss is {mean} in epoch {epoch}: try a smaller "
                "learning rate",
                history,
            )
        row = {"train_perplexity": math.exp(mean)}
        history.rows.append(row | {"test_perplexity": perplexity(net, test)})
    return history


@torch.inference_mode()
def generate(
    net: nn.Module,
    vocabulary: Vocabulary,
    prefix: str | list[str],
    num_tokens: int,
    temperature: float = 1.0,
) -> list[str]:
    """Let a language model write on (section 6.4).

    Args:
        net: as for ``perplexity``.
        vocabulary: gives tokens their numbers.
        prefix: what the text begins with: a string of characters or words; at
            least one token. The model reads it before it writes.
        num_tokens: tokens to write.
        temperature: the scores are divided by it (section 6.4); 0 always takes
            the most probable token.

    Returns:
        The tokens after the prefix, drawn from torch's global generator.

    Raises:
        ValueError: an empty prefix, a negative temperature.
    """
    if not len(prefix):
        raise ValueError("prefix: expected at least one token")
    if temperature < 0:
        raise ValueError(f"temperature: expected at least 0, got {temperature}")
    was_training = net.training
    net.eval()
    X, state, written = vocabulary.encode(prefix)[None], None, []
    for _ in range(num_tokens):
        scores, state = net(X.to(device()), state)
        last = scores[0, -1]
        if temperature == 0:
            token = last.argmax()
        else:
            token = torch.multinomial((last / temperature).softmax(0), 1)[0]
        X = token.reshape(1, 1)
        written.append(int(token))
    net.train(was_training)
    return vocabulary.decode(written)
