"""Data sets: the real one where a source answers, else a stand-in (section 3.5).

``python -m d2lutils.data`` lists, fetches, verifies and clears them.
"""

from d2lutils.data.catalogue import CATALOGUE, table
from d2lutils.data.fashion import FASHION_CLASSES, fashion_mnist, load_fashion_mnist
from d2lutils.data.fetching import DataUnavailable, fetch
from d2lutils.data.houses import house_prices
from d2lutils.data.unpacking import BadArchive, unpack

__all__ = [
    "CATALOGUE",
    "FASHION_CLASSES",
    "BadArchive",
    "DataUnavailable",
    "fashion_mnist",
    "fetch",
    "house_prices",
    "load_fashion_mnist",
    "table",
    "unpack",
]
