"""From book/ to notebooks/: execute once, split by language.

``python -m tools.notebooks`` makes what changed; ``--force`` makes all anew;
``--twice`` executes every cell twice in a row and stores nothing. A section whose
code cells, and whose part of ``d2lutils``, equal those of the stored notebook keeps
its outputs, so that a change of prose starts no kernel.
"""

import argparse
import base64
import copy
import hashlib
import html
import io
import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools import book, generated, kernels
from tools.book import LANGUAGES, ROOT
from tools.citations import Citations
from tools.environment import ENVIRONMENT
from tools.package import fingerprint

TIMINGS = "book/timings.json"
PACKAGES = ("torch", "torchvision", "numpy", "pandas", "matplotlib")

COLORS, VISIBLE = 64, 2.0  # of a palette; mean difference that can be seen


class SectionError(Exception):
    """A section that cannot be made; the message says where and why."""


def code(notebook: NotebookNode) -> list[str]:
    """Return the sources of the code cells."""
    return [c.source for c in notebook.cells if c.cell_type == "code"]


def stored(root: Path, page: str, language: str) -> NotebookNode | None:
    """Return the committed notebook of a page, or None."""
    path = book.notebook(root, page, language)
    return nbformat.read(path, as_version=4) if path.exists() else None


def reuse(
    root: Path, notebook: NotebookNode, old: NotebookNode | None, volatile: bool
) -> bool:
    """Copy the outputs of ``old`` if its code is the same; tell whether it is.

    The same code means the same cells and the same part of ``d2lutils``. With
    ``volatile``, only the outputs of cells tagged ``nbval-ignore-output`` are
    copied: times, which would differ in every run.
    """
    if not code(notebook):
        return True
    if old is None or code(notebook) != code(old):
        return False
    if not volatile and old.metadata.get("d2lutils") != fingerprint(
        root, code(notebook)
    ):
        return False
    new_cells = [c for c in notebook.cells if c.cell_type == "code"]
    old_cells = [c for c in old.cells if c.cell_type == "code"]
    for new, kept in zip(new_cells, old_cells, strict=True):
        if not volatile or "nbval-ignore-output" in new.metadata.get("tags", ()):
            new.outputs = kept.outputs
            new.execution_count = kept.execution_count
    return True


def execute(notebook: NotebookNode, root: Path, page: str) -> None:
    """Run the code cells in a fresh kernel and store their outputs."""
    from nbclient import NotebookClient
    from nbclient.exceptions import (
        CellExecutionError,
        CellTimeoutError,
        DeadKernelError,
    )

    kernels.install()
    folder = book.notebook(root, page, "en").parent
    folder.mkdir(parents=True, exist_ok=True)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],  # its warnings are about sockets
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        client.execute(env=os.environ | ENVIRONMENT)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        number = sum(1 for c in notebook.cells if c.get("execution_count"))
        plain = re.sub(r"\x1b\[[\d;]*m", "", str(error))
        raise SectionError(f"code cell {number} failed\n{plain}") from error
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            output.get("metadata", {}).clear()
            if picture := output.get("data", {}).get("image/png"):
                output.data["image/png"] = with_palette(picture)
            if output.output_type == "error":  # its frames hold paths
                output.traceback = [f"{output.ename}: {output.evalue}"]


def with_palette(picture: str) -> str:
    """Return a PNG in base64 with a palette of few colours, if nobody sees it.

    A plot has few colours; a photograph has many, and stays as it is.
    """
    from PIL import Image, ImageChops, ImageStat

    content = base64.b64decode(picture)
    image = Image.open(io.BytesIO(content)).convert("RGB")
    reduced = image.quantize(
        COLORS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
    )
    difference = ImageChops.difference(image, reduced.convert("RGB"))
    if max(ImageStat.Stat(difference).mean) > VISIBLE:
        return picture
    out = io.BytesIO()
    reduced.save(
        out, "PNG", optimize=True, dpi=Image.open(io.BytesIO(content)).info["dpi"]
    )
    if len(out.getvalue()) >= len(content):
        return picture
    return base64.b64encode(out.getvalue()).decode("ascii")


