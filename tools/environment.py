"""The environment in which notebooks are made and tested.

One thread for each worker (two workers with all threads each are three times
slower than with one), small sizes on the CPU, no progress bar. The instruction
set is one that every x86-64 machine of the last ten years has: wider ones add
up in another order, and training amplifies the last digit.
"""

THREADS = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # pandas imports pyarrow
}

ARITHMETIC = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "AVX2",
}

QUIET = {
    "D2L_QUIET": "1",
    "JUPYTER_PLATFORM_DIRS": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}

ENVIRONMENT = (
    THREADS
    | ARITHMETIC
    | QUIET
    | {"D2L_DEVICE": "cpu", "D2L_SCALE": "small", "SOURCE_DATE_EPOCH": "0"}
)
