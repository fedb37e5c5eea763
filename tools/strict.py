"""Strict nbval: stored outputs are compared with what the cells give today.

A pytest plugin: `pytest -p tools.strict --nbval notebooks/en`. It changes three
things in nbval. Cells are executed with history, without which a `;` at the end
of a line hides nothing. Of pictures only the presence is compared, of an error
its name and message. And numbers may differ: by one unit in the last printed
digit, because rounding may fall to either side, by the rounding of double
precision (what should be 0 is 2e-19 or 7e-18), or by the share that a cell's metadata
allows (`tolerance: 0.05`) where training amplifies the last digits of
another processor's arithmetic. All other text must be equal, white space apart, but
in a cell of `tolerance: any`: there rounding decides even words and counts (which of
two near ties wins, how far a diverging loss comes), and only its claims hold.

A notebook that says it runs on a stand-in is compared no further: the stored
outputs are those of the real data. How many did so stands at the end of the run.
"""

import math
import re

import pytest
from nbval.plugin import IPyNbCell, RunningKernel

from tools import kernels

ROUNDING = 2.0**-53  # of 1 in double precision; what is smaller is often nothing else
NUMBER = re.compile(r"(?<![\w.])-?(?:\d+(?:,\d{3})*)(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])")
PICTURES = {"image/png", "image/jpeg", "image/svg+xml"}
STAND_IN = "this is the stand-in"  # printed by d2lutils.data


def parts(outputs: list) -> list[tuple[str, str]]:
    """Return kind and text of each output, in the order of the kinds."""
    found = []
    for output in outputs:
        match output["output_type"]:
            case "stream":
                found.append((output["name"], output["text"]))
            case "error":
                found.append(("error", f"{output['ename']}: {output['evalue']}"))
            case _:
                data = output["data"]
                is_picture = not PICTURES.isdisjoint(data)
                text = "" if is_picture else data.get("text/plain", "")
                found.append(("picture" if is_picture else "result", text))
    return sorted(found, key=lambda part: part[0])


def difference(stored: str, got: str, tolerance: float = 0.0) -> str:
    """Say where two texts differ by more than their numbers may; else nothing."""
    words = [" ".join(NUMBER.sub("#", text).split()) for text in (stored, got)]
    if words[0] != words[1]:
        return f"the text differs:\n{stored}\n--- now:\n{got}"
    pairs = zip(NUMBER.findall(stored), NUMBER.findall(got), strict=True)
    for old, new in pairs:
        a, b = (float(number.replace(",", "")) for number in (old, new))
        least = max(1.01 * unit(old), ROUNDING)
        if not math.isclose(a, b, rel_tol=tolerance, abs_tol=least):
            return f"{old} is {new} now, in:\n{got}"
    return ""


def unit(number: str) -> float:
    """Return one unit in the last printed digit; of a whole number 0."""
    mantissa, _, exponent = number.partition("e")
    digits = len(mantissa.partition(".")[2])
    if not digits and not exponent:
        return 0.0
    return 10.0 ** (int(exponent or 0) - digits)


def _compare(cell: IPyNbCell, test: list, ref: list, skip_compare=None) -> bool:
    cell.comparison_traceback = []
    stored, got = parts(ref), parts(test)
    if any(STAND_IN in text for _, text in got):
        cell.parent.on_stand_in = True
    if getattr(cell.parent, "on_stand_in", False):
        cell.user_properties.append((STAND_IN, cell.parent.name))
        return True
    kinds = [[kind for kind, _ in side] for side in (stored, got)]
    if kinds[0] != kinds[1]:
        cell.comparison_traceback.append(f"outputs {kinds[0]} are {kinds[1]} now")
        return False
    tolerance = cell.cell.metadata.get("tolerance", 0.0)
    if tolerance == "any":
        return True
    for (_, old), (_, new) in zip(stored, got, strict=True):
        if found := difference(old, new, tolerance):
            cell.comparison_traceback.append(found)
            return False
    return True


def _execute(kernel: RunningKernel, cell_input: str, allow_stdin: bool | None = None):
    return kernel.kc.execute(
        cell_input, allow_stdin=allow_stdin, stop_on_error=False, store_history=True
    )


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter) -> None:
    """Say how many notebooks ran on stand-ins, their outputs not compared."""
    properties = [
        value
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == STAND_IN
    ]
    if names := sorted(set(properties)):
        terminalreporter.write_line(
            f"{len(names)} notebooks ran on stand-ins, their outputs not compared: "
            + ", ".join(names),
            yellow=True,
            bold=True,
        )


kernels.install()
IPyNbCell.compare_outputs = _compare
RunningKernel.execute_cell_input = _execute
