"""Which changes of the package make stored outputs stale."""

from pathlib import Path

import pytest

from tools import package

INIT = (
    "from d2lutils import plots\n"
    "from d2lutils.loops import fit\n"
    "from d2lutils.data import read\n"
)
LOOPS = (
    '"""Loops."""\n\nfrom math import sqrt\n\nfrom d2lutils import sums\n\n\n'
    "def fit():\n    return sqrt(sums.add())\n\n\ndef other():\n    return 1\n"
)
PLOTS = "SIZE = 3\n\n\ndef draw():\n    return SIZE\n\n\ndef other():\n    return 1\n"
FILES = {
    "__init__": INIT,
    "loops": LOOPS,
    "plots": PLOTS,
    "sums": "def add():\n    return 2\n",
    "data/__init__": "from d2lutils.data.files import read\n",
    "data/files": (
        "from d2lutils.data.download import fetch\n\n\n"
        "def read():\n    from d2lutils.sums import add\n    return fetch(add())\n"
    ),
    "data/download": "def fetch(name):\n    return name\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "d2lutils/data").mkdir(parents=True)
    for name, text in FILES.items():
        (tmp_path / f"d2lutils/{name}.py").write_text(text)
    return tmp_path


def change(root: Path, module: str, old: str, new: str) -> None:
    path = root / f"d2lutils/{module}.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    for cached in (package._module, package._statements, package._dump):
        cached.cache_clear()
    package._needed.cache_clear()


@pytest.mark.parametrize(
    ("cell", "module", "old", "new", "changes"),
    [
        ("d2l.fit()", "loops", "sums.add()", "sums.add() + 1", True),
        ("d2l.fit()", "sums", "2", "3", True),  # what it calls in another module
        ("d2l.fit()", "loops", "from math", "from cmath", True),
        ("d2l.fit()", "loops", "return 1", "return 9", False),  # its neighbour
        ("d2l.fit()", "loops", '"""Loops."""', '"""Other words."""', False),
        ("d2l.fit()", "sums", "return", "# a comment\n    return", False),
        ("d2l.fit()", "plots", "return 1", "return 9", False),  # never used
        ("d2l.plots.draw()", "plots", "SIZE = 3", "SIZE = 4", True),
        ("d2l.plots.draw()", "plots", "return 1", "return 9", False),
        ("d2l.plots.draw()", "plots", "SIZE = 3", "SIZE = 3\nprint(1)", True),
        ("p = d2l.plots", "plots", "return 1", "return 9", True),  # passed on whole
        ("d2l.read()", "sums", "2", "3", True),  # imported again, within a function
        ("d2l.read()", "data/download", "return", "return 0,", False),  # the way
        ("d2l.data.read()", "sums", "2", "3", True),
        ("from d2lutils.data import read", "sums", "2", "3", True),
    ],
)
def test_only_what_a_notebook_runs_counts(root, cell, module, old, new, changes):
    cells = ["import d2lutils as d2l", cell]
    before = package.fingerprint(root, cells)
    assert package.fingerprint(root, cells) == before
    change(root, module, old, new)
    assert (package.fingerprint(root, cells) != before) is changes
