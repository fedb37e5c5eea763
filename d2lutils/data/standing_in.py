"""The real data where a source answers, else the stand-in, said in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from d2lutils.data.catalogue import find
from d2lutils.data.fetching import DataUnavailable, fetch, is_set

T = TypeVar("T")


def real_or_stand_in(
    name: str, read: Callable[[list[Path]], T], stand_in: Callable[[], T]
) -> T:
    """Return ``read(paths)`` for the files of the data set ``name``.

    Where no source gives them, or with ``D2L_STAND_IN=1``, return
    ``stand_in()`` and print one line that says so.
    """
    dataset = find(name)
    try:
        if is_set("D2L_STAND_IN"):
            raise DataUnavailable("not asked for", "D2L_STAND_IN is set")
        paths = [fetch(file) for file in dataset.files]
    except DataUnavailable as unavailable:
        print(
            f"{dataset.title.en}: {unavailable.reason}, so this is the stand-in, "
            f"{dataset.stand_in.en} (python -m d2lutils.data fetch {name})"
        )
        return stand_in()
    return read(paths)
