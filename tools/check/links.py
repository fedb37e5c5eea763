"""Links that lead somewhere, images that say what they show, citations."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import normpath
from urllib.parse import unquote

from tools.check.language import Finding
from tools.check.source import Book, Page, children, plain
from tools.citations import ROLE, keys

TARGET = re.compile(r"""<(?:a|img)\s[^>]*?(?:href|src)=["']([^"']*)["']""")
NAME = re.compile(r"""\sid=["']([^"']+)["']""")


def internal_links(page: Page, book: Book) -> Iterator[Finding]:
    """The file of a link or image is there, and so is the label after its #."""
    for line, target, language in _targets(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, label = unquote(target).partition("#")
        there = normpath(PurePosixPath(page.name).parent / path) if path else page.name
        if path and not path.endswith(".md"):
            if not (book.root / "book" / there).is_file():
                yield line, f"no file {target} (a page ends in .md)"
            continue
        there = there.removesuffix(".md")
        if there not in book.pages:
            yield line, f"no page {target}"
        elif label and label not in _labels(book.pages[there], language):
            yield line, f"no label #{label} in {book.pages[there].file}"


def _targets(page: Page) -> Iterator[tuple[int, str, str]]:
    """Yield line, target and language of every link and image."""
    for language, stream in page.streams.items():
        for item in stream:
            if item.token is None:
                continue
            for line, child in children(item.token, item.line):
                if child.type == "link_open":
                    yield line, child.attrs["href"], language
                elif child.type == "image":
                    yield line, child.attrs["src"], language
            if item.token.type in ("html_block", "inline"):
                for target in TARGET.findall(item.token.content):
                    yield item.line, target, language


def _labels(page: Page, language: str) -> set[str]:
    """Return what a link into the page may name: labels, ids, headings."""
    found = set()
    for item in page.streams[language]:
        if item.token and item.token.type == "myst_target":
            found.add(item.token.content)
        elif item.token and item.token.type in ("html_block", "inline"):
            found.update(NAME.findall(item.token.content))
    for heading in page.headings[language]:
        words = re.sub(r"[^\w\s-]", "", heading.text.strip().lower())
        found.add(words.replace(" ", "-"))
    return found


def alt_texts(page: Page, book: Book) -> Iterator[Finding]:
    """Every image says in words what it shows."""
    for stream in page.streams.values():
        for item in stream:
            if item.token is None:
                continue
            for line, child in children(item.token, item.line):
                if child.type == "image" and not plain(child).strip():
                    yield line, f"image {child.attrs['src']} without alt text"
            if item.token.type in ("html_block", "inline"):
                for image in re.findall(r"<img\s[^>]*>", item.token.content):
                    if not re.search(r"""\salt=["'][^"']""", image):
                        yield item.line, "image (<img>) without alt text"


def roles(page: Page, book: Book) -> Iterator[Finding]:
    """Citations name a work; other roles would show as raw text in Colab."""
    known = {key for _, key in book.works}
    for stream in page.streams.values():
        for item in stream:
            for line, child in children(item.token, item.line) if item.token else ():
                if child.type != "myst_role":
                    continue
                name = child.meta["name"]
                role = ROLE.fullmatch(f"{{{name}}}`{child.content}`")
                if role is None:
                    yield line, f"role {{{name}}}: write plain Markdown instead"
                    continue
                for key in keys(role):
                    if key not in known:
                        yield line, f"citation of {key}, which references.bib lacks"


RULES = (internal_links, alt_texts, roles)
