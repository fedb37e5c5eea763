"""From book/ to notebooks/: execute once, split by language.

``python -m tools.notebooks`` makes what changed; ``--force`` makes all anew;
``--check`` only tells which notebooks do not match their source. A section
whose code cells equal those of the stored notebook keeps its outputs, so that
a change of prose starts no kernel.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from tools import pages
from tools.citations import Citations, UnknownCitation

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("en", "zh")
TIMINGS = "book/timings.json"
PACKAGES = ("torch", "torchvision", "numpy", "pandas", "matplotlib")

# Stored outputs are those of a CPU, one thread, small sizes, no progress bar.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "D2L_QUIET": "1",
    "D2L_DEVICE": "cpu",
    "D2L_SCALE": "small",
    "SOURCE_DATE_EPOCH": "0",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


class SectionError(Exception):
    """A section that cannot be made; the message says where and why."""


def read(root: Path, page: str) -> NotebookNode:
    """Read the source of a page, both languages in one notebook."""
    path = root / "book" / f"{page}.md"
    if not path.exists():
        raise SectionError(f"book/{page}.md does not exist")
    return jupytext.read(path, fmt="md:myst")


def code(notebook: NotebookNode) -> list[str]:
    """Return the sources of the code cells."""
    return [c.source for c in notebook.cells if c.cell_type == "code"]


def stored(root: Path, page: str, language: str) -> NotebookNode | None:
    """Return the committed notebook of a page, or None."""
    path = target(root, page, language)
    return nbformat.read(path, as_version=4) if path.exists() else None


def target(root: Path, page: str, language: str) -> Path:
    """Return where the notebook of a page lies."""
    return root / "notebooks" / language / f"{page}.ipynb"


def reuse(notebook: NotebookNode, old: NotebookNode | None, volatile: bool) -> bool:
    """Copy the outputs of ``old`` if its code is the same; tell whether it is.

    With ``volatile``, only those of cells tagged ``nbval-ignore-output``:
    times, which would differ in every run.
    """
    if old is None or code(notebook) != code(old):
        return not code(notebook)
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
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    folder = target(root, page, "en").parent
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
    except (CellExecutionError, CellTimeoutError) as error:
        number = sum(1 for c in notebook.cells if c.get("execution_count"))
        raise SectionError(f"code cell {number} failed\n{error}") from error
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            output.get("metadata", {}).clear()
            if output.output_type == "error":  # its frames hold paths
                output.traceback = [f"{output.ename}: {output.evalue}"]


def split(
    notebook: NotebookNode, root: Path, page: str, language: str, citations: Citations
) -> str:
    """Return the notebook of one language as the text of its file."""
    cells, seen = [], {}
    for source in notebook.cells:
        cell = nbformat.from_dict(json.loads(json.dumps(source)))
        tags = cell.metadata.get("tags", [])
        other = {f"lang-{name}" for name in LANGUAGES if name != language}
        if other & set(tags):
            continue
        cell.metadata = _metadata(cell.metadata, language)
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
        "language_info": {"name": "python"},
    }
    nbformat.validate(result)
    return nbformat.writes(result) + "\n"


def _metadata(metadata: NotebookNode, language: str) -> NotebookNode:
    """Keep tags and alternative text, in the form that the site reads."""
    tags = [t for t in metadata.get("tags", []) if not t.startswith("lang-")]
    if "solution" in tags:
        tags.append("hide-cell")
    result = {"tags": tags} if tags else {}
    if "solution" in tags or "hide-input" in tags:
        result["jupyter"] = {"source_hidden": True}
    if "alt" in metadata:
        result["mystnb"] = {"image": {"alt": metadata["alt"][language]}}
    return nbformat.from_dict(result)


GENERATED = re.compile(r"<!-- generated: (\w+) -->")
LINK = re.compile(r"(\]\()(?!https?:|mailto:|#)([^)\s#]+)((?:#[^)\s]*)?\))")


def _markdown(
    text: str, root: Path, page: str, language: str, citations: Citations
) -> str:
    """Turn the richer Markdown of book/ into plain Markdown."""
    here = (root / "book" / page).parent
    there = target(root, page, language).parent

    def link(match: re.Match) -> str:
        path = match[2]
        if path.endswith(".md"):
            path = path.removesuffix(".md") + ".ipynb"
        elif not path.endswith(".ipynb"):  # a figure
            path = Path(os.path.relpath((here / path).resolve(), there)).as_posix()
        return match[1] + path + match[3]

    text = GENERATED.sub(lambda m: getattr(pages, m[1])(root, language), text)
    return LINK.sub(link, citations.expand(text, language))


def make(
    root: Path, page: str, force: bool, citations: Citations
) -> tuple[dict[str, str], float | None]:
    """Return the texts of both notebooks and the seconds, if it was executed."""
    notebook = read(root, page)
    old = stored(root, page, "en")
    seconds = None
    if force or not reuse(notebook, old, volatile=False):
        start = time.perf_counter()
        if code(notebook):
            execute(notebook, root, page)
            seconds = time.perf_counter() - start
            reuse(notebook, old, volatile=True)
    texts = {name: split(notebook, root, page, name, citations) for name in LANGUAGES}
    return texts, seconds


def write(root: Path, page: str, texts: dict[str, str]) -> bool:
    """Write the notebooks that differ; tell whether one did."""
    changed = False
    for language, text in texts.items():
        path = target(root, page, language)
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            changed = True
    return changed


def stale(root: Path = ROOT) -> list[str]:
    """Return the pages whose stored notebooks do not match their source."""
    citations = Citations(root / "book" / "references.bib")
    result = []
    for page in pages.toc(root):
        notebook = read(root, page)
        same = reuse(notebook, stored(root, page, "en"), volatile=False)
        if not same or any(
            not target(root, page, name).exists()
            or target(root, page, name).read_text("utf-8")
            != split(notebook, root, page, name, citations)
            for name in LANGUAGES
        ):
            result.append(page)
    return result


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
    current = {page: merged[page] for page in pages.toc(root) if page in merged}
    if current != old["seconds"]:
        state = {"machine": machine(), "seconds": current}
        path.write_text(json.dumps(state, indent=1) + "\n", "utf-8")


def run(root: Path, wanted: list[str], force: bool, workers: int) -> int:
    """Make pages; return the number of failures."""
    citations = Citations(root / "book" / "references.bib")
    failures, seconds = 0, {}
    with ThreadPoolExecutor(workers) as pool:
        jobs = {pool.submit(make, root, p, force, citations): p for p in wanted}
        for job in as_completed(jobs):
            page = jobs[job]
            try:
                texts, duration = job.result()
            except (SectionError, UnknownCitation) as error:
                failures += 1
                print(f"FAILED  {page}: {error}", file=sys.stderr, flush=True)
                continue
            changed = write(root, page, texts)
            if duration is not None:
                print(f"{duration:6.1f} s  {page}", flush=True)
                if changed:
                    seconds[page] = duration
    if seconds:
        record(root, seconds)
        for page in pages.toc(root):  # pages that are generated from the record
            if page.startswith("back/") and (root / f"book/{page}.md").exists():
                write(root, page, make(root, page, False, citations)[0])
    return failures


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help="for example 03_basics/08_mlp")
    parser.add_argument("--force", action="store_true", help="execute all anew")
    parser.add_argument("--check", action="store_true", help="only tell what is stale")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if arguments.check:
        pages_left = stale()
        for page in pages_left:
            print(f"book/{page}.md: notebooks do not match; run make notebooks")
        return bool(pages_left)
    wanted = arguments.pages or pages.toc(ROOT)
    return bool(run(ROOT, wanted, arguments.force, arguments.workers))


if __name__ == "__main__":
    sys.exit(main())
