"""Stored outputs: clean, and every figure described in both languages."""

import json
import re
from collections.abc import Iterator

from tools.book import LANGUAGES, notebook
from tools.check.language import Finding
from tools.check.source import Book, Cell, Page

SPOILED = {
    "a warning": re.compile(r"\b[A-Z]\w*Warning\b|^Warning:", re.MULTILINE),
    "a traceback": re.compile(r"Traceback \(most recent call last\)"),
    "a progress bar": re.compile(r"it/s\]|s/it\]|\d%\|"),
    "an absolute path": re.compile(
        r"(?<![\w.~/:-])/(home|root|Users|tmp|usr|opt|var|mnt|private)/"
        r"|\b[A-Z]:\\"
    ),
    "an object's address": re.compile(r"\bat 0x[0-9a-f]"),
    "a stand-in": re.compile("this is the stand-in"),  # printed by d2lutils.data
}


def clean(page: Page, book: Book) -> Iterator[Finding]:
    """No warning, traceback, progress bar, absolute path, address or stand-in."""
    for cell, output, folder in outputs(page, book):
        if output["output_type"] == "error":
            if "raises-exception" not in cell.tags:
                yield cell.line, f"an error in the output ({folder})"
        elif output.get("name") == "stderr":
            yield cell.line, f"text on stderr in the output ({folder})"
            continue
        text = shown(output)
        for what, pattern in SPOILED.items():
            if pattern.search(text):
                yield cell.line, f"{what} in the output ({folder})"


def raised(page: Page, book: Book) -> Iterator[Finding]:
    """A cell that announces an error has one in its output."""
    failing = {
        cell.line
        for cell, output, _ in outputs(page, book)
        if output["output_type"] == "error"
    }
    for cell in page.code:
        if "raises-exception" in cell.tags and cell.line not in failing:
            yield cell.line, "raises-exception, but the output holds no error"


def described(page: Page, book: Book) -> Iterator[Finding]:
    """A cell that draws a figure says in both languages what it shows."""
    for cell, output, _ in outputs(page, book):
        if any(kind.startswith("image/") for kind in output.get("data", ())):
            alt = cell.metadata.get("alt")
            for language, name in LANGUAGES.items():
                if not isinstance(alt, dict) or not str(alt.get(language) or ""):
                    yield cell.line, f"a figure without alt text in {name}"


def outputs(page: Page, book: Book) -> Iterator[tuple[Cell, dict, str]]:
    """Yield each stored output with the source's cell and the language's folder."""
    for language in LANGUAGES:
        path = notebook(book.root, page.name, language)
        if not path.exists():
            continue  # notebooks that are missing are reported as stale
        cells = json.loads(path.read_text("utf-8"))["cells"]
        stored = [cell for cell in cells if cell["cell_type"] == "code"]
        for cell, notebook_cell in zip(page.code, stored, strict=False):
            for output in notebook_cell["outputs"]:
                yield cell, output, f"notebooks/{language}"


def shown(output: dict) -> str:
    """Return what the reader sees as text of an output."""
    found = [output.get("text", ""), output.get("traceback", "")]
    for kind, content in output.get("data", {}).items():
        if kind.startswith("text/"):
            found.append(content)
    return "\n".join("".join(part) for part in found)


RULES = (clean, raised, described)