def split(
    notebook: NotebookNode, root: Path, page: str, language: str, citations: Citations
) -> str:
    """Return the notebook of one language as the text of its file."""
    cells, seen = [], {}
    for source in notebook.cells:
        cell = copy.deepcopy(source)
        tags = cell.metadata.get("tags", [])
        other = {f"lang-{name}" for name in LANGUAGES if name != language}
        if other & set(tags):
            continue
        alt = cell.metadata.get("alt", {}).get(language)
        cell.metadata = _metadata(cell.metadata, language)
        for output in cell.get("outputs", ()):
            if alt and "image/png" in output.get("data", {}):
                output.metadata["image/png"] = {
                    "alt": alt
                }  # nbconvert's classic template
        if cell.cell_type == "markdown":
            cell.source = _markdown(cell.source, root, page, language, citations)
            cell.pop("outputs", None)
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()
        count = seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest[:12] if count == 1 else f"{digest[:12]}-{count}"
        cells.append(cell)
    result = nbformat.v4.new_notebook(cells=cells)
    result.metadata = {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        },
        "language_info": {
            "codemirror_mode": {"name": "ipython", "version": 3},
            "file_extension": ".py",
            "mimetype": "text/x-python",
            "name": "python",
            "nbconvert_exporter": "python",
            "pygments_lexer": "ipython3",
        },
    }
    if code(notebook):
        result.metadata["d2lutils"] = fingerprint(root, code(notebook))
    nbformat.validate(result)
    return nbformat.writes(result) + "\n"


def _metadata(metadata: NotebookNode, language: str) -> NotebookNode:
    """Keep what others read: tags, folding, alternative text, claims, tolerances."""
    tags = [t for t in metadata.get("tags", []) if not t.startswith("lang-")]
    shown = {}
    if "solution" in tags:
        tags.append("hide-cell")
    if "claim" in metadata:  # one line on the site: a tick and the claim in words
        words = f"✓ {metadata['claim'][language]}"
        shown |= {"code_prompt_show": words, "code_prompt_hide": words}
        tags.append("hide-input")
    if "alt" in metadata:
        shown["image"] = {"alt": metadata["alt"][language]}
    result = {"tags": tags} if tags else {}
    if {"solution", "hide-input"} & set(metadata.get("tags", [])):
        result["jupyter"] = {"source_hidden": True}
    if shown:
        result["mystnb"] = shown
    if "tolerance" in metadata:
        result["tolerance"] = metadata["tolerance"]
    return nbformat.from_dict(result)


GENERATED = re.compile(r"<!-- generated: (\w+) -->")
TO_PAGE = re.compile(r"^(?![a-z]+:)([^#]+)\.md(?=#|$)")


def _markdown(
    text: str, root: Path, page: str, language: str, citations: Citations
) -> str:
    """Turn the richer Markdown of book/ into what every viewer shows alone."""

    def rewrite(target: str, alt: str | None) -> str:
        if alt is not None:
            return _figure(book.source(root, page).parent / target, alt)
        return TO_PAGE.sub(r"\1.ipynb", target)

    text = GENERATED.sub(lambda m: getattr(generated, m[1])(root, language), text)
    return book.relink(citations.expand(text, language), rewrite)


def _figure(path: Path, alt: str) -> str:
    """Return a drawing as HTML that holds it: it shows wherever the page goes.

    Markdown's own images do not do here: its parsers refuse SVG as data.
    """
    if not path.exists():
        raise SectionError(f"there is no figure {path.name} in {path.parent.name}/")
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<img alt="{html.escape(alt)}" src="data:image/svg+xml;base64,{data}">'


def make(
    root: Path, page: str, force: bool, citations: Citations
) -> tuple[dict[str, str], float | None]:
    """Return the texts of both notebooks and the seconds, if it was executed."""
    notebook = book.read(root, page)
    old = stored(root, page, "en")
    seconds = None
    if force or not reuse(root, notebook, old, volatile=False):
        start = time.perf_counter()
        if code(notebook):
            execute(notebook, root, page)
            seconds = time.perf_counter() - start
            reuse(root, notebook, old, volatile=True)
    texts = {name: split(notebook, root, page, name, citations) for name in LANGUAGES}
    return texts, seconds


def differing(root: Path, page: str, texts: dict[str, str]) -> dict[Path, str]:
    """Return the files that are to be written, and what."""
    files = {book.notebook(root, page, language): texts[language] for language in texts}
    return {
        path: text
        for path, text in files.items()
        if not path.exists() or path.read_text("utf-8") != text
    }


