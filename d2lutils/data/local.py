"""What this machine has of a data set: cache, mirror, system, Python packages."""

import contextlib
import functools
import hashlib
import os
import sys
import tempfile
import warnings
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from d2lutils.data.catalogue import Dataset, File, Source


def is_set(variable: str) -> bool:
    """Tell whether the environment variable ``variable`` is switched on."""
    return os.environ.get(variable, "0") not in ("", "0")


def cache_folder() -> Path:
    """Return the folder for downloaded data: ``D2L_DATA`` or the user's cache."""
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        caches = local
    else:
        caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(os.environ.get("D2L_DATA") or Path(caches, "d2lutils"))
    try:
        return folder.expanduser().absolute()
    except RuntimeError:
        return temporary_folder(f"this user has no home folder for {folder}")


def temporary_folder(why: str) -> Path:
    """Return a folder that ends with the process, and warn."""
    warnings.warn(
        f"{why}: data goes into a temporary folder; name a better one in D2L_DATA",
        stacklevel=3,
    )
    return Path(_of_this_process().name)


@functools.cache
def _of_this_process() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="d2lutils-")


def storage_folder(name: str) -> Path:
    """Return the cache folder where it can hold a data set, else a temporary one."""
    folder = cache_folder()
    try:
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / ".lock").touch()
    except OSError as error:
        return temporary_folder(f"{folder}: {error.strerror}")
    return folder


def sources(dataset: Dataset) -> list[Source]:
    """Return the sources of a data set, the mirror folder first."""
    places = []
    if mirror := os.environ.get("D2L_DATA_MIRROR"):
        paths = Path(mirror, dataset.name, "{file}"), Path(mirror, "{file}")
        places = [Source(f"{path}{end}") for path in paths for end in ("", ".gz")]
    return [*places, *dataset.sources]


def is_intact(path: Path, file: File) -> bool:
    """Tell whether ``path`` holds exactly the content of ``file``."""
    try:
        if not path.is_file() or path.stat().st_size != file.size:
            return False
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
    except OSError:
        return False


def locate(dataset: Dataset, file: File) -> Path | None:
    """Return an intact copy that is at hand as it is, or None."""
    copies = [cache_folder() / file.name]
    for source in (source.of(file) for source in sources(dataset)):
        if source.kind == "path":
            copies.append(Path(source.place))
        elif source.kind == "package":
            with contextlib.suppress(PackageNotFoundError):  # nothing is imported
                package = distribution(source.place.partition("==")[0])
                copies.append(Path(str(package.locate_file(source.member))))
    return next((path for path in copies if is_intact(path, file)), None)
