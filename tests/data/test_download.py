"""Bad days: every fault of a network, a disk or a process that ``fetch`` meets."""

import contextlib
import errno
import gzip
import hashlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from fault_server import CONTENT, FaultServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from d2lutils.data import download, local, transfer
from d2lutils.data.catalogue import Dataset, File, Source, Text
from d2lutils.data.download import DataUnavailable

SHA256 = hashlib.sha256(CONTENT).hexdigest()


TEXT = Text("en", "zh")


def a_file(*sources: Source, name: str = "file.bin") -> Dataset:
    """Return a data set of one file."""
    file = File(f"set/{name}", len(CONTENT), SHA256, name)
    return Dataset("set", TEXT, TEXT, "https://example.org", sources, (file,), TEXT)


def fetch(dataset: Dataset) -> Path:
    (path,) = download.fetch(dataset)
    return path


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of its own, no mirror, nothing but loopback, in haste."""
    monkeypatch.setattr(transfer, "SILENCE", 0.4)
    monkeypatch.setattr(transfer, "TOTAL", 5)
    monkeypatch.setattr(transfer, "PAUSES", (0.01,))
    for name in ("D2L_DATA_MIRROR", "D2L_OFFLINE", "D2L_STAND_IN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("D2L_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("D2L_QUIET", "1")
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "cache"


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time enough for many answers at once, on a machine that is busy."""
    monkeypatch.setattr(transfer, "SILENCE", 20)
    monkeypatch.setattr(transfer, "TOTAL", 60)


def content_files(cache: Path) -> list[Path]:
    """Return all files of the cache folder but locks and notes."""
    return [
        path for path in cache.rglob("*") if path.is_file() and path.name != ".lock"
    ]


# fault, its words in the error, requests at two tries
NETWORK_FAULTS = [
    ("silent", "timed out", 2),
    ("stalls", "timed out", 2),
    ("truncated", "broke off", 2),
    ("cut", "100000 bytes instead of 204800", 2),
    ("shorter", "204799 bytes instead of 204800", 2),
    ("longer", "longer than 204800", 1),
    ("wrong", "SHA-256", 1),
    ("missing", "404", 1),
    ("broken", "500", 2),
    ("busy", "429", 2),
    ("loop", "infinite loop", None),
    ("login", "login page", 1),
    ("gzipcut", "ended before", 2),
    ("gzipbomb", "longer than 204800", 1),
]


@pytest.mark.parametrize(("fault", "words", "requests"), NETWORK_FAULTS)
def test_fault_alone_is_a_clear_error(server, cache, fault, words, requests):
    file = a_file(Source(server.url(fault)))
    start = time.monotonic()
    with pytest.raises(DataUnavailable) as caught:
        fetch(file)
    assert time.monotonic() - start < transfer.TOTAL
    message = str(caught.value)
    for part in (
        "set/file.bin",
        server.url(fault),
        words,
        "What to do",
        "D2L_DATA_MIRROR",
    ):
        assert part in message
    assert content_files(cache) == []
    if requests is not None:
        assert server.requests[fault] == requests


@pytest.mark.parametrize("fault", [fault for fault, _, _ in NETWORK_FAULTS])
def test_fault_leads_to_next_source(server, cache, fault):
    file = a_file(Source(server.url(fault)), Source(server.url("good")))
    path = fetch(file)
    assert path.read_bytes() == CONTENT
    assert content_files(cache) == [path]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"http://127.0.0.1:{free_port()}/file", "refused"),
        ("http://no-such-host.invalid/file", "no such name"),
    ],
    ids=["refused", "no such name"],
)
def test_no_connection(server, monkeypatch, url, words):
    resolve = socket.getaddrinfo

    def only_loopback(host, *args, **options):
        if host != "127.0.0.1":
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return resolve(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", only_loopback)
    with pytest.raises(DataUnavailable, match=words):
        fetch(a_file(Source(url)))
    path = fetch(a_file(Source(url), Source(server.url("good"))))
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("blocks", ["headers without end", "name server"])
def test_total_time_bounds_what_no_socket_timeout_does(
    server, cache, monkeypatch, blocks
):
    if blocks == "name server":
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(3))
    monkeypatch.setattr(transfer, "TOTAL", 0.8)
    start = time.monotonic()
    with pytest.raises(DataUnavailable, match="timed out"):
        fetch(a_file(Source(server.url("trickles"))))
    assert time.monotonic() - start < 2
    assert content_files(cache) == []


