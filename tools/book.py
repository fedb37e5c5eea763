"""The book on disk: its root, languages, table of contents, cells and links.

A page is named by its path in `book/` without suffix, as in `_toc.yml`.
"""

import re
from collections.abc import Callable
from pathlib import Path

import yaml
from jupytext.myst import myst_to_notebook
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline, image, link
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = {"en": "English", "zh": "Chinese"}
BIBLIOGRAPHY = "book/references.bib"
TERMS = "book/terms.yml"


def contents(root: Path) -> dict:
    """Return the table of contents."""
    return yaml.safe_load((root / "_toc.yml").read_text("utf-8"))


def toc(root: Path) -> list[str]:
    """Return every page in reading order."""

    def below(node: dict) -> list[str]:
        here = [node["file"]] if "file" in node else []
        children = [
            child
            for kind in ("parts", "chapters", "sections")
            for child in node.get(kind, [])
        ]
        return here + [page for child in children for page in below(child)]

    return [contents(root)["root"], *below(contents(root))]


def sections(root: Path) -> set[str]:
    """Return the numbered pages, less the index pages of chapters with sections."""
    return {
        page["file"]
        for part in contents(root)["parts"]
        if part.get("numbered")
        for chapter in part["chapters"]
        for page in chapter.get("sections", [chapter])
    }


def number(page: str) -> str:
    """Return the number that a page shows: "3.11" for `03_basics/11_dropout`."""
    return ".".join(str(int(n)) for n in re.findall(r"(?:^|/)(\d+)_", page)) or page


def source(root: Path, page: str) -> Path:
    """Return where a page is written."""
    return root / "book" / f"{page}.md"


def notebook(root: Path, page: str, language: str) -> Path:
    """Return where the notebook of a page in one language lies."""
    return root / "notebooks" / language / f"{page}.ipynb"


def read(root: Path, page: str) -> NotebookNode:
    """Return a page's cells, both languages in one notebook.

    `metadata.source_map` holds for each cell the lines of the file before it.
    """
    text = source(root, page).read_text("utf-8")
    return myst_to_notebook(text, add_source_map=True)


def _placed(rule: Callable, kind: str) -> Callable:
    """Wrap a rule of the parser: its token remembers where in the text it stands."""

    def placed(state: StateInline, silent: bool) -> bool:
        start = state.pos
        if not rule(state, silent):
            return False
        if not silent:
            token = next(t for t in reversed(state.tokens) if t.type == kind)
            _, inline, target = state.src[start : state.pos - 1].rpartition("](")
            if inline:  # of a link, only what its brackets hold is rewritten
                end = state.pos - (kind == "link_open")
                start = end - len(target) if kind == "link_open" else start
                token.meta = {"target": target, "span": (start, end)}
        return True

    return placed


PARSER = (
    MarkdownIt("commonmark")
    .enable("table")
    .disable("text_join")  # keeps an escaped asterisk apart from a bare one
    .use(dollarmath_plugin, double_inline=True)
    .use(myst_role_plugin)
    .use(myst_block_plugin)
)
PARSER.inline.ruler.at("link", _placed(link, "link_open"))
PARSER.inline.ruler.at("image", _placed(image, "image"))


def relink(text: str, rewrite: Callable[[str, str | None], str]) -> str:
    """Return Markdown with other links: what `rewrite` makes of each target.

    It is given the target of a link and returns another; for an image it is given
    the alternative text, too, and returns what is to stand in the image's place.
    """
    lines = text.split("\n")
    seen: dict[int, int] = {}  # by line, up to where earlier cells of a table reach
    for block in PARSER.parse(text):
        links = [token for token in block.children or () if "span" in token.meta]
        if not links:
            continue
        content = block.content
        for token in sorted(links, key=lambda token: token.meta["span"], reverse=True):
            start, end = token.meta["span"]
            alt = token.content if token.type == "image" else None
            content = (
                content[:start] + rewrite(token.meta["target"], alt) + content[end:]
            )
        pairs = zip(block.content.split("\n"), content.split("\n"), strict=True)
        for at, (old, new) in enumerate(pairs, start=block.map[0]):
            begin = lines[at].index(old, seen.get(at, 0))
            lines[at] = lines[at][:begin] + new + lines[at][begin + len(old) :]
            seen[at] = begin + len(new)
    return "\n".join(lines)
