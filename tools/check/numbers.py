"""No number in the prose goes stale: a run still prints it.

What the prose, a table or an alternative text says with a decimal point, a per cent
sign or three digits and more must stand on the page: in an output, rounded to as
many digits or as a share for a per cent, or in code, or in an equation. A paragraph
that cites a work may hold the work's numbers; years and numbers of sections are
names. What is left, for example a sum done in the head, is named in the cell's
metadata: `+++ {"tags": ["lang-en"], "given": ["1.25"]}`.
"""

import re
from collections.abc import Callable, Iterator

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


def decimals(page: Page, book: Book) -> Iterator[Finding]:
    """Every decimal number of the text is found again on its page."""
    yield from _stale(page, book, lambda number, unit: "." in number)


def whole(page: Page, book: Book) -> Iterator[Finding]:
    """So is every whole number of three digits and more, and every per cent."""
    yield from _stale(
        page,
        book,
        lambda number, unit: (
            "." not in number
            and (unit or len(number) > 2)
            and not YEAR.fullmatch(number)
        ),
    )


def _stale(
    page: Page, book: Book, wanted: Callable[[str, str], bool]
) -> Iterator[Finding]:
    known = _known(page, book)
    for cell in page.cells:
        given = {str(number) for number in cell.metadata.get("given", ())}
        for line, text in _texts(cell):
            for match in NUMBER.finditer(text):
                written, number, unit = match[0].strip(), match[1], match[2] or ""
                is_name = SECTION.search(text[: match.start()].lower()) or (
                    NAMES.search(text[match.end(1) :])
                )
                if is_name or number in given or not wanted(number, unit):
                    continue
                if not _found(number.replace(",", ""), SCALES[unit], known):
                    yield (
                        line,
                        f"{written} stands in no output, code or formula",
                    )


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


def _known(page: Page, book: Book) -> list[tuple[float, bool]]:
    """Return the numbers of outputs, code and equations; tell which are per cents."""
    texts = [shown(output) for _, output, _ in outputs(page, book)]
    texts += [cell.text for cell in page.code]
    for cell in page.markdown:
        texts += re.findall(r"\$[^$]+\$", cell.text)
    found = [n for text in texts for n in STORED.findall(SEPARATOR.sub("", text))]
    return [
        (abs(float(number.rstrip("%").replace(",", ""))), number.endswith("%"))
        for number in set(found)
    ]


def _found(number: str, scale: float, known: list[tuple[float, bool]]) -> bool:
    """Tell whether a known number rounds to this one, as it stands or scaled."""
    digits = len(number.partition(".")[2])
    for other, is_per_cent in known:
        value = 0.01 * other if is_per_cent else other
        readings = {value / scale, other} if scale != 1 else {value}
        if any(abs(float(number) - r) <= 0.51 * 10**-digits for r in readings):
            return True
    return False


RULES = (decimals,)
