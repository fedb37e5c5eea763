"""Data sets: the real one where a source answers, else a stand-in (section 3.5).

``python -m d2lutils.data`` lists, fetches, verifies and clears them.
"""

from d2lutils.data.catalogue import CATALOGUE
from d2lutils.data.download import DataUnavailable, fetch
from d2lutils.data.images import (
    FASHION_CLASSES,
    bccd,
    efficientnet_lite0,
    fashion_mnist,
    hymenoptera,
    load_fashion_mnist,
    photograph,
    style_images,
    wbc,
)
from d2lutils.data.synthetic import synthetic_regression
from d2lutils.data.tables import airfoil, house_prices
from d2lutils.data.texts import (
    glove,
    hotel_reviews,
    penn_treebank,
    sentence_polarity,
    song_ci,
    tang_poems,
    tatoeba,
    time_machine,
)

__all__ = [
    "CATALOGUE",
    "FASHION_CLASSES",
    "DataUnavailable",
    "airfoil",
    "bccd",
    "efficientnet_lite0",
    "fashion_mnist",
    "fetch",
    "glove",
    "hotel_reviews",
    "house_prices",
    "hymenoptera",
    "load_fashion_mnist",
    "penn_treebank",
    "photograph",
    "sentence_polarity",
    "song_ci",
    "style_images",
    "synthetic_regression",
    "tang_poems",
    "tatoeba",
    "time_machine",
    "wbc",
]
