"""The course's own book keeps every rule of its structure."""

import subprocess
import sys

from tools.book import ROOT

PROGRAM = """
import sys
from tools import check
print(*check.problems(), sep="\\n")
print("torch" in sys.modules)
"""


def test_the_book_is_right_and_checking_it_does_not_import_torch() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        encoding="utf-8",
        stdout=subprocess.PIPE,
    )
    assert run.stdout.split("\n") == ["", "False", ""], run.stdout
