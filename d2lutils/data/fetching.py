"""Get a file of the catalogue: verified, downloaded once, never in part.

The order of the sources: the cache folder (``D2L_DATA``), a mirror folder
(``D2L_DATA_MIRROR``), then those of the catalogue. Every copy is compared with
the size and SHA-256 of the catalogue before it is used. A file reaches its
name in the cache folder only after that, in one step, and only one process at
a time writes it. ``D2L_OFFLINE=1`` leaves the network alone.
"""

import contextlib
import errno
import functools
import hashlib
import os
import sys
import tempfile
import threading
import time
import uuid
import warnings
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from d2lutils.data.catalogue import File, System, Url, Wheel

CHUNK = 1 << 18  # bytes
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class Patience:
    """How long ``fetch`` waits, in seconds, and how often it tries again."""

    silence: float = 15  # for a connection, and between two pieces of data
    total: float = 1200  # for one source, all tries together
    tries: int = 3  # where a second try may help: a time-out, a broken line
    pause: float = 1  # before the second try; doubles with each further one


class DataUnavailable(RuntimeError):
    """No source gave the file; the message names them all and says what to do.

    ``reason`` is the same in a few words.
    """

    def __init__(self, message: str, reason: str):
        super().__init__(message)
        self.reason = reason


class _WrongContent(Exception):
    """A source answered with something else than the file."""


class _Truncated(Exception):
    """A source stopped before the end of the file."""


class _CacheTrouble(Exception):
    """The cache folder cannot be written to."""

    def __init__(self, error: OSError):
        super().__init__(error.strerror or str(error))
        self.is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_set(variable: str) -> bool:
    """Tell whether the environment variable ``variable`` is switched on."""
    return os.environ.get(variable, "0") not in ("", "0")


def cache_folder() -> Path:
    """Return the folder for downloaded data: ``D2L_DATA`` or the user's cache."""
    if chosen := os.environ.get("D2L_DATA"):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "d2lutils"
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(caches).expanduser() / "d2lutils"


def is_intact(path: Path, file: File) -> bool:
    """Tell whether ``path`` holds exactly the content of ``file``."""
    try:
        if not path.is_file() or path.stat().st_size != file.size:
            return False
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
    except OSError:
        return False


def locate(file: File) -> Path | None:
    """Return an intact copy that is at hand as it is, or None."""
    copies = (cache_folder() / file.name, *_local_copies(file))
    return next((path for path in copies if is_intact(path, file)), None)


def fetch(file: File, patience: Patience | None = None) -> Path:
    """Return the path of an intact copy of ``file``; download it if need be.

    Where the cache folder cannot be written to, the copy lies in a temporary
    folder that ends with the process, and a warning says so.

    Raises:
        DataUnavailable: no source gave the file, or the disk is full.
    """
    if path := locate(file):
        return path
    patience = patience or Patience()
    folder = cache_folder()
    try:
        return _fill(folder / file.name, file, patience)
    except _CacheTrouble as trouble:
        if trouble.is_full:
            raise _no_room(file, folder, trouble) from trouble
        warnings.warn(
            f"cannot write to the cache folder {folder} ({trouble}): using a "
            "temporary folder; name a better one in D2L_DATA",
            stacklevel=2,
        )
    folder = Path(_temporary_folder().name)
    try:
        return _fill(folder / file.name, file, patience)
    except _CacheTrouble as trouble:
        raise _no_room(file, folder, trouble) from trouble


@functools.cache
def _temporary_folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="d2lutils-")


def _no_room(file: File, folder: Path, trouble: _CacheTrouble) -> DataUnavailable:
    return DataUnavailable(
        f"{file.name}: cannot be stored in {folder}: {trouble}.\n"
        f"What to do: free {file.size / 1e6:.0f} MB there, or name another folder "
        "in the environment variable D2L_DATA.",
        "no room to store it",
    )


def _fill(target: Path, file: File, patience: Patience) -> Path:
    """Bring ``file`` to ``target`` from the first source that has it.

    One process does it while the others wait. If it fails at the network, it
    leaves a note for those who waited meanwhile: they need not all find out.
    """
    from filelock import FileLock, Timeout

    started = time.time()
    longest = patience.total * (1 + len(file.sources))
    lock = FileLock(f"{target}.lock", timeout=longest)
    note = Path(f"{target}.failed")
    try:
        with _writing():
            target.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
    except Timeout:
        raise DataUnavailable(
            f"{file.name}: another process has been fetching it for more than "
            f"{longest:.0f} s.\nWhat to do: end that process and try again.",
            "another process holds it",
        ) from None
    try:
        if is_intact(target, file):
            return target
        with contextlib.suppress(OSError):
            if note.stat().st_mtime >= started:
                raise DataUnavailable(note.read_text("utf-8"), "no source answered")
        tried = _try_all(target, file, patience)
        if tried is None:
            note.unlink(missing_ok=True)
            return target
        error = _unavailable(file, tried)
        if file.sources and not is_set("D2L_OFFLINE"):
            with contextlib.suppress(OSError):
                note.write_text(str(error), "utf-8")
        raise error
    finally:
        lock.release()


