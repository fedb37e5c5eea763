"""What tests and notebooks run under, with `make` and with plain `pytest`.

A variable that is already set stays as it is.
"""

import os
from collections import Counter

from tools.environment import ARITHMETIC, QUIET, THREADS

for name, value in (THREADS | ARITHMETIC | QUIET).items():
    os.environ.setdefault(name, value)


def pytest_terminal_summary(terminalreporter) -> None:
    """Say loudly what was skipped, and why."""
    skipped = terminalreporter.getreports("skipped")
    reasons = Counter(report.longrepr[2] for report in skipped)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} SKIPPED: {reason}", red=True, bold=True)
