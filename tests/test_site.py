"""The site's tool: configuration, start page, copies for Colab."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from docutils import nodes
from docutils.utils import new_document

from tools import colab, site
from tools.pages import number, toc
from tools.site import LANGUAGES
from tools.sphinx_site import hold_together

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "site"


def test_overlay_replaces_leaves_and_keeps_their_neighbours():
    base = {"title": "a", "sphinx": {"config": {"language": "en", "x": [1, 2]}}}
    top = {"sphinx": {"config": {"language": "zh_CN", "x": [3]}}, "new": 1}
    assert site.overlay(base, top) == {
        "title": "a",
        "sphinx": {"config": {"language": "zh_CN", "x": [3]}},
        "new": 1,
    }
    assert base["sphinx"]["config"]["language"] == "en", "the base stays as it was"


def test_every_text_of_the_overlay_has_an_english_original():
    def keys(tree: dict) -> set[str]:
        nested = (keys(value) for value in tree.values() if isinstance(value, dict))
        return set(tree).union(*nested)

    english = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    chinese = yaml.safe_load((ROOT / "_config.zh.yml").read_text("utf-8"))
    assert keys(chinese) <= keys(english)


@pytest.mark.parametrize("language", site.LANGUAGES)
def test_buttons_only_where_the_repository_is_known(language):
    unknown = yaml.safe_dump(site.configuration(language, None))
    assert "github.com" not in unknown and "colab" not in unknown.lower()
    known = site.configuration(language, "owner/name")
    assert known["repository"] == {
        "url": "https://github.com/owner/name",
        "branch": "colab",
        "path_to_book": language,
    }
    assert known["html"]["use_issues_button"] and known["launch_buttons"]["colab_url"]
    assert known["html"]["extra_footer"], "what was configured before stays"


def test_start_page_links_both_languages_without_script():
    page = (ROOT / "tools/templates/start.html").read_text("utf-8")
    body = page[page.index("<body>") :]
    assert re.findall(r'href="([^"]+)"', body) == ["en/index.html", "zh/index.html"]
    assert not re.search(r'(src|href)="(https?:)?//', page), "no other host"


def test_missing_notebooks_are_named(tmp_path, monkeypatch):
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    (tmp_path / "notebooks/en").mkdir(parents=True)
    (tmp_path / "notebooks/en/index.ipynb").touch()
    monkeypatch.setattr(site, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"notebooks/zh/index\.ipynb"):
        site.build()


def test_mathjax_is_small_and_complete(tmp_path):
    site.copy_mathjax(tmp_path)
    copied = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in copied) < 2_000_000
    assert (tmp_path / "tex-chtml.js").exists()
    assert len(list(tmp_path.rglob("*.woff"))) == 23


def test_site_needs_neither_torch_nor_the_helper_package():
    code = (
        "import sys, tools.site, tools.sphinx_site;"
        "print({'torch', 'd2lutils', 'numpy', 'nbclient'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert run.stdout.strip() == "set()", run.stderr


def test_search_cuts_chinese_into_pairs():
    from tools.sphinx_site import SearchPairs

    split = SearchPairs({}).split
    assert split("均方误差") == ["均方", "方误", "误差"]
    assert split("softmax回归，lr=0.1") == ["softmax", "回归", "lr", "0", "1"]


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A repository with two notebooks and a figure."""
    for path in ("notebooks/zh/a/x.ipynb", "notebooks/zh/b/y.ipynb", "book/f.svg"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    monkeypatch.setattr(colab, "ROOT", tmp_path)
    return tmp_path


def in_colab(source: str) -> str:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(source)])
    return colab.convert(notebook, "zh/a", "owner/name").cells[0].source


def test_colab_links_and_figures(book):
    opened = "https://colab.research.google.com/github/owner/name/blob/colab/zh"
    raw = "https://raw.githubusercontent.com/owner/name/HEAD"
    assert in_colab("[1](../b/y.ipynb#z)") == f"[1]({opened}/b/y.ipynb#z)"
    assert in_colab("![f](../../../book/f.svg)") == f"![f]({raw}/book/f.svg)"


@pytest.mark.parametrize(
    "source", ["[a](https://example.org/x)", "[b](#here)", r"$E[X](x)$", "[c](z.ipynb)"]
)
def test_colab_leaves_the_rest_alone(book, source):
    assert in_colab(source) == source


def test_colab_installs_first_where_there_is_code(book):
    for language, cell in (("zh/a/x", "code"), ("zh/b/y", "markdown")):
        new = getattr(nbformat.v4, f"new_{cell}_cell")("text")
        notebook = nbformat.v4.new_notebook(cells=[new])
        nbformat.write(notebook, book / f"notebooks/{language}.ipynb")
    assert colab.main(book / "out", "owner/name") == 2
    first = nbformat.read(book / "out/zh/a/x.ipynb", as_version=4).cells
    assert [c.source for c in first] == [
        "%pip install -q git+https://github.com/owner/name",
        "text",
    ]
    assert len(nbformat.read(book / "out/zh/b/y.ipynb", as_version=4).cells) == 1


@pytest.mark.skipif(not SITE.exists(), reason="no site in _build/site: run make html")
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_title_carries_the_number_that_the_text_uses(language):
    for page in toc(ROOT):
        html = (SITE / language / f"{page}.html").read_text("utf-8")
        title = re.search(r"<h1>(?:<span [^>]*>([\d.]+)\s*</span>)?[^<]*<a", html)
        assert title and (title[1] or page) == number(page), page


def test_a_formula_keeps_its_punctuation():
    paragraph = nodes.paragraph()
    paragraph += [nodes.Text("at（"), nodes.math("", "x"), nodes.Text("）。 So ")]
    paragraph += [nodes.math("", "y"), nodes.Text(" is "), nodes.literal("", "f(x)")]
    paragraph += [nodes.strong("", "练习1。"), nodes.Text(" 编写"), nodes.math("", "z")]
    document = new_document("page")
    document += paragraph
    before = document.astext()
    hold_together(None, document)
    assert document.astext() == before.replace("。 编写", "。编写")
    (bound,) = document.findall(nodes.inline)
    assert (bound.astext(), bound["classes"]) == ("（x）。", ["bound"])
    (code,) = document.findall(nodes.literal)
    assert code["classes"] == ["short"]
