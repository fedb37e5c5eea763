"""Reads `book/`: pages, their cells with line numbers, and the Markdown in them."""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin

from tools import pages

BIBLIOGRAPHY = "book/references.bib"
LANGUAGES = {"en": "English", "zh": "Chinese"}
HAN = "\u3400-\u4dbf\u4e00-\u9fff"
STAND_IN = "\ufffc"  # what `plain` shows for code, an equation or a role
BOLD_END = "\u2060"

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where it is built
PARSER = (
    MarkdownIt("commonmark")
    .enable("table")
    .disable("text_join")  # keeps an escaped asterisk apart from a bare one
    .use(dollarmath_plugin, double_inline=True)
    .use(myst_role_plugin)
    .use(myst_block_plugin)
)


class Unreadable(Exception):
    """A page that cannot be cut into cells: line and reason."""


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
    def works(self) -> list[tuple[int, str]]:
        """Line and key of each entry of `references.bib`."""
        text = (self.root / BIBLIOGRAPHY).read_text(encoding="utf-8")
        entry = re.compile(r"\s*@\w+\s*{\s*([^,\s]+)\s*,")
        matches = enumerate(map(entry.match, text.split("\n")), start=1)
        return [(line, match[1]) for line, match in matches if match]


def read_book(root: Path) -> Book:
    """Read the table of contents and every page of `book/`."""
    book = Book(root, pages.toc(root), sections(root))
    for path in sorted((root / "book").rglob("*.md")):
        name = path.relative_to(root / "book").with_suffix("").as_posix()
        text = path.read_text(encoding="utf-8")
        try:
            book.pages[name] = Page(name, text, cells(text))
        except Unreadable as error:
            book.unreadable.append((f"book/{name}.md", *error.args))
    return book


def sections(root: Path) -> set[str]:
    """Return the numbered pages, less the index pages of chapters with sections."""
    contents = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [
        chapter
        for part in contents["parts"]
        if part.get("numbered")
        for chapter in part["chapters"]
    ]
    return {
        page["file"]
        for chapter in chapters
        for page in chapter.get("sections", [chapter])
    }


OPENING = re.compile(r"^(\s*)(`{3,}|~{3,})([^`]*)$")
BREAK = re.compile(r"^\+\+\+\s*(.*)$")


def cells(text: str) -> list[Cell]:
    """Cut a page into cells, as jupytext does, but keep the line numbers."""
    lines = text.rstrip().split("\n")
    start = lines.index("---", 1) + 1 if lines[0] == "---" else 0
    result: list[Cell] = []
    metadata: dict = {}
    opened, fence, is_code = False, "", False

    def flush(end: int) -> None:
        """End the Markdown cell before line `end` (counted from zero)."""
        first = start
        while first < end and not lines[first].strip():
            first += 1
        body = "\n".join(lines[first:end]).rstrip()
        if body:
            result.append(Cell("markdown", body, first + 1, metadata, opened))

    for i, line in enumerate(lines):
        if i < start:
            continue
        if fence:
            closing = line.strip()
            if closing.startswith(fence) and not closing.strip(fence[0]):
                fence = ""
                if is_code:
                    result.append(_code_cell(lines[start:i], start))
                    start, metadata, opened = i + 1, {}, False
        elif match := OPENING.match(line):
            fence = match[2]
            is_code = not match[1] and match[3].startswith("{code-cell}")
            if is_code:
                flush(i)
                start = i + 1
        elif match := BREAK.match(line):
            flush(i)
            start, metadata, opened = i + 1, _markdown_metadata(match[1], i), True
    if fence:
        raise Unreadable(start, "a fence that begins here or below never ends")
    flush(len(lines))
    return result


def _markdown_metadata(text: str, index: int) -> dict:
    try:
        metadata = json.loads(text or "{}")
    except ValueError as error:
        raise Unreadable(index + 1, f"what follows +++ is no JSON: {error}") from error
    if not isinstance(metadata, dict):
        raise Unreadable(index + 1, 'what follows +++ must be like {"tags": [...]}')
    return metadata


def _code_cell(lines: list[str], start: int) -> Cell:
    """Make a code cell of what its fence encloses, options included."""
    options: list[str] = []
    body = 0
    if lines and lines[0].startswith("---"):
        while body + 1 < len(lines) and not lines[body + 1].startswith("---"):
            body += 1
            options.append(lines[body])
        body += 2
    else:
        while body < len(lines) and lines[body].startswith(":"):
            options.append(lines[body][1:])
            body += 1
    try:
        metadata = yaml.load("\n".join(options), LOADER) or {} if options else {}
    except yaml.YAMLError as error:
        raise Unreadable(start, f"options of the code cell: {error}") from error
    if body < len(lines) and not lines[body].strip():
        body += 1
    return Cell("code", "\n".join(lines[body:]), start + body + 1, metadata)


def calls(nodes: Iterable[ast.AST]) -> set[str]:
    """Return what is called, for example "optimizer.step"."""
    return {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}


def plain(token: Token, links: bool = True) -> str:
    """Return the text of an inline token; code, equations and roles stand in.

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
        elif child.type == "strong_close":
            text.append(BOLD_END)
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
    joined = re.sub(f"([。：？！]){BOLD_END} ", r"\1", "".join(text))
    return joined.replace(BOLD_END, "")


def children(token: Token, line: int) -> Iterator[tuple[int, Token]]:
    """Yield what an inline token holds, each with its line."""
    for child in token.children or []:
        yield line, child
        line += child.type in ("softbreak", "hardbreak")
