"""The parts that every section has, in their order and of their size."""

from collections.abc import Iterator
from itertools import pairwise

from tools.book import LANGUAGES
from tools.check.language import SUMMARY, Finding, exercise
from tools.check.source import Book, Heading, Item, Page

# heading in each language, bullets at least and at most (None: not counted)
PARTS = (
    ({"en": "What you will be able to do", "zh": "学习目标"}, (3, 5)),
    ({"en": "Summary", "zh": "小结"}, (3, 6)),
    ({"en": "Exercises", "zh": "练习"}, None),
    ({"en": "Further reading", "zh": "延伸阅读"}, (2, 6)),
)
EXERCISES = (4, 8)


def parts(page: Page, book: Book) -> Iterator[Finding]:
    """Outcomes, summary, exercises and further reading, in this order."""
    for language in LANGUAGES:
        found = [(title, _part(page, language, title)) for title, _ in PARTS]
        for title, heading in found:
            if heading is None:
                yield 1, f"no part “## {title[language]}”"
        there = [heading for _, heading in found if heading]
        for before, after in pairwise(there):
            if after.line < before.line:
                yield after.line, f"“{after.text}” stands before “{before.text}”"


def bullets(page: Page, book: Book) -> Iterator[Finding]:
    """Outcomes, summary and further reading are lists of a certain length."""
    for title, limits in PARTS:
        for language in LANGUAGES:
            heading = _part(page, language, title)
            if heading and limits:
                count = len(_bullets(page, language, heading))
                if not limits[0] <= count <= limits[1]:
                    wanted = f"{limits[0]} to {limits[1]}"
                    yield (
                        heading.line,
                        f"{count} bullets under {heading.text}: {wanted}",
                    )


def reading(page: Page, book: Book) -> Iterator[Finding]:
    """Each work of further reading is a citation."""
    title, _ = PARTS[-1]
    for language in LANGUAGES:
        heading = _part(page, language, title)
        for bullet in _bullets(page, language, heading) if heading else ():
            children = [c for i in bullet for c in i.token.children or ()]
            names = {c.meta["name"] for c in children if c.type == "myst_role"}
            if not any(name.startswith("cite:") for name in names):
                yield bullet[0].line, "further reading without a citation"


def exercises(page: Page, book: Book) -> Iterator[Finding]:
    """Four to eight exercises, numbered, each followed by its solution."""
    title, _ = PARTS[2]
    for language, name in LANGUAGES.items():
        heading = _part(page, language, title)
        if heading is None:
            continue
        items = _items(page, language, heading)
        starts = [
            (number, i)
            for i, item in enumerate(items)
            if item.token and (number := exercise(item, language))
        ]
        if not EXERCISES[0] <= len(starts) <= EXERCISES[1]:
            yield heading.line, f"{len(starts)} exercises in {name}: 4 to 8"
        ends = [i for _, i in starts[1:]] + [len(items)]
        for expected, ((number, start), end) in enumerate(
            zip(starts, ends, strict=True), start=1
        ):
            line = items[start].line
            if number != expected:
                yield line, f"exercise {number} should be number {expected}"
            if not _solved(items[start:end], number, language):
                yield line, f"exercise {number} has no solution in {name}"


def _solved(items: list[Item], number: int, language: str) -> bool:
    """Tell whether text or code of the solution follows an exercise."""
    for item in items:
        if item.token is None:
            if "solution" in item.cell.tags:
                return True
        elif item.token.type == "html_block":
            summary = SUMMARY[language].search(item.token.content)
            if summary and int(summary[1]) == number:
                return True
    return False


def _part(page: Page, language: str, title: dict[str, str]) -> Heading | None:
    """Return the heading of a part of the section."""
    for heading in page.headings[language]:
        if heading.level == 2 and heading.text == title[language]:
            return heading
    return None


def _items(page: Page, language: str, part: Heading) -> list[Item]:
    """Return what stands between a heading and the next of its level or above."""
    following = [
        heading.position
        for heading in page.headings[language]
        if heading.position > part.position and heading.level <= part.level
    ]
    end = following[0] if following else None
    return page.streams[language][part.position : end]


def _bullets(page: Page, language: str, part: Heading) -> list[list[Item]]:
    """Return the items of the outer lists of a part."""
    found: list[list[Item]] = []
    inside = False
    for item in _items(page, language, part):
        if (
            item.token
            and item.token.type.startswith("list_item")
            and (item.token.level == 1)
        ):
            inside = item.token.nesting == 1
            if inside:
                found.append([])
        if inside and item.token:
            found[-1].append(item)
    return found


RULES = (parts, bullets, reading, exercises)
