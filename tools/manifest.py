"""List a folder for the catalogue: ``python -m tools.manifest NAME FOLDER GLOB...``.

Writes ``d2lutils/data/manifests/NAME.txt.gz``: size, SHA-256, path of a file a line.
"""

import gzip
import hashlib
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "d2lutils" / "data" / "manifests"


def manifest(folder: Path, patterns: list[str]) -> str:
    """Return the lines for all files of ``folder`` that match a pattern."""
    paths = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    return "".join(
        f"{path.stat().st_size} {hashlib.sha256(path.read_bytes()).hexdigest()} "
        f"{path.relative_to(folder).as_posix()}\n"
        for path in paths
    )


if __name__ == "__main__":
    name, folder, *patterns = sys.argv[1:]
    packed = gzip.compress(manifest(Path(folder), patterns).encode(), 9, mtime=0)
    (FOLDER / f"{name}.txt.gz").write_bytes(packed)
    print(f"{name}.txt.gz: {len(packed):,} bytes")
