"""The data sets of the course, as ``catalogue.toml`` describes them.

This module needs nothing but the standard library. A set of many files lists
them in ``manifests``: one line a file, of size, SHA-256 and name.
"""

import gzip
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

HERE = Path(__file__).parent


class Text(NamedTuple):
    """A text in both languages of the course."""

    en: str
    zh: str


@dataclass(frozen=True)
class File:
    """One file of a data set.

    ``name`` is its path in the cache folder, the name of its data set and its
    own; ``size`` (bytes) and ``sha256`` are those of the content that lies there;
    ``path`` is where it lies in a source, which may hold it compressed with gzip.
    """

    name: str
    size: int
    sha256: str
    path: str


def _fill(pattern: str, names: dict[str, str]) -> str:
    """Put the names for their marks, at once: a name may look like a mark."""
    marks = "|".join(map(re.escape, names))
    return re.sub(marks, lambda found: names[found[0]], pattern)


@dataclass(frozen=True)
class Source:
    """Where files lie: a path, an address or a Python package, NAME==VERSION.

    With ``member``, what lies there is a zip archive; the end of a member's
    path is enough to name it.
    """

    place: str
    member: str = ""

    @property
    def kind(self) -> str:
        """``url``, ``package`` or ``path``."""
        if "://" in self.place:
            return "url"
        return "package" if "==" in self.place else "path"

    @property
    def site(self) -> str:
        """The host, the package or the folder that holds the files."""
        if self.kind == "url":
            return str(urlsplit(self.place).hostname)
        return self.place if self.kind == "package" else str(Path(self.place).parent)

    def of(self, file: File) -> "Source":
        """Return the place of one file, put for ``{path}`` or ``{file}``."""
        names = {"{path}": file.path, "{file}": file.name.partition("/")[2]}
        quoted = {mark: quote(name) for mark, name in names.items()}
        place = _fill(self.place, quoted if self.kind == "url" else names)
        member = _fill(self.member, names)
        return Source(place, member)

    def __str__(self) -> str:
        return f"{self.place}!{self.member}" if self.member else self.place


@dataclass(frozen=True)
class Dataset:
    """One data set; ``stand_in`` says what replaces it where no source answers.
    Pretrained weights have no stand-in.
    """

    name: str
    title: Text
    licence: Text
    homepage: str
    sources: tuple[Source, ...]
    files: tuple[File, ...]
    stand_in: Text | None

    @property
    def size(self) -> int:
        """Size of all files in bytes."""
        return sum(file.size for file in self.files)


def _text(value: str | dict[str, str]) -> Text:
    return Text(value, value) if isinstance(value, str) else Text(**value)


def _sources(text: str) -> list[Source]:
    """Read ``PLACE!MEMBER``; a file in a GitHub repository has two addresses."""
    place, _, member = text.partition("!")
    if not place.startswith("github:"):
        return [Source(place, member)]
    repository, _, rest = place.removeprefix("github:").partition("@")
    commit, _, path = rest.partition("/")
    return [
        Source(f"https://raw.githubusercontent.com/{repository}/{commit}/{path}"),
        Source(f"https://cdn.jsdelivr.net/gh/{repository}@{commit}/{path}"),
    ]


def _manifest(name: str) -> list[list]:
    path = HERE / "manifests" / f"{name}.txt.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    rows = (line.split(" ", 2) for line in lines)
    return [[path, int(size), sha256] for size, sha256, path in rows]


def _dataset(name: str, entry: dict) -> Dataset:
    return Dataset(
        name,
        _text(entry["title"]),
        _text(entry["licence"]),
        entry["homepage"],
        tuple(source for text in entry["sources"] for source in _sources(text)),
        tuple(
            File(f"{name}/{file}", size, sha256, path[0] if path else file)
            for file, size, sha256, *path in entry.get("files") or _manifest(name)
        ),
        _text(entry["stand-in"]) if "stand-in" in entry else None,
    )


CATALOGUE: dict[str, Dataset] = {
    name: _dataset(name, entry)
    for name, entry in tomllib.loads(
        (HERE / "catalogue.toml").read_text("utf-8")
    ).items()
}


def find(name: str) -> Dataset:
    """Return the data set called ``name``.

    Raises:
        ValueError: there is none of this name; the message lists those there are.
    """
    if name not in CATALOGUE:
        raise ValueError(
            f"name: no data set is called {name!r}; there are {', '.join(CATALOGUE)}"
        )
    return CATALOGUE[name]
