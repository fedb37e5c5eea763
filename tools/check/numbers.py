"""No number in the prose goes stale: a run still prints it.

What the prose, a table or an alternative text says with a decimal point must
stand on the page: in an output, rounded to as many digits or as a share for a
per cent, or in code, or in an equation. A paragraph that cites a work may hold
the work's numbers. What is left, for example a sum done in the head, is named in
the cell's metadata: `+++ {"tags": ["lang-en"], "given": ["1.25"]}`.
"""

import re
from collections.abc import Iterator

from tools.check.language import Finding
from tools.check.outputs import _outputs, _text
from tools.check.source import Book, Cell, Page, children
from tools.citations import ROLE

PROSE = re.compile(r"(?<![\w.])[-−]?(\d+(?:,\d{3})*\.\d+)(?![\w.]*\d)\s?(%?)", re.ASCII)
STORED = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?%?", re.ASCII)
SECTION = re.compile(r"(?:sections?|chapters?|and|to) $")
NAMES = re.compile(r"^\s?(?:节|章)|^ (?:and|to) \d|^(?:至|、)\d")


def stale(page: Page, book: Book) -> Iterator[Finding]:
    """Every decimal number of the text is found again on its page."""
    known = _known(page, book)
    for cell in page.cells:
        given = {str(number) for number in cell.metadata.get("given", ())}
        for line, text in _texts(cell):
            for match in PROSE.finditer(text):
                is_name = SECTION.search(text[: match.start()].lower()) or (
                    NAMES.search(text[match.end(1) :])
                )
                number = match[1].replace(",", "")
                if is_name or number in given or _found(number, match[2], known):
                    continue
                yield line, f"{match[1]}{match[2]} stands in no output, code or formula"


def _texts(cell: Cell) -> Iterator[tuple[int, str]]:
    """Yield the prose of a cell that cites nothing, paragraph by paragraph."""
    if cell.kind == "code":
        for text in cell.metadata.get("alt", {}).values():
            yield cell.line, str(text)
        return
    for token in cell.tokens:
        if token.type == "inline" and not ROLE.search(token.content):
            parts = [
                child.content if child.type in ("text", "softbreak") else "\ufffc"
                for _, child in children(token, 0)
            ]
            yield token.map[0], "".join(part or " " for part in parts)


def _known(page: Page, book: Book) -> list[str]:
    """Return every number of the outputs, the code and the equations."""
    texts = [_text(output) for _, output, _ in _outputs(page, book)]
    texts += [cell.text for cell in page.code]
    for cell in page.markdown:
        texts += re.findall(r"\$[^$]+\$", cell.text)
    return [number for text in texts for number in STORED.findall(text)]


def _found(number: str, per_cent: str, known: list[str]) -> bool:
    digits = len(number.partition(".")[2])
    for other in known:
        value = abs(float(other.rstrip("%").replace(",", "")))
        if other.endswith("%") and not per_cent:
            value /= 100
        values = (value, 100 * value) if per_cent else (value,)
        if any(abs(float(number) - v) <= 0.51 * 10**-digits for v in values):
            return True
    return False


RULES = (stale,)
