"""The data sets: catalogue, readers, stand-ins and the command line."""

import gzip
import hashlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import nn

from d2lutils.data import (
    CATALOGUE,
    FASHION_CLASSES,
    fashion_mnist,
    fetch,
    house_prices,
    load_fashion_mnist,
)
from d2lutils.data.__main__ import main
from d2lutils.data.catalogue import Dataset, File, Source, Text, _sources, find
from d2lutils.data.images import read_idx
from d2lutils.data.local import cache_folder, locate


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache folder for all tests that only read: the stand-in is drawn once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, shared_cache: Path) -> None:
    """No network, and no word of progress."""
    monkeypatch.setenv("D2L_DATA", str(shared_cache))
    monkeypatch.setenv("D2L_OFFLINE", "1")
    monkeypatch.setenv("D2L_QUIET", "1")
    monkeypatch.delenv("D2L_STAND_IN", raising=False)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("D2L_STAND_IN", "1")


# catalogue


def test_catalogue_is_complete():
    names = [file.name for dataset in CATALOGUE.values() for file in dataset.files]
    assert len(names) == len(set(names))
    for name, dataset in CATALOGUE.items():
        assert dataset.name == name
        texts = (*dataset.title, *dataset.licence, *(dataset.stand_in or ()))
        assert all((*texts, dataset.homepage.startswith("https://")))
        for file in dataset.files:
            assert file.name.startswith(f"{name}/")
            assert file.size > 0
            assert int(file.sha256, 16) >= 0
            assert len(file.sha256) == 64


@given(path=st.text(st.characters(exclude_categories=["C"]), min_size=1))
@example(path="{file}")  # what looks like a mark is a name all the same
def test_any_path_survives_in_an_address(path):
    file = File("set/name", 1, "0" * 64, path)
    place = Source("https://example.org/{path}").of(file).place
    assert unquote(place) == f"https://example.org/{path}"
    assert place.isascii()
    assert not set(place) & set(" #?")
    assert Source("archive.zip", "top/{path}").of(file).member == f"top/{path}"


NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,20}", fullmatch=True)


@given(owner=NAMES, name=NAMES, commit=NAMES, path=NAMES)
def test_a_file_on_github_has_two_addresses(owner, name, commit, path):
    sources = _sources(f"github:{owner}/{name}@{commit}/in/{path}")
    assert [source.kind for source in sources] == ["url", "url"]
    assert len({source.site for source in sources}) == 2
    for source in sources:
        for part in (f"/{owner}/{name}", commit, f"/in/{path}"):
            assert part in source.place


