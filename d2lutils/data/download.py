"""Get the files of a data set: verified, downloaded once, never in part.

The order of the sources: the cache folder (``D2L_DATA``), a mirror folder
(``D2L_DATA_MIRROR``), then those of the catalogue. Every copy is compared with
the size and SHA-256 of the catalogue before it is used. A file reaches its
name in the cache folder only after that, in one step, and only one process at
a time writes a data set. ``D2L_OFFLINE=1`` leaves the network alone.
"""

import contextlib
import errno
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, build_opener, getproxies

from d2lutils.data.catalogue import Dataset, File, Source
from d2lutils.data.local import (
    cache_folder,
    is_intact,
    is_set,
    locate,
    sources,
    temporary_folder,
)

CHUNK = 1 << 18  # bytes
LARGEST_ARCHIVE = 2 << 30  # bytes
CONNECTIONS = 8  # at once, for a set of many files
REMEMBERED = 600  # seconds for which this process does not repeat what failed
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Patience:
    """How long ``fetch`` waits, in seconds, and how often it tries again."""

    silence: float = 15  # for a connection, and between two pieces of data
    total: float = 1200  # for one source, all files and tries together
    tries: int = 3  # where a second try may help: a time-out, a broken line
    pause: float = 1  # before the second try; doubles with each further one


class DataUnavailable(RuntimeError):
    """No source gave the files; the message names them all and says what to do.

    ``reason`` is the same in a few words.
    """

    def __init__(self, message: str, reason: str):
        super().__init__(message)
        self.reason = reason


class WrongContent(Exception):
    """A source answered with something else than the file."""


_failures: dict[tuple, tuple[float, DataUnavailable]] = {}


def fetch(dataset: Dataset, patience: Patience | None = None) -> list[Path]:
    """Return paths of intact copies of the files; download what is not here.

    Where the cache folder cannot be written to, downloads lie in a temporary
    folder that ends with the process, and a warning says so.

    Raises:
        DataUnavailable: no source gave a file, or the disk is full.
    """
    from filelock import Timeout

    patience, root = patience or Patience(), cache_folder()
    paths = {file: locate(dataset, file) for file in dataset.files}
    missing = [file for file, path in paths.items() if path is None]
    try:
        with contextlib.ExitStack() as stack:
            if missing:
                longest = patience.total * (1 + len(dataset.sources))
                try:
                    part = stack.enter_context(_reserve(root / dataset.name, longest))
                except OSError as error:
                    if isinstance(error, Timeout) or error.errno in FULL:
                        raise
                    root = temporary_folder(f"{root}: {error.strerror or error}")
                    part = stack.enter_context(_reserve(root / dataset.name, longest))
                _fill(dataset, missing, root, part, patience)
    except Timeout:
        raise DataUnavailable(
            f"{dataset.name}: another process has been fetching it for more than "
            f"{longest:.0f} s.\nWhat to do: end that process and try again.",
            "another process holds it",
        ) from None
    except OSError as error:
        raise DataUnavailable(
            f"{dataset.name}: cannot be stored in {root}: {error.strerror}.\nWhat to "
            f"do: free {dataset.size / 1e6:.0f} MB there, or name another folder in "
            "the environment variable D2L_DATA.",
            "no room to store it",
        ) from error
    return [path or root / file.name for file, path in paths.items()]


