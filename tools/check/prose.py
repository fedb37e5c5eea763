"""Prose: its rhythm, its terms, and the marks of Chinese, as far as they count.

A colon announces a list, a quotation, code or a formula; else a sentence says
how its halves hang together. So colons and semicolons within sentences are
counted, and a section may have a certain share of them.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from tools.book import LANGUAGES
from tools.check.language import Finding, around, chinese
from tools.check.source import BOLD, STAND_IN, Book, Page, marked

# per cent of the sentences of a page that may hold one; two always may
MARKS = {
    "colon": (re.compile(rf"[:：](?=\s*[^\s\d“‘「{STAND_IN}])"), {"en": 8, "zh": 10}),
    "semicolon": (re.compile("[;；]"), {"en": 4, "zh": 3}),
}
SENTENCE = {"en": re.compile(r"(?<=[.!?])[\s”)]+"), "zh": re.compile("(?<=[。！？])")}
LEAD = re.compile(f"^({STAND_IN}[:：]|{BOLD}[^{BOLD}]*({BOLD}[:：]|[:：]{BOLD}))")


def rhythm(page: Page, book: Book) -> Iterator[Finding]:
    """Few sentences hold a colon or a semicolon."""
    for language, name in LANGUAGES.items():
        found = list(sentences(page, language))
        for mark, (pattern, limits) in MARKS.items():
            lines = [line for line, sentence in found if pattern.search(sentence)]
            most = max(2, limits[language] * len(found) // 100)
            for line in lines[most:]:
                yield (
                    line,
                    f"a {mark} too many: {len(lines)} in {len(found)} {name} "
                    f"sentences (at most {most})",
                )


def sentences(page: Page, language: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each sentence; code and formulas stand in.

    Lists and solutions have paragraphs, too. Their lead, bold or a citation, is left
    out with its colon, and so is the mark at the end, which announces what comes next.
    """
    for before, item in pairwise(page.streams[language]):
        if not before.token or before.token.type != "paragraph_open":
            continue
        text = LEAD.sub("", marked(item.token)).replace(BOLD, "")
        for sentence in SENTENCE[language].split(text.replace("\n", " ").strip()):
            if sentence.strip():
                yield item.line, sentence.strip().rstrip(":：;；")


BRACKETS = re.compile(r"）\**(?:（|\{cite:p\})|\{cite:p\}`[^`]*`（")
SEPARATOR = re.compile(r"\d(?:\{,\}|\\,)\d{3}(?!\d)")  # in a formula
PLAIN_SEPARATOR = re.compile(r"\d[,\u00a0\u2009]\d{3}(?!\d)")
UNIT = re.compile(
    r"\d[ \u00a0\u2009]"
    r"(?:[kMGT]?i?B|[kMGT]?Hz|[munµ]?s|min|h|[kcmnµ]?m|k?g|[kM]?W|°C|%)(?![A-Za-z])"
)


def chinese_marks(page: Page, book: Book) -> Iterator[Finding]:
    """Term and work share brackets; digits stand close together, and to units."""
    for item in page.texts["zh"]:
        if match := BRACKETS.search(item.token.content):
            yield item.line, f"two pairs of brackets in a row: {around(match)}"
        if match := SEPARATOR.search(item.token.content):
            yield item.line, f"digits with a separator: {around(match)}"
    for line, text in chinese(page):
        if match := PLAIN_SEPARATOR.search(text):
            yield line, f"digits with a separator: {around(match)}"
        if match := UNIT.search(text):
            yield line, f"a space before a unit: {around(match)}"


CLAUSE = re.compile("[。，；？！?]|吗|如何|怎|为什么|为何|什么|哪|谁")


def chinese_headings(page: Page, book: Book) -> Iterator[Finding]:
    """A heading is a noun phrase, not a question or a sentence."""
    for heading in page.headings["zh"]:
        if CLAUSE.search(heading.text):
            yield heading.line, f"“{heading.text}” is no noun phrase"


def avoided(page: Page, book: Book) -> Iterator[Finding]:
    """The field's noun, not the everyday word."""
    for term in book.terms:
        for word in term.get("avoid", ()):
            for line, text in chinese(page):
                if word in text:
                    yield line, f"{word}: write {term['zh']} (terms.yml)"


TERM = re.compile(f"{BOLD}([^{BOLD}]+){BOLD}（([A-Za-z][^（），；]*)")


def introduced(page: Page, book: Book) -> Iterator[Finding]:
    """A term that is introduced in bold, with its English, is in terms.yml."""
    known = {
        (english, term["zh"])
        for term in book.terms
        for english in _words(re.sub(r" \(.*\)", "", term["en"])).split(" / ")
    }
    for item in page.texts["zh"]:
        for name, english in TERM.findall(marked(item.token)):
            if (_words(english), name) not in known:
                yield item.line, f"{name}（{english}） is not in terms.yml"


def _words(english: str) -> str:
    return english.strip().lower().replace("–", "-")


RULES = (rhythm, chinese_marks, chinese_headings, avoided, introduced)
