"""The real data where a source answers, else the stand-in, said in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from d2lutils.data.catalogue import find
from d2lutils.data.download import DataUnavailable, fetch
from d2lutils.data.local import is_set

T = TypeVar("T")


def load(
    name: str, read: Callable[[list[Path]], T], stand_in: Callable[[], T] | None = None
) -> T:
    """Return ``read(paths)`` for the files of the data set ``name``.

    Where no source gives them, or with ``D2L_STAND_IN=1``, return
    ``stand_in()``, or read the files that are shipped as a stand-in, and print
    one line that says so.

    Raises:
        DataUnavailable: no source answers, and there is no stand-in.
    """
    dataset = find(name)
    try:
        if dataset.stand_in and is_set("D2L_STAND_IN"):
            raise DataUnavailable("not asked for", "D2L_STAND_IN is set")
        paths = fetch(dataset)
    except DataUnavailable as unavailable:
        if not dataset.stand_in:
            raise
        print(
            f"{dataset.title.en}: {unavailable.reason}, so this is the stand-in, "
            f"{dataset.stand_in.en} (python -m d2lutils.data fetch {name})"
        )
        if stand_in:
            return stand_in()
        shipped = Path(__file__).parent / "stand_ins"
        paths = [shipped / f"{Path(file.name).name}.xz" for file in dataset.files]
    return read(paths)