@contextlib.contextmanager
def _reserve(folder: Path, seconds: float) -> Iterator[Path]:
    """Lock a folder, and yield one in it for what is unfinished, empty and swept."""
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock", timeout=seconds):
        part = folder / ".part"
        shutil.rmtree(part, ignore_errors=True)  # a killed process left it
        part.mkdir(exist_ok=True)
        try:
            yield part
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _fill(
    dataset: Dataset, missing: list[File], root: Path, part: Path, patience: Patience
) -> None:
    """Bring the missing files below ``root``, source after source."""
    missing = [file for file in missing if not is_intact(root / file.name, file)]
    offline, mirror = is_set("D2L_OFFLINE"), os.environ.get("D2L_DATA_MIRROR")
    key = (dataset, root, offline, mirror, *sorted(getproxies().items()))
    when, failure = _failures.get(key, (-REMEMBERED, None))
    tried = []
    for path in (root / file.name for file in missing):
        tried = tried or [f"{path}: {'damaged' if path.exists() else 'not there'}"]
        path.unlink(missing_ok=True)
    tried += [] if mirror else ["D2L_DATA_MIRROR: not set"]
    for places in zip(*(sources(dataset, file) for file in missing), strict=True):
        wanted = [
            (file, place)
            for file, place in zip(missing, places, strict=True)
            if not (root / file.name).exists()
        ]
        if not wanted:
            return
        _, place = wanted[0]
        recent = failure and time.monotonic() < when + REMEMBERED
        if recent and place.kind != "path":
            raise DataUnavailable(str(failure), failure.reason)
        if offline and place.kind != "path":
            tried.append(f"{place}: not asked, as D2L_OFFLINE is set")
            continue
        try:
            _ask(wanted, root, part, patience)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            tried.append(f"{place}: {_why(error)}")
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
        _failures[key] = time.monotonic(), failure
        raise failure


@dataclass
class _Attempt:
    """One source being asked; ``stop`` ends all its threads."""

    root: Path
    part: Path
    patience: Patience
    bar: Any
    stop: threading.Event = field(default_factory=threading.Event)

    def copy(self, content: Any, file: File | None) -> Path:
        """Copy into an unfinished file; with ``file``, only what is its content."""
        path, digest, size = self.part / uuid.uuid4().hex, hashlib.sha256(), 0
        largest = file.size if file else LARGEST_ARCHIVE
        with path.open("xb") as out:
            while chunk := content.read1(CHUNK):
                if self.stop.is_set():
                    raise TimeoutError
                size += len(chunk)
                if size > largest:
                    raise WrongContent(f"longer than {largest} bytes")
                digest.update(chunk)
                out.write(chunk)
                self.bar.update(len(chunk))
        if file and size < file.size:
            raise WrongContent(f"{size} bytes instead of {file.size}")
        if file and digest.hexdigest() != file.sha256:
            raise WrongContent("other content (its SHA-256 differs)")
        return path

    def again(self, read: Callable[[], Path]) -> Path:
        """Call ``read``, and once more where that may help."""
        for retry in range(self.patience.tries):
            try:
                return read()
            except Exception as error:
                if retry + 1 == self.patience.tries or not _may_pass(error):
                    raise
            self.stop.wait(self.patience.pause * 2**retry)
            if self.stop.is_set():
                break
        raise TimeoutError

    def download(self, url: str, file: File | None) -> Path:
        request = Request(url, headers={"User-Agent": "d2lutils"})
        # a new opener: it knows the proxies of this moment
        with build_opener().open(request, timeout=self.patience.silence) as answer:
            body = io.BufferedReader(_Body(answer, self.stop), CHUNK)
            return self.copy(_plain(body) if file else body, file)

    def install(self, file: File, path: Path) -> None:
        target = self.root / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)

    def one(self, file: File, place: Source) -> None:
        """Get one file that lies there as it is."""
        if place.kind == "url":
            path = self.again(partial(self.download, place.place, file))
        else:
            with Path(place.place).open("rb") as content:
                path = self.copy(_plain(content), file)
        self.install(file, path)

    def members(self, wanted: list[tuple[File, Source]]) -> None:
        """Get files out of the archive that holds them all."""
        place = wanted[0][1].place
        if wanted[0][1].kind == "url":
            archive = self.again(partial(self.download, place, None))
        else:
            archive = self.wheel(place)
        with zipfile.ZipFile(archive) as zipped:
            names = zipped.namelist()
            for file, source in wanted:
                ends = (n for n in names if f"/{n}".endswith(f"/{source.member}"))
                if (name := next(ends, None)) is None:
                    raise WrongContent(f"it has no {source.member}")
                with zipped.open(name) as content:
                    self.install(file, self.copy(_plain(content), file))

    def wheel(self, requirement: str) -> Path:
        """Fetch a package with pip, which runs none of its code."""
        options = "--quiet --no-input --disable-pip-version-check --no-deps"
        command = [sys.executable, "-m", "pip", "download", *options.split()]
        command += ["--only-binary=:all:", "--dest", str(self.part), requirement]
        errors = self.part / "errors"
        with errors.open("wb") as log:
            pip = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            while pip.poll() is None:
                if self.stop.wait(0.05):
                    pip.kill()
                    pip.wait()
                    raise TimeoutError
        if pip.returncode:
            last = errors.read_text("utf-8", "replace").strip().rpartition("\n")[2]
            raise WrongContent(f"pip could not fetch it: {last}")
        return next(self.part.glob("*.whl"))


