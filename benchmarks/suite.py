"""Seconds of every notebook: starting and importing apart from the work.

``python -m benchmarks.suite`` runs the stored English notebooks one after the
other, one thread each, and writes ``benchmarks/suite.md``. Start-up is the
time until the first code cell, which holds the imports, is done.
"""

import datetime
import os
import statistics
import time
from pathlib import Path

from nbclient import NotebookClient

from tools import book, notebooks

RESULT = Path(__file__).with_suffix(".md")


def seconds(page: str) -> tuple[float, float]:
    """Return the seconds of start-up and of work of one page."""
    notebook = notebooks.stored(book.ROOT, page, "en")
    done: list[float] = []
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": book.notebook(book.ROOT, page, "en").parent}},
        on_cell_executed=lambda **_: done.append(time.perf_counter()),
    )
    begin = time.perf_counter()
    client.execute(env=os.environ | notebooks.ENVIRONMENT)
    return done[0] - begin, time.perf_counter() - done[0]


def main() -> None:
    rows, columns = [], []
    for page in book.toc(book.ROOT):
        notebook = notebooks.stored(book.ROOT, page, "en")
        if notebook is None or not notebooks.code(notebook):
            continue
        start, work = seconds(page)
        columns.append((start, work))
        rows.append(f"| {page} | {start:.1f} | {work:.1f} | {start + work:.1f} |")
        print(rows[-1], flush=True)
    start, work = (sum(column) for column in zip(*columns, strict=True))
    about = notebooks.machine()
    text = [
        "# Seconds of every notebook",
        "",
        f"{datetime.date.today()}, {about['cpu']}, {about['cores']} cores, torch "
        f"{about['torch']}, one notebook at a time, one thread. Median start-up "
        f"{statistics.median(column[0] for column in columns):.1f} s.",
        "",
        "| notebook | start-up and imports | work | together |",
        "| --- | --- | --- | --- |",
        *rows,
        f"| sum | {start:.0f} | {work:.0f} | {start + work:.0f} |",
    ]
    RESULT.write_text("\n".join(text) + "\n", "utf-8")


if __name__ == "__main__":
    main()
