"""Images that say what they show, citations; `make html` sees where links lead."""

import re
from collections.abc import Iterator

from tools.check.language import Finding
from tools.check.source import Book, Page, children, plain
from tools.citations import ROLE, keys


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


RULES = (alt_texts, roles)
