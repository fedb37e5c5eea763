"""``python -m d2lutils.data list | fetch | verify | clear [names]``."""

import argparse
import shutil
import sys

from d2lutils.data.catalogue import CATALOGUE, Dataset, find
from d2lutils.data.download import DataUnavailable, fetch
from d2lutils.data.local import cache_folder, locate


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
    here = sum(locate(dataset, file) is not None for file in dataset.files)
    print(
        f"{dataset.name}: {dataset.title.en}, {dataset.size / 1e6:.1f} MB, "
        f"{here} of {len(dataset.files)} files here; "
        f"licence: {dataset.licence.en}; {dataset.homepage}"
    )
    return 0


def _fetch(dataset: Dataset) -> int:
    try:
        paths = fetch(dataset)
    except DataUnavailable as error:
        print(error, flush=True)
        if dataset.stand_in:
            print(f"{dataset.name}: the stand-in is {dataset.stand_in.en}")
        return 1
    print(f"{dataset.name}: {len(paths)} files, the first {paths[0]}", flush=True)
    return 0


def _verify(dataset: Dataset) -> int:
    absent = [file for file in dataset.files if locate(dataset, file) is None]
    for file in absent:
        cached = cache_folder() / file.name
        print(f"{file.name}: {'damaged' if cached.exists() else 'not here yet'}")
    if not absent:
        print(f"{dataset.name}: all {len(dataset.files)} files are right")
    return int(bool(absent))


def _clear(dataset: Dataset) -> int:
    """Remove what the cache folder has of a data set."""
    shutil.rmtree(cache_folder() / dataset.name, ignore_errors=True)
    print(f"{dataset.name}: cleared from {cache_folder()}")
    return 0


ACTIONS = {"list": _list, "fetch": _fetch, "verify": _verify, "clear": _clear}

if __name__ == "__main__":
    sys.exit(main())
