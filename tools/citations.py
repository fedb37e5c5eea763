"""Citations in a section's text become plain Markdown links.

MyST's roles would show as raw text in JupyterLab and Colab, so that
``{cite:t}`he2016deep` `` is written out before a notebook is made.
"""

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pybtex.backends.plaintext import Backend
from pybtex.database import Entry, Person, parse_string
from pybtex.richtext import Text

PLAIN = Backend()  # `render_as("text")` would search all packages for it each time
ROLE = re.compile(r"\{cite:(t|p|full)\}`([^`]+)`")


class UnknownCitation(KeyError):
    """A text cites a key that the bibliography lacks."""

    def __str__(self) -> str:
        return f"no work {self.args[0]!r} in the bibliography"


@dataclass(frozen=True)
class Marks:
    """The words and punctuation that a language puts into a citation."""

    opening: str
    closing: str
    comma: str
    between_names: str
    between_works: str
    last: str
    others: str


MARKS = {
    "en": Marks(" (", ")", ", ", ", ", "; ", " and ", " et al."),
    "zh": Marks("（", "）", "，", "、", "；", "和", "等"),
}


class Citations:
    """The works of one BibTeX file, and how a text in either language cites them."""

    def __init__(self, bib: Path) -> None:
        self.works = parse_string(bib.read_text(encoding="utf-8"), "bibtex").entries
        alike = defaultdict(list)
        for key, work in self.works.items():
            alike[_families(work, MARKS["en"]), work.fields["year"]].append(key)
        self._letters = {
            key: chr(ord("a") + i)
            for same in alike.values()
            if len(same) > 1
            for i, key in enumerate(sorted(same))
        }

    def expand(self, text: str, language: str) -> str:
        """Write out every citation role of `text` in `language` ("en" or "zh")."""
        forms = {"t": self._textual, "p": self._parenthetical, "full": self._full}
        return ROLE.sub(lambda role: forms[role[1]](keys(role), language), text)

    def order(self, key: str) -> tuple[str, str]:
        """What a list of works is sorted by: family names, then the year."""
        families = _families(self._work(key), MARKS["en"]).casefold()
        return unicodedata.normalize("NFKD", families), self._year(key)

    def full(self, key: str, language: str) -> str:
        """Authors (year), linked title, where it appeared; without a full stop."""
        work, marks = self._work(key), MARKS[language]
        parts = (
            f"{_authors(work, marks)}{marks.opening}{self._year(key)}{marks.closing}",
            f"[{_text(work, 'title')}]({link(work)})",
            _venue(work),
        )
        return marks.comma.join(filter(None, parts))

    def _full(self, wanted: list[str], language: str) -> str:
        return MARKS[language].between_works.join(
            self.full(key, language) for key in wanted
        )

    def _textual(self, wanted: list[str], language: str) -> str:
        marks = MARKS[language]
        return marks.between_names.join(
            f"[{_families(self._work(key), marks)}{marks.opening}"
            f"{self._year(key)}{marks.closing}]({link(self._work(key))})"
            for key in wanted
        )

    def _parenthetical(self, wanted: list[str], language: str) -> str:
        marks = MARKS[language]
        inner = marks.between_works.join(
            f"[{_families(self._work(key), marks)}{marks.comma}{self._year(key)}]"
            f"({link(self._work(key))})"
            for key in wanted
        )
        return f"{marks.opening.strip()}{inner}{marks.closing}"

    def _year(self, key: str) -> str:
        """The year; with a letter if an author's works of that year are several."""
        return self._work(key).fields["year"] + self._letters.get(key, "")

    def _work(self, key: str) -> Entry:
        if key not in self.works:
            raise UnknownCitation(key)
        return self.works[key]


def keys(role: re.Match[str]) -> list[str]:
    """The keys of one citation role that `ROLE` has matched."""
    return [key.strip() for key in role[2].split(",")]


def link(work: Entry) -> str:
    """The address of a work: its DOI, else its arXiv page, else its url."""
    fields = work.fields
    if "doi" in fields:
        address = "https://doi.org/" + fields["doi"]
    elif "eprint" in fields:
        address = "https://arxiv.org/abs/" + fields["eprint"]
    else:
        address = fields["url"]
    # round brackets and angles of old DOIs would end the Markdown link
    return quote(address, safe="/:;?#&=%~+,@.-_")


def _text(work: Entry, field: str) -> str:
    """A field without BibTeX's braces and commands, safe inside Markdown."""
    text = Text.from_latex(work.fields[field]).render(PLAIN)
    return re.sub(r"([\\`*_\[\]])", r"\\\1", text)


def _people(work: Entry) -> list[Person]:
    return work.persons.get("author") or work.persons["editor"]


def _joined(names: list) -> str:
    return " ".join(name.render(PLAIN) for name in names)


def _family(person: Person) -> str:
    return _joined(person.rich_prelast_names + person.rich_last_names)


def _whole(person: Person) -> str:
    first = _joined(person.rich_first_names + person.rich_middle_names)
    return f"{first} {_family(person)}".strip()


def _families(work: Entry, marks: Marks) -> str:
    """The families of one or two authors; of more, the first and "et al."."""
    families = [_family(person) for person in _people(work)]
    if len(families) > 2:
        return families[0] + marks.others
    return marks.last.join(families)


def _authors(work: Entry, marks: Marks) -> str:
    """The whole names of up to three authors; of more, the first and "et al."."""
    names = [_whole(person) for person in _people(work)]
    if len(names) > 3:
        return names[0] + marks.others
    *first, last = names
    return marks.last.join(filter(None, (marks.between_names.join(first), last)))


def _venue(work: Entry) -> str:
    """Journal with volume and number, proceedings, publisher or arXiv number."""
    fields = work.fields
    if "journal" in fields:
        volume, number = fields.get("volume", ""), fields.get("number", "")
        issue = f"{volume}({number})" if number else volume
        return f"{_text(work, 'journal')} {issue}".strip()
    for name in ("booktitle", "publisher", "school", "institution", "howpublished"):
        if name in fields:
            return _text(work, name)
    return f"arXiv:{fields['eprint']}" if "eprint" in fields else ""
