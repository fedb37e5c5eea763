"""A canvas for the drawn stand-ins: soft ellipses, and cells made of them."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray

# number of lobes of the nucleus, their size and distance from the middle (in
# radii of the cell), size of the cell, colour of the cytoplasm
_WHITE_CELLS = (
    (4, 0.34, 0.45, 1.00, (0.83, 0.76, 0.84)),  # neutrophil
    (1, 0.80, 0.06, 0.75, (0.70, 0.72, 0.86)),  # lymphocyte
    (2, 0.52, 0.28, 1.15, (0.74, 0.74, 0.80)),  # monocyte
    (2, 0.36, 0.42, 1.00, (0.92, 0.66, 0.66)),  # eosinophil
    (3, 0.50, 0.22, 0.95, (0.62, 0.50, 0.72)),  # basophil
)


class Picture:
    """Pixels, float32 (channels, height, width), to paint on.

    Red, green and blue are 0 to 1; a fourth channel may hold the mask.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        colour: Sequence[float],
        by: float,
        height: int,
        width: int,
    ):
        self.rng = rng
        self.pixels = np.empty((len(colour), height, width), np.float32)
        self.pixels[:] = self.near(colour, by)[:, None, None]

    def near(self, colour: Sequence[float], by: float) -> Array:
        """Return a colour that is lighter or darker, and a little off."""
        colour = np.array(colour)
        colour[:3] += self.rng.normal(0, by) + self.rng.normal(0, by / 2, 3)
        return colour

    def ellipse(
        self,
        where: Sequence[float],
        radii: Sequence[float],
        angle: float,
        colour: Sequence[float],
        strength: float = 1,
    ) -> tuple[float, ...]:
        """Paint one; return its box: left, top, right, bottom, in the picture.

        ``where`` is its centre, x and y in pixels; the first of its ``radii``
        points along ``angle``, in radians from rightwards to downwards.
        """
        x, y, a, b = map(float, (*where, *radii))
        cos, sin = math.cos(angle), math.sin(angle)
        over, down = math.hypot(a * cos, b * sin), math.hypot(a * sin, b * cos)
        channels, height, width = self.pixels.shape
        left, right = (min(max(side, 0.0), width) for side in (x - over, x + over))
        top, bottom = (min(max(side, 0.0), height) for side in (y - down, y + down))
        part = self.pixels[
            :, int(top) : math.ceil(bottom), int(left) : math.ceil(right)
        ]
        dx = np.arange(part.shape[2], dtype=np.float32) + (int(left) - x)
        dy = np.arange(part.shape[1], dtype=np.float32)[:, None] + (int(top) - y)
        away = np.hypot((cos * dx + sin * dy) / a, (cos * dy - sin * dx) / b)
        cover = strength * np.clip((1 - away) * min(a, b) + 0.5, 0, 1)
        colour = np.array(colour[:channels], np.float32)
        part += cover * (colour[:, None, None] - part)
        return left, top, right, bottom

    def white_cell(
        self, middle: Array, radius: float, kind: int, blue: float
    ) -> tuple[float, ...]:
        """Paint a cell of one of five kinds, its nucleus so blue; return its box."""
        lobes, size, distance, scale, cytoplasm = _WHITE_CELLS[kind]
        radius, turn = radius * scale, self.rng.uniform(0, 2 * math.pi)
        radii = radius * self.rng.uniform(0.92, 1.05, 2)
        box = self.ellipse(middle, radii, turn, self.near((*cytoplasm, 1), 0.02))
        nucleus = self.near((0.48, 0.3, blue, 2), 0.03)
        for lobe in range(lobes):
            angle = turn + lobe * 2 * math.pi / max(lobes, 3) + self.rng.normal(0, 0.15)
            place = middle + radius * distance * np.array(
                (math.cos(angle), math.sin(angle))
            )
            radii = radius * size * self.rng.uniform(0.85, 1.1, 2)
            self.ellipse(place, radii, angle, nucleus)
        return box

    def develop(self) -> Tensor:
        """Return red, green and blue as uint8, with grain."""
        picture = 255 * self.pixels[:3]
        picture += self.rng.integers(-9, 10, picture.shape, dtype=np.int8)
        return torch.from_numpy(np.clip(picture, 0, 255, out=picture).astype(np.uint8))
