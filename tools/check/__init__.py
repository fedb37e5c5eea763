"""Checks of the book's structure: what a program can see of the standard.

``python -m tools.check`` prints ``file:line: message`` for each problem. A
rule is a function from a page and the book to lines and messages; the modules
of this package list theirs in `RULES`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.book import BIBLIOGRAPHY, ROOT
from tools.check import (
    anatomy,
    code,
    language,
    links,
    literature,
    numbers,
    outputs,
    prose,
)
from tools.check.source import Book, read_book

PAGE_RULES = language.RULES + links.RULES + code.RULES + outputs.RULES + prose.RULES
SECTION_RULES = code.SECTION_RULES + anatomy.RULES + numbers.RULES


class Problem(NamedTuple):
    """What is wrong, and where."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


def problems(root: Path = ROOT) -> list[Problem]:
    """Return everything that is wrong with the book under `root`, in order.

    Notebooks are compared with their source once the source is right.
    """
    book = read_book(root)
    if found := sorted(set(_source_problems(book))):
        return found
    from tools import notebooks  # two seconds, and only needed now

    return [
        Problem(f"book/{page}.md", 1, "the notebooks do not match: make notebooks")
        for page in notebooks.stale(root)
    ]


def _source_problems(book: Book) -> Iterator[Problem]:
    if book.unreadable:  # what such a page holds, other rules would miss
        yield from map(Problem._make, book.unreadable)
        return
    yield from _toc_problems(book)
    for name, page in book.pages.items():
        for rule in (*PAGE_RULES, *(SECTION_RULES if name in book.sections else ())):
            for line, message in rule(page, book):
                yield Problem(page.file, line, message)
    for rule in literature.RULES:
        for line, message in rule(book):
            yield Problem(BIBLIOGRAPHY, line, message)


def _toc_problems(book: Book) -> Iterator[Problem]:
    """Every page is in the table of contents, and the other way round."""
    lines = (book.root / "_toc.yml").read_text(encoding="utf-8").split("\n")
    for name in book.toc:
        if not (book.root / "book" / f"{name}.md").exists():
            line = next(i for i, text in enumerate(lines, 1) if text.endswith(name))
            yield Problem("_toc.yml", line, f"there is no book/{name}.md")
    for name, page in book.pages.items():
        if name not in book.toc:
            yield Problem(page.file, 1, "this page is not in _toc.yml")
