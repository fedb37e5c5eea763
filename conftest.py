"""What tests and notebooks run under, with `make` and with plain `pytest`.

One thread for each worker (two workers with all threads each are three times
slower than with one), no progress bar, and none of Jupyter's own advice on
`stderr`. A variable that is already set stays as it is.
"""

import os

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "D2L_QUIET": "1",
    "JUPYTER_PLATFORM_DIRS": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}

for name, value in ENVIRONMENT.items():
    os.environ.setdefault(name, value)
