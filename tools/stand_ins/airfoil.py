"""The stand-in of NASA's airfoil self-noise: sound levels by a made-up law.

The grid of frequencies, chords and speeds is that of the experiment (Brooks,
Pope and Marcolini, 1989). A level is a hump over the logarithm of frequency,
whose place and height depend on the other columns, plus noise: a plane
explains about half of its variance.
"""

import numpy as np

FREQUENCIES = (
    *(200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150),
    *(4000, 5000, 6300, 8000, 10_000, 12_500, 16_000, 20_000),
)  # Hz
CHORDS = (0.0254, 0.0508, 0.1016, 0.1524, 0.2286, 0.3048)  # m
SPEEDS = (31.7, 39.6, 55.5, 71.3)  # m/s
NUM_ROWS = 1503


def airfoil(seed: int) -> str:
    """Return 1503 lines: Hz, degrees, m, m/s, m, dB, separated by tabs."""
    rng = np.random.default_rng(seed)
    lines: list[str] = []
    while len(lines) < NUM_ROWS:
        chord, speed = rng.choice(CHORDS), rng.choice(SPEEDS)
        angle = rng.choice([0.0, rng.uniform(1, 8), rng.uniform(3, 22) - 20 * chord])
        angle = round(float(np.clip(angle, 0, 22.2)), 1)
        thickness = 0.012 * chord**0.7 * np.exp(0.15 * angle) * rng.lognormal(0, 0.1)
        peak = np.log10(2500 * (speed / 50) * (0.004 / thickness) ** 0.4)
        height = 131 + 22 * np.log10(speed / 50) - 14 * chord - 0.2 * angle
        first = rng.integers(0, 7)
        for frequency in FREQUENCIES[first : first + rng.integers(12, 18)]:
            away = np.log10(frequency) - peak
            level = height - 14 * away**2 - 3 * away + rng.normal(0, 1.5)
            lines.append(
                f"{frequency}\t{angle:g}\t{chord}\t{speed}\t{thickness:.6g}\t{level:.3f}"
            )
    return "\n".join(lines[:NUM_ROWS]) + "\n"