def test_bad_names():
    with pytest.raises(ValueError, match=r"name: .*'mnist'.*fashion-mnist"):
        find("mnist")


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("D2L_DATA", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.setenv("D2L_DATA", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert cache_folder() == tmp_path / "d2lutils"


def test_import_needs_no_heavy_module():
    code = (
        "import torch, sys; before = set(sys.modules); import d2lutils.data; "
        "print(*{m.partition('.')[0] for m in set(sys.modules) - before})"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    heavy = {"torchvision", "pandas", "matplotlib", "tqdm", "filelock"}
    assert not heavy & set(answer.stdout.split())


# reading IDX files


def idx(shape: tuple[int, ...], data: bytes) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in shape)
    return bytes([0, 0, 8, len(shape)]) + sizes + data


def test_idx_is_read(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(idx((2, 3, 4), bytes(range(24))))
    X = read_idx(path)
    assert X.dtype == torch.uint8
    assert torch.equal(X, torch.arange(24, dtype=torch.uint8).reshape(2, 3, 4))


@given(
    shape=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_idx_of_any_shape(tmp_path, shape, seed):
    X = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    path = tmp_path / "images"
    path.write_bytes(idx(tuple(shape), X.tobytes()))
    assert np.array_equal(read_idx(path).numpy(), X)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "expected an IDX file"),
        (b"\0\0", "expected an IDX file"),
        (b"\x1f\x8b\x08\0rest", "expected an IDX file"),
        (bytes([0, 0, 13, 1, 0, 0, 0, 1, 7]), "expected an IDX file"),  # floats
        (bytes([0, 0, 8, 0]), "expected an IDX file"),
        (idx((2, 2), b"")[:-1], "header is cut off"),
        (idx((2, 2), b"abc"), r"shape \(2, 2\), but 3 bytes"),
        (idx((2, 2), b"abcde"), r"shape \(2, 2\), but 5 bytes"),
        (idx((2**32 - 1,) * 3, b"abc"), "but 3 bytes"),
    ],
)
def test_damaged_idx_is_a_clear_error(tmp_path, content, words):
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


# Fashion-MNIST


def at_hand(name: str) -> bool:
    """Tell whether the real data set is on this machine."""
    dataset = find(name)
    places = [s.of(f) for f in dataset.files for s in dataset.sources]
    here = any(Path(place.place).is_file() for place in places)
    return here or all(locate(dataset, file) for file in dataset.files)


def check_fashion(data) -> None:
    train_images, train_labels, test_images, test_labels, _ = data
    for X, y, n in (
        (train_images, train_labels, 60_000),
        (test_images, test_labels, 10_000),
    ):
        assert X.shape == (n, 1, 28, 28)
        assert X.dtype == torch.uint8
        assert y.shape == (n,)
        assert y.dtype == torch.int64
        assert y.unique().tolist() == list(range(10))
    assert 0.05 < train_images.float().mean() / 255 < 0.5


@pytest.mark.skipif(not at_hand("fashion-mnist"), reason="no real Fashion-MNIST here")
def test_real_fashion_mnist(capsys):
    data = fashion_mnist()
    assert data.is_real
    assert capsys.readouterr().out == ""
    check_fashion(data)
    assert data.train_labels[:5].tolist() == [9, 0, 0, 3, 0]
    assert torch.bincount(data.train_labels).tolist() == [6000] * 10


def test_stand_in_garments(stand_in, capsys):
    data = fashion_mnist()
    assert not data.is_real
    check_fashion(data)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.startswith("Fashion-MNIST: ")
    assert "stand-in, drawn garments" in out


@pytest.mark.parametrize("load", [fashion_mnist, house_prices])
def test_no_source_leads_to_the_stand_in(load, monkeypatch, tmp_path, capsys):
    kept = cache_folder() / "stand-in"
    if kept.exists():  # spares drawing it again
        shutil.copytree(kept, tmp_path / "stand-in")
    monkeypatch.setenv("D2L_DATA", str(tmp_path))
    monkeypatch.delenv("D2L_DATA_MIRROR", raising=False)
    monkeypatch.setattr("d2lutils.data.local.sources", lambda dataset: [])
    monkeypatch.setattr("d2lutils.data.download.sources", lambda dataset: [])
    load()
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "not at hand offline" in out
    assert "stand-in" in out


def trained_accuracy(net: nn.Module) -> float:
    """Train on a third of the images for six epochs; return the test accuracy."""
    torch.manual_seed(0)
    train, test = load_fashion_mnist(num_train=20_000, num_test=4000)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
    for _ in range(6):
        for X, y in train:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(X), y).backward()
            optimizer.step()
    with torch.inference_mode():
        hits = sum((net(X).argmax(1) == y).sum().item() for X, y in test)
    return hits / 4000


def test_garments_are_learnable_but_not_trivial(stand_in):
    torch.manual_seed(0)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    hidden = nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)
    linear_accuracy = trained_accuracy(linear)
    mlp_accuracy = trained_accuracy(nn.Sequential(nn.Flatten(), *hidden))
    # over 5 seeds: linear 0.863, deviation 0.002; MLP 0.927, deviation 0.005
    assert 0.80 < linear_accuracy < 0.90
    assert mlp_accuracy > linear_accuracy + 0.04


