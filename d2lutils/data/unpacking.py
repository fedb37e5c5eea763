"""Unpack an archive from outside without letting it do harm."""

import re
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

CHUNK = 1 << 20  # bytes


class BadArchive(ValueError):
    """The archive is broken, or a member of it could do harm."""


def unpack(
    archive: Path,
    folder: Path,
    max_bytes: int = 4 << 30,
    max_members: int = 200_000,
) -> Path:
    """Unpack a tar or zip file into ``folder`` and return ``folder``.

    ``folder`` appears when all of it is there; if it is there already, it
    stays as it is. Only plain files and folders below ``folder`` are made,
    with the permissions of new files.

    Raises:
        BadArchive: a member with an absolute path, ``..``, a link or a
            device; more than ``max_bytes`` bytes or ``max_members`` members in
            all; or the archive is broken. Nothing is left behind.
    """
    archive, folder = Path(archive), Path(folder)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpack-") as name:
        inner = Path(name, "content")
        inner.mkdir()
        room = max_bytes
        try:
            for count, (member, size, content) in enumerate(_members(archive), 1):
                if count > max_members:
                    raise BadArchive(f"{archive}: more than {max_members} members")
                place = inner.joinpath(*_safe_parts(archive, member))
                if content is None:
                    place.mkdir(parents=True, exist_ok=True)
                    continue
                if size > room:
                    raise _too_large(archive, max_bytes)
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("xb") as out:
                    while chunk := content.read(CHUNK):
                        room -= len(chunk)
                        if room < 0:
                            raise _too_large(archive, max_bytes)
                        out.write(chunk)
        except (
            tarfile.TarError,
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            FileExistsError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise BadArchive(f"{archive}: broken archive ({error})") from error
        try:
            inner.replace(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster
                raise
    return folder


def _too_large(archive: Path, max_bytes: int) -> BadArchive:
    return BadArchive(f"{archive}: unpacks to more than {max_bytes} bytes")


def _safe_parts(archive: Path, member: str) -> tuple[str, ...]:
    """Return the parts of a member's path, or raise if it leads elsewhere."""
    path = PurePosixPath(member)
    if path.is_absolute() or ".." in path.parts or re.search(r'[\\:"\0]', member):
        raise BadArchive(f"{archive}: refused the member {member!r}")
    return path.parts


def _members(archive: Path) -> Iterator[tuple[str, int, BinaryIO | None]]:
    """Yield path, size and content of each member; a folder has no content."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                kind = info.external_attr >> 28  # of the Unix mode, where there is one
                if kind not in (0, 0o4, 0o10):
                    raise BadArchive(f"{archive}: {info.filename!r} is no plain file")
                if info.is_dir():
                    yield info.filename, 0, None
                    continue
                with zipped.open(info) as content:
                    yield info.filename, info.file_size, content
        return
    with tarfile.open(archive) as tarred:
        for member in tarred:
            if not (member.isfile() or member.isdir()):
                raise BadArchive(f"{archive}: {member.name!r} is no plain file")
            content = tarred.extractfile(member) if member.isfile() else None
            yield member.name, member.size, content
