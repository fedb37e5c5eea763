"""What the site adds to Jupyter Book: a local Sphinx extension.

A link to the same page in the other language, names for what folds, lines
that do not break before punctuation, what other programs read in a page's
head, the comments hook, and the files of `book/_static`.
"""

import re
import sys
from html import escape
from pathlib import Path
from urllib.parse import urljoin

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.writers.html5 import HTML5Translator

from tools.book import ROOT

STATIC = ROOT / "book" / "_static"
SHORT_CODE = 24  # characters; less than a phone's line


def name_solutions(app: Sphinx, doctree: nodes.document) -> None:
    """Let a folded solution say that it is one."""
    for cell in doctree.findall(nodes.container):
        if "tag_solution" in cell["classes"]:
            cell["prompt_show"] = app.config.html_context["texts"]["solution"]


def open_fold(self: HTML5Translator, node: HideCodeCellNode) -> None:
    """Begin folded code; its one line is its name, open or closed."""
    name = escape(node["prompt_show"])
    self.body.append(f'<details class="hide"><summary>{name}</summary>\n')


def close_fold(self: HTML5Translator, node: HideCodeCellNode) -> None:
    """End folded code."""
    self.body.append("</details>\n")


def hold_together(app: Sphinx, doctree: nodes.document) -> None:
    """Let no line begin with the stop after a formula, or end in its bracket.

    Short code stays on one line; the space that Markdown needs after Chinese
    bold text that ends in a full-width mark goes.
    """
    for formula in list(doctree.findall(nodes.math)):
        parent = formula.parent
        at = parent.index(formula)
        bound = nodes.inline("", "", classes=["bound"])
        after = _cut(parent, at + 1, r"[)\]’”.,;:?!%]+|[）】》’”。，、；：？！]+")
        before = _cut(parent, at - 1, r"[(\[‘“（【《]+$") if at else ""
        if before or after:
            parent.replace(formula, bound)
            bound += [nodes.Text(before), formula, nodes.Text(after)]
    for code in doctree.findall(nodes.literal):
        if len(code.astext()) <= SHORT_CODE:
            code["classes"].append("short")
    for bold in doctree.findall(nodes.strong):
        if bold.astext().endswith(("。", "：", "？", "！")):
            _cut(bold.parent, bold.parent.index(bold) + 1, " ")


def _cut(parent: nodes.Element, at: int, pattern: str) -> str:
    """Take what matches off the text at a place of a parent, if it is text."""
    text = parent[at] if at < len(parent) else None
    if not isinstance(text, nodes.Text):
        return ""
    found = re.search(pattern if pattern.endswith("$") else f"^(?:{pattern})", text)
    if not found:
        return ""
    # not `replace`, which looks for an equal text and may find an earlier one
    parent[at] = nodes.Text(text[: found.start()] + text[found.end() :])
    return found[0]


def describe(doctree: nodes.document | None) -> str:
    """Return a page's first paragraph without formulas."""
    for paragraph in doctree.findall(nodes.paragraph) if doctree else ():
        text = " ".join(paragraph.astext().split())
        if len(text) > 40 and not any(paragraph.findall(nodes.math)):
            return text
    return ""


def name_toggles(generate, name: str):
    """Wrap the theme's maker of the contents: a chapter's toggle gets a name."""

    def named(*args, **kwargs):
        contents = generate(*args, **kwargs)
        for summary in contents.select("li > details > summary"):
            chapter = summary.find_parent("li").find("a")
            summary["aria-label"] = name.format(chapter.get_text(" ", strip=True))
        return contents

    return named


def add_to_page(
    app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document
) -> None:
    """Give the templates what the theme lacks."""
    context["description"] = describe(doctree) or app.config.html_title
    if "generate_toctree_html" in context:
        context["generate_toctree_html"] = name_toggles(
            context["generate_toctree_html"], context["texts"]["sections"]
        )
    body = context.get("body", "")
    context["body"] = body.replace("Link to this heading", context["texts"]["heading"])
    if 'class="math' not in body:
        context["script_files"] = [
            file
            for file in context["script_files"]
            if app.config.mathjax_path not in str(file.filename)
        ]
    context["alternates"] = {}
    if base := app.config.html_baseurl:
        other = context["other_language"]
        context["alternates"] = {
            app.config.language.replace("_", "-"): context["pageurl"],
            other["code"]: urljoin(base, f"../{other['folder']}/{page}.html"),
        }
        if image := re.search(r'src="([^"]+\.png)"', body):
            context["preview"] = urljoin(context["pageurl"], image[1])


def add_files(app: Sphinx, config: Config) -> None:
    """Take in the project's own templates, styles and icon."""
    config.templates_path.insert(0, str(ROOT / "tools" / "templates"))
    config.html_static_path.append(str(STATIC))
    config.html_favicon = str(STATIC / "favicon.svg")


def leave_search_to_pagefind(app: Sphinx) -> None:
    """Make no index; the template `search.html` asks Pagefind's."""
    app.builder.search = False


def setup(app: Sphinx) -> dict:
    """Register all of this with Sphinx."""
    if Path(app.srcdir) == ROOT:
        sys.exit("Pages come from notebooks/, in two languages: make html builds them.")
    app.add_node(HideCodeCellNode, override=True, html=(open_fold, close_fold))
    app.add_css_file("icons.css")
    app.add_css_file("site.css")
    app.add_js_file("site.js")
    app.connect("config-inited", add_files)
    app.connect("builder-inited", leave_search_to_pagefind)
    app.connect("doctree-read", name_solutions)
    app.connect("doctree-read", hold_together)
    app.connect("html-page-context", add_to_page, priority=900)  # after the theme
    return {"parallel_read_safe": True, "parallel_write_safe": True}
