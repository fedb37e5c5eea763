"""The check that answers an exercise at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Verdict:
    """The answer of ``check``: true only if the attempt is right."""

    right: bool
    message: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return self.message


def check(
    attempt: Callable[..., Any],
    cases: Sequence[tuple[tuple, Any]],
    tolerance: float = 1e-4,
) -> Verdict:
    """Try an exercise's function on cases and say how it stands.

    Three answers: not attempted yet (the stub returns nothing or raises
    ``NotImplementedError``), not right (with the first failing case, what
    was expected and what came), right.

    Args:
        attempt: the reader's function (or class).
        cases: pairs of arguments (a tuple) and the expected result: a number,
            string, bool, tensor, or a list, tuple or dictionary of those. A
            result may come in another container of the same values.
        tolerance: largest accepted difference, absolute and relative.

    Raises:
        TypeError: ``attempt`` cannot be called.
        ValueError: there are no cases.
    """
    if not callable(attempt):
        raise TypeError(f"attempt: expected a function, got {attempt!r}")
    if len(cases) == 0:
        raise ValueError("cases: expected at least one")
    name = getattr(attempt, "__name__", "attempt")
    for arguments, expected in cases:
        call = f"{name}({', '.join(_short(value) for value in arguments)})"
        try:
            got = attempt(*arguments)
        except NotImplementedError:
            got = None
        except Exception as error:
            return Verdict(
                False, f"Not right: {call} raised {type(error).__name__}: {error}"
            )
        if got is None or got is ...:
            return Verdict(False, f"Not attempted yet: {name} returns nothing.")
        difference = _difference(got, expected, tolerance)
        if difference:
            return Verdict(
                False,
                f"Not right: {call}\n  expected {_short(expected)}\n"
                f"  got      {_short(got)}\n  {difference}",
            )
    number = f"{len(cases)} case" + ("s" if len(cases) > 1 else "")
    return Verdict(True, f"Right: {name} passes {number}.")


def _difference(got: Any, expected: Any, tolerance: float) -> str:
    """Say how ``got`` differs from ``expected``; empty if it does not.

    Values count, not their container: a number may come as a scalar tensor or
    from NumPy, a list as a tuple, a tensor as a list of numbers.
    """
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping) or got.keys() != expected.keys():
            return f"Expected a dictionary with the keys {list(expected)}."
        pairs = [(got[key], expected[key]) for key in expected]
        return next(filter(None, (_difference(*p, tolerance) for p in pairs)), "")
    ours, theirs = _tensor(expected), _tensor(got)
    if ours is not None and theirs is not None:
        try:
            torch.testing.assert_close(
                theirs,
                ours,
                rtol=tolerance,
                atol=tolerance,
                check_dtype=False,
                equal_nan=True,
            )
        except AssertionError as error:
            return str(error).splitlines()[0]
        return ""
    if isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        if len(got) != len(expected):
            return f"Expected {len(expected)} values, got {len(got)}."
        pairs = zip(got, expected, strict=True)
        return next(filter(None, (_difference(*p, tolerance) for p in pairs)), "")
    try:
        same = bool(got == expected)
    except (RuntimeError, TypeError, ValueError):  # no single answer
        same = False
    return "" if same else "The values differ."


def _tensor(value: Any) -> torch.Tensor | None:
    """Return numbers of any kind as a tensor on the CPU, or None."""
    if isinstance(value, str | bytes):
        return None
    try:
        if isinstance(value, list | tuple):  # of numbers, or of tensors
            value = torch.stack([torch.as_tensor(v).detach().cpu() for v in value])
        return torch.as_tensor(value).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        return None


def _short(value: Any) -> str:
    """Show a value in one line that stays readable."""
    if isinstance(value, torch.Tensor) and value.numel() > 12:
        kind = str(value.dtype).removeprefix("torch.")
        return f"<{kind} tensor of shape {tuple(value.shape)}>"
    text = " ".join(repr(value).split())
    return text if len(text) <= 200 else text[:197] + "..."