def test_gzip_in_place_of_the_file_is_decompressed(server):
    path = fetch(a_file(Source(server.url("gzip"))))
    assert path.read_bytes() == CONTENT


@given(content=st.binary(max_size=500), cuts=st.sets(st.integers(1, 499), max_size=3))
@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_gzip_of_several_members_arrives_byte_for_byte(server, content, cuts):
    edges = [0, *sorted(cut for cut in cuts if cut < len(content)), len(content)]
    server.given = b"".join(gzip.compress(content[a:b]) for a, b in pairwise(edges))
    sha256 = hashlib.sha256(content).hexdigest()
    files = (File("set/any", len(content), sha256, "any"),)
    sources = (Source(server.url("given")),)
    (path,) = download.fetch(Dataset("set", TEXT, TEXT, "", sources, files, TEXT))
    assert path.read_bytes() == content
    path.unlink()


def packed(*members: tuple[str, bytes]) -> bytes:
    """Return a zip archive."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in members:
            zipped.writestr(name, content)
    return archive.getvalue()


def packed_tar() -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo("file.bin")
        member.size = len(CONTENT)
        tar.addfile(member, io.BytesIO(CONTENT))
    return archive.getvalue()


ZIP = packed(("top/file.bin", CONTENT), ("../../escaped", b"out"))


@pytest.mark.parametrize("member", ["file.bin", "top/file.bin"])
def test_member_of_an_archive_and_nothing_else(server, cache, tmp_path, member):
    server.given = ZIP
    path = fetch(a_file(Source(server.url("given"), member)))
    assert path.read_bytes() == CONTENT
    assert content_files(cache) == [path]
    assert not [*tmp_path.rglob("escaped")]


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (b"", "not a zip file"),
        (ZIP[:-30], "not a zip file"),
        (ZIP[:300] + bytes(100) + ZIP[400:], "Bad CRC-32|decompressing"),
        (packed_tar(), "not a zip file"),
        (packed_tar()[:-20], "ended before"),
        (packed(("file", CONTENT)), "no item named 'file.bin'"),
        (packed(("file.bin", CONTENT[::-1])), "SHA-256"),
        (packed(("file.bin", CONTENT[:-1])), "204799 bytes instead of 204800"),
        (packed(("file.bin", bytes(20 << 20))), "longer than 204800"),
    ],
    ids=["empty", "cut", "holes", "tar", "cut tar", "name", "other", "short", "bomb"],
)
def test_damaged_archive(server, cache, archive, words):
    server.given = archive
    damaged = Source(server.url("given"), "file.bin")
    with pytest.raises(DataUnavailable, match=words):
        fetch(a_file(damaged))
    assert content_files(cache) == []
    path = fetch(a_file(damaged, Source(server.url("good"))))
    assert path.read_bytes() == CONTENT


def test_archive_that_breaks_off_is_tried_again(server):
    with pytest.raises(DataUnavailable, match="broke off"):
        fetch(a_file(Source(server.url("truncated"), "file.bin")))
    assert server.requests["truncated"] == 2


def test_archive_without_end(server, monkeypatch):
    monkeypatch.setattr(transfer, "LARGEST_ARCHIVE", 100_000)
    with pytest.raises(DataUnavailable, match="longer than 100000"):
        fetch(a_file(Source(server.url("good"), "file.bin")))


def many_files(*sources: Source) -> Dataset:
    names = [*(f"{number}.bin" for number in range(39)), "last.bin"]
    files = tuple(File(f"set/{n}", len(CONTENT), SHA256, n) for n in names)
    return Dataset("set", TEXT, TEXT, "", sources, files, TEXT)


def test_many_files_arrive_at_once_under_one_bar(server, patience, monkeypatch, capsys):
    show_progress(monkeypatch)
    dataset = many_files(Source(server.url("together", "{path}")))
    paths = download.fetch(dataset)
    assert [path.name for path in paths] == [file.path for file in dataset.files]
    assert all(path.read_bytes() == CONTENT for path in paths)
    assert server.requests["together"] == 40
    assert 1 < server.most_at_once <= transfer.CONNECTIONS
    err = capsys.readouterr().err
    assert "100%" in err
    assert "8.19M/8.19M" in err
    assert err.count("\n") == 1

    paths[0].unlink()
    paths[1].write_bytes(b"damaged")
    assert download.fetch(dataset) == paths
    assert all(path.read_bytes() == CONTENT for path in paths)
    assert server.requests["together"] == 42


def test_what_one_source_lacks_the_next_one_gives(server, patience):
    places = (Source(server.url(fault, "{path}")) for fault in ("uneven", "good"))
    paths = download.fetch(many_files(*places))
    assert all(path.read_bytes() == CONTENT for path in paths)
    assert 1 <= server.requests["good"] <= transfer.CONNECTIONS


def test_a_file_that_no_source_has_leaves_the_others(server, patience, cache):
    dataset = many_files(Source(server.url("uneven", "{path}")))
    with pytest.raises(DataUnavailable, match=r"uneven/\{path\}: HTTP Error 404"):
        download.fetch(dataset)
    assert (cache / "set" / "0.bin").read_bytes() == CONTENT


def test_no_thread_goes_on_asking(server, monkeypatch):
    monkeypatch.setattr(transfer, "SILENCE", 0.1)
    monkeypatch.setattr(transfer, "TOTAL", 0.5)
    monkeypatch.setattr(transfer, "PAUSES", (0.01,) * 50)
    with pytest.raises(DataUnavailable, match="timed out"):
        fetch(a_file(Source(server.url("silent"))))
    time.sleep(0.05)
    asked = server.requests["silent"]
    time.sleep(0.5)
    assert server.requests["silent"] == asked > 1


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal there")
def test_interrupted_call_leaves_no_thread(server, cache):
    main, before = threading.main_thread().ident, set(threading.enumerate())
    threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        fetch(a_file(Source(server.url("slow"))))
    deadline = time.monotonic() + 1
    while set(threading.enumerate()) - before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert content_files(cache) == []


def test_failure_is_remembered_for_a_while(server, monkeypatch):
    file = a_file(Source(server.url("missing")))
    for _ in range(2):
        with pytest.raises(DataUnavailable):
            fetch(file)
    assert server.requests["missing"] == 1
    clock = time.monotonic() + download.REMEMBERED
    monkeypatch.setattr(download, "time", SimpleNamespace(monotonic=lambda: clock))
    with pytest.raises(DataUnavailable):
        fetch(file)
    assert server.requests["missing"] == 2


def test_proxy_that_is_set_after_a_failure_is_used(server, monkeypatch):
    file = a_file(Source(f"http://127.0.0.1:{free_port()}/good/file"))
    with pytest.raises(DataUnavailable, match="HTTPS_PROXY"):
        fetch(file)
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", server.url("proxy").removesuffix("/proxy/file"))
    assert fetch(file).read_bytes() == CONTENT


@pytest.mark.skipif(sys.platform == "win32", reason="homes are told otherwise there")
def test_user_without_a_home_folder(server, monkeypatch):
    import pwd

    def no_entry(uid: int) -> None:
        raise KeyError(uid)

    for name in ("D2L_DATA", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", no_entry)
    with pytest.warns(UserWarning, match="no home folder"):
        path = fetch(a_file(Source(server.url("good"))))
    assert path.read_bytes() == CONTENT
    path.unlink()


@pytest.mark.parametrize("member", ["", "deep/er/file.bin"])
def test_file_in_folders_of_its_own(server, cache, member):
    server.given = packed(("deep/er/file.bin", CONTENT)) if member else CONTENT
    path = fetch(a_file(Source(server.url("given"), member), name="deep/er/file.bin"))
    assert path == cache / "set" / "deep" / "er" / "file.bin"
    assert path.read_bytes() == CONTENT


def test_broken_line_is_tried_again(server, patience):
    path = fetch(a_file(Source(server.url("flaky"))))
    assert path.read_bytes() == CONTENT
    assert server.requests["flaky"] == 2


def test_call_after_a_failed_one_succeeds(server):
    with pytest.raises(DataUnavailable):
        fetch(a_file(Source(server.url("truncated"))))
    assert fetch(a_file(Source(server.url("good")))).read_bytes() == CONTENT


def test_cached_file_is_not_fetched_again(server, patience):
    file = a_file(Source(server.url("good")))
    assert fetch(file) == fetch(file)
    assert server.requests["good"] == 1


@pytest.mark.parametrize("damage", [CONTENT[::-1], CONTENT[:-1], b""])
def test_damaged_cache_file_is_replaced_and_never_used(server, cache, damage):
    target = cache / "set" / "file.bin"
    target.parent.mkdir(parents=True)
    target.write_bytes(damage)
    with pytest.raises(DataUnavailable, match="damaged"):
        fetch(a_file(Source(server.url("missing"))))
    assert fetch(a_file(Source(server.url("good")))) == target
    assert target.read_bytes() == CONTENT


def fill_the_disk(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let every write to a part file beyond 100,000 bytes fail."""

    class FullDisk(FileIO):
        def write(self, data):
            if self.tell() + len(data) > 100_000:
                raise OSError(number, os.strerror(number))
            return super().write(data)

    real_open = Path.open

    def open_part(self, mode="r", *args, **options):
        if self.parent.name == ".part":
            return FullDisk(self, mode.replace("b", ""))
        return real_open(self, mode, *args, **options)

    monkeypatch.setattr(Path, "open", open_part)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk(server, cache, monkeypatch, number):
    file = a_file(Source(server.url("good")), Source(server.url("gzip")))
    with monkeypatch.context() as patch:
        fill_the_disk(patch, number)
        with pytest.raises(DataUnavailable) as caught:
            fetch(file)
    message = str(caught.value)
    for part in ("set", str(cache), os.strerror(number), "free", "D2L_DATA"):
        assert part in message
    assert caught.value.reason == "it cannot be stored"
    assert content_files(cache) == []
    assert fetch(file).read_bytes() == CONTENT


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("mount"),
    reason="only root on Linux can mount a small file system",
)
def test_full_disk_for_real(server, tmp_path, monkeypatch):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        monkeypatch.setenv("D2L_DATA", str(small))
        with pytest.raises(DataUnavailable, match=os.strerror(errno.ENOSPC)):
            fetch(a_file(Source(server.url("good"))))
        assert content_files(small) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_cache_folder_that_cannot_be_written_to(server, tmp_path, monkeypatch):
    (tmp_path / "a file").write_text("no folder")
    monkeypatch.setenv("D2L_DATA", str(tmp_path / "a file" / "cache"))
    with pytest.warns(UserWarning, match="D2L_DATA"):
        path = fetch(a_file(Source(server.url("good"))))
    assert path.read_bytes() == CONTENT
    path.unlink()