def _ask(
    wanted: list[tuple[File, Source]], root: Path, part: Path, patience: Patience
) -> None:
    """Get files from one source, many at once; the first fault ends it.

    Threads, because a name server, or a server that sends a byte a minute, can
    hold a call for longer than any time-out of a socket.
    """
    from tqdm import tqdm

    from d2lutils.environment import shows_progress

    place, size = wanted[0][1], sum(file.size for file, _ in wanted)
    quiet = place.kind != "url" or not shows_progress()
    total = None if place.member else size
    errors: list[Exception] = []
    with tqdm(
        total=total, desc=place.site, unit="B", unit_scale=True, disable=quiet
    ) as bar:
        attempt = _Attempt(root, part, patience, bar)
        jobs: deque[Callable[[], None]] = deque(
            [partial(attempt.members, wanted)]
            if place.member
            else [partial(attempt.one, *pair) for pair in wanted]
        )

        def work() -> None:
            while not attempt.stop.is_set():
                try:
                    jobs.popleft()()
                except IndexError:
                    return
                except Exception as error:
                    errors.append(error)
                    attempt.stop.set()

        count = min(CONNECTIONS, len(jobs))
        threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
        deadline = time.monotonic() + patience.total
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0, deadline - time.monotonic()))
        attempt.stop.set()
    if errors:
        raise errors[0]
    if any(thread.is_alive() for thread in threads):
        raise TimeoutError


class _Body(io.RawIOBase):
    """The body of an answer, which says when it breaks off."""

    def __init__(self, answer: Any, stop: threading.Event):
        self.answer, self.stop = answer, stop

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.stop.is_set():
            raise TimeoutError
        chunk = self.answer.read1(len(buffer))
        if not chunk and self.answer.length:
            missing = self.answer.length
            raise EOFError(f"it broke off {missing} bytes before the end")
        buffer[: len(chunk)] = chunk
        return len(chunk)


def _plain(content: Any) -> Any:
    """Decompress what arrives as gzip, of one or several members."""
    if not hasattr(content, "peek"):
        content = io.BufferedReader(content)
    first = content.peek(512)[:512]
    if first.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise WrongContent("a web page instead of the file (a login page?)")
    return gzip.GzipFile(fileobj=content) if first.startswith(b"\x1f\x8b") else content


def _may_pass(error: Exception) -> bool:
    """Tell whether the same source may well answer at the next try."""
    if isinstance(error, HTTPError):
        return error.code in (408, 429) or error.code >= 500
    return isinstance(error, TimeoutError | ConnectionError | HTTPException | EOFError)


def _why(error: Exception) -> str:
    """Say in a line why a source failed."""
    if isinstance(error, HTTPError):
        error.close()
        loop = ", redirects without end" if 300 <= error.code < 400 else ""
        return f"HTTP status {error.code}{loop}"
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        error = error.reason
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, FileNotFoundError):
        return "not there"
    if isinstance(error, zipfile.BadZipFile | zlib.error | gzip.BadGzipFile):
        return f"a damaged archive ({error})"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error) or type(error).__name__
