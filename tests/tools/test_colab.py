"""Copies of the notebooks that work when they are opened alone."""

import nbformat
import pytest

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
