"""The site's tool: configuration, pages, what a page carries."""

import re
import subprocess
import sys
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
import yaml
from docutils import nodes
from docutils.utils import new_document
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from tools import publication, site
from tools.book import LANGUAGES, number, toc
from tools.sphinx_site import hold_together

ROOT = Path(__file__).resolve().parents[2]
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


@pytest.fixture(autouse=True)
def unpublished(monkeypatch):
    for variable in ("D2L_REPOSITORY", "D2L_SITE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize("language", LANGUAGES)
def test_buttons_only_where_the_repository_is_known(language, monkeypatch):
    unknown = yaml.safe_dump(site.configuration(language))
    assert "github.com" not in unknown and "colab" not in unknown.lower()
    monkeypatch.setenv("D2L_REPOSITORY", "owner/name")
    known = site.configuration(language)
    assert known["repository"] == {
        "url": "https://github.com/owner/name",
        "branch": "colab",
        "path_to_book": language,
    }
    assert known["html"]["use_issues_button"] and known["launch_buttons"]["colab_url"]
    assert known["html"]["extra_footer"], "what was configured before stays"


@pytest.mark.parametrize("language", LANGUAGES)
def test_addresses_only_where_the_site_is_known(language, monkeypatch):
    assert "baseurl" not in site.configuration(language)["html"]
    monkeypatch.setenv("D2L_SITE", "https://host.example/course")
    base = site.configuration(language)["html"]["baseurl"]
    assert base == f"https://host.example/course/{language}/"


@pytest.mark.parametrize("name", ["owner/name", "a/b.c_d-e"])
def test_a_repository_is_owner_and_name(name, monkeypatch):
    monkeypatch.setenv("D2L_REPOSITORY", name)
    assert publication.repository() == name


@pytest.mark.parametrize(
    ("variable", "value", "read"),
    [
        ("D2L_REPOSITORY", "name", publication.repository),
        ("D2L_REPOSITORY", "https://github.com/owner/name", publication.repository),
        ("D2L_REPOSITORY", "owner/name/", publication.repository),
        ("D2L_REPOSITORY", 'owner/na"me', publication.repository),
        ("D2L_REPOSITORY", "-owner/name", publication.repository),
        ("D2L_SITE", "host.example", publication.address),
        ("D2L_SITE", "https://host.example/?page=1", publication.address),
    ],
)
def test_a_malformed_name_is_refused(variable, value, read, monkeypatch):
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit, match=variable):
        read()


@pytest.mark.parametrize("missing", [False, True])
def test_start_page_links_both_languages_without_script(tmp_path, missing):
    site.render("start.html", tmp_path / "x.html", missing=missing)
    page = (tmp_path / "x.html").read_text("utf-8")
    body = page[page.index("<body>") :]
    assert re.findall(r'href="([^"]+)"', body) == ["en/index.html", "zh/index.html"]
    assert not re.search(r'(src|href)="(https?:)?//', page), "no other host"
    assert ("location.replace" in page) is not missing


def test_sitemap_names_each_page_in_both_languages(tmp_path):
    pages = ["index", "3/1"]
    site.render("sitemap.xml", tmp_path / "x", address="https://h/", pages=pages)
    places = ElementTree.parse(tmp_path / "x").findall(".//{*}loc")
    assert [place.text for place in places] == [
        f"https://h/{language}/{page}.html" for page in pages for language in LANGUAGES
    ]


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
        "print({'torch', 'd2lutils', 'numpy'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert run.stdout.strip() == "set()", run.stderr


def test_jupyter_book_at_the_root_says_what_builds_the_site(tmp_path):
    command = [sys.executable, "-c", site.JUPYTER_BOOK, "build", str(ROOT)]
    command += ["--path-output", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 1 and "Traceback" not in run.stderr
    assert run.stderr.splitlines()[-1].endswith("make html builds them.")


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


def test_punctuation_stays_at_its_formula_where_texts_are_equal():
    paragraph = nodes.paragraph()
    for name in ("x", "y"):
        paragraph += [nodes.emphasis("", "a"), nodes.Text(", "), nodes.math("", name)]
    paragraph += nodes.Text(", ")
    document = new_document("page")
    document += paragraph
    before = document.astext()
    hold_together(None, document)
    assert document.astext() == before
    (bound,) = document.findall(nodes.inline)
    assert bound.astext() == "y,"


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    """A page that Sphinx makes of a small notebook, with the site's extension."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("out")
    config = site.configuration("zh")["sphinx"]["config"]
    claim = nbformat.v4.new_code_cell("assert 1 < 2")
    claim.metadata = {
        "tags": ["claim", "hide-input"],
        "mystnb": {"code_prompt_show": "✓ 1 < 2"},
    }
    solution = nbformat.v4.new_code_cell("x = 1")
    solution.metadata = {"tags": ["solution", "hide-input"]}
    text = "# 标题\n\n$y$\n\n" + "一段没有公式的正文。" * 5
    cells = [nbformat.v4.new_markdown_cell(text), claim, solution]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), source / "index.ipynb")
    settings = {
        "extensions": ["myst_nb", "sphinx_book_theme", "tools.sphinx_site"],
        "html_theme": "sphinx_book_theme",
        "html_title": "书",
        "html_baseurl": "https://host.example/course/zh/",
        "language": "zh_CN",
        "nb_execution_mode": "off",
        "nb_code_prompt_show": config["nb_code_prompt_show"],
        "html_context": config["html_context"],
        "html_theme_options": {
            "article_header_end": config["html_theme_options"]["article_header_end"]
        },
    }
    with docutils_namespace():
        Sphinx(
            source, None, out, out, "html", settings, StringIO(), StringIO(), True
        ).build(force_all=True)
    assert not (out / "searchindex.js").exists(), "Pagefind makes the index"
    return (out / "index.html").read_text("utf-8")


def test_a_page_says_what_it_is_and_where(page):
    for name in ('name="description"', 'property="og:description"'):
        (said,) = re.findall(rf'<meta {name} content="([^"]*)">', page)
        assert said == "一段没有公式的正文。" * 5
    (canonical,) = re.findall(r'rel="canonical" href="([^"]*)"', page)
    assert canonical == "https://host.example/course/zh/index.html"
    alternates = re.findall(r'rel="alternate" hreflang="([^"]*)" href="([^"]*)"', page)
    assert alternates == [
        ("zh-CN", canonical),
        ("en", canonical.replace("/zh/", "/en/")),
    ]


def test_what_folds_has_one_name_in_the_language_of_the_page(page):
    summaries = re.findall(r"<summary>(.*)</summary>", page)
    assert summaries == ["✓ 1 &lt; 2", "解答的代码"]


def test_a_page_offers_its_notebook(page):
    assert 'href="../notebooks/zh/index.ipynb" download' in page
