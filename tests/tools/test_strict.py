"""Stored outputs against today's: what may differ, and what may not."""

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


def notebook(tmp_path, source, output):
    cell = nbformat.v4.new_code_cell(source, execution_count=1)
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=output)]
    if not output:
        cell.outputs = []
    path = tmp_path / "page.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    return path


@pytest.mark.parametrize(
    ("source", "output", "passes"),
    [
        ("print(0.25)", "0.25\n", True),
        ("print(0.25)", "0.35\n", False),  # a stored output was changed
        ("print(0.25)", "", False),
        ("1 + 1;", "", True),  # what `;` hides stays hidden
        ("print('so this is the stand-in')\nprint(1)", "2\n", True),
    ],
)
def test_a_notebook_is_held_to_its_outputs(tmp_path, source, output, passes):
    path = notebook(tmp_path, source, output)
    command = ["-m", "pytest", "-p", "tools.strict", "--nbval"]
    result = subprocess.run(
        [sys.executable, *command, f"--rootdir={tmp_path}", str(path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode == 0) is passes, result.stdout
    assert ("1 passed" in result.stdout) is passes
    on_stand_in = "1 notebooks ran on stand-ins" in result.stdout
    assert on_stand_in is ("stand-in" in source)