def _try_all(
    target: Path, file: File, patience: Patience
) -> list[tuple[str, str]] | None:
    """Return None once ``target`` is there, else all sources and their faults."""
    mirror = os.environ.get("D2L_DATA_MIRROR")
    tried = [
        (str(target), "damaged" if target.exists() else "not there"),
        (f"D2L_DATA_MIRROR={mirror}", "not there") if mirror else
        ("D2L_DATA_MIRROR", "not set"),
    ]  # fmt: skip
    for source, is_remote, open_chunks in _openings(file):
        if is_remote and is_set("D2L_OFFLINE"):
            tried.append((source, "not asked, as D2L_OFFLINE is set"))
            continue
        stop = threading.Event()
        _sweep(target)
        try:
            _in_time(
                functools.partial(
                    _store, source, is_remote, open_chunks, target, file, patience, stop
                ),
                patience.total,
            )
            return None
        except _CacheTrouble:
            raise
        except Exception as error:
            tried.append((source, _why(error)))
        finally:
            stop.set()
            _sweep(target)
    return tried


def _sweep(target: Path) -> None:
    """Remove what unfinished downloads left; the caller holds the lock."""
    for part in target.parent.glob(f"{target.name}.*.part"):
        with contextlib.suppress(OSError):  # still open, on Windows
            part.unlink()


def _in_time(work: Callable[[], None], seconds: float) -> None:
    """Do ``work`` in a thread, which is given up after ``seconds``.

    A name server, or a server that sends a byte a minute, can hold a call for
    longer than any time-out of a socket.
    """
    outcome: Future[None] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    outcome.result(timeout=seconds)


def _store(
    source: str,
    is_remote: bool,
    open_chunks: Callable[[Patience, threading.Event], Iterator[bytes]],
    target: Path,
    file: File,
    patience: Patience,
    stop: threading.Event,
) -> None:
    """Copy from a source into a temporary file, verify, rename to ``target``."""
    for retry in range(patience.tries):
        part = Path(f"{target}.{uuid.uuid4().hex}.part")
        try:
            with contextlib.ExitStack() as stack:
                advance = stack.enter_context(_progress(source, is_remote, file))
                with _writing():
                    out = stack.enter_context(part.open("xb", buffering=0))
                chunks = _checked(open_chunks(patience, stop), file)
                for chunk in stack.enter_context(contextlib.closing(chunks)):
                    if stop.is_set():
                        raise TimeoutError
                    _write(out, chunk)
                    advance(len(chunk))
            with _writing():
                part.replace(target)
            return
        except Exception as error:
            if retry + 1 == patience.tries or not _may_pass(error):
                raise
        stop.wait(patience.pause * 2**retry)


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    """Tell a fault of the cache folder from one of a source."""
    from filelock import Timeout

    try:
        yield
    except Timeout:
        raise
    except OSError as error:
        raise _CacheTrouble(error) from error


