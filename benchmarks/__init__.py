"""Measurements beside other course code, each written to a page of its own."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tools.notebooks import machine


def setting() -> str:
    """Return the machine and the threads, in words."""
    about = machine()
    return (
        f"{about['cpu']}, {about['cores']} cores, torch {about['torch']}, "
        f"threads: {torch.get_num_threads()}"
    )


def seconds(call: Callable[[], object]) -> float:
    """Return the processor time of one call."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


def medians(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median processor time of each call, taken in turns."""
    spent = {name: [] for name in calls}
    for repeat in range(repeats + 1):
        for name, call in calls.items():
            value = seconds(call)
            if repeat:  # the first pass warms up
                spent[name].append(value)
    return {name: statistics.median(values) for name, values in spent.items()}


def write(path: Path, lines: list[str]) -> None:
    """Write a page of results, and show it."""
    path.write_text("\n".join(lines) + "\n", "utf-8")
    print(*lines, sep="\n")
