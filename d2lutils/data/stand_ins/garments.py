"""The stand-in of Fashion-MNIST: garments of the same ten classes, drawn.

A garment is what lies between curves. A picture has coordinates x and y from
-1 to 1, left to right and top to bottom; a soft edge is a pixel wide. Every
picture has its own proportions, place, brightness, folds and pattern, and
shirt, pullover, coat and T-shirt resemble one another as the real ones do.
The same pictures come out every time.
"""

from collections.abc import Sequence

import numpy as np

SIDE = 28  # pixels
Array = np.ndarray


def draw_garments(num_images: int, seed: int) -> tuple[Array, Array]:
    """Return images, uint8 (n, 28, 28), and labels, int64 (n,), in random order."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(num_images) % len(_CLASSES))
    images = np.empty((num_images, SIDE, SIDE), dtype=np.uint8)
    for label, draw in enumerate(_CLASSES):
        where = np.flatnonzero(labels == label)
        for start in range(0, len(where), 500):  # small enough for the CPU's cache
            part = where[start : start + 500]
            sheet = _Sheet(rng, len(part))
            images[part] = sheet.develop(draw(sheet))
    return images, labels


class _Sheet:
    """``n`` pictures to draw on, each moved, stretched or mirrored.

    Everything random is one number a picture, shape (n, 1, 1).
    """

    def __init__(self, rng: np.random.Generator, n: int):
        axis = np.linspace(-1, 1, SIDE, dtype=np.float32)
        self.rng, self.n = rng, n
        mirrored = 1 - 2 * self.some(0.5)
        self.x = (axis[None, None, :] - self.about(0, 0.075)) / self.about(1, 0.06)
        self.x *= mirrored
        self.y = (axis[None, :, None] - self.about(0, 0.075)) / self.about(1, 0.05)
        self.aside = np.abs(self.x)

    def about(self, mean: float, deviation: float) -> Array:
        """Return normal random numbers."""
        return mean + deviation * self.rng.standard_normal((self.n, 1, 1), np.float32)

    def between(self, low: float, high: float) -> Array:
        """Return uniform random numbers."""
        return low + (high - low) * self.rng.random((self.n, 1, 1), np.float32)

    def some(self, share: float) -> Array:
        """Return 1 for a random ``share`` of the pictures and 0 for the others."""
        return (self.between(0, 1) < share).astype(np.float32)

    def curve(self, at: Array, heights: Sequence[float], deviation: float) -> Array:
        """Join random points near ``heights``, spaced equally over -1 to 1."""
        last = len(heights) - 1
        points = np.stack([self.about(h, deviation)[:, 0, 0] for h in heights], axis=1)
        place = (np.clip(at, -1, 1) + 1) * (last / 2)
        left = np.minimum(place.astype(np.int64), last - 1)
        rows = np.arange(self.n)[:, None, None]
        low, high = points[rows, left], points[rows, left + 1]
        return low + (high - low) * (place - left).astype(np.float32)

    def develop(self, cloth: Array) -> Array:
        """Return the pictures as uint8: brightness, folds, pattern and noise."""
        phase = self.between(0, 6.28)
        folds = np.sin(self.about(0, 4) * self.x + self.about(0, 3) * self.y + phase)
        stripes = np.sign(np.sin(self.between(5, 14) * self.y + phase))
        print_ = _inside(0.3 - self.aside) * _inside(0.3 - np.abs(self.y + 0.1))
        brightness = self.between(0.3, 0.95)
        light = 1 + self.between(0, 0.2) * folds
        light += self.some(0.15) * self.between(0, 0.4) * stripes
        light += self.some(0.15) * self.about(0, 0.4) * print_
        noise = 0.05 * self.rng.standard_normal((self.n, SIDE, SIDE), np.float32)
        picture = cloth * (brightness * light + noise)
        return (255 * np.clip(picture, 0, 1)).astype(np.uint8)


def _inside(depth: Array) -> Array:
    """Return 1 inside an edge, 0 outside, with a ramp of one pixel."""
    return np.clip(depth * (SIDE / 2) + 0.5, 0, 1)


def _top(
    sheet: _Sheet,
    half_width: Sequence[float],
    bottom: float,
    sleeve: Array,
    neck_width: float,
    neck_depth: float,
) -> Array:
    """Draw a body with two sleeves that end at the height ``sleeve``."""
    y, aside = sheet.y, sheet.aside
    width = sheet.curve(y, half_width, 0.03)
    shoulder = sheet.about(-0.85, 0.04) + sheet.about(0.35, 0.06) * aside
    body = _inside(width - aside) * _inside(sheet.about(bottom, 0.06) - y)
    gap = sheet.between(0.0, 0.07)
    spread = sheet.about(0.24, 0.06)
    outer = sheet.about(0.62, 0.05) + spread * (y + 0.8)
    outer = np.minimum(outer, width + sheet.about(0.36, 0.04))
    arms = _inside(outer - aside) * _inside(aside - width - gap * (y > -0.5))
    arms = arms * _inside(sleeve + 0.3 * (0.6 - aside) - y)
    width = sheet.about(neck_width, 0.03)
    neck = shoulder + sheet.about(neck_depth, 0.05) * np.clip(1 - aside / width, 0, 1)
    seam = 1 - 0.25 * _inside(0.04 - np.abs(aside - width - 0.12)) * (y > 0.3)
    return np.maximum(body * seam, 0.92 * arms) * _inside(
        y - np.maximum(neck, shoulder)
    )


def _t_shirt(sheet: _Sheet) -> Array:
    sleeve = sheet.about(-0.25, 0.13)
    return _top(sheet, (0.5, 0.48, 0.47, 0.46, 0.47), 0.82, sleeve, 0.32, 0.3)


def _trouser(sheet: _Sheet) -> Array:
    y, aside = sheet.y, sheet.aside
    outer = sheet.curve(y, (0.3, 0.38, 0.4, 0.4, 0.38), 0.035)
    crotch = sheet.about(-0.4, 0.1)
    inner = sheet.between(0.05, 0.22) * np.clip((y - crotch) / (1 - crotch), 0, 1)
    legs = _inside(outer - aside) * _inside(aside - inner + 0.04 * (y < crotch))
    return legs * _inside(y + sheet.about(0.92, 0.04)) * _inside(0.93 - y)


def _pullover(sheet: _Sheet) -> Array:
    sleeve = sheet.about(0.6, 0.17)
    cloth = _top(sheet, (0.5, 0.48, 0.46, 0.46, 0.44), 0.72, sleeve, 0.26, 0.13)
    hem = _inside(0.07 - np.abs(sheet.y - 0.64))
    return cloth * (1 - sheet.between(0.1, 0.4) * hem)


def _dress(sheet: _Sheet) -> Array:
    y, aside = sheet.y, sheet.aside
    width = sheet.curve(y, (0.26, 0.28, 0.25, 0.36, 0.48), 0.04)
    flare = sheet.about(0, 0.12) * np.clip(y, 0, 1)
    body = _inside(width + flare - aside)
    arms = sheet.some(0.4) * _inside(0.55 - aside) * _inside(sheet.about(-0.3, 0.3) - y)
    neck = -0.93 + sheet.about(0.25, 0.1) * np.clip(1 - aside / 0.2, 0, 1) + 0.2 * aside
    return np.maximum(body, 0.9 * arms) * _inside(y - neck) * _inside(0.95 - y)


def _coat(sheet: _Sheet) -> Array:
    sleeve = sheet.about(0.66, 0.12)
    cloth = _top(sheet, (0.46, 0.46, 0.45, 0.48, 0.5), 0.9, sleeve, 0.26, 0.26)
    opening = _inside(0.045 - np.abs(sheet.x - sheet.about(0, 0.04)))
    return cloth * (1 - sheet.between(0.3, 0.8) * opening)


def _shirt(sheet: _Sheet) -> Array:
    long = sheet.some(0.75)
    sleeve = long * sheet.about(0.55, 0.2) + (1 - long) * sheet.about(-0.2, 0.15)
    cloth = _top(sheet, (0.43, 0.42, 0.41, 0.42, 0.45), 0.92, sleeve, 0.24, 0.3)
    buttons = _inside(0.045 - sheet.aside) * (np.sin(18 * sheet.y) > 0)
    return cloth * (1 - sheet.between(0.2, 0.7) * buttons)


def _shoe(sheet: _Sheet, upper: Sequence[float], deviation: float) -> tuple[Array, ...]:
    """Return a shoe seen from the side, toe on one side: upper and sole."""
    x, y = sheet.x, sheet.y
    ground = sheet.about(0.55, 0.05)
    thick = sheet.between(0.08, 0.2)
    length = _inside(sheet.about(0.93, 0.03) - sheet.aside)
    top = sheet.curve(x, upper, deviation)
    leather = _inside(y - top) * _inside(ground - thick - y) * length
    sole = _inside(y - ground + thick) * _inside(ground - y) * length
    return leather, sole


def _sandal(sheet: _Sheet) -> Array:
    leather, sole = _shoe(sheet, (0.25, 0.15, 0.0, -0.1, -0.15, -0.2), 0.11)
    slant = sheet.about(0, 0.5) * sheet.y
    straps = np.sin(sheet.between(5, 9) * (sheet.x + slant) + sheet.between(0, 6.28))
    heel = sheet.some(0.4) * _inside(sheet.x - 0.55) * _inside(0.85 - sheet.x)
    heel = heel * _inside(sheet.y - 0.5) * _inside(sheet.between(0.6, 0.9) - sheet.y)
    open_ = leather * _inside(straps - sheet.between(-0.5, 0.4))
    return np.maximum(np.maximum(open_, sole), heel)


def _sneaker(sheet: _Sheet) -> Array:
    leather, sole = _shoe(sheet, (0.28, 0.18, 0.04, -0.14, -0.2, -0.16), 0.06)
    laces = _inside(0.25 - np.abs(sheet.x)) * (np.sin(25 * sheet.x) > 0)
    shade = 1 - sheet.between(0, 0.5) * laces
    return np.maximum(leather * shade, sheet.between(0.5, 1.3) * sole)


def _bag(sheet: _Sheet) -> Array:
    x, y, aside = sheet.x, sheet.y, sheet.aside
    top = sheet.about(-0.25, 0.16)
    width = sheet.about(0.72, 0.12) + sheet.about(0, 0.12) * y
    body = (
        _inside(width - aside) * _inside(y - top) * _inside(sheet.about(0.75, 0.1) - y)
    )
    flap = 1 - sheet.between(0, 0.4) * _inside(0.05 - np.abs(y - top - 0.3))
    reach = sheet.between(0.3, 0.6)
    radius = np.sqrt(
        np.square(x / reach) + np.square((y - top) / sheet.between(0.2, 0.65))
    )
    handle = _inside((0.16 - np.abs(radius - 1)) * reach) * (y < top)
    return np.maximum(body * flap, 0.8 * handle)


def _ankle_boot(sheet: _Sheet) -> Array:
    shaft = sheet.between(-0.8, -0.25)
    leather, sole = _shoe(sheet, (0.2, 0.1, -0.05, -0.1, -0.1, -0.1), 0.05)
    slope = sheet.about(0.12, 0.08)
    shin = _inside(sheet.x - sheet.about(0.05, 0.06) - slope * sheet.y)
    shin = shin * _inside(sheet.about(0.88, 0.04) - sheet.x)
    shin = shin * _inside(sheet.y - shaft) * _inside(0.4 - sheet.y)
    heel = 1 - sheet.some(0.5) * _inside(0.15 - np.abs(sheet.x - 0.25))
    return np.maximum(np.maximum(leather, shin), 0.8 * sole * heel)


_CLASSES = (
    *(_t_shirt, _trouser, _pullover, _dress, _coat),
    *(_sandal, _shirt, _sneaker, _bag, _ankle_boot),
)
