"""Make copies of the notebooks that work when Colab opens them alone.

`python -m tools.colab OUT` writes OUT/en and OUT/zh. There the first cell
installs `d2lutils`, claims and solutions are folded as Colab folds them, and a
link to another section opens that section in Colab. The repository is the one that
`D2L_REPOSITORY=owner/name` names; OUT is published as its branch `colab`.
"""

import posixpath
import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools import publication

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)\s]+)(\))")
INSTALL = "%pip install -q git+https://github.com/{repository}"


def absolute(link: str, folder: str, repository: str) -> str:
    """Return the address of the notebook that a link in `notebooks/folder` opens.

    A link that leads to no notebook is no link (maths may look like one) and stays.
    """
    path, mark, heading = link.partition("#")
    path = posixpath.normpath(posixpath.join("notebooks", folder, path))
    if not path.startswith("notebooks/") or not (ROOT / path).is_file():
        return link
    colab = f"https://colab.research.google.com/github/{repository}/blob/colab"
    return f"{colab}/{path.removeprefix('notebooks/')}{mark}{heading}"


def convert(notebook: NotebookNode, folder: str, repository: str) -> NotebookNode:
    """Return a copy of a notebook of `notebooks/folder` for Colab."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(
                lambda m: m[1] + absolute(m[2], folder, repository) + m[3],
                cell.source,
            )
        elif title := _title(cell):
            cell.source = f"# @title {title}\n{cell.source}"
            cell.metadata["cellView"] = "form"
    if any(cell.cell_type == "code" for cell in copy.cells):
        install = nbformat.v4.new_code_cell(INSTALL.format(repository=repository))
        install.id = "install"
        copy.cells.insert(0, install)
    return copy


def _title(cell: NotebookNode) -> str:
    """Return what stands for a folded cell: a claim in words, or that it solves."""
    if "solution" in cell.metadata.get("tags", []):
        return "Solution / 解答"
    return cell.metadata.get("mystnb", {}).get("code_prompt_show", "")


def main(out: Path, repository: str) -> int:
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
