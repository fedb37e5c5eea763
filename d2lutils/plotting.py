"""Figures in one style: readable on paper, in the dark and without colour."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart by colour-blind readers
# (Wong, 2011, doi:10.1038/nmeth.1618), each with a line style of its own.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)))


def _style() -> dict[str, Any]:
    from cycler import cycler

    return {
        "figure.dpi": 144,
        "figure.facecolor": "white",
        "figure.constrained_layout.use": True,
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": cycler(color=COLORS) + cycler(linestyle=DASHES),
        "grid.color": "#dddddd",
        "image.cmap": "cividis",
    }


def subplots(
    nrows: int = 1,
    ncols: int = 1,
    figsize: tuple[float, float] | None = None,
    **keywords: Any,
) -> tuple["Figure", Any]:
    """Make a figure and its axes in the style of the course.

    Args:
        nrows, ncols: the grid of axes.
        figsize: width and height in inches; by default 4.8 x 3 for one axes
            and up to 7.2 wide for several.
        keywords: passed on to ``matplotlib.pyplot.subplots``.

    Returns:
        What ``matplotlib.pyplot.subplots`` returns.
    """
    import matplotlib.pyplot as plt

    if figsize is None:
        figsize = (min(7.2, 4.8 if ncols == 1 else 3.6 * ncols), 2.8 * nrows)
    with plt.rc_context(_style()):
        made = plt.subplots(nrows, ncols, figsize=figsize, **keywords)
        interactive = plt.isinteractive()  # a notebook's backend switches it on
    plt.interactive(interactive)
    return made


def plot(
    x: Sequence[float] | Tensor | None,
    curves: Mapping[str, Sequence[float] | Tensor],
    xlabel: str,
    ylabel: str,
    title: str = "",
    xscale: str = "linear",
    yscale: str = "linear",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw curves over a common axis, with labels and a legend.

    Args:
        x: n positions, or None for 1, 2, 3, ... (epochs).
        curves: label of each curve and its values, at most n of them.
        xlabel, ylabel, title: with units where there are any.
        xscale, yscale: ``linear`` or ``log``.
        ax: where to draw; by default a new figure.

    Returns:
        The axes, for further lines and notes.

    Raises:
        ValueError: no curve, or a curve that does not fit ``x``.
    """
    if not curves:
        raise ValueError("curves: expected at least one")
    if ax is None:
        _, ax = subplots()
    for label, values in curves.items():
        y = _numbers(values)
        positions = _numbers(range(1, len(y) + 1) if x is None else x)
        if len(y) > len(positions):
            raise ValueError(
                f"curves: {label!r} has {len(y)} values for {len(positions)} positions"
            )
        ax.plot(positions[: len(y)], y, label=label)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title, xscale=xscale, yscale=yscale)
    if x is None and xscale == "linear":
        ax.xaxis.get_major_locator().set_params(integer=True)
    if len(curves) > 1:
        ax.legend()
    return ax


def show_images(
    images: "Tensor | np.ndarray | Sequence[Tensor]",
    titles: Sequence[str] | None = None,
    ncols: int = 8,
    size: float = 0.9,
) -> "Figure":
    """Show images in a grid.

    Args:
        images: shape (n, h, w), (n, 1, h, w) or (n, 3, h, w), n at least 1: a
            tensor, an array, or a list of single images; integers in 0..255,
            floats in 0..1 (larger or smaller values are clipped), or booleans.
        titles: a title for each image.
        ncols: images in a row.
        size: width and height of one image in inches.

    Raises:
        ValueError: another shape, no image, no column, or another number of
            titles.
    """
    if len(images) == 0:
        raise ValueError("images: expected at least one")
    if ncols < 1:
        raise ValueError(f"ncols: expected at least 1, got {ncols}")
    if not isinstance(images, Tensor):
        images = torch.stack([torch.as_tensor(image) for image in images])
    if images.ndim == 4 and images.shape[1] == 1:
        images = images[:, 0]
    elif images.ndim == 4 and images.shape[1] == 3:
        images = images.permute(0, 2, 3, 1)
    elif images.ndim != 3:
        raise ValueError(
            "images: expected shape (n, h, w), (n, 1, h, w) or (n, 3, h, w), "
            f"got {tuple(images.shape)}"
        )
    images = _in_unit_range(images.detach().cpu()).numpy()
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"titles: expected {len(images)}, got {len(titles)}")
    ncols = min(ncols, len(images))
    nrows = -(-len(images) // ncols)
    height = size + (0.2 if titles is not None else 0)
    fig, axes = subplots(nrows, ncols, (ncols * size, nrows * height), squeeze=False)
    for position, ax in enumerate(axes.flat):
        ax.axis("off")
        if position < len(images):
            ax.imshow(images[position], cmap="gray", vmin=0, vmax=1)
            if titles is not None:
                ax.set_title(titles[position], fontsize=7)
    return fig


def _in_unit_range(images: Tensor) -> Tensor:
    """Return float32 images of 0..1, whatever their dtype."""
    is_integer = not (images.is_floating_point() or images.dtype == torch.bool)
    scaled = images.to(torch.float32) / 255 if is_integer else images.float()
    return scaled.clamp(0, 1)


def _numbers(values: Sequence[float] | Tensor) -> list[float]:
    """Return plain numbers, from any device and without their graph."""
    if isinstance(values, Tensor):
        return values.detach().cpu().tolist()
    return [v.item() if isinstance(v, Tensor) else v for v in values]
