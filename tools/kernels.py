"""Kernels forked from one process that has imported what notebooks import.

Importing PyTorch, pandas and Matplotlib is most of the start of a notebook. Here
a server, `python -m tools.kernels`, imports them once and forks a process for
each kernel, which shares nothing with another from then on. After `install()`,
the clients of Jupyter in this process start their kernels so. All run in the
environment that the first one asks for.
"""

import gc
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from importlib.metadata import EntryPoint
from threading import Lock

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

IMPORTED = (
    "ipykernel.debugger",
    "ipykernel.kernelapp",
    "matplotlib.pyplot",
    "pandas",
    "torchvision",
)
BACKEND = "module://matplotlib_inline.backend_inline"  # the one ipykernel sets


def install() -> None:
    """Fork the kernels that this process starts, where systems fork safely."""
    if sys.platform == "linux":
        factory, name = KernelProvisionerFactory.instance(), "local-provisioner"
        factory.provisioners[name] = EntryPoint(name, f"{__name__}:Forked", "")


def serve() -> None:
    """Fork a kernel for each line of the standard input; answer with its number."""
    os.environ["MPLBACKEND"] = BACKEND
    os.environ["JPY_PARENT_PID"] = str(os.getpid())  # a kernel ends with its parent
    for name in IMPORTED:
        import_module(name)
    gc.freeze()  # kernels need not look for garbage in what they all share
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who ended is forgotten at once
    for line in sys.stdin:
        if pid := os.fork():
            print(pid, flush=True)
        else:
            sys.exit(run(**json.loads(line)))
    os._exit(0)  # in no time, and without a word about what is still imported


def run(arguments: list[str], folder: str) -> None:
    """Be a kernel, as `ipykernel_launcher` is one in a process of its own."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.argv[1:] = arguments
    import_module("numpy").random.seed()  # Python's own generator does so in a fork
    import_module("ipykernel.kernelapp").launch_new_instance()


class Process:
    """A kernel as LocalProvisioner handles it: what it uses of a Popen."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """Return None while the process runs."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    wait = poll  # called where poll has found the end

    def send_signal(self, number: int) -> None:
        """Send the kernel a signal, if it still runs."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


class Forked(LocalProvisioner):
    """Starts a kernel by asking the server."""

    server: subprocess.Popen | None = None
    lock = Lock()

    async def launch_kernel(self, cmd: list[str], **kwargs) -> dict:
        """Fork in place of starting the interpreter that `cmd` names."""
        arguments = cmd[cmd.index("-f") :]
        with Forked.lock:
            if Forked.server is None:
                Forked.server = subprocess.Popen(
                    [sys.executable, "-m", "tools.kernels"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=kwargs["env"],
                    start_new_session=True,  # Ctrl-C is for its client
                    text=True,
                )
            request = {"arguments": arguments, "folder": str(kwargs["cwd"])}
            print(json.dumps(request), file=Forked.server.stdin, flush=True)
            self.pid = self.pgid = int(Forked.server.stdout.readline())
        self.process = Process(self.pid)
        return self.connection_info


if __name__ == "__main__":
    serve()