def test_no_folder_at_all_can_be_written_to(server, tmp_path, monkeypatch):
    (tmp_path / "a file").write_text("no folder")
    monkeypatch.setenv("D2L_DATA", str(tmp_path / "a file" / "cache"))

    class Elsewhere:
        name = str(tmp_path / "a file")

    monkeypatch.setattr(local, "_of_this_process", Elsewhere)
    with (
        pytest.warns(UserWarning),
        pytest.raises(DataUnavailable, match="name another folder"),
    ):
        fetch(a_file(Source(server.url("good"))))


FETCH = """
import sys
from d2lutils.data.catalogue import Dataset, File, Source, Text
from d2lutils.data import transfer
from d2lutils.data.download import fetch
transfer.SILENCE, transfer.PAUSES = 20, ()
name, size, sha256, url = sys.argv[1:]
files = (File(name, int(size), sha256, name),)
text = Text("en", "zh")
toy = Dataset("set", text, text, "", (Source(url),), files, text)
print("ready", flush=True)
sys.stdin.readline()
print(*fetch(toy))
"""


def start_fetching(dataset: Dataset) -> subprocess.Popen:
    """Start a process that fetches ``file`` once it reads a line."""
    (url,) = (str(source) for source in dataset.sources)
    (file,) = dataset.files
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, file.name, str(file.size), file.sha256, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def test_process_killed_during_a_download(server, cache):
    with start_fetching(a_file(Source(server.url("slow")))) as process:
        process.stdin.write("go\n")
        process.stdin.flush()
        deadline = time.monotonic() + 30
        while not any(path.stat().st_size for path in content_files(cache)):
            assert time.monotonic() < deadline, "the download has not begun"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    (left,) = content_files(cache)
    assert left.parent.name == ".part"
    path = fetch(a_file(Source(server.url("good"))))
    assert path.read_bytes() == CONTENT
    assert content_files(cache) == [path]


