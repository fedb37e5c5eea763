"""Bring files from one source, many at once; each shows only when it is right."""

import gzip
import multiprocessing
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import dataclass, field
from http.client import HTTPException
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, build_opener

from tqdm import tqdm

from d2lutils.data.catalogue import File, Source
from d2lutils.data.local import is_intact
from d2lutils.environment import shows_progress

SILENCE = 15  # seconds: for a connection, and between two pieces of data
TOTAL = 1200  # seconds: for one source, all files and tries together
PAUSES = (1, 2)  # seconds: before each further try, where it may help
CONNECTIONS = 8
CHUNK = 1 << 18  # bytes
LARGEST_ARCHIVE = 2 << 30  # bytes
PASSING = HTTPError, TimeoutError, ConnectionError, HTTPException, EOFError


def transfer(files: list[File], source: Source, root: Path, part: Path) -> None:
    """Bring files below ``root``; the first fault ends it and is raised.

    What is unfinished lies in ``part``. The work is done by threads, because a
    name server, or a server that sends a byte a minute, can hold a call for
    longer than any time-out of a socket.
    """
    quiet = source.kind != "url" or not shows_progress()
    size, deadline = sum(file.size for file in files), time.monotonic() + TOTAL
    with tqdm(None, source.site, size, unit="B", unit_scale=True, disable=quiet) as bar:
        work = _Transfer(source, root, part, bar)
        job, parts = (work.members, [files]) if source.member else (work.one, files)
        pool = ThreadPool(min(CONNECTIONS, len(parts)))
        try:
            results = pool.imap_unordered(job, parts)
            for _ in parts:
                results.next(max(0, deadline - time.monotonic()))
        except multiprocessing.TimeoutError:
            raise TimeoutError("timed out") from None
        finally:  # an interrupted call leaves no work behind either
            work.stop.set()
            pool.terminate()


@dataclass
class _Transfer:
    """One source being asked; ``stop`` ends all its threads."""

    source: Source
    root: Path
    part: Path
    bar: Any
    stop: threading.Event = field(default_factory=threading.Event)

    def one(self, file: File) -> None:
        """Bring one file that lies there as it is."""
        place, target = self.source.of(file).place, self.root / file.name
        if self.source.kind == "url":
            return self.download(place, target, file)
        with Path(place).open("rb") as content:
            self.copy(content, target, file)

    def members(self, files: list[File]) -> None:
        """Bring files out of the zip archive that holds them all."""
        archive = self.part / "archive"
        if self.source.kind == "url":
            self.download(self.source.place, archive)
        else:
            archive = self.wheel()
        with zipfile.ZipFile(archive) as zipped:
            for file in files:
                end = self.source.of(file).member
                names = (n for n in zipped.namelist() if f"/{n}".endswith(f"/{end}"))
                with zipped.open(next(names, end)) as content:
                    self.copy(content, self.root / file.name, file)

    def download(self, url: str, target: Path, file: File | None = None) -> None:
        """Bring what lies at ``url``: ``file``, or else an archive."""
        request = Request(url, headers={"User-Agent": "d2lutils"})
        for pause in (*PAUSES, None):
            try:
                # a new opener knows the proxies of this moment
                with build_opener().open(request, timeout=SILENCE) as answer:
                    self.bar.total += 0 if file else answer.length or 0
                    self.copy(answer, target, file)
                    if answer.length:
                        raise EOFError(f"broke off {answer.length} bytes from the end")
                return
            except PASSING as error:
                code = getattr(error, "code", 503)
                if pause is None or not (code >= 500 or code in (408, 429)):
                    raise
            if self.stop.wait(pause):
                raise TimeoutError("timed out")

    def wheel(self) -> Path:
        """Fetch a package with pip, which runs none of its code."""
        pip = "-m pip --no-input -qq download --no-deps --only-binary=:all: --dest"
        command = [sys.executable, *pip.split(), str(self.part), self.source.place]
        done = subprocess.run(command, capture_output=True, timeout=TOTAL, input=b"")
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").split("\n")
            raise ValueError(f"pip could not fetch it: {' '.join(said[-2:])}")
        return next(self.part.glob("*.whl"))

    def copy(self, content: Any, target: Path, file: File | None) -> None:
        """Copy what is the content of ``file``, or any archive, in one step."""
        unfinished = self.part / str(threading.get_ident())
        largest = file.size if file else LARGEST_ARCHIVE
        if content.peek(2)[:2] == b"\x1f\x8b":
            content = gzip.GzipFile(fileobj=content)
        with unfinished.open("wb") as out:
            while chunk := content.read1(CHUNK):
                if self.stop.is_set():
                    raise TimeoutError("timed out")
                self.bar.update(out.write(chunk))
                if out.tell() > largest:
                    raise ValueError(f"longer than {largest} bytes")
        if file and (size := unfinished.stat().st_size) < file.size:
            raise EOFError(f"broke off: {size} bytes instead of {file.size}")
        if file and not is_intact(unfinished, file):
            raise ValueError("other content, such as a login page (by its SHA-256)")
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished.replace(target)
