"""Attention: masks and scores (10.11), several heads and positions (11.2)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def masked_softmax(scores: Tensor, valid: Tensor | None = None) -> Tensor:
    """Return weights over the last axis that are 0 where a key is not valid.

    A row without any valid key gets the weights 0, and no gradient.

    Args:
        scores: float, (..., k).
        valid: bool, broadcastable to the scores; None means that all are valid.
    """
    if valid is None:
        return scores.softmax(dim=-1)
    lowest = torch.finfo(scores.dtype).min
    weights = scores.masked_fill(~valid, lowest).softmax(dim=-1)
    return weights.masked_fill(~valid, 0)


class DotProductAttention(nn.Module):
    """Look values up by the dot product of query and key.

    Luong et al. (2015) use the product, Vaswani et al. (2017) divide it by the root of
    the size.

    Args:
        scaled: divide the scores by the root of d.
    """

    def __init__(self, scaled: bool = True):
        super().__init__()
        self.scaled = scaled

    def forward(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        valid: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return what the queries find, and where.

        Args:
            queries: float, (n, q, d).
            keys: float, (n, k, d).
            values: float, (n, k, v), finite also where a key is not valid.
            valid: bool, broadcastable to (n, q, k): lengths of rows are (n, 1, k).

        Returns:
            Outputs (n, q, v) and weights (n, q, k).
        """
        scores = queries @ keys.transpose(1, 2)
        if self.scaled:
            scores = scores / queries.shape[-1] ** 0.5
        weights = masked_softmax(scores, valid)
        return weights @ values, weights


class AdditiveAttention(nn.Module):
    """Look values up by a small network of query and key (Bahdanau et al., 2014).

    Args:
        query_size: numbers of a query.
        key_size: numbers of a key.
        num_hiddens: hidden units of the network.
    """

    def __init__(self, query_size: int, key_size: int, num_hiddens: int):
        super().__init__()
        self.W_q = nn.Linear(query_size, num_hiddens, bias=False)
        self.W_k = nn.Linear(key_size, num_hiddens, bias=False)
        self.w_v = nn.Linear(num_hiddens, 1, bias=False)

    def forward(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        valid: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return what the queries find, and where.

        Args:
            queries: float, (n, q, query_size).
            keys: float, (n, k, key_size).
            values: float, (n, k, v), finite also where a key is not valid.
            valid: bool, broadcastable to (n, q, k): lengths of rows are (n, 1, k).

        Returns:
            Outputs (n, q, v) and weights (n, q, k).
        """
        pairs = self.W_q(queries)[:, :, None] + self.W_k(keys)[:, None]
        scores = self.w_v(torch.tanh(pairs)).squeeze(-1)
        weights = masked_softmax(scores, valid)
        return weights @ values, weights


class MultiHeadAttention(nn.Module):
    """Several scaled dot-product attentions side by side (section 11.2).

    Vaswani et al. (2017), section 3.2.2.

    Args:
        num_hiddens: size of inputs and outputs, h.
        num_heads: attentions, each on h / num_heads numbers of a query.

    Raises:
        ValueError: the heads do not divide the size.
    """

    def __init__(self, num_hiddens: int, num_heads: int):
        super().__init__()
        if num_hiddens % num_heads:
            raise ValueError(f"{num_heads} heads do not divide {num_hiddens} hiddens")
        self.num_heads = num_heads
        self.W_q, self.W_k, self.W_v, self.W_o = (
            nn.Linear(num_hiddens, num_hiddens) for _ in range(4)
        )

    def heads(self, X: Tensor) -> Tensor:
        """Cut (n, q, h) into (n, num_heads, q, h / num_heads)."""
        return X.unflatten(2, (self.num_heads, -1)).transpose(1, 2)

    def forward(
        self,
        X: Tensor,
        memory: Tensor | None = None,
        valid: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """Return what each row of ``X`` finds in the memory, float32 (n, q, h).

        Args:
            X: asks, float32 (n, q, h).
            memory: answers, float32 (n, k, h); None means ``X`` itself.
            valid: bool, broadcastable to (n, q, k): lengths of rows are (n, 1, k).
            causal: a row sees itself and the rows before it; without ``valid``.
        """
        memory = X if memory is None else memory
        Q = self.heads(self.W_q(X))
        K, V = self.heads(self.W_k(memory)), self.heads(self.W_v(memory))
        mask = None if valid is None else valid.unsqueeze(1)
        found = F.scaled_dot_product_attention(Q, K, V, mask, is_causal=causal)
        return self.W_o(found.transpose(1, 2).flatten(2))

    def weights(
        self,
        X: Tensor,
        memory: Tensor | None = None,
        valid: Tensor | None = None,
    ) -> Tensor:
        """Return where each head looks, float32 (n, num_heads, q, k).

        Args:
            X, memory, valid: as for ``forward``.
        """
        memory = X if memory is None else memory
        Q, K = self.heads(self.W_q(X)), self.heads(self.W_k(memory))
        scores = Q @ K.transpose(2, 3) / Q.shape[-1] ** 0.5
        return masked_softmax(scores, None if valid is None else valid.unsqueeze(1))


def sinusoids(num_steps: int, num_hiddens: int) -> Tensor:
    """Return a vector for each position (section 11.2; Vaswani et al., 2017, 3.5).

    Entry 2j is sin(t / 10000^(2j / h)), entry 2j + 1 the cosine of the same.

    Args:
        num_steps: positions t.
        num_hiddens: size of a vector, even.

    Returns:
        float32 (num_steps, num_hiddens).
    """
    pair = torch.arange(0, num_hiddens, 2) / num_hiddens
    angles = torch.arange(num_steps)[:, None] / 10000**pair
    return torch.stack((angles.sin(), angles.cos()), dim=2).flatten(1)