def test_four_processes_download_once(server, cache):
    file = a_file(Source(server.url("slow")))
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(start_fetching(file)) for _ in range(4)]
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [process.communicate(timeout=60)[0] for process in processes]
    assert answers == [f"{cache / 'set' / 'file.bin'}\n"] * 4
    assert server.requests["slow"] == 1
    assert content_files(cache) == [cache / "set" / "file.bin"]
    assert fetch(file).read_bytes() == CONTENT


def test_failure_is_shared_with_those_who_wait(server, monkeypatch):
    monkeypatch.setattr(transfer, "SILENCE", 1)
    monkeypatch.setattr(transfer, "PAUSES", ())
    file = a_file(Source(server.url("silent")))
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(fetch, file) for _ in range(4)]
        errors = [call.exception(timeout=20) for call in calls]
    assert all(isinstance(error, DataUnavailable) for error in errors)
    assert server.requests["silent"] == 1


def test_lock_that_stays_taken(server, cache, monkeypatch):
    from filelock import FileLock

    file = a_file(Source(server.url("good")))
    (cache / "set").mkdir(parents=True)
    monkeypatch.setattr(download, "TOTAL", 0.1)
    with (
        FileLock(cache / "set" / ".lock"),
        pytest.raises(DataUnavailable, match="another process"),
    ):
        fetch(file)


