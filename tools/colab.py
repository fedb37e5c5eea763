"""Make copies of the notebooks that work alone: in Colab, or downloaded.

`python -m tools.colab OUT` writes OUT/en and OUT/zh. There the first cell
installs `d2lutils` where it is missing, what is folded in Jupyter is folded as
Colab does it, and a link to another section opens that section in Colab. The
repository is the one that `D2L_REPOSITORY=owner/name` names; its branch `colab`
holds OUT. Without a repository, the first cell says what the notebook needs.
"""

import posixpath
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools import publication
from tools.book import ROOT, relink

INSTALL = """\
import importlib.util

if importlib.util.find_spec("d2lutils") is None:
    %pip install -q git+https://github.com/{repository}"""
NEEDED = {
    "en": "This notebook needs the course's package `d2lutils`: "
    "open it in an environment in which the course is installed.",
    "zh": "本笔记本需要课程的辅助包`d2lutils`：请在安装了本课程的环境中打开。",
}
FOLDED = {  # by tag, what the line of a folded cell says; a claim has its words
    "solution": {"en": "Solution", "zh": "解答"},
    "hide-input": {"en": "Code", "zh": "代码"},
}


def absolute(link: str, folder: str, repository: str) -> str:
    """Return the address of the notebook that a link in `notebooks/folder` opens.

    A link that leads elsewhere stays as it is.
    """
    path, mark, heading = link.partition("#")
    path = posixpath.normpath(posixpath.join("notebooks", folder, path))
    if not path.startswith("notebooks/") or not (ROOT / path).is_file():
        return link
    colab = f"https://colab.research.google.com/github/{repository}/blob/colab"
    return f"{colab}/{path.removeprefix('notebooks/')}{mark}{heading}"


def convert(
    notebook: NotebookNode, folder: str, repository: str | None
) -> NotebookNode:
    """Return a copy of a notebook of `notebooks/folder` that works alone."""
    copy = nbformat.from_dict(notebook)
    language = folder.partition("/")[0]
    for cell in copy.cells:
        if cell.cell_type == "code":
            if title := _title(cell, language):
                cell.source = f"# @title {title}\n{cell.source}"
                cell.metadata["cellView"] = "form"
        elif repository:
            cell.source = relink(
                cell.source, lambda target, _: absolute(target, folder, repository)
            )
    if any(cell.cell_type == "code" for cell in copy.cells):
        if repository:
            first = nbformat.v4.new_code_cell(INSTALL.format(repository=repository))
        else:
            first = nbformat.v4.new_markdown_cell(NEEDED[language])
        first.id = "install"
        copy.cells.insert(0, first)
    return copy


def _title(cell: NotebookNode, language: str) -> str | None:
    """Return what stands for a folded cell, None where it is open."""
    if claim := cell.metadata.get("mystnb", {}).get("code_prompt_show"):
        return claim
    tags = cell.metadata.get("tags", [])
    return next((FOLDED[tag][language] for tag in FOLDED if tag in tags), None)


def main(out: Path, repository: str | None) -> int:
    """Convert every notebook of both languages; return how many."""
    sources = sorted((ROOT / "notebooks").rglob("*.ipynb"))
    for source in sources:
        path = source.relative_to(ROOT / "notebooks")
        notebook = nbformat.read(source, as_version=4)
        target = out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(convert(notebook, path.parent.as_posix(), repository), target)
    return len(sources)


if __name__ == "__main__":
    repository = publication.repository()
    if len(sys.argv) != 2 or not repository:
        sys.exit("usage: D2L_REPOSITORY=owner/name python -m tools.colab OUT")
    print(main(Path(sys.argv[1]), repository), "notebooks for Colab")
