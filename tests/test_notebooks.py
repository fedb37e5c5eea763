"""The way from book/ to notebooks/, on a book of two pages."""

import json
from pathlib import Path

import nbformat
import pytest
from samples import HEADER

from tools import notebooks

HOME = (
    HEADER
    + """
+++ {"tags": ["lang-en"]}

# Home

+++ {"tags": ["lang-zh"]}

# 首页
"""
)

SECTION = (
    HEADER
    + """
+++ {"tags": ["lang-en"]}

# Sums

[Home](../index.md) and ![a square](../figures/square.svg), {cite:t}`gauss1809`.

+++ {"tags": ["lang-zh"]}

# 求和

[首页](../index.md)与![正方形](../figures/square.svg)，{cite:t}`gauss1809`。

+++

$$1 + 1$$

```{code-cell} ipython3
---
alt:
  en: A sum.
  zh: 一个和。
---
from time import perf_counter
1 + 1
```

```{code-cell} ipython3
:tags: [solution]

print("one"); print("two")
```

```{code-cell} ipython3
:tags: [nbval-ignore-output]

perf_counter()
```
"""
)

BIB = """@book{gauss1809, author = {Gauss, Carl Friedrich}, year = {1809},
title = {Theoria motus}, url = {https://example.org/gauss}}
"""

PAGE = "01_sums/01_sums"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    (tmp_path / "book/01_sums").mkdir(parents=True)
    (tmp_path / "_toc.yml").write_text(
        f"format: jb-book\nroot: index\nchapters:\n- file: {PAGE}\n"
    )
    (tmp_path / "book/index.md").write_text(HOME, "utf-8")
    (tmp_path / f"book/{PAGE}.md").write_text(SECTION, "utf-8")
    (tmp_path / "book/references.bib").write_text(BIB, "utf-8")
    return tmp_path


def run(root: Path, force: bool = False) -> int:
    return notebooks.run(root, notebooks.pages.toc(root), force, workers=1)


def files(root: Path) -> dict[str, str]:
    paths = sorted((root / "notebooks").rglob("*.ipynb"))
    return {str(p.relative_to(root)): p.read_text("utf-8") for p in paths}


def edit(root: Path, old: str, new: str) -> None:
    path = root / f"book/{PAGE}.md"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def forbid_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    def execute(*_):
        raise AssertionError("a kernel was started")

    monkeypatch.setattr(notebooks, "execute", execute)


def test_two_languages_share_code_and_outputs(book):
    assert run(book) == 0
    en, zh = (notebooks.stored(book, PAGE, lang) for lang in ("en", "zh"))
    cells = [[c for c in nb.cells if c.cell_type == "code"] for nb in (en, zh)]
    for english, chinese in zip(*cells, strict=True):
        assert english.source == chinese.source
        assert english.outputs == chinese.outputs
        assert english.id == chinese.id
    sum_, solution, _ = cells[0]
    assert sum_.outputs[0].data["text/plain"] == "2"
    assert sum_.metadata["mystnb"]["image"]["alt"] == "A sum."
    assert cells[1][0].metadata["mystnb"]["image"]["alt"] == "一个和。"
    assert [o.text for o in solution.outputs] == ["one\ntwo\n"]
    assert "hide-cell" in solution.metadata["tags"]


def test_markdown_is_plain_and_links_lead_on(book):
    run(book)
    en = notebooks.stored(book, PAGE, "en").cells[0].source
    zh = notebooks.stored(book, PAGE, "zh").cells[0].source
    assert "[Home](../index.ipynb)" in en
    assert "![a square](../../../book/figures/square.svg)" in en
    assert "[Gauss (1809)](https://example.org/gauss)" in en
    assert "[Gauss（1809）](https://example.org/gauss)" in zh
    assert "Home" not in zh
    assert "{cite" not in en + zh


def test_an_unchanged_run_starts_no_kernel(book, monkeypatch):
    run(book)
    before = files(book)
    forbid_execution(monkeypatch)
    assert run(book) == 0
    assert files(book) == before
    assert notebooks.stale(book) == []


def test_forced_runs_write_the_same_files(book):
    run(book)
    before, timings = files(book), (book / notebooks.TIMINGS).read_text()
    assert run(book, force=True) == 0
    assert files(book) == before
    assert (book / notebooks.TIMINGS).read_text() == timings


def test_a_word_of_prose_changes_one_language_by_its_lines(book, monkeypatch):
    run(book)
    before = files(book)
    forbid_execution(monkeypatch)
    edit(book, "# Sums", "# Totals")
    assert notebooks.stale(book) == [PAGE]
    run(book)
    after = files(book)
    changed = [name for name in after if after[name] != before[name]]
    assert changed == [f"notebooks/en/{PAGE}.ipynb"]
    lines = zip(
        before[changed[0]].splitlines(), after[changed[0]].splitlines(), strict=True
    )
    assert sum(old != new for old, new in lines) == 2  # the text and the cell's id


def test_changed_code_is_executed(book):
    run(book)
    edit(book, "\n1 + 1\n```", "\n1 + 2\n```")
    run(book)
    cell = notebooks.stored(book, PAGE, "zh").cells[2]
    assert cell.outputs[0].data["text/plain"] == "3"


def test_a_failing_cell_names_itself_and_leaves_the_notebook(book, capsys):
    run(book)
    before = files(book)
    edit(book, 'print("one"); print("two")', "1 / 0")
    assert run(book) == 1
    error = capsys.readouterr().err
    assert PAGE in error
    assert "code cell 2" in error
    assert "ZeroDivisionError" in error
    assert files(book) == before


def test_an_unknown_citation_fails(book, capsys):
    edit(book, "{cite:t}`gauss1809`.", "{cite:t}`gauss1810`.")
    assert run(book) == 1
    assert "gauss1810" in capsys.readouterr().err


def test_an_expected_error_is_stored_without_paths(book):
    edit(book, ":tags: [solution]", ":tags: [raises-exception]")
    edit(book, 'print("one"); print("two")', "1 / 0")
    run(book)
    output = notebooks.stored(book, PAGE, "en").cells[3].outputs[0]
    assert output.traceback == ["ZeroDivisionError: division by zero"]


def test_equal_cells_have_different_ids(book):
    edit(
        book,
        "```{code-cell} ipython3\n:tags: [solution]",
        "+++\n\n$$1 + 1$$\n\n```{code-cell} ipython3\n:tags: [solution]",
    )
    run(book)
    notebook = notebooks.stored(book, PAGE, "en")
    nbformat.validate(notebook)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


def test_a_page_without_source_is_named(book):
    (book / "book/index.md").unlink()
    with pytest.raises(notebooks.SectionError, match=r"book/index\.md"):
        notebooks.make(book, "index", False, None)


def test_timings_are_those_of_executed_sections(book):
    run(book)
    timings = json.loads((book / notebooks.TIMINGS).read_text())
    assert list(timings["seconds"]) == [PAGE]
    assert timings["seconds"][PAGE] > 0
    assert "torch" in timings["machine"]