def write(root: Path, page: str, texts: dict[str, str]) -> bool:
    """Write the notebooks that differ; tell whether one did."""
    changed = differing(root, page, texts)
    for path, text in changed.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return bool(changed)


def stale(root: Path = ROOT) -> list[str]:
    """Return the pages whose stored notebooks do not match their source."""
    citations = Citations(root / book.BIBLIOGRAPHY)
    return [page for page in book.toc(root) if _stale(root, page, citations)]


def _stale(root: Path, page: str, citations: Citations) -> bool:
    notebook = book.read(root, page)
    if not reuse(root, notebook, stored(root, page, "en"), volatile=False):
        return True
    try:
        texts = {n: split(notebook, root, page, n, citations) for n in LANGUAGES}
    except SectionError:  # making it tells why
        return True
    return bool(differing(root, page, texts))


def machine() -> dict[str, str]:
    """Describe the machine and the versions that make the outputs."""
    cpu = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = re.findall(r"model name\s*: (.+)", cpuinfo.read_text())
        cpu = names[0] if names else cpu
    return {
        "system": platform.system(),
        "cpu": cpu,
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def record(root: Path, seconds: dict[str, float]) -> None:
    """Keep how long the sections whose outputs changed took."""
    path = root / TIMINGS
    old = json.loads(path.read_text("utf-8")) if path.exists() else {"seconds": {}}
    merged = old["seconds"] | {page: round(s, 1) for page, s in seconds.items()}
    current = {page: merged[page] for page in book.toc(root) if page in merged}
    if current != old["seconds"]:
        state = {"machine": machine(), "seconds": current}
        path.write_text(json.dumps(state, indent=1) + "\n", "utf-8")


def each(work: Callable, wanted: list[str], workers: int) -> tuple[dict, int]:
    """Return what `work` returns for each page, and the number of failures."""
    results, failures = {}, 0
    with ThreadPoolExecutor(workers) as pool:
        jobs = {pool.submit(work, page): page for page in wanted}
        for job in as_completed(jobs):
            try:
                results[jobs[job]] = job.result()
            except Exception as error:  # whatever it is, the other pages are made
                failures += 1
                name = "" if isinstance(error, SectionError) else type(error).__name__
                message = f"FAILED  {jobs[job]}: {name} {error}"
                print(message, file=sys.stderr, flush=True)
    return results, failures


def run(root: Path, wanted: list[str], force: bool, workers: int) -> int:
    """Make pages; return the number of failures."""
    citations = Citations(root / book.BIBLIOGRAPHY)

    def made(page: str) -> float | None:
        """Make a page; return its seconds, if its outputs changed."""
        texts, seconds = make(root, page, force, citations)
        changed = write(root, page, texts)
        if seconds is not None:
            print(f"{seconds:6.1f} s  {page}", flush=True)
        return seconds if changed else None

    results, failures = each(made, wanted, workers)
    if seconds := {page: s for page, s in results.items() if s is not None}:
        record(root, seconds)
        for page in book.toc(root):  # pages that are generated from the record
            if page.startswith("back/") and (root / f"book/{page}.md").exists():
                write(root, page, make(root, page, False, citations)[0])
    return failures


def run_twice(root: Path, wanted: list[str], workers: int) -> int:
    """Execute each cell twice in a row; return the number of pages that fail.

    A cell sets its own start, so that a claim still holds when its reader runs
    the cells before it once more.
    """

    def doubled(page: str) -> None:
        notebook = book.read(root, page)
        if not code(notebook):
            return
        cells = []
        for cell in notebook.cells:
            cells.append(cell)
            tags = cell.metadata.get("tags", [])
            if cell.cell_type == "code" and "raises-exception" not in tags:
                cells.append(nbformat.v4.new_code_cell(cell.source))
        notebook.cells = cells
        execute(notebook, root, page)
        print(f"twice   {page}", flush=True)

    return each(doubled, wanted, workers)[1]


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help="for example 03_basics/08_mlp")
    parser.add_argument("--force", action="store_true", help="execute all anew")
    parser.add_argument("--twice", action="store_true", help="each cell twice")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    wanted = arguments.pages or book.toc(ROOT)
    if arguments.twice:
        return bool(run_twice(ROOT, wanted, arguments.workers))
    return bool(run(ROOT, wanted, arguments.force, arguments.workers))


if __name__ == "__main__":
    sys.exit(main())
