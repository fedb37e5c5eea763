"""Data sets that are drawn from a known model (section 3.2)."""

import torch
from torch import Tensor


def synthetic_regression(
    w: Tensor, b: float, num_examples: int, noise: float = 0.01
) -> tuple[Tensor, Tensor]:
    """Draw examples of the linear model y = Xw + b + noise.

    Built in section 3.2.

    Args:
        w: true weights, float32, shape (d,).
        b: true bias.
        num_examples: number n of examples.
        noise: standard deviation of the Gaussian noise.

    Returns:
        Features ``X`` of shape (n, d), standard normal, and targets ``y`` of
        shape (n, 1).
    """
    X = torch.randn(num_examples, len(w))
    y = X @ w + b + noise * torch.randn(num_examples)
    return X, y.reshape(-1, 1)