def _write(out: FileIO, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        with _writing():
            rest = rest[out.write(rest) :]


def _checked(chunks: Iterator[bytes], file: File) -> Iterator[bytes]:
    """Pass the content on, without gzip, and raise where it is not the file's."""
    digest, size = hashlib.sha256(), 0
    for chunk in _plain(chunks, file):
        size += len(chunk)
        if size > file.size:
            raise _WrongContent(f"longer than {file.size} bytes")
        digest.update(chunk)
        yield chunk
    if size < file.size:
        raise _WrongContent(f"{size} bytes instead of {file.size}")
    if digest.hexdigest() != file.sha256:
        raise _WrongContent("other content (its SHA-256 differs)")


def _plain(chunks: Iterator[bytes], file: File) -> Iterator[bytes]:
    """Decompress what arrives as gzip, in bounded pieces."""
    first = next(chunks, b"")
    while 0 < len(first) < 2:
        more = next(chunks, b"")
        if not more:
            break
        first += more
    if first[:512].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise _WrongContent("a web page instead of the file (a login page?)")
    if not first.startswith(GZIP_MAGIC) or file.name.endswith((".gz", ".tgz")):
        yield first
        yield from chunks
        return
    decompress = zlib.decompressobj(wbits=31)
    while first:
        yield decompress.decompress(first, CHUNK)
        while decompress.unconsumed_tail:
            yield decompress.decompress(decompress.unconsumed_tail, CHUNK)
        first = next(chunks, b"")
    yield decompress.flush()
    if not decompress.eof:
        raise _Truncated("its gzip stream breaks off")


def _openings(
    file: File,
) -> Iterator[tuple[str, bool, Callable[[Patience, threading.Event], Iterator[bytes]]]]:
    """Yield for every source: its name, whether it is remote, how to read it."""
    for path in _mirror_copies(file):
        yield str(path), False, functools.partial(_read_path, path)
    for source in file.sources:
        match source:
            case System(path):
                yield path, False, functools.partial(_read_path, Path(path))
            case Wheel():
                if path := _installed(source):
                    yield str(path), False, functools.partial(_read_path, path)
                yield str(source), True, functools.partial(_read_wheel, source)
            case Url(url):
                yield url, True, functools.partial(_read_url, url)


def _mirror_copies(file: File) -> list[Path]:
    """Return what the mirror folder has under the file's name, or its last part."""
    mirror = os.environ.get("D2L_DATA_MIRROR")
    if not mirror:
        return []
    names = (file.name, Path(file.name).name)
    copies = [Path(mirror, name + end) for name in names for end in ("", ".gz")]
    return [path for path in copies if path.is_file()]


def _local_copies(file: File) -> list[Path]:
    copies = _mirror_copies(file)
    for source in file.sources:
        match source:
            case System(path):
                copies.append(Path(path))
            case Wheel():
                copies += filter(None, [_installed(source)])
    return copies


def _installed(source: Wheel) -> Path | None:
    """Return the member of an installed package; nothing is imported."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        path = distribution(source.distribution).locate_file(source.member)
    except PackageNotFoundError:
        return None
    return Path(str(path))


def _read_path(
    path: Path, patience: Patience, stop: threading.Event
) -> Iterator[bytes]:
    with path.open("rb") as content:
        while chunk := content.read(CHUNK):
            yield chunk


def _read_wheel(
    source: Wheel, patience: Patience, stop: threading.Event
) -> Iterator[bytes]:
    """Fetch the wheel with pip, which runs none of its code, and read the member."""
    import subprocess
    import zipfile

    options = "--quiet --no-input --disable-pip-version-check --no-deps"
    with tempfile.TemporaryDirectory(prefix="d2lutils-") as folder:
        command = [sys.executable, "-m", "pip", "download", *options.split()]
        command += ["--only-binary=:all:", "--dest", folder]
        command += [f"{source.distribution}=={source.version}"]
        errors = Path(folder, "errors")
        with errors.open("wb") as log:
            pip = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            while pip.poll() is None:
                if stop.wait(0.05):
                    pip.kill()
                    pip.wait()
                    raise TimeoutError
        if pip.returncode:
            last = errors.read_text("utf-8", "replace").strip().rpartition("\n")[2]
            raise _WrongContent(f"pip could not fetch it: {last}")
        wheel = next(Path(folder).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            if source.member not in archive.namelist():
                raise _WrongContent(f"the package has no {source.member}")
            with archive.open(source.member) as content:
                while chunk := content.read(CHUNK):
                    yield chunk


def _read_url(url: str, patience: Patience, stop: threading.Event) -> Iterator[bytes]:
    from urllib.request import Request, urlopen

    request = Request(url, headers={"User-Agent": "d2lutils"})
    with urlopen(request, timeout=patience.silence) as response:
        missing = response.length  # None where the server does not say
        while chunk := response.read1(CHUNK):
            yield chunk
            if missing is not None:
                missing -= len(chunk)
    if missing:
        raise _Truncated(f"it broke off {missing} bytes before the end")


def _may_pass(error: Exception) -> bool:
    """Tell whether the same source may well answer at the next try."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError

    if isinstance(error, HTTPError):
        return error.code in (408, 429) or error.code >= 500
    if isinstance(error, URLError):  # no connection at all
        return False
    return isinstance(
        error, TimeoutError | ConnectionError | HTTPException | _Truncated
    )


def _why(error: Exception) -> str:
    """Say in a line why a source failed."""
    from urllib.error import HTTPError, URLError

    if isinstance(error, HTTPError):
        error.close()
        if 300 <= error.code < 400:
            return f"HTTP status {error.code}, redirects without end"
        return f"HTTP status {error.code}"
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        error = error.reason
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, FileNotFoundError):
        return "not there"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, _WrongContent | _Truncated):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _unavailable(file: File, tried: list[tuple[str, str]]) -> DataUnavailable:
    name = Path(file.name).name
    lines = [f"{file.name}: no source gave this file. Tried:"]
    lines += [f"  {source}: {fault}" for source, fault in tried]
    lines.append(
        "What to do: check the connection and try again; or get the file elsewhere, "
        f"put it as {name} (or {name}.gz) into a folder, and name that folder in "
        "the environment variable D2L_DATA_MIRROR."
    )
    offline = is_set("D2L_OFFLINE")
    return DataUnavailable(
        "\n".join(lines), "not at hand offline" if offline else "no source answered"
    )


@contextlib.contextmanager
def _progress(
    source: str, is_remote: bool, file: File
) -> Iterator[Callable[[int], object]]:
    """Report a download: a bar on a terminal, a line each quarter elsewhere."""
    if not is_remote or is_set("D2L_QUIET"):
        yield lambda size: None
        return
    if sys.stderr.isatty():
        from tqdm import tqdm

        name = Path(file.name).name
        with tqdm(total=file.size, desc=name, unit="B", unit_scale=True) as bar:
            yield bar.update
        return
    print(f"{file.name}: from {source}", file=sys.stderr, flush=True)
    done = 0

    def advance(size: int) -> None:
        nonlocal done
        before, done = done, done + size
        if 4 * before // file.size < 4 * done // file.size:
            percent = 100 * done // file.size
            print(f"{file.name}: {percent} %", file=sys.stderr, flush=True)

    yield advance
