"""Measurements beside other course code, each written to a page of its own."""

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


def write(path: Path, lines: list[str]) -> None:
    """Write a page of results, and show it."""
    path.write_text("\n".join(lines) + "\n", "utf-8")
    print(*lines, sep="\n")
