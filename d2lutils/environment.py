"""Where the course runs and how large its experiments are (section 4.6)."""

import os
import sys
from typing import TypeVar

import torch

T = TypeVar("T")


def device() -> torch.device:
    """Return the device to compute on: CUDA, else Apple's MPS, else the CPU.

    The environment variable ``D2L_DEVICE`` (``cpu``, ``cuda``, ``cuda:1``,
    ``mps``) overrides the choice. Explained in section 4.6.

    Raises:
        RuntimeError: ``D2L_DEVICE`` names a device that is not there.
    """
    wanted = os.environ.get("D2L_DEVICE")
    if wanted:
        try:
            return torch.empty(0, device=wanted).device
        except (RuntimeError, AssertionError) as error:
            raise RuntimeError(
                f"D2L_DEVICE={wanted}: no such device here; unset it or set it to cpu"
            ) from error
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def by_scale(small: T, full: T) -> T:
    """Return ``small`` on a CPU or MPS machine and ``full`` with CUDA.

    Sections use it for sizes: a width, a number of images, a number of
    epochs. ``D2L_SCALE`` (``small`` or ``full``) overrides the choice.

    Raises:
        ValueError: ``D2L_SCALE`` is neither.
    """
    default = "full" if device().type == "cuda" else "small"
    choice = os.environ.get("D2L_SCALE", default)
    if choice not in ("small", "full"):
        raise ValueError(f"D2L_SCALE={choice}: expected small or full")
    return full if choice == "full" else small


def shows_progress() -> bool:
    """Tell whether a person watches: in a notebook or a terminal.

    ``D2L_QUIET=1`` says no; it is set while notebooks are made and tested.
    """
    if os.environ.get("D2L_QUIET") == "1":
        return False
    return "ipykernel" in sys.modules or sys.stderr.isatty()
