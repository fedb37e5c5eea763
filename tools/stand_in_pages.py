"""List the notebooks that use data, for their run on the stand-ins.

``python -m tools.stand_in_pages`` lists all of them; with ``--short``, for each data
set only the quickest notebook that uses it.
"""

import ast
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import nbformat

from tools import book


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Yield each call with the name that it calls, without what stands before a dot."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(ast.Name(name) | ast.Attribute(attr=name)):
                yield name, node


def loaders(root: Path) -> dict[str, set[str]]:
    """Return the data sets behind each function or class of the package."""
    package = root / "d2lutils"
    found = defaultdict(set)
    below = defaultdict(set)
    for path in {*package.rglob("*.py")} - {*package.rglob("stand_ins/*.py")}:
        for definition in ast.parse(path.read_text("utf-8")).body:
            if not isinstance(definition, ast.FunctionDef | ast.ClassDef):
                continue
            for name, call in calls(definition):
                below[definition.name].add(name)
                match call:
                    case ast.Call(ast.Name("load"), [ast.Constant(data_set), *_]):
                        found[definition.name].add(data_set)
    size = -1
    while size != (size := sum(map(len, found.values()))):
        for name, names in below.items():
            if sets := set().union(*(found.get(other, ()) for other in names)):
                found[name] |= sets
    return found


def named(code: str) -> set[str]:
    """Return what code calls of a module or an object, or imports from the package.

    A bare call, `deep()`, is one of the page's own functions or has been imported.
    """
    tree = ast.parse(code)
    called = {
        name for name, call in calls(tree) if isinstance(call.func, ast.Attribute)
    }
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return called | {
        alias.name
        for node in imports
        if node.module.startswith("d2lutils")
        for alias in node.names
    }


def used(root: Path) -> dict[str, set[str]]:
    """Return, for each page that uses data, its data sets."""
    behind = loaders(root)
    uses = {}
    for page in book.toc(root):
        cells = nbformat.read(book.notebook(root, page, "en"), as_version=4).cells
        code = [cell.source for cell in cells if cell.cell_type == "code"]
        names = set().union(*map(named, code))
        if sets := set().union(*(behind.get(name, ()) for name in names)):
            uses[page] = sets
    return uses


def short(uses: dict[str, set[str]], seconds: dict[str, float]) -> list[str]:
    """Return few and quick pages that use each data set once at least."""
    chosen, missing = [], set().union(*uses.values())
    while missing:
        new = {page: len(uses[page] & missing) for page in uses}
        chosen.append(
            min(filter(new.get, uses), key=lambda page: seconds[page] / new[page])
        )
        missing -= uses[chosen[-1]]
    return [page for page in uses if page in chosen]


if __name__ == "__main__":
    pages = used(book.ROOT)
    if "--short" in sys.argv[1:]:
        timings = json.loads((book.ROOT / "book/timings.json").read_text("utf-8"))
        pages = short(pages, timings["seconds"])
    print(*(book.notebook(Path(), page, "en") for page in pages), sep="\n")
