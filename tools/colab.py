"""Make copies of the notebooks that work when Colab opens them alone.

`python -m tools.colab OUT` writes OUT/en and OUT/zh. There the first cell
installs `d2lutils`, figures come from the repository, and a link to another
section opens that section in Colab. The repository is the one that
`D2L_REPOSITORY=owner/name` names; OUT is published as its branch `colab`.
"""

import os
import posixpath
import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)\s]+)(\))")
INSTALL = "%pip install -q git+https://github.com/{repository}"


def absolute(link: str, folder: str, repository: str) -> str:
    """Return the address of what a link in `notebooks/folder` leads to.

    A link that leads to no file is no link (maths may look like one) and stays.
    """
    path, mark, heading = link.partition("#")
    path = posixpath.normpath(posixpath.join("notebooks", folder, path))
    if not (ROOT / path).is_file():
        return link
    if path.startswith("notebooks/"):
        colab = f"https://colab.research.google.com/github/{repository}/blob/colab"
        return f"{colab}/{path.removeprefix('notebooks/')}{mark}{heading}"
    return f"https://raw.githubusercontent.com/{repository}/HEAD/{path}"


def convert(notebook: NotebookNode, folder: str, repository: str) -> NotebookNode:
    """Return a copy of a notebook of `notebooks/folder` for Colab."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(
                lambda m: m[1] + absolute(m[2], folder, repository) + m[3],
                cell.source,
            )
    if any(cell.cell_type == "code" for cell in copy.cells):
        install = nbformat.v4.new_code_cell(INSTALL.format(repository=repository))
        install.id = "install"
        copy.cells.insert(0, install)
    return copy


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
    if len(sys.argv) != 2 or "D2L_REPOSITORY" not in os.environ:
        sys.exit("usage: D2L_REPOSITORY=owner/name python -m tools.colab OUT")
    print(main(Path(sys.argv[1]), os.environ["D2L_REPOSITORY"]), "notebooks for Colab")
