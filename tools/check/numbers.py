"""No number in the prose goes stale: a run still prints it.

What the prose, a table or an alternative text says with a decimal point, a per cent
sign or three digits and more must stand on the page above, or in the code cell that
it announces: in an output, rounded to as many digits or as a share for a per cent,
or in code, or in an equation. A paragraph that cites a work may hold the work's
numbers; years and numbers of sections are names. What is left, for example a sum
done in the head, is named in the cell's metadata:
`+++ {"tags": ["lang-en"], "given": ["1.25"]}`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

from tools.check.language import Finding
from tools.check.outputs import outputs, shown
from tools.check.source import STAND_IN, Book, Cell, Page, children
from tools.citations import ROLE

NUMBER = re.compile(
    r"(?<![\w.])[-−]?(\d+(?:,\d{3})*(?:\.\d+)?)(?![\w.]*\d)"
    r"\s?(%|per cent|million|billion|万|亿)?",
    re.ASCII,
)
SCALES = {"%": 0.01, "per cent": 0.01, "million": 1e6, "billion": 1e9, "万": 1e4}
SCALES |= {"亿": 1e8, "": 1}
STORED = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?%?", re.ASCII)
SEPARATOR = re.compile(r"(?<=\d)(?:\{,\}|\\,|_)(?=\d{3})")
YEAR = re.compile(r"1[5-9]\d\d|20\d\d")
SECTION = re.compile(r"(?:sections?|chapters?|and|to) $")
NAMES = re.compile(r"^\s?(?:节|章)|^ (?:and|to) \d|^(?:至|、)\d")


def above(page: Page, book: Book) -> Iterator[Finding]:
    """Every number of the text is found above it, or in the next code cell."""
    parts = _known(page, book)
    codes = [i for i, cell in enumerate(page.cells) if cell.kind == "code"]
    for i, cell in enumerate(page.cells):
        announced = next((code for code in codes if code >= i), len(parts))
        known = [*chain(*parts[: announced + 1])]
        for line, written, number, scale in _numbers(cell):
            if not _found(number, scale, known):
                yield line, f"{written} stands in no output, code or formula above"


def _numbers(cell: Cell) -> Iterator[tuple[int, str, str, float]]:
    """Yield line, wording, digits and scale of each number that may go stale."""
    given = {str(number) for number in cell.metadata.get("given", ())}
    for line, text in _texts(cell):
        for match in NUMBER.finditer(text):
            number, unit = match[1], match[2] or ""
            is_name = (
                SECTION.search(text[: match.start()].lower())
                or NAMES.search(text[match.end(1) :])
                or YEAR.fullmatch(number)
            )
            if not is_name and number not in given and (unit or len(number) > 2):
                written, number = match[0].strip(), number.replace(",", "")
                yield line, written, number, SCALES[unit]


def _texts(cell: Cell) -> Iterator[tuple[int, str]]:
    """Yield the prose of a cell that cites nothing, paragraph by paragraph."""
    if cell.kind == "code":
        for text in cell.metadata.get("alt", {}).values():
            yield cell.line, str(text)
        return
    for token in cell.tokens:
        if token.type == "inline" and not ROLE.search(token.content):
            parts = [
                child.content if child.type in ("text", "softbreak") else STAND_IN
                for _, child in children(token, 0)
            ]
            yield token.map[0], "".join(part or " " for part in parts)


def _known(page: Page, book: Book) -> list[list[tuple[float, bool]]]:
    """Return, by cell, the numbers of outputs, code and equations.

    Each comes with whether it is a per cent.
    """
    shown_by = defaultdict(list)
    for cell, output, _ in outputs(page, book):
        shown_by[cell.line].append(shown(output))
    found = []
    for cell in page.cells:
        if cell.kind == "code":
            texts = [cell.text, *shown_by[cell.line]]
        else:
            texts = re.findall(r"\$[^$]+\$", cell.text)
        written = {
            number
            for text in texts
            for number in STORED.findall(SEPARATOR.sub("", text))
        }
        found.append(
            [
                (abs(float(number.rstrip("%").replace(",", ""))), number.endswith("%"))
                for number in written
            ]
        )
    return found


def _found(number: str, scale: float, known: list[tuple[float, bool]]) -> bool:
    """Tell whether a known number rounds to this one, as it stands or scaled."""
    digits = len(number.partition(".")[2])
    for other, is_per_cent in known:
        value = 0.01 * other if is_per_cent else other
        readings = {value / scale, other} if scale != 1 else {value}
        if any(abs(float(number) - r) <= 0.51 * 10**-digits for r in readings):
            return True
    return False


RULES = (above,)
