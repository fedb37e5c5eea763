"""Get the files of a data set: verified, downloaded once, never in part.

The order of the sources: the cache folder (``D2L_DATA``), a mirror folder
(``D2L_DATA_MIRROR``), then those of the catalogue. A file reaches its name in the
cache folder in one step, after its size and SHA-256 are found right, and only one
process at a time writes a data set. ``D2L_OFFLINE=1`` leaves the network alone.
"""

import errno
import os
import shutil
import time
from pathlib import Path
from urllib.request import getproxies

from d2lutils.data.catalogue import Dataset, File
from d2lutils.data.local import is_intact, is_set, locate, sources, storage_folder
from d2lutils.data.transfer import TOTAL, transfer

REMEMBERED = 600  # seconds for which this process does not repeat what failed


class DataUnavailable(RuntimeError):
    """No source gave the files; the message names them all and says what to do.

    ``reason`` is the same in a few words.
    """

    def __init__(self, message: str, reason: str):
        super().__init__(message)
        self.reason = reason


_failures: dict[tuple, tuple[float, DataUnavailable]] = {}


def fetch(dataset: Dataset) -> list[Path]:
    """Return paths of intact copies of the files; download what is not here.

    Where the cache folder cannot be written to, downloads lie in a temporary
    folder that ends with the process, and a warning says so.

    Raises:
        DataUnavailable: no source gave a file, or it cannot be stored.
    """
    from filelock import FileLock

    paths = {file: locate(dataset, file) for file in dataset.files}
    missing = [file for file, path in paths.items() if path is None]
    if not missing:
        return list(paths.values())
    root, wait = storage_folder(dataset.name), TOTAL * (1 + len(dataset.sources))
    part = root / dataset.name / ".part"
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(part.with_name(".lock"), timeout=wait):
            shutil.rmtree(part, ignore_errors=True)  # a killed process left it
            part.mkdir()
            try:
                _fill(dataset, missing, root, part)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise DataUnavailable(
            f"{dataset.name}: cannot be stored in {root}: {error.strerror or error}\n"
            "What to do: end another process that has been fetching it, free "
            f"{dataset.size / 1e6:.0f} MB there, or name another folder in the "
            "environment variable D2L_DATA.",
            "it cannot be stored",
        ) from error
    return [path or root / file.name for file, path in paths.items()]


def _fill(dataset: Dataset, missing: list[File], root: Path, part: Path) -> None:
    """Bring the missing files below ``root``, source after source."""
    offline, mirror = is_set("D2L_OFFLINE"), os.environ.get("D2L_DATA_MIRROR")
    key = (dataset, root, offline, mirror, *sorted(getproxies().items()))
    until, failure = _failures.get(key, (0, None))
    missing = [file for file in missing if not is_intact(root / file.name, file)]
    tried = [] if mirror else ["D2L_DATA_MIRROR: not set"]
    for path in [root / file.name for file in missing if (root / file.name).exists()]:
        tried.append(f"{path}: damaged")
        path.unlink()
    for source in sources(dataset):
        if not missing:
            return
        place = source.of(missing[0]) if len(missing) == 1 else source
        if source.kind != "path" and failure and time.monotonic() < until:
            raise DataUnavailable(str(failure), failure.reason)
        if source.kind != "path" and offline:
            tried.append(f"{place}: not asked, as D2L_OFFLINE is set")
            continue
        try:
            transfer(missing, source, root, part)
        except Exception as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise
            tried.append(f"{place}: {error}")
        missing = [file for file in missing if not (root / file.name).exists()]
    if missing:
        name, more = missing[0].name, len(missing) - 1
        failure = DataUnavailable(
            f"{name}{f' and {more} more files' if more else ''}: "
            "no source gave this file. "
            + "\n  ".join(["Tried:", *tried])
            + "\nWhat to do: check the connection (behind a proxy, set HTTPS_PROXY) "
            f"and run python -m d2lutils.data fetch {dataset.name}; or get the file "
            f"elsewhere, put it as {name} (or {name}.gz) into a folder, and name that "
            "folder in the environment variable D2L_DATA_MIRROR.",
            "not at hand offline" if offline else "no source answered",
        )
        _failures[key] = time.monotonic() + REMEMBERED, failure
        raise failure
