"""Which part of `d2lutils` a notebook runs: a fingerprint of it.

Stored outputs belong to the code that made them, and that includes the helper
package. A notebook depends on the definitions that it names, such as `d2l.fit` or
`d2l.boxes.iou`, and on what these name in turn; docstrings and comments do not count.
Where a module itself is passed on (`boxes = d2l.boxes`), all of it counts. How a
file gets here does not: its bytes are checked, whichever way they came.
"""

import ast
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

PACKAGE = "d2lutils"
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
DELIVERY = {
    f"data/{name}.py" for name in ("catalogue", "download", "local", "transfer")
}
NAMED = re.compile(rf"\b(?:d2l|{PACKAGE})((?:\.\w+)+)")
Definition = tuple[Path, str]


class Module(NamedTuple):
    """A file: statements by the name they define, others, what it imports of us."""

    definitions: dict[str, ast.stmt]
    others: list[ast.stmt]
    imports: dict[str, str]


def fingerprint(root: Path, cells: list[str]) -> str:
    """Return 12 digits that change with the code behind the names in `cells`."""
    start = root / PACKAGE / "__init__.py"
    wanted: set[Definition] = set()
    if start.exists():
        for chain in set(NAMED.findall("\n".join(cells))):
            wanted |= _resolve(root, start, chain[1:].split("."))
    found: set[Definition] = set()
    while wanted:
        path, name = definition = wanted.pop()
        if path.relative_to(root / PACKAGE).as_posix() not in DELIVERY:
            found.add(definition)
            wanted |= _needed(root, path, name) - found
    digest = hashlib.sha256()
    for path, name in sorted(found):
        digest.update(f"{name} {_dump(path, name)}\n".encode())
    return digest.hexdigest()[:12]


@cache
def _module(path: Path) -> Module:
    """Read a file; its docstrings and comments are gone."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            node.body[0] = ast.Pass()
    module = Module({}, [], {})
    for node in ast.walk(tree):  # also the imports within functions
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                source = f"{getattr(node, 'module', '')}.{alias.name}".lstrip(".")
                if source.startswith(f"{PACKAGE}."):
                    module.imports[name] = source
                else:
                    module.definitions[name] = ast.parse(f"import {source}").body[0]
    for statement in tree.body:
        match statement:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                module.definitions[name] = statement
            case ast.Assign(targets=targets):
                for node in (node for target in targets for node in ast.walk(target)):
                    if isinstance(node, ast.Name):
                        module.definitions[node.id] = statement
            case ast.AnnAssign(target=ast.Name(id=name)):
                module.definitions[name] = statement
            case ast.Import() | ast.ImportFrom() | ast.Pass():
                pass
            case _:
                module.others.append(statement)
    return module


def _file(root: Path, dotted: str) -> Path | None:
    path = root / dotted.replace(".", "/")
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


def _resolve(root: Path, path: Path, chain: list[str]) -> set[Definition]:
    """Return what a dotted name, seen in the module at `path`, stands for."""
    module = _module(path)
    if not chain:
        names = (*module.definitions, *module.imports)
        return {(path, "")}.union(*(_resolve(root, path, [name]) for name in names))
    name, *rest = chain
    if name in module.definitions:
        return {(path, name), (path, "")}
    if name in module.imports:
        source = module.imports[name]
    elif path.name == "__init__.py":
        source = ".".join((*path.parent.relative_to(root).parts, name))
    else:
        return set()
    if imported := _file(root, source):
        return _resolve(root, imported, rest)
    source, _, name = source.rpartition(".")
    imported = _file(root, source)
    return _resolve(root, imported, [name, *rest]) if imported != path else set()


@cache
def _statements(path: Path, name: str) -> list[ast.stmt]:
    """Return the statement that defines a name; for "" those that define nothing."""
    module = _module(path)
    return [module.definitions[name]] if name else module.others


@cache
def _dump(path: Path, name: str) -> str:
    return "\n".join(map(ast.dump, _statements(path, name)))


@cache
def _needed(root: Path, path: Path, name: str) -> set[Definition]:
    """Return the definitions that the code of one definition names."""
    found: set[Definition] = set()
    followed: set[ast.AST] = set()  # the inner parts of dotted names
    for statement in _statements(path, name):
        for node in ast.walk(statement):
            chain, inner = [], node
            while isinstance(inner, ast.Attribute):
                chain.insert(0, inner.attr)
                inner = inner.value
                followed.add(inner)
            if isinstance(inner, ast.Name) and node not in followed:
                found |= _resolve(root, path, [inner.id, *chain])
    return found
