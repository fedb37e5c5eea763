"""Which part of `d2lutils` a notebook runs: a fingerprint of it.

Stored outputs belong to the code that made them, and that includes the helper
package. A notebook depends on the modules that define the names it takes from
`d2l`, and on what these import in turn; docstrings and comments do not count.
"""

import ast
import hashlib
import re
from functools import cache
from pathlib import Path

DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def fingerprint(root: Path, cells: list[str]) -> str:
    """Return 12 digits that change with the code behind the names in `cells`."""
    names = set(re.findall(r"\bd2l(?:utils)?\.(\w+)", "\n".join(cells)))
    modules = {_defined_in(root, name) for name in names} - {None}
    found: set[Path] = set()
    while modules:
        module = modules.pop()
        found.add(module)
        modules |= _imported(root, module) - found
    digest = hashlib.sha256()
    for module in sorted(found):
        digest.update(_bare(module))
    return digest.hexdigest()[:12]


@cache
def _tree(module: Path) -> ast.Module:
    """Return a module's code; its docstrings and comments are gone."""
    tree = ast.parse(module.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            del node.body[0]
    return tree


@cache
def _bare(module: Path) -> bytes:
    return ast.dump(_tree(module)).encode()


def _file(root: Path, dotted: str) -> Path | None:
    path = root / dotted.replace(".", "/")
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


@cache
def _imported(root: Path, module: Path) -> set[Path]:
    """Return the files of `d2lutils` that a module imports from."""
    dotted = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and node.module:
            dotted.add(node.module)
            dotted |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            dotted |= {alias.name for alias in node.names}
    files = {_file(root, name) for name in dotted if name.startswith("d2lutils.")}
    return files - {None}


@cache
def _defined_in(root: Path, name: str) -> Path | None:
    """Return the module that `d2l.name` comes from."""
    package = _file(root, "d2lutils")
    for node in _tree(package).body if package else ():
        if isinstance(node, ast.ImportFrom) and name in {a.name for a in node.names}:
            return _file(root, f"{node.module}.{name}") or _file(root, node.module)
    return _file(root, f"d2lutils.{name}")
