"""Forked kernels: as apart as processes of their own, and as obedient."""

import sys
import time
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel
from jupyter_client.provisioning import KernelProvisionerFactory

from tools import kernels

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="kernels are forked on Linux only"
)


@pytest.fixture
def start(tmp_path, monkeypatch):
    provisioners = KernelProvisionerFactory.instance().provisioners
    monkeypatch.setitem(provisioners, "local-provisioner", None)
    kernels.install()
    running = []

    def start():
        running.append(start_new_kernel(kernel_name="python3", cwd=str(tmp_path)))
        return running[-1]

    yield start
    for manager, client in running:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def ask(client, code):
    """Execute code; return the kinds of its outputs and the text it prints."""
    outputs = []
    client.execute_interactive(code, output_hook=outputs.append, timeout=60)
    kinds = [message["msg_type"] for message in outputs]
    text = [message["content"].get("text", "") for message in outputs]
    return set(kinds), "".join(text).strip()


def test_kernels_share_nothing(start, tmp_path):
    (_, first), (_, second) = start(), start()
    ask(first, "import torch, numpy; torch.manual_seed(1); torch.leftover = 1")
    assert ask(first, "print(torch.leftover)")[1] == "1"
    look = "import torch; print(hasattr(torch, 'leftover'), torch.initial_seed() == 1)"
    assert ask(second, look)[1] == "False False"
    draw = "import numpy, random; print(numpy.random.rand(), random.random())"
    assert ask(first, draw)[1] != ask(second, draw)[1]
    where = "import os, sys; print(os.getcwd(), os.getpid() == os.getsid(0))"
    assert ask(first, where)[1] == f"{tmp_path} True"


def test_the_server_has_no_thread_that_a_fork_would_lose(start):
    start()
    threads = Path(f"/proc/{kernels.Forked.server.pid}/task")
    assert len(list(threads.iterdir())) == 1


def test_what_is_imported_already_works_as_ever(start):
    _, client = start()
    kinds, _ = ask(client, "import matplotlib.pyplot as plt; plt.plot([1, 2]);")
    assert "display_data" in kinds
    run = "import subprocess; print(subprocess.run('exit 3', shell=True).returncode)"
    assert ask(client, run)[1] == "3"
    load = (
        "from torch.utils.data import DataLoader\n"
        "print(len(list(DataLoader(range(4), 2, num_workers=1))))"
    )
    assert ask(client, load)[1] == "2"


def test_a_kernel_is_interrupted_and_its_death_is_seen(start):
    manager, client = start()
    endless = "import time; print('runs', flush=True); time.sleep(600)"
    client.execute(endless, stop_on_error=False)  # what follows is not given up
    while client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
        pass  # only what runs can be interrupted
    manager.interrupt_kernel()
    assert client.get_shell_msg(timeout=60)["content"]["ename"] == "KeyboardInterrupt"
    assert ask(client, "print('still here')")[1] == "still here"
    assert manager.is_alive()
    client.execute("import os; os._exit(1)")
    deadline = time.monotonic() + 60
    while manager.is_alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not manager.is_alive()


def test_kernels_end_with_their_server(start, monkeypatch):
    monkeypatch.setattr(kernels.Forked, "server", None)
    manager, _ = start()
    kernels.Forked.server.stdin.close()
    kernels.Forked.server.wait(10)
    deadline = time.monotonic() + 60
    while manager.is_alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not manager.is_alive()
