"""``python -m d2lutils.data list | fetch | verify | clear [names]``."""

import argparse
import contextlib
import sys

from d2lutils.data.catalogue import CATALOGUE, Dataset, File, find
from d2lutils.data.fetching import (
    DataUnavailable,
    cache_folder,
    fetch,
    is_intact,
    locate,
)


def main(arguments: list[str] | None = None) -> int:
    """Run one action and return the exit status, 0 when all went well."""
    parser = argparse.ArgumentParser(
        prog="python -m d2lutils.data",
        description="The data sets of the course, in the cache folder "
        f"{cache_folder()} (D2L_DATA names another).",
    )
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"of {', '.join(CATALOGUE)}; else all"
    )
    chosen = parser.parse_args(arguments)
    try:
        datasets = [find(name) for name in chosen.names or CATALOGUE]
    except ValueError as error:
        parser.error(str(error))
    return max(ACTIONS[chosen.action](dataset) for dataset in datasets)


def _list(dataset: Dataset) -> int:
    here = sum(locate(file) is not None for file in dataset.files)
    print(
        f"{dataset.name}: {dataset.title.en}, {dataset.size / 1e6:.1f} MB, "
        f"{here} of {len(dataset.files)} files here; "
        f"licence: {dataset.licence.en}; {dataset.homepage}"
    )
    return 0


def _fetch(dataset: Dataset) -> int:
    status = 0
    for file in dataset.files:
        try:
            print(f"{file.name}: {fetch(file)}", flush=True)
        except DataUnavailable as error:
            print(error, flush=True)
            status = 1
    if status:
        print(f"{dataset.name}: not complete; the stand-in is {dataset.stand_in.en}")
    return status


def _verify(dataset: Dataset) -> int:
    return max(_verify_file(file) for file in dataset.files)


def _verify_file(file: File) -> int:
    cached = cache_folder() / file.name
    if cached.exists() and not is_intact(cached, file):
        print(f"{file.name}: {cached} is damaged; fetch replaces it")
        return 1
    print(f"{file.name}: {locate(file) or 'not here yet'}")
    return 0


def _clear(dataset: Dataset) -> int:
    """Remove what the cache folder has of a data set, its stand-in included."""
    stand_ins = cache_folder() / "stand-in"
    paths = [*stand_ins.glob(f"{dataset.name}-*.npz*")]
    for file in dataset.files:
        target = cache_folder() / file.name
        for end in ("", ".lock", ".failed", ".*.part"):
            paths += target.parent.glob(target.name + end)
    for path in paths:
        path.unlink()
    for folder in {path.parent for path in paths}:
        with contextlib.suppress(OSError):  # somebody keeps something else there
            folder.rmdir()
    print(f"{dataset.name}: {len(paths)} files removed from {cache_folder()}")
    return 0


ACTIONS = {"list": _list, "fetch": _fetch, "verify": _verify, "clear": _clear}

if __name__ == "__main__":
    sys.exit(main())
