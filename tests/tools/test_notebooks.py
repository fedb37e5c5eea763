"""The way from book/ to notebooks/, on a book of two pages."""

import base64
import io
import json
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbconvert import HTMLExporter, get_exporter
from PIL import Image
from samples import HEADER

from tools import notebooks
from tools.book import toc

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
SQUARE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>'


@pytest.fixture
def book(tmp_path: Path) -> Path:
    (tmp_path / "book/01_sums").mkdir(parents=True)
    (tmp_path / "_toc.yml").write_text(
        f"format: jb-book\nroot: index\nchapters:\n- file: {PAGE}\n"
    )
    (tmp_path / "book/index.md").write_text(HOME, "utf-8")
    (tmp_path / f"book/{PAGE}.md").write_text(SECTION, "utf-8")
    (tmp_path / "book/references.bib").write_text(BIB, "utf-8")
    (tmp_path / "book/figures").mkdir()
    (tmp_path / "book/figures/square.svg").write_text(SQUARE, "utf-8")
    return tmp_path


def run(root: Path, force: bool = False) -> int:
    return notebooks.run(root, toc(root), force, workers=1)


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
    drawing = base64.b64encode(SQUARE.encode()).decode()
    assert f'<img alt="a square" src="data:image/svg+xml;base64,{drawing}">' in en
    assert f'<img alt="正方形" src="data:image/svg+xml;base64,{drawing}">' in zh
    assert "[Gauss (1809)](https://example.org/gauss)" in en
    assert "[Gauss（1809）](https://example.org/gauss)" in zh
    assert "Home" not in zh
    assert "{cite" not in en + zh


def test_nbconvert_shows_figures_their_texts_and_a_script(book):
    edit(book, "1 + 1\n```", "import matplotlib.pyplot as plt\nplt.plot([1, 2]);\n```")
    run(book)
    notebook = notebooks.stored(book, PAGE, "en")
    page, _ = HTMLExporter(template_name="classic").from_notebook_node(notebook)
    images = re.findall(r"<img[^>]*>", page)
    assert [re.search('alt="([^"]*)"', tag)[1] for tag in images] == [
        "a square",
        "A sum.",
    ]
    assert all('src="data:image/' in tag for tag in images)
    _, resources = get_exporter("script")().from_notebook_node(notebook)
    assert resources["output_extension"] == ".py"


def test_what_only_looks_like_a_link_stays(book):
    edit(
        book,
        "[Home](../index.md)",
        "[Home](../index.md), `net[0](X)`, $f[0](x)$, ``a`[b](c.md)``, "
        "[a [b] `c`](../index.md#top), [far](https://example.org/a.md)",
    )
    run(book)
    text = notebooks.stored(book, PAGE, "en").cells[0].source
    assert "`net[0](X)`, $f[0](x)$, ``a`[b](c.md)``" in text
    assert "[a [b] `c`](../index.ipynb#top), [far](https://example.org/a.md)" in text


def test_a_missing_figure_is_named(book, capsys):
    (book / "book/figures/square.svg").unlink()
    assert run(book) == 1
    assert "there is no figure square.svg" in capsys.readouterr().err


def test_a_claim_is_one_line_in_the_language_of_the_page(book):
    edit(
        book,
        ":tags: [solution]",
        "---\ntags: [claim]\nclaim: {en: It adds up., zh: 和是对的。}\n"
        "tolerance: 0.1\n---",
    )
    run(book)
    for language, words in (("en", "✓ It adds up."), ("zh", "✓ 和是对的。")):
        cells = notebooks.stored(book, PAGE, language).cells
        (claim,) = [c for c in cells if "claim" in c.metadata.get("tags", ())]
        assert claim.metadata.mystnb.code_prompt_show == words
        assert "hide-input" in claim.metadata.tags
        assert "jupyter" not in claim.metadata
        assert claim.metadata.tolerance == 0.1


def test_a_changed_package_makes_outputs_stale(book, monkeypatch):
    run(book)
    assert notebooks.stale(book) == []
    monkeypatch.setattr(notebooks, "fingerprint", lambda root, cells: "another")
    assert notebooks.stale(book) == [PAGE]


def test_one_bad_page_leaves_the_others(book, capsys, monkeypatch):
    other = book / "book/01_sums/02_more.md"
    other.write_text(SECTION.replace("# Sums", "# More"), "utf-8")
    toc = book / "_toc.yml"
    toc.write_text(toc.read_text() + "- file: 01_sums/02_more\n")
    edit(book, ":tags: [solution]", "---\nalt: {en: a}\n---")  # and no zh
    assert run(book) == 1
    assert f"FAILED  {PAGE}: KeyError" in capsys.readouterr().err
    assert notebooks.stored(book, "01_sums/02_more", "zh") is not None


def test_a_dead_kernel_is_one_failure(book, capsys):
    edit(
        book,
        "```{code-cell} ipython3",
        "```{code-cell} ipython3\nimport os\n\nos._exit(1)\n```\n\n"
        "```{code-cell} ipython3",
    )
    assert run(book) == 1
    assert f"FAILED  {PAGE}" in capsys.readouterr().err


def png(draw) -> str:
    image = Image.new("RGB", (64, 64))
    image.putdata([draw(x, y) for y in range(64) for x in range(64)])
    out = io.BytesIO()
    image.save(out, "PNG", dpi=(144, 144))
    return base64.b64encode(out.getvalue()).decode()


def test_a_plot_gets_a_palette_and_a_photograph_none():
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (64, 64, 3)).tolist()
    photograph = png(lambda x, y: tuple(noise[y][x]))
    assert notebooks.with_palette(photograph) == photograph
    plot = png(lambda x, y: (0, 114, 178 + x) if 2 * y > x else (255, 255, 255))
    small = notebooks.with_palette(plot)
    image = Image.open(io.BytesIO(base64.b64decode(small)))
    assert image.mode == "P"
    assert round(image.info["dpi"][0]) == 144
    assert notebooks.with_palette(plot) == small


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


def test_a_claim_must_hold_when_its_cells_run_twice(book, capsys):
    assert notebooks.run_twice(book, [PAGE], workers=1) == 0
    edit(book, 'print("one")', 'n = globals().get("n", 0) + 1\nassert n == 1')
    assert run(book) == 0
    assert notebooks.run_twice(book, [PAGE], workers=1) == 1
    assert "AssertionError" in capsys.readouterr().err


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
    with pytest.raises(FileNotFoundError, match=r"book/index\.md"):
        notebooks.make(book, "index", False, None)


def test_timings_are_those_of_executed_sections(book):
    run(book)
    timings = json.loads((book / notebooks.TIMINGS).read_text())
    assert list(timings["seconds"]) == [PAGE]
    assert timings["seconds"][PAGE] > 0
    assert "torch" in timings["machine"]
