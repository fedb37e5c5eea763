"""Copies of the notebooks that work when they are opened alone."""

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell

from tools import colab


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A repository with two notebooks."""
    for path in ("notebooks/zh/a/x.ipynb", "notebooks/zh/b/y.ipynb"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    monkeypatch.setattr(colab, "ROOT", tmp_path)
    return tmp_path


def in_colab(source: str) -> str:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(source)])
    return colab.convert(notebook, "zh/a", "owner/name").cells[0].source


def test_a_link_opens_the_other_notebook_in_colab(book):
    opened = "https://colab.research.google.com/github/owner/name/blob/colab/zh"
    assert in_colab("[1](../b/y.ipynb#z)") == f"[1]({opened}/b/y.ipynb#z)"


@pytest.mark.parametrize(
    "source", ["[a](https://example.org/x)", "[b](#here)", r"$E[X](x)$", "[c](z.ipynb)"]
)
def test_colab_leaves_the_rest_alone(book, source):
    assert in_colab(source) == source


def test_the_package_comes_first_where_there_is_code(book):
    for path, cell in (("zh/a/x", "code"), ("zh/b/y", "markdown")):
        new = getattr(nbformat.v4, f"new_{cell}_cell")("text")
        notebook = nbformat.v4.new_notebook(cells=[new])
        nbformat.write(notebook, book / f"notebooks/{path}.ipynb")
    for repository, first in (
        ("owner/name", "    %pip install -q git+https://github.com/owner/name"),
        (None, colab.NEEDED["zh"]),
    ):
        assert colab.main(book / "out", repository) == 2
        copy = nbformat.read(book / "out/zh/a/x.ipynb", as_version=4)
        nbformat.validate(copy)
        assert [c.source.splitlines()[-1] for c in copy.cells] == [first, "text"]
        other = nbformat.read(book / "out/zh/b/y.ipynb", as_version=4)
        assert [c.source for c in other.cells] == ["text"]


@pytest.mark.parametrize(("found", "installs"), [(True, False), (False, True)])
def test_an_installed_package_stays(monkeypatch, found, installs):
    shell = InteractiveShell()
    calls = []
    shell.register_magic_function(calls.append, magic_name="pip")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: found or None)
    shell.run_cell(colab.INSTALL.format(repository="owner/name")).raise_error()
    assert bool(calls) is installs


@pytest.mark.parametrize(
    ("metadata", "title"),
    [
        ({"tags": ["solution", "hide-cell"]}, "解答"),
        ({"tags": ["hide-input"]}, "代码"),
        ({"tags": ["claim"], "mystnb": {"code_prompt_show": "✓ 对。"}}, "✓ 对。"),
        ({"tags": ["saved"]}, None),
    ],
)
def test_what_is_folded_is_a_form(book, metadata, title):
    cell = nbformat.v4.new_code_cell("1 + 1", metadata=metadata)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    copy = colab.convert(notebook, "zh/a", "owner/name").cells[1]
    assert copy.source == (f"# @title {title}\n1 + 1" if title else "1 + 1")
    assert copy.metadata.get("cellView") == ("form" if title else None)
    assert cell.source == "1 + 1", "the original stays as it is"
