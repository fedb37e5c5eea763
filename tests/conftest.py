"""Figures are drawn into memory: no test opens a window."""

import matplotlib

matplotlib.use("agg")
