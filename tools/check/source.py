"""Reads `book/`: pages, their cells with line numbers, and the Markdown in them."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import yaml
from jupytext.myst import MystMetadataParsingError
from markdown_it.token import Token
from nbformat import NotebookNode

from tools.book import BIBLIOGRAPHY, LANGUAGES, PARSER, TERMS, read, sections, toc

HAN = "\u3400-\u4dbf\u4e00-\u9fff"
STAND_IN = "\ufffc"  # what `plain` shows for code, an equation or a role
BOLD = "\u2060"  # what `marked` shows where bold text begins and ends


@dataclass(frozen=True)
class Cell:
    """One cell; `line` is the line of its first character of text."""

    kind: str
    text: str
    line: int
    metadata: dict
    opened: bool = True  # by +++ or a fence; other text lies outside a cell

    @property
    def tags(self) -> list[str]:
        return self.metadata.get("tags", [])

    @property
    def language(self) -> str | None:
        """Return "en" or "zh", or None for what both languages share."""
        for language in LANGUAGES:
            if f"lang-{language}" in self.tags:
                return language
        return None

    @cached_property
    def tokens(self) -> list[Token]:
        """The Markdown of the cell; `Token.map` counts from the file's first line."""
        tokens = PARSER.parse(self.text)
        for token in tokens:
            if token.map:
                token.map = [line + self.line for line in token.map]
        return tokens

    @cached_property
    def tree(self) -> ast.Module | None:
        """The syntax tree of the code, or None where it is not Python."""
        source = re.sub(r"^(\s*)[%!].*$", r"\1pass", self.text, flags=re.MULTILINE)
        try:
            return ast.parse(source)
        except SyntaxError:
            return None

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the syntax tree."""
        return list(ast.walk(self.tree)) if self.tree else []

    @cached_property
    def called(self) -> set[str]:
        """What the code calls, for example "d2l.fit"."""
        return calls(self.nodes)


@dataclass(frozen=True)
class Item:
    """A Markdown token, or a code cell (whose token is None), with its line."""

    line: int
    cell: Cell
    token: Token | None = None


@dataclass(frozen=True)
class Heading:
    """A heading of one language."""

    line: int
    level: int
    text: str
    position: int  # in the stream of its page


@dataclass(frozen=True)
class Page:
    """A file of `book/`; `name` is its path without suffix, as in `_toc.yml`."""

    name: str
    text: str
    cells: list[Cell]

    @property
    def file(self) -> str:
        return f"book/{self.name}.md"

    @cached_property
    def code(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "code"]

    @cached_property
    def markdown(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "markdown"]

    @cached_property
    def streams(self) -> dict[str, list[Item]]:
        """For each language, what a reader of it meets, in order."""
        return {language: list(self._stream(language)) for language in LANGUAGES}

    @cached_property
    def texts(self) -> dict[str, list[Item]]:
        """The paragraphs, headings, table cells and HTML of each language's cells."""
        return {
            language: [
                item
                for item in stream
                if item.token
                and item.cell.language == language
                and item.token.type in ("inline", "html_block")
            ]
            for language, stream in self.streams.items()
        }

    def _stream(self, language: str) -> Iterator[Item]:
        for cell in self.cells:
            if cell.kind == "code":
                yield Item(cell.line, cell)
            elif cell.language in (language, None):
                line = cell.line
                for token in cell.tokens:
                    line = token.map[0] if token.map else line
                    yield Item(line, cell, token)

    @cached_property
    def headings(self) -> dict[str, list[Heading]]:
        """The headings of each language."""
        return {
            language: [
                Heading(
                    item.line, int(item.token.tag[1]), stream[i + 1].token.content, i
                )
                for i, item in enumerate(stream)
                if item.token and item.token.type == "heading_open"
            ]
            for language, stream in self.streams.items()
        }


@dataclass(frozen=True)
class Book:
    """All pages of a checkout, and what they are checked against."""

    root: Path
    toc: list[str]
    sections: set[str]
    pages: dict[str, Page] = field(default_factory=dict)
    unreadable: list[tuple[str, int, str]] = field(default_factory=list)

    @cached_property
    def terms(self) -> list[dict]:
        """The terms of `terms.yml`."""
        return [
            term
            for group in yaml.safe_load((self.root / TERMS).read_text("utf-8"))
            for term in group["terms"]
        ]

    @cached_property
    def works(self) -> list[tuple[int, str]]:
        """Line and key of each entry of `references.bib`."""
        text = (self.root / BIBLIOGRAPHY).read_text(encoding="utf-8")
        entry = re.compile(r"\s*@\w+\s*{\s*([^,\s]+)\s*,")
        matches = enumerate(map(entry.match, text.split("\n")), start=1)
        return [(line, match[1]) for line, match in matches if match]


def read_book(root: Path) -> Book:
    """Read the table of contents and every page of `book/`."""
    book = Book(root, toc(root), sections(root))
    for path in sorted((root / "book").rglob("*.md")):
        name = path.relative_to(root / "book").with_suffix("").as_posix()
        text = path.read_text("utf-8")
        try:
            book.pages[name] = Page(name, text, list(cells(read(root, name), text)))
        except MystMetadataParsingError as error:
            line = re.search(r"at line (\d+)", str(error))
            book.unreadable.append(
                (
                    f"book/{name}.md",
                    int(line[1]) if line else 1,
                    " ".join(str(error).split()),
                )
            )
    return book


def cells(notebook: NotebookNode, text: str) -> Iterator[Cell]:
    """Yield a page's cells, each with the line where its text begins."""
    lines = text.split("\n")
    for cell, start in zip(notebook.cells, notebook.metadata.source_map, strict=True):
        body = cell.source.split("\n")
        first = next(
            i for i in range(start, len(lines)) if lines[i : i + len(body)] == body
        )
        opened = cell.cell_type == "code" or lines[start - 1].startswith("+++")
        yield Cell(cell.cell_type, cell.source, first + 1, cell.metadata, opened)


def calls(nodes: Iterable[ast.AST]) -> set[str]:
    """Return what is called, for example "optimizer.step"."""
    return {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}


def plain(token: Token, links: bool = True) -> str:
    """Return the text of an inline token; code, equations and roles stand in."""
    return marked(token, links).replace(BOLD, "")


def marked(token: Token, links: bool = True) -> str:
    """Return the same, with a mark where bold text begins and ends.

    The space after bold text that ends in a full-width mark is left out: without
    it the bold would not end (``**练习1。** 编写``).
    """
    text: list[str] = []
    inside = 0
    for child in token.children or []:
        if child.type in ("link_open", "link_close"):
            inside += child.nesting
        elif inside and not links:
            continue
        elif child.type in ("strong_open", "strong_close"):
            text.append(BOLD)
        elif child.type == "text":
            text.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            text.append("\n")
        elif child.type == "image":
            text.append(plain(child, links))
        elif child.type in (
            "code_inline",
            "math_inline",
            "math_inline_double",
            "myst_role",
            "text_special",
        ):
            text.append(STAND_IN)
    return re.sub(f"([。：？！]{BOLD}) ", r"\1", "".join(text))


def children(token: Token, line: int) -> Iterator[tuple[int, Token]]:
    """Yield what an inline token holds, each with its line."""
    for child in token.children or []:
        yield line, child
        line += child.type in ("softbreak", "hardbreak")
