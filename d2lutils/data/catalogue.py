"""The data sets of the course: one table of what there is and where it lies.

This module needs nothing but the standard library.
"""

from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit


class Text(NamedTuple):
    """A text in both languages of the course."""

    en: str
    zh: str


@dataclass(frozen=True)
class System:
    """A file that a package of the operating system installs."""

    path: str

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True)
class Wheel:
    """A file inside a Python package: an installed one, or fetched with pip."""

    distribution: str
    version: str
    member: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}: {self.member}"


@dataclass(frozen=True)
class Url:
    """A file on a web server."""

    url: str

    def __str__(self) -> str:
        return self.url


Source = System | Wheel | Url


@dataclass(frozen=True)
class File:
    """One file of a data set.

    ``name`` is its path in the cache folder; ``size`` (bytes) and ``sha256``
    are those of the content that lies there. A source may hold the same
    content compressed with gzip.
    """

    name: str
    size: int
    sha256: str
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Dataset:
    """One data set; ``stand_in`` says what replaces it where no source answers."""

    name: str
    title: Text
    licence: Text
    homepage: str
    files: tuple[File, ...]
    stand_in: Text

    @property
    def size(self) -> int:
        """Size of all files in bytes."""
        return sum(file.size for file in self.files)


def _fashion(name: str, size: int, sha256: str) -> File:
    return File(
        f"fashion-mnist/{name}",
        size,
        sha256,
        (
            System(f"/usr/share/datasets/fashion-mnist/{name}.gz"),
            Url(
                f"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/{name}.gz"
            ),
            Url(
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/"
                f"master/data/fashion/{name}.gz"
            ),
        ),
    )


def _house(name: str, size: int, sha256: str) -> File:
    return File(
        f"house-prices/{name}",
        size,
        sha256,
        (
            Url(f"http://d2l-data.s3-accelerate.amazonaws.com/{name}"),
            Url(f"https://d2l-data.s3.amazonaws.com/{name}"),
        ),
    )


CATALOGUE: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            name="fashion-mnist",
            title=Text("Fashion-MNIST", "Fashion-MNIST"),
            licence=Text("MIT", "MIT"),
            homepage="https://github.com/zalandoresearch/fashion-mnist",
            files=(
                _fashion(
                    "train-images-idx3-ubyte",
                    47_040_016,
                    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                ),
                _fashion(
                    "train-labels-idx1-ubyte",
                    60_008,
                    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                ),
                _fashion(
                    "t10k-images-idx3-ubyte",
                    7_840_016,
                    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                ),
                _fashion(
                    "t10k-labels-idx1-ubyte",
                    10_008,
                    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                ),
            ),
            stand_in=Text("drawn garments of ten classes", "程序绘制的十类服装"),
        ),
        Dataset(
            name="house-prices",
            title=Text("House prices in Ames, Iowa", "艾奥瓦州埃姆斯房价"),
            licence=Text(
                "terms of the Kaggle competition; not redistributed",
                "Kaggle竞赛条款；不再分发",
            ),
            homepage="https://www.kaggle.com/c/house-prices-advanced-regression-techniques",
            files=(
                _house(
                    "kaggle_house_pred_train.csv",
                    460_676,
                    "1e18addf81e5e4d347cc17ee6075bbe4a42b7fa26b9e5b063e8f692a5f929d41",
                ),
                _house(
                    "kaggle_house_pred_test.csv",
                    451_405,
                    "8fdd3d829d4d986b58f845c9553b225e67dd8383624d90fb6ca1d4bed5798c1e",
                ),
            ),
            stand_in=Text("a generated table of the same columns", "列相同的生成表格"),
        ),
    )
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


_HEADER = {
    "en": ("Data set", "Size", "Licence", "Stand-in", "Sources, in order"),
    "zh": ("数据集", "大小", "许可", "替代数据", "来源（按顺序）"),
}


def table(language: str) -> str:
    """Return the catalogue as a Markdown table in ``language``, "en" or "zh"."""
    if language not in _HEADER:
        raise ValueError(f"language: expected 'en' or 'zh', got {language!r}")
    rows = [_HEADER[language], ("---",) * 5]
    for dataset in CATALOGUE.values():
        rows.append(
            (
                f"[{getattr(dataset.title, language)}]({dataset.homepage})",
                f"{dataset.size / 1e6:.1f} MB",
                getattr(dataset.licence, language),
                getattr(dataset.stand_in, language),
                "<br>".join(_places(dataset, language)),
            )
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _places(dataset: Dataset, language: str) -> list[str]:
    """Return where ``dataset`` lies, each place once, as Markdown."""
    cache = {"en": "cache folder", "zh": "缓存文件夹"}[language]
    places = [cache, "`D2L_DATA_MIRROR`"]
    for source in (source for file in dataset.files for source in file.sources):
        match source:
            case System(path):
                places.append(f"`{path.rpartition('/')[0]}`")
            case Wheel(distribution, version, _):
                places.append(f"`{distribution}=={version}`")
            case Url(url):
                places.append(f"`{urlsplit(url).hostname}`")
    return list(dict.fromkeys(places))