def test_offline_asks_no_server(server, monkeypatch):
    monkeypatch.setenv("D2L_OFFLINE", "1")
    file = a_file(Source("d2l-no-such==1.0", "file.bin"), Source(server.url("good")))
    with pytest.raises(DataUnavailable, match="D2L_OFFLINE") as caught:
        fetch(file)
    assert caught.value.reason == "not at hand offline"
    assert not server.requests


@pytest.mark.parametrize("place", ["set/file.bin", "file.bin"])
def test_mirror_file_is_used_in_place(tmp_path, monkeypatch, cache, place):
    copy = tmp_path / "mirror" / place
    copy.parent.mkdir(parents=True)
    copy.write_bytes(CONTENT)
    monkeypatch.setenv("D2L_DATA_MIRROR", str(tmp_path / "mirror"))
    assert fetch(a_file()) == copy
    assert not cache.exists()


def test_compressed_copies_are_decompressed_into_the_cache(
    tmp_path, monkeypatch, cache
):
    (tmp_path / "file.bin.gz").write_bytes(gzip.compress(CONTENT))
    before = sorted(tmp_path.iterdir())
    path = fetch(a_file(Source(str(tmp_path / "file.bin.gz"))))
    assert path.read_bytes() == CONTENT
    path.unlink()
    monkeypatch.setenv("D2L_DATA_MIRROR", str(tmp_path))
    monkeypatch.setenv("D2L_OFFLINE", "1")
    assert fetch(a_file()) == cache / "set" / "file.bin"
    assert sorted({*tmp_path.iterdir()} - {cache}) == before


