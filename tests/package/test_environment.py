"""The device, the scale, and who watches."""

import subprocess
import sys

import pytest
import torch

import d2lutils as d2l
from d2lutils.environment import shows_progress


def test_the_device_can_be_chosen(monkeypatch):
    monkeypatch.setenv("D2L_DEVICE", "cpu")
    assert d2l.device() == torch.device("cpu")
    monkeypatch.setenv("D2L_DEVICE", "warp:9")
    with pytest.raises(RuntimeError, match="D2L_DEVICE=warp:9"):
        d2l.device()


def test_cuda_comes_first(monkeypatch):
    monkeypatch.delenv("D2L_DEVICE", raising=False)
    expected = "cuda" if torch.cuda.is_available() else {"cpu", "mps"}
    assert d2l.device().type in expected


def test_the_scale_follows_the_device_or_the_variable(monkeypatch):
    monkeypatch.setenv("D2L_DEVICE", "cpu")
    monkeypatch.delenv("D2L_SCALE", raising=False)
    assert d2l.by_scale(small=1, full=2) == 1
    monkeypatch.setenv("D2L_SCALE", "full")
    assert d2l.by_scale(small=1, full=2) == 2
    monkeypatch.setenv("D2L_SCALE", "huge")
    with pytest.raises(ValueError, match="D2L_SCALE=huge"):
        d2l.by_scale(small=1, full=2)


def test_quiet_is_quiet(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("D2L_QUIET", raising=False)
    assert shows_progress()
    monkeypatch.setenv("D2L_QUIET", "1")
    assert not shows_progress()


def test_the_import_is_light():
    code = (
        "import sys, d2lutils; heavy = {'matplotlib', 'pandas', 'torchvision'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_user_without_a_home_can_work():
    pytest.importorskip("pwd")
    code = (
        "import os, pwd; entries = {}; os.environ['MPLBACKEND'] = 'agg';"
        "names = ('HOME', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME');"
        "[os.environ.pop(name, None) for name in names];"
        "pwd.getpwuid = pwd.getpwnam = entries.__getitem__;"
        "import d2lutils as d2l, torch; from torch import nn;"
        "net = nn.Linear(2, 2).to(d2l.device());"
        "train = d2l.Batches(torch.ones(4, 2), torch.ones(4).long(), batch_size=2);"
        "optimizer = torch.optim.SGD(net.parameters(), lr=0.1);"
        "d2l.fit(net, train, train, nn.CrossEntropyLoss(), optimizer, 2).plot()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
