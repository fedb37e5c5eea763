"""Print every problem of the book; exit with 1 where there is one."""

import sys

from tools.check import problems

found = problems()
print(*found, sep="\n", end="\n" if found else "")
sys.exit(bool(found))
