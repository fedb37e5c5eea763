"""Helpers of the course Dive into Deep Learning with PyTorch.

``import d2lutils as d2l``; each name says which section explains it.
"""

from d2lutils import (
    attention,
    boxes,
    detection,
    efficientnet,
    optimization,
    recurrent,
    segmentation,
    sentiment,
    text,
    transformer,
    translation,
    vision,
    words,
)
from d2lutils.batches import Batches
from d2lutils.checking import check
from d2lutils.data import fashion_mnist, load_fashion_mnist
from d2lutils.environment import by_scale, device
from d2lutils.plotting import plot, show_images, subplots
from d2lutils.training import accuracy, evaluate, fit

__version__ = "0.1.0"

__all__ = [
    "Batches",
    "accuracy",
    "attention",
    "boxes",
    "by_scale",
    "check",
    "detection",
    "device",
    "efficientnet",
    "evaluate",
    "fashion_mnist",
    "fit",
    "load_fashion_mnist",
    "optimization",
    "plot",
    "recurrent",
    "segmentation",
    "sentiment",
    "show_images",
    "subplots",
    "text",
    "transformer",
    "translation",
    "vision",
    "words",
]
