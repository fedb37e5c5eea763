"""The generated parts of the front and back pages.

A page holds ``<!-- generated: terms -->`` in a cell of each language;
`tools.notebooks` puts there what the function of that name returns.
"""

import json
import runpy
from collections import defaultdict
from pathlib import Path

import yaml

from tools import book
from tools.citations import ROLE, Citations, keys


def terms(root: Path, language: str) -> str:
    """The English–Chinese terms of `book/terms.yml`, one table per topic."""
    groups = yaml.safe_load((root / book.TERMS).read_text("utf-8"))
    head = {"en": ("English", "Chinese"), "zh": ("英文", "中文")}
    also = {"en": " (also {})", "zh": "（也作{}）"}

    def row(term: dict) -> tuple[str, str]:
        abbreviation = f" ({term['abbr']})" if "abbr" in term else ""
        names = also[language].format("、".join(term.get("aliases", ())))
        return term["en"] + abbreviation, term["zh"] + names * ("aliases" in term)

    return "\n\n".join(
        f"## {group['title'][language]}\n\n"
        + table(head[language], [row(term) for term in group["terms"]])
        for group in groups
    )


def references(root: Path, language: str) -> str:
    """Every work of `references.bib`, by author, with the sections that cite it."""
    citations = Citations(root / book.BIBLIOGRAPHY)
    cited: dict[str, dict[str, str]] = defaultdict(dict)
    for page in book.toc(root):
        source = book.source(root, page)
        if source.exists():
            for role in ROLE.finditer(source.read_text("utf-8")):
                for key in keys(role):
                    cited[key][page] = f"[{book.number(page)}](../{page}.ipynb)"
    opening, comma, closing = (
        ("（", "、", "）") if language == "zh" else (" (", ", ", ")")
    )
    return "\n".join(
        f"- {citations.full(key, language)}"
        + (f"{opening}{comma.join(cited[key].values())}{closing}" if cited[key] else "")
        for key in sorted(citations.works, key=citations.order)
    )


def colophon(root: Path, language: str) -> str:
    """Machine, versions and seconds per section of the last `make notebooks`."""
    source = root / "book/timings.json"
    if not source.exists():
        return {"en": "Nothing has been timed yet.", "zh": "尚未计时。"}[language]
    timings = json.loads(source.read_text(encoding="utf-8"))
    machine = {"en": ("What", "Which"), "zh": ("项目", "型号或版本")}
    names = {"system": "系统", "cpu": "处理器", "cores": "核数"}
    seconds = {"en": ("Section", "Seconds"), "zh": ("节", "秒")}
    rows = [
        (f"[{book.number(page)}](../{page}.ipynb)", f"{timings['seconds'][page]:.1f}")
        for page in book.toc(root)
        if page in timings["seconds"]
    ]
    total = {"en": "Sum", "zh": "合计"}[language]
    rows.append((total, f"{sum(timings['seconds'].values()):.1f}"))
    return "\n\n".join(
        (
            table(
                machine[language],
                [
                    (names.get(what, what) if language == "zh" else what, which)
                    for what, which in timings["machine"].items()
                ],
            ),
            table(seconds[language], rows),
        )
    )


def data(root: Path, language: str) -> str:
    """The data sets of the catalogue: licence, size, sources, stand-in."""
    # the file alone: the package would import torch
    catalogue = runpy.run_path(str(root / "d2lutils/data/catalogue.py"))["CATALOGUE"]
    head = {
        "en": ("Data set", "Size", "Licence", "Stand-in", "Sources, in order"),
        "zh": ("数据集", "大小", "许可", "替代数据", "来源（按顺序）"),
    }
    first = {"en": "cache folder", "zh": "缓存文件夹"}[language]
    none = {"en": "none", "zh": "无"}[language]
    rows = []
    for dataset in catalogue.values():
        sites = dict.fromkeys(f"`{source.site}`" for source in dataset.sources)
        rows.append(
            (
                f"[{getattr(dataset.title, language)}]({dataset.homepage})",
                f"{dataset.size / 1e6:.1f} MB",
                getattr(dataset.licence, language),
                getattr(dataset.stand_in, language, none),
                "<br>".join((first, "`D2L_DATA_MIRROR`", *sites)),
            )
        )
    return table(head[language], rows)


def table(head: tuple[str, ...], rows: list[tuple]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head)]
    lines += [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
