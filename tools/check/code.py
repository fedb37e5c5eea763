"""Code cells: their tags, their place, their form, and what a claim must be."""

import ast
import copy
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from tools.book import LANGUAGES
from tools.check.language import Finding
from tools.check.source import HAN, Book, Cell, Page, calls

TAGS = {
    "claim",
    "saved",
    "exercise",
    "solution",
    "hide-input",
    "nbval-ignore-output",
    "raises-exception",
}
COLUMNS, LINES, SOLUTION_LINES = 78, 30, 45
ASIDE = {"claim", "exercise", "solution", "hide-input"}  # not part of the body
BODY, BODY_CELL = 180, 20  # lines that are not blank


def tags(page: Page, book: Book) -> Iterator[Finding]:
    """A tag that is none of ours does nothing, and nobody notices."""
    for cell in page.code:
        for tag in sorted(set(cell.tags) - TAGS):
            yield cell.line, f"unknown tag {tag!r} of a code cell"


def nested(page: Page, book: Book) -> Iterator[Finding]:
    """A code cell inside something else is shown, but never run."""
    starts = re.compile(r"[\s>]*[`~:]{3,}\s*\{code-cell\}")
    for cell in page.markdown:
        for i, line in enumerate(cell.text.split("\n")):
            if starts.match(line):
                yield cell.line + i, "a code cell nested in a directive or a list"
    for language in ("en", "zh"):
        details = directives = 0
        for cell in page.cells:
            if cell.kind == "code" and (details > 0 or directives % 2):
                around = "<details>" if details > 0 else "a directive (:::)"
                yield cell.line, f"a code cell inside {around}"
            elif cell.kind == "markdown" and cell.language in (language, None):
                details += cell.text.count("<details") - cell.text.count("</details>")
                directives += len(re.findall(r"^:{3,}", cell.text, re.MULTILINE))


def sentence_between(page: Page, book: Book) -> Iterator[Finding]:
    """Text stands between two code cells; a claim may follow its result."""
    follows_code = False
    for cell in page.cells:
        if cell.kind == "markdown":
            follows_code = follows_code and cell.language is None
        else:
            if follows_code and "claim" not in cell.tags:
                yield cell.line, "two code cells without a sentence between them"
            follows_code = True


def form(page: Page, book: Book) -> Iterator[Finding]:
    """Python of at most 78 columns and 30 lines, in English."""
    for cell in page.code:
        lines = cell.text.split("\n")
        limit = SOLUTION_LINES if "solution" in cell.tags else LINES
        if len(lines) > limit:
            yield cell.line, f"a code cell of {len(lines)} lines (at most {limit})"
        for i, line in enumerate(lines, start=cell.line):
            if len(line) > COLUMNS:
                yield i, f"a line of {len(line)} columns (at most {COLUMNS})"
            if re.search(f"[{HAN}]", line):
                yield i, "Chinese in code: comments and figures are English"
        if cell.tree is None and "raises-exception" not in cell.tags:
            yield cell.line, "this is not Python"


def density(page: Page, book: Book) -> Iterator[Finding]:
    """A body of at most 180 lines of code, in cells of at most 20."""
    total = 0
    for cell in page.code:
        if not ASIDE & set(cell.tags):
            lines = sum(bool(line.strip()) for line in cell.text.split("\n"))
            total += lines
            if lines > BODY_CELL:
                yield (
                    cell.line,
                    f"{lines} lines in a cell of the body (at most {BODY_CELL})",
                )
    if total > BODY:
        yield 1, f"{total} lines of code in the body (at most {BODY})"


def modern(page: Page, book: Book) -> Iterator[Finding]:
    """No access that autograd does not see, no pickle that may run code."""
    for cell in page.code:
        for node in cell.nodes:
            if advice := _outdated(node):
                yield cell.line + node.lineno - 1, advice


