"""The bibliography: each work once, complete, and cited somewhere."""

from collections.abc import Iterator

from pybtex.database import parse_string

from tools.book import BIBLIOGRAPHY
from tools.check.language import Finding
from tools.check.source import Book
from tools.citations import ROLE, keys


def repeated(book: Book) -> Iterator[Finding]:
    """A key stands for one work."""
    first: dict[str, int] = {}
    for line, key in book.works:
        if key in first:
            yield line, f"{key} is already on line {first[key]}"
        first.setdefault(key, line)


def complete(book: Book) -> Iterator[Finding]:
    """A work has its people, title, year, and an address that lasts."""
    if len({key for _, key in book.works}) < len(book.works):
        return  # pybtex refuses repeated keys; `repeated` names them
    text = (book.root / BIBLIOGRAPHY).read_text(encoding="utf-8")
    entries = parse_string(text, "bibtex").entries
    for line, key in book.works:
        entry = entries[key]
        for name in ("title", "year"):
            if name not in entry.fields:
                yield line, f"{key} without {name}"
        if not entry.persons:
            yield line, f"{key} without author or editor"
        if not {"doi", "eprint", "url"} & set(map(str.lower, entry.fields)):
            yield line, f"{key} without doi, eprint or url"


def cited(book: Book) -> Iterator[Finding]:
    """A work is there because a page cites it."""
    used = {
        key
        for page in book.pages.values()
        for role in ROLE.finditer(page.text)
        for key in keys(role)
    }
    for line, key in book.works:
        if key not in used:
            yield line, f"{key} is cited nowhere"


RULES = (repeated, complete, cited)
