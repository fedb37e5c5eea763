"""Attention: softmax over the valid keys, two scores (section 10.11)."""

import torch
from torch import Tensor, nn


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