def _outdated(node: ast.AST) -> str | None:
    if isinstance(node, ast.Attribute) and node.attr == "data":
        owner = ast.unparse(node.value)
        if owner not in ("d2l", "d2lutils", "torch.utils", "utils"):
            return ".data bypasses autograd: use detach() or torch.no_grad()"
    if isinstance(node, ast.Call):
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        is_load = ast.unparse(node.func) == "torch.load"
        if is_load and given.get("weights_only") != "True":
            return "torch.load without weights_only=True"
    return None


def claims(page: Page, book: Book) -> Iterator[Finding]:
    """A claim asserts something that can fail, and says in words what."""
    for cell in page.code:
        if "claim" not in cell.tags or cell.tree is None:
            continue
        words = cell.metadata.get("claim")
        for name in LANGUAGES:
            if not isinstance(words, dict) or not words.get(name):
                yield cell.line, f"a claim without its words in {LANGUAGES[name]}"
        asserts = [n for n in cell.nodes if isinstance(n, ast.Assert)]
        if not asserts:
            yield cell.line, "a claim without an assertion"
        for node in asserts:
            line = cell.line + node.lineno - 1
            if node.msg is None:
                yield line, "an assertion without the claim in words"
            if not any(isinstance(n, ast.Name) for n in ast.walk(node.test)):
                yield line, "an assertion that cannot fail"


def training_claim(page: Page, book: Book) -> Iterator[Finding]:
    """A section that trains a model says what came of it, and asserts it."""
    training = [cell for cell in page.code if _trains(cell)]
    if training and not any("claim" in cell.tags for cell in page.code):
        yield training[0].line, "a section that trains a model has no claim"


def _trains(cell: Cell) -> bool:
    loops = [n for n in cell.nodes if isinstance(n, ast.For | ast.While)]
    in_loops = {name for loop in loops for name in calls(ast.walk(loop))}
    return (
        "d2l.fit" in cell.called
        or any(name.endswith(".backward") for name in in_loops)
        or any(re.search(r"(optim\w*|trainer)\.step$", name) for name in cell.called)
    )


def saved(page: Page, book: Book) -> Iterator[Finding]:
    """A function tagged `saved` is the one that `d2lutils` holds."""
    for cell in page.code:
        if "saved" not in cell.tags or cell.tree is None:
            continue
        defined = [n for n in cell.tree.body if isinstance(n, DEFINITIONS)]
        if not defined:
            yield cell.line, "a saved cell defines no function or class"
        for node in defined:
            line = cell.line + node.lineno - 1
            original = _definitions(book.root / "d2lutils").get(node.name)
            if original is None:
                yield line, f"{node.name} is not in d2lutils"
            elif _normal(node) != _normal(original):
                yield line, f"{node.name} differs from the one in d2lutils"


DEFINITIONS = (ast.FunctionDef, ast.ClassDef)


@lru_cache
def _definitions(package: Path) -> dict[str, ast.AST]:
    """Return every function and class of the package, by name."""
    return {
        node.name: node
        for path in sorted(package.rglob("*.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, DEFINITIONS)
    }


class _Bare(ast.NodeTransformer):
    """Drops what a notebook may leave out: docstrings, annotations, `d2l.`."""

    def _body(self, node: ast.AST) -> ast.AST:
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            node.body = node.body[1:]
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        return self.generic_visit(node)

    visit_FunctionDef = visit_ClassDef = _body

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return self.generic_visit(ast.Assign([node.target], node.value))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == "d2l":
            return ast.Name(node.attr, node.ctx)
        return self.generic_visit(node)


def _normal(definition: ast.AST) -> str:
    """Return a definition in the form in which two of them are compared."""
    return ast.dump(_Bare().visit(copy.deepcopy(definition)))


def stub(page: Page, book: Book) -> Iterator[Finding]:
    """A section with code has an exercise that is checked at once."""
    stubs = [cell for cell in page.code if "exercise" in cell.tags]
    for cell in stubs:
        if "d2l.check" not in cell.called:
            yield cell.line, "an exercise cell without d2l.check"
    if page.code and not stubs:
        yield page.code[-1].line, "no exercise cell with d2l.check in this section"


RULES = (tags, nested, modern, claims, saved)
SECTION_RULES = (sentence_between, form, density, training_claim, stub)
