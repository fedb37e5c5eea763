"""All notebooks in many settings: versions, data, threads.

``python -m benchmarks.matrix PYTHON ...`` runs every English notebook with
the first interpreter on the real data and on the stand-ins, with one and with
two threads, the first of these three times in a row; with each other
interpreter on the real data with one thread and on the stand-ins with two. Two
threads mean half as many workers. It prints a table and fails if a notebook fails.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path

from tools.book import ROOT

VERSIONS = (
    "import platform, torch, numpy;"
    "print(platform.python_version(), torch.__version__.split('+')[0],"
    " numpy.__version__)"
)


def run(python: str, stand_in: bool, threads: int) -> tuple[int, list[str], float]:
    """Return the number of cells that ran, the failures, and the seconds."""
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "D2L_STAND_IN": "1" if stand_in else "0",
        "D2L_QUIET": "1",
    }
    workers = max(1, (os.cpu_count() or 1) // threads)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        begin = time.perf_counter()
        subprocess.run(
            [
                *(python, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q"),
                *("--nbval-cell-timeout", "600", f"--junitxml={report}"),
                *("-n", str(workers), "--dist", "loadfile", "notebooks/en"),
            ],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - begin
        cases = list(ET.parse(report).iter("testcase"))
    failed = [
        f"{case.get('classname')} {case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    return len(cases), failed, seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pythons", nargs="+", metavar="PYTHON")
    pythons = parser.parse_args().pythons
    settings = [(pythons[0], False, 1)] * 2
    settings += itertools.product(pythons[:1], (False, True), (1, 2))
    settings += [(p, *rest) for p in pythons[1:] for rest in ((False, 1), (True, 2))]
    all_failed = []
    print("| Python | torch | numpy | data | threads | cells | failed | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for python, stand_in, threads in settings:
        versions = subprocess.run(
            [python, "-c", VERSIONS], capture_output=True, text=True, check=True
        ).stdout.split()
        cells, failed, seconds = run(python, stand_in, threads)
        all_failed += failed
        data = "stand-in" if stand_in else "real"
        row = (*versions, data, threads, cells, len(failed), f"{seconds:.0f}")
        print(f"| {' | '.join(map(str, row))} |", *failed, sep="\n", flush=True)
    return bool(all_failed)


if __name__ == "__main__":
    sys.exit(main())
