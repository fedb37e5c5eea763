"""What the site adds to Jupyter Book: a local Sphinx extension.

A link to the same page in the other language, a search index that finds
Chinese terms, a name for folded solutions, lines that do not break before
punctuation, the comments hook, and the files of `book/_static`.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.search.en import SearchEnglish

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "book" / "_static"
SHORT_CODE = 24  # characters; less than a phone's line


class SearchPairs(SearchEnglish):
    """Index English words by their stem and Chinese text by character pairs.

    均方误差 is indexed as 均方, 方误, 误差. A query is cut in the same way by
    the page's script, so that every term of two or more characters is found
    without a dictionary of words.
    """

    lang = "pairs"
    language_name = "English words and Chinese character pairs"
    js_splitter_code = r"""
function splitQuery(query) {
  const words = query.match(/[\u3400-\u9fff]+|[a-z0-9_\u00c0-\u024f]+/giu) ?? [];
  return words.flatMap((word) =>
    word.length > 2 && word >= "\u3400"
      ? Array.from({ length: word.length - 1 }, (_, i) => word.slice(i, i + 2))
      : [word]);
}
"""

    def split(self, input: str) -> list[str]:
        """Cut a text into words and pairs, as `splitQuery` above does."""
        words = []
        for word in re.findall(r"[\u3400-\u9fff]+|[a-zA-Z0-9_\u00c0-\u024f]+", input):
            if len(word) > 2 and word >= "\u3400":
                words += [word[i : i + 2] for i in range(len(word) - 1)]
            else:
                words.append(word)
        return words


def name_solutions(app: Sphinx, doctree: nodes.document) -> None:
    """Let the button of a folded solution say that it is one."""
    for cell in doctree.findall(nodes.container):
        if "tag_solution" in cell["classes"]:
            cell["prompt_show"], cell["prompt_hide"] = app.config.solution_prompts


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
    parent.replace(text, nodes.Text(text[: found.start()] + text[found.end() :]))
    return found[0]


def add_to_page(
    app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document
) -> None:
    """Give the templates the other language's page and giscus's settings."""
    other = app.config.other_language
    url = context["pathto"](f"../{other['folder']}/{page}.html", 1)
    context["other_language"] = other | {"url": url}
    context["giscus"] = app.config.giscus if doctree else {}


def add_files(app: Sphinx, config: Config) -> None:
    """Take in the project's own templates, styles and icon."""
    config.templates_path.append(str(ROOT / "tools" / "templates"))
    config.html_static_path.append(str(STATIC))
    config.html_favicon = str(STATIC / "favicon.svg")


def setup(app: Sphinx) -> dict:
    """Register all of this with Sphinx."""
    app.add_search_language(SearchPairs)
    app.add_config_value("solution_prompts", [], "env")
    app.add_config_value("other_language", {}, "html")
    app.add_config_value("giscus", {}, "html")
    app.add_css_file("site.css")
    app.add_js_file("site.js")
    app.connect("config-inited", add_files)
    app.connect("doctree-read", name_solutions)
    app.connect("doctree-read", hold_together)
    app.connect("html-page-context", add_to_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