def test_damaged_mirror_is_passed_over(server, tmp_path, monkeypatch):
    (tmp_path / "file.bin").write_bytes(CONTENT[::-1])
    monkeypatch.setenv("D2L_DATA_MIRROR", str(tmp_path))
    path = fetch(a_file(Source(server.url("good"))))
    assert path.read_bytes() == CONTENT
    assert (tmp_path / "file.bin").read_bytes() == CONTENT[::-1]


def make_wheel(folder: Path, content: bytes) -> Path:
    """Write a package that carries a file and whose code must never run."""
    name = "d2l_test_data-1.0"
    info = f"{name}.dist-info"
    members = {
        "d2l_test_data/__init__.py": b"raise SystemExit('this code must not run')",
        "d2l_test_data/file.bin": content,
        f"{info}/METADATA": (
            b"Metadata-Version: 2.1\nName: d2l-test-data\nVersion: 1.0\n"
        ),
        f"{info}/WHEEL": (
            b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    members[f"{info}/RECORD"] = "".join(f"{m},,\n" for m in members).encode()
    folder.mkdir()
    wheel = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return wheel


WHEEL = Source("d2l-test-data==1.0", "d2l_test_data/file.bin")


@pytest.fixture
def only_local_wheels(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(transfer, "TOTAL", 60)
    pytest.importorskip("pip")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return tmp_path / "wheels"


def test_wheel_is_fetched_with_pip_and_not_run(only_local_wheels, cache):
    make_wheel(only_local_wheels, CONTENT)
    path = fetch(a_file(WHEEL))
    assert path.read_bytes() == CONTENT
    assert content_files(cache) == [path]
    assert "d2l_test_data" not in sys.modules


@pytest.mark.parametrize(
    ("content", "source", "words"),
    [
        (CONTENT[::-1], WHEEL, "SHA-256"),
        (
            CONTENT,
            Source("d2l-test-data==1.0", "other.bin"),
            "no item named .*other.bin",
        ),
        (CONTENT, Source("d2l-test-data==2.0", WHEEL.member), "pip could not fetch"),
    ],
)
def test_wheel_without_the_file(only_local_wheels, content, source, words):
    make_wheel(only_local_wheels, content)
    with pytest.raises(DataUnavailable, match=words):
        fetch(a_file(source))


def test_installed_wheel_is_used_in_place(tmp_path, monkeypatch):
    site = tmp_path / "site"
    with zipfile.ZipFile(make_wheel(tmp_path / "wheels", CONTENT)) as archive:
        archive.extractall(site)
    monkeypatch.syspath_prepend(site)
    assert fetch(a_file(WHEEL)) == site / WHEEL.member
    assert "d2l_test_data" not in sys.modules


def show_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("D2L_QUIET")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)


def test_progress_is_a_bar_on_a_terminal(server, monkeypatch, capsys):
    show_progress(monkeypatch)
    server.given = ZIP
    fetch(a_file(Source(server.url("given"), "file.bin")))
    err = capsys.readouterr().err
    assert "\r" in err
    assert "127.0.0.1" in err
    assert "100%" in err
