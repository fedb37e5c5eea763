"""Stored outputs against today's: what may differ, and what may not."""

import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.strict import difference


@pytest.mark.parametrize(
    ("stored", "got", "tolerance", "same"),
    [
        ("loss 0.123", "loss 0.124", 0.0, True),  # one unit in the last digit
        ("loss 0.123", "loss 0.125", 0.0, False),
        ("loss 0.123", "loss 0.125", 0.05, True),
        ("loss 0.123", "loss 0.223", 0.05, False),
        ("12 networks", "13 networks", 0.0, False),  # counts are exact
        ("rose  1.0", "rose 1.0", 0.0, True),
        ("rose 1.0", "fell 1.0", 0.0, False),
        ("a 1.0", "a 1.0 2.0", 0.0, False),
        ("1,234.5 m", "1,234.6 m", 0.0, True),
        ("2e-09", "3e-09", 0.0, True),
        ("2.3e-19", "7.1e-18", 0.0, True),  # both are 0 but for rounding
        ("2.3e-19", "7.1e-16", 0.0, False),
        ("1.50e+03", "1.60e+03", 0.0, False),
        ("nan", "0.1", 0.0, False),
        ("True", "False", 0.0, False),
    ],
)
def test_differences(stored, got, tolerance, same):
    assert (difference(stored, got, tolerance) == "") is same


@given(st.decimals(1, 1000, places=3), st.integers(-3, 3))
def test_numbers_may_differ_by_one_unit(number, steps):
    changed = number + Decimal(steps) / 1000
    same = difference(f"x {number} y", f"x {changed} y") == ""
    assert same is (abs(steps) <= 1)


CASES = {  # source, stored output, whether it passes
    "any": ("print('first wins')", "second wins\n", True),
    "any_but_an_error": ("assert False, 'a claim'", "", False),
    "equal": ("print(0.25)", "0.25\n", True),
    "changed": ("print(0.25)", "0.35\n", False),  # somebody edited the output
    "removed": ("print(0.25)", "", False),
    "hidden": ("1 + 1;", "", True),  # what `;` hides stays hidden
    "stand_in": ("print('so this is the stand-in')\nprint(1)", "2\n", True),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run a notebook of each case; return what pytest says."""
    folder = tmp_path_factory.mktemp("notebooks")
    for name, (source, output, _) in CASES.items():
        cell = nbformat.v4.new_code_cell(source, execution_count=1)
        if name.startswith("any"):
            cell.metadata.tolerance = "any"
        if output:
            stream = nbformat.v4.new_output("stream", name="stdout", text=output)
            cell.outputs = [stream]
        notebook = nbformat.v4.new_notebook(cells=[cell])
        nbformat.write(notebook, folder / f"{name}.ipynb")
    command = ["-m", "pytest", "-rA", "-p", "tools.strict", "--nbval"]
    return subprocess.run(
        [sys.executable, *command, f"--rootdir={folder}", str(folder)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    ).stdout


@pytest.mark.parametrize("name", CASES)
def test_a_notebook_is_held_to_its_outputs(run, name):
    result = "PASSED" if CASES[name][-1] else "FAILED"
    assert re.search(rf"^{result} .*{name}\.ipynb", run, re.MULTILINE), run


def test_those_on_stand_ins_are_named(run):
    assert re.search("1 notebooks ran on stand-ins.*: stand_in", run), run