def test_load_fashion_mnist(stand_in):
    train, test = load_fashion_mnist(64, num_train=200, num_test=1500)
    assert len(train) == 4
    assert [len(y) for _, y in test] == [1000, 500]
    X, y = next(iter(train))
    assert X.shape == (64, 1, 28, 28)
    assert X.dtype == torch.float32
    assert y.dtype == torch.int64
    assert X.min() >= 0
    assert 0.5 < X.max() <= 1
    data = fashion_mnist()
    assert torch.equal(train.tensors[0], data.train_images[:200])
    X, y = next(iter(test))
    assert torch.equal(y, data.test_labels[:1000])
    assert torch.equal((X * 255).round().byte(), data.test_images[:1000])
    first, second = (torch.cat([y for _, y in train]) for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(first.sort().values, data.train_labels[:200].sort().values)
    train, test = load_fashion_mnist()
    assert len(train) == 235
    assert len(test) == 10


@pytest.mark.parametrize("name", ["batch_size", "num_train", "num_test"])
@pytest.mark.parametrize("size", [0, -1, 2.5, "10", True, 10**6])
def test_bad_sizes(stand_in, name, size):
    with pytest.raises(ValueError, match=f"^{name}: expected an int from 1 to"):
        load_fashion_mnist(**{name: size})


def test_there_are_ten_class_names():
    assert len(set(FASHION_CLASSES)) == 10


# house prices


def check_houses(train: pd.DataFrame, test: pd.DataFrame) -> None:
    assert train.shape == (1460, 81)
    assert test.shape == (1459, 80)
    assert list(train.columns[:-1]) == list(test.columns)
    assert train.columns[0] == "Id"
    assert train.columns[-1] == "SalePrice"
    assert train["Id"].tolist() == list(range(1, 1461))
    assert test["Id"].tolist() == list(range(1461, 2920))
    assert train["SalePrice"].between(10_000, 1_000_000).all()
    assert len(train.select_dtypes("number").columns) == 38
    missing = train.isna().mean()
    for name, low, high in (
        ("PoolQC", 0.98, 1),
        ("LotFrontage", 0.1, 0.3),
        ("GarageYrBlt", 0.02, 0.1),
        ("BsmtQual", 0.01, 0.05),
        ("GrLivArea", 0, 0),
    ):
        assert low <= missing[name] <= high
    assert test["MSZoning"].isna().any()
    assert train["MSZoning"].notna().all()


def test_stand_in_houses(stand_in, capsys):
    train, test = house_prices()
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "stand-in" in out
    check_houses(train, test)
    again, _ = house_prices()
    pd.testing.assert_frame_equal(train, again)
    parts = train["1stFlrSF"] + train["2ndFlrSF"] + train["LowQualFinSF"]
    assert (parts == train["GrLivArea"]).all()
    assert (train["YearBuilt"] <= train["YrSold"]).all()
    assert (train["BsmtUnfSF"] >= 0).all()


@pytest.mark.skipif(not at_hand("house-prices"), reason="no real house prices here")
def test_real_houses(stand_in, monkeypatch, capsys):
    made_up = house_prices()
    capsys.readouterr()
    monkeypatch.delenv("D2L_STAND_IN")
    real = house_prices()
    assert capsys.readouterr().out == ""
    check_houses(*real)
    for ours, theirs in zip(made_up, real, strict=True):
        assert list(ours.columns) == list(theirs.columns)
        assert ours.dtypes.tolist() == theirs.dtypes.tolist()
        assert not set(map(tuple, ours.values)) & set(map(tuple, theirs.values))


def test_price_depends_on_the_columns(stand_in):
    train, _ = house_prices()
    y = np.log(train["SalePrice"].to_numpy())
    numbers = train.drop(columns=["Id", "SalePrice"]).select_dtypes("number")
    X = ((numbers - numbers.mean()) / numbers.std()).fillna(0).to_numpy()
    X = np.column_stack([np.ones(len(X)), X])
    fit, held_out = slice(0, 1000), slice(1000, None)
    w = np.linalg.lstsq(X[fit], y[fit], rcond=None)[0]
    error = np.sqrt(np.mean((X[held_out] @ w - y[held_out]) ** 2))
    baseline = np.sqrt(np.mean((y[fit].mean() - y[held_out]) ** 2))
    assert 0.08 < error < 0.6 * baseline


# command line


@pytest.fixture
def own_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("D2L_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("D2L_DATA_MIRROR", str(tmp_path / "mirror"))
    return tmp_path / "cache"


def a_small_data_set(monkeypatch, content: bytes = b"content") -> None:
    """Put a data set of one small file in the place of the catalogue's."""
    text = Text("en", "zh")
    file = File("toy/f", len(content), hashlib.sha256(content).hexdigest(), "f")
    source = Source("https://example.org/f")
    toy = Dataset("toy", text, text, "https://example.org", (source,), (file,), text)
    for name in list(CATALOGUE):
        monkeypatch.delitem(CATALOGUE, name)
    monkeypatch.setitem(CATALOGUE, "toy", toy)


def test_command_list(capsys):
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == list(CATALOGUE)
    assert all("licence" in line for line in lines)


def test_commands_fetch_verify_clear(own_cache, monkeypatch, capsys):
    a_small_data_set(monkeypatch)
    assert main(["fetch"]) == 1
    assert "toy/f: no source gave this file" in capsys.readouterr().out
    assert main(["verify"]) == 1
    assert "not here yet" in capsys.readouterr().out

    mirror = own_cache.parent / "mirror"
    mirror.mkdir()
    (mirror / "f.gz").write_bytes(gzip.compress(b"content"))
    assert main(["fetch", "toy"]) == 0
    target = own_cache / "toy" / "f"
    assert target.read_bytes() == b"content"
    assert str(target) in capsys.readouterr().out
    assert main(["verify", "toy"]) == 0

    target.write_bytes(b"CONTENT")
    assert main(["verify", "toy"]) == 1
    assert "damaged" in capsys.readouterr().out
    assert main(["fetch", "toy"]) == 0
    assert target.read_bytes() == b"content"

    assert main(["clear"]) == 0
    assert list(own_cache.rglob("*")) == []
    assert main(["clear"]) == 0


def test_command_with_an_unknown_name(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["fetch", "toy"])
    assert caught.value.code == 2
    assert "'toy'" in capsys.readouterr().err


def test_command_runs_as_a_module():
    answer = subprocess.run(
        [sys.executable, "-m", "d2lutils.data", "list"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "D2L_OFFLINE": "1"},
    )
    assert answer.returncode == 0, answer.stderr
    assert "fashion-mnist" in answer.stdout


def test_offline_opens_no_connection(monkeypatch, own_cache):
    def refuse(*args, **options):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert len(house_prices()) == 2
    with pytest.raises(RuntimeError, match="D2L_OFFLINE"):
        fetch(find("house-prices"))
