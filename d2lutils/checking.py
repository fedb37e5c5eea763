"""The check that answers an exercise at once."""

from collections.abc import Callable, Sequence
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
            string, bool, tensor, or a list, tuple or dictionary of those.
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
    """Say how ``got`` differs from ``expected``; empty if it does not."""
    try:
        torch.testing.assert_close(
            got,
            expected,
            rtol=tolerance,
            atol=tolerance,
            check_device=False,
            equal_nan=True,
        )
    except TypeError:  # neither numbers nor tensors
        return "" if got == expected else "The values differ."
    except AssertionError as error:
        return str(error).splitlines()[0]
    return ""


def _short(value: Any) -> str:
    """Show a value in one line that stays readable."""
    if isinstance(value, torch.Tensor) and value.numel() > 12:
        kind = str(value.dtype).removeprefix("torch.")
        return f"<{kind} tensor of shape {tuple(value.shape)}>"
    text = " ".join(repr(value).split())
    return text if len(text) <= 200 else text[:197] + "..."
