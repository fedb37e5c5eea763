"""Which changes of the package make stored outputs stale."""

from pathlib import Path

import pytest

from tools import package

INIT = "from d2lutils.loops import fit\nfrom d2lutils.plots import draw\n"
LOOPS = (
    '"""Loops."""\n\nfrom d2lutils.sums import add\n\n\ndef fit():\n    return add()\n'
)
FILES = {
    "__init__": INIT,
    "loops": LOOPS,
    "plots": "def draw():\n    return 1\n",
    "sums": "def add():\n    return 2\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "d2lutils").mkdir()
    for name, text in FILES.items():
        (tmp_path / f"d2lutils/{name}.py").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("module", "text", "changes"),
    [
        ("loops", LOOPS.replace("add()", "add() + 1"), True),
        ("sums", "def add():\n    return 3\n", True),  # what a module imports
        ("plots", "def draw():\n    return 9\n", False),  # never used
        ("loops", LOOPS.replace('"""Loops."""', '"""Other words."""'), False),
        ("sums", "# a comment\n" + FILES["sums"], False),
    ],
)
def test_only_what_a_notebook_runs_counts(root, module, text, changes):
    cells = ["import d2lutils as d2l", "d2l.fit()"]
    before = package.fingerprint(root, cells)
    (root / f"d2lutils/{module}.py").write_text(text)
    for cached in ("_tree", "_bare", "_imported", "_defined_in"):
        getattr(package, cached).cache_clear()
    assert (package.fingerprint(root, cells) != before) is changes
